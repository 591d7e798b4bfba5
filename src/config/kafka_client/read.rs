//! Reads the text of client settings: lines into entries, entries into values, collecting problems on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::keys::{Key, recognise};
use super::{
    Address, KafkaClientError, KafkaClientProblem, KafkaClientSettings, Pem, SaslMechanism, SaslSettings,
    TlsIdentity, TlsSettings,
};

struct Entry {
    line: Option<usize>,
    value: String,
}

/// The entries of a text, and what was found wrong so far.
pub(super) struct Reader {
    entries: BTreeMap<String, Entry>,
    lines: BTreeMap<String, usize>,
    problems: Vec<KafkaClientProblem>,
    warnings: Vec<KafkaClientProblem>,
}

impl Reader {
    /// Splits the text into entries.
    pub(super) fn read(text: &str, bootstrap: Option<&str>) -> Self {
        let (entries, lines) = (BTreeMap::new(), BTreeMap::new());
        let mut reader = Self { entries, lines, problems: Vec::new(), warnings: Vec::new() };
        for (line, text) in logical_lines(text) {
            reader.entry(line, &text);
        }
        if let Some(bootstrap) = bootstrap {
            reader.entries.remove("metadata.broker.list");
            reader.lines.remove("bootstrap.servers");
            reader
                .entries
                .insert("bootstrap.servers".to_owned(), Entry { line: None, value: bootstrap.to_owned() });
        }
        reader
    }

    fn entry(&mut self, line: usize, text: &str) {
        let parts = text.split_once(['=', ':']).filter(|(key, _)| !key.trim().contains(char::is_whitespace));
        let Some((key, value)) = parts else {
            // The text is not repeated: it may hold a secret.
            let problem = "is not of the form `key=value`".to_owned();
            self.problems.push(KafkaClientProblem { line: Some(line), key: "this line".to_owned(), problem });
            return;
        };
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        if let Some(before) = self.lines.get(&key) {
            let problem = format!("is given twice, on lines {before} and {line}");
            self.problem(&key, problem);
            return;
        }
        self.lines.insert(key.clone(), line);
        match recognise(&key) {
            Key::Read => {
                self.entries.insert(key, Entry { line: Some(line), value });
            }
            Key::WithoutEffect => self.warning(&key, "has no effect here".to_owned()),
            Key::Unknown(Some(near)) => {
                self.problem(&key, format!("is not a known key; did you mean `{near}`?"));
            }
            Key::Unknown(None) => self.problem(&key, "is not a known key".to_owned()),
        }
    }

    /// Records something wrong about a key.
    pub(super) fn problem(&mut self, key: &str, problem: String) {
        let line = self.lines.get(key).copied();
        self.problems.push(KafkaClientProblem { line, key: key.to_owned(), problem });
    }

    /// Records something worth knowing about a key.
    pub(super) fn warning(&mut self, key: &str, problem: String) {
        let line = self.lines.get(key).copied();
        self.warnings.push(KafkaClientProblem { line, key: key.to_owned(), problem });
    }

    /// Takes a value out, so that it is known to be used. Empty values are as good as absent.
    pub(super) fn take(&mut self, key: &str) -> Option<String> {
        self.entries.remove(key).map(|entry| entry.value).filter(|value| !value.is_empty())
    }

