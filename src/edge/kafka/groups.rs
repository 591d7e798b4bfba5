//! `ListGroups`, `OffsetFetch`, `DescribeShareGroupOffsets`: which groups read, and how far they have come.
//!
//! A broker lists the groups that it coordinates, so whoever listed one is asked for its offsets, many groups at once. All
//! of it is bounded: so many brokers at a time, one request at each, and a time by which it has to be over. Groups that
//! did not tell by then are named as silent, and nothing fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestGroup;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;
use kafka_protocol::messages::{
    DescribeShareGroupOffsetsRequest, GroupId as WireGroup, ListGroupsRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::{StrBytes, VersionRange};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::AdminClient;
use super::acl::{Resource, Right};
use super::call::Target;
use super::code::Code;
use super::error::KafkaError;
use super::hint::grant_of;
use super::retry::{Deadline, Patience};
use crate::base::{BrokerId, TopicName, TopicPartition};
use crate::observe::{Commits, GroupCommits, GroupId};

/// Brokers that are asked at once.
const BROKERS_AT_ONCE: usize = 8;

/// Groups in one request: of each come the offsets of all partitions that it reads.
const GROUPS_AT_ONCE: usize = 50;

/// The versions in which many groups can be asked for at once; from Kafka 3.0 on.
pub(super) const OFFSETS_OF_MANY: VersionRange = VersionRange { min: 8, max: 9 };

/// A group that commits offsets, as its coordinator lists it.
#[derive(Debug, Clone)]
struct Listed {
    id: GroupId,
    is_share: bool,
    has_members: bool,
}

/// What came of one broker.
#[derive(Default)]
struct Heard {
    listed: Vec<Listed>,
    groups: BTreeMap<GroupId, GroupCommits>,
    denied: usize,
    failed: Option<KafkaError>,
}

impl Heard {
    /// What was answered of one group.
    fn take_in(
        &mut self,
        group: &Listed,
        code: Code,
        offsets: impl FnOnce() -> Vec<(TopicPartition, i64)>,
        denied: &mut BTreeSet<GroupId>,
    ) {
        match code {
            code if code.is_ok() => {
                let commits = GroupCommits { has_members: group.has_members, offsets: offsets() };
                self.groups.insert(Arc::clone(&group.id), commits);
            }
            code if code.is_denied() => {
                denied.insert(Arc::clone(&group.id));
            }
            // Gone since it was listed.
            Code::GROUP_ID_NOT_FOUND => self.listed.retain(|listed| listed.id != group.id),
            // Another broker coordinates it by now: the next look finds it there.
            _ => {}
        }
    }
}

impl AdminClient {
    /// What all groups of the cluster have committed, as far as it is told within `limit`.
    pub(super) async fn commits(&self, limit: Duration) -> Commits {
        let (deadline, places) = (Deadline::after(limit), Arc::new(Semaphore::new(BROKERS_AT_ONCE)));
        let mut asked = JoinSet::new();
        for (broker, _) in self.topology().alive() {
            let (client, places) = (self.clone(), Arc::clone(&places));
            asked.spawn(async move {
                let place = places.acquire_owned().await;
                let heard = client.hear_broker(broker, deadline).await;
                drop(place);
                heard
            });
        }
        let (mut commits, mut listed, mut failed) = (Commits::default(), BTreeSet::new(), None);
        for heard in asked.join_all().await {
            listed.extend(heard.listed.into_iter().map(|group| group.id));
            commits.groups.extend(heard.groups);
            commits.denied += heard.denied;
            failed = failed.or(heard.failed);
        }
        commits.silent = listed.into_iter().filter(|id| !commits.groups.contains_key(id)).collect();
        if let Some(error) = &failed {
            commits.trouble = Some(error.to_string());
        }
        if commits.denied > 0 {
            let right = Right { operation: "Describe", resource: Resource::Group };
            commits.mend = grant_of(&right, self.settings());
        }
        commits
    }

    /// The groups that a broker coordinates, and what they have committed.
    async fn hear_broker(&self, broker: BrokerId, deadline: Deadline) -> Heard {
        let mut heard = Heard::default();
        match self.list_groups(broker, deadline).await {
            Ok(listed) => heard.listed = listed,
            Err(error) => return Heard { failed: Some(error), ..heard },
        }
        let (share, others): (Vec<Listed>, Vec<Listed>) =
            heard.listed.iter().cloned().partition(|group| group.is_share);
        let mut denied = BTreeSet::new();
        for some in others.chunks(GROUPS_AT_ONCE) {
            if let Err(error) = self.fetch_offsets(broker, some, deadline, &mut heard, &mut denied).await {
                return Heard { failed: Some(error), ..heard };
            }
        }
        for some in share.chunks(GROUPS_AT_ONCE) {
            if let Err(error) =
                self.fetch_share_offsets(broker, some, deadline, &mut heard, &mut denied).await
            {
                return Heard { failed: Some(error), ..heard };
            }
        }
        // They are counted as such, and not as silent besides.
        heard.listed.retain(|group| !denied.contains(&group.id));
        heard.denied = denied.len();
        heard
    }

    /// Groups are no matter to wait long for: two tries within the time that is left.
    fn within(&self, deadline: Deadline) -> Patience {
        let left = deadline.left();
        Patience { per_try: self.patience().per_try.min(left), overall: left, tries: 2 }
    }

    async fn list_groups(&self, broker: BrokerId, deadline: Deadline) -> Result<Vec<Listed>, KafkaError> {
        let code = |answer: &kafka_protocol::messages::ListGroupsResponse| Code(answer.error_code);
        let target = Target::Broker(broker);
        let make = |_| ListGroupsRequest::default();
        let reply = self.call::<ListGroupsRequest, _>(target, self.within(deadline), make, code).await?;
        let code = code(&reply.answer);
        if !code.is_ok() {
            let api = kafka_protocol::messages::ApiKey::ListGroups;
            return Err(reply.error(api, "", None, code, ""));
        }
        Ok(reply.answer.groups.iter().filter_map(listed).collect())
    }

    async fn fetch_offsets(
        &self,
        broker: BrokerId,
        groups: &[Listed],
        deadline: Deadline,
        heard: &mut Heard,
        denied: &mut BTreeSet<GroupId>,
    ) -> Result<(), KafkaError> {
        let wanted = |group: &Listed| {
            OffsetFetchRequestGroup::default().with_group_id(wire_group(&group.id)).with_topics(None)
        };
        let make = |_| OffsetFetchRequest::default().with_groups(groups.iter().map(wanted).collect());
        let (target, patience) = (Target::Broker(broker), self.within(deadline));
        let reply = self
            .call_in::<OffsetFetchRequest, _>(OFFSETS_OF_MANY, target, patience, make, |_| Code::NONE)
            .await?;
        for answer in &reply.answer.groups {
            let Some(group) = groups.iter().find(|group| *group.id == **answer.group_id) else { continue };
            heard.take_in(group, Code(answer.error_code), || offsets(answer), denied);
        }
        Ok(())
    }

    /// How far share groups have come: all before these offsets was read.
    async fn fetch_share_offsets(
        &self,
        broker: BrokerId,
        groups: &[Listed],
        deadline: Deadline,
        heard: &mut Heard,
        denied: &mut BTreeSet<GroupId>,
    ) -> Result<(), KafkaError> {
        let wanted = |group: &Listed| {
            let wanted = DescribeShareGroupOffsetsRequestGroup::default();
            wanted.with_group_id(wire_group(&group.id)).with_topics(None)
        };
        let make =
            |_| DescribeShareGroupOffsetsRequest::default().with_groups(groups.iter().map(wanted).collect());
        let (target, patience) = (Target::Broker(broker), self.within(deadline));
        let reply =
            self.call::<DescribeShareGroupOffsetsRequest, _>(target, patience, make, |_| Code::NONE).await?;
        for answer in &reply.answer.groups {
            let Some(group) = groups.iter().find(|group| *group.id == **answer.group_id) else { continue };
            let offsets = answer.topics.iter().flat_map(|topic| {
                let name = TopicName::from(&**topic.topic_name);
                let told = topic.partitions.iter().filter(|partition| Code(partition.error_code).is_ok());
                told.map(move |partition| {
                    (TopicPartition::new(name.clone(), partition.partition_index), partition.start_offset)
                })
            });
            heard.take_in(group, Code(answer.error_code), || offsets.collect(), denied);
        }
        Ok(())
    }
}

/// A group that commits offsets to Kafka. Others only agree on who does what, such as workers of Kafka Connect.
fn listed(group: &ListedGroup) -> Option<Listed> {
    let kind = group.group_type.to_ascii_lowercase();
    let reads = matches!(&*group.protocol_type, "" | "consumer" | "share" | "streams");
    let state = group.group_state.to_ascii_lowercase();
    (reads && state != "dead").then(|| Listed {
        id: GroupId::from(&**group.group_id),
        is_share: kind == "share" || &*group.protocol_type == "share",
        has_members: !matches!(&*state, "" | "empty"),
    })
}

fn offsets(answer: &OffsetFetchResponseGroup) -> Vec<(TopicPartition, i64)> {
    let of_topic = answer.topics.iter().flat_map(|topic| {
        // One name for all its partitions: there may be a million.
        let name = TopicName::from(&**topic.name);
        let told = topic.partitions.iter().filter(|partition| Code(partition.error_code).is_ok());
        told.map(move |partition| {
            (TopicPartition::new(name.clone(), partition.partition_index), partition.committed_offset)
        })
    });
    of_topic.collect()
}

pub(super) fn wire_group(id: &str) -> WireGroup {
    WireGroup(StrBytes::from_string(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(protocol: &str, kind: &str, state: &str) -> Option<Listed> {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let group = ListedGroup::default()
            .with_group_id(wire_group("g"))
            .with_protocol_type(text(protocol))
            .with_group_type(text(kind))
            .with_group_state(text(state));
        listed(&group)
    }

    #[test]
    fn groups_that_commit_offsets_are_told_from_those_that_do_not() {
        let members = |listed: Option<Listed>| listed.map(|group| (group.has_members, group.is_share));
        assert_eq!(members(seen("consumer", "classic", "Stable")), Some((true, false)));
        assert_eq!(members(seen("consumer", "Consumer", "Reconciling")), Some((true, false)));
        assert_eq!(members(seen("streams", "streams", "Stable")), Some((true, false)));
        assert_eq!(members(seen("", "classic", "Empty")), Some((false, false)), "it reads without joining");
        assert_eq!(members(seen("share", "Share", "Stable")), Some((true, true)));
        assert_eq!(members(seen("connect", "classic", "Stable")), None);
        assert_eq!(members(seen("consumer", "classic", "Dead")), None);
    }
}
