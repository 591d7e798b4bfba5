//! HTTP as whoever asks needs it: a client and whom it trusts ([`client`]), answers that end ([`body`]), and addresses and
//! errors that may be shown ([`shown`], [`innermost`]).

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Response};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The certificate and the key that we show do not belong together.
    #[error("the certificate does not fit its key ({0})")]
    Identity(rustls::Error),
    /// The machine's TLS is of no use.
    #[error(transparent)]
    Tls(rustls::Error),
    /// The client cannot be made.
    #[error(transparent)]
    Client(reqwest::Error),
}

/// Why an answer has no body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection breaks. What this says may name the address: see [`innermost`].
    #[error(transparent)]
    Broken(reqwest::Error),
    /// It does not end in time.
    #[error("the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The most that is read.
        limit_bytes: usize,
    },
}

/// The authorities of the operating system. There may be none: a machine without them can still ask over plain HTTP, and
/// HTTPS will say what it does not trust.
pub fn system_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// These authorities, and no others.
///
/// # Errors
/// One of them is no certificate of an authority.
pub fn authorities(certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate)?;
    }
    Ok(roots)
}

/// A client that follows no redirection and no proxy. The identity is our certificates and their key.
///
/// # Errors
/// The certificates and the key do not fit together, or the machine gives no client.
pub fn client(
    trusts: RootCertStore,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    timeout: Duration,
) -> Result<Client, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ClientError::Tls)?
        .with_root_certificates(trusts);
    let tls = match identity {
        None => builder.with_no_client_auth(),
        Some((certificates, key)) => {
            builder.with_client_auth_cert(certificates, key).map_err(ClientError::Identity)?
        }
    };
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .map_err(ClientError::Client)
}

/// The bytes of an answer.
///
/// # Errors
/// The connection breaks, or there are more than the limit.
pub async fn body(response: &mut Response, limit_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if bytes.len() + chunk.len() > limit_bytes {
            return Err(BodyError::TooLarge { limit_bytes });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// An address as it may be shown: without credentials, and without a query, which may hold some, too.
pub fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = plain.split_once("://") else { return plain.to_owned() };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let host_start = rest[..authority_end].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[host_start..])
}

/// The cause at the bottom says what happened (`connection refused`); what stands above it only wraps it.
pub fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(|cause| cause.source()) {
        cause = Some(deeper);
    }
    // Without a cause the error is the whole story, and it would name the address with its credentials.
    cause.map_or_else(|| "the request cannot be made".to_owned(), ToString::to_string)
}
