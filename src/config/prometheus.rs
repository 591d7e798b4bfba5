//! [`PrometheusSettings`]: a Prometheus server, or one that answers the same queries, as a source of loads.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;

use super::metrics::below;
use super::values::duration;

/// Where the server is, how to get in, and which of its series are about the cluster's brokers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Given")]
pub struct PrometheusSettings {
    /// The address, up to where `/api/v1/query` begins; no slash at its end.
    pub url: String,
    /// How to log in.
    pub login: PrometheusLogin,
    /// PEM file of the authority that the server's certificate is checked against; default: the system's.
    pub ca_file: Option<String>,
    /// PEM files of our own certificate and of its key, for servers that ask for one.
    pub identity: Option<(String, String)>,
    /// Labels, with their values, that all series of the cluster's exporters have and those of other clusters have not.
    pub labels: BTreeMap<String, String>,
    /// The label that tells which broker a series is about: its id, its host, or its host with a port.
    pub broker_label: String,
    /// Takes the id or the host out of that label, where there is more in it.
    pub broker_pattern: Option<BrokerPattern>,
    /// How long one query may take.
    pub timeout: Duration,
    /// Samples that are older count for nothing; rates of counters are taken over so long.
    pub max_age: Duration,
}

/// How to log in to a Prometheus server. Secrets stay in their files, which are read anew each time, so that they may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrometheusLogin {
    /// It lets everybody in who comes this far.
    None,
    /// `Authorization: Bearer`.
    Bearer {
        /// The file that holds the token.
        token_file: String,
    },
    /// `Authorization: Basic`.
    Basic {
        /// Who we are.
        username: String,
        /// The file that holds the password.
        password_file: String,
    },
    /// AWS signature version 4, in the name of this machine's AWS identity: Amazon Managed Service for Prometheus.
    SigV4 {
        /// The workspace's region.
        region: String,
        /// The profile of the shared AWS files, where it is not the usual one.
        profile: Option<String>,
    },
}

/// A regular expression over a whole label whose one group is a broker's id or host.
#[derive(Debug, Clone)]
pub struct BrokerPattern {
    text: String,
    regex: Regex,
}

impl PartialEq for BrokerPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl BrokerPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// In words: it is no regular expression, or has not exactly one group.
    pub fn new(text: &str) -> Result<Self, String> {
        let regex = Regex::new(&format!("^(?:{text})$"))
            .map_err(|_| format!("`{text}` is not a regular expression"))?;
        if regex.captures_len() != 2 {
            return Err(format!(
                "`{text}` has {} groups; one is wanted, round the broker's id or host, as in `kafka-(\\d+)\\..*`",
                regex.captures_len() - 1
            ));
        }
        Ok(Self { text: text.to_owned(), regex })
    }

    /// What stands in the group, where the whole text matches.
    pub fn part<'a>(&self, label: &'a str) -> Option<&'a str> {
        Some(self.regex.captures(label)?.get(1)?.as_str())
    }
}

impl PrometheusSettings {
    /// This server, asked in the usual way.
    ///
    /// # Errors
    /// As [`check_server`].
    pub fn of(url: &str) -> Result<Self, String> {
        Self::try_from(Given { url: url.to_owned(), ..Given::default() })
    }

    /// The same with its files, where they are named relative to the settings file, below that file's folder.
    pub(super) fn relative_to(&mut self, folder: &Path) {
        let login = match &mut self.login {
            PrometheusLogin::None | PrometheusLogin::SigV4 { .. } => None,
            PrometheusLogin::Bearer { token_file } => Some(token_file),
            PrometheusLogin::Basic { password_file, .. } => Some(password_file),
        };
        let identity = self.identity.iter_mut().flat_map(|(certificate, key)| [certificate, key]);
        for file in login.into_iter().chain(&mut self.ca_file).chain(identity) {
            *file = below(folder, file);
        }
    }
}

