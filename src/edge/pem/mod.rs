//! Files of certificates and keys, PEM and PKCS#12, as whoever speaks TLS needs them: [`certificates`], [`private_key`],
//! and as PEM text for clients that take nothing else ([`certificates_as_text`], [`key_as_text`]).

use base64::Engine as _;
use p12_keystore::{KeyStore, Pkcs12Archive, Pkcs12ImportPolicy};
use pkcs8::der::{Decode as _, SecretDocument};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Pem, TlsIdentity};

/// Why a file is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// It cannot be read.
    #[error("cannot read {path} ({problem})")]
    Unreadable {
        /// The file.
        path: String,
        /// What the machine says.
        problem: String,
    },
    /// It does not hold what it should.
    #[error("{name} {problem}")]
    Wrong {
        /// The file, or that it is text of the settings.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl PemError {
    fn wrong(pem: &Pem, problem: impl Into<String>) -> Self {
        Self::Wrong { name: name(pem), problem: problem.into() }
    }
}

/// What to call it: nothing of what it holds is in the name.
fn name(pem: &Pem) -> String {
    match pem {
        Pem::File(path) | Pem::Store { path, .. } => path.display().to_string(),
        Pem::Inline(_) => "the text given".to_owned(),
    }
}

/// What it holds, as it is: what has changed when a file has.
///
/// # Errors
/// The file cannot be read.
pub fn content(pem: &Pem) -> Result<Vec<u8>, PemError> {
    match pem {
        Pem::Inline(text) => Ok(text.expose_secret().as_bytes().to_vec()),
        Pem::File(path) | Pem::Store { path, .. } => std::fs::read(path).map_err(|error| {
            PemError::Unreadable { path: path.display().to_string(), problem: error.to_string() }
        }),
    }
}

/// The certificates that it holds; at least one. Of a store with a key, those that belong to the key, its own first.
///
/// # Errors
/// It cannot be read, or holds none.
pub fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let bytes = content(pem)?;
    if let Pem::Store { password, .. } = pem {
        return store_certificates(pem, &bytes, password);
    }
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| PemError::wrong(pem, format!("is not PEM ({error})")))?;
    if found.is_empty() {
        return Err(PemError::wrong(pem, "holds no certificate in PEM"));
    }
    Ok(found)
}

fn store_certificates(
    pem: &Pem,
    bytes: &[u8],
    password: &SecretString,
) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let owned = |der: &[u8]| CertificateDer::from(der.to_vec());
    let store = key_store(pem, bytes, password)?;
    if let Some((_, chain)) = store.private_key_chain() {
        return Ok(chain.certs().iter().map(|certificate| owned(certificate.as_der())).collect());
    }
    // A store of authorities: whether Java's mark of trust is on them or not, they were put there to be trusted.
    let archive = Pkcs12Archive::from_pkcs12(bytes, password.expose_secret());
    let archive = archive.map_err(|error| PemError::wrong(pem, unusable(&error)))?;
    let found: Vec<_> = archive.certs.iter().map(|bag| owned(bag.cert.as_der())).collect();
    if found.is_empty() {
        return Err(PemError::wrong(pem, "holds no certificate"));
    }
    Ok(found)
}

fn key_store(pem: &Pem, bytes: &[u8], password: &SecretString) -> Result<KeyStore, PemError> {
    let store = KeyStore::from_pkcs12(bytes, password.expose_secret(), Pkcs12ImportPolicy::Relaxed);
    store.map_err(|error| PemError::wrong(pem, unusable(&error)))
}

fn unusable(error: &p12_keystore::error::Error) -> String {
    match error {
        p12_keystore::error::Error::MacError(_) => "does not open with this password".to_owned(),
        other => format!("is no PKCS#12 store that can be read ({other})"),
    }
}

/// The private key of an identity.
///
/// # Errors
/// It cannot be read, holds none, or does not open with the password.
pub fn private_key(identity: &TlsIdentity) -> Result<PrivateKeyDer<'static>, PemError> {
    let pem = &identity.key;
    let bytes = content(pem)?;
    if let Pem::Store { password, .. } = pem {
        let store = key_store(pem, &bytes, password)?;
        let (_, chain) =
            store.private_key_chain().ok_or_else(|| PemError::wrong(pem, "holds no private key"))?;
        return Ok(PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec()).into());
    }
    PrivateKeyDer::from_pem_slice(&bytes).or_else(|error| {
        let text = String::from_utf8_lossy(&bytes);
        if !text.contains("ENCRYPTED") {
            return Err(PemError::wrong(pem, format!("holds no private key in PEM ({error})")));
        }
        decrypted(pem, &text, identity.key_password.as_ref())
    })
}

const ENCRYPTED: [&str; 2] = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "-----END ENCRYPTED PRIVATE KEY-----"];

fn decrypted(
    pem: &Pem,
    text: &str,
    password: Option<&SecretString>,
) -> Result<PrivateKeyDer<'static>, PemError> {
    let Some(password) = password else {
        return Err(PemError::wrong(
            pem,
            "holds an encrypted private key; give its password as `ssl.key.password`",
        ));
    };
    let old = || {
        let mend = "holds a private key that is encrypted in the old way; `openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out KEY.new` writes it in the one that is read";
        PemError::wrong(pem, mend)
    };
    // A file may hold more than the key.
    let begin = text.find(ENCRYPTED[0]).ok_or_else(old)?;
    let length = text[begin..].find(ENCRYPTED[1]).ok_or_else(old)? + ENCRYPTED[1].len();
    let wrong =
        |error: String| PemError::wrong(pem, format!("holds an encrypted key that cannot be read ({error})"));
    let (_, document) =
        SecretDocument::from_pem(&text[begin..begin + length]).map_err(|e| wrong(e.to_string()))?;
    let key =
        pkcs8::EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|e| wrong(e.to_string()))?;
    let opened = key.decrypt(password.expose_secret()).map_err(|_| {
        PemError::wrong(pem, "holds a private key that does not open with `ssl.key.password`")
    })?;
    Ok(PrivatePkcs8KeyDer::from(opened.as_bytes().to_vec()).into())
}

/// The certificates as PEM text.
///
/// # Errors
/// As [`certificates`].
pub fn certificates_as_text(pem: &Pem) -> Result<String, PemError> {
    Ok(certificates(pem)?.iter().map(|der| armoured("CERTIFICATE", der)).collect())
}

/// The private key as PEM text, not encrypted.
///
/// # Errors
/// As [`private_key`].
pub fn key_as_text(identity: &TlsIdentity) -> Result<SecretString, PemError> {
    let key = private_key(identity)?;
    let label = match &key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    Ok(SecretString::from(armoured(label, key.secret_der())))
}

fn armoured(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        out.extend([line, "\n"]);
        rest = more;
    }
    out + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests;
