//! [`Directory`]: which broker a series is about.

use std::collections::{BTreeMap, BTreeSet};

use super::super::source::Brokers;
use crate::base::BrokerId;
use crate::config::PrometheusSettings;

/// Why a series is about no broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stranger {
    /// It has not the label that tells.
    NoLabel,
    /// No live broker has that id or host.
    NoBroker,
    /// Several brokers have that host.
    SharedHost,
}

/// The live brokers, by what labels may call them.
pub(super) struct Directory<'a> {
    settings: &'a PrometheusSettings,
    ids: BTreeSet<BrokerId>,
    hosts: BTreeMap<String, Vec<BrokerId>>,
}

impl<'a> Directory<'a> {
    pub fn new(settings: &'a PrometheusSettings, brokers: &Brokers) -> Self {
        let mut hosts: BTreeMap<String, Vec<BrokerId>> = BTreeMap::new();
        for (id, host) in brokers {
            if let Some(host) = host {
                hosts.entry(bare_host(host)).or_default().push(*id);
            }
        }
        Self { settings, ids: brokers.keys().copied().collect(), hosts }
    }

    /// The broker that a series is about.
    pub fn find(&self, labels: &BTreeMap<String, String>) -> Result<BrokerId, Stranger> {
        let label = self.name(labels).ok_or(Stranger::NoLabel)?;
        let part = match &self.settings.broker_pattern {
            Some(pattern) => pattern.part(label).ok_or(Stranger::NoBroker)?,
            None => label,
        };
        // No host is called by a number alone.
        if part.bytes().all(|c| c.is_ascii_digit()) {
            let id = part.parse().map(BrokerId).map_err(|_| Stranger::NoBroker)?;
            return if self.ids.contains(&id) { Ok(id) } else { Err(Stranger::NoBroker) };
        }
        match self.hosts.get(&bare_host(part)).map(Vec::as_slice) {
            Some([one]) => Ok(*one),
            Some(_) => Err(Stranger::SharedHost),
            None => Err(Stranger::NoBroker),
        }
    }

    /// What a series calls its broker.
    pub fn name<'b>(&self, labels: &'b BTreeMap<String, String>) -> Option<&'b str> {
        labels.get(&self.settings.broker_label).map(String::as_str).filter(|name| !name.is_empty())
    }
}

/// A host without its port, in small letters: `b-1.example:11001`, `[::1]:9404`, `::1`.
fn bare_host(text: &str) -> String {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(host, _)| host);
    let host = bracketed.unwrap_or_else(|| match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => text,
    });
    host.trim_end_matches('.').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BrokerPattern;

    fn brokers() -> Brokers {
        let host = |id, host: &str| (BrokerId(id), Some(host.to_owned()));
        [
            host(1, "b-1.example"),
            host(2, "B-2.example"),
            host(3, "::1"),
            host(4, "shared"),
            host(5, "shared"),
            (BrokerId(6), None),
        ]
        .into()
    }

    fn find(settings: &PrometheusSettings, label: &str) -> Result<BrokerId, Stranger> {
        let labels = [(settings.broker_label.clone(), label.to_owned())].into();
        Directory::new(settings, &brokers()).find(&labels)
    }

    #[test]
    fn brokers_are_found_by_host_id_or_pattern() {
        let plain = PrometheusSettings::of("http://p").unwrap();
        for (label, found) in [
            ("b-1.example:11001", Ok(BrokerId(1))),
            ("b-1.example", Ok(BrokerId(1))),
            ("B-1.EXAMPLE.:1", Ok(BrokerId(1))),
            ("b-2.example:11001", Ok(BrokerId(2))),
            ("[::1]:11001", Ok(BrokerId(3))),
            ("::1", Ok(BrokerId(3))),
            ("6", Ok(BrokerId(6))),
            ("7", Err(Stranger::NoBroker)),
            ("99999999999", Err(Stranger::NoBroker)),
            ("b-1", Err(Stranger::NoBroker)),
            ("shared:9404", Err(Stranger::SharedHost)),
            ("", Err(Stranger::NoLabel)),
        ] {
            assert_eq!(find(&plain, label), found, "{label}");
        }
        let pods = PrometheusSettings {
            broker_label: "pod".to_owned(),
            broker_pattern: Some(BrokerPattern::new("my-cluster-kafka-(\\d+)").unwrap()),
            ..plain
        };
        assert_eq!(find(&pods, "my-cluster-kafka-2"), Ok(BrokerId(2)));
        assert_eq!(find(&pods, "my-cluster-entity-operator-2"), Err(Stranger::NoBroker));
        let unlabelled = [("instance".to_owned(), "b-1.example:1".to_owned())].into();
        assert_eq!(Directory::new(&pods, &brokers()).find(&unlabelled), Err(Stranger::NoLabel));
    }
}
