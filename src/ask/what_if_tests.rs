//! Suppositions on a cluster that can be followed by hand.

use super::*;
use crate::ask::NewBrokers;
use crate::ask::test_clusters::{GB, cluster, topic};

fn supposed(observation: &Observation, scenario: &Scenario) -> WhatIf {
    let goals = GoalSet::shipped("disk-only").expect("it is shipped");
    what_if(observation, &goals, scenario, 0, &PlanLimits::default()).expect("it can be supposed")
}

/// Two brokers in each of three racks; `t` has three replicas, `single` one on broker 5.
fn seen() -> Observation {
    let mut observation = cluster(&[2, 2, 2]);
    topic(
        &mut observation,
        "t",
        &[(&[0, 2, 4], 300), (&[1, 3, 5], 300), (&[4, 0, 2], 100), (&[5, 1, 3], 100)],
    );
    topic(&mut observation, "single", &[(&[5], 10)]);
    observation
}

#[test]
fn losing_a_rack_is_told_before_anything_is_moved() {
    let view = supposed(&seen(), &Scenario { lose_racks: vec!["c".into()], ..Scenario::default() });
    let loss = view.loss.expect("brokers are lost");
    assert_eq!(loss.lost, [BrokerId(4), BrokerId(5)]);
    assert_eq!(loss.without_leader, Named { count: 1, first: vec!["single-0".to_owned()] });
    assert_eq!(loss.under_min_isr.count, 1, "two replicas are enough for the others");
    assert_eq!(loss.leaders_moved, 2);
    assert_eq!(
        (loss.copies, loss.copy_bytes),
        (4, Bytes(800 * GB)),
        "the one without a leader cannot be copied"
    );
    // 4 brokers of 1 TB at 80 %, with 400 GB each: 1.6 TB of room.
    assert_eq!((loss.room_bytes, loss.fits), (Some(Bytes(1600 * GB)), Some(true)));
    let leaders: Vec<(i32, f64, f64)> =
        loss.brokers.iter().map(|row| (row.broker.0, row.leaders_now, row.leaders_left)).collect();
    assert_eq!(leaders, [(0, 1.0, 2.0), (1, 1.0, 2.0), (2, 0.0, 0.0), (3, 0.0, 0.0)]);
    assert!(loss.brokers.iter().all(|row| row.network_out_now.is_none()), "not known here");
}

#[test]
fn what_does_not_fit_is_said() {
    let scenario = Scenario { lose_racks: vec!["c".into()], scale: Some(1.9), ..Scenario::default() };
    let loss = supposed(&seen(), &scenario).loss.expect("brokers are lost");
    assert_eq!(loss.fits, Some(false), "{loss:?}");
    let two = Scenario { lose_racks: vec!["b".into(), "c".into()], ..Scenario::default() };
    let view = supposed(&seen(), &two);
    let loss = view.loss.expect("brokers are lost");
    assert_eq!((loss.too_many_replicas.count, loss.fits), (4, Some(false)), "two brokers, three replicas");
    assert_eq!(loss.under_min_isr.count, 5);
    assert!(matches!(view.outcome, Outcome::Refused { .. }), "{:?}", view.outcome);
    assert!(view.goals.iter().all(|row| row.after.is_none()));
}

#[test]
fn new_brokers_are_compared_in_three_states() {
    let new = |rack: &str| NewBrokers { count: 1, rack: rack.into() };
    let scenario = Scenario { add: ["a", "b", "c"].map(new).to_vec(), ..Scenario::default() };
    let view = supposed(&seen(), &scenario);
    let disk = &view.loads[0];
    let (now, left, after) = (disk.now, disk.left, disk.after.expect("there is a plan"));
    assert!((now.mean - 401.667e9).abs() < 1e9 && (left.mean - 267.778e9).abs() < 1e9, "{disk:?}");
    assert!((left.max - now.max).abs() < 1.0 && after.max < now.max, "{disk:?}");
    let Outcome::Plan { price, .. } = &view.outcome else { panic!("{:?}", view.outcome) };
    assert!(price.bytes.0 > 0 && view.loss.is_none());
    assert_eq!(view.supposed[0], "1 broker joins rack a");
}
