//! How an execution and its steps end, and why one does not begin.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::list;
use crate::base::{BrokerId, Bytes, TopicPartition};
use crate::observe::Gap;

/// Why a plan is not started. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    /// The plan was made for another cluster.
    #[error("the plan is for cluster {planned}, this is cluster {seen}")]
    OtherCluster {
        /// The plan's.
        planned: String,
        /// The one that was seen.
        seen: String,
    },
    /// The cluster has changed since the plan was made.
    #[error("the plan is void, the cluster has changed since: {}", some(changes))]
    Stale {
        /// What changed.
        changes: Vec<StaleStep>,
    },
    /// Replicas do not stand in the log directories that the plan moves them from.
    #[error(
        "the plan is void, replicas are not in the log directories that it starts from: {}",
        some(replicas)
    )]
    StaleLogDirs {
        /// Which, and what was seen.
        replicas: Vec<String>,
    },
    /// Partitions of the plan are being reassigned already.
    #[error("being reassigned already, and left alone: {}", some(partitions))]
    ForeignReassignments {
        /// Which.
        partitions: Vec<TopicPartition>,
    },
    /// Brokers are down, and no step of the plan repairs anything.
    #[error("broker {} is down: nothing moves until it is back", list(brokers))]
    BrokersDown {
        /// Which.
        brokers: Vec<BrokerId>,
    },
    /// Steps put replicas on brokers that are not alive.
    #[error("the plan puts replicas on broker {}, which is not alive", list(brokers))]
    TargetsDown {
        /// Which.
        brokers: Vec<BrokerId>,
    },
    /// Something that has to be seen before anything is changed could not be.
    #[error("the view of the cluster is incomplete: {}", gaps.iter().map(|gap| format!("{}: {}", gap.subject, gap.reason)).collect::<Vec<_>>().join("; "))]
    IncompleteView {
        /// What.
        gaps: Vec<Gap>,
    },
    /// A step is not one that evenkeel makes.
    #[error("the plan is malformed: {partition}: {problem}")]
    Malformed {
        /// The partition.
        partition: TopicPartition,
        /// What is wrong.
        problem: &'static str,
    },
}

fn some<T: fmt::Display>(things: &[T]) -> String {
    let shown: Vec<String> = things.iter().take(5).map(ToString::to_string).collect();
    let more = things.len().saturating_sub(shown.len());
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", shown.join("; "))
}

/// A step whose partition is not as the plan says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StaleStep {
    /// The partition.
    pub partition: TopicPartition,
    /// The replica list in the plan.
    pub planned: Vec<BrokerId>,
    /// The replica list of the cluster; absent when there is no such partition.
    pub seen: Option<Vec<BrokerId>>,
}

impl fmt::Display for StaleStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, planned, seen } = self;
        match seen {
            Some(seen) => {
                write!(f, "{partition} is on [{}], the plan says [{}]", list(seen), list(planned))
            }
            None => write!(f, "{partition} does not exist"),
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end")]
pub enum StepEnd {
    /// Seen done.
    Done,
    /// It was not run, or not to its end, for a reason that lies in the world.
    Dropped {
        /// Why.
        reason: DropReason,
    },
    /// It was begun and given up.
    Failed {
        /// Why.
        reason: String,
    },
    /// A stop came first.
    Stopped,
}

impl fmt::Display for StepEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Dropped { reason } => write!(f, "dropped, {reason}"),
            Self::Failed { reason } => write!(f, "given up, {reason}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// Why a step was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum DropReason {
    /// The topic was deleted, perhaps made anew.
    Gone,
    /// The replica list is not the one that the plan starts from.
    Void {
        /// The list seen.
        seen: Vec<BrokerId>,
    },
    /// Someone else is reassigning the partition.
    ForeignReassignment,
    /// Someone else moves the replica between log directories.
    ForeignLogDirMove,
    /// The replica stands in another log directory than the plan starts from.
    OtherLogDir {
        /// The path seen.
        path: String,
    },
    /// Someone cancelled the reassignment: taken as a no.
    CancelledByAnother,
    /// It would make the rack spread worse.
    RackSpread,
    /// It would leave fewer replicas than min ISR needs.
    TooFewReplicas,
    /// More is written to it than may be copied, so that the copy would never end.
    Outgrows {
        /// The broker that may copy no faster.
        broker: BrokerId,
        /// What is written to it.
        grows_bytes_per_s: u64,
        /// What the broker may send or take at most.
        rate_bytes_per_s: u64,
    },
    /// The goals that it serves are not those that are asked for now.
    OtherGoals,
    /// It was held back for too long.
    Held {
        /// By what.
        by: String,
    },
    /// Kafka refused it.
    Refused {
        /// Kafka's error.
        error: String,
    },
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the topic is gone"),
            Self::Void { seen } => write!(f, "its replica list is [{}], not as planned", list(seen)),
            Self::ForeignReassignment => f.write_str("someone else is reassigning it"),
            Self::ForeignLogDirMove => f.write_str("someone else moves it between log directories"),
            Self::OtherLogDir { path } => write!(f, "it stands in log directory {path}, not as planned"),
            Self::CancelledByAnother => f.write_str("someone cancelled it"),
            Self::RackSpread => f.write_str("it would stand on fewer racks"),
            Self::TooFewReplicas => f.write_str("it would have fewer replicas than it needs"),
            Self::Outgrows { broker, grows_bytes_per_s, rate_bytes_per_s } => write!(
                f,
                "it grows by {}/s, faster than it may be copied: broker {broker} may copy {}/s",
                Bytes(*grows_bytes_per_s),
                Bytes(*rate_bytes_per_s)
            ),
            Self::OtherGoals => f.write_str("the goals have changed, and what is left is planned anew"),
            Self::Held { by } => write!(f, "held back for too long: {by}"),
            Self::Refused { error } => write!(f, "refused by Kafka: {error}"),
        }
    }
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// In one word.
    pub end: End,
    /// Each step's end, in the order of the plan.
    pub steps: Vec<(TopicPartition, StepEnd)>,
    /// Bytes copied by moves that are done.
    pub bytes_copied: Bytes,
    /// Time from start to end.
    pub took: Duration,
    /// What could not be undone.
    pub left: Vec<Leftover>,
}

/// How an execution ended, in one word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end")]
pub enum End {
    /// Every step was seen done.
    Done,
    /// It went to its end, but some steps were dropped or given up.
    DoneInPart,
    /// A person stopped it.
    Stopped,
    /// It gave up.
    Failed {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// How many steps were seen done.
    pub fn done(&self) -> usize {
        self.steps.iter().filter(|(_, end)| *end == StepEnd::Done).count()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match &self.end {
            End::Done => "done".to_owned(),
            End::DoneInPart => "done in part".to_owned(),
            End::Stopped => "stopped".to_owned(),
            End::Failed { reason } => format!("failed, {reason}"),
        };
        let of = self.steps.len();
        let took = crate::base::format_duration(self.took);
        write!(f, "{word}: {} of {of} steps, {} copied in {took}", self.done(), self.bytes_copied)?;
        match self.left.len() {
            0 => Ok(()),
            left => write!(f, "; {left} setting(s) LEFT BEHIND"),
        }
    }
}

/// Something of this execution that still stands in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// What it is.
    pub what: String,
    /// A command that clears it, for Kafka's own tools.
    pub command: String,
}
