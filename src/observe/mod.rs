//! What was seen of a cluster: one dated look, and the loads that follow from it.
//!
//! "Unknown" and "absent" are different values here. What could not be seen becomes a [`Gap`]; nothing is
//! filled in with a guess. This room reads no socket: `edge` fills an [`Observation`], this room checks it.

mod absence;
mod basis;
mod cpu;
mod cpu_fit;
mod cpu_weights;
mod follower_reads;
mod growth;
mod line_rate;
mod load;
mod observation;
mod read;
mod signals;
mod snapshot;
mod windows;
mod work;
mod written;

pub use absence::{Absence, Absences, Absent};
pub use basis::{Basis, LoadBasis};
pub use cpu::{AddsUp, CpuSharing, SharedBy, share_cpu_by};
pub use cpu_weights::{CpuFit, NoFit, TrafficWeights};
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
pub use work::{BrokerWork, WorkTraffic};
pub use written::{LogSpan, WriteMeter};
