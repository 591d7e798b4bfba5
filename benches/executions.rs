//! What executions come to on the simulated cluster: `cargo bench --bench executions` prints one table. It holds how many seeds
//! were run, which faults came, how often each promise was checked, how the executions ended and why, and how long
//! plans take on clusters of 30 and 90 brokers beside the least that they can take. `EVENKEEL_SEEDS` says how many seeds.

#![expect(clippy::unwrap_used, dead_code, reason = "the simulation of the tests, of which this runs a part")]

#[path = "../tests/simulation/meddler.rs"]
mod meddler;
#[path = "../tests/simulation/planted.rs"]
mod planted;
#[path = "../tests/simulation/scenario.rs"]
mod scenario;
#[path = "../tests/simulation/span.rs"]
mod span;
#[path = "../tests/simulation/tally.rs"]
mod tally;
#[path = "../tests/simulation/trial.rs"]
mod trial;
#[path = "../tests/simulation/trouble.rs"]
mod trouble;
#[path = "../tests/simulation/watch.rs"]
mod watch;

use std::process::ExitCode;

use evenkeel::base::BrokerId;
use evenkeel::edge::sim::SimSpec;
use evenkeel::solve::Operation;

use crate::scenario::Scenario;
use crate::span::{DEMO_PACE, HEAD, demo, measure};
use crate::tally::Tally;

/// Minutes of a test machine.
const SEEDS: u64 = 3_000;

/// Where only whether the bench works is asked, as other benches are, by `--test`.
const SEEDS_OF_A_TEST: u64 = 30;

fn main() -> ExitCode {
    let usual = if std::env::args().any(|word| word == "--test") { SEEDS_OF_A_TEST } else { SEEDS };
    let seeds = std::env::var("EVENKEEL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(usual);
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for seed in 0..seeds {
        let scenario = Scenario::of(seed);
        let report = trial::run(&scenario, &[]);
        if !report.wrong.is_empty() {
            wrong.push(trial::story(&seed.to_string(), &scenario, &report));
        }
        tally.add(&scenario, &report);
    }
    print!("{tally}");
    println!("{:>10} executions that broke a promise\n", wrong.len());
    println!("{HEAD}");
    let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
    let rows = [
        ("30 brokers", demo(0), Operation::Rebalance),
        ("30 brokers, 6 added", demo(6), Operation::AddBrokers(ids(&[30, 31, 32, 33, 34, 35]))),
        ("30 brokers, 2 drained", demo(0), Operation::RemoveBrokers(ids(&[4, 14]))),
        ("90 brokers", SimSpec::large(1), Operation::Rebalance),
        (
            "90 brokers, 9 drained",
            SimSpec::large(1),
            Operation::RemoveBrokers((0..9).map(BrokerId).collect()),
        ),
    ];
    for (name, spec, operation) in rows {
        println!("{}", measure(name, &spec, "cruise-control", operation, DEMO_PACE));
    }
    for story in wrong.iter().take(5) {
        println!("\n{story}");
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
