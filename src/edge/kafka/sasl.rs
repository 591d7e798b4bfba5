//! SASL: the exchange by which we log in, PLAIN, SCRAM or a token, over Kafka's own requests.

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
use crate::config::{PasswordLogin, SaslMechanism, SaslSettings};
use crate::edge::token::{Token, TokenSource};

const PHASE: &str = "logging in over SASL";

/// Logs in. Returns how long the session lasts, where the broker limits it.
pub(super) async fn authenticate(
    connection: &mut Connection,
    settings: &SaslSettings,
    tokens: Option<&TokenSource>,
) -> Result<Option<Duration>, ConnectProblem> {
    // First of all: brokers do not wait for long between the two halves of a login.
    let token = match tokens {
        None => None,
        Some(tokens) => Some(tokens.token().await.map_err(|error| ConnectProblem::NoToken {
            problem: error.to_string(),
            is_passing: error.is_passing(),
        })?),
    };
    handshake(connection, settings.mechanism()).await?;
    match (settings, token) {
        (SaslSettings::Password(login), _) => password(connection, login).await,
        (SaslSettings::Token(_), Some(token)) => bearer(connection, &token).await,
        (SaslSettings::Token(_), None) => {
            Err(ConnectProblem::NoToken { problem: "nobody gives one".to_owned(), is_passing: false })
        }
    }
}

async fn password(
    connection: &mut Connection,
    login: &PasswordLogin,
) -> Result<Option<Duration>, ConnectProblem> {
    match login.mechanism {
        SaslMechanism::ScramSha256 => scram(connection, login, Hash::Sha256).await,
        SaslMechanism::ScramSha512 => scram(connection, login, Hash::Sha512).await,
        SaslMechanism::Plain | SaslMechanism::OauthBearer => {
            let message = format!("\0{}\0{}", login.username, login.password.expose_secret());
            let (_, lifetime) = send(connection, &login.username, message.into_bytes()).await?;
            Ok(lifetime)
        }
    }
}

/// Shows a token (RFC 7628). A broker that does not take it answers with a reason, and says no after our next word.
async fn bearer(connection: &mut Connection, token: &Token) -> Result<Option<Duration>, ConnectProblem> {
    let (reason, lifetime) = send(connection, &token.principal, bearer_message(token)).await?;
    if reason.is_empty() {
        return Ok(lifetime);
    }
    let reason: String =
        String::from_utf8_lossy(&reason).chars().filter(|c| !c.is_control()).take(300).collect();
    send(connection, &token.principal, vec![1]).await?;
    // It has to refuse now; whoever does not is no broker of Kafka's.
    Err(ConnectProblem::SaslRefused { user: token.principal.clone(), words: reason })
}

fn bearer_message(token: &Token) -> Vec<u8> {
    let mut message = format!("n,,\u{1}auth=Bearer {}\u{1}", token.value.expose_secret());
    for (key, value) in &token.extensions {
        message.extend([key, "=", value, "\u{1}"]);
    }
    message.push('\u{1}');
    message.into_bytes()
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
    login: &PasswordLogin,
    hash: Hash,
) -> Result<Option<Duration>, ConnectProblem> {
    let first = ClientFirst::new(hash, &login.username, nonce()?);
    let (challenge, _) = send(connection, &login.username, first.message().into_bytes()).await?;
    let last = first.respond(text(&challenge)?, &login.password)?;
    let (verdict, lifetime) = send(connection, &login.username, last.message.clone().into_bytes()).await?;
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
    user: &str,
    message: Vec<u8>,
) -> Result<(Bytes, Option<Duration>), ConnectProblem> {
    let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
    let answer = connection.call(&request).await;
    let answer = answer.map_err(|error| connection.explain(PHASE, ApiKey::SaslAuthenticate, error))?;
    if !Code(answer.error_code).is_ok() {
        let words = answer.error_message.map(|words| words.to_string());
        let words = words.unwrap_or_else(|| Code(answer.error_code).to_string());
        return Err(ConnectProblem::SaslRefused { user: user.to_owned(), words });
    }
    let lifetime = u64::try_from(answer.session_lifetime_ms).ok().filter(|ms| *ms > 0);
    Ok((answer.auth_bytes, lifetime.map(Duration::from_millis)))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use secrecy::SecretString;

    use super::*;

    #[test]
    fn a_token_is_shown_as_rfc_7628_has_it() {
        let token = Token {
            value: SecretString::from("a.b.c"),
            principal: "svc".to_owned(),
            extensions: [("logicalCluster".to_owned(), "lkc-1".to_owned())].into(),
            fetched: SystemTime::UNIX_EPOCH,
            lifetime: Duration::from_secs(1),
        };
        assert_eq!(bearer_message(&token), b"n,,\x01auth=Bearer a.b.c\x01logicalCluster=lkc-1\x01\x01");
        let plain = Token { extensions: std::collections::BTreeMap::new(), ..token };
        assert_eq!(bearer_message(&plain), b"n,,\x01auth=Bearer a.b.c\x01\x01");
    }
}
