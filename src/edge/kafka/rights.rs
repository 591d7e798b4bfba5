//! Which rights we have, found by trying. Nothing is changed by it: what would be is only validated, asked for nothing, or
//! asked of a topic that does not exist. Kafka looks at rights first, so any other answer than "denied" means that the
//! right is there.

use std::collections::BTreeSet;

use bytes::Bytes;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId as WireBroker, CreatePartitionsRequest, CreateTopicsRequest,
    EndTxnRequest, FetchRequest, IncrementalAlterConfigsRequest, ListPartitionReassignmentsRequest,
    MetadataRequest, OffsetFetchRequest, ProduceRequest, ProducerId, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

use super::AdminClient;
use super::call::Target;
use super::code::Code;
use super::configs::{BROKER, TOPIC};
use super::error::KafkaError;
use super::groups::{OFFSETS_OF_MANY, wire_group};
use super::metadata::wire_topic;
use super::retry::Patience;
use crate::ask::{Granted, Need, On, Purpose};
use crate::base::TopicName;
use crate::config::transactional_id;

/// A topic that nobody has: what is granted for it is granted for every topic. It begins as no topic does, or a right on all
/// topics of one beginning would be taken for one on every topic.
const NOBODYS_TOPIC: &str = "-.nobodys-topic";

/// The newest versions of these two that are spoken here; soon after, topics are named by ids, which one that does not
/// exist has not.
pub(super) const FETCH_NEWEST: i16 = 11;
pub(super) const PRODUCE_NEWEST: i16 = 8;

/// A group that nobody is in; as with topics, what is granted for it is granted for every group.
const NOBODYS_GROUP: &str = "-.nobodys-group";

/// A producer that nobody is.
const NOBODYS_PRODUCER: ProducerId = ProducerId(i64::MAX);

/// What evenkeel calls what is its own on the cluster.
pub struct OwnNames<'a> {
    /// The lease's topic.
    pub lease_topic: &'a str,
    /// The canary's topic.
    pub canary_topic: &'a str,
}

/// What came of a try.
type Tried = Result<Code, KafkaError>;

impl AdminClient {
    /// Tries every right that evenkeel needs.
    pub async fn try_rights(&self, names: &OwnNames<'_>) -> Vec<Need> {
        use Purpose::{Execute, Lease, Look, Reads};
        let mut needs = Vec::new();
        let mut add = |purpose, on: On, operation, tried: Tried| {
            needs.push(Need { purpose, on, operation, granted: granted(tried) });
        };
        add(Look, On::Cluster, "Describe", self.try_describe_cluster().await);
        add(Look, On::Cluster, "DescribeConfigs", self.try_describe_broker().await);
        let nobodys = TopicName::from(NOBODYS_TOPIC);
        add(Look, On::EveryTopic, "Describe", self.try_describe(&nobodys).await);
        add(Look, On::EveryTopic, "DescribeConfigs", self.try_describe_configs(&nobodys).await);
        add(Reads, On::EveryGroup, "Describe", self.try_describe_group().await);
        add(Execute, On::Cluster, "Alter", self.try_alter_cluster().await);
        let broker = self.topology().alive().next().map(|(id, _)| id);
        let on_broker = broker.map(|id| (Target::Broker(id), BROKER, id.to_string()));
        let alter = match on_broker {
            Some((target, kind, name)) => self.try_alter_configs(target, kind, &name).await,
            None => Ok(Code::NONE),
        };
        add(Execute, On::Cluster, "AlterConfigs", alter);
        let alter = self.try_alter_configs(Target::Controller, TOPIC, NOBODYS_TOPIC).await;
        add(Execute, On::EveryTopic, "AlterConfigs", alter);
        needs.extend(self.own_topic(Lease, names.lease_topic, &["Create", "Read", "Write"]).await);
        if let Some(cluster) = self.topology().cluster_id {
            let id = transactional_id(&cluster);
            let granted = granted(self.try_write_transactions(&id).await);
            needs.push(Need { purpose: Lease, on: On::TransactionalId(id), operation: "Write", granted });
        }
        let operations = ["Create", "Alter", "Read", "Write"];
        needs.extend(self.own_topic(Purpose::Canary, names.canary_topic, &operations).await);
        needs
    }

    fn probing(&self) -> Patience {
        Patience { tries: 3, ..self.patience() }
    }

    async fn try_describe_cluster(&self) -> Tried {
        let make = |_| ListPartitionReassignmentsRequest::default().with_topics(Some(Vec::new()));
        let reply = self
            .call::<ListPartitionReassignmentsRequest, _>(
                Target::Controller,
                self.probing(),
                make,
                |answer| Code(answer.error_code),
            )
            .await?;
        Ok(Code(reply.answer.error_code))
    }

