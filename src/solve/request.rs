//! What is asked of the solver and what it answers.

use std::fmt;

use crate::base::{BrokerId, Bytes};
use crate::goals::{TopicPattern, Verdict};
use crate::model::{Assignment, BrokerOrd, PartitionOrd};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// The operation.
    pub operation: Operation,
    /// With add or remove: also level the rest in the same plan.
    pub also_rebalance: bool,
    /// Only topics that one of these matches move; empty stands for all. What stands on a broker that is removed
    /// moves all the same.
    pub only_topics: Vec<TopicPattern>,
    /// Topics that do not move, unless they stand on a broker that is removed.
    pub excluded_topics: Vec<TopicPattern>,
    /// Only these brokers receive replicas; empty stands for all.
    pub only_onto: Vec<BrokerId>,
    /// Brokers that receive no replicas.
    pub not_onto: Vec<BrokerId>,
    /// Brokers that become the leader of nothing they do not lead now.
    pub no_leaders_on: Vec<BrokerId>,
    /// The most that the plan may cost.
    pub budget: Budget,
    /// The seed; the same seed gives the same answer.
    pub seed: u64,
}

/// The operation asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Operation {
    /// Level the cluster.
    #[default]
    Rebalance,
    /// Fill these brokers: moves go only onto them, plus what a must-goal forces.
    AddBrokers(Vec<BrokerId>),
    /// Empty these brokers: moves go only off them, plus what a must-goal forces.
    RemoveBrokers(Vec<BrokerId>),
    /// Let these brokers, and these log directories, lead nothing, and be last in every list.
    Demote {
        /// The brokers.
        brokers: Vec<BrokerId>,
        /// The log directories.
        log_dirs: Vec<LogDirName>,
    },
    /// Move every replica that is offline (its broker is down, its log directory failed) to where it can live.
    FixOffline,
    /// Empty these log directories onto the others of the same broker.
    RemoveLogDirs(Vec<LogDirName>),
    /// Give the topics that a pattern matches another replication factor; the first pattern that matches counts.
    SetReplicationFactor(Vec<(TopicPattern, u8)>),
    /// Let the first replica of every list lead again; no data moves.
    PreferredLeaders,
}

/// A log directory of a broker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogDirName {
    /// The broker.
    pub broker: BrokerId,
    /// The path, as in `log.dirs`.
    pub path: String,
}

impl fmt::Display for LogDirName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.broker, self.path)
    }
}

/// The most that a plan may cost; `None` stands for any price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Bytes copied.
    pub bytes: Option<Bytes>,
    /// Replicas moved.
    pub moves: Option<u64>,
    /// Bytes that any one broker receives, or sends: a limit on time is this many seconds of its throttle.
    pub bytes_per_broker: Option<Bytes>,
}

impl Budget {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, brokers) = match self {
            Self::Rebalance => return f.pad("rebalance"),
            Self::AddBrokers(brokers) => ("add", brokers),
            Self::RemoveBrokers(brokers) => ("remove", brokers),
            Self::Demote { brokers, log_dirs } if log_dirs.is_empty() => ("demote", brokers),
            Self::Demote { brokers, log_dirs } => {
                let brokers = brokers.iter().map(ToString::to_string);
                let names: Vec<String> = brokers.chain(log_dirs.iter().map(ToString::to_string)).collect();
                return write!(f, "demote {}", names.join(", "));
            }
            Self::FixOffline => return f.pad("fix offline replicas"),
            Self::RemoveLogDirs(names) => {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                return write!(f, "empty log directories {}", names.join(", "));
            }
            Self::SetReplicationFactor(rows) => {
                let rows: Vec<String> =
                    rows.iter().map(|(topics, factor)| format!("{topics} to {factor}")).collect();
                return write!(f, "set the replication factor of {}", rows.join(", "));
            }
            Self::PreferredLeaders => return f.pad("elect preferred leaders"),
        };
        let ids: Vec<String> = brokers.iter().map(ToString::to_string).collect();
        let noun = if ids.len() == 1 { "broker" } else { "brokers" };
        write!(f, "{verb} {noun} {}", ids.join(", "))
    }
}

/// The target and how it was reached.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Solution {
    /// Where everything shall stand.
    pub target: Assignment,
    /// Per goal of the set, in its order: the verdict before and after.
    pub verdicts: Vec<(Verdict, Verdict)>,
    /// Per goal of the set: not met after, and no move that the operation allows would help. Brokers that get nothing while
    /// others are added were too empty before, or those that give nothing away while others are removed too full.
    pub out_of_reach: Vec<bool>,
    /// Why each changed partition changes.
    pub changes: Vec<Change>,
    /// Replicas that stay on their broker and change the log directory there.
    pub log_dir_moves: Vec<LogDirMove>,
    /// What was wanted and cannot be had.
    pub refusals: Vec<Refusal>,
}

/// A partition that changes, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The partition.
    pub partition: PartitionOrd,
    /// Why, for a person: `broker 12 is 18 % over its disk band; broker 44 has room`.
    pub reason: String,
}

/// A replica that changes the log directory on its broker, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDirMove {
    /// The partition.
    pub partition: PartitionOrd,
    /// The broker.
    pub broker: BrokerOrd,
    /// The path of the directory in which it stands.
    pub from: String,
    /// The path of the directory in which it shall stand.
    pub to: String,
    /// Size of the replica.
    pub bytes: Bytes,
    /// Why, for a person.
    pub reason: String,
}

/// Something that was wanted and cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal.
    pub kind: RefusalKind,
    /// What and where.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// What would help.
    pub mend: String,
}

/// The kinds of [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// A goal is not met.
    GoalNotMet,
    /// A goal could not be judged.
    GoalNotReady,
    /// A partition may not be touched now.
    PartitionHeld,
}
