//! The simulated cluster: brokers, disks, links, replication, retention, faults, in virtual time and from a seed.
//!
//! It has two faces: [`SimWorld`] in memory behind [`crate::control::World`], where an execution of hours takes
//! milliseconds, and [`SimServer`], which speaks the Kafka protocol on loopback ports, so that the real client is
//! what the demo and many tests run. Both are faces of one [`SimCluster`], and see the same.
//!
//! What it must not know: plans, goals, how evenkeel executes. It does what Kafka does, right or wrong.

mod cluster;
mod configs;
mod event;
mod fault;
mod flow;
mod http;
mod isr;
mod latency;
mod links;
mod log_dirs;
mod metrics_page;
mod num;
mod observe;
mod presets;
mod reassign;
mod rng;
mod seen;
mod server;
mod spec;
mod state;
mod topics;
mod wire;
mod world;

pub use cluster::{Refusal, SimCluster};
pub use configs::{ConfigChange, ConfigOwner};
pub use event::SimEvent;
pub use fault::Fault;
pub use server::{AddBrokerError, SimServer, SimServerError};
pub use spec::{BrokerSpec, LogDirSpec, PartitionSpec, SimSpec, SpecError, Timing, TopicSpec};
pub use state::{SimBroker, SimPartition, SimTopic};
pub use topics::NewTopic;
pub use world::SimWorld;
