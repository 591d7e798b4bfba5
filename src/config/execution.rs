//! [`ExecutionSettings`]: how hard an execution may press on a cluster.

use std::time::Duration;

use serde::Deserialize;

use super::values::{optional_duration, optional_rate};
use crate::base::BytesPerS;

/// How hard an execution may press on a cluster. An absent value is left to the executor's own default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExecutionSettings {
    /// Replication throttle of each broker in each direction (`throttle = "50MB/s"`). Default: none.
    #[serde(default, deserialize_with = "optional_rate")]
    pub throttle: Option<BytesPerS>,
    /// How many replicas may be copied from or to one broker at once.
    #[serde(default, deserialize_with = "moves")]
    pub moves_per_broker: Option<u32>,
    /// How many partitions may be on the way at once in the whole cluster.
    #[serde(default, deserialize_with = "moves")]
    pub moves_in_flight: Option<u32>,
    /// How long a step may go without progress before it is cancelled.
    #[serde(default, deserialize_with = "optional_duration")]
    pub stall_timeout: Option<Duration>,
    /// How often the cluster is looked at while something moves.
    #[serde(default, deserialize_with = "optional_duration")]
    pub poll_interval: Option<Duration>,
}

/// The most moves that a setting may allow; more than this is a slip of the finger.
const MOVES_MAX: u32 = 10_000;

fn moves<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    u32::try_from(number).ok().filter(|number| (1..=MOVES_MAX).contains(number)).map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!("{number} is not a number of moves from 1 to {MOVES_MAX}"))
    })
}
