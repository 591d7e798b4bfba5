//! [`LoadBasis`]: what a partition's load rests on. Kafka measures no partition by itself, so that a number may be as good as a
//! measurement or hardly more than a share by size; whoever reads it should know which.

use serde::{Deserialize, Serialize};

/// What each load of a partition rests on; absent where the load is not known, or whoever told it did not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBasis {
    /// Of what producers write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub produce: Option<Basis>,
    /// Of what consumers read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consume: Option<Basis>,
    /// Of processor time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Basis>,
}

impl LoadBasis {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a number rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Measured as it stands: the broker tells what this topic has there, and it leads no other partition of it.
    Measured,
    /// Measured by the growth of the partition's own log.
    OwnLog,
    /// Reckoned from what the groups that read it have committed: at least that much is read.
    OwnCommits,
    /// The broker tells a sum; it was shared out by what groups were seen to read of each partition, the rest as it was written.
    SharedByCommits,
    /// The broker tells a sum; it was shared out by what was seen written to each log.
    SharedByLogs,
    /// The broker tells a sum; it was shared out by size.
    SharedBySize,
    /// The broker tells a sum; nothing tells its parts apart, which are alike.
    SharedAlike,
    /// The broker's processor time, shared out by weights that were fitted to this cluster.
    FittedWeights,
    /// The broker's processor time, shared out by weights that are the same for every cluster.
    StaticWeights,
}

impl Basis {
    /// In words, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Measured => "measured by its leader's broker",
            Self::OwnLog => "measured by the growth of its own log",
            Self::OwnCommits => "reckoned from what its groups have committed, and at least that much",
            Self::SharedByCommits => {
                "its topic's on the leader's broker, shared out by what groups were seen to read"
            }
            Self::SharedByLogs => {
                "its topic's on the leader's broker, shared out by what was seen written to each log"
            }
            Self::SharedBySize => "a sum that the leader's broker tells, shared out by size",
            Self::SharedAlike => "a sum that the leader's broker tells, in equal parts",
            Self::FittedWeights => {
                "its brokers' processor time, shared out by weights fitted to this cluster"
            }
            Self::StaticWeights => "its brokers' processor time, shared out by static weights of traffic",
        }
    }
}
