//! The active `KRaft` controller and where it listens: the only one who takes settings for a broker that is down.

use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::{
    ApiKey, DescribeQuorumRequest, DescribeQuorumResponse, TopicName as WireTopic,
};
use kafka_protocol::protocol::StrBytes;

use super::AdminClient;
use super::call::Target;
use super::code::Code;
use super::error::{KafkaError, Peer};
use crate::base::BrokerId;
use crate::config::Address;

impl AdminClient {
    /// The controllers to ask: those of the settings, else the active one that the brokers tell of.
    pub(super) async fn controllers(&self) -> Result<Vec<Peer>, KafkaError> {
        let given = &self.settings().controllers;
        if given.is_empty() {
            return Ok(vec![self.active_controller().await?]);
        }
        Ok(given.iter().map(|address| Peer { id: None, address: address.clone() }).collect())
    }

    /// The active controller's own listener; brokers tell it from Kafka 3.9 on.
    async fn active_controller(&self) -> Result<Peer, KafkaError> {
        let api = ApiKey::DescribeQuorum;
        let make = |_| {
            let topic = WireTopic(StrBytes::from_static_str("__cluster_metadata"));
            let topic =
                TopicData::default().with_topic_name(topic).with_partitions(vec![PartitionData::default()]);
            DescribeQuorumRequest::default().with_topics(vec![topic])
        };
        let code = |answer: &DescribeQuorumResponse| Code(answer.error_code);
        let reply = self.call::<DescribeQuorumRequest, _>(Target::Any, self.patience(), make, code).await?;
        let answer = &reply.answer;
        if !Code(answer.error_code).is_ok() {
            let words = answer.error_message.as_deref().unwrap_or_default();
            return Err(reply.error(api, "", None, Code(answer.error_code), words));
        }
        let partition = answer.topics.first().and_then(|topic| topic.partitions.first());
        let leader = partition.map(|partition| partition.leader_id);
        let node = answer.nodes.iter().find(|node| Some(node.node_id) == leader);
        let listener = node.and_then(|node| node.listeners.first());
        match (leader, listener) {
            (Some(leader), Some(listener)) if listener.port > 0 => {
                let address = Address { host: listener.host.to_string(), port: listener.port };
                Ok(Peer { id: Some(BrokerId(leader.0)), address })
            }
            _ => Err(reply.malformed(api, "it does not tell where the active controller listens".to_owned())),
        }
    }
}
