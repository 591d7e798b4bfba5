//! The scenarios on real Kafka brokers. Each starts its own cluster and ends it, and they take turns.
//!
//! `EVENKEEL_KAFKA_VERSIONS` names the versions, parted by spaces or commas. A missing JDK or Maven fails the
//! tests: nothing here is ever skipped. Every request and the whole loop with certificates are tried on all versions, the death of a
//! broker on the oldest and, among the faults, on the newest; what depends on evenkeel more than on Kafka, on the newest, unless
//! `EVENKEEL_PROOF=all`.

#[path = "../support/mod.rs"]
mod support;

mod canary;
mod check;
mod client;
mod faults;
mod harness;
mod interruptions;
mod kill_points;
mod lease;
mod log_dirs;
mod loop_in_the_clear;
mod loop_with_acls;
mod loop_with_certificates;
mod metrics;
mod operations;
mod prometheus;
mod refusals;
mod reporter;
mod security;
mod shaped;
mod story;
mod takeover;
mod tls_files;
mod tokens;
mod written;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The versions that are tested unless the environment says otherwise: the last with ZooKeeper's heritage that most
/// clusters still run, and the newest.
const VERSIONS: &str = "3.9.1 4.4.0";

/// The versions that are wanted, oldest first.
fn versions() -> Vec<String> {
    let wanted = std::env::var("EVENKEEL_KAFKA_VERSIONS").unwrap_or_else(|_| VERSIONS.to_owned());
    let named = wanted.split([' ', ',']).filter(|version| !version.is_empty());
    let versions: Vec<String> = named.map(str::to_owned).collect();
    assert!(!versions.is_empty(), "EVENKEEL_KAFKA_VERSIONS names no version");
    versions
}

/// Whether everything is told, however long it takes: `EVENKEEL_PROOF=all`. Otherwise those scenarios that go through
/// many alike take some of them, and say so.
fn is_full_proof() -> bool {
    let is_full = std::env::var("EVENKEEL_PROOF").is_ok_and(|wanted| wanted == "all");
    if !is_full {
        eprintln!("this run takes a part; EVENKEEL_PROOF=all takes all");
    }
    is_full
}

/// The version for scenarios that look at evenkeel rather than at Kafka: one is enough for those.
fn newest_version() -> String {
    versions().pop().expect("one at least")
}

/// Runs a scenario on every version where everything is told, else on the newest: the requests that it makes are tried on
/// every version elsewhere.
fn on_the_newest_at_least(scenario: impl Fn(&str)) {
    if is_full_proof() { on_each_version(scenario) } else { scenario(&newest_version()) }
}

/// The same on the oldest, for what is told on the newest elsewhere.
fn on_the_oldest_at_least(scenario: impl Fn(&str)) {
    if is_full_proof() {
        on_each_version(scenario);
    } else {
        scenario(versions().first().expect("one at least"));
    }
}

/// Runs a scenario on every version and fails at the end, so that one version's failure does not hide another's.
fn on_each_version(scenario: impl Fn(&str)) {
    let versions = versions();
    let failed = |version: &&String| catch_unwind(AssertUnwindSafe(|| scenario(version))).is_err();
    let failures: Vec<&String> = versions.iter().filter(failed).collect();
    assert!(failures.is_empty(), "failed on Kafka {failures:?}");
}
