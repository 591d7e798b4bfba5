//! Requests and answers of the Kafka protocol, from bytes to the simulated cluster and back.
//!
//! Each request goes to a method of [`Call`] in one of the files below; what it means is decided by the cluster.
//! This folder knows no sockets.

mod configs;
mod groups;
mod log_dirs;
mod reassign;
mod topics;
mod topology;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, RequestHeader, RequestKind, ResponseHeader, ResponseKind,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::{Refusal, SimCluster};
use crate::base::{BrokerId, TopicName};

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Broker(BrokerId),
    Controller,
}

/// The controller's node id: not among those of brokers.
const CONTROLLER_ID: i32 = 3000;

/// Bytes that are not a request that the simulated brokers know. Real brokers too close the connection on these.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the frame is too short for a request")]
    Short,
    #[error("request {0} is none of those that the simulated cluster answers")]
    UnknownRequest(i16),
    #[error("version {version} of request {api:?} is not among those offered")]
    UnsupportedVersion { api: ApiKey, version: i16 },
    #[error("{0}")]
    Codec(String),
}

fn codec(error: impl std::fmt::Display) -> WireError {
    WireError::Codec(format!("{error:#}"))
}

/// A request that was read.
#[derive(Debug)]
pub(super) struct Request {
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    /// Absent when the client asked for `ApiVersions` in a version that is not offered.
    body: Option<RequestKind>,
}

/// What is answered, and in which versions.
const OFFERED: [(ApiKey, i16, i16); 17] = [
    (ApiKey::ListOffsets, 1, 10),
    (ApiKey::OffsetFetch, 8, 9),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::AlterReplicaLogDirs, 1, 2),
    (ApiKey::DescribeLogDirs, 1, 4),
    (ApiKey::ElectLeaders, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::AlterPartitionReassignments, 0, 1),
    (ApiKey::ListPartitionReassignments, 0, 0),
    (ApiKey::DescribeQuorum, 0, 2),
    (ApiKey::DescribeCluster, 0, 2),
    (ApiKey::DescribeTopicPartitions, 0, 0),
];

/// What the `KRaft` controller answers itself, of the above.
const ON_CONTROLLER: [ApiKey; 10] = [
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DescribeConfigs,
    ApiKey::ElectLeaders,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::AlterPartitionReassignments,
    ApiKey::ListPartitionReassignments,
    ApiKey::DescribeQuorum,
    ApiKey::DescribeCluster,
];

/// Reads a request. Bytes after its end are warned of and left alone: librdkafka sends some.
pub(super) fn read(mut frame: Bytes) -> Result<Request, WireError> {
    if frame.len() < 8 {
        return Err(WireError::Short);
    }
    let mut start = &frame[..8];
    let (key, version, correlation_id) = (start.get_i16(), start.get_i16(), start.get_i32());
    let offered = OFFERED.iter().find(|(api, _, _)| *api as i16 == key);
    let Some((api, lowest, highest)) = offered else { return Err(WireError::UnknownRequest(key)) };
    if !(*lowest..=*highest).contains(&version) {
        return match api {
            // KIP-511: the answer to a version that the broker does not know is version 0, with error 35.
            ApiKey::ApiVersions => Ok(Request { api: *api, version: 0, correlation_id, body: None }),
            _ => Err(WireError::UnsupportedVersion { api: *api, version }),
        };
    }
    RequestHeader::decode(&mut frame, api.request_header_version(version)).map_err(codec)?;
    let body = RequestKind::decode(*api, &mut frame, version).map_err(codec)?;
    if frame.has_remaining() {
        tracing::warn!(?api, version, bytes = frame.remaining(), "a request has bytes after its end");
    }
    Ok(Request { api: *api, version, correlation_id, body: Some(body) })
}

