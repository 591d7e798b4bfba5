//! [`SimEvent`]: what happened in a simulated cluster; tests watch these.

use crate::base::{BrokerId, TopicPartition};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SimEvent {
    /// A replica joined the ISR.
    InSync {
        /// The partition.
        partition: TopicPartition,
        /// The replica.
        broker: BrokerId,
    },
    /// A replica fell out of the ISR.
    OutOfSync {
        /// The partition.
        partition: TopicPartition,
        /// The replica.
        broker: BrokerId,
    },
    /// Leadership changed.
    Leader {
        /// The partition.
        partition: TopicPartition,
        /// The new leader; absent when there is none.
        leader: Option<BrokerId>,
    },
    /// A partition went below `min.insync.replicas`: producers with `acks=all` now get errors.
    ProduceRefused(TopicPartition),
    /// A reassignment began, or was replaced by another.
    Reassigning(TopicPartition),
    /// A reassignment ended with every new replica in sync.
    Reassigned(TopicPartition),
    /// A reassignment was cancelled.
    Cancelled(TopicPartition),
    /// A broker died or was stopped.
    Down(BrokerId),
    /// The controller fenced a broker.
    Fenced(BrokerId),
    /// A broker serves again.
    Up(BrokerId),
    /// A log directory went offline.
    LogDirOffline {
        /// The broker.
        broker: BrokerId,
        /// The directory.
        path: String,
        /// Whether it went because it was full.
        full: bool,
    },
    /// A replica has moved to another log directory.
    LogDirMoved {
        /// The partition.
        partition: TopicPartition,
        /// The broker.
        broker: BrokerId,
    },
    /// A dynamic configuration was changed; `broker 3` or `topic orders`.
    Configured(String),
    /// Bandwidth was shared out anew.
    Shared,
}
