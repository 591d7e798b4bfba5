//! Topics and partitions: page by page where brokers can (Kafka 3.8 on with `KRaft`), else all at once.
//!
//! What a broker says is checked here: partitions without holes, replicas each on another broker. A topic that
//! fails this is not passed on half right; it is named with what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::describe_topic_partitions_request::Cursor;
use kafka_protocol::messages::describe_topic_partitions_response::DescribeTopicPartitionsResponseTopic;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{
    ApiKey, BrokerId as WireBroker, DescribeTopicPartitionsRequest, MetadataRequest, TopicName as WireTopic,
};
use kafka_protocol::protocol::StrBytes;

use super::AdminClient;
use super::call::{Reply, Target};
use super::code::Code;
use super::error::{KafkaError, RequestProblem};
use crate::base::{BrokerId, TopicName, TopicPartition};
use crate::observe::{Partition, SeenTopic, TopicThrottle};

/// Partitions on a page: what Kafka's brokers allow by default (`max.request.partition.size.limit`).
const PAGE_PARTITIONS: i32 = 2_000;
/// Topics in one request by name.
const NAMES_PER_REQUEST: usize = 500;

/// Topics as seen, and those that could not be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TopicList {
    /// The topics.
    pub topics: BTreeMap<TopicName, SeenTopic>,
    /// Topics that exist and cannot be described, with the reason.
    pub unclear: BTreeMap<TopicName, String>,
    /// Of these, those that we have no right to describe.
    pub denied: BTreeSet<TopicName>,
}

/// A topic on its way from the wire.
struct Found {
    code: Code,
    id: uuid::Uuid,
    internal: bool,
    partitions: Vec<FoundPartition>,
}

struct FoundPartition {
    code: Code,
    id: i32,
    leader: i32,
    replicas: Vec<WireBroker>,
    isr: Vec<WireBroker>,
    offline: Vec<WireBroker>,
}

impl AdminClient {
    /// Every topic that we may describe. Kafka leaves out the others without a word: see
    /// [`crate::observe::GapKind::Topics`].
    ///
    /// # Errors
    /// No broker answers, or an answer cannot be read.
    pub async fn describe_topics(&self) -> Result<TopicList, KafkaError> {
        match self.describe_by_pages().await {
            Err(KafkaError::Request { problem: RequestProblem::NotOffered(_), .. }) => {
                self.describe_at_once().await
            }
            other => other,
        }
    }

    /// These topics. Those that do not exist are left out; those that we may not describe are named.
    ///
    /// # Errors
    /// No broker answers, or an answer cannot be read.
    pub async fn describe_named_topics(&self, names: &BTreeSet<TopicName>) -> Result<TopicList, KafkaError> {
        let mut list = TopicList::default();
        let names: Vec<&TopicName> = names.iter().collect();
        for batch in names.chunks(NAMES_PER_REQUEST) {
            let wanted: Vec<_> = batch
                .iter()
                .map(|name| MetadataRequestTopic::default().with_name(Some(wire_topic(name))))
                .collect();
            let reply = self.metadata(Some(wanted)).await?;
            collect_metadata(&reply.answer.topics, &mut list);
        }
        Ok(list)
    }

    async fn describe_at_once(&self) -> Result<TopicList, KafkaError> {
        let reply = self.metadata(None).await?;
        let mut list = TopicList::default();
        collect_metadata(&reply.answer.topics, &mut list);
        Ok(list)
    }

    async fn metadata(
        &self,
        topics: Option<Vec<MetadataRequestTopic>>,
    ) -> Result<Reply<kafka_protocol::messages::MetadataResponse>, KafkaError> {
        let make = |version| {
            // In version 0 the empty list means all topics; later ones have a null for that.
            let topics = if version == 0 { topics.clone().or(Some(Vec::new())) } else { topics.clone() };
            let request = MetadataRequest::default().with_topics(topics);
            // A topic that is gone must not come back because we asked for it.
            if version >= 4 { request.with_allow_auto_topic_creation(false) } else { request }
        };
        let reply =
            self.call::<MetadataRequest, _>(Target::Any, self.patience(), make, |_| Code::NONE).await?;
        match Code(reply.answer.error_code) {
            Code::NONE => Ok(reply),
            code => Err(reply.error(ApiKey::Metadata, "", None, code, "")),
        }
    }

