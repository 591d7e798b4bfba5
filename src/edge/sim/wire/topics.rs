//! `CreateTopics` and `DeleteTopics`.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
};

use super::super::{NewTopic, Refusal};
use super::{Call, own_name, topic_name};
use crate::base::{BrokerId, TopicName};

impl Call<'_> {
    pub(super) fn create_topics(&mut self, request: &CreateTopicsRequest) -> CreateTopicsResponse {
        let results = request.topics.iter().map(|topic| {
            let new = NewTopic {
                name: topic.name.as_str().to_owned(),
                assignment: topic
                    .assignments
                    .iter()
                    .map(|given| {
                        let list = given.broker_ids.iter().map(|id| BrokerId(id.0)).collect();
                        (given.partition_index, list)
                    })
                    .collect(),
                partitions: topic.num_partitions,
                replication_factor: topic.replication_factor,
                configs: topic
                    .configs
                    .iter()
                    .filter_map(|config| {
                        let value = config.value.as_ref()?;
                        Some((config.name.as_str().to_owned(), value.as_str().to_owned()))
                    })
                    .collect(),
            };
            let (code, message) = self.attempt(|cluster| cluster.create_topic(&new, request.validate_only));
            let mut result = CreatableTopicResult::default()
                .with_name(topic.name.clone())
                .with_error_code(code)
                .with_error_message(message);
            if let Some(created) = self.cluster.topics.get(&own_name(&topic.name)).filter(|_| code == 0) {
                result.topic_id = created.id;
                result.num_partitions = i32::try_from(created.partitions.len()).unwrap_or(i32::MAX);
                let factor =
                    created.partitions.first().map_or(0, |pid| self.cluster.partitions[*pid].replicas.len());
                result.replication_factor = i16::try_from(factor).unwrap_or(i16::MAX);
            }
            result
        });
        let results = results.collect();
        CreateTopicsResponse::default().with_topics(results)
    }

    pub(super) fn delete_topics(&mut self, request: &DeleteTopicsRequest) -> DeleteTopicsResponse {
        let by_state = request.topics.iter().map(|topic| {
            let named = topic.name.as_ref().map(own_name);
            let by_id = || {
                let mut topics = self.cluster.topics.iter();
                topics.find(|(_, seen)| seen.id == topic.topic_id).map(|(name, _)| name.clone())
            };
            (named.or_else(by_id), topic.topic_id)
        });
        let by_name = request.topic_names.iter().map(|name| (Some(own_name(name)), uuid::Uuid::nil()));
        let wanted: Vec<(Option<TopicName>, uuid::Uuid)> = by_state.chain(by_name).collect();
        let results = wanted.into_iter().map(|(name, id)| {
            let known_id = name.as_ref().and_then(|name| self.cluster.topics.get(name)).map(|topic| topic.id);
            let (code, message) = self.attempt(|cluster| match &name {
                Some(name) => cluster.delete_topic(name),
                None => Err(Refusal::new(
                    ResponseError::UnknownTopicId,
                    "This server does not host this topic ID.",
                )),
            });
            DeletableTopicResult::default()
                .with_name(name.as_ref().map(topic_name))
                .with_topic_id(known_id.unwrap_or(id))
                .with_error_code(code)
                .with_error_message(message)
        });
        let results = results.collect();
        DeleteTopicsResponse::default().with_responses(results)
    }
}
