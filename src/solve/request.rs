//! What is asked of the solver and what it answers.

use std::fmt;

use crate::base::{BrokerId, Bytes};
use crate::goals::Verdict;
use crate::model::{Assignment, PartitionOrd};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// The operation.
    pub operation: Operation,
    /// With add or remove: also level the rest in the same plan.
    pub also_rebalance: bool,
    /// Topics that do not move (exact names), unless they stand on a broker that is removed.
    pub excluded_topics: Vec<String>,
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
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, brokers) = match self {
            Self::Rebalance => return f.pad("rebalance"),
            Self::AddBrokers(brokers) => ("add", brokers),
            Self::RemoveBrokers(brokers) => ("remove", brokers),
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
    /// Why each changed partition changes.
    pub changes: Vec<Change>,
    /// What was wanted and cannot be had.
    pub refusals: Vec<Refusal>,
    /// Least bytes that any plan reaching what this one reaches on disk must copy; absent where it cannot be known.
    pub bytes_lower_bound: Option<Bytes>,
}

/// A partition that changes, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The partition.
    pub partition: PartitionOrd,
    /// Why, for a person: `broker 12 is 18 % over its disk band; broker 44 has room`.
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
