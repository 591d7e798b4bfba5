//! [`KafkaClientSettings`]: how to reach a Kafka cluster, read from the properties file that other Kafka clients read.
//!
//! Both dialects are understood: librdkafka's (`ssl.ca.location`) and Java's (`ssl.truststore.location` with
//! `ssl.truststore.type=PEM`, `sasl.jaas.config`). An unknown key is an error, since a misspelt `ssl.` key would
//! otherwise weaken the connection in silence; a key that is known but means nothing here is a warning. Every
//! problem is reported at once, with its line and key, and never with the value of a secret.
//!
//! This file must not open what it names: reading the PEM files is for `edge`.

mod jaas;
mod keys;
mod read;
mod read_sasl;
mod read_tls;
mod references;
mod sasl;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use self::read::Reader;

pub use self::references::{Lookup, Reference, property};
pub use self::sasl::{MskIamLogin, OidcLogin, PasswordLogin, SaslMechanism, SaslSettings, TokenLogin};

/// How to reach a Kafka cluster.
#[derive(Debug, Clone)]
pub struct KafkaClientSettings {
    /// `bootstrap.servers`: where to start; at least one.
    pub bootstrap: Vec<Address>,
    /// `bootstrap.controllers`: the `KRaft` controllers' own listeners, which take the settings of brokers that are
    /// down. May be empty: brokers tell where the controllers are from Kafka 3.9 on.
    pub controllers: Vec<Address>,
    /// TLS, for `SSL` and `SASL_SSL`.
    pub tls: Option<TlsSettings>,
    /// SASL, for `SASL_PLAINTEXT` and `SASL_SSL`.
    pub sasl: Option<SaslSettings>,
    /// `client.id`: what the brokers' request logs and quotas call us.
    pub client_id: String,
    /// `socket.connection.setup.timeout.ms`: limit for TCP, TLS and SASL together, per attempt.
    pub connect_timeout: Duration,
    /// `request.timeout.ms`: limit for one request and its answer.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`: limit for one call with all its retries.
    pub call_timeout: Duration,
    /// `retry.backoff.ms`: the wait before the first retry; it doubles from there.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`: the longest wait between two tries.
    pub retry_backoff_max: Duration,
}

/// A host name or IP address, and a port. Prints as `host:9092`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Host name or IP address, IPv6 without its brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// TLS: whom to trust, and who we are. Host names are always verified.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Certificates of the authorities to trust; absent for those of the operating system.
    pub authorities: Option<Pem>,
    /// Our own certificate chain and key, for brokers that ask for one.
    pub identity: Option<TlsIdentity>,
}

/// A client certificate chain with its private key.
#[derive(Debug, Clone)]
pub struct TlsIdentity {
    /// Certificate chain, ours first.
    pub certificates: Pem,
    /// Private key (PKCS#8, PKCS#1 or SEC1).
    pub key: Pem,
    /// `ssl.key.password`, for a PKCS#8 key that is encrypted.
    pub key_password: Option<SecretString>,
}

/// Certificates or a key: as PEM, in a file or given in the settings themselves, or in a PKCS#12 store.
#[derive(Debug, Clone)]
pub enum Pem {
    /// Path of the file.
    File(PathBuf),
    /// The text; kept secret, as it may hold a private key.
    Inline(SecretString),
    /// A PKCS#12 store (`.p12`, `.pfx`).
    Store {
        /// Path of the file.
        path: PathBuf,
        /// `ssl.keystore.password` or `ssl.truststore.password`; stores without one have the empty one.
        password: SecretString,
    },
}

/// Everything that is wrong with client settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct KafkaClientError {
    /// The problems, in the order of the lines; at least one.
    pub problems: Vec<KafkaClientProblem>,
}

/// One thing that is wrong, or worth a warning. Holds no value of a secret key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaClientProblem {
    /// The line, from 1; absent when it is about something that is missing.
    pub line: Option<usize>,
    /// The key.
    pub key: String,
    /// What is wrong and how to mend it.
    pub problem: String,
}

impl fmt::Display for KafkaClientProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "`{}` {}", self.key, self.problem)
    }
}

impl KafkaClientSettings {
    /// Settings for a cluster without TLS and SASL. `bootstrap` is `HOST:PORT[,..]`.
    ///
    /// # Errors
    /// `bootstrap` does not name at least one host and port.
    pub fn plaintext(bootstrap: &str) -> Result<Self, KafkaClientError> {
        Self::parse("", Some(bootstrap)).map(|(settings, _)| settings)
    }

    /// Reads settings from the text of a properties file, and returns warnings beside them. `bootstrap`
    /// (`HOST:PORT[,..]`) stands before what the text says.
    ///
    /// A line is `key=value` (or `key: value`); `#` and `!` open a comment line; a backslash at the end of a line
    /// continues it. Backslashes elsewhere stand for themselves, but `\n` in an inline PEM is a line break.
    ///
    /// # Errors
    /// Every problem of the text, each with line and key.
    pub fn parse(
        text: &str,
        bootstrap: Option<&str>,
    ) -> Result<(Self, Vec<KafkaClientProblem>), KafkaClientError> {
        Self::parse_with(text, bootstrap, &|_| Err("references are not looked up here".to_owned()))
    }

    /// The same, with `lookup` for what values refer to (`${env:NAME}`, `${file:/path:key}`, `${dir:/path:name}`).
    ///
    /// # Errors
    /// As [`KafkaClientSettings::parse`], and what a value refers to is not there.
    pub fn parse_with(
        text: &str,
        bootstrap: Option<&str>,
        lookup: Lookup<'_>,
    ) -> Result<(Self, Vec<KafkaClientProblem>), KafkaClientError> {
        let mut reader = Reader::read(text, bootstrap, lookup);
        let settings = read_settings(&mut reader);
        reader.finish(settings)
    }
}

fn read_settings(reader: &mut Reader) -> KafkaClientSettings {
    let bootstrap = reader.bootstrap();
    let (tls, sasl) = security_protocol(reader);
    keys::warn_about_unused_security(reader, tls, sasl);
    KafkaClientSettings {
        bootstrap,
        controllers: reader.controllers(),
        tls: if tls { Some(reader.tls()) } else { None },
        sasl: if sasl { reader.sasl() } else { None },
        client_id: reader.text("client.id").unwrap_or_else(|| "evenkeel".to_owned()),
        connect_timeout: reader.duration(&["socket.connection.setup.timeout.ms"], 10_000),
        request_timeout: reader.duration(&["request.timeout.ms", "socket.timeout.ms"], 30_000),
        call_timeout: reader.duration(&["default.api.timeout.ms"], 60_000),
        retry_backoff: reader.duration(&["retry.backoff.ms"], 100),
        retry_backoff_max: reader.duration(&["retry.backoff.max.ms"], 2_000),
    }
}

/// Whether TLS, and whether SASL.
fn security_protocol(reader: &mut Reader) -> (bool, bool) {
    let Some(protocol) = reader.text("security.protocol") else {
        return (false, false);
    };
    match protocol.to_ascii_uppercase().as_str() {
        "PLAINTEXT" => (false, false),
        "SSL" => (true, false),
        "SASL_PLAINTEXT" => (false, true),
        "SASL_SSL" => (true, true),
        _ => {
            let told = read::told(&protocol);
            let wrong = format!("{told}; it can be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL");
            reader.problem("security.protocol", wrong);
            (false, false)
        }
    }
}

#[cfg(test)]
mod tests;
