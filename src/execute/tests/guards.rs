//! The guards: what keeps a step from starting, and what lets it go on.

use super::desk::{Desk, GB, asked, cancelled, cluster, ids, moves, name};
use crate::base::{BrokerId, Bytes};
use crate::execute::*;
use crate::observe::{Gap, GapKind};

fn two_waves() -> Vec<Vec<crate::plan::Step>> {
    vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])], vec![moves("t-1", &[&[1, 2, 3], &[4, 2, 3]])]]
}

/// Two moves, of which one waits for the other.
fn one_after_the_other() -> Desk {
    let settings = ExecuteSettings { moves_in_flight: 1, ..ExecuteSettings::default() };
    Desk::with(cluster(), settings, two_waves())
}

#[test]
fn while_a_broker_is_down_nothing_new_starts() {
    let mut desk = one_after_the_other();
    desk.turns(2);
    desk.kill(6);
    desk.finish(&name("t-0"));
    assert!(asked(&desk.turns(30)).is_empty());
    assert!(desk.told("paused, nothing new starts: broker 6 is down"));
    desk.revive(6);
    assert_eq!(asked(&desk.turn()).len(), 1, "it goes on by itself");
    assert!(desk.told("going on; no longer: broker 6 is down"));
    assert_eq!(desk.run_out().end, End::Done);
}

#[test]
fn a_broker_that_vanishes_from_sight_is_down() {
    let mut desk = one_after_the_other();
    desk.turns(2);
    desk.seen.brokers.remove(&BrokerId(6));
    desk.finish(&name("t-0"));
    assert!(asked(&desk.turns(5)).is_empty());
    assert!(desk.told("broker 6 is down"));
}

#[test]
fn a_pause_without_end_is_the_end() {
    let mut desk = one_after_the_other();
    desk.turns(2);
    desk.kill(6);
    let outcome = desk.run_out();
    assert!(
        matches!(&outcome.end, End::Failed { reason } if reason.contains("broker 6 is down")),
        "{outcome}"
    );
    assert_eq!(desk.end_of("t-0"), StepEnd::Done, "what was in flight is finished");
    assert!(matches!(desk.end_of("t-1"), StepEnd::Dropped { reason: DropReason::Held { .. } }));
    assert!(desk.is_clear());
}

#[test]
fn repair_goes_on_while_a_broker_is_down() {
    let mut desk = Desk::new(two_waves());
    desk.kill(1);
    let steps = vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]]), moves("t-1", &[&[1, 2, 3], &[1, 5, 3]])]];
    let mut desk = Desk::with(desk.seen, ExecuteSettings::default(), steps);
    let asked_for = asked(&desk.turn());
    assert_eq!(asked_for.len(), 1, "{asked_for:?}");
    assert!(asked_for.contains_key(&name("t-0")), "it takes a replica off the dead broker");
    desk.finish(&name("t-0"));
    assert!(asked(&desk.turns(10)).is_empty(), "the other one only moves");
}

#[test]
fn trouble_that_is_not_ours_pauses() {
    let mut desk = one_after_the_other();
    desk.turns(2);
    desk.finish(&name("t-0"));
    desk.partition(&name("u-2")).isr = ids(&[1, 2]);
    assert!(asked(&desk.turns(5)).is_empty());
    assert!(desk.told("1 under-replicated partition(s) that these moves did not cause, such as u-2"));
    desk.partition(&name("u-2")).isr = ids(&[1, 2, 3]);
    assert_eq!(asked(&desk.turn()).len(), 1);
}

#[test]
fn a_gap_pauses() {
    let mut desk = one_after_the_other();
    desk.turns(2);
    desk.finish(&name("t-0"));
    let gap = Gap { kind: GapKind::LogDirs, subject: "4".to_owned(), reason: "no answer".to_owned() };
    desk.seen.gaps.push(gap);
    assert!(asked(&desk.turns(5)).is_empty());
    desk.seen.gaps[0].subject = "6".to_owned();
    assert_eq!(asked(&desk.turn()).len(), 1, "broker 6 takes no part");
}