/// Writes an answer, header first.
pub(super) fn write(request: &Request, answer: &ResponseKind, into: &mut BytesMut) -> Result<(), WireError> {
    let header_version = request.api.response_header_version(request.version);
    let header = ResponseHeader::default().with_correlation_id(request.correlation_id);
    header.encode(into, header_version).map_err(codec)?;
    answer.encode(into, request.version).map_err(codec)
}

/// Carries a request out. Nothing comes back from a broker that is down, or when the answer gets lost.
pub(super) fn answer(cluster: &mut SimCluster, node: Node, request: &Request) -> Option<ResponseKind> {
    if let Node::Broker(id) = node
        && !cluster.serves(id)
    {
        return None;
    }
    let Some(body) = &request.body else {
        let error_code = ResponseError::UnsupportedVersion.code();
        return Some(ResponseKind::ApiVersions(api_versions(cluster, node).with_error_code(error_code)));
    };
    let changes = matches!(
        body,
        RequestKind::CreateTopics(_)
            | RequestKind::DeleteTopics(_)
            | RequestKind::AlterReplicaLogDirs(_)
            | RequestKind::ElectLeaders(_)
            | RequestKind::IncrementalAlterConfigs(_)
            | RequestKind::AlterPartitionReassignments(_)
    );
    let for_controller = matches!(
        body,
        RequestKind::CreateTopics(_)
            | RequestKind::DeleteTopics(_)
            | RequestKind::ElectLeaders(_)
            | RequestKind::AlterPartitionReassignments(_)
            | RequestKind::ListPartitionReassignments(_)
    );
    let mut refuse = if changes { cluster.trouble.refuses() } else { None };
    let misdirected = matches!(node, Node::Broker(id) if cluster.controller != Some(id));
    if for_controller && misdirected && !cluster.forwards_to_controller {
        refuse = Some(ResponseError::NotController);
    }
    let lost = changes && refuse.is_none() && cluster.trouble.loses_answer();
    let mut call = Call { cluster, node, version: request.version, refuse };
    call.dispatch(body).filter(|_| !lost)
}

/// One request being carried out.
struct Call<'a> {
    cluster: &'a mut SimCluster,
    node: Node,
    version: i16,
    /// The error that everything is answered with.
    refuse: Option<ResponseError>,
}

/// A code and Kafka's words, as answers carry them.
type Outcome = (i16, Option<StrBytes>);

impl Call<'_> {
    fn dispatch(&mut self, body: &RequestKind) -> Option<ResponseKind> {
        Some(match body {
            RequestKind::ApiVersions(_) => ResponseKind::ApiVersions(api_versions(self.cluster, self.node)),
            RequestKind::Metadata(request) => ResponseKind::Metadata(self.metadata(request)),
            RequestKind::DescribeCluster(request) => {
                ResponseKind::DescribeCluster(self.describe_cluster(request))
            }
            RequestKind::DescribeQuorum(_) => ResponseKind::DescribeQuorum(self.describe_quorum()),
            RequestKind::DescribeTopicPartitions(request) => {
                ResponseKind::DescribeTopicPartitions(self.describe_topic_partitions(request))
            }
            RequestKind::DescribeLogDirs(request) => {
                ResponseKind::DescribeLogDirs(self.describe_log_dirs(request))
            }
            RequestKind::AlterReplicaLogDirs(request) => {
                ResponseKind::AlterReplicaLogDirs(self.alter_replica_log_dirs(request))
            }
            RequestKind::ListOffsets(request) => ResponseKind::ListOffsets(self.list_offsets(request)),
            RequestKind::ListGroups(_) => ResponseKind::ListGroups(self.list_groups()),
            RequestKind::OffsetFetch(request) => ResponseKind::OffsetFetch(self.offset_fetch(request)),
            RequestKind::ListPartitionReassignments(request) => {
                ResponseKind::ListPartitionReassignments(self.list_reassignments(request))
            }
            RequestKind::AlterPartitionReassignments(request) => {
                ResponseKind::AlterPartitionReassignments(self.alter_reassignments(request))
            }
            RequestKind::ElectLeaders(request) => ResponseKind::ElectLeaders(self.elect_leaders(request)),
            RequestKind::DescribeConfigs(request) => {
                ResponseKind::DescribeConfigs(self.describe_configs(request))
            }
            RequestKind::IncrementalAlterConfigs(request) => {
                ResponseKind::IncrementalAlterConfigs(self.alter_configs(request))
            }
            RequestKind::CreateTopics(request) => ResponseKind::CreateTopics(self.create_topics(request)),
            RequestKind::DeleteTopics(request) => ResponseKind::DeleteTopics(self.delete_topics(request)),
            // `read` lets no other request pass.
            _ => return None,
        })
    }

    /// Does something, unless everything is refused.
    fn attempt(&mut self, work: impl FnOnce(&mut SimCluster) -> Result<(), Refusal>) -> Outcome {
        match self.refuse {
            Some(error) => (error.code(), Some(text(error.to_string()))),
            None => outcome(work(self.cluster)),
        }
    }
}

