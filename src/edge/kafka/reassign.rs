//! Reassignments: what is in flight, new ones, cancellation, in batches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ApiKey, BrokerId as WireBroker,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use super::AdminClient;
use super::call::Target;
use super::code::Code;
use super::error::KafkaError;
use super::metadata::{ids, wire_topic};
use super::parts::{PartError, Parts};
use super::retry::Patience;
use crate::base::{BrokerId, TopicName, TopicPartition};
use crate::observe::Reassignment;

/// Partitions per request: a `KRaft` controller writes the records of one request as one batch, whose size is limited.
const PARTITIONS_PER_REQUEST: usize = 500;
/// While there is no controller, nobody answers. All else of a look is there by then, and what operators ask for waits.
const LIST_LIMIT: Duration = Duration::from_secs(15);

impl AdminClient {
    /// Every reassignment in flight, whoever asked for it.
    ///
    /// # Errors
    /// The controller does not answer, or we may not ask.
    pub async fn list_reassignments(&self) -> Result<BTreeMap<TopicPartition, Reassignment>, KafkaError> {
        let limit = self.patience().per_try.min(LIST_LIMIT);
        let timeout_ms = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
        let make =
            |_| ListPartitionReassignmentsRequest::default().with_timeout_ms(timeout_ms).with_topics(None);
        let code = |answer: &ListPartitionReassignmentsResponse| Code(answer.error_code);
        let patience = Patience { per_try: limit, overall: limit, ..self.patience() };
        let reply = self
            .call::<ListPartitionReassignmentsRequest, _>(Target::Controller, patience, make, code)
            .await?;
        if !Code(reply.answer.error_code).is_ok() {
            let words = reply.answer.error_message.as_deref().unwrap_or_default();
            let code = Code(reply.answer.error_code);
            return Err(reply.error(ApiKey::ListPartitionReassignments, "", None, code, words));
        }
        let mut found = BTreeMap::new();
        for topic in &reply.answer.topics {
            let name = TopicName::from(&**topic.name);
            for partition in &topic.partitions {
                let reassignment = Reassignment {
                    replicas: ids(&partition.replicas),
                    adding: ids(&partition.adding_replicas),
                    removing: ids(&partition.removing_replicas),
                };
                found.insert(TopicPartition::new(name.clone(), partition.partition_index), reassignment);
            }
        }
        Ok(found)
    }

    /// Gives partitions new replica lists; gives those that were refused.
    ///
    /// # Errors
    /// The controller does not answer, or we may not ask for this. Earlier batches may have been accepted.
    pub async fn reassign(
        &self,
        lists: &BTreeMap<TopicPartition, Vec<BrokerId>>,
    ) -> Result<Parts, KafkaError> {
        let wanted: Vec<_> = lists.iter().map(|(which, list)| (which, Some(list.as_slice()))).collect();
        self.alter_reassignments(&wanted).await
    }

    /// Cancels reassignments; gives those that were refused, such as those that are not in flight.
    ///
    /// # Errors
    /// The controller does not answer, or we may not ask for this. Earlier batches may have been accepted.
    pub async fn cancel_reassignments(&self, which: &BTreeSet<TopicPartition>) -> Result<Parts, KafkaError> {
        let wanted: Vec<_> = which.iter().map(|which| (which, None)).collect();
        self.alter_reassignments(&wanted).await
    }

    async fn alter_reassignments(
        &self,
        wanted: &[(&TopicPartition, Option<&[BrokerId]>)],
    ) -> Result<Parts, KafkaError> {
        let api = ApiKey::AlterPartitionReassignments;
        let timeout_ms = self.timeout_ms();
        let mut parts = Parts::default();
        for batch in wanted.chunks(PARTITIONS_PER_REQUEST) {
            let topics = topics_of(batch);
            let make = |_| {
                let request = AlterPartitionReassignmentsRequest::default();
                request.with_timeout_ms(timeout_ms).with_topics(topics.clone())
            };
            let code = |answer: &AlterPartitionReassignmentsResponse| Code(answer.error_code);
            let patience = self.patience();
            let reply = self
                .call::<AlterPartitionReassignmentsRequest, _>(Target::Controller, patience, make, code)
                .await?;
            if !Code(reply.answer.error_code).is_ok() {
                let words = reply.answer.error_message.as_deref().unwrap_or_default();
                return Err(reply.error(api, "", None, Code(reply.answer.error_code), words));
            }
            for topic in &reply.answer.responses {
                for partition in &topic.partitions {
                    let words = partition.error_message.as_deref().unwrap_or_default().to_owned();
                    let which = TopicPartition::new(&**topic.name, partition.partition_index);
                    parts.add(which, PartError { code: Code(partition.error_code), words });
                }
            }
            parts = parts.or_denied(&reply.peer, api)?;
        }
        Ok(parts)
    }

    /// The time limit that requests carry for the broker's side of the work, in milliseconds.
    pub(super) fn timeout_ms(&self) -> i32 {
        i32::try_from(self.settings().request_timeout.as_millis()).unwrap_or(i32::MAX)
    }
}

fn topics_of(batch: &[(&TopicPartition, Option<&[BrokerId]>)]) -> Vec<ReassignableTopic> {
    let mut topics: BTreeMap<&TopicName, Vec<ReassignablePartition>> = BTreeMap::new();
    for (which, list) in batch {
        let replicas = list.map(|list| list.iter().map(|broker| WireBroker(broker.0)).collect());
        let partition =
            ReassignablePartition::default().with_partition_index(which.partition).with_replicas(replicas);
        topics.entry(&which.topic).or_default().push(partition);
    }
    let topic = |(name, partitions)| {
        ReassignableTopic::default().with_name(wire_topic(name)).with_partitions(partitions)
    };
    topics.into_iter().map(topic).collect()
}
