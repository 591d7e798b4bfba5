//! Executions on the simulated cluster, from seeds: random plans, random faults, every promise checked after every
//! event, and at the end nothing left behind.

use std::time::Duration;

use evenkeel::control::{Charge, Happening, NoJournal, Scope, World, drive, propose};
use evenkeel::edge::sim::{SimSpec, SimWorld};
use evenkeel::execute::{Command, End, ExecuteSettings, Execution, ThrottleRate};
use evenkeel::goals::GoalSet;
use evenkeel::plan::PlanLimits;
use evenkeel::solve::Request;

use crate::meddler::Meddler;
use crate::scenario::Scenario;
use crate::tally::Tally;
use crate::trial;

/// How many seeds a run of the tests takes; the other tests of this folder take their share of it. A night's run:
/// `EVENKEEL_SEEDS=1000000 cargo test --release --test simulation -- --nocapture`.
pub fn seeds() -> u64 {
    std::env::var("EVENKEEL_SEEDS").map_or(3_000, |seeds| seeds.parse().expect("a number of seeds"))
}

/// Ends the test when seeds went wrong, with the stories of the first.
pub fn none_wrong(wrong: &[String]) {
    let first: Vec<_> = wrong.iter().take(5).cloned().collect();
    assert!(wrong.is_empty(), "{} seeds went wrong; the first:\n{}", wrong.len(), first.join("\n\n"));
}

#[test]
fn promises_hold_whatever_happens() {
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for seed in 0..seeds() {
        let scenario = Scenario::of(seed);
        let report = trial::run(&scenario, &[]);
        if !report.wrong.is_empty() {
            wrong.push(trial::story(&seed.to_string(), &scenario, &report));
        }
        tally.add(&scenario, &report);
    }
    none_wrong(&wrong);
    print!("{tally}");
    println!("{:>10} events after which promises were checked", tally.events);
    let Tally { done, in_part, stopped, failed, .. } = tally;
    let all = done + in_part + stopped + failed;
    assert!(done * 4 > all, "faults are to be lived through, not fled from: {done} of {all} done");
    assert!(stopped > 0 && in_part > 0, "every way out is gone: {stopped} stopped, {in_part} in part");
}

#[test]
fn the_same_seed_runs_the_same() {
    for seed in [3, 17, 41] {
        let twice = [(); 2].map(|()| trial::run(&Scenario::of(seed), &[]));
        assert_eq!(twice[0].outcome, twice[1].outcome, "seed {seed}");
        assert_eq!(twice[0].lines, twice[1].lines, "seed {seed}");
    }
}

#[test]
fn a_panic_leaves_no_throttle() {
    for seed in 0..10 {
        let mut scenario = Scenario::of(seed);
        scenario.faults.clear();
        scenario.stops.clear();
        let mut world = Meddler::new(&scenario);
        let before = world.look();
        let mut execution =
            Execution::new(&scenario.plan, scenario.settings.clone(), world.now(), &before).unwrap();
        let mut turns = 0;
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            drive(&mut world, Charge::unrecorded(&mut execution, &mut NoJournal), &mut |happening| {
                turns += usize::from(matches!(happening, Happening::Progress(_)));
                assert!(turns < 3, "a program error, made on purpose");
            })
        }));
        assert!(result.is_err(), "seed {seed}: the panic is passed on");
        let after = world.look();
        for (id, broker) in &after.brokers {
            assert_eq!(broker.throttle, before.brokers[id].throttle, "seed {seed}, broker {id}");
        }
        for (name, topic) in &after.topics {
            assert_eq!(topic.throttle, before.topics[name].throttle, "seed {seed}, topic {name}");
        }
    }
}

#[test]
fn proposals_are_carried_out_without_idle_time() {
    let goals = GoalSet::shipped("default").unwrap();
    let rate = 50_000_000;
    let limits = PlanLimits { throttle_bytes_per_s: rate, ..PlanLimits::default() };
    for seed in 0..4 {
        let mut world = SimWorld::new(&SimSpec::small(seed)).unwrap();
        let seen = world.observe(&Scope::Full).unwrap();
        let plan = propose(&seen, &goals, &Request::default(), &limits).unwrap().plan;
        assert!(!plan.is_empty, "seed {seed}: the cluster is skewed");
        let settings =
            ExecuteSettings { throttle: ThrottleRate::BytesPerS(rate), ..ExecuteSettings::default() };
        let began = world.now();
        let mut execution = Execution::new(&plan, settings, began, &seen).unwrap();
        let outcome = drive(&mut world, Charge::unrecorded(&mut execution, &mut NoJournal), &mut |_| {});
        assert_eq!(outcome.end, End::Done, "seed {seed}: {outcome}");
        let first = world.commands().iter().find(|(_, command)| matches!(command, Command::Reassign(_)));
        let wait = first.unwrap().0.since(began);
        assert!(wait < Duration::from_secs(1), "seed {seed}: {wait:?} until the first move");
        let last = world.commands().last().unwrap();
        let tail = (began.0 + u64::try_from(outcome.took.as_millis()).unwrap()).saturating_sub(last.0.0);
        assert!(tail <= 2_000, "seed {seed}: {tail} ms from the last command to the end");
        println!("seed {seed}: {outcome}, forecast {:.0} s", plan.price.forecast_s);
        let after = world.observe(&Scope::Full).unwrap();
        let again = propose(&after, &goals, &Request::default(), &limits).unwrap().plan;
        let (once, twice) = (plan.price.bytes, again.price.bytes);
        assert!(twice.0 <= once.0 / 10, "seed {seed}: {once}, and then {twice} once more");
    }
}
