//! The JSON of Kafka's own `kafka-reassign-partitions`, out and in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Plan, PlanError};
use crate::base::{BrokerId, TopicName, TopicPartition};

/// A list of partitions with their new replica lists, as `kafka-reassign-partitions` reads and writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KafkaReassignment {
    /// Always 1.
    pub version: i64,
    /// The partitions that change.
    pub partitions: Vec<KafkaPartition>,
}

/// One partition of a [`KafkaReassignment`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KafkaPartition {
    /// The topic.
    pub topic: TopicName,
    /// The index.
    pub partition: i32,
    /// The whole new list, preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// A log directory for each replica, or `any`; Kafka's own field, which may be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_dirs: Option<Vec<String>>,
}

impl KafkaReassignment {
    /// Reads Kafka's JSON.
    ///
    /// # Errors
    /// It is not of that form, has another version, or names a partition twice or without replicas.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let malformed = |problem: String| PlanError::malformed(&problem);
        let read: Self = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if read.version != 1 {
            return Err(malformed(format!("version is {}, and only 1 exists", read.version)));
        }
        let mut seen: BTreeMap<TopicPartition, usize> = BTreeMap::new();
        for (at, row) in read.partitions.iter().enumerate() {
            let place = format!("partitions[{at}]");
            let name = row.name();
            if row.partition < 0 || row.topic.as_str().is_empty() {
                return Err(malformed(format!("{place}: `{name}` is no partition")));
            }
            if row.replicas.is_empty() {
                return Err(malformed(format!("{place}: partition {name} would have no replicas")));
            }
            if row.log_dirs.as_ref().is_some_and(|dirs| dirs.len() != row.replicas.len()) {
                return Err(malformed(format!("{place}: log_dirs and replicas differ in length")));
            }
            if let Some(first) = seen.insert(name.clone(), at) {
                return Err(malformed(format!(
                    "{place}: partition {name} is named in partitions[{first}] too"
                )));
            }
        }
        Ok(read)
    }

    /// The new lists by partition.
    pub fn lists(&self) -> BTreeMap<TopicPartition, Vec<BrokerId>> {
        self.partitions.iter().map(|row| (row.name(), row.replicas.clone())).collect()
    }
}

impl KafkaPartition {
    fn name(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }
}

impl Plan {
    /// The plan as `kafka-reassign-partitions` reads it: every partition whose replica list changes, by name.
    /// Kafka's tool starts them all at once and elects no leaders. Moves between log directories are left out: the
    /// tool has no place for one without naming the directories of all replicas.
    pub fn to_kafka(&self) -> KafkaReassignment {
        let lists: BTreeMap<&TopicPartition, &[BrokerId]> = self
            .steps()
            .filter_map(|step| step.as_move().map(|step| (&step.partition, step.target())))
            .collect();
        let partitions = lists
            .into_iter()
            .map(|(name, replicas)| KafkaPartition {
                topic: name.topic.clone(),
                partition: name.partition,
                replicas: replicas.to_vec(),
                log_dirs: None,
            })
            .collect();
        KafkaReassignment { version: 1, partitions }
    }

    /// [`Self::to_kafka`] as text, one partition per line.
    ///
    /// # Panics
    /// Never: strings and numbers always serialize.
    pub fn to_kafka_json(&self) -> String {
        let rows: Vec<String> = self
            .to_kafka()
            .partitions
            .iter()
            .map(|row| serde_json::to_string(row).expect("strings and numbers serialize"))
            .collect();
        if rows.is_empty() {
            return "{\"version\":1,\"partitions\":[]}\n".to_owned();
        }
        format!("{{\"version\":1,\"partitions\":[\n{}\n]}}\n", rows.join(",\n"))
    }
}
