//! SASL: the exchange by which we log in, PLAIN or SCRAM, over Kafka's own requests.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;
use secrecy::ExposeSecret as _;

use super::code::Code;
use super::connection::Connection;
use super::error::ConnectProblem;
use super::scram::{ClientFirst, Hash, ScramError};
use crate::config::{SaslMechanism, SaslSettings};

const PHASE: &str = "logging in over SASL";

/// Logs in. Returns how long the session lasts, where the broker limits it.
pub(super) async fn authenticate(
    connection: &mut Connection,
    settings: &SaslSettings,
) -> Result<Option<Duration>, ConnectProblem> {
    handshake(connection, settings.mechanism).await?;
    match settings.mechanism {
        SaslMechanism::Plain => {
            let message = format!("\0{}\0{}", settings.username, settings.password.expose_secret());
            let (_, lifetime) = send(connection, settings, message.into_bytes()).await?;
            Ok(lifetime)
        }
        SaslMechanism::ScramSha256 => scram(connection, settings, Hash::Sha256).await,
        SaslMechanism::ScramSha512 => scram(connection, settings, Hash::Sha512).await,
    }
}

async fn handshake(connection: &mut Connection, mechanism: SaslMechanism) -> Result<(), ConnectProblem> {
    let wanted = mechanism.name();
    let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(wanted));
    let answer = connection.call(&request).await;
    let answer = answer.map_err(|error| connection.explain(PHASE, ApiKey::SaslHandshake, error))?;
    match Code(answer.error_code) {
        Code::NONE => Ok(()),
        Code::ILLEGAL_SASL_STATE => Err(ConnectProblem::SaslNotExpected),
        _ => {
            let offered = answer.mechanisms.iter().map(ToString::to_string).collect();
            Err(ConnectProblem::SaslMechanism { wanted, offered })
        }
    }
}

async fn scram(
    connection: &mut Connection,
    settings: &SaslSettings,
    hash: Hash,
) -> Result<Option<Duration>, ConnectProblem> {
    let first = ClientFirst::new(hash, &settings.username, nonce()?);
    let (challenge, _) = send(connection, settings, first.message().into_bytes()).await?;
    let last = first.respond(text(&challenge)?, &settings.password)?;
    let (verdict, lifetime) = send(connection, settings, last.message.clone().into_bytes()).await?;
    last.verify(text(&verdict)?)?;
    Ok(lifetime)
}

fn text(bytes: &Bytes) -> Result<&str, ConnectProblem> {
    std::str::from_utf8(bytes).map_err(|_| ScramError::Malformed("it is not text").into())
}

/// Random bytes as base64, which SCRAM allows in a nonce, from the same source that TLS uses.
fn nonce() -> Result<String, ConnectProblem> {
    let mut bytes = [0; 18];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| ScramError::Malformed("no random bytes to answer it with"))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}

async fn send(
    connection: &mut Connection,
    settings: &SaslSettings,
    message: Vec<u8>,
) -> Result<(Bytes, Option<Duration>), ConnectProblem> {
    let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
    let answer = connection.call(&request).await;
    let answer = answer.map_err(|error| connection.explain(PHASE, ApiKey::SaslAuthenticate, error))?;
    if !Code(answer.error_code).is_ok() {
        let words = answer.error_message.map(|words| words.to_string());
        let words = words.unwrap_or_else(|| Code(answer.error_code).to_string());
        return Err(ConnectProblem::SaslRefused { user: settings.username.clone(), words });
    }
    let lifetime = u64::try_from(answer.session_lifetime_ms).ok().filter(|ms| *ms > 0);
    Ok((answer.auth_bytes, lifetime.map(Duration::from_millis)))
}
