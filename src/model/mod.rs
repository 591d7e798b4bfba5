//! The cluster as one immutable value, and the placement on it as the one thing that changes.
//!
//! [`ClusterModel`] is built once from an observation ([`ClusterModel::build`]) and never edited. It speaks in
//! dense ordinals (`BrokerOrd`, `PartitionOrd`), so that the solver works on arrays; names come back at its doors.
//! [`Assignment`] says where replicas stand; [`Sums`] keeps the load of each broker as replicas move.

mod assignment;
mod build;
mod cluster;
mod log_dirs;
pub mod promises;
mod sums;

pub use assignment::Assignment;
pub use build::ModelError;
pub use cluster::{
    Broker, BrokerOrd, ClusterModel, Health, HostOrd, PartitionOrd, PartitionRow, RackOrd, Resource,
    TopicOrd, TopicRow,
};
pub use log_dirs::LogDirRow;
pub use promises::{Broken, Promise};
pub use sums::Sums;