    /// A value that is not secret.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.take(key)
    }

    /// A duration in milliseconds under the first of `keys` that is given.
    pub(super) fn duration(&mut self, keys: &[&str], default_ms: u64) -> Duration {
        for key in keys {
            let Some(text) = self.take(key) else { continue };
            match text.parse::<u64>() {
                Ok(ms) if (1..=3_600_000).contains(&ms) => return Duration::from_millis(ms),
                _ => self.problem(
                    key,
                    format!("is `{text}`; it is a whole number of milliseconds from 1 to 3600000"),
                ),
            }
        }
        Duration::from_millis(default_ms)
    }

    /// The bootstrap addresses.
    pub(super) fn bootstrap(&mut self) -> Vec<Address> {
        let key = if self.entries.contains_key("bootstrap.servers") {
            "bootstrap.servers"
        } else {
            "metadata.broker.list"
        };
        let given = self.entries.get(key).is_some_and(|entry| entry.line.is_none());
        let Some(text) = self.take(key) else {
            self.problem("bootstrap.servers", "is missing: name at least one broker as HOST:PORT".to_owned());
            return Vec::new();
        };
        // What came from the command line is not called by the key of the file.
        let name = if given { "--bootstrap" } else { key };
        let addresses = self.addresses(name, &text);
        if addresses.is_empty() && self.problems.iter().all(|problem| problem.key != name) {
            self.problem(name, "names no broker; write HOST:PORT".to_owned());
        }
        addresses
    }

    /// The controllers' addresses.
    pub(super) fn controllers(&mut self) -> Vec<Address> {
        let text = self.take("bootstrap.controllers").unwrap_or_default();
        self.addresses("bootstrap.controllers", &text)
    }

    fn addresses(&mut self, key: &str, text: &str) -> Vec<Address> {
        let mut addresses = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match address(part) {
                Ok(address) => addresses.push(address),
                Err(problem) => self.problem(key, problem),
            }
        }
        addresses
    }

    /// TLS settings, in either dialect.
    pub(super) fn tls(&mut self) -> TlsSettings {
        self.refuse_weak_tls();
        self.refuse_other_stores();
        let authorities = self.one_pem(
            &["ssl.ca.location", "ssl.truststore.location"],
            &["ssl.ca.pem", "ssl.truststore.certificates"],
        );
        // A PEM key store of Java's is one file that holds both.
        let store = self.take("ssl.keystore.location").map(|path| Pem::File(PathBuf::from(path)));
        let certificates = self
            .one_pem(
                &["ssl.certificate.location"],
                &["ssl.certificate.pem", "ssl.keystore.certificate.chain"],
            )
            .or_else(|| store.clone());
        let key = self.one_pem(&["ssl.key.location"], &["ssl.key.pem", "ssl.keystore.key"]).or(store);
        let identity = match (certificates, key) {
            (Some(certificates), Some(key)) => Some(TlsIdentity { certificates, key }),
            (None, None) => None,
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

    fn refuse_weak_tls(&mut self) {
        if let Some(value) = self.take("enable.ssl.certificate.verification")
            && !value.eq_ignore_ascii_case("true")
        {
            let problem = "cannot be turned off: whoever moves replicas must know whom it speaks to; name the authority that signed the brokers' certificates with `ssl.ca.location`";
            self.problem("enable.ssl.certificate.verification", problem.to_owned());
        }
        // Not by `take`: the empty value is Java's way of turning the check off.
        if let Some(entry) = self.entries.remove("ssl.endpoint.identification.algorithm")
            && !entry.value.eq_ignore_ascii_case("https")
        {
            let problem = "can only be `https`: host names are always verified; give the brokers certificates that hold the names or addresses they advertise";
            self.problem("ssl.endpoint.identification.algorithm", problem.to_owned());
        }
    }

    fn refuse_other_stores(&mut self) {
        for (kind, location) in [
            ("ssl.truststore.type", "ssl.truststore.location"),
            ("ssl.keystore.type", "ssl.keystore.location"),
        ] {
            let is_pem = self.take(kind).is_some_and(|kind| kind.eq_ignore_ascii_case("PEM"));
            let path = self.entries.get(location).map(|entry| Path::new(&entry.value));
            let extension = path.and_then(Path::extension).and_then(|extension| extension.to_str());
            let looks_pem = matches!(extension, Some("pem" | "crt"));
            if self.entries.contains_key(location) && !is_pem && !looks_pem {
                let problem = format!(
                    "must be a PEM file with `{kind}=PEM`: JKS and PKCS#12 stores are not read; `openssl pkcs12 -in STORE -nodes` turns one into PEM"
                );
                self.problem(location, problem);
            }
        }
        for key in ["ssl.truststore.password", "ssl.keystore.password"] {
            if self.take(key).is_some() {
                self.warning(key, "has no effect: PEM files have no store password".to_owned());
            }
        }
        if self.take("ssl.key.password").is_some() {
            let problem = "is not supported: decrypt the key (`openssl pkey -in KEY -out KEY.plain`) and guard the file by its permissions";
            self.problem("ssl.key.password", problem.to_owned());
        }
    }

    /// A PEM that may be given in one of several ways, but in one only.
    fn one_pem(&mut self, files: &[&str], inline: &[&str]) -> Option<Pem> {
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

    /// SASL settings, in either dialect.
    pub(super) fn sasl(&mut self) -> Option<SaslSettings> {
        let mechanism = self.sasl_mechanism();
        let jaas = self.take("sasl.jaas.config").and_then(|text| match super::jaas::parse(&text) {
            Ok(login) => Some(login),
            Err(problem) => {
                self.problem("sasl.jaas.config", problem);
                None
            }
        });
        let (username, password) = (self.take("sasl.username"), self.take("sasl.password"));
        if jaas.is_some() && (username.is_some() || password.is_some()) {
            let problem = "is given beside `sasl.username` or `sasl.password`; give one of them";
            self.problem("sasl.jaas.config", problem.to_owned());
        }
        let (username, password) = match jaas {
            Some(login) => {
                if mechanism.is_some_and(|mechanism| (mechanism == SaslMechanism::Plain) != login.is_plain) {
                    let problem = "names a login module that does not belong to `sasl.mechanism`";
                    self.problem("sasl.jaas.config", problem.to_owned());
                }
                (Some(login.username), Some(login.password))
            }
            None => (username, password.map(SecretString::from)),
        };
        for (key, missing) in [("sasl.username", username.is_none()), ("sasl.password", password.is_none())] {
            if missing && !self.problems.iter().any(|problem| problem.key == "sasl.jaas.config") {
                self.problem(key, "is missing, and `security.protocol` asks for SASL".to_owned());
            }
        }
        Some(SaslSettings { mechanism: mechanism?, username: username?, password: password? })
    }

    fn sasl_mechanism(&mut self) -> Option<SaslMechanism> {
        let key =
            if self.entries.contains_key("sasl.mechanisms") { "sasl.mechanisms" } else { "sasl.mechanism" };
        let known = || SaslMechanism::ALL.map(SaslMechanism::name).join(", ");
        let Some(text) = self.take(key) else {
            self.problem(
                key,
                format!("is missing, and `security.protocol` asks for SASL; it can be {}", known()),
            );
            return None;
        };
        let found = SaslMechanism::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(&text));
        if found.is_none() {
            self.problem(key, format!("is `{text}`, which is not supported; it can be {}", known()));
        }
        found
    }

    /// Ends the reading: the settings and the warnings, or the problems.
    pub(super) fn finish(
        mut self,
        settings: KafkaClientSettings,
    ) -> Result<(KafkaClientSettings, Vec<KafkaClientProblem>), KafkaClientError> {
        if self.problems.is_empty() {
            return Ok((settings, self.warnings));
        }
        self.problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        Err(KafkaClientError { problems: self.problems })
    }
}

/// Lines with their numbers, joined where a backslash continues them, without comments and empty ones.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut continues = false;
    for (at, raw) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        let trimmed = raw.trim();
        if !continues && (trimmed.is_empty() || trimmed.starts_with(['#', '!'])) {
            continue;
        }
        let (part, more) = trimmed.strip_suffix('\\').map_or((trimmed, false), |part| (part, true));
        match lines.last_mut() {
            Some((_, line)) if continues => line.push_str(part),
            _ => lines.push((at + 1, part.to_owned())),
        }
        continues = more;
    }
    lines
}

/// Reads `host:port`, `[v6]:port`, each with or without a leading `PROTOCOL://`.
fn address(text: &str) -> Result<Address, String> {
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let wrong = || format!("holds `{text}`, which is not HOST:PORT");
    let (host, port) = bare
        .rsplit_once(':')
        .ok_or_else(|| format!("holds `{text}`, which has no port; write `{text}:9092`"))?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port: u16 = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@') {
        return Err(wrong());
    }
    Ok(Address { host: host.to_owned(), port })
}
