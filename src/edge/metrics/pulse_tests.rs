//! What is told while an execution runs: the latest, in the background, and nothing that is too old.

use super::*;
use crate::base::Millis;
use crate::config::MetricsSettings;
use crate::edge::metrics::Scraper;
use crate::edge::metrics::test_server::{Server, ok};
use crate::observe::{Partition, SeenBroker, SeenTopic};

const PAGE: &str = "\
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesInPerSec\"} 100
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesInPerSec\",topic=\"a\"} 100
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesOutPerSec\"} 30
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"ReplicationBytesInPerSec\"} 90
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"ReassignmentBytesInPerSec\"} 70
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"ReplicationBytesOutPerSec\"} 90
kafka_network_RequestMetrics_99thPercentile{name=\"TotalTimeMs\",request=\"Produce\"} 7.5
kafka_network_RequestMetrics_99thPercentile{name=\"TotalTimeMs\",request=\"FetchConsumer\"} 505.0
kafka_network_RequestMetrics_99thPercentile{name=\"TotalTimeMs\",request=\"Fetch\"} 509.0
kafka_network_RequestMetrics_95thPercentile{name=\"LocalTimeMs\",request=\"FetchConsumer\"} 1.0
kafka_network_requestmetrics_requestqueuetimems{quantile=\"0.99\",request=\"FetchConsumer\"} 1.0
kafka_network_requestmetrics_localtimems{quantile=\"0.99\",request=\"FetchConsumer\"} 2.0
kafka_network_requestmetrics_localtimems{quantile=\"0.50\",request=\"FetchConsumer\"} 0.5
kafka_network_requestmetrics_responsequeuetimems{quantile=\"0.99\",request=\"FetchConsumer\"} 0.0
kafka_network_requestmetrics_responsesendtimems{quantile=\"0.99\",request=\"FetchConsumer\"} 0.5
";

/// Broker 0 leads partitions 0 and 1 of topic `a`.
fn seen() -> Observation {
    let mut seen = Observation::default();
    let host = Some("127.0.0.1".to_owned());
    seen.brokers.insert(BrokerId(0), SeenBroker { host, alive: true, ..SeenBroker::default() });
    let partition =
        |id| Partition { id, replicas: vec![BrokerId(0)], leader: Some(BrokerId(0)), ..Partition::default() };
    let partitions = vec![partition(0), partition(1)];
    seen.topics.insert("a".into(), SeenTopic { partitions, ..SeenTopic::default() });
    seen
}

fn pulse(server: &Server, every: Duration) -> Pulse {
    let settings =
        MetricsSettings { timeout: Duration::from_secs(20), ..MetricsSettings::of(vec![server.url()]) };
    Pulse::new(Arc::new(Mutex::new(Scraper::new(&settings).unwrap())), every)
}

/// Looks until something was told.
fn look_until_told(pulse: &mut Pulse) -> Observation {
    let names = [TopicPartition::new("a", 0)];
    for _ in 0..1_000 {
        let mut seen = seen();
        pulse.look(&mut seen, &names);
        if seen.brokers[&BrokerId(0)].signals != crate::observe::Signals::default() {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nothing was told");
}

#[test]
fn the_latest_is_told_without_waiting_for_it() {
    let server = Server::new(vec![ok(PAGE)]);
    let mut pulse = pulse(&server, Duration::from_secs(60));
    pulse.produced = [(TopicPartition::new("a", 0), 3.0), (TopicPartition::new("a", 1), 1.0)].into();
    let mut first = seen();
    pulse.look(&mut first, &[]);
    assert_eq!(first, seen(), "asked, and not waited for");
    let told = look_until_told(&mut pulse);
    let signals = told.brokers[&BrokerId(0)].signals;
    assert_eq!(signals.latency.produce_p99_ms.map(Millis::get), Some(7.5));
    assert_eq!(signals.latency.fetch_p99_ms.map(Millis::get), Some(3.5), "not the wait for new records");
    assert_eq!(signals.traffic.clients_in_bytes_per_s, BytesPerS::new(100.0).ok());
    assert_eq!(signals.traffic.replicas_in_bytes_per_s, BytesPerS::new(20.0).ok(), "without copies");
    assert_eq!(signals.traffic.replicas_out_bytes_per_s, None, "copies are not told apart");
    let load = |id| told.partition(&TopicPartition::new("a", id)).unwrap().load.produce_bytes_per_s;
    assert_eq!((load(0), load(1)), (BytesPerS::new(75.0).ok(), None), "of what is looked at");
    assert_eq!(server.asked(), 1, "once in an interval");
}

#[test]
fn what_is_too_old_is_not_told() {
    let server = Server::new(vec![ok(PAGE)]);
    let mut pulse = pulse(&server, Duration::from_secs(60));
    look_until_told(&mut pulse);
    pulse.every = Duration::ZERO;
    // A look that is under way now cannot be back within no time.
    let mut later = seen();
    pulse.look(&mut later, &[]);
    assert_eq!(later, seen());
}
