//! `ListOffsets`: where the logs of partitions begin and end, asked of their leaders.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{ApiKey, BrokerId as WireBroker, ListOffsetsRequest};

use super::AdminClient;
use super::call::Target;
use super::code::Code;
use super::error::KafkaError;
use super::metadata::{by_topic, wire_topic};
use super::parts::{PartError, Parts};
use crate::base::{BrokerId, TopicPartition};

/// Which end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEnd {
    /// The offset of the oldest record.
    Earliest,
    /// The offset after the newest record.
    Latest,
}

impl AdminClient {
    /// Offsets of these partitions, asked of the leaders given; and the partitions that were refused, such as
    /// those whose leader has moved on.
    ///
    /// # Errors
    /// A leader does not answer, or we may not ask.
    pub async fn list_offsets(
        &self,
        leaders: &BTreeMap<TopicPartition, BrokerId>,
        end: LogEnd,
    ) -> Result<(BTreeMap<TopicPartition, i64>, Parts), KafkaError> {
        let mut by_leader: BTreeMap<BrokerId, BTreeSet<&TopicPartition>> = BTreeMap::new();
        for (which, leader) in leaders {
            by_leader.entry(*leader).or_default().insert(which);
        }
        let timestamp = match end {
            LogEnd::Earliest => -2,
            LogEnd::Latest => -1,
        };
        let (mut offsets, mut parts) = (BTreeMap::new(), Parts::default());
        for (leader, partitions) in by_leader {
            let topics: Vec<_> = by_topic(partitions)
                .into_iter()
                .map(|(name, indexes)| {
                    let partition = |index| {
                        // -1 is "whatever epoch": the leader is checked by the code that comes back.
                        let partition = ListOffsetsPartition::default().with_partition_index(index);
                        partition.with_current_leader_epoch(-1).with_timestamp(timestamp)
                    };
                    let partitions = indexes.into_iter().map(partition).collect();
                    ListOffsetsTopic::default().with_name(wire_topic(name)).with_partitions(partitions)
                })
                .collect();
            let make = |_| {
                // -1 is "a client".
                ListOffsetsRequest::default().with_replica_id(WireBroker(-1)).with_topics(topics.clone())
            };
            let target = Target::Broker(leader);
            let reply =
                self.call::<ListOffsetsRequest, _>(target, self.patience(), make, |_| Code::NONE).await?;
            for topic in &reply.answer.topics {
                for partition in &topic.partitions {
                    let which = TopicPartition::new(&**topic.name, partition.partition_index);
                    let code = Code(partition.error_code);
                    if code.is_ok() {
                        offsets.insert(which, partition.offset);
                    } else {
                        parts.add(which, PartError { code, words: String::new() });
                    }
                }
            }
            parts = parts.or_denied(&reply.peer, ApiKey::ListOffsets)?;
        }
        Ok((offsets, parts))
    }
}
