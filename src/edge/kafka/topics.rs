//! Topics made and deleted: evenkeel's own, and those of tests and tools. A rebalancer itself does neither.

use std::collections::BTreeMap;

use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{
    ApiKey, BrokerId as WireBroker, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
    CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::AdminClient;
use super::call::Target;
use super::code::Code;
use super::error::KafkaError;
use super::metadata::wire_topic;
use crate::base::{BrokerId, TopicName};

/// A topic to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// The replica list of each partition, from partition 0 on.
    pub assignment: Vec<Vec<BrokerId>>,
    /// Settings that stand on the topic.
    pub configs: BTreeMap<String, String>,
}

impl AdminClient {
    /// Makes a topic with its replicas where they are wanted.
    ///
    /// # Errors
    /// The controller does not answer, or refuses.
    pub async fn create_topic(&self, name: &TopicName, topic: &NewTopic) -> Result<(), KafkaError> {
        let assignments = topic.assignment.iter().zip(0..).map(|(replicas, index)| {
            let brokers = replicas.iter().map(|broker| WireBroker(broker.0)).collect();
            CreatableReplicaAssignment::default().with_partition_index(index).with_broker_ids(brokers)
        });
        let configs = topic.configs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        // -1 and -1: both follow from the assignment.
        let wanted = CreatableTopic::default()
            .with_name(wire_topic(name))
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_assignments(assignments.collect())
            .with_configs(settings_of(configs));
        self.create(name, &wanted).await
    }

    async fn create(&self, name: &TopicName, wanted: &CreatableTopic) -> Result<(), KafkaError> {
        let timeout_ms = self.timeout_ms();
        let make =
            |_| CreateTopicsRequest::default().with_topics(vec![wanted.clone()]).with_timeout_ms(timeout_ms);
        let code = |answer: &CreateTopicsResponse| {
            answer.topics.first().map_or(Code::NONE, |topic| Code(topic.error_code))
        };
        let reply =
            self.call::<CreateTopicsRequest, _>(Target::Controller, self.patience(), make, code).await?;
        match code(&reply.answer) {
            Code::NONE => Ok(()),
            code => {
                let words = reply.answer.topics.first().and_then(|topic| topic.error_message.as_deref());
                let subject = format!("topic {name}");
                let words = words.unwrap_or_default();
                Err(reply.error(ApiKey::CreateTopics, &subject, Some(name.as_str()), code, words))
            }
        }
    }

    /// Makes a topic whose replicas Kafka itself places. One that is there already is left as it is.
    ///
    /// # Errors
    /// The controller does not answer, or refuses.
    pub async fn create_spread_topic(
        &self,
        name: &TopicName,
        partitions: i32,
        copies: i16,
        configs: &[(&str, &str)],
    ) -> Result<(), KafkaError> {
        let wanted = CreatableTopic::default()
            .with_name(wire_topic(name))
            .with_num_partitions(partitions)
            .with_replication_factor(copies)
            .with_configs(settings_of(configs.iter().copied()));
        match self.create(name, &wanted).await {
            Err(error) if error.code() == Some(Code::TOPIC_ALREADY_EXISTS) => Ok(()),
            other => other,
        }
    }

    /// Adds partitions to a topic, whose replicas are placed so, until it has `total`.
    ///
    /// # Errors
    /// The controller does not answer, or refuses.
    pub async fn add_partitions(
        &self,
        name: &TopicName,
        total: i32,
        lists: &[Vec<BrokerId>],
    ) -> Result<(), KafkaError> {
        let timeout_ms = self.timeout_ms();
        let lists = lists.iter().map(|replicas| {
            let brokers = replicas.iter().map(|broker| WireBroker(broker.0)).collect();
            CreatePartitionsAssignment::default().with_broker_ids(brokers)
        });
        let wanted = CreatePartitionsTopic::default()
            .with_name(wire_topic(name))
            .with_count(total)
            .with_assignments(Some(lists.collect()));
        let make = |_| {
            CreatePartitionsRequest::default().with_topics(vec![wanted.clone()]).with_timeout_ms(timeout_ms)
        };
        let code = |answer: &CreatePartitionsResponse| {
            answer.results.first().map_or(Code::NONE, |topic| Code(topic.error_code))
        };
        let reply =
            self.call::<CreatePartitionsRequest, _>(Target::Controller, self.patience(), make, code).await?;
        match code(&reply.answer) {
            Code::NONE => Ok(()),
            code => {
                let words = reply.answer.results.first().and_then(|topic| topic.error_message.as_deref());
                let subject = format!("topic {name}");
                let words = words.unwrap_or_default();
                Err(reply.error(ApiKey::CreatePartitions, &subject, Some(name.as_str()), code, words))
            }
        }
    }

    /// Deletes a topic with all its data.
    ///
    /// # Errors
    /// The controller does not answer, or refuses.
    pub async fn delete_topic(&self, name: &TopicName) -> Result<(), KafkaError> {
        let timeout_ms = self.timeout_ms();
        let make = |version| {
            let request = DeleteTopicsRequest::default().with_timeout_ms(timeout_ms);
            if version >= 6 {
                request.with_topics(vec![DeleteTopicState::default().with_name(Some(wire_topic(name)))])
            } else {
                request.with_topic_names(vec![wire_topic(name)])
            }
        };
        let code = |answer: &DeleteTopicsResponse| {
            answer.responses.first().map_or(Code::NONE, |topic| Code(topic.error_code))
        };
        let reply =
            self.call::<DeleteTopicsRequest, _>(Target::Controller, self.patience(), make, code).await?;
        match code(&reply.answer) {
            Code::NONE => Ok(()),
            code => {
                let words = reply.answer.responses.first().and_then(|topic| topic.error_message.as_deref());
                let subject = format!("topic {name}");
                let words = words.unwrap_or_default();
                Err(reply.error(ApiKey::DeleteTopics, &subject, Some(name.as_str()), code, words))
            }
        }
    }
}

fn settings_of<'a>(configs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<CreatableTopicConfig> {
    let one = |(key, value): (&str, &str)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string(key.to_owned()))
            .with_value(Some(StrBytes::from_string(value.to_owned())))
    };
    configs.map(one).collect()
}
