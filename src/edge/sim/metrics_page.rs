//! A broker's metrics page, as a JMX exporter without rules of its own writes it. It tells the loads that the
//! protocol does not. Traffic is told as it is now; real brokers tell a mean over the last minute.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::SimCluster;
use super::num::real;
use crate::base::{BrokerId, Cores, TopicName};

/// Bytes per second of one topic on one broker.
#[derive(Debug, Clone, Copy, Default)]
struct Traffic {
    clients_in: u64,
    clients_out: u64,
}

impl SimCluster {
    /// The page of a broker; nothing where it does not serve.
    pub fn metrics_page(&self, id: BrokerId) -> Option<String> {
        let broker = self.broker(id).filter(|broker| broker.serves())?;
        let mut by_topic: BTreeMap<&TopicName, Traffic> = BTreeMap::new();
        let (mut replicated_in, mut replicated_out, mut cores) = (0.0, 0.0, 0.0);
        let (mut made_in, mut made_out) = (0.0, 0.0);
        let mut sizes = String::new();
        for partition in self.partitions() {
            let Some(copy) = partition.copy(id) else { continue };
            let (bytes, _) = partition.bytes_at(copy, self.now_ms);
            line(&mut sizes, "kafka_log_Log_Value", &size_labels(partition), real(bytes));
            let growth = real(partition.growth_bytes_per_s);
            let load = partition.load();
            let busy = |cores: Option<Cores>| cores.map_or(0.0, Cores::get);
            if partition.leader() == Some(id) {
                let traffic = by_topic.entry(&partition.topic).or_default();
                traffic.clients_in += partition.growth_bytes_per_s;
                traffic.clients_out += partition.consume_bytes_per_s;
                let followers = partition.isr().len().saturating_sub(1) as u64;
                let catching_up: f64 = partition.copies.iter().map(|copy| copy.rate).sum();
                replicated_out += real(followers) * growth + catching_up;
                let made = partition.copies.iter().filter(|copy| partition.adding().contains(&copy.broker));
                made_out += made.map(|copy| copy.rate).sum::<f64>();
                cores += busy(load.leader_cpu_cores);
            } else {
                made_in += if partition.adding().contains(&id) { copy.rate } else { 0.0 };
                replicated_in += if partition.isr().contains(&id) { growth } else { copy.rate };
                cores += busy(load.follower_cpu_cores);
            }
        }
        let mut page = String::new();
        write_traffic(&mut page, &by_topic, (replicated_in, replicated_out), (made_in, made_out));
        write_latency(&mut page, self.latencies_ms().get(&id).copied().unwrap_or(0.0));
        let cpu_load = (cores / broker.cpu_cores).min(1.0);
        let idle = "name=\"RequestHandlerAvgIdlePercent\",";
        line(&mut page, "kafka_server_KafkaRequestHandlerPool_OneMinuteRate", idle, 1.0 - cpu_load);
        line(&mut page, "java_lang_OperatingSystem_ProcessCpuLoad", "", cpu_load);
        line(&mut page, "java_lang_OperatingSystem_AvailableProcessors", "", broker.cpu_cores);
        page.push_str(&sizes);
        Some(page)
    }
}

fn size_labels(partition: &super::SimPartition) -> String {
    format!("name=\"Size\",topic=\"{}\",partition=\"{}\",", partition.topic, partition.id)
}

fn write_traffic(
    page: &mut String,
    by_topic: &BTreeMap<&TopicName, Traffic>,
    replicated: (f64, f64),
    made: (f64, f64),
) {
    const RATE: &str = "kafka_server_BrokerTopicMetrics_OneMinuteRate";
    let clients_in: u64 = by_topic.values().map(|traffic| traffic.clients_in).sum();
    let clients_out: u64 = by_topic.values().map(|traffic| traffic.clients_out).sum();
    line(page, RATE, "name=\"BytesInPerSec\",", real(clients_in));
    line(page, RATE, "name=\"BytesOutPerSec\",", real(clients_out));
    line(page, RATE, "name=\"ReplicationBytesInPerSec\",", replicated.0);
    line(page, RATE, "name=\"ReplicationBytesOutPerSec\",", replicated.1);
    line(page, RATE, "name=\"ReassignmentBytesInPerSec\",", made.0);
    line(page, RATE, "name=\"ReassignmentBytesOutPerSec\",", made.1);
    for (topic, traffic) in by_topic {
        let flows = [("BytesInPerSec", traffic.clients_in), ("BytesOutPerSec", traffic.clients_out)];
        // As on real brokers a topic without traffic of a kind has no line for it.
        for (name, bytes) in flows.into_iter().filter(|(_, bytes)| *bytes > 0) {
            line(page, RATE, &format!("name=\"{name}\",topic=\"{topic}\","), real(bytes));
        }
    }
}

/// How long requests take: here nearly all of it is the work itself. A consumer's fetch that finds nothing waits for
/// half a second besides, as on real brokers.
fn write_latency(page: &mut String, p99_ms: f64) {
    const P99: &str = "kafka_network_RequestMetrics_99thPercentile";
    let parts = [("RequestQueueTimeMs", 0.25), ("LocalTimeMs", 0.5), ("ResponseQueueTimeMs", 0.0)];
    for (request, waits_ms) in [("Produce", 0.0), ("FetchConsumer", 500.0)] {
        let all = parts.iter().chain(&[("ResponseSendTimeMs", 0.25)]);
        for (name, share) in all {
            line(page, P99, &format!("name=\"{name}\",request=\"{request}\","), p99_ms * share);
        }
        line(page, P99, &format!("name=\"TotalTimeMs\",request=\"{request}\","), p99_ms + waits_ms);
    }
}

fn line(page: &mut String, metric: &str, labels: &str, value: f64) {
    let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    writeln!(page, "{metric}{labels} {value:?}").expect("writing to a string does not fail");
}
