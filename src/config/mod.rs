//! Settings: one type per element, parsed from text. Reading the file is `edge`'s.
//!
//! Parsing is strict: an unknown key, a wrong unit or a number out of range is a [`ConfigError`] that names
//! line and key, with the nearest known key. Nothing here opens a file, so paths stay as they were written.

mod act;
mod bootstrap;
mod capacity;
mod capacity_json;
mod cluster;
mod execution;
mod instance;
mod kafka_client;
mod lease;
mod listen;
mod metrics;
mod mode;
mod prometheus;
mod settings;
mod strict;
mod values;
mod windows;

pub use act::ActSettings;
pub use bootstrap::Bootstrap;
pub use capacity::CapacitySettings;
pub use capacity_json::{CapacityFileError, parse_capacity_json};
pub use cluster::{ClusterSettings, default_load_window};
pub use execution::{CanaryMode, ExecutionSettings, Throttle};
pub use instance::{InstanceType, NotAnInstanceType};
pub use kafka_client::{
    Address, KafkaClientError, KafkaClientProblem, KafkaClientSettings, Lookup, MskIamLogin, OidcLogin,
    PasswordLogin, Pem, Reference, SaslMechanism, SaslSettings, TlsIdentity, TlsSettings, TokenLogin,
    property,
};
pub use lease::{LeaseMode, LeaseTopic, transactional_id};
pub use listen::{ListenAddress, NotAListenAddress};
pub use metrics::{MetricsSettings, check_endpoint};
pub use mode::Mode;
pub use prometheus::{BrokerPattern, PrometheusLogin, PrometheusSettings, check_server};
pub use settings::Settings;
pub use strict::{ConfigError, nearest, parse_toml};
pub use values::{ValueError, parse_duration, parse_objective, parse_rate};
pub use windows::{Blackout, Hours, Offset, WindowError, Windows};
