//! [`ExecuteSettings`]: how carefully and how fast a plan is run.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Bytes;
use crate::config::Windows;

/// How a plan is run. The defaults are safe on a cluster that nobody has measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecuteSettings {
    /// The replication throttle.
    pub throttle: ThrottleRate,
    /// How long clients may wait: the time that 99 of 100 of their requests stay below, on every broker. Where it is set,
    /// copies slow down to keep it.
    pub latency_objective: Option<Duration>,
    /// How often rates go up at most, and how often a broker backs off.
    pub adjust_interval: Duration,
    /// At most this many moves copy onto one broker at once, and at most this many are led (sent) by one broker.
    pub moves_in_flight_per_broker: usize,
    /// At most this many moves in flight in all.
    pub moves_in_flight: usize,
    /// Time between two looks at the cluster.
    pub poll: Duration,
    /// A move that gets no nearer to its end for this long is cancelled.
    pub no_progress: Duration,
    /// While a pause (a broker down, say) lasts longer than this, the steps that wait for its end are dropped.
    pub pause_patience: Duration,
    /// A step that alone is held back (no disk room, say) for this long is dropped.
    pub hold_patience: Duration,
    /// How long throttles and replica orders are put right at the end before what is left is reported instead.
    pub clean_up_patience: Duration,
    /// How long the cluster may be out of sight before the execution gives up.
    pub blind_patience: Duration,
    /// A command whose effect is not seen is sent again after this time.
    pub resend: Duration,
    /// Share of each volume that a move must leave free, 0 to 1, whatever the plan's goals say.
    pub disk_reserve_ratio: f64,
    /// What the first request to stop does with moves in flight.
    pub stop: StopMode,
    /// When something new may start.
    pub windows: Windows,
}

impl Default for ExecuteSettings {
    fn default() -> Self {
        Self {
            throttle: ThrottleRate::Derived,
            latency_objective: None,
            // What a change of rate has brought shows after a few fetches and the next look at the metrics.
            adjust_interval: Duration::from_secs(5),
            // Kafka's own throttle shares the rate out; more moves at once only spread it thinner, and five keep
            // it busy while single moves end.
            moves_in_flight_per_broker: 5,
            moves_in_flight: 500,
            poll: Duration::from_secs(1),
            // A rolling patch takes a broker away for minutes; twice that is no patch any more.
            no_progress: Duration::from_secs(600),
            pause_patience: Duration::from_secs(3_600),
            hold_patience: Duration::from_secs(120),
            clean_up_patience: Duration::from_secs(300),
            blind_patience: Duration::from_secs(3_600),
            resend: Duration::from_secs(5),
            disk_reserve_ratio: 0.02,
            stop: StopMode::Cancel,
            windows: Windows::default(),
        }
    }
}

/// The replication throttle of each broker that takes part, in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThrottleRate {
    /// Half of the broker's unused network where its capacity and load are known, else 50 MB/s; with an objective for
    /// latency from there up to nine tenths of it, as long as the objective is kept.
    #[default]
    Derived,
    /// This many bytes per second; with an objective for latency no more than this.
    BytesPerS(u64),
    /// No throttle at all: moves take what the network gives. With an objective for latency the same as `Derived`.
    Unlimited,
}

impl fmt::Display for ThrottleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BytesPerS(rate) => write!(f, "throttle {}/s", Bytes(*rate)),
            Self::Unlimited => f.pad("no throttle"),
            Self::Derived => f.pad("throttle auto"),
        }
    }
}

/// What stopping does with moves in flight. A later request may only be harder than an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopMode {
    /// What is being copied is copied to its end.
    FinishInFlight,
    /// What is being copied is cancelled, and the replica order that a cancel leaves is put right.
    Cancel,
    /// Cancels and throttle removals go out at once, and hardly anything is waited for.
    Now,
}
