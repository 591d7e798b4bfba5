//! Bytes that no well-behaved client sends, and some that a popular one does.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::{Buf, Bytes, BytesMut};
use evenkeel::edge::sim::{SimCluster, SimServer, SimSpec};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, DescribeClusterRequest, DescribeClusterResponse,
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, MetadataRequest, MetadataResponse,
    RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable};

use crate::frozen;

fn server() -> SimServer {
    frozen(SimCluster::new(&SimSpec::small(1)).unwrap())
}

fn dial(server: &SimServer) -> TcpStream {
    let bootstrap = server.bootstrap();
    TcpStream::connect(bootstrap.split(',').next().unwrap()).unwrap()
}

fn request(api: ApiKey, version: i16, body: &impl Encodable, body_version: i16, after: &[u8]) -> BytesMut {
    let mut bytes = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(42);
    header.encode(&mut bytes, api.request_header_version(body_version)).unwrap();
    body.encode(&mut bytes, body_version).unwrap();
    bytes.extend_from_slice(after);
    bytes
}

fn send(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(&u32::try_from(bytes.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(bytes).unwrap();
}

/// The next answer, without its length; nothing when the broker hung up.
fn receive(stream: &mut TcpStream) -> Option<Bytes> {
    let mut length = [0; 4];
    if stream.read_exact(&mut length).is_err() {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut bytes).unwrap();
    Some(Bytes::from(bytes))
}

#[test]
fn an_api_versions_request_from_the_future_is_answered_in_version_0() {
    let server = server();
    let mut stream = dial(&server);
    send(&mut stream, &request(ApiKey::ApiVersions, 77, &ApiVersionsRequest::default(), 3, &[]));
    let mut answer = receive(&mut stream).unwrap();
    let header = ResponseHeader::decode(&mut answer, 0).unwrap();
    let answer = ApiVersionsResponse::decode(&mut answer, 0).unwrap();
    assert_eq!((header.correlation_id, answer.error_code), (42, 35));
    assert!(answer.api_keys.iter().any(|api| api.api_key == ApiKey::AlterPartitionReassignments as i16));
    // The connection goes on.
    send(&mut stream, &request(ApiKey::ApiVersions, 3, &ApiVersionsRequest::default(), 3, &[]));
    let mut answer = receive(&mut stream).unwrap();
    ResponseHeader::decode(&mut answer, 0).unwrap();
    assert_eq!(ApiVersionsResponse::decode(&mut answer, 3).unwrap().error_code, 0);
    assert!(!answer.has_remaining());
}

/// librdkafka sends three zero bytes after the body of some requests, and real brokers do not mind.
#[test]
fn bytes_after_the_end_of_a_request_do_no_harm() {
    let server = server();
    let mut stream = dial(&server);
    for _ in 0..2 {
        send(&mut stream, &request(ApiKey::Metadata, 12, &MetadataRequest::default(), 12, &[0, 0, 0]));
        let mut answer = receive(&mut stream).unwrap();
        ResponseHeader::decode(&mut answer, 1).unwrap();
        assert_eq!(MetadataResponse::decode(&mut answer, 12).unwrap().brokers.len(), 6);
    }
}

#[test]
fn every_offered_version_of_metadata_is_answered_in_that_version() {
    let server = server();
    let mut stream = dial(&server);
    for version in 0..=13_i16 {
        let everything = if version == 0 { Some(Vec::new()) } else { None };
        let body = MetadataRequest::default().with_topics(everything).with_allow_auto_topic_creation(true);
        send(&mut stream, &request(ApiKey::Metadata, version, &body, version, &[]));
        let mut answer = receive(&mut stream).unwrap();
        ResponseHeader::decode(&mut answer, ApiKey::Metadata.response_header_version(version)).unwrap();
        let answer = MetadataResponse::decode(&mut answer, version).unwrap();
        assert_eq!((answer.brokers.len(), answer.topics.len()), (6, 8), "version {version}");
    }
}

/// Java's clients need both: controllers where brokers are listed else, and lists that are empty rather than absent.
#[test]
fn javas_clients_find_what_they_expect() {
    let server = server();
    let mut stream = TcpStream::connect(server.controller_bootstrap()).unwrap();
    let body = DescribeClusterRequest::default().with_endpoint_type(2);
    send(&mut stream, &request(ApiKey::DescribeCluster, 1, &body, 1, &[]));
    let mut answer = receive(&mut stream).unwrap();
    ResponseHeader::decode(&mut answer, 1).unwrap();
    let answer = DescribeClusterResponse::decode(&mut answer, 1).unwrap();
    let address = answer.brokers.iter().map(|node| format!("{}:{}", &*node.host, node.port));
    assert_eq!(address.collect::<Vec<_>>(), [server.controller_bootstrap()]);
    assert_eq!(answer.brokers[0].broker_id, answer.controller_id);

    let mut stream = dial(&server);
    let body = DescribeTopicPartitionsRequest::default().with_response_partition_limit(7);
    send(&mut stream, &request(ApiKey::DescribeTopicPartitions, 0, &body, 0, &[]));
    let mut answer = receive(&mut stream).unwrap();
    ResponseHeader::decode(&mut answer, 1).unwrap();
    let answer = DescribeTopicPartitionsResponse::decode(&mut answer, 0).unwrap();
    let partitions: Vec<_> = answer.topics.iter().flat_map(|topic| &topic.partitions).collect();
    assert!(partitions.len() == 7 && answer.next_cursor.is_some());
    assert!(partitions.iter().all(|partition| partition.eligible_leader_replicas.as_deref() == Some(&[])));
}

#[test]
fn what_is_no_request_ends_the_connection_and_nothing_else() {
    let server = server();
    let unknown = request(ApiKey::Heartbeat, 0, &ApiVersionsRequest::default(), 0, &[]);
    let too_new = request(ApiKey::Metadata, 99, &MetadataRequest::default(), 12, &[]);
    let cut = &request(ApiKey::Metadata, 12, &MetadataRequest::default(), 12, &[])[..12].to_vec();
    for bytes in [&unknown[..], &too_new[..], &b"GET / HTTP/1.1\r\n\r\n"[..], &b"\x00"[..], cut] {
        let mut stream = dial(&server);
        send(&mut stream, bytes);
        assert_eq!(receive(&mut stream), None, "{bytes:?}");
    }
    // A length that no request has: the broker does not wait for the rest of it.
    let mut stream = dial(&server);
    stream.write_all(&[0x7f, 0xff, 0xff, 0xff]).unwrap();
    assert_eq!(receive(&mut stream), None);

    let mut stream = dial(&server);
    send(&mut stream, &request(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default(), 0, &[]));
    assert!(receive(&mut stream).is_some());
}

#[test]
fn a_server_that_is_dropped_listens_no_more() {
    let server = server();
    let address = server.bootstrap().split(',').next().unwrap().to_owned();
    let mut stream = dial(&server);
    drop(server);
    assert_eq!(receive(&mut stream), None);
    // The listener goes with its runtime, which ends in the background.
    while TcpStream::connect(&address).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
