//! TLS: from settings to a rustls configuration, and from rustls' errors to what an operator can mend.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use tokio_rustls::TlsConnector;

use super::error::{ConnectProblem, KafkaError};
use crate::config::{Pem, TlsIdentity, TlsSettings};

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
    let Some(pem) = given else {
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
    for certificate in certificates("ssl.ca.location", pem)? {
        roots.add(certificate).map_err(|error| setting("ssl.ca.location", &error))?;
    }
    Ok(roots)
}

fn read_identity(
    identity: &TlsIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), KafkaError> {
    let chain = certificates("ssl.certificate.location", &identity.certificates)?;
    let key = "ssl.key.location";
    let text = read(key, &identity.key)?;
    let private = PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        if String::from_utf8_lossy(&text).contains("ENCRYPTED") {
            let mend = "the private key is encrypted; decrypt it with `openssl pkey -in KEY -out KEY.plain`";
            return setting(key, &mend);
        }
        setting(key, &format!("{} holds no private key in PEM ({error})", name(&identity.key)))
    })?;
    Ok((chain, private))
}

fn certificates(key: &'static str, pem: &Pem) -> Result<Vec<CertificateDer<'static>>, KafkaError> {
    let text = read(key, pem)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| setting(key, &format!("{} is not PEM ({error})", name(pem))))?;
    if found.is_empty() {
        return Err(setting(key, &format!("{} holds no certificate in PEM", name(pem))));
    }
    Ok(found)
}

fn name(pem: &Pem) -> String {
    match pem {
        Pem::File(path) => path.display().to_string(),
        Pem::Inline(_) => "the text given".to_owned(),
    }
}

fn read(key: &'static str, pem: &Pem) -> Result<Vec<u8>, KafkaError> {
    match pem {
        Pem::Inline(text) => Ok(text.expose_secret().as_bytes().to_vec()),
        Pem::File(path) => std::fs::read(path)
            .map_err(|error| setting(key, &format!("cannot read {} ({error})", path.display()))),
    }
}
