//! Topics made and deleted: for tests and tools. A rebalancer itself does neither.

use std::collections::BTreeMap;

use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{
    ApiKey, BrokerId as WireBroker, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse,
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
        let timeout_ms = self.timeout_ms();
        let assignments = topic.assignment.iter().zip(0..).map(|(replicas, index)| {
            let brokers = replicas.iter().map(|broker| WireBroker(broker.0)).collect();
            CreatableReplicaAssignment::default().with_partition_index(index).with_broker_ids(brokers)
        });
        let configs = topic.configs.iter().map(|(key, value)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_string(key.clone()))
                .with_value(Some(StrBytes::from_string(value.clone())))
        });
        // -1 and -1: both follow from the assignment.
        let wanted = CreatableTopic::default()
            .with_name(wire_topic(name))
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_assignments(assignments.collect())
            .with_configs(configs.collect());
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
