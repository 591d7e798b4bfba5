//! Every kind of trouble meets every phase of an execution.

use std::collections::BTreeMap;

use crate::execution::{none_wrong, seeds};
use crate::meddler::PHASES;
use crate::scenario::Scenario;
use crate::trial;
use crate::trouble::KINDS;

#[test]
fn every_trouble_meets_every_phase() {
    let cells = (KINDS.len() * PHASES.len()) as u64;
    let mut bit: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut checks = 0;
    let rounds = (seeds() / 600).max(5);
    // Some cells are rare (it takes a moment to put a leader right): until each has been met, but not for ever.
    let met = |bit: &BTreeMap<(&str, &str), u32>| bit.len() as u64 >= cells;
    for seed in 0..cells * rounds * 8 {
        if seed >= cells * rounds && met(&bit) {
            break;
        }
        let scenario = Scenario::aimed(seed);
        // To be dead for a while, the process has to die: in the middle of its copying.
        let dies = matches!(&scenario.aimed, Some(("dead", _)));
        let deaths = if dies { vec![(evenkeel::control::KillPoint::Sleep, 4)] } else { Vec::new() };
        let name = trial::name(&format!("a{seed}"), &deaths);
        let report = trial::run(&scenario, &deaths);
        checks += report.checks;
        for (kind, phase) in &report.bit {
            *bit.entry((kind, phase)).or_default() += 1;
        }
        if !report.wrong.is_empty() {
            wrong.push(trial::story(&name, &scenario, &report));
        }
    }
    none_wrong(&wrong);
    println!("{:<18}{}", "", PHASES.map(|phase| format!("{phase:>14}")).concat());
    for kind in KINDS {
        let cells = PHASES.map(|phase| format!("{:>14}", bit.get(&(kind, phase)).copied().unwrap_or(0)));
        println!("{kind:<18}{}", cells.concat());
    }
    println!("promises were checked after {checks} events");
    let empty: Vec<_> = KINDS
        .iter()
        .flat_map(|kind| PHASES.iter().map(move |phase| (*kind, *phase)))
        .filter(|cell| !bit.contains_key(cell))
        .collect();
    assert!(empty.is_empty(), "these never met: {empty:?}");
}

/// Runs that went wrong once, each of which stays right from then on.
#[test]
fn seeds_that_went_wrong_once_stay_right() {
    let mut wrong = Vec::new();
    for line in include_str!("../../fixtures/seeds.txt").lines() {
        let name = line.split("  ").next().unwrap_or_default().trim();
        if !name.is_empty() && !name.starts_with("//") {
            wrong.extend(trial::run_named(name).err());
        }
    }
    none_wrong(&wrong);
}

/// Runs one seed again and tells its story: `EVENKEEL_SEED='51@after-send:reassign#1'`.
#[test]
fn replay() {
    let Ok(name) = std::env::var("EVENKEEL_SEED") else { return };
    let (scenario, deaths) = trial::named(&name);
    let report = trial::run(&scenario, &deaths);
    println!("{}", trial::story(&name, &scenario, &report));
    assert!(report.wrong.is_empty(), "something is wrong with {name}");
}
