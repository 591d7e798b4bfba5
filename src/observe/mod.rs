//! What was seen of a cluster: one dated look, and the loads that follow from it.
//!
//! "Unknown" and "absent" are different values here. What could not be seen becomes a [`Gap`]; nothing is
//! filled in with a guess. This room reads no socket: `edge` fills an [`Observation`], this room checks it.

mod absence;
mod cpu;
mod growth;
mod load;
mod observation;
mod read;
mod signals;
mod snapshot;
mod windows;
mod written;

pub use absence::{Absence, Absences, Absent};
pub use growth::{Growth, SizeHistory, Tides, TopicSizes};
pub use load::{BrokerMetrics, PartitionLoad, attribute};
pub use observation::{
    BrokerThrottle, CONTROLLER, Capacity, Gap, GapKind, LogDir, Observation, Partition, Reassignment,
    Replica, SeenBroker, SeenTopic, ThrottledReplicas, TopicThrottle,
};
pub use read::{Commits, GroupCommits, GroupId, ReadMeter};
pub use signals::{BrokerLatency, BrokerTraffic, CanaryTimes, EndToEnd, Signals};
pub use snapshot::{SnapshotError, read_snapshot, write_snapshot};
pub use windows::{LoadWindow, LoadWindows, Peak};
pub use written::{LogSpan, WriteMeter};
