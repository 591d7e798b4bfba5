//! Reads the text of client settings: lines into entries, entries into values, collecting problems on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use super::keys::{Key, recognise};
use super::{Address, KafkaClientError, KafkaClientProblem, KafkaClientSettings, Lookup};

struct Entry {
    line: Option<usize>,
    value: String,
}

/// What a value is, as far as an error may repeat it: in a torn file, or one with its lines mixed up, a secret may stand where a
/// name or a number belongs. Kafka's names are short and in capitals.
pub(super) fn told(value: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if value.len() <= 16 && value.bytes().all(is_plain) {
        format!("is `{value}`")
    } else {
        "is something else (not repeated here)".to_owned()
    }
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
    pub(super) fn read(text: &str, bootstrap: Option<&str>, lookup: Lookup<'_>) -> Self {
        let (entries, lines) = (BTreeMap::new(), BTreeMap::new());
        let mut reader = Self { entries, lines, problems: Vec::new(), warnings: Vec::new() };
        for (line, text) in logical_lines(text) {
            reader.entry(line, &text, lookup);
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

    fn entry(&mut self, line: usize, text: &str, lookup: Lookup<'_>) {
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
            Key::Read => match super::references::expand(&value, lookup) {
                Ok(value) => {
                    self.entries.insert(key, Entry { line: Some(line), value });
                }
                Err(problem) => self.problem(&key, problem),
            },
            Key::WithoutEffect(key) => {
                let problem = "has no effect here".to_owned();
                self.warnings.push(KafkaClientProblem { line: Some(line), key, problem });
            }
            Key::Unknown(Some(near)) => {
                self.problem(&key, format!("is not a known key; did you mean `{near}`?"));
            }
            // It is like nothing that is known: in a torn file it may be a secret.
            Key::Unknown(None) => {
                let problem = "has a key that is not known".to_owned();
                self.problems.push(KafkaClientProblem {
                    line: Some(line),
                    key: "this line".to_owned(),
                    problem,
                });
            }
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

    /// Whether something is wrong about a key already.
    pub(super) fn has_problem(&self, key: &str) -> bool {
        self.problems.iter().any(|problem| problem.key == key)
    }

    /// Whether a key is given, and not taken out yet.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.entries.contains_key(key)
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
                    format!("{}; it is a whole number of milliseconds from 1 to 3600000", told(&text)),
                ),
            }
        }
        Duration::from_millis(default_ms)
    }

    /// Takes a value out that may be empty, which says something too.
    pub(super) fn take_even_empty(&mut self, key: &str) -> Option<String> {
        self.entries.remove(key).map(|entry| entry.value)
    }

    /// A value that stays to be taken.
    pub(super) fn peek(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(|entry| entry.value.as_str())
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

    /// Ends the reading: the settings and the warnings, or the problems.
    pub(super) fn finish(
        mut self,
        settings: KafkaClientSettings,
    ) -> Result<(KafkaClientSettings, Vec<KafkaClientProblem>), KafkaClientError> {
        if self.problems.is_empty() {
            for key in std::mem::take(&mut self.entries).into_keys() {
                self.warning(&key, "has no effect beside the other settings".to_owned());
            }
            return Ok((settings, self.warnings));
        }
        self.problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        Err(KafkaClientError { problems: self.problems })
    }
}

/// Lines with their numbers, joined where a backslash continues them, without comments and empty ones.
pub(super) fn logical_lines(text: &str) -> Vec<(usize, String)> {
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
    if text.contains('=') {
        // Two lines in one: the second may be a password.
        return Err("holds what is not HOST:PORT (not repeated here)".to_owned());
    }
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
