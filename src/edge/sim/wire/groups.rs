//! `ListGroups` and `OffsetFetch`: consumer groups that read each partition once at its head.
//!
//! Clients of a partition read so many times what is written to it: each whole time is a group of its own, and what is left
//! are consumers that commit nothing, as there are in real clusters.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{GroupId, ListGroupsResponse, OffsetFetchRequest, OffsetFetchResponse};

use super::super::num::wire_i64;
use super::super::state::SimPartition;
use super::{Call, Node, text, topic_name};
use crate::base::BrokerId;

/// As many times as anybody reads what is written.
const GROUPS_MOST: u64 = 8;

fn group_name(times: u64) -> String {
    format!("readers-{times}")
}

/// Whether the group of this number reads the partition.
fn reads(partition: &SimPartition, times: u64) -> bool {
    let (produced, consumed) = (partition.produce_bytes_per_s, partition.consume_bytes_per_s);
    produced > 0 && produced.checked_mul(times).is_some_and(|whole| consumed >= whole)
}

impl Call<'_> {
    /// The broker that coordinates the group of this number.
    fn coordinator(&self, times: u64) -> Option<BrokerId> {
        let serving: Vec<BrokerId> =
            self.cluster.brokers.keys().copied().filter(|id| self.cluster.serves(*id)).collect();
        let count = u64::try_from(serving.len()).unwrap_or(u64::MAX).max(1);
        serving.get(usize::try_from(times % count).unwrap_or(0)).copied()
    }

    fn coordinates(&self, times: u64) -> bool {
        matches!(self.node, Node::Broker(here) if self.coordinator(times) == Some(here))
    }

    pub(super) fn list_groups(&self) -> ListGroupsResponse {
        let is_there = |times: &u64| {
            self.cluster.partitions().any(|partition| reads(partition, *times)) && self.coordinates(*times)
        };
        let listed = (1..=GROUPS_MOST).filter(is_there).map(|times| {
            let group = ListedGroup::default().with_group_id(GroupId(text(group_name(times))));
            let group = group.with_protocol_type(text("consumer"));
            let group = if self.version >= 4 { group.with_group_state(text("Stable")) } else { group };
            if self.version >= 5 { group.with_group_type(text("classic")) } else { group }
        });
        ListGroupsResponse::default().with_groups(listed.collect())
    }

    pub(super) fn offset_fetch(&self, request: &OffsetFetchRequest) -> OffsetFetchResponse {
        let groups = request.groups.iter().map(|wanted| {
            let answer = OffsetFetchResponseGroup::default().with_group_id(wanted.group_id.clone());
            let times = (1..=GROUPS_MOST).find(|times| *wanted.group_id.0 == *group_name(*times));
            match times {
                Some(times) if self.coordinates(times) => answer.with_topics(self.commits(times)),
                _ => answer.with_error_code(ResponseError::NotCoordinator.code()),
            }
        });
        OffsetFetchResponse::default().with_groups(groups.collect())
    }

    fn commits(&self, times: u64) -> Vec<OffsetFetchResponseTopics> {
        let topics = self.cluster.topics.iter().filter(|(_, topic)| !topic.internal);
        let told = topics.filter_map(|(name, topic)| {
            let partitions = topic.partitions.iter().map(|pid| &self.cluster.partitions[*pid]);
            let read = partitions.filter(|partition| reads(partition, times)).map(|partition| {
                OffsetFetchResponsePartitions::default()
                    .with_partition_index(partition.id)
                    .with_committed_offset(wire_i64(partition.end_offset_at(self.cluster.now_ms)))
                    .with_committed_leader_epoch(partition.leader_epoch)
            });
            let read: Vec<OffsetFetchResponsePartitions> = read.collect();
            let topic = OffsetFetchResponseTopics::default().with_name(topic_name(name));
            (!read.is_empty()).then(|| topic.with_partitions(read))
        });
        told.collect()
    }
}
