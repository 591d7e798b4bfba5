//! Reassignments and elections over the wire.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ElectLeadersRequest,
    ElectLeadersResponse, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use super::super::Refusal;
use super::super::state::Pid;
use super::{Call, broker_ids, outcome, own_name, text, topic_name};
use crate::base::{BrokerId, TopicName, TopicPartition};

impl Call<'_> {
    pub(super) fn alter_reassignments(
        &mut self,
        request: &AlterPartitionReassignmentsRequest,
    ) -> AlterPartitionReassignmentsResponse {
        let response = AlterPartitionReassignmentsResponse::default()
            .with_allow_replication_factor_change(request.allow_replication_factor_change);
        if let Some(error) = self.refuse {
            return response.with_error_code(error.code()).with_error_message(Some(text(error.to_string())));
        }
        let may_change_factor = self.version == 0 || request.allow_replication_factor_change;
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|wanted| {
                let which = TopicPartition::new(own_name(&topic.name), wanted.partition_index);
                let list: Option<Vec<BrokerId>> =
                    wanted.replicas.as_ref().map(|list| list.iter().map(|id| BrokerId(id.0)).collect());
                let (code, message) = outcome(match list {
                    None => self.cluster.cancel_reassignment(&which),
                    Some(list) => self
                        .check_factor(&which, &list, may_change_factor)
                        .and_then(|()| self.cluster.reassign(&which, &list)),
                });
                ReassignablePartitionResponse::default()
                    .with_partition_index(wanted.partition_index)
                    .with_error_code(code)
                    .with_error_message(message)
            });
            let partitions = partitions.collect();
            ReassignableTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions)
        });
        let topics = topics.collect();
        response.with_responses(topics)
    }

    /// KIP-860: a client may ask that no replication factor changes.
    fn check_factor(
        &self,
        which: &TopicPartition,
        list: &[BrokerId],
        may_change: bool,
    ) -> Result<(), Refusal> {
        let Some(partition) = self.cluster.partition(which).filter(|_| !may_change) else { return Ok(()) };
        let stays = |broker: &&BrokerId| !partition.removing.contains(broker);
        let factor = partition.replicas.iter().filter(stays).count();
        if factor == list.len() {
            return Ok(());
        }
        let words = format!("The replication factor is changed from {factor} to {}", list.len());
        Err(Refusal::new(ResponseError::InvalidReplicationFactor, words))
    }

    pub(super) fn list_reassignments(
        &self,
        request: &ListPartitionReassignmentsRequest,
    ) -> ListPartitionReassignmentsResponse {
        if let Some(error) = self.refuse {
            return ListPartitionReassignmentsResponse::default()
                .with_error_code(error.code())
                .with_error_message(Some(text(error.to_string())));
        }
        let pids: Vec<Pid> = match &request.topics {
            None => self.cluster.reassigning.iter().copied().collect(),
            Some(topics) => topics
                .iter()
                .flat_map(|topic| {
                    let name = own_name(&topic.name);
                    topic.partition_indexes.iter().map(move |index| TopicPartition::new(name.clone(), *index))
                })
                .filter_map(|which| self.cluster.pid(&which))
                .filter(|pid| self.cluster.reassigning.contains(pid))
                .collect(),
        };
        let mut by_topic: BTreeMap<TopicName, Vec<OngoingPartitionReassignment>> = BTreeMap::new();
        for pid in pids {
            let partition = &self.cluster.partitions[pid];
            let ongoing = OngoingPartitionReassignment::default()
                .with_partition_index(partition.id)
                .with_replicas(broker_ids(&partition.replicas))
                .with_adding_replicas(broker_ids(&partition.adding))
                .with_removing_replicas(broker_ids(&partition.removing));
            by_topic.entry(partition.topic.clone()).or_default().push(ongoing);
        }
        let topics = by_topic.into_iter().map(|(name, partitions)| {
            OngoingTopicReassignment::default().with_name(topic_name(&name)).with_partitions(partitions)
        });
        ListPartitionReassignmentsResponse::default().with_topics(topics.collect())
    }

    pub(super) fn elect_leaders(&mut self, request: &ElectLeadersRequest) -> ElectLeadersResponse {
        const PREFERRED: i8 = 0;
        if let Some(error) = self.refuse {
            return ElectLeadersResponse::default().with_error_code(error.code());
        }
        let wanted: Vec<TopicPartition> = match &request.topic_partitions {
            None => self.cluster.partition_names().collect(),
            Some(topics) => {
                let of_topic = topics.iter().flat_map(|topic| {
                    let name = own_name(&topic.topic);
                    topic.partitions.iter().map(move |index| TopicPartition::new(name.clone(), *index))
                });
                of_topic.collect()
            }
        };
        let all = request.topic_partitions.is_none();
        let mut by_topic: BTreeMap<TopicName, Vec<PartitionResult>> = BTreeMap::new();
        for which in wanted {
            let elected = if request.election_type == PREFERRED {
                self.cluster.elect_preferred(&which)
            } else {
                let words = "Unclean leader election is not enabled in the simulated cluster.";
                Err(Refusal::new(ResponseError::EligibleLeadersNotAvailable, words))
            };
            let (code, message) = outcome(elected);
            if all && code == ResponseError::ElectionNotNeeded.code() {
                continue;
            }
            let result = PartitionResult::default()
                .with_partition_id(which.partition)
                .with_error_code(code)
                .with_error_message(message);
            by_topic.entry(which.topic).or_default().push(result);
        }
        let results = by_topic.into_iter().map(|(name, results)| {
            ReplicaElectionResult::default().with_topic(topic_name(&name)).with_partition_result(results)
        });
        ElectLeadersResponse::default().with_replica_election_results(results.collect())
    }
}
