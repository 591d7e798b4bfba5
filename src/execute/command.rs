//! [`Command`]: one request to Kafka. Each is idempotent: sending it twice does what sending it once does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::{BrokerId, TopicName, TopicPartition};
use crate::observe::ThrottledReplicas;

/// What to do with one setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Remove it.
    Clear,
    /// Set it.
    Set(T),
}

/// One request to Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Change replication throttle rates of a broker (dynamic, per broker).
    ThrottleBroker {
        /// The broker; it may be dead (then the controller takes the change).
        broker: BrokerId,
        /// `leader.replication.throttled.rate`, bytes per second.
        leader: Setting<u64>,
        /// `follower.replication.throttled.rate`, bytes per second.
        follower: Setting<u64>,
        /// `replica.alter.log.dirs.io.max.bytes.per.second`, bytes per second.
        log_dirs: Setting<u64>,
    },
    /// Change the throttled replica lists of a topic.
    ThrottleTopic {
        /// The topic.
        topic: TopicName,
        /// `leader.replication.throttled.replicas`.
        leader: Setting<ThrottledReplicas>,
        /// `follower.replication.throttled.replicas`.
        follower: Setting<ThrottledReplicas>,
    },
    /// Give partitions these replica lists.
    Reassign(BTreeMap<TopicPartition, Vec<BrokerId>>),
    /// Cancel the reassignments of these partitions.
    CancelReassignments(BTreeSet<TopicPartition>),
    /// Let the first live in-sync replica of the list lead.
    ElectPreferredLeaders(BTreeSet<TopicPartition>),
    /// Move replicas on a broker to another of its log directories.
    MoveLogDirs {
        /// The broker.
        broker: BrokerId,
        /// The directory for each partition.
        moves: BTreeMap<TopicPartition, String>,
    },
}

/// The kinds of commands, by what they do to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandKind {
    /// Sets a throttle, or changes one that stands.
    SetThrottle,
    /// Asks for replica lists.
    Reassign,
    /// Cancels reassignments.
    Cancel,
    /// Lets preferred replicas lead.
    ElectLeaders,
    /// Moves replicas between log directories.
    MoveLogDirs,
    /// Takes throttles away.
    ClearThrottle,
}

impl CommandKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::SetThrottle,
        Self::Reassign,
        Self::Cancel,
        Self::ElectLeaders,
        Self::MoveLogDirs,
        Self::ClearThrottle,
    ];
}

impl fmt::Display for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SetThrottle => "set-throttle",
            Self::Reassign => "reassign",
            Self::Cancel => "cancel",
            Self::ElectLeaders => "elect-leaders",
            Self::MoveLogDirs => "move-log-dirs",
            Self::ClearThrottle => "clear-throttle",
        })
    }
}

impl Command {
    /// Whether it sets or clears a throttle, of a broker or a topic: of those no two of a turn are about the same one.
    pub fn is_throttle(&self) -> bool {
        matches!(self, Self::ThrottleBroker { .. } | Self::ThrottleTopic { .. })
    }

    /// Its kind.
    pub fn kind(&self) -> CommandKind {
        match self {
            Self::ThrottleBroker { .. } | Self::ThrottleTopic { .. } if self.sets_throttle() => {
                CommandKind::SetThrottle
            }
            Self::ThrottleBroker { .. } | Self::ThrottleTopic { .. } => CommandKind::ClearThrottle,
            Self::Reassign(_) => CommandKind::Reassign,
            Self::CancelReassignments(_) => CommandKind::Cancel,
            Self::ElectPreferredLeaders(_) => CommandKind::ElectLeaders,
            Self::MoveLogDirs { .. } => CommandKind::MoveLogDirs,
        }
    }
}

/// What came of a command that reached the cluster: the parts that Kafka refused. Empty means all was accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    /// The refused parts.
    pub refused: Vec<CommandRefusal>,
}

/// A part of a command that Kafka refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRefusal {
    /// The partition, broker or topic.
    pub subject: String,
    /// The partition, where the refusal is about one.
    pub partition: Option<TopicPartition>,
    /// Kafka's error code by name, such as `NO_REASSIGNMENT_IN_PROGRESS`.
    pub code: String,
    /// Kafka's words, where it gave some.
    pub message: String,
}
