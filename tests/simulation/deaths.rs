//! The process dies, at every point at which that makes a difference, and another one carries on.

use std::collections::BTreeMap;

use evenkeel::control::KillPoint;
use evenkeel::execute::Outcome;

use crate::execution::{none_wrong, seeds};
use crate::scenario::{Dice, Scenario};
use crate::trial::{self, Death};

/// Every point that a recorded execution comes to, each time that it comes there: the process dies there and is
/// started again.
#[test]
fn whoever_dies_anywhere_is_carried_on() {
    let mut deaths: BTreeMap<KillPoint, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    let plain = (0..(seeds() / 300).max(10)).map(|seed| seed.to_string());
    // Those in which a stop cancels what is under way.
    let cancelling = (81..81 + (seeds() / 600).max(4)).map(|seed| format!("a{seed}"));
    for seed in plain.chain(cancelling) {
        let (scenario, _) = trial::named(&seed);
        let recorded = trial::run(&scenario, &[]);
        for (point, times) in recorded.reached {
            // Looks and pauses come by the hundred and are alike; a sample of them stands for all.
            let step = usize::try_from((times / 6).max(1)).unwrap();
            for time in (1..=times).step_by(step) {
                *deaths.entry(point).or_default() += 1;
                wrong.extend(trial::run_named(&trial::name(&seed, &[(point, time)])).err());
            }
        }
    }
    none_wrong(&wrong);
    for (point, count) in &deaths {
        println!("{:<28} {count:>6} deaths", point.to_string());
    }
    let never: Vec<String> = KillPoint::all()
        .iter()
        .filter(|point| !deaths.contains_key(point))
        .map(ToString::to_string)
        .collect();
    assert!(never.is_empty(), "no execution comes to {never:?}");
}

/// It dies again while it is carried on.
#[test]
fn whoever_dies_twice_is_carried_on() {
    let mut wrong = Vec::new();
    let points = KillPoint::all();
    for seed in 0..seeds() / 6 {
        let mut dice = Dice::new(seed ^ 0xD1E);
        let death =
            |dice: &mut Dice| -> Death { (*dice.of(&points), 1 + u32::try_from(dice.below(3)).unwrap()) };
        let deaths = [death(&mut dice), death(&mut dice)];
        wrong.extend(trial::run_named(&trial::name(&seed.to_string(), &deaths)).err());
    }
    none_wrong(&wrong);
}

/// Where nothing else goes wrong, a death costs time and nothing else: the plan is carried out all the same.
#[test]
fn a_death_alone_changes_nothing() {
    let done = |outcome: &Outcome| outcome.steps.clone();
    let mut compared = 0;
    for seed in 0..40 {
        let mut scenario = Scenario::of(seed);
        scenario.faults.clear();
        scenario.stops.clear();
        scenario.requests.clear();
        // With hardly any room on the disks the order in which moves fit may differ.
        if scenario.tight {
            continue;
        }
        let alone = trial::run(&scenario, &[]);
        let Some(expected) = alone.outcome.as_ref().map(done) else { continue };
        for (point, _) in alone.reached {
            let report = trial::run(&scenario, &[(point, 1)]);
            assert!(
                report.wrong.is_empty(),
                "{}",
                trial::story(&format!("{seed}@{point}#1"), &scenario, &report)
            );
            assert_eq!(
                report.outcome.as_ref().map(done),
                Some(expected.clone()),
                "seed {seed}, death at {point}"
            );
            compared += 1;
        }
    }
    assert!(compared > 200, "only {compared} deaths were compared");
}
