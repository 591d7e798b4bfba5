//! What all that is asked over HTTP has in common: the files that settings name, and errors in the words of metrics.

use std::time::Duration;

use reqwest::{Client, Response};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::runtime::Runtime;

use super::MetricsError;
use crate::edge::web_client::{self, BodyError, ClientError, innermost, shown};

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

/// A client by the files that the settings name.
///
/// # Errors
/// A file cannot be read, or the certificate and the key do not fit together.
pub(super) fn client(
    authority: Option<PemFile<'_>>,
    identity: Option<(PemFile<'_>, PemFile<'_>)>,
    timeout: Duration,
) -> Result<Client, MetricsError> {
    let trusts = match authority {
        Some(file) => web_client::authorities(file.certificates()?).map_err(|error| file.wrong(&error))?,
        None => web_client::system_authorities(),
    };
    let shows = match identity {
        Some((certificate, key)) => Some((certificate.certificates()?, key.private_key()?)),
        None => None,
    };
    web_client::client(trusts, shows, timeout).map_err(|error| match (error, identity) {
        (ClientError::Identity(error), Some((certificate, _))) => {
            certificate.wrong(&format!("does not fit its key ({error})"))
        }
        (error, _) => MetricsError::Client(error.to_string()),
    })
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
    web_client::body(response, limit_bytes).await.map_err(|error| match error {
        BodyError::Broken(error) => unreachable(url, &error),
        BodyError::TooLarge { limit_bytes } => MetricsError::TooLarge { url: shown(url), limit_bytes },
    })
}

/// That nothing came of a request.
pub(super) fn unreachable(url: &str, error: &reqwest::Error) -> MetricsError {
    MetricsError::Unreachable { url: shown(url), problem: innermost(error) }
}