    async fn describe_by_pages(&self) -> Result<TopicList, KafkaError> {
        let api = ApiKey::DescribeTopicPartitions;
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        let mut cursor: Option<(String, i32)> = None;
        loop {
            let make = |_| {
                let from = cursor.as_ref().map(|(topic, partition)| {
                    let topic = WireTopic(StrBytes::from_string(topic.clone()));
                    Cursor::default().with_topic_name(topic).with_partition_index(*partition)
                });
                let request = DescribeTopicPartitionsRequest::default();
                request.with_response_partition_limit(PAGE_PARTITIONS).with_cursor(from)
            };
            let reply = self
                .call::<DescribeTopicPartitionsRequest, _>(Target::Any, self.patience(), make, |_| Code::NONE)
                .await?;
            for topic in &reply.answer.topics {
                let Some(name) = &topic.name else { continue };
                match found.entry(name.to_string()) {
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        entry.insert(found_page(topic));
                    }
                    // A topic larger than what was left of a page goes on on the next one.
                    std::collections::btree_map::Entry::Occupied(mut entry) => {
                        entry.get_mut().partitions.extend(found_page(topic).partitions);
                    }
                }
            }
            let Some(next) = &reply.answer.next_cursor else { break };
            let next = (next.topic_name.to_string(), next.partition_index);
            // A cursor that does not move on would have us ask for ever.
            if cursor.as_ref().is_some_and(|before| next <= *before) {
                return Err(reply.malformed(api, "its cursor does not move on".to_owned()));
            }
            cursor = Some(next);
        }
        let mut list = TopicList::default();
        for (name, topic) in found {
            list.add(TopicName::from(name), topic);
        }
        Ok(list)
    }
}

fn collect_metadata(topics: &[MetadataResponseTopic], list: &mut TopicList) {
    for topic in topics {
        let Some(name) = &topic.name else { continue };
        let partitions = topic.partitions.iter().map(|partition| FoundPartition {
            code: Code(partition.error_code),
            id: partition.partition_index,
            leader: partition.leader_id.0,
            replicas: partition.replica_nodes.clone(),
            isr: partition.isr_nodes.clone(),
            offline: partition.offline_replicas.clone(),
        });
        let found = Found {
            code: Code(topic.error_code),
            id: topic.topic_id,
            internal: topic.is_internal,
            partitions: partitions.collect(),
        };
        list.add(TopicName::from(&***name), found);
    }
}

fn found_page(topic: &DescribeTopicPartitionsResponseTopic) -> Found {
    let partitions = topic.partitions.iter().map(|partition| FoundPartition {
        code: Code(partition.error_code),
        id: partition.partition_index,
        leader: partition.leader_id.0,
        replicas: partition.replica_nodes.clone(),
        isr: partition.isr_nodes.clone(),
        offline: partition.offline_replicas.clone(),
    });
    Found {
        code: Code(topic.error_code),
        id: topic.topic_id,
        internal: topic.is_internal,
        partitions: partitions.collect(),
    }
}

impl TopicList {
    fn add(&mut self, name: TopicName, found: Found) {
        match found.code {
            Code::NONE | Code::LEADER_NOT_AVAILABLE | Code::REPLICA_NOT_AVAILABLE => {}
            // Deleted between two looks.
            Code::UNKNOWN_TOPIC_OR_PARTITION => return,
            Code::TOPIC_AUTHORIZATION_FAILED => {
                self.denied.insert(name.clone());
                self.unclear.insert(name, "the client may not describe it".to_owned());
                return;
            }
            code => {
                self.unclear.insert(name, format!("Kafka answers {code}"));
                return;
            }
        }
        match found.check() {
            Ok(topic) => {
                self.topics.insert(name, topic);
            }
            Err(problem) => {
                self.unclear.insert(name, problem);
            }
        }
    }
}

impl Found {
    fn check(mut self) -> Result<SeenTopic, String> {
        self.partitions.sort_by_key(|partition| partition.id);
        let mut partitions = Vec::with_capacity(self.partitions.len());
        for (at, partition) in self.partitions.into_iter().enumerate() {
            if usize::try_from(partition.id) != Ok(at) {
                return Err(format!(
                    "its partitions are not numbered without holes: {} comes at place {at}",
                    partition.id
                ));
            }
            partitions.push(partition.check()?);
        }
        if partitions.is_empty() {
            return Err("it has no partitions".to_owned());
        }
        Ok(SeenTopic {
            id: (!self.id.is_nil()).then_some(self.id),
            min_insync_replicas: None,
            internal: self.internal,
            partitions,
            throttle: TopicThrottle::default(),
        })
    }
}

