//! Volumes that are about to fill: what takes load off them goes first, and that is told once.

use super::desk::{Desk, GB, asked, between_dirs, cluster, moves, name};
use crate::base::{BrokerId, Bytes};
use crate::execute::*;
use crate::observe::Observation;
use crate::plan::Step;

fn uses(seen: &mut Observation, broker: i32, dir: usize, gigabytes: u64) {
    let dir = &mut seen.brokers.get_mut(&BrokerId(broker)).expect("the broker").log_dirs[dir];
    dir.usable_bytes = Some(Bytes((1000 - gigabytes) * GB));
}

/// One copy at a time; of two moves the first in the plan takes nothing off broker 3.
fn one_at_a_time(seen: Observation, steps: Vec<Step>) -> Desk {
    let throttle = ThrottleRate::BytesPerS(10_000_000);
    let settings = ExecuteSettings { moves_in_flight: 1, throttle, ..ExecuteSettings::default() };
    Desk::with(seen, settings, vec![steps])
}

fn two() -> Vec<Step> {
    vec![moves("t-0", &[&[1, 2, 3], &[1, 5, 3]]), moves("t-1", &[&[1, 2, 3], &[1, 2, 6]])]
}

#[test]
fn a_volume_over_its_limit_is_relieved_first() {
    let mut desk = one_at_a_time(cluster(), two());
    assert!(asked(&desk.turn()).contains_key(&name("t-0")), "nothing is full: as in the plan");
    assert!(!desk.told("goes first"));

    let mut seen = cluster();
    uses(&mut seen, 3, 0, 901);
    let mut desk = one_at_a_time(seen, two());
    assert!(asked(&desk.turn()).contains_key(&name("t-1")), "what leaves broker 3 goes first");
    desk.turns(20);
    let told = desk.events.iter().filter(|event| matches!(event, ExecutionEvent::AboutToFill { .. }));
    let told: Vec<String> = told.map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "/d of broker 3, with 901 GB in use, is over its limit of 900 GB: what takes load off it goes first"
        ]
    );
    assert_eq!(desk.run_out().end, End::Done);
}

#[test]
fn another_directory_of_the_same_broker_is_another_matter() {
    let mut seen = cluster();
    uses(&mut seen, 3, 1, 901);
    let mut desk = one_at_a_time(seen, two());
    assert!(asked(&desk.turn()).contains_key(&name("t-0")), "the replica of t-1 stands in the first one");
    assert!(!desk.told("goes first"));
}

#[test]
fn growth_that_is_seen_counts_as_far_as_the_rest_takes() {
    let mut desk = one_at_a_time(cluster(), [vec![moves("u-0", &[&[1, 2, 3], &[4, 2, 3]])], two()].concat());
    assert!(asked(&desk.turn()).contains_key(&name("u-0")));
    // A gigabyte every second, while three copies of a gigabyte take a hundred seconds each.
    for second in 0..15 {
        uses(&mut desk.seen, 3, 0, 800 + second);
        assert!(asked(&desk.turn()).is_empty(), "one is on its way");
    }
    desk.finish(&name("u-0"));
    assert!(asked(&desk.turn()).contains_key(&name("t-1")), "86 seconds are left until it is full");
    assert!(desk.told("/d of broker 3, with"), "{:?}", desk.events);
    assert!(desk.told("as it grows"), "{:?}", desk.events);
}

#[test]
fn between_directories_the_fullest_comes_first() {
    let mut seen = cluster();
    uses(&mut seen, 2, 0, 950);
    let steps = vec![between_dirs("t-0", 1), between_dirs("t-1", 2)];
    let mut desk = one_at_a_time(seen, steps);
    let sent = desk.turn();
    let brokers: Vec<BrokerId> = sent
        .iter()
        .filter_map(|command| match command {
            Command::MoveLogDirs { broker, .. } => Some(*broker),
            _ => None,
        })
        .collect();
    assert_eq!(brokers, [BrokerId(2)]);
}