/// Checks the address of a Prometheus server, and takes the slash at its end away.
///
/// # Errors
/// In words: it is not an HTTP address, holds a password, or more than the address of the server.
pub fn check_server(url: &str) -> Result<String, String> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
        return Err(format!("`{url}` is not the address of a server, such as `http://prometheus:9090`"));
    };
    if rest.split('/').next().is_some_and(|authority| authority.contains('@')) {
        // Not shown: what stands before the `@` may be a password.
        return Err("the address holds a user or password; give `username` and `password-file`".to_owned());
    }
    if rest.contains(['?', '#', '{']) || rest.contains("/api/v1") {
        return Err(format!(
            "`{url}` is more than the address of the server; leave out `/api/v1` and what follows"
        ));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Given {
    url: String,
    #[serde(default)]
    bearer_token_file: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password_file: Option<String>,
    #[serde(default)]
    sigv4: Option<GivenSigV4>,
    #[serde(default)]
    ca_file: Option<String>,
    #[serde(default)]
    certificate_file: Option<String>,
    #[serde(default)]
    key_file: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    broker_label: Option<String>,
    #[serde(default)]
    broker_pattern: Option<String>,
    #[serde(default, deserialize_with = "some_duration")]
    timeout: Option<Duration>,
    #[serde(default, deserialize_with = "some_duration")]
    max_age: Option<Duration>,
}

/// Its table `sigv4`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct GivenSigV4 {
    region: String,
    #[serde(default)]
    profile: Option<String>,
}

impl Given {
    fn login(&self) -> Result<PrometheusLogin, &'static str> {
        let ways = [self.bearer_token_file.is_some(), self.username.is_some(), self.sigv4.is_some()];
        if ways.into_iter().filter(|given| *given).count() > 1 {
            return Err("`bearer-token-file`, `username` and `sigv4` are ways to log in; give one");
        }
        Ok(match (self.bearer_token_file.clone(), &self.sigv4) {
            (Some(token_file), _) => PrometheusLogin::Bearer { token_file },
            (None, Some(sigv4)) if sigv4.region.trim().is_empty() => return Err("`sigv4` wants a `region`"),
            (None, Some(GivenSigV4 { region, profile })) => {
                PrometheusLogin::SigV4 { region: region.clone(), profile: profile.clone() }
            }
            (None, None) => match (self.username.clone(), self.password_file.clone()) {
                (None, None) => PrometheusLogin::None,
                (Some(username), Some(password_file)) => PrometheusLogin::Basic { username, password_file },
                _ => return Err("`username` and `password-file` belong together"),
            },
        })
    }
}

fn some_duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// A server that is asked for a day's worth takes longer; one look is worth no more than this.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Five looks of a server that scrapes once a minute: a rate needs two, and one may fail.
const MAX_AGE: Duration = Duration::from_secs(300);

/// Nobody scrapes more often, and nothing would be left.
const MAX_AGE_LEAST: Duration = Duration::from_secs(10);

impl TryFrom<Given> for PrometheusSettings {
    type Error = String;

    fn try_from(given: Given) -> Result<Self, String> {
        let login = given.login()?;
        let identity = match (given.certificate_file, given.key_file) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => return Err("`certificate-file` and `key-file` belong together".to_owned()),
        };
        let broker_label = given.broker_label.unwrap_or_else(|| "instance".to_owned());
        for label in given.labels.keys().chain([&broker_label]) {
            if !is_label(label) {
                return Err(format!("`{label}` is not the name of a label"));
            }
        }
        let max_age = given.max_age.unwrap_or(MAX_AGE);
        if max_age < MAX_AGE_LEAST {
            return Err(format!("a `max-age` is at least `{}s`", MAX_AGE_LEAST.as_secs()));
        }
        Ok(Self {
            url: check_server(&given.url)?,
            login,
            ca_file: given.ca_file,
            identity,
            labels: given.labels,
            broker_label,
            broker_pattern: given.broker_pattern.as_deref().map(BrokerPattern::new).transpose()?,
            timeout: given.timeout.unwrap_or(TIMEOUT),
            max_age,
        })
    }
}

