//! The cluster as librdkafka sees it: other eyes than evenkeel's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

/// A partition as librdkafka sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenPartition {
    /// The replica list.
    pub replicas: Vec<i32>,
    /// The in-sync replicas.
    pub isr: BTreeSet<i32>,
    /// The leader; -1 while there is none.
    pub leader: i32,
}

/// The cluster as librdkafka sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Brokers that serve.
    pub brokers: BTreeSet<i32>,
    /// Partitions by topic and index.
    pub partitions: BTreeMap<(String, i32), SeenPartition>,
}

impl Seen {
    /// Looks at the cluster.
    pub fn ask(consumer: &BaseConsumer) -> Result<Self, rdkafka::error::KafkaError> {
        let metadata = consumer.fetch_metadata(None, Duration::from_secs(10))?;
        let mut seen = Self {
            brokers: metadata.brokers().iter().map(rdkafka::metadata::MetadataBroker::id).collect(),
            ..Self::default()
        };
        for topic in metadata.topics() {
            for partition in topic.partitions() {
                let entry = SeenPartition {
                    replicas: partition.replicas().to_vec(),
                    isr: partition.isr().iter().copied().collect(),
                    leader: partition.leader(),
                };
                seen.partitions.insert((topic.name().to_owned(), partition.id()), entry);
            }
        }
        Ok(seen)
    }

    /// Whether every replica of every partition is in sync and no reassignment is on the way.
    pub fn all_in_sync(&self) -> bool {
        let whole = |partition: &SeenPartition| {
            partition.leader >= 0
                && partition.replicas.len() == 3
                && partition.isr.len() == partition.replicas.len()
        };
        self.partitions.values().all(whole)
    }

    /// Whether a topic is there because evenkeel was: that of the lease, and Kafka's own for the transactions in it.
    pub fn is_evenkeels(topic: &str) -> bool {
        ["__evenkeel", "__transaction_state"].contains(&topic)
    }

    /// The replica sets, without order: what a placement is about. Topics that come with evenkeel are not in it.
    pub fn placement(&self) -> BTreeMap<(String, i32), BTreeSet<i32>> {
        let entry = |(key, partition): (&(String, i32), &SeenPartition)| {
            (key.clone(), partition.replicas.iter().copied().collect())
        };
        let others = self.partitions.iter().filter(|((topic, _), _)| !Self::is_evenkeels(topic));
        others.map(entry).collect()
    }
}
