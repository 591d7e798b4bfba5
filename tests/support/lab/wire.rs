//! One request after another over a connection in the clear.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, Request, StrBytes};

/// Sends a request and waits for its answer.
pub fn ask<R: Request>(stream: &mut TcpStream, version: i16, request: &R) -> R::Response {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(1)
        .with_client_id(Some(StrBytes::from_static_str("lab")));
    let mut frame = BytesMut::zeroed(4);
    header.encode(&mut frame, R::header_version(version)).expect("a header");
    request.encode(&mut frame, version).expect("a request");
    let size = i32::try_from(frame.len() - 4).expect("a short request");
    frame[..4].copy_from_slice(&size.to_be_bytes());
    stream.write_all(&frame).expect("sent");
    let mut size = [0; 4];
    stream.read_exact(&mut size).expect("an answer");
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(size)).expect("a size")];
    stream.read_exact(&mut answer).expect("an answer");
    let mut answer = Bytes::from(answer);
    let api = ApiKey::try_from(R::KEY).expect("a known request");
    ResponseHeader::decode(&mut answer, api.response_header_version(version)).expect("a header");
    R::Response::decode(&mut answer, version).expect("an answer that can be read")
}