impl FoundPartition {
    fn check(self) -> Result<Partition, String> {
        match self.code {
            // Each of these leaves the replica list whole.
            Code::NONE
            | Code::LEADER_NOT_AVAILABLE
            | Code::REPLICA_NOT_AVAILABLE
            | Code::LISTENER_NOT_FOUND => {}
            code => return Err(format!("for partition {} Kafka answers {code}", self.id)),
        }
        let replicas = ids(&self.replicas);
        let distinct: BTreeSet<_> = replicas.iter().collect();
        if replicas.is_empty()
            || distinct.len() != replicas.len()
            || replicas.iter().any(|broker| broker.0 < 0)
        {
            return Err(format!("partition {} has the replica list {replicas:?}", self.id));
        }
        Ok(Partition {
            id: self.id,
            leader: (self.leader >= 0).then_some(BrokerId(self.leader)),
            isr: ids(&self.isr),
            offline: ids(&self.offline),
            replicas,
            ..Partition::default()
        })
    }
}

/// Broker ids of the wire as ours.
pub(super) fn ids(brokers: &[WireBroker]) -> Vec<BrokerId> {
    brokers.iter().map(|broker| BrokerId(broker.0)).collect()
}

/// A topic's name for the wire.
pub(super) fn wire_topic(name: &TopicName) -> WireTopic {
    WireTopic(StrBytes::from_string(name.as_str().to_owned()))
}

/// Groups partitions by topic, as requests want them.
pub(super) fn by_topic<'a>(
    partitions: impl IntoIterator<Item = &'a TopicPartition>,
) -> BTreeMap<&'a TopicName, Vec<i32>> {
    let mut topics: BTreeMap<&TopicName, Vec<i32>> = BTreeMap::new();
    for which in partitions {
        topics.entry(&which.topic).or_default().push(which.partition);
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(partitions: &[(i32, &[i32])]) -> Found {
        let partition = |(id, replicas): &(i32, &[i32])| FoundPartition {
            code: Code::NONE,
            id: *id,
            leader: -1,
            replicas: replicas.iter().copied().map(WireBroker).collect(),
            isr: Vec::new(),
            offline: Vec::new(),
        };
        let partitions = partitions.iter().map(partition).collect();
        Found { code: Code::NONE, id: uuid::Uuid::nil(), internal: false, partitions }
    }

    fn problem(partitions: &[(i32, &[i32])]) -> String {
        found(partitions).check().expect_err("it is wrong")
    }

    #[test]
    fn partitions_come_in_order_whatever_the_order_on_the_wire() {
        let topic = found(&[(1, &[2, 3]), (0, &[1, 2])]).check().expect("right");
        assert_eq!(topic.partitions[0].replicas, [BrokerId(1), BrokerId(2)]);
        assert_eq!((topic.partitions[1].leader, topic.id), (None, None));
    }

    #[test]
    fn half_a_topic_is_named_and_not_passed_on() {
        assert!(problem(&[(0, &[1]), (2, &[1])]).contains("2 comes at place 1"));
        assert!(problem(&[(0, &[1]), (0, &[1])]).contains("0 comes at place 1"));
        assert!(problem(&[(-1, &[1])]).contains("-1 comes at place 0"));
        assert!(problem(&[(0, &[1, 1])]).contains("replica list"));
        assert!(problem(&[(0, &[-3])]).contains("replica list"));
        assert!(problem(&[(0, &[])]).contains("replica list"));
        assert!(problem(&[]).contains("no partitions"));
    }

    #[test]
    fn denied_topics_are_told_from_deleted_ones() {
        let mut list = TopicList::default();
        let with = |code| Found { code, ..found(&[]) };
        list.add(TopicName::from("gone"), with(Code::UNKNOWN_TOPIC_OR_PARTITION));
        list.add(TopicName::from("hidden"), with(Code::TOPIC_AUTHORIZATION_FAILED));
        list.add(TopicName::from("odd"), with(Code(-1)));
        assert_eq!(list.denied, BTreeSet::from([TopicName::from("hidden")]));
        assert_eq!(list.unclear.keys().map(TopicName::as_str).collect::<Vec<_>>(), ["hidden", "odd"]);
        assert!(list.topics.is_empty());
    }
}
