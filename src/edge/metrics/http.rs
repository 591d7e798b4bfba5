//! What all that is asked over HTTP has in common: the client and whom it trusts, answers that end, and addresses and errors
//! that may be shown.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Response};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Runtime;

use super::MetricsError;

/// A file that a setting names.
#[derive(Debug, Clone, Copy)]
pub(super) struct PemFile<'a> {
    /// The setting.
    pub key: &'static str,
    /// The file.
    pub path: &'a str,
}

impl PemFile<'_> {
    fn wrong(self, problem: &impl ToString) -> MetricsError {
        MetricsError::File { key: self.key, path: self.path.to_owned(), problem: problem.to_string() }
    }

    fn certificates(self) -> Result<Vec<CertificateDer<'static>>, MetricsError> {
        let found = CertificateDer::pem_file_iter(self.path).map_err(|error| self.wrong(&error))?;
        let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| self.wrong(&error))?;
        if found.is_empty() {
            return Err(self.wrong(&"holds no certificate in PEM form"));
        }
        Ok(found)
    }

    fn private_key(self) -> Result<PrivateKeyDer<'static>, MetricsError> {
        PrivateKeyDer::from_pem_file(self.path).map_err(|error| {
            self.wrong(&format!("holds no private key in PEM form without a password ({error})"))
        })
    }
}

/// A client that follows no redirection and no proxy. The identity is our certificate and its key.
///
/// # Errors
/// A file cannot be read, or the certificate and the key do not fit together.
pub(super) fn client(
    authority: Option<PemFile<'_>>,
    identity: Option<(PemFile<'_>, PemFile<'_>)>,
    timeout: Duration,
) -> Result<Client, MetricsError> {
    let mut roots = RootCertStore::empty();
    match authority {
        Some(file) => {
            for certificate in file.certificates()? {
                roots.add(certificate).map_err(|error| file.wrong(&error))?;
            }
        }
        // A machine without authorities can still ask over plain HTTP; HTTPS will say what it does not trust.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| MetricsError::Client(error.to_string()))?
        .with_root_certificates(roots);
    let tls = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificate.certificates()?, key.private_key()?)
            .map_err(|error| certificate.wrong(&format!("does not fit its key ({error})")))?,
    };
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .map_err(|error| MetricsError::Client(error.to_string()))
}

/// What a caller that is not async asks with.
///
/// # Errors
/// The machine gives no threads or sockets.
pub(super) fn runtime() -> Result<Runtime, MetricsError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| MetricsError::Client(error.to_string()))
}

/// The bytes of an answer.
///
/// # Errors
/// The connection breaks, or there are more than the limit.
pub(super) async fn body(
    response: &mut Response,
    url: &str,
    limit_bytes: usize,
) -> Result<Vec<u8>, MetricsError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(url, &error))? {
        if bytes.len() + chunk.len() > limit_bytes {
            return Err(MetricsError::TooLarge { url: shown(url), limit_bytes });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// An address as it may be shown: without credentials, and without a query, which may hold some, too.
pub(super) fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = plain.split_once("://") else { return plain.to_owned() };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let host_start = rest[..authority_end].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[host_start..])
}

/// That nothing came of a request.
pub(super) fn unreachable(url: &str, error: &reqwest::Error) -> MetricsError {
    MetricsError::Unreachable { url: shown(url), problem: innermost(error) }
}

/// The cause at the bottom says what happened (`connection refused`); what stands above it only wraps it.
fn innermost(error: &reqwest::Error) -> String {
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
