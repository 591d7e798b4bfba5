//! Frames: a request into bytes, bytes into a response, checked.

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, Request, StrBytes};

use super::error::RequestProblem;
use super::shape;
use crate::base::one_line;

/// The largest answer that is taken. Metadata of a million replicas stays well under it, and what is larger is
/// not Kafka's protocol (the first four bytes of most other protocols read as more).
pub(super) const FRAME_BYTES_MAX: u32 = 128 << 20;

/// Puts a request into a frame, length first.
pub(super) fn encode<R: Request>(
    request: &R,
    version: i16,
    correlation: i32,
    client_id: &StrBytes,
) -> Result<Bytes, RequestProblem> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(client_id.clone()));
    let mut frame = BytesMut::zeroed(4);
    header
        .encode(&mut frame, R::header_version(version))
        .and_then(|()| request.encode(&mut frame, version))
        .map_err(|error| RequestProblem::Encode(error.to_string()))?;
    let size = i32::try_from(frame.len() - 4);
    let size = size.map_err(|_| RequestProblem::Encode("it is larger than 2 GiB".to_owned()))?;
    frame[..4].copy_from_slice(&size.to_be_bytes());
    Ok(frame.freeze())
}

/// Takes the header off an answer and checks that it belongs to our request.
pub(super) fn check_correlation(
    frame: &mut Bytes,
    api: ApiKey,
    version: i16,
    correlation: i32,
) -> Result<(), RequestProblem> {
    let header = ResponseHeader::decode(frame, api.response_header_version(version))
        .map_err(|error| RequestProblem::Malformed(one_line(&format!("header: {error}"), 300)))?;
    if header.correlation_id == correlation {
        return Ok(());
    }
    let problem = format!("it answers request {}, and {correlation} was asked", header.correlation_id);
    Err(RequestProblem::Malformed(problem))
}

/// Reads the body of an answer.
pub(super) fn decode<R: Request>(mut body: Bytes, version: i16) -> Result<R::Response, RequestProblem> {
    let api = ApiKey::try_from(R::KEY);
    let api = api.map_err(|()| RequestProblem::Malformed("its kind is not known".to_owned()))?;
    shape::check(api, version, &body)?;
    let message = R::Response::decode(&mut body, version);
    let message = message.map_err(|error| RequestProblem::Malformed(one_line(&error.to_string(), 300)))?;
    if body.has_remaining() {
        // Harmless in itself, and seen from real implementations; worth knowing when something else is odd.
        tracing::debug!(left_bytes = body.remaining(), "an answer has bytes after its end");
    }
    Ok(message)
}

/// Reads an answer to a request of kind `R` from its frame, without the length before it, as a connection does that sent the
/// request in this version and under this correlation id.
///
/// # Errors
/// It is not a whole answer of that kind and version to that request.
pub fn read_answer<R: Request>(
    mut frame: Bytes,
    version: i16,
    correlation: i32,
) -> Result<R::Response, RequestProblem> {
    let api = ApiKey::try_from(R::KEY);
    let api = api.map_err(|()| RequestProblem::Malformed("its kind is not known".to_owned()))?;
    check_correlation(&mut frame, api, version, correlation)?;
    decode::<R>(frame, version)
}
