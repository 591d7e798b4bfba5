//! TLS: from settings to a rustls configuration, and from rustls' errors to what an operator can mend.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsConnector;

use super::error::{ConnectProblem, KafkaError};
use crate::config::{Pem, TlsIdentity, TlsSettings};
use crate::edge::pem;

/// What is needed to speak TLS to any broker of a cluster.
#[derive(Clone)]
pub(super) struct Tls {
    /// Starts handshakes.
    pub(super) connector: TlsConnector,
    has_identity: bool,
}

impl Tls {
    /// Reads the PEM files and checks that they fit together.
    pub(super) fn load(settings: &TlsSettings) -> Result<Self, KafkaError> {
        let roots = authorities(settings.authorities.as_ref())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| setting("security.protocol", &error))?
            .with_root_certificates(roots);
        let config = match &settings.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = read_identity(identity)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    let problem = format!("the certificate and the private key do not fit together: {error}");
                    KafkaError::Setting { key: "ssl.certificate.location", problem }
                })?
            }
        };
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            has_identity: settings.identity.is_some(),
        })
    }

    /// The name that the broker's certificate must hold.
    pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, ConnectProblem> {
        ServerName::try_from(host.to_owned())
            .map_err(|error| ConnectProblem::Tls(format!("host name: {error}")))
    }

    /// What a failed read, write or handshake means. Absent when it is no matter of TLS.
    ///
    /// With TLS 1.3 a broker's refusal of our certificate arrives only after our side of the handshake has
    /// ended, so this is asked about the first requests too.
    pub(super) fn explain(&self, error: &io::Error) -> Option<ConnectProblem> {
        let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(match inner {
            rustls::Error::InvalidCertificate(problem) => certificate_problem(problem),
            rustls::Error::AlertReceived(alert) if is_about_our_certificate(*alert) => {
                if self.has_identity {
                    ConnectProblem::CertificateRefused(format!("{alert:?}"))
                } else {
                    ConnectProblem::CertificateMissing
                }
            }
            // Bytes that are no TLS at all.
            rustls::Error::InvalidMessage(_) => ConnectProblem::PortWithoutTls,
            other => ConnectProblem::Tls(other.to_string()),
        })
    }
}

/// The version that was agreed on, and the certificate that the broker showed.
pub(super) fn seen(connection: &rustls::ClientConnection) -> Option<(String, CertificateDer<'static>)> {
    let version = match connection.protocol_version()? {
        rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
        rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
        other => format!("{other:?}"),
    };
    let certificate = connection.peer_certificates()?.first()?;
    Some((version, certificate.clone().into_owned()))
}

/// Our own certificate, where one is set.
pub(super) fn own_certificate(settings: &TlsSettings) -> Result<Option<CertificateDer<'static>>, KafkaError> {
    let Some(identity) = &settings.identity else { return Ok(None) };
    Ok(read_identity(identity)?.0.into_iter().next())
}

fn certificate_problem(problem: &CertificateError) -> ConnectProblem {
    match problem {
        CertificateError::UnknownIssuer => ConnectProblem::UnknownAuthority,
        CertificateError::NotValidForName => ConnectProblem::WrongHostName(Vec::new()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            ConnectProblem::WrongHostName(presented.iter().map(|name| bare_name(name)).collect())
        }
        other => ConnectProblem::BadCertificate(other.to_string()),
    }
}

/// rustls gives names as it prints them for its authors: `DnsName("b1.example")`, `IpAddress(10.0.0.1)`.
fn bare_name(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

fn is_about_our_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

fn setting(key: &'static str, problem: &impl ToString) -> KafkaError {
    KafkaError::Setting { key, problem: problem.to_string() }
}

fn authorities(given: Option<&Pem>) -> Result<RootCertStore, KafkaError> {
    let mut roots = RootCertStore::empty();
    let Some(given) = given else {
        let found = rustls_native_certs::load_native_certs();
        // Single unreadable certificates of the operating system are usual and harmless; none at all is not.
        let (_, _) = roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
            let problem = format!(
                "is not given, and the operating system has no certificates of authorities to trust {}",
                errors.join("; ")
            );
            return Err(KafkaError::Setting {
                key: "ssl.ca.location",
                problem: problem.trim_end().to_owned(),
            });
        }
        return Ok(roots);
    };
    let found = pem::certificates(given).map_err(|error| setting("ssl.ca.location", &error))?;
    for certificate in found {
        roots.add(certificate).map_err(|error| setting("ssl.ca.location", &error))?;
    }
    Ok(roots)
}

fn read_identity(
    identity: &TlsIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), KafkaError> {
    let chain = pem::certificates(&identity.certificates);
    let chain = chain.map_err(|error| setting("ssl.certificate.location", &error))?;
    let private = pem::private_key(identity).map_err(|error| setting("ssl.key.location", &error))?;
    Ok((chain, private))
}

/// TLS by files that may be replaced while we run: at each new connection they are looked at, and what has changed is taken
/// up. A new file that is of no use, or does not fit the others yet, leaves what is in force.
#[derive(Clone)]
pub(super) struct TlsFiles {
    settings: TlsSettings,
    state: Arc<Mutex<State>>,
}

struct State {
    in_force: Tls,
    /// The digest of what the files held when they were last looked at.
    seen: [u8; 32],
}

impl TlsFiles {
    /// Reads the files and checks that they fit together.
    pub(super) fn load(settings: &TlsSettings) -> Result<Self, KafkaError> {
        // In this order: what is replaced in between is seen as changed the next time.
        let seen = digest(settings);
        let in_force = Tls::load(settings)?;
        Ok(Self { settings: settings.clone(), state: Arc::new(Mutex::new(State { in_force, seen })) })
    }

    /// What is in force now.
    pub(super) fn now(&self) -> Tls {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = digest(&self.settings);
        if seen != state.seen {
            state.seen = seen;
            match Tls::load(&self.settings) {
                Ok(tls) => {
                    tracing::info!("the files of certificates and keys have changed, and are taken up");
                    state.in_force = tls;
                }
                Err(error) => {
                    tracing::warn!(
                        "the files of certificates and keys have changed and are of no use, those before stay in force: {error}"
                    );
                }
            }
        }
        state.in_force.clone()
    }
}

/// A digest of what all files hold; one that cannot be read counts as what the machine says of it.
fn digest(settings: &TlsSettings) -> [u8; 32] {
    let identity = settings.identity.iter().flat_map(|identity| [&identity.certificates, &identity.key]);
    let mut digest = Sha256::new();
    for pem in settings.authorities.iter().chain(identity) {
        let content = pem::content(pem).unwrap_or_else(|error| error.to_string().into_bytes());
        digest.update(content.len().to_be_bytes());
        digest.update(content);
    }
    digest.finalize().into()
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
