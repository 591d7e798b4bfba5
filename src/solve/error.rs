//! [`SolveError`]: why a request cannot be carried out at all.

use super::LogDirName;
use crate::base::{BrokerId, Bytes, RackId, TopicPartition};

/// Why a request cannot be carried out at all; told before anything is searched, and nothing is half done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SolveError {
    /// A named broker is not in the cluster.
    #[error("broker {broker} does not exist; there are {known}")]
    UnknownBroker {
        /// The broker.
        broker: BrokerId,
        /// The brokers that exist, as people write them.
        known: String,
    },
    /// Add or remove without a broker.
    #[error("no broker is named to {verb}")]
    NoBrokerNamed {
        /// `add` or `remove`.
        verb: &'static str,
    },
    /// A broker that is to be filled is down.
    #[error("broker {0} is down and cannot be filled; start it first")]
    DeadBroker(BrokerId),
    /// A named log directory is not on its broker.
    #[error("there is no log directory {dir}; the broker has {known}")]
    UnknownLogDir {
        /// The directory.
        dir: LogDirName,
        /// The paths that the broker has.
        known: String,
    },
    /// The log directories of a broker could not be asked for.
    #[error(
        "the log directories of broker {0} could not be seen; it may be down, or the right Describe on the cluster is missing"
    )]
    LogDirsNotSeen(BrokerId),
    /// It is not known what stands in the log directories of a broker.
    #[error(
        "it is not known in which log directory some replicas of broker {0} stand; grant Describe on the cluster, or take a new snapshot"
    )]
    ReplicaDirsNotSeen(BrokerId),
    /// A log directory that is to be emptied cannot be read.
    #[error(
        "log directory {0} is offline, and nothing can be copied from it; its replicas are mended by `fix-offline`"
    )]
    LogDirOffline(LogDirName),
    /// The other log directories of the broker cannot take what a directory holds.
    #[error(
        "the other log directories of the broker lack {missing} to take what {dir} holds: move replicas off the broker first"
    )]
    LogDirsTooSmall {
        /// The directory that was to be emptied.
        dir: LogDirName,
        /// How much room is missing.
        missing: Bytes,
    },
    /// Every live broker is ruled out as a destination.
    #[error(
        "no live broker may receive replicas: the brokers named as destinations, and those ruled out, leave none"
    )]
    NoReceivers,
    /// A replication factor of nothing.
    #[error("a replication factor of 0 would delete the data of {topics}; it is at least 1")]
    NoReplicas {
        /// The pattern.
        topics: String,
    },
    /// More replicas than live brokers.
    #[error("{topics}: {replication_factor} replicas need as many live brokers, and there are {live}")]
    FactorTooLarge {
        /// The pattern.
        topics: String,
        /// The replication factor asked for.
        replication_factor: usize,
        /// Live brokers.
        live: usize,
    },
    /// Nobody could write with `acks=all` any more.
    #[error(
        "topic {topic} has min.insync.replicas {min_insync_replicas}: with {replication_factor} replicas it could not be written; lower min.insync.replicas first"
    )]
    FactorBelowMinIsr {
        /// The topic.
        topic: String,
        /// The replication factor asked for.
        replication_factor: usize,
        /// Its `min.insync.replicas`.
        min_insync_replicas: u32,
    },
    /// A topic that is to be left alone is not in the cluster.
    #[error("topic `{topic}` does not exist{hint}")]
    UnknownTopic {
        /// The name given.
        topic: String,
        /// `; did you mean ...?`, where one is near.
        hint: String,
    },
    /// Fewer live brokers would be left than replicas of a partition.
    #[error(
        "{left} live brokers would be left, but {partition} has {replication_factor} replicas: remove fewer, or add {missing} first"
    )]
    TooFewBrokers {
        /// Live brokers left.
        left: usize,
        /// A partition that does not fit.
        partition: TopicPartition,
        /// Its replication factor.
        replication_factor: usize,
        /// How many brokers are missing.
        missing: usize,
    },
    /// Replicas would have to stand on fewer racks than now.
    #[error(
        "rack {rack} would keep {left} live brokers: {partition} (replication factor {replication_factor}) would lose rack spread; keep or add {missing} more there"
    )]
    RackSpread {
        /// The rack that is short of brokers.
        rack: RackId,
        /// Live brokers left in it.
        left: usize,
        /// A partition whose spread would suffer.
        partition: TopicPartition,
        /// Its replication factor.
        replication_factor: usize,
        /// How many brokers are missing.
        missing: usize,
    },
    /// What is left of the disks cannot hold the data.
    #[error(
        "disk of {place} would be {percent} % full, and the limit is {limit_percent} %: {missing} more capacity needed"
    )]
    DiskTooSmall {
        /// `rack az-c` or `the cluster`.
        place: String,
        /// How full, in percent of the capacity that is left.
        percent: u64,
        /// The limit, in percent.
        limit_percent: u64,
        /// How much capacity is missing.
        missing: Bytes,
    },
    /// The data would fit in sum, but one replica finds no place.
    #[error("no broker has room for {partition} ({size}), which has to leave broker {broker}: {reason}")]
    NoRoom {
        /// The partition.
        partition: TopicPartition,
        /// The size of a replica.
        size: Bytes,
        /// The broker that it has to leave.
        broker: BrokerId,
        /// What stands in the way.
        reason: String,
    },
}