#[test]
fn no_disk_passes_its_limit() {
    let mut seen = cluster();
    // Room for one and a half replicas under the plan's limit of 90 %.
    seen.brokers.get_mut(&BrokerId(4)).expect("4").log_dirs[0].usable_bytes = Some(Bytes(101 * GB + GB / 2));
    let steps = vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]]), moves("t-1", &[&[1, 2, 3], &[4, 2, 3]])]];
    let mut desk = Desk::with(seen, ExecuteSettings::default(), steps);
    assert_eq!(asked(&desk.turn()).len(), 1, "the one on its way counts");
    desk.seen.brokers.get_mut(&BrokerId(4)).expect("4").log_dirs[0].usable_bytes =
        Some(Bytes(100 * GB + GB / 2));
    assert_eq!(desk.run_out().end, End::DoneInPart);
    let StepEnd::Dropped { reason } = desk.end_of("t-1") else { panic!("not dropped") };
    assert!(reason.to_string().contains("broker 4 has no room"), "{reason}");
}

/// Two moves onto broker 4 are half done when clients fill its volume: first the newer one makes way, then both.
#[test]
fn moves_make_way_for_what_clients_write() {
    let mut seen = cluster();
    let set = |desk: &mut Desk, free: u64| {
        desk.seen.brokers.get_mut(&BrokerId(4)).expect("4").log_dirs[0].usable_bytes = Some(Bytes(free));
    };
    seen.brokers.get_mut(&BrokerId(4)).expect("4").log_dirs[0].usable_bytes = Some(Bytes(102 * GB));
    let to_4 = |name| moves(name, &[&[1, 2, 3], &[4, 2, 3]]);
    let settings = ExecuteSettings { moves_in_flight_per_broker: 1, ..ExecuteSettings::default() };
    let mut desk = Desk::with(seen, settings, vec![vec![to_4("t-0"), to_4("t-1")]]);
    desk.turns(3);
    desk.execution.request(&OperatorRequest::Limits { throttle: None, moves_per_broker: Some(2) }, None);
    desk.turns(3);
    for name in [name("t-0"), name("t-1")] {
        desk.replica(&name, 4).size_bytes = Some(Bytes(GB / 2));
        desk.replica(&name, 4).log_dir = Some("/d".to_owned());
    }
    set(&mut desk, 101 * GB);
    assert!(cancelled(&desk.turns(3)).is_empty(), "there is just room for both");
    set(&mut desk, 101 * GB - 1);
    assert_eq!(cancelled(&desk.turn()), [name("t-1")].into());
    assert!(cancelled(&desk.turns(1)).is_empty() || desk.list("t-0").contains(&BrokerId(4)));
    set(&mut desk, 99 * GB);
    assert_eq!(cancelled(&desk.turn()), [name("t-0")].into());
    assert_eq!(desk.run_out().end, End::DoneInPart);
    let StepEnd::Failed { reason } = desk.end_of("t-1") else { panic!("not given up") };
    assert!(reason.contains("broker 4 has no room for it any more"), "{reason}");
    assert_eq!(desk.list("t-1"), ids(&[1, 2, 3]));
}

#[test]
fn racks_are_never_given_up() {
    let mut desk = Desk::new(vec![vec![moves("t-0", &[&[1, 2, 3], &[5, 2, 3], &[5, 4, 3]])]]);
    desk.run_out();
    assert_eq!(desk.end_of("t-0"), StepEnd::Dropped { reason: DropReason::RackSpread });
    assert_eq!(desk.list("t-0"), ids(&[1, 2, 3]));
}

#[test]
fn at_most_so_many_at_once_for_each_broker() {
    let names = ["t-0", "t-1", "t-2", "u-0", "u-1", "u-2"];
    let steps = names.iter().map(|name| moves(name, &[&[1, 2, 3], &[4, 2, 3]])).collect();
    let settings = ExecuteSettings { moves_in_flight_per_broker: 2, ..ExecuteSettings::default() };
    let mut desk = Desk::with(cluster(), settings, vec![steps]);
    assert_eq!(asked(&desk.turn()).len(), 2);
    assert!(asked(&desk.turn()).is_empty());
    desk.finish(&name("t-0"));
    assert_eq!(asked(&desk.turn()).len(), 1, "one ended, one starts");
    assert_eq!(desk.run_out().end, End::Done);
}

#[test]
fn a_cancel_that_would_break_min_isr_is_not_sent() {
    let mut desk = Desk::new(vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])]]);
    desk.turns(2);
    desk.partition(&name("t-0")).isr = ids(&[4, 1]);
    desk.execution.request_stop(StopMode::Cancel);
    assert!(cancelled(&desk.turns(5)).is_empty(), "broker 4 holds one of the two in-sync replicas");
    assert!(desk.told("not cancelled"));
    desk.partition(&name("t-0")).isr = ids(&[4, 1, 2]);
    assert_eq!(cancelled(&desk.turn()).len(), 1);
    assert_eq!(desk.run_out().end, End::Stopped);
}
