//! Real Kafka: an asynchronous client for administration over the wire protocol, and [`KafkaWorld`], the tenant
//! behind [`crate::control::World`] that moves real replicas.
//!
//! `kafka-protocol` puts messages into bytes and back; everything else is here: connections ([`AdminClient`]),
//! TLS, SASL, versions, retries, one file per kind of request, and errors by which an operator can act.

mod acl;
mod call;
mod certificate;
mod client;
mod clock;
mod code;
mod codec;
mod configs;
mod connection;
mod crowd;
mod elect;
mod error;
mod groups;
mod hint;
mod knock;
mod log_dirs;
mod metadata;
mod observe;
mod offsets;
mod parts;
mod perform;
mod probe;
mod quorum;
mod read;
mod reassign;
mod retry;
mod rights;
mod sasl;
mod scram;
mod shape;
mod tls;
mod topics;
mod topology;
mod versions;
mod world;
mod written;

pub use acl::{Resource, Right};
pub use client::AdminClient;
pub use clock::{Clock, StopFlag};
pub use code::Code;
pub use codec::read_answer;
pub use configs::{
    BrokerConfig, Change, FOLLOWER_RATE, FOLLOWER_REPLICAS, LEADER_RATE, LEADER_REPLICAS, LOG_DIRS_RATE,
    MIN_INSYNC_REPLICAS, TopicConfig,
};
pub use error::{Answered, ConnectError, ConnectProblem, KafkaError, Peer, RequestProblem};
pub use hint::world_error;
pub use knock::Door;
pub use log_dirs::BrokerLogDirs;
pub use metadata::TopicList;
pub use offsets::LogEnd;
pub use parts::{PartError, Parts};
pub use rights::OwnNames;
pub use scram::ScramError;
pub use topics::NewTopic;
pub use topology::{KnownBroker, Topology};
pub use world::KafkaWorld;
