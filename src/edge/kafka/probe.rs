//! Finds out why a connection broke off without a word: is TLS spoken on one side only?
//!
//! A broker that gets TLS on a plaintext port, or the reverse, just closes the connection. One more connection
//! that speaks the other way tells; nothing secret goes over it.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::ApiVersionsRequest;
use kafka_protocol::protocol::StrBytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::codec;
use super::connection::{Dialer, connect_tcp};
use super::error::{ConnectProblem, Peer};
use crate::config::Address;

/// A broker that answers at all answers at once.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// Replaces "broke off" by what is the matter, where a probe can tell.
pub(super) async fn clarify(address: &Address, dialer: &Dialer, problem: ConnectProblem) -> ConnectProblem {
    let silent = matches!(&problem, ConnectProblem::Broken { .. } | ConnectProblem::TimedOut { .. });
    // A time limit that passed before TCP was open says nothing about TLS.
    let unreached = matches!(&problem, ConnectProblem::TimedOut { phase, .. } if phase.contains("TCP"));
    if !silent || unreached {
        return problem;
    }
    let probe = async {
        if dialer.tls.is_some() {
            speaks_plainly(address).await.then_some(ConnectProblem::PortWithoutTls)
        } else {
            speaks_tls(address).await.then_some(ConnectProblem::PortWithTls)
        }
    };
    tokio::time::timeout(PROBE_LIMIT, probe).await.ok().flatten().unwrap_or(problem)
}

/// Whether the port answers Kafka's first request in the clear.
async fn speaks_plainly(address: &Address) -> bool {
    let Ok(frame) =
        codec::encode(&ApiVersionsRequest::default(), 0, 1, &StrBytes::from_static_str("evenkeel"))
    else {
        return false;
    };
    // Length, then our correlation id.
    matches!(first_bytes(address, frame, 8).await.as_deref(), Some([0, _, _, _, 0, 0, 0, 1]))
}

/// Whether the port answers a TLS greeting with TLS: a handshake record or an alert.
async fn speaks_tls(address: &Address) -> bool {
    let Some(greeting) = client_hello() else { return false };
    matches!(first_bytes(address, greeting, 2).await.as_deref(), Some([0x15 | 0x16, 3]))
}

fn client_hello() -> Option<Bytes> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("localhost").ok()?;
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).ok()?;
    let mut greeting = Vec::new();
    client.write_tls(&mut greeting).ok()?;
    Some(Bytes::from(greeting))
}

/// Sends bytes and reads the first of the answer.
async fn first_bytes(address: &Address, send: Bytes, wanted: usize) -> Option<BytesMut> {
    let peer = Peer { id: None, address: address.clone() };
    let mut stream = connect_tcp(&peer).await.ok()?;
    stream.write_all(&send).await.ok()?;
    read(&mut stream, wanted).await
}

async fn read(stream: &mut (impl AsyncRead + Unpin), wanted: usize) -> Option<BytesMut> {
    let mut bytes = BytesMut::zeroed(wanted);
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}
