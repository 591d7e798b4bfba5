//! How long an execution takes, beside its forecast and the least that it can take.

use std::time::Duration;

use evenkeel::base::BrokerId;
use evenkeel::edge::sim::SimSpec;
use evenkeel::execute::End;
use evenkeel::observe::read_snapshot;
use evenkeel::solve::Operation;

use crate::span::{DEMO_PACE, HEAD, Pace, demo, measure};

/// The least that a plan can take is what its busiest broker takes at its throttle; an execution takes no more than
/// that and 15 %, and the forecast foretells it within 10 %.
fn takes_little_more_than_the_least(name: &str, spec: &SimSpec, operation: Operation, pace: Pace) {
    let measured = measure(name, spec, "cruise-control", operation, pace);
    println!("{HEAD}\n{measured}");
    assert_eq!(measured.end, End::Done, "{measured}");
    assert!(measured.ratio() <= 1.15, "{measured}");
    let off = measured.forecast_s / measured.took_s;
    assert!((0.9..=1.1).contains(&off), "forecast {off:.2} of what it took: {measured}");
}

#[test]
fn a_skewed_cluster_is_levelled_in_little_more_than_the_least_time() {
    takes_little_more_than_the_least("demo", &demo(0), Operation::Rebalance, DEMO_PACE);
}

#[test]
fn added_brokers_are_filled_in_little_more_than_the_least_time() {
    let added = Operation::AddBrokers((30..36).map(BrokerId).collect());
    takes_little_more_than_the_least("demo, 6 added", &demo(6), added, DEMO_PACE);
}

#[test]
fn brokers_are_drained_in_little_more_than_the_least_time() {
    let drained = Operation::RemoveBrokers([4, 14].map(BrokerId).to_vec());
    takes_little_more_than_the_least("demo, 2 drained", &demo(0), drained, DEMO_PACE);
}

/// As in the demo, of which minutes go by from look to look: nothing runs dry in between, and what comes up in steps or is
/// halved is not so for minutes.
#[test]
fn looks_that_are_minutes_apart_cost_little() {
    let pace = Pace { poll: Duration::from_secs(240), moves_per_broker: 50, ..DEMO_PACE };
    takes_little_more_than_the_least("demo, seldom seen", &demo(0), Operation::Rebalance, pace);
}

/// `add=30,31` or `remove=0,16,17`.
fn operation(text: &str) -> Operation {
    let (kind, ids) = text.split_once('=').unwrap();
    let ids = ids.split(',').map(|id| BrokerId(id.parse().unwrap())).collect();
    match kind {
        "add" => Operation::AddBrokers(ids),
        "remove" => Operation::RemoveBrokers(ids),
        _ => panic!("{kind} is neither add nor remove"),
    }
}

/// Measures snapshots: `EVENKEEL_MAKESPAN` holds files, or `demo` and `large` for the presets, each with `@add=...` or `@remove=...` where it is not to be
/// levelled; `EVENKEEL_MB_PER_S` the throttle.
#[test]
fn snapshots_named_by_the_environment_are_measured() {
    let Ok(files) = std::env::var("EVENKEEL_MAKESPAN") else { return };
    let variable = |name: &str, or: u64| std::env::var(name).map_or(or, |text| text.parse().unwrap());
    let pace = Pace {
        throttle_bytes_per_s: variable("EVENKEEL_MB_PER_S", 50) * 1_000_000,
        poll: Duration::from_secs(variable("EVENKEEL_POLL_S", 2)),
        ..DEMO_PACE
    };
    let goals = std::env::var("EVENKEEL_GOALS").unwrap_or_else(|_| "cruise-control".to_owned());
    let mut table = vec![HEAD.to_owned()];
    for file in files.split_whitespace() {
        let (path, wanted) = file.split_once('@').unwrap_or((file, ""));
        let spec = match path {
            "demo" => SimSpec::demo(1),
            "large" => SimSpec::large(1),
            _ => SimSpec::of(&read_snapshot(&std::fs::read(path).unwrap()).unwrap().0, 0),
        };
        let wanted = if wanted.is_empty() { Operation::Rebalance } else { operation(wanted) };
        let name = path.rsplit('/').next().unwrap_or(path).split('.').next().unwrap_or(path);
        table.push(measure(name, &spec, &goals, wanted, pace).to_string());
        println!("{}", table.last().unwrap());
    }
    println!("{}", table.join("\n"));
}