    async fn try_describe_broker(&self) -> Tried {
        match self.topology().alive().next() {
            Some((id, _)) => self.describe_broker_config(id).await.map(|_| Code::NONE),
            None => Ok(Code::NONE),
        }
    }

    async fn try_describe(&self, topic: &TopicName) -> Tried {
        let found = self.describe_named_topics(&BTreeSet::from([topic.clone()])).await?;
        let is_denied = found.denied.contains(topic);
        Ok(if is_denied { Code::TOPIC_AUTHORIZATION_FAILED } else { Code::NONE })
    }

    async fn try_describe_configs(&self, topic: &TopicName) -> Tried {
        let mut found = self.describe_topic_configs(&BTreeSet::from([topic.clone()])).await?;
        found.remove(topic).unwrap_or(Ok(super::TopicConfig::default())).map(|_| Code::NONE)
    }

    /// Whoever is asked looks at the right before it says that it is not the coordinator of such a group.
    async fn try_describe_group(&self) -> Tried {
        let make = |_| {
            let group = OffsetFetchRequestGroup::default().with_group_id(wire_group(NOBODYS_GROUP));
            OffsetFetchRequest::default().with_groups(vec![group.with_topics(None)])
        };
        let (target, patience) = (Target::Any, self.probing());
        let reply = self
            .call_in::<OffsetFetchRequest, _>(OFFSETS_OF_MANY, target, patience, make, |_| Code::NONE)
            .await?;
        Ok(reply.answer.groups.first().map_or(Code::NONE, |group| Code(group.error_code)))
    }

    /// No partition is named, so nothing is reassigned.
    async fn try_alter_cluster(&self) -> Tried {
        let timeout_ms = self.timeout_ms();
        let make = |_| AlterPartitionReassignmentsRequest::default().with_timeout_ms(timeout_ms);
        let code =
            |answer: &kafka_protocol::messages::AlterPartitionReassignmentsResponse| Code(answer.error_code);
        let reply = self
            .call::<AlterPartitionReassignmentsRequest, _>(Target::Controller, self.probing(), make, code)
            .await?;
        Ok(code(&reply.answer))
    }

    /// No setting is named, and it is only to be validated.
    async fn try_alter_configs(&self, target: Target, kind: i8, name: &str) -> Tried {
        let resource = AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(StrBytes::from_string(name.to_owned()));
        let make = |_| {
            IncrementalAlterConfigsRequest::default()
                .with_resources(vec![resource.clone()])
                .with_validate_only(true)
        };
        let code = |answer: &kafka_protocol::messages::IncrementalAlterConfigsResponse| {
            answer.responses.first().map_or(Code::NONE, |response| Code(response.error_code))
        };
        let reply =
            self.call::<IncrementalAlterConfigsRequest, _>(target, self.probing(), make, code).await?;
        Ok(code(&reply.answer))
    }

