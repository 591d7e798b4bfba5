//! The real client against the simulated brokers' listeners, and strangers' clients too: what goes over the wire is
//! what the in-memory face does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod commands;
mod lease;
mod metrics;
mod other_clients;
mod raw;
mod snapshot;
mod trouble;

use evenkeel::config::KafkaClientSettings;
use evenkeel::edge::kafka::{Clock, KafkaWorld, StopFlag};
use evenkeel::edge::sim::{SimCluster, SimServer, SimSpec};

/// A simulated cluster that listens and whose time stands still.
fn frozen(cluster: SimCluster) -> SimServer {
    SimServer::start(cluster, 0.0).unwrap()
}

/// A spec whose in-memory face takes no time either, so that both faces can be compared.
fn timeless(mut spec: SimSpec) -> SimSpec {
    spec.timing.request_ms = 0;
    spec
}

fn connect(server: &SimServer) -> KafkaWorld {
    let settings = KafkaClientSettings::plaintext(&server.bootstrap()).unwrap();
    KafkaWorld::connect(&settings, Clock::default(), StopFlag::default()).unwrap()
}
