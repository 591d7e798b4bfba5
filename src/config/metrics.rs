//! [`MetricsSettings`]: the brokers' Prometheus endpoints.

use std::time::Duration;

use serde::Deserialize;

use super::values::duration;

/// Where the brokers' metrics are, and how to ask for them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MetricsSettings {
    /// Addresses with `{host}` (a broker's advertised host) or `{id}` (its id), each asked for every broker:
    /// `http://{host}:11001/metrics`.
    #[serde(deserialize_with = "endpoints")]
    pub endpoints: Vec<String>,
    /// PEM file of the authority that the endpoints' certificates are checked against; default: the system's.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// How long one scrape may take.
    #[serde(default = "default_timeout", deserialize_with = "duration")]
    pub timeout: Duration,
}

impl MetricsSettings {
    /// These endpoints, asked in the usual way.
    pub fn of(endpoints: Vec<String>) -> Self {
        Self { endpoints, ca_file: None, timeout: default_timeout() }
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
