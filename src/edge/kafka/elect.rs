//! Preferred leaders.

use std::collections::BTreeSet;

use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::{ApiKey, ElectLeadersRequest, ElectLeadersResponse};

use super::AdminClient;
use super::call::Target;
use super::code::Code;
use super::error::KafkaError;
use super::metadata::{by_topic, wire_topic};
use super::parts::{PartError, Parts};
use crate::base::TopicPartition;

/// Partitions per request.
const PARTITIONS_PER_REQUEST: usize = 1_000;
/// `ElectionType.PREFERRED` of the protocol.
const PREFERRED: i8 = 0;

impl AdminClient {
    /// Lets the first replica of each partition lead, where it is in sync; gives those that were refused. A
    /// partition that it leads already counts as done.
    ///
    /// # Errors
    /// The controller does not answer, or we may not ask for this. Earlier batches may have been accepted.
    pub async fn elect_preferred_leaders(
        &self,
        which: &BTreeSet<TopicPartition>,
    ) -> Result<Parts, KafkaError> {
        let api = ApiKey::ElectLeaders;
        let timeout_ms = self.timeout_ms();
        let which: Vec<&TopicPartition> = which.iter().collect();
        let mut parts = Parts::default();
        for batch in which.chunks(PARTITIONS_PER_REQUEST) {
            let topics: Vec<_> = by_topic(batch.iter().copied())
                .into_iter()
                .map(|(name, partitions)| {
                    TopicPartitions::default().with_topic(wire_topic(name)).with_partitions(partitions)
                })
                .collect();
            let make = |_| {
                let request = ElectLeadersRequest::default().with_election_type(PREFERRED);
                request.with_topic_partitions(Some(topics.clone())).with_timeout_ms(timeout_ms)
            };
            let reply = self
                .call::<ElectLeadersRequest, _>(Target::Controller, self.patience(), make, overall_code)
                .await?;
            let code = Code(reply.answer.error_code);
            if !code.is_ok() {
                return Err(reply.error(api, "", None, code, ""));
            }
            for topic in &reply.answer.replica_election_results {
                for partition in &topic.partition_result {
                    let code = Code(partition.error_code);
                    let words = partition.error_message.as_deref().unwrap_or_default().to_owned();
                    if code != Code::ELECTION_NOT_NEEDED {
                        let which = TopicPartition::new(&**topic.topic, partition.partition_id);
                        parts.add(which, PartError { code, words });
                    }
                }
            }
            parts = parts.or_denied(&reply.peer, api)?;
        }
        Ok(parts)
    }
}

/// The code of the whole answer. A broker that is not the controller may say so partition by partition.
fn overall_code(answer: &ElectLeadersResponse) -> Code {
    let mut partitions = answer.replica_election_results.iter().flat_map(|topic| &topic.partition_result);
    let not_controller = |code: i16| Code(code) == Code::NOT_CONTROLLER;
    if answer.error_code == 0 && partitions.any(|partition| not_controller(partition.error_code)) {
        return Code::NOT_CONTROLLER;
    }
    Code(answer.error_code)
}