fn is_label(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_toml;

    fn read(text: &str) -> Result<PrometheusSettings, String> {
        parse_toml(&format!("url = \"https://prometheus.example/team/\"\n{text}"))
            .map_err(|error| error.problem)
    }

    #[test]
    fn an_address_is_enough() {
        let settings = read("").expect("valid");
        assert_eq!(settings, PrometheusSettings::of("https://prometheus.example/team").expect("valid"));
        assert_eq!(settings.login, PrometheusLogin::None);
        assert_eq!(settings.broker_label, "instance");
        assert_eq!(settings.max_age, Duration::from_secs(300));
    }

    #[test]
    fn files_are_named_relative_to_the_settings() {
        let text = "bearer-token-file = \"token\"\nca-file = \"/etc/ca.pem\"\ncertificate-file = \"c.pem\"\nkey-file = \"k.pem\"";
        let mut settings = read(text).expect("valid");
        settings.relative_to(Path::new("/etc/evenkeel"));
        assert_eq!(settings.login, PrometheusLogin::Bearer { token_file: "/etc/evenkeel/token".to_owned() });
        assert_eq!(settings.ca_file.as_deref(), Some("/etc/ca.pem"));
        let identity = ("/etc/evenkeel/c.pem".to_owned(), "/etc/evenkeel/k.pem".to_owned());
        assert_eq!(settings.identity, Some(identity));
    }

    #[test]
    fn a_pattern_takes_the_broker_out_of_a_label() {
        let settings = read("broker-pattern = 'kafka-(\\d+)\\..*'").expect("valid");
        let pattern = settings.broker_pattern.expect("given");
        assert_eq!(pattern.part("kafka-3.ns.svc:9404"), Some("3"));
        assert_eq!(pattern.part("my-kafka-3.ns.svc:9404"), None, "the whole label has to match");
    }

    #[test]
    fn what_is_wrong_is_refused_with_a_mend() {
        for (text, problem) in [
            ("username = \"me\"", "`username` and `password-file` belong together"),
            ("bearer-token-file = \"t\"\nusername = \"me\"", "are ways to log in; give one"),
            ("bearer-token-file = \"t\"\nsigv4 = { region = \"r\" }", "are ways to log in; give one"),
            ("sigv4 = { region = \"\" }", "`sigv4` wants a `region`"),
            ("sigv4 = { profile = \"p\" }", "the key `region` is missing"),
            ("key-file = \"k\"", "`certificate-file` and `key-file` belong together"),
            ("labels = { \"a-b\" = \"x\" }", "`a-b` is not the name of a label"),
            ("broker-label = \"\"", "`` is not the name of a label"),
            ("broker-pattern = \"kafka-.*\"", "has 0 groups; one is wanted"),
            ("broker-pattern = \"(kafka\"", "`(kafka` is not a regular expression"),
            ("max-age = \"5s\"", "a `max-age` is at least `10s`"),
            ("max-age = \"5\"", "is not a duration"),
            ("token = \"t\"", "unknown key `token`"),
        ] {
            let wrong = read(text).expect_err(text);
            assert!(wrong.contains(problem), "{text}: {wrong}");
        }
        for (url, problem) in [
            ("prometheus:9090", "is not the address of a server"),
            ("http://", "is not the address of a server"),
            ("http://p:9090/api/v1/query", "leave out `/api/v1`"),
            ("http://p:9090/?x=y", "is more than the address"),
        ] {
            assert!(check_server(url).expect_err(url).contains(problem), "{url}");
        }
        let secret = check_server("http://me:secret@p:9090").expect_err("a password");
        assert!(secret.contains("`password-file`") && !secret.contains("me:secret"), "{secret}");
        assert_eq!(check_server("http://p:9090/").as_deref(), Ok("http://p:9090"));
    }
}