fn outcome(result: Result<(), Refusal>) -> Outcome {
    match result {
        Ok(()) => (0, None),
        Err(refusal) => (refusal.error.code(), Some(text(refusal.message))),
    }
}

fn text(words: impl Into<String>) -> StrBytes {
    StrBytes::from_string(words.into())
}

fn topic_name(name: &TopicName) -> kafka_protocol::messages::TopicName {
    kafka_protocol::messages::TopicName(text(name.as_str()))
}

fn own_name(name: &kafka_protocol::messages::TopicName) -> TopicName {
    TopicName::from(name.as_str())
}

fn broker_id(id: BrokerId) -> kafka_protocol::messages::BrokerId {
    kafka_protocol::messages::BrokerId(id.0)
}

fn broker_ids(ids: &[BrokerId]) -> Vec<kafka_protocol::messages::BrokerId> {
    ids.iter().copied().map(broker_id).collect()
}

fn api_versions(cluster: &SimCluster, node: Node) -> ApiVersionsResponse {
    // With `ZooKeeper` there is no quorum to ask for.
    let known = |api: &ApiKey| cluster.forwards_to_controller || *api != ApiKey::DescribeQuorum;
    let here = |api: &ApiKey| known(api) && (node != Node::Controller || ON_CONTROLLER.contains(api));
    let offered = OFFERED.iter().filter(|(api, _, _)| here(api));
    let keys = offered.map(|(api, lowest, highest)| {
        ApiVersion::default().with_api_key(*api as i16).with_min_version(*lowest).with_max_version(*highest)
    });
    let mut response = ApiVersionsResponse::default().with_api_keys(keys.collect());
    if cluster.forwards_to_controller {
        let level = metadata_level(&cluster.kafka_version);
        let name = StrBytes::from_static_str("metadata.version");
        response.supported_features = vec![
            SupportedFeatureKey::default()
                .with_name(name.clone())
                .with_min_version(7)
                .with_max_version(level),
        ];
        response.finalized_features = vec![
            FinalizedFeatureKey::default()
                .with_name(name)
                .with_min_version_level(level)
                .with_max_version_level(level),
        ];
        response.finalized_features_epoch = 1;
    }
    response
}

/// The `metadata.version` that a release of Kafka brings, which is how a client can tell one from another.
fn metadata_level(kafka_version: &str) -> i16 {
    const LEVELS: [(&str, i16); 12] = [
        ("3.3", 7),
        ("3.4", 8),
        ("3.5", 11),
        ("3.6", 14),
        ("3.7", 19),
        ("3.8", 20),
        ("3.9", 21),
        ("4.0", 25),
        ("4.1", 27),
        ("4.2", 29),
        ("4.3", 30),
        ("4.4", 31),
    ];
    let of = |(release, _): &&(&str, i16)| {
        kafka_version == *release || kafka_version.starts_with(&format!("{release}."))
    };
    LEVELS.iter().find(of).map_or(27, |(_, level)| *level)
}
