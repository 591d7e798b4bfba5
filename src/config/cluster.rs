//! [`ClusterSettings`]: one cluster that evenkeel looks after.

use std::time::Duration;

use serde::Deserialize;

use super::values::{duration, optional_duration};
use super::{
    ActSettings, Bootstrap, CapacitySettings, ExecutionSettings, LeaseMode, LeaseTopic, MetricsSettings, Mode,
};

/// One cluster that evenkeel looks after.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClusterSettings {
    /// Where a client first knocks (`bootstrap = "b-1:9094,b-2:9094"`).
    pub bootstrap: Bootstrap,
    /// File of client properties (security.protocol, ssl.*, sasl.*), relative to the settings file.
    #[serde(default)]
    pub kafka_config: Option<String>,
    /// How far the daemon may go. Default: `propose`.
    #[serde(default)]
    pub mode: Mode,
    /// Name of a goal set, or a file, relative to the settings file. Default: `default`.
    #[serde(default = "default_goals")]
    pub goals: String,
    /// How often the daemon looks. Default: that of the whole file.
    #[serde(default, deserialize_with = "optional_duration")]
    pub interval: Option<Duration>,
    /// Whether Kafka itself decides which of two evenkeels acts. Default: `auto`.
    #[serde(default)]
    pub lease: LeaseMode,
    /// The topic that the lease is written to. Default: `__evenkeel`.
    #[serde(default)]
    pub lease_topic: LeaseTopic,
    /// For how far ahead plans are made: partitions count as large as they will be then, at the growth that a daemon has seen.
    /// Default: today.
    #[serde(default, deserialize_with = "optional_horizon")]
    pub plan_for: Option<Duration>,
    /// What holds the daemon back where it may act.
    #[serde(default)]
    pub act: ActSettings,
    /// How hard an execution may press.
    #[serde(default)]
    pub execution: ExecutionSettings,
    /// Where loads are asked for.
    #[serde(default)]
    pub metrics: Option<MetricsSettings>,
    /// How long logs are watched, at the first look, for what clients write to them, where there are no metrics; 0 leaves
    /// that unknown. Default: 20 s.
    #[serde(default = "default_load_window", deserialize_with = "duration")]
    pub load_window: Duration,
    /// What brokers can carry, where Kafka cannot tell.
    #[serde(default)]
    pub capacity: CapacitySettings,
}

fn optional_horizon<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    match optional_duration(deserializer)? {
        Some(Duration::ZERO) => Err(serde::de::Error::custom("`plan-for` of no time is today; leave it out")),
        horizon => Ok(horizon),
    }
}

fn default_goals() -> String {
    "default".to_owned()
}

/// The `load-window` where none is set. Long enough to even out batches, and short enough that a first proposal comes within a minute.
pub const fn default_load_window() -> Duration {
    Duration::from_secs(20)
}
