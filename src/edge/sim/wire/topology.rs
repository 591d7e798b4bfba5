//! Metadata, `DescribeCluster`, `DescribeTopicPartitions`: who is there and where partitions stand.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_quorum_response::{
    Listener, Node as QuorumNode, PartitionData, ReplicaState, TopicData,
};
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    DescribeClusterRequest, DescribeClusterResponse, DescribeQuorumResponse, DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse, MetadataRequest, MetadataResponse,
};

use super::super::state::{Pid, SimBroker, SimTopic};
use super::{CONTROLLER_ID, Call, Node, broker_id, broker_ids, own_name, text, topic_name};
use crate::base::{BrokerId, TopicName};

/// Kafka's own bound on one page (`max.request.partition.size.limit`).
const PAGE_PARTITIONS_MAX: usize = 2_000;

impl Call<'_> {
    /// The controller that clients are told of.
    fn told_controller(&self) -> i32 {
        self.cluster.controller.filter(|controller| self.cluster.serves(*controller)).map_or(-1, |id| id.0)
    }

    pub(super) fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let brokers = self.cluster.brokers.iter().filter(|(_, broker)| !broker.fenced);
        let brokers = brokers.map(|(id, broker)| {
            MetadataResponseBroker::default()
                .with_node_id(broker_id(*id))
                .with_host(text(broker.host.as_str()))
                .with_port(i32::from(broker.port))
                .with_rack(broker.rack.as_ref().map(|rack| text(rack.as_str())))
        });
        let all = match &request.topics {
            None => true,
            Some(topics) => self.version == 0 && topics.is_empty(),
        };
        let topics = if all {
            self.cluster.topics.iter().map(|(name, topic)| self.metadata_topic(name, topic)).collect()
        } else {
            let wanted = request.topics.iter().flatten();
            wanted.map(|topic| self.metadata_wanted(topic.name.as_ref(), topic.topic_id)).collect()
        };
        MetadataResponse::default()
            .with_brokers(brokers.collect())
            .with_cluster_id(Some(text(self.cluster.cluster_id.as_str())))
            .with_controller_id(self.told_controller().into())
            .with_topics(topics)
    }

    fn metadata_wanted(
        &self,
        name: Option<&kafka_protocol::messages::TopicName>,
        id: uuid::Uuid,
    ) -> MetadataResponseTopic {
        let found = match name {
            Some(name) => self.cluster.topics.get_key_value(&own_name(name)),
            None => self.cluster.topics.iter().find(|(_, topic)| topic.id == id),
        };
        if let Some((name, topic)) = found {
            return self.metadata_topic(name, topic);
        }
        let by_name = ResponseError::UnknownTopicOrPartition;
        let error = if name.is_some() { by_name } else { ResponseError::UnknownTopicId };
        let unknown = MetadataResponseTopic::default().with_error_code(error.code());
        unknown.with_name(name.cloned()).with_topic_id(id)
    }

    fn metadata_topic(&self, name: &TopicName, topic: &SimTopic) -> MetadataResponseTopic {
        let partitions = topic.partitions.iter().map(|pid| {
            let partition = &self.cluster.partitions[*pid];
            MetadataResponsePartition::default()
                .with_error_code(self.leader_error(*pid))
                .with_partition_index(partition.id)
                .with_leader_id(broker_id(partition.leader.unwrap_or(BrokerId(-1))))
                .with_leader_epoch(partition.leader_epoch)
                .with_replica_nodes(broker_ids(&partition.replicas))
                .with_isr_nodes(broker_ids(&partition.isr))
                .with_offline_replicas(broker_ids(&self.cluster.offline_replicas(*pid)))
        });
        MetadataResponseTopic::default()
            .with_name(Some(topic_name(name)))
            .with_topic_id(topic.id)
            .with_is_internal(topic.internal)
            .with_partitions(partitions.collect())
    }

    fn leader_error(&self, pid: Pid) -> i16 {
        match self.cluster.partitions[pid].leader {
            Some(_) => 0,
            None => ResponseError::LeaderNotAvailable.code(),
        }
    }

    pub(super) fn describe_cluster(&self, request: &DescribeClusterRequest) -> DescribeClusterResponse {
        const BROKERS: i8 = 1;
        const CONTROLLERS: i8 = 2;
        let response = DescribeClusterResponse::default()
            .with_cluster_id(text(self.cluster.cluster_id.as_str()))
            .with_endpoint_type(request.endpoint_type);
        let here = if self.node == Node::Controller { CONTROLLERS } else { BROKERS };
        if request.endpoint_type != here {
            let error = ResponseError::MismatchedEndpointType;
            return response.with_error_code(error.code()).with_error_message(Some(text(error.to_string())));
        }
        if self.node == Node::Controller {
            // Asked for controllers, Kafka lists them where brokers stand else.
            let controller = DescribeClusterBroker::default()
                .with_broker_id(CONTROLLER_ID.into())
                .with_host(text("127.0.0.1"))
                .with_port(self.cluster.controller_port.map_or(-1, i32::from));
            return response.with_controller_id(CONTROLLER_ID.into()).with_brokers(vec![controller]);
        }
        let told = |broker: &&SimBroker| !broker.fenced || request.include_fenced_brokers;
        let brokers = self.cluster.brokers.iter().filter(|(_, broker)| told(broker));
        let brokers = brokers.map(|(id, broker)| {
            DescribeClusterBroker::default()
                .with_broker_id(broker_id(*id))
                .with_host(text(broker.host.as_str()))
                .with_port(i32::from(broker.port))
                .with_rack(broker.rack.as_ref().map(|rack| text(rack.as_str())))
                .with_is_fenced(broker.fenced && self.version >= 2)
        });
        response.with_controller_id(self.told_controller().into()).with_brokers(brokers.collect())
    }

    pub(super) fn describe_quorum(&self) -> DescribeQuorumResponse {
        let leader = ReplicaState::default().with_replica_id(CONTROLLER_ID.into());
        let partition = PartitionData::default()
            .with_leader_id(CONTROLLER_ID.into())
            .with_leader_epoch(1)
            .with_current_voters(vec![leader]);
        let log = TopicData::default()
            .with_topic_name(kafka_protocol::messages::TopicName(text("__cluster_metadata")))
            .with_partitions(vec![partition]);
        let response = DescribeQuorumResponse::default().with_topics(vec![log]);
        let Some(port) = self.cluster.controller_port.filter(|_| self.version >= 2) else { return response };
        let listener =
            Listener::default().with_name(text("CONTROLLER")).with_host(text("127.0.0.1")).with_port(port);
        let node = QuorumNode::default().with_node_id(CONTROLLER_ID.into()).with_listeners(vec![listener]);
        response.with_nodes(vec![node])
    }

    pub(super) fn describe_topic_partitions(
        &self,
        request: &DescribeTopicPartitionsRequest,
    ) -> DescribeTopicPartitionsResponse {
        let mut names: Vec<TopicName> = if request.topics.is_empty() {
            self.cluster.topics.keys().cloned().collect()
        } else {
            request.topics.iter().map(|topic| own_name(&topic.name)).collect()
        };
        names.sort();
        names.dedup();
        let mut from = 0;
        if let Some(cursor) = &request.cursor {
            let at = own_name(&cursor.topic_name);
            names.retain(|name| *name >= at);
            if names.first() == Some(&at) {
                from = usize::try_from(cursor.partition_index).unwrap_or(0);
            }
        }
        let limit = usize::try_from(request.response_partition_limit).unwrap_or(1);
        let mut left = limit.clamp(1, PAGE_PARTITIONS_MAX);
        let mut response = DescribeTopicPartitionsResponse::default();
        for name in names {
            let Some(topic) = self.cluster.topics.get(&name) else {
                let error = ResponseError::UnknownTopicOrPartition.code();
                let unknown = DescribeTopicPartitionsResponseTopic::default();
                response.topics.push(unknown.with_error_code(error).with_name(Some(topic_name(&name))));
                continue;
            };
            if left == 0 {
                response.next_cursor = Some(Cursor::default().with_topic_name(topic_name(&name)));
                break;
            }
            let page: Vec<Pid> = topic.partitions.iter().skip(from).take(left).copied().collect();
            let next = from + page.len();
            left -= page.len();
            from = 0;
            let described = DescribeTopicPartitionsResponseTopic::default()
                .with_name(Some(topic_name(&name)))
                .with_topic_id(topic.id)
                .with_is_internal(topic.internal)
                .with_partitions(page.into_iter().map(|pid| self.described_partition(pid)).collect());
            response.topics.push(described);
            if next < topic.partitions.len() {
                let index = i32::try_from(next).unwrap_or(i32::MAX);
                let cursor = Cursor::default().with_topic_name(topic_name(&name)).with_partition_index(index);
                response.next_cursor = Some(cursor);
                break;
            }
        }
        response
    }

    fn described_partition(&self, pid: Pid) -> DescribeTopicPartitionsResponsePartition {
        let partition = &self.cluster.partitions[pid];
        DescribeTopicPartitionsResponsePartition::default()
            .with_error_code(self.leader_error(pid))
            .with_partition_index(partition.id)
            .with_leader_id(broker_id(partition.leader.unwrap_or(BrokerId(-1))))
            .with_leader_epoch(partition.leader_epoch)
            .with_replica_nodes(broker_ids(&partition.replicas))
            .with_isr_nodes(broker_ids(&partition.isr))
            .with_offline_replicas(broker_ids(&self.cluster.offline_replicas(pid)))
            // Java's client takes absent lists for a bug, so brokers without eligible leader replicas send empty ones.
            .with_eligible_leader_replicas(Some(Vec::new()))
            .with_last_known_elr(Some(Vec::new()))
    }
}
