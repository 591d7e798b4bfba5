//! Reads the TLS settings, in either dialect.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::read::Reader;
use super::{Pem, TlsIdentity, TlsSettings};

/// What kind of store a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pem,
    Pkcs12,
}

impl Reader {
    /// TLS settings.
    pub(super) fn tls(&mut self) -> TlsSettings {
        self.refuse_weak_tls();
        let trusted = self.store("ssl.truststore");
        let own = self.store("ssl.keystore");
        let authorities = self.one_pem(&["ssl.ca.location"], &["ssl.ca.pem", "ssl.truststore.certificates"]);
        let authorities = self.either("ssl.truststore.location", authorities, trusted);
        let certificates = self.one_pem(
            &["ssl.certificate.location"],
            &["ssl.certificate.pem", "ssl.keystore.certificate.chain"],
        );
        let key = self.one_pem(&["ssl.key.location"], &["ssl.key.pem", "ssl.keystore.key"]);
        // A store is one file that holds both.
        let certificates = certificates.or_else(|| own.clone());
        let key = key.or(own);
        let key_password = self.take("ssl.key.password").map(SecretString::from);
        let identity = match (certificates, key) {
            (Some(certificates), Some(key)) => Some(TlsIdentity { certificates, key, key_password }),
            (None, None) => {
                if key_password.is_some() {
                    let problem = "has no effect: no private key is given".to_owned();
                    self.warning("ssl.key.password", problem);
                }
                None
            }
            (Some(_), None) => {
                let problem = "is missing: a client certificate is given without its private key";
                self.problem("ssl.key.location", problem.to_owned());
                None
            }
            (None, Some(_)) => {
                let problem = "is missing: a private key is given without its certificate";
                self.problem("ssl.certificate.location", problem.to_owned());
                None
            }
        };
        TlsSettings { authorities, identity }
    }

    /// One of the two; both is one too many.
    fn either(&mut self, key: &str, first: Option<Pem>, second: Option<Pem>) -> Option<Pem> {
        if first.is_some() && second.is_some() {
            self.problem(key, "says what another key says already; give one of them".to_owned());
        }
        first.or(second)
    }

    fn refuse_weak_tls(&mut self) {
        if let Some(value) = self.take("enable.ssl.certificate.verification")
            && !value.eq_ignore_ascii_case("true")
        {
            let problem = "cannot be turned off: whoever moves replicas must know whom it speaks to; name the authority that signed the brokers' certificates with `ssl.ca.location`";
            self.problem("enable.ssl.certificate.verification", problem.to_owned());
        }
        // Not by `take`: the empty value is Java's way of turning the check off.
        if let Some(value) = self.take_even_empty("ssl.endpoint.identification.algorithm")
            && !value.eq_ignore_ascii_case("https")
        {
            let problem = "can only be `https`: host names are always verified; give the brokers certificates that hold the names or addresses they advertise";
            self.problem("ssl.endpoint.identification.algorithm", problem.to_owned());
        }
    }

    /// A store of Java's, by its type or by how its name ends.
    fn store(&mut self, prefix: &str) -> Option<Pem> {
        let (type_key, location) = (format!("{prefix}.type"), format!("{prefix}.location"));
        let password_key = format!("{prefix}.password");
        let kind = self.store_kind(&type_key, &location);
        let password = self.take(&password_key);
        let path = PathBuf::from(self.take(&location)?);
        match kind? {
            Kind::Pem => {
                if password.is_some() {
                    self.warning(&password_key, "has no effect: PEM files have no store password".to_owned());
                }
                Some(Pem::File(path))
            }
            Kind::Pkcs12 => {
                let password = SecretString::from(password.unwrap_or_default());
                Some(Pem::Store { path, password })
            }
        }
    }

    fn store_kind(&mut self, type_key: &str, location: &str) -> Option<Kind> {
        let said = self.take(type_key);
        let extension = self.peek(location).map(Path::new).and_then(Path::extension);
        let extension = extension.and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
        if !self.is_given(location) {
            return None;
        }
        let of_type = |said: &str| match said.to_uppercase().as_str() {
            "PEM" => Some(Kind::Pem),
            "PKCS12" => Some(Kind::Pkcs12),
            _ => None,
        };
        let of_name = || match extension.as_str() {
            "pem" | "crt" => Some(Kind::Pem),
            "p12" | "pfx" | "pkcs12" => Some(Kind::Pkcs12),
            _ => None,
        };
        let kind = said.as_deref().map_or_else(of_name, of_type);
        if kind.is_none() {
            let problem = format!(
                "must be a PEM file or a PKCS#12 store, with `{type_key}=PEM` or `PKCS12`: JKS stores are not read; `keytool -importkeystore -srckeystore STORE -destkeystore STORE.p12 -deststoretype PKCS12` turns one into PKCS#12"
            );
            self.problem(location, problem);
        }
        kind
    }

    /// A PEM that may be given in one of several ways, but in one only.
    pub(super) fn one_pem(&mut self, files: &[&str], inline: &[&str]) -> Option<Pem> {
        let mut found: Option<(&str, Pem)> = None;
        for key in files.iter().chain(inline) {
            let Some(value) = self.take(key) else { continue };
            let pem = if files.contains(key) {
                Pem::File(PathBuf::from(value))
            } else {
                Pem::Inline(SecretString::from(value.replace("\\n", "\n")))
            };
            if let Some((first, _)) = &found {
                let problem = format!("says what `{first}` says already; give one of them");
                self.problem(key, problem);
            } else {
                found = Some((key, pem));
            }
        }
        found.map(|(_, pem)| pem)
    }
}
