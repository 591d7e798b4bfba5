//! Log directories: sizes of replicas and volumes, asked of each broker for itself, and moves between them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;
use kafka_protocol::messages::{
    AlterReplicaLogDirsRequest, ApiKey, DescribeLogDirsRequest, DescribeLogDirsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::AdminClient;
use super::call::Target;
use super::code::Code;
use super::error::KafkaError;
use super::metadata::{by_topic, wire_topic};
use super::parts::{PartError, Parts};
use super::retry::Patience;
use crate::base::{BrokerId, Bytes, TopicName, TopicPartition};
use crate::observe::{LogDir, Replica};

/// One broker must not hold up the look at all others for longer than this.
const DESCRIBE_LIMIT: Duration = Duration::from_secs(15);

/// The log directories of one broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrokerLogDirs {
    /// The directories.
    pub dirs: Vec<LogDir>,
    /// The replicas in them, future ones too.
    pub replicas: BTreeMap<TopicPartition, Replica>,
}

impl AdminClient {
    /// The log directories of a broker, with all replicas, or with these only.
    ///
    /// # Errors
    /// The broker does not answer in time, or we may not ask.
    pub async fn describe_log_dirs(
        &self,
        broker: BrokerId,
        only: Option<&BTreeSet<TopicPartition>>,
    ) -> Result<BrokerLogDirs, KafkaError> {
        let topics: Option<Vec<_>> = only.map(|only| {
            let topic = |(name, partitions): (&TopicName, Vec<i32>)| {
                DescribableLogDirTopic::default().with_topic(wire_topic(name)).with_partitions(partitions)
            };
            by_topic(only).into_iter().map(topic).collect()
        });
        let make = |_| DescribeLogDirsRequest::default().with_topics(topics.clone());
        let per_try = self.patience().per_try.min(DESCRIBE_LIMIT);
        let patience = Patience { per_try, overall: DESCRIBE_LIMIT, tries: 2 };
        let code = |answer: &DescribeLogDirsResponse| Code(answer.error_code);
        let reply =
            self.call::<DescribeLogDirsRequest, _>(Target::Broker(broker), patience, make, code).await?;
        let (api, denied) = (ApiKey::DescribeLogDirs, Code::CLUSTER_AUTHORIZATION_FAILED);
        match Code(reply.answer.error_code) {
            // Before version 3 a missing right is told by an answer without any directory: a broker always has one.
            Code::NONE if reply.version < 3 && reply.answer.results.is_empty() => {
                let words = "told by an empty answer, as brokers before Kafka 3.2 do";
                Err(reply.error(api, "", None, denied, words))
            }
            Code::NONE => Ok(BrokerLogDirs::of(&reply.answer.results)),
            code => Err(reply.error(api, "", None, code, "")),
        }
    }

    /// Moves replicas on a broker to other directories of its; gives those that were refused.
    ///
    /// # Errors
    /// The broker does not answer, or we may not ask for this.
    pub async fn alter_replica_log_dirs(
        &self,
        broker: BrokerId,
        moves: &BTreeMap<TopicPartition, String>,
    ) -> Result<Parts, KafkaError> {
        let mut dirs: BTreeMap<&str, Vec<&TopicPartition>> = BTreeMap::new();
        for (which, dir) in moves {
            dirs.entry(dir).or_default().push(which);
        }
        let dirs: Vec<_> = dirs
            .into_iter()
            .map(|(path, partitions)| {
                let topics = by_topic(partitions).into_iter().map(|(name, partitions)| {
                    AlterReplicaLogDirTopic::default().with_name(wire_topic(name)).with_partitions(partitions)
                });
                let path = StrBytes::from_string(path.to_owned());
                AlterReplicaLogDir::default().with_path(path).with_topics(topics.collect())
            })
            .collect();
        let make = |_| AlterReplicaLogDirsRequest::default().with_dirs(dirs.clone());
        let target = Target::Broker(broker);
        let reply =
            self.call::<AlterReplicaLogDirsRequest, _>(target, self.patience(), make, |_| Code::NONE).await?;
        let mut parts = Parts::default();
        for topic in &reply.answer.results {
            for partition in &topic.partitions {
                let which = TopicPartition::new(&**topic.topic_name, partition.partition_index);
                let error = PartError { code: Code(partition.error_code), words: String::new() };
                parts.add(which, error);
            }
        }
        parts.or_denied(&reply.peer, ApiKey::AlterReplicaLogDirs)
    }
}

impl BrokerLogDirs {
    fn of(results: &[DescribeLogDirsResult]) -> Self {
        let mut found = Self::default();
        for result in results {
            let path = result.log_dir.to_string();
            let volume = |bytes: i64| u64::try_from(bytes).ok().map(Bytes);
            let online = Code(result.error_code).is_ok();
            found.dirs.push(LogDir {
                path: path.clone(),
                total_bytes: volume(result.total_bytes).filter(|_| online),
                usable_bytes: volume(result.usable_bytes).filter(|_| online),
                online,
            });
            for topic in &result.topics {
                let name = TopicName::from(&**topic.name);
                for partition in &topic.partitions {
                    let which = TopicPartition::new(name.clone(), partition.partition_index);
                    let size = u64::try_from(partition.partition_size).ok().map(Bytes);
                    let replica = found.replicas.entry(which).or_default();
                    if partition.is_future_key {
                        replica.future = Some((path.clone(), size.unwrap_or(Bytes::ZERO)));
                    } else {
                        replica.size_bytes = size;
                        replica.log_dir = Some(path.clone());
                    }
                }
            }
        }
        found.dirs.sort_by(|left, right| left.path.cmp(&right.path));
        found
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::describe_log_dirs_response::{
        DescribeLogDirsPartition, DescribeLogDirsTopic,
    };

    use super::*;

    fn dir(
        path: &'static str,
        code: Code,
        total: i64,
        partitions: Vec<DescribeLogDirsPartition>,
    ) -> DescribeLogDirsResult {
        let topic = DescribeLogDirsTopic::default()
            .with_name(wire_topic(&TopicName::from("t")))
            .with_partitions(partitions);
        DescribeLogDirsResult::default()
            .with_error_code(code.0)
            .with_log_dir(StrBytes::from_static_str(path))
            .with_total_bytes(total)
            .with_topics(vec![topic])
    }

    #[test]
    fn future_replicas_offline_directories_and_unknown_sizes_are_told_apart() {
        let size = |bytes| DescribeLogDirsPartition::default().with_partition_size(bytes);
        let found = BrokerLogDirs::of(&[
            dir("/d2", Code::NONE, 100, vec![size(7).with_is_future_key(true)]),
            dir("/d1", Code::NONE, -1, vec![size(9), size(-1).with_partition_index(1)]),
            dir("/d3", Code::KAFKA_STORAGE_ERROR, 0, Vec::new()),
        ]);
        let shown: Vec<_> =
            found.dirs.iter().map(|dir| (dir.path.as_str(), dir.total_bytes, dir.online)).collect();
        assert_eq!(shown, [("/d1", None, true), ("/d2", Some(Bytes(100)), true), ("/d3", None, false)]);
        let replica = &found.replicas[&TopicPartition::new("t", 0)];
        assert_eq!((replica.size_bytes, replica.log_dir.as_deref()), (Some(Bytes(9)), Some("/d1")));
        assert_eq!(replica.future, Some(("/d2".to_owned(), Bytes(7))));
        let unknown = &found.replicas[&TopicPartition::new("t", 1)];
        assert_eq!((unknown.size_bytes, unknown.log_dir.as_deref()), (None, Some("/d1")));
    }
}
