//! [`ActSettings`]: what holds the daemon back where it may act.

use std::time::Duration;

use serde::Deserialize;

use super::values::optional_duration;
use crate::base::Bytes;

/// What holds the daemon back where it may act. An absent value is left to the controller's own default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ActSettings {
    /// No execution begins sooner after the end of the last one.
    #[serde(default, deserialize_with = "optional_duration")]
    pub rest: Option<Duration>,
    /// A plan that copies more is left to a person. Default: no limit.
    #[serde(default, deserialize_with = "optional_bytes")]
    pub bytes_most: Option<Bytes>,
}

fn optional_bytes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(serde::de::Error::custom)
}
