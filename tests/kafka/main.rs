//! The scenarios on real Kafka brokers. Each starts its own cluster and ends it, and they take turns.
//!
//! `EVENKEEL_KAFKA_VERSIONS` names the versions, parted by spaces or commas. A missing JDK or Maven fails the
//! tests: nothing here is ever skipped.

#[path = "../support/mod.rs"]
mod support;

mod canary;
mod client;
mod harness;
mod interruptions;
mod lease;
mod log_dirs;
mod loop_in_the_clear;
mod loop_with_acls;
mod loop_with_certificates;
mod metrics;
mod operations;
mod refusals;
mod security;
mod story;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The versions that are tested unless the environment says otherwise: the last with ZooKeeper's heritage that most
/// clusters still run, and the newest.
const VERSIONS: &str = "3.9.1 4.4.0";

/// Runs a scenario on every version and fails at the end, so that one version's failure does not hide another's.
fn on_each_version(scenario: impl Fn(&str)) {
    let wanted = std::env::var("EVENKEEL_KAFKA_VERSIONS").unwrap_or_else(|_| VERSIONS.to_owned());
    let versions: Vec<&str> = wanted.split([' ', ',']).filter(|version| !version.is_empty()).collect();
    assert!(!versions.is_empty(), "EVENKEEL_KAFKA_VERSIONS names no version");
    let failed = |version: &&&str| catch_unwind(AssertUnwindSafe(|| scenario(version))).is_err();
    let failures: Vec<&&str> = versions.iter().filter(failed).collect();
    assert!(failures.is_empty(), "failed on Kafka {failures:?}");
}
