//! The snapshot file, `evenkeel-snapshot/1`: a cluster at one moment as JSON, optionally gzipped (recognised by
//! its content). Takes and gives bytes; knows no file.
//!
//! Required are `format`, `brokers[].id`, `topics[].name`, `topics[].partitions[].id` and `.replicas`, and the three
//! lists themselves. `rows.rs` spells all keys out. Defaults: a broker without `alive` is alive; `leader` is the first
//! in-sync replica, which is the first one of a healthy partition; `isr` is every replica on a live broker and an
//! online log directory. A key that is `null` is a key that is absent, except that `leader: null` says that there is none.
//!
//! Beside the published keys a snapshot of evenkeel's carries what its own safety checks need and other readers
//! pass over, each only where there is something to say: `reassignments` in flight, `gaps`, `cluster.controller`,
//! `brokers[].port` and `.throttle`, `log_dirs[].usable_bytes`, `topics[].id` and `.throttle`, `partitions[].offline`
//! (default: the replicas on dead brokers and offline log directories) and `partitions[].on_disk` (replicas that the
//! lists parallel to `replicas` have no place for). In those lists an unknown entry is `null`.

mod check;
mod read;
mod rows;
mod write;

#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod tests;

pub use read::read_snapshot;
pub use write::write_snapshot;

use crate::base::one_line;

/// What the first key of every snapshot says.
pub(crate) const FORMAT: &str = "evenkeel-snapshot/1";

/// Why a snapshot could not be read; names the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Something in the file is wrong.
    #[error("{place}: {problem}")]
    Malformed {
        /// Where, such as `topics[3].partitions[17].replicas[1]`.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// A snapshot of another version, or another kind of file.
    #[error("format: `{0}` is not `{FORMAT}`, the only format that this version reads")]
    OtherFormat(String),
    /// The file begins like gzip, but cannot be unpacked.
    #[error("not readable as gzip: {0}; the file may have been cut off")]
    Gzip(String),
    /// Larger than any cluster's snapshot: not unpacked, so that a bad file cannot fill the memory.
    #[error("larger than {limit_bytes} bytes, which no cluster's snapshot is")]
    TooLarge {
        /// The most that is read, unpacked.
        limit_bytes: u64,
    },
}

impl SnapshotError {
    fn at(place: impl Into<String>, problem: impl Into<String>) -> Self {
        // Torn files have anything for a key.
        let (place, problem) = (one_line(&place.into(), 300), one_line(&problem.into(), 1_000));
        Self::Malformed { place, problem }
    }
}
