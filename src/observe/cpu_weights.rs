//! [`CpuFit`] and [`NoFit`]: what processor time is shared out by, and how good that is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Kinds of traffic: from clients, to clients, from leaders, to followers.
pub(super) const KINDS: usize = 4;

/// Fewer windows tell nothing: two hours.
pub(super) const WINDOWS_LEAST: usize = 8;

/// Fewer rows, one for each broker and window, tell nothing.
pub(super) const ROWS_LEAST: usize = 40;

/// Cores per byte per second, by what is done with the byte.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrafficWeights {
    /// A leader's, of what producers write.
    pub produce: f64,
    /// A leader's, of what consumers read.
    pub consume: f64,
    /// A follower's, of what it fetches.
    pub follow: f64,
    /// A leader's, of what each follower fetches.
    pub serve: f64,
}

/// Cruise Control's defaults: `leader.network.inbound.weight.for.cpu.util` 0.7, `leader.network.outbound.weight.for.cpu.util` 0.15 and
/// `follower.network.inbound.weight.for.cpu.util` 0.15. They tell proportions and no cores.
pub(super) const STATIC: TrafficWeights =
    TrafficWeights { produce: 0.7, consume: 0.15, follow: 0.15, serve: 0.15 };

impl TrafficWeights {
    pub(super) fn by_kind(self) -> [f64; KINDS] {
        [self.produce, self.consume, self.follow, self.serve]
    }

    pub(super) fn of_kinds([produce, consume, follow, serve]: [f64; KINDS]) -> Self {
        Self { produce, consume, follow, serve }
    }
}

/// Weights that were fitted to a cluster, and how good they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CpuFit {
    /// Cores per byte per second.
    pub weights: TrafficWeights,
    /// Cores that a broker keeps busy without any traffic; no move of a replica takes them along.
    pub base_cores: f64,
    /// From how many windows of a quarter of an hour.
    pub windows: usize,
    /// From how many brokers.
    pub brokers: usize,
    /// Rows that were left out, since copies were made in them or their traffic was wild.
    pub left_out: usize,
    /// By which share of what was measured half of the rows are off at most, in windows that the weights were not fitted to.
    pub median_off: f64,
    /// The same of 95 of 100 rows.
    pub p95_off: f64,
    /// By which share half of the rows are off with the static weights.
    pub static_median_off: f64,
}

impl CpuFit {
    /// Whether its numbers can be what they say: it may come from a file.
    pub fn is_sound(&self) -> bool {
        let shares = [self.base_cores, self.median_off, self.p95_off, self.static_median_off];
        self.weights.by_kind().iter().chain(&shares).all(|number| number.is_finite() && *number >= 0.0)
            && self.weights.by_kind().iter().any(|weight| *weight > 0.0)
    }
}

impl fmt::Display for CpuFit {
    /// How good it is, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "from {} windows of {} brokers; half of the time within {:.0} % of what was measured, 95 of 100 times within {:.0} % (static \
             weights: half of the time within {:.0} %); {:.2} cores a broker without traffic",
            self.windows,
            self.brokers,
            100.0 * self.median_off,
            100.0 * self.p95_off,
            100.0 * self.static_median_off,
            self.base_cores
        )
    }
}

/// Why static weights have to do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum NoFit {
    /// One look alone.
    #[error(
        "one look tells no weights: a daemon with metrics and this state directory has to run for two hours first"
    )]
    OneLook,
    /// Too little was gathered.
    #[error(
        "too little is known yet: {windows} windows of {WINDOWS_LEAST} and {rows} rows of {ROWS_LEAST} ({left_out} left out, since copies were made or traffic was wild)"
    )]
    TooFew {
        /// Windows that are of use.
        windows: usize,
        /// Rows that are of use: one for each broker and window.
        rows: usize,
        /// Rows that are not.
        left_out: usize,
    },
    /// The traffic of all kinds goes up and down together, or is the same everywhere and always.
    #[error(
        "the data cannot tell: what brokers lead and what they follow is in proportion everywhere and always"
    )]
    Alike,
    /// They scatter too much.
    #[error("the data cannot tell: a weight may be off by {:.0} % of all cores used", 100.0 * doubt)]
    Unsure {
        /// Two standard errors of the worst weight, as a share of all cores used.
        doubt: f64,
    },
    /// The static weights are as good.
    #[error("the static weights are as good: off by {:.0} %, and fitted ones by {:.0} %", 100.0 * static_off, 100.0 * fit_off)]
    NotBetter {
        /// Mean deviation of the fit, as a share of the mean of cores used.
        fit_off: f64,
        /// The same of the static weights.
        static_off: f64,
    },
    /// Traffic does not tell what processors do here.
    #[error("traffic does not tell what processors do here: fitted weights are off by {:.0} % half of the time", 100.0 * median_off)]
    FarOff {
        /// By which share half of the rows are off at most.
        median_off: f64,
    },
    /// The linear program has no solution that can be used.
    #[error("the linear program was not solved")]
    NotSolved,
}
