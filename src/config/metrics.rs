//! [`MetricsSettings`]: where loads are asked for: the brokers' Prometheus endpoints, a Prometheus server, the topic of
//! Cruise Control's metrics reporter, or several of these.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::PrometheusSettings;
use super::values::{duration, optional_topic_name};

/// Where the brokers' metrics are, and how to ask for them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Given")]
pub struct MetricsSettings {
    /// Addresses with `{host}` (a broker's advertised host) or `{id}` (its id), each asked for every broker:
    /// `http://{host}:11001/metrics`. May be empty where there is another source.
    pub endpoints: Vec<String>,
    /// PEM file of the authority that the endpoints' certificates are checked against; default: the system's.
    pub ca_file: Option<String>,
    /// How long one scrape may take.
    pub timeout: Duration,
    /// A Prometheus server, for what the endpoints do not tell.
    pub prometheus: Option<PrometheusSettings>,
    /// The topic that Cruise Control's metrics reporter in the brokers writes to, for what both of these do not tell.
    pub reporter_topic: Option<String>,
}

impl MetricsSettings {
    /// These endpoints, asked in the usual way.
    pub fn of(endpoints: Vec<String>) -> Self {
        Self { endpoints, ca_file: None, timeout: default_timeout(), prometheus: None, reporter_topic: None }
    }

    /// The same with a Prometheus server besides.
    #[must_use]
    pub fn with_prometheus(self, prometheus: Option<PrometheusSettings>) -> Self {
        Self { prometheus, ..self }
    }

    /// The same with its files, where they are named relative to the settings file, below that file's folder.
    #[must_use]
    pub fn relative_to(mut self, folder: &Path) -> Self {
        if let Some(file) = &mut self.ca_file {
            *file = below(folder, file);
        }
        if let Some(prometheus) = &mut self.prometheus {
            prometheus.relative_to(folder);
        }
        self
    }
}

/// A file that settings name relative to their own folder.
pub(super) fn below(folder: &Path, file: &str) -> String {
    folder.join(file).display().to_string()
}

/// The table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Given {
    #[serde(default, deserialize_with = "endpoints")]
    endpoints: Vec<String>,
    #[serde(default)]
    ca_file: Option<String>,
    #[serde(default = "default_timeout", deserialize_with = "duration")]
    timeout: Duration,
    #[serde(default)]
    prometheus: Option<PrometheusSettings>,
    #[serde(default, deserialize_with = "optional_topic_name")]
    reporter_topic: Option<String>,
}

impl TryFrom<Given> for MetricsSettings {
    type Error = &'static str;

    fn try_from(given: Given) -> Result<Self, Self::Error> {
        let Given { endpoints, ca_file, timeout, prometheus, reporter_topic } = given;
        if endpoints.is_empty() && prometheus.is_none() && reporter_topic.is_none() {
            return Err(
                "no source of metrics is given: `endpoints`, a table `prometheus` with its `url`, or `reporter-topic`",
            );
        }
        Ok(Self { endpoints, ca_file, timeout, prometheus, reporter_topic })
    }
}

/// A JMX exporter answers in half a second, an overloaded one in several.
fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

/// Checks an address of metrics endpoints.
///
/// # Errors
/// In words: it is not an HTTP address, or it is the same for every broker.
pub fn check_endpoint(template: &str) -> Result<String, String> {
    let rest = template.strip_prefix("http://").or_else(|| template.strip_prefix("https://"));
    let Some(rest) = rest else {
        return Err(format!("`{template}` does not begin with `http://` or `https://`"));
    };
    if !rest.contains("{host}") && !rest.contains("{id}") {
        return Err(format!(
            "`{template}` is one address for all brokers; put `{{host}}` or `{{id}}` in the broker's place, \
             as in `http://{{host}}:11001/metrics`"
        ));
    }
    Ok(template.to_owned())
}

fn endpoints<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let templates = Vec::<String>::deserialize(deserializer)?;
    if templates.is_empty() {
        return Err(serde::de::Error::custom(
            "`endpoints` is empty; leave the table out where there are no metrics",
        ));
    }
    templates.iter().map(|template| check_endpoint(template).map_err(serde::de::Error::custom)).collect()
}
