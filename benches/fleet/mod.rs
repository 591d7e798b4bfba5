//! The cluster of the benches that read loads: 90 brokers with 15,000 partitions in 900 topics, and what its exporters
//! show. Pages have the size and the mix of real ones: Kafka 4.3 shows 1.1 MB of each broker before it has any
//! partitions worth mention, 60 % of it how long each of a hundred kinds of requests takes, and a kilobyte for each replica.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use evenkeel::base::{BrokerId, TopicName};
use evenkeel::control::{Scope, World as _};
use evenkeel::edge::sim::{SimSpec, SimWorld};
use evenkeel::observe::Observation;

/// What a JMX exporter without rules makes of one meter of Kafka's.
const METER: [&str; 5] = ["Count", "OneMinuteRate", "FiveMinuteRate", "FifteenMinuteRate", "MeanRate"];

/// A look at the cluster as Kafka alone tells it, without loads.
pub fn observation() -> Observation {
    let world = SimWorld::new(&SimSpec::large(1)).expect("the preset is sound");
    world.without_metrics().observe(&Scope::Full).expect("the simulated cluster answers")
}

fn line(page: &mut String, name: &str, labels: &str, value: f64) {
    writeln!(page, "{name}{{{labels}}} {value:?}").expect("writing to a string does not fail");
}

fn comment(page: &mut String, name: &str) {
    let bean = "Attribute exposed for management (kafka.server<type=Something, name=SomethingPerSec><>Value)";
    writeln!(page, "# HELP {name} {bean}\n# TYPE {name} untyped").expect("writing to a string does not fail");
}

/// Which topics a broker leads partitions of, and which replicas stand on it.
pub fn holdings(seen: &Observation, broker: BrokerId) -> (BTreeSet<&TopicName>, Vec<(&TopicName, i32)>) {
    let (mut leads, mut holds) = (BTreeSet::new(), Vec::new());
    for (name, topic) in &seen.topics {
        for partition in topic.partitions.iter().filter(|partition| partition.replicas.contains(&broker)) {
            holds.push((name, partition.id));
            if partition.leader == Some(broker) {
                leads.insert(name);
            }
        }
    }
    (leads, holds)
}

/// The page of a broker's JMX exporter.
pub fn page(seen: &Observation, broker: BrokerId) -> String {
    let (leads, holds) = holdings(seen, broker);
    let mut page = String::new();
    // Half as many names again as there are beans of interest, each with its comment.
    for other in 0..900 {
        let name = format!("jvm_or_kafka_server_something_metrics_{other}_value");
        comment(&mut page, &name);
        line(&mut page, &name, "listener=\"CLIENT_SECURE\",networkProcessor=\"2\",", 12.0 + f64::from(other));
    }
    let parts = ["Total", "Local", "Remote", "RequestQueue", "ResponseQueue", "ResponseSend", "Throttle"];
    for form in ["50th", "75th", "95th", "98th", "99th", "999th"]
        .map(|rank| format!("{rank}Percentile"))
        .into_iter()
        .chain(["Mean", "Max", "Min", "StdDev", "Count"].map(str::to_owned))
    {
        let name = format!("kafka_network_RequestMetrics_{form}");
        comment(&mut page, &name);
        for request in ["Produce", "FetchConsumer"]
            .map(str::to_owned)
            .into_iter()
            .chain((0..91).map(|at| format!("AlterSomethingOrOther{at}")))
        {
            for part in parts {
                line(&mut page, &name, &format!("name=\"{part}TimeMs\",request=\"{request}\","), 0.0);
            }
        }
    }
    for (name, partition) in &holds {
        let labels = format!("topic=\"{name}\",partition=\"{partition}\",");
        for gauge in ["Size", "LogEndOffset", "LogStartOffset", "NumLogSegments"] {
            line(&mut page, "kafka_log_Log_Value", &format!("name=\"{gauge}\",{labels}"), 1.073_741_824e9);
        }
        for gauge in ["UnderReplicated", "UnderMinIsr", "InSyncReplicasCount", "ReplicasCount", "AtMinIsr"] {
            line(&mut page, "kafka_cluster_Partition_Value", &format!("name=\"{gauge}\",{labels}"), 0.0);
        }
        let labels =
            format!("clientId=\"ReplicaFetcherThread-0-12\",topic=\"{name}\",partition=\"{partition}\",");
        line(
            &mut page,
            "kafka_server_FetcherLagMetrics_Value",
            &format!("name=\"ConsumerLag\",{labels}"),
            0.0,
        );
    }
    for form in METER {
        let metric = format!("kafka_server_BrokerTopicMetrics_{form}");
        comment(&mut page, &metric);
        for name in [
            "BytesInPerSec",
            "BytesOutPerSec",
            "MessagesInPerSec",
            "TotalProduceRequestsPerSec",
            "TotalFetchRequestsPerSec",
        ] {
            line(&mut page, &metric, &format!("name=\"{name}\","), 1_234_567.891_234 * 100.0);
            for topic in &leads {
                line(&mut page, &metric, &format!("name=\"{name}\",topic=\"{topic}\","), 1_234_567.891_234);
            }
        }
        for name in ["ReplicationBytesInPerSec", "ReplicationBytesOutPerSec"] {
            line(&mut page, &metric, &format!("name=\"{name}\","), 234_567_891.234);
        }
    }
    line(&mut page, "java_lang_OperatingSystem_ProcessCpuLoad", "", 0.31);
    line(&mut page, "java_lang_OperatingSystem_AvailableProcessors", "", 16.0);
    page
}
