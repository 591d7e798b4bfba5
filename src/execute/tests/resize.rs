//! Replica lists that get longer or shorter because that was asked for, and lists that only change their order.

use super::desk::{Desk, asked, cluster, ids, moves, name, plan};
use crate::base::{BrokerId, TimestampMs};
use crate::execute::*;
use crate::plan::Plan;

/// A plan of one step, in which topic `t` was asked to have so many replicas.
fn resizes(lists: &[&[i32]], factor: u8) -> Plan {
    let mut plan = plan(vec![vec![moves("t-0", lists)]]);
    plan.replication_factors = [("t".into(), factor)].into();
    plan
}

#[test]
fn a_list_grows_one_replica_after_the_other() {
    let plan = resizes(&[&[1, 2, 3], &[1, 2, 3, 4], &[1, 2, 3, 4, 5]], 5);
    let mut desk = Desk::of(cluster(), ExecuteSettings::default(), &plan);
    assert_eq!(asked(&desk.turn())[&name("t-0")], ids(&[1, 2, 3, 4]));
    desk.finish(&name("t-0"));
    assert_eq!(asked(&desk.turn())[&name("t-0")], ids(&[1, 2, 3, 4, 5]));
    assert_eq!(desk.run_out().end, End::Done);
    assert!(desk.is_clear());
}

#[test]
fn a_leader_that_goes_hands_over_first() {
    let plan = resizes(&[&[1, 2, 3], &[2, 1, 3], &[2, 3]], 2);
    let mut desk = Desk::of(cluster(), ExecuteSettings::default(), &plan);
    assert_eq!(asked(&desk.turn())[&name("t-0")], ids(&[2, 1, 3]), "who shall lead comes first");
    let sent = desk.turn();
    assert!(matches!(sent[..], [Command::ElectPreferredLeaders(_)]), "{sent:?}");
    assert_eq!(desk.partition(&name("t-0")).leader, Some(BrokerId(2)));
    assert_eq!(asked(&desk.turn())[&name("t-0")], ids(&[2, 3]));
    let outcome = desk.run_out();
    assert_eq!((outcome.end, outcome.bytes_copied), (End::Done, crate::base::Bytes::ZERO));
    assert_eq!(desk.list("t-0"), ids(&[2, 3]));
}

#[test]
fn a_leader_that_cannot_hand_over_does_not_hold_the_step_for_ever() {
    let plan = resizes(&[&[1, 2, 3], &[2, 1, 3], &[2, 3]], 2);
    let mut desk = Desk::of(cluster(), ExecuteSettings::default(), &plan);
    desk.turn();
    for _ in 0..200 {
        let sent = desk.turn();
        desk.partition(&name("t-0")).leader = Some(BrokerId(1));
        if asked(&sent).get(&name("t-0")) == Some(&ids(&[2, 3])) {
            return;
        }
    }
    panic!("it waits still: {:?}", desk.execution.progress());
}

#[test]
fn no_list_gets_shorter_than_min_isr() {
    let plan = resizes(&[&[1, 2, 3], &[1]], 1);
    let mut desk = Desk::of(cluster(), ExecuteSettings::default(), &plan);
    assert_eq!(desk.run_out().end, End::DoneInPart);
    assert_eq!(desk.end_of("t-0"), StepEnd::Dropped { reason: DropReason::TooFewReplicas });
    assert_eq!(desk.list("t-0"), ids(&[1, 2, 3]));
}

#[test]
fn another_length_that_nobody_asked_for_is_not_begun() {
    let refused = |plan: &Plan| {
        let begun = Execution::new(plan, ExecuteSettings::default(), TimestampMs(0), &cluster());
        assert!(matches!(begun, Err(NotStarted::Malformed { .. })), "{begun:?}");
    };
    refused(&plan(vec![vec![moves("t-0", &[&[1, 2, 3], &[1, 2, 3, 4]])]]));
    refused(&plan(vec![vec![moves("t-0", &[&[1, 2, 3], &[1, 2]])]]));
    refused(&resizes(&[&[1, 2, 3], &[1, 2]], 4));
}

#[test]
fn an_order_changes_without_a_copy_and_without_a_throttle() {
    let mut desk = Desk::new(vec![vec![moves("t-0", &[&[1, 2, 3], &[2, 3, 1]])]]);
    let sent = desk.turn();
    assert!(matches!(sent[..], [Command::Reassign(_)]), "{sent:?}");
    let outcome = desk.run_out();
    assert_eq!((outcome.end, outcome.bytes_copied), (End::Done, crate::base::Bytes::ZERO));
    assert_eq!(desk.list("t-0"), ids(&[2, 3, 1]));
    assert_eq!(desk.partition(&name("t-0")).leader, Some(BrokerId(2)), "the first of the list leads");
}