    /// The rights on a topic of our own. Where it is there, Kafka tells them; else each is tried on the name.
    async fn own_topic(&self, purpose: Purpose, name: &str, operations: &[&'static str]) -> Vec<Need> {
        let topic = TopicName::from(name);
        let told = self.told_operations(&topic).await;
        let mut needs = Vec::new();
        for operation in operations {
            let granted = match &told {
                Err(error) => Granted::Unknown(error.to_string()),
                // It is there: nobody has to make it any more.
                Ok(Some(_)) if *operation == "Create" => continue,
                Ok(Some(bits)) => match bits {
                    // Kafka's word for "not told".
                    &i32::MIN => Granted::Unknown("the brokers do not tell".to_owned()),
                    bits if bits & (1 << bit(operation)) != 0 => Granted::Yes,
                    _ => Granted::No,
                },
                Ok(None) => granted(self.try_on_absent(&topic, operation).await),
            };
            needs.push(Need { purpose, on: On::Topic(name.to_owned()), operation, granted });
        }
        needs
    }

    /// What Kafka says that we may do on a topic, as bits; `None` where there is no such topic.
    async fn told_operations(&self, topic: &TopicName) -> Result<Option<i32>, KafkaError> {
        let make = |version| {
            let wanted = MetadataRequestTopic::default().with_name(Some(wire_topic(topic)));
            let request = MetadataRequest::default().with_topics(Some(vec![wanted]));
            let request = if version >= 4 { request.with_allow_auto_topic_creation(false) } else { request };
            if version >= 8 { request.with_include_topic_authorized_operations(true) } else { request }
        };
        let reply =
            self.call::<MetadataRequest, _>(Target::Any, self.probing(), make, |_| Code::NONE).await?;
        let found = reply.answer.topics.first();
        Ok(found
            .filter(|found| Code(found.error_code).is_ok())
            .map(|found| found.topic_authorized_operations))
    }

    async fn try_on_absent(&self, topic: &TopicName, operation: &str) -> Tried {
        match operation {
            "Create" => self.try_create(topic).await,
            "Alter" => self.try_alter_topic(topic).await,
            "Read" => self.try_read(topic).await,
            _ => self.try_write(topic).await,
        }
    }

    async fn try_create(&self, topic: &TopicName) -> Tried {
        let timeout_ms = self.timeout_ms();
        let make = |_| {
            let wanted = CreatableTopic::default().with_name(wire_topic(topic));
            let wanted = wanted.with_num_partitions(1).with_replication_factor(1);
            CreateTopicsRequest::default()
                .with_topics(vec![wanted])
                .with_timeout_ms(timeout_ms)
                .with_validate_only(true)
        };
        let code = |answer: &kafka_protocol::messages::CreateTopicsResponse| {
            answer.topics.first().map_or(Code::NONE, |topic| Code(topic.error_code))
        };
        let reply =
            self.call::<CreateTopicsRequest, _>(Target::Controller, self.probing(), make, code).await?;
        Ok(code(&reply.answer))
    }

    async fn try_alter_topic(&self, topic: &TopicName) -> Tried {
        let timeout_ms = self.timeout_ms();
        let make = |_| {
            let wanted = CreatePartitionsTopic::default().with_name(wire_topic(topic)).with_count(2);
            CreatePartitionsRequest::default()
                .with_topics(vec![wanted.with_assignments(None)])
                .with_timeout_ms(timeout_ms)
                .with_validate_only(true)
        };
        let code = |answer: &kafka_protocol::messages::CreatePartitionsResponse| {
            answer.results.first().map_or(Code::NONE, |topic| Code(topic.error_code))
        };
        let reply =
            self.call::<CreatePartitionsRequest, _>(Target::Controller, self.probing(), make, code).await?;
        Ok(code(&reply.answer))
    }

    async fn try_read(&self, topic: &TopicName) -> Tried {
        let make = |_| {
            let partition = FetchPartition::default().with_partition_max_bytes(1);
            let wanted = FetchTopic::default().with_topic(wire_topic(topic)).with_partitions(vec![partition]);
            FetchRequest::default()
                .with_replica_id(WireBroker(-1))
                .with_max_bytes(1)
                .with_session_epoch(-1)
                .with_topics(vec![wanted])
        };
        let reply = self.call_up_to::<FetchRequest, _>(FETCH_NEWEST, self.probing(), make).await?;
        let answer = &reply.answer;
        let partition = answer.responses.first().and_then(|topic| topic.partitions.first());
        Ok(partition.map_or(Code(answer.error_code), |partition| Code(partition.error_code)))
    }

    /// No record is written: there are none, and nowhere to.
    async fn try_write(&self, topic: &TopicName) -> Tried {
        let timeout_ms = self.timeout_ms();
        let make = |_| {
            let nothing = PartitionProduceData::default().with_records(Some(Bytes::new()));
            let wanted = TopicProduceData::default().with_name(wire_topic(topic));
            ProduceRequest::default()
                .with_acks(1)
                .with_timeout_ms(timeout_ms)
                .with_topic_data(vec![wanted.with_partition_data(vec![nothing])])
        };
        let reply = self.call_up_to::<ProduceRequest, _>(PRODUCE_NEWEST, self.probing(), make).await?;
        let partition = reply.answer.responses.first().and_then(|topic| topic.partition_responses.first());
        Ok(partition.map_or(Code::NONE, |partition| Code(partition.error_code)))
    }

    /// Asks for the end of a transaction in the name of a producer that nobody is: Kafka looks at the right, and then does
    /// not find it.
    async fn try_write_transactions(&self, id: &str) -> Tried {
        let make = |_| {
            EndTxnRequest::default()
                .with_transactional_id(TransactionalId(StrBytes::from_string(id.to_owned())))
                .with_producer_id(NOBODYS_PRODUCER)
                .with_committed(false)
        };
        let reply = self.call_up_to::<EndTxnRequest, _>(i16::MAX, self.probing(), make).await?;
        Ok(Code(reply.answer.error_code))
    }
}

fn granted(tried: Tried) -> Granted {
    let denied = |code: Code| code.is_denied() || code == Code::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    match tried {
        Ok(code) if denied(code) => Granted::No,
        Ok(_) => Granted::Yes,
        Err(error) => match error.code() {
            Some(code) if denied(code) => Granted::No,
            // It was answered, and not for want of a right.
            Some(_) => Granted::Yes,
            None => Granted::Unknown(error.to_string()),
        },
    }
}

/// The place of an operation among the bits in which Kafka tells them (its `AclOperation`).
fn bit(operation: &str) -> u32 {
    match operation {
        "Read" => 3,
        "Write" => 4,
        "Create" => 5,
        "Delete" => 6,
        "Alter" => 7,
        "Describe" => 8,
        "DescribeConfigs" => 10,
        _ => 11,
    }
}
