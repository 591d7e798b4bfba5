//! [`ExecutionSettings`]: how hard an execution may press on a cluster.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use super::Windows;
use super::values::{ValueError, optional_duration, parse_objective, parse_rate};
use crate::base::BytesPerS;

/// How hard an execution may press on a cluster. An absent value is left to the executor's own default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExecutionSettings {
    /// Replication throttle of each broker in each direction (`throttle = "50MB/s"`). Default: `auto`.
    #[serde(default)]
    pub throttle: Throttle,
    /// How long clients may wait, as the p99 of produce requests, fetches and the canary (`latency-objective = "20ms"`):
    /// copies slow down to keep it, and go as fast as it allows. Default: none.
    #[serde(default, deserialize_with = "objective")]
    pub latency_objective: Option<Duration>,
    /// How often rates may go up, or down once more (`adjust-interval = "5s"`).
    #[serde(default, deserialize_with = "optional_duration")]
    pub adjust_interval: Option<Duration>,
    /// Whether the canary measures while something is carried out (`canary = "auto"`). Default: `auto`.
    #[serde(default)]
    pub canary: CanaryMode,
    /// How many replicas may be copied onto one broker at once, and how many one broker may send.
    #[serde(default, deserialize_with = "moves")]
    pub moves_per_broker: Option<usize>,
    /// How many partitions may be on the way at once in the whole cluster.
    #[serde(default, deserialize_with = "moves")]
    pub moves_in_flight: Option<usize>,
    /// How long a move may go without progress before it is cancelled.
    #[serde(default, deserialize_with = "optional_duration")]
    pub stall_timeout: Option<Duration>,
    /// How often the cluster is looked at while something moves.
    #[serde(default, deserialize_with = "optional_duration")]
    pub poll_interval: Option<Duration>,
    /// When something new may start (`windows = { only = ["01:00-06:00"], offset = "+01:00" }`). Default: always.
    #[serde(default)]
    pub windows: Windows,
}

/// Whether the canary measures how long records take while something is carried out. It makes a topic of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CanaryMode {
    /// `auto`: where an objective for latency is set.
    #[default]
    Auto,
    /// `true`: always.
    On,
    /// `false`: never.
    Off,
}

impl<'de> Deserialize<'de> for CanaryMode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text {
            Bool(bool),
            Word(String),
        }
        match Text::deserialize(deserializer) {
            Ok(Text::Bool(true)) => Ok(Self::On),
            Ok(Text::Bool(false)) => Ok(Self::Off),
            Ok(Text::Word(word)) if word == "auto" => Ok(Self::Auto),
            _ => Err(serde::de::Error::custom("`canary` is true, false or \"auto\"")),
        }
    }
}

impl ExecutionSettings {
    /// Whether the canary measures while something is carried out.
    pub fn has_canary(&self) -> bool {
        match self.canary {
            CanaryMode::Auto => self.latency_objective.is_some(),
            CanaryMode::On => true,
            CanaryMode::Off => false,
        }
    }
}

/// The replication throttle of each broker that takes part, in each direction.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Throttle {
    /// `auto`: a share of what the brokers have to spare, where that is known, else a cautious rate.
    #[default]
    Auto,
    /// `none`: moves take what the network gives, and with an objective for latency what that allows.
    Unlimited,
    /// This rate.
    Rate(BytesPerS),
}

impl FromStr for Throttle {
    type Err = ValueError;

    /// Reads `auto`, `none` or a rate.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::Unlimited),
            rate => parse_rate(rate).map(Self::Rate),
        }
    }
}

impl<'de> Deserialize<'de> for Throttle {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

fn objective<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    parse_objective(&String::deserialize(deserializer)?).map(Some).map_err(serde::de::Error::custom)
}

/// The most moves that a setting may allow; more than this is a slip of the finger.
const MOVES_MAX: usize = 10_000;

fn moves<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    usize::try_from(number).ok().filter(|number| (1..=MOVES_MAX).contains(number)).map(Some).ok_or_else(
        || serde::de::Error::custom(format!("{number} is not a number of moves from 1 to {MOVES_MAX}")),
    )
}
