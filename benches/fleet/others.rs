//! What a Prometheus server and the brokers' reporters tell of the same cluster.

use std::collections::BTreeMap;

use evenkeel::base::BrokerId;
use evenkeel::observe::Observation;

use crate::fleet::holdings;

/// What a Prometheus server answers for all brokers to the query for bytes in, or for another flow by topic.
pub fn flow_answer(seen: &Observation) -> String {
    let mut rows = Vec::new();
    for (broker, host) in hosts(seen) {
        let labels = |topic: &str| {
            format!(
                "{{\"metric\":{{\"__name__\":\"kafka_server_BrokerTopicMetrics_OneMinuteRate\",\"instance\":\"{host}:11001\",\
                 \"job\":\"jmx\",\"name\":\"BytesInPerSec\"{topic}}},\"value\":[1732900000.123,\"1234567.891234\"]}}"
            )
        };
        rows.push(labels(""));
        let (leads, _) = holdings(seen, broker);
        rows.extend(leads.iter().map(|topic| labels(&format!(",\"topic\":\"{topic}\""))));
    }
    format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{}]}}}}",
        rows.join(",")
    )
}

/// The brokers with hosts to be told apart by.
pub fn hosts(seen: &Observation) -> BTreeMap<BrokerId, String> {
    seen.brokers.keys().map(|broker| (*broker, format!("b-{broker}.kafka.example"))).collect()
}

/// One report of each broker, as Cruise Control's reporter sends it: the flows of each topic, and the broker's own figures.
pub fn reports(seen: &Observation, time_ms: i64) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for broker in seen.brokers.keys() {
        let mut record = |class: u8, kind: u8, topic: Option<(&str, Option<i32>)>, value: f64| {
            let mut bytes = vec![class, 0, kind];
            bytes.extend(time_ms.to_be_bytes());
            bytes.extend(broker.0.to_be_bytes());
            if let Some((topic, partition)) = topic {
                bytes.extend(i32::try_from(topic.len()).expect("names are short").to_be_bytes());
                bytes.extend(topic.as_bytes());
                bytes.extend(partition.map(i32::to_be_bytes).into_iter().flatten());
            }
            bytes.extend(value.to_be_bytes());
            records.push(bytes);
        };
        for kind in [0, 1, 5, 6, 7, 19].into_iter().chain(20..63) {
            record(0, kind, None, 0.25);
        }
        let (leads, holds) = holdings(seen, *broker);
        for topic in leads {
            for kind in [2, 3, 11, 12, 13, 14, 15] {
                record(1, kind, Some((topic.as_str(), None)), 1_234.5);
            }
        }
        for (topic, partition) in holds {
            record(2, 4, Some((topic.as_str(), Some(partition))), 1.0e9);
        }
    }
    records
}
