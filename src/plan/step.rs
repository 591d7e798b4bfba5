//! [`Step`]: one thing to do, and the questions it answers by looking at the cluster.

use serde::{Deserialize, Serialize};

use crate::base::{BrokerId, Bytes, TopicPartition};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Step {
    /// Move replicas of a partition.
    Move(MoveStep),
    /// Let the preferred replica lead.
    Leader(LeaderStep),
    /// Move a replica to another log directory of its broker.
    LogDir(LogDirStep),
}

/// Moves replicas of one partition, one new replica at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveStep {
    /// The partition.
    pub partition: TopicPartition,
    /// The replica list that it starts from; the step is void when the cluster shows another.
    pub from: Vec<BrokerId>,
    /// The replica lists to go through, the last one is the target. Each adds at most one new replica to the one before.
    pub stages: Vec<Vec<BrokerId>>,
    /// Size of one replica when the plan was made.
    pub size_bytes: Bytes,
    /// Why, for a person.
    pub reason: String,
}

/// Makes the first replica of the list the leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaderStep {
    /// The partition.
    pub partition: TopicPartition,
    /// The replica list; the step is void when the cluster shows another.
    pub replicas: Vec<BrokerId>,
    /// Why, for a person.
    pub reason: String,
}

/// Moves one replica to another log directory of its broker; no byte crosses the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogDirStep {
    /// The partition.
    pub partition: TopicPartition,
    /// The broker.
    pub broker: BrokerId,
    /// The path of the directory that it stands in; the step is void when the cluster shows another.
    pub from: String,
    /// The path of the directory that it shall stand in.
    pub to: String,
    /// Size of the replica when the plan was made.
    pub size_bytes: Bytes,
    /// Why, for a person.
    pub reason: String,
}

impl MoveStep {
    /// The list at the end.
    pub fn target(&self) -> &[BrokerId] {
        self.stages.last().unwrap_or(&self.from)
    }

    /// Replicas that the target has and the start has not.
    pub fn added(&self) -> impl Iterator<Item = BrokerId> {
        self.target().iter().copied().filter(|broker| !self.from.contains(broker))
    }

    /// Replicas that the start has and the target has not.
    pub fn removed(&self) -> impl Iterator<Item = BrokerId> {
        self.from.iter().copied().filter(|broker| !self.target().contains(broker))
    }

    /// Bytes that cross the network.
    pub fn bytes(&self) -> Bytes {
        Bytes(self.size_bytes.0.saturating_mul(self.added().count() as u64))
    }
}

impl Step {
    /// The partition it is about.
    pub fn partition(&self) -> &TopicPartition {
        match self {
            Self::Move(step) => &step.partition,
            Self::Leader(step) => &step.partition,
            Self::LogDir(step) => &step.partition,
        }
    }

    /// The move of replicas that it is, if it is one.
    pub fn as_move(&self) -> Option<&MoveStep> {
        match self {
            Self::Move(step) => Some(step),
            Self::Leader(_) | Self::LogDir(_) => None,
        }
    }

    /// The move between log directories that it is, if it is one.
    pub fn as_log_dir(&self) -> Option<&LogDirStep> {
        match self {
            Self::LogDir(step) => Some(step),
            Self::Move(_) | Self::Leader(_) => None,
        }
    }

    /// Bytes that it copies, over the network or between directories.
    pub fn bytes(&self) -> Bytes {
        match self {
            Self::Move(step) => step.bytes(),
            Self::Leader(_) => Bytes::ZERO,
            Self::LogDir(step) => step.size_bytes,
        }
    }

    /// Why, for a person.
    pub fn reason(&self) -> &str {
        match self {
            Self::Move(step) => &step.reason,
            Self::Leader(step) => &step.reason,
            Self::LogDir(step) => &step.reason,
        }
    }
}
