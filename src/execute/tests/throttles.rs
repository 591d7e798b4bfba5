//! Throttles: what was there before comes back, and what others set is theirs.

use super::desk::{Desk, GB, Luck, asked, cluster, moves, name};
use crate::base::{BrokerId, Bytes};
use crate::execute::*;
use crate::observe::{Replica, ThrottledReplicas};

const RATE: u64 = 10_000_000;

fn settings() -> ExecuteSettings {
    ExecuteSettings { throttle: ThrottleRate::BytesPerS(RATE), ..ExecuteSettings::default() }
}

fn one_move() -> Vec<Vec<plan::Step>> {
    vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])]]
}

use crate::plan;

#[test]
fn values_of_others_are_merged_and_come_back() {
    let mut seen = cluster();
    let pairs = ThrottledReplicas::parse("2:1,2:2");
    seen.topics.get_mut(&"t".into()).expect("t").throttle.leader = pairs;
    seen.topics.get_mut(&"t".into()).expect("t").throttle.follower = Some(ThrottledReplicas::All);
    seen.brokers.get_mut(&BrokerId(1)).expect("1").throttle.leader_bytes_per_s = Some(RATE * 9);
    seen.brokers.get_mut(&BrokerId(4)).expect("4").throttle.follower_bytes_per_s = Some(RATE / 9);
    seen.brokers.get_mut(&BrokerId(6)).expect("6").throttle.leader_bytes_per_s = Some(7);
    let before = seen.clone();
    let mut desk = Desk::with(seen, settings(), one_move());
    desk.turn();
    let throttle = &desk.seen.topics[&"t".into()].throttle;
    assert_eq!(throttle.leader.as_ref().map(ToString::to_string).as_deref(), Some("0:1,0:2,0:3,2:1,2:2"));
    assert_eq!(throttle.follower, Some(ThrottledReplicas::All), "a wildcard is not narrowed");
    assert_eq!(desk.seen.brokers[&BrokerId(1)].throttle.leader_bytes_per_s, Some(RATE));
    assert_eq!(
        desk.seen.brokers[&BrokerId(4)].throttle.follower_bytes_per_s,
        Some(RATE / 9),
        "lower: respected"
    );
    assert_eq!(desk.run_out().end, End::Done);
    for (id, broker) in &desk.seen.brokers {
        assert_eq!(broker.throttle, before.brokers[id].throttle, "broker {id}");
    }
    assert_eq!(desk.seen.topics[&"t".into()].throttle, before.topics[&"t".into()].throttle);
}

#[test]
fn limits_that_come_before_the_first_look_are_in_force_too() {
    let mut desk = Desk::with(cluster(), settings(), one_move());
    let faster = Some(ThrottleRate::BytesPerS(RATE * 5));
    desk.execution.request(&OperatorRequest::Limits { throttle: faster, moves_per_broker: None }, None);
    desk.come_up();
    assert_eq!(desk.seen.brokers[&BrokerId(1)].throttle.leader_bytes_per_s, Some(RATE * 5));
    assert_eq!(desk.run_out().end, End::Done);
}

#[test]
fn near_the_end_looks_come_sooner_and_not_for_long() {
    let mut desk = Desk::with(cluster(), settings(), one_move());
    let poll = settings().poll;
    let mut look = |missing: u64, seconds: u64| {
        desk.turn();
        desk.replica(&name("t-0"), 4).size_bytes = Some(Bytes(GB - missing));
        desk.now = desk.now.after(std::time::Duration::from_secs(seconds));
        desk.execution.next(desk.now, &desk.seen).poll_after
    };
    assert_eq!(look(GB / 2, 1), poll);
    assert_eq!(look(1_000_000, 1), poll / 4, "the last stretch");
    assert_eq!(look(900_000, 20), poll, "it does not end");
}

#[test]
fn what_someone_changes_meanwhile_is_theirs() {
    let mut desk = Desk::with(cluster(), settings(), one_move());
    desk.turns(2);
    desk.seen.brokers.get_mut(&BrokerId(4)).expect("4").throttle.follower_bytes_per_s = Some(42);
    desk.seen.brokers.get_mut(&BrokerId(1)).expect("1").throttle.leader_bytes_per_s = None;
    let sent = desk.turns(20);
    assert!(sent.is_empty(), "not fought over: {sent:?}");
    assert!(desk.told("follower.replication.throttled.rate of broker 4 was changed to 42 B/s"));
    assert!(desk.told("leader.replication.throttled.rate of broker 1 was changed to unset"));
    assert_eq!(desk.run_out().end, End::Done);
    assert_eq!(desk.seen.brokers[&BrokerId(4)].throttle.follower_bytes_per_s, Some(42));
    desk.seen.brokers.get_mut(&BrokerId(4)).expect("4").throttle.follower_bytes_per_s = None;
    assert!(desk.is_clear());
}

#[test]
fn nothing_is_copied_without_its_throttle() {
    let mut desk = Desk::with(cluster(), settings(), one_move());
    desk.luck = Luck::Lost;
    assert!(asked(&desk.turn()).is_empty(), "the throttle may not stand");
    desk.luck = Luck::Taken;
    assert_eq!(asked(&desk.turns(4)).len(), 1, "now it stands");
    assert_eq!(desk.run_out().end, End::Done);
    assert!(desk.is_clear());
}

#[test]
fn a_right_that_is_missing_ends_it_before_it_began() {
    let mut desk = Desk::with(cluster(), settings(), one_move());
    desk.luck = Luck::ThrottlesDenied;
    let outcome = desk.run_out();
    assert!(
        matches!(&outcome.end, End::Failed { reason } if reason.contains("no AlterConfigs")),
        "{outcome}"
    );
    assert!(outcome.left.is_empty(), "nothing was set, so nothing is left: {:?}", outcome.left);
    assert_eq!(desk.list("t-0"), super::desk::ids(&[1, 2, 3]));
}

#[test]
fn throttles_are_trimmed_as_moves_finish() {
    let steps = vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]]), moves("t-1", &[&[1, 2, 3], &[1, 5, 3]])]];
    let mut desk = Desk::with(cluster(), settings(), steps);
    desk.turns(2);
    desk.finish(&name("t-0"));
    desk.turn();
    let follower = &desk.seen.topics[&"t".into()].throttle.follower;
    assert_eq!(follower.as_ref().map(ToString::to_string).as_deref(), Some("1:5"));
    assert!(desk.seen.brokers[&BrokerId(4)].throttle.is_clear(), "broker 4 takes part no more");
    assert_eq!(desk.run_out().end, End::Done);
    assert!(desk.is_clear());
}

fn lists(desk: &Desk) -> [String; 2] {
    let throttle = &desk.seen.topics[&"t".into()].throttle;
    [&throttle.leader, &throttle.follower]
        .map(|list| list.as_ref().map_or_else(String::new, ToString::to_string))
}

#[test]
fn the_last_stretch_of_a_copy_is_on_no_list() {
    let mut desk = Desk::with(cluster(), settings(), one_move());
    desk.turns(2);
    assert_eq!(lists(&desk), ["0:1,0:2,0:3", "0:4"]);
    let copied = |left: u64| Replica { size_bytes: Some(Bytes(GB - left)), ..Replica::default() };
    desk.partition(&name("t-0")).on_disk.insert(BrokerId(4), copied(40_000_000));
    desk.turns(2);
    assert_eq!(lists(&desk), ["0:1,0:2,0:3", "0:4"], "40 MB are four seconds");
    desk.partition(&name("t-0")).on_disk.insert(BrokerId(4), copied(30_000_000));
    desk.turn();
    assert_eq!(lists(&desk), ["", ""]);
    desk.turns(5);
    assert_eq!(lists(&desk), ["", ""], "and stays on none");
    assert_eq!(desk.run_out().end, End::Done);
    assert!(desk.is_clear());
}

#[test]
fn what_is_small_is_on_no_list_and_waits_until_the_rate_has_paid_for_it() {
    let mut seen = cluster();
    for partition in &mut seen.topics.get_mut(&"t".into()).expect("t").partitions {
        partition.on_disk.values_mut().for_each(|replica| replica.size_bytes = Some(Bytes(15_000_000)));
    }
    let steps = [0, 1, 2].map(|id| {
        let plan::Step::Move(step) = moves(&format!("t-{id}"), &[&[1, 2, 3], &[4, 2, 3]]) else {
            unreachable!("a move")
        };
        plan::Step::Move(plan::MoveStep { size_bytes: Bytes(15_000_000), ..step })
    });
    let mut desk = Desk::with(seen, settings(), vec![steps.to_vec()]);
    assert_eq!(asked(&desk.turn()).len(), 1, "a second and a half at 10 MB/s");
    assert_eq!(lists(&desk), ["", ""]);
    assert_eq!(asked(&desk.turn()).len(), 1, "two seconds may be taken in advance");
    assert_eq!(asked(&desk.turn()).len(), 0);
    assert_eq!(asked(&desk.turns(2)).len(), 1);
    assert_eq!(desk.run_out().end, End::Done);
}

#[test]
fn a_throttle_on_a_dead_broker_waits_to_be_seen_and_is_cleared_in_the_end() {
    let mut desk = Desk::with(cluster(), settings(), one_move());
    desk.turns(2);
    desk.finish(&name("t-0"));
    desk.kill(1);
    let sent = desk.turn();
    let clears = |command: &Command| {
        matches!(command, Command::ThrottleBroker { broker: BrokerId(1), leader: Setting::Clear, .. })
    };
    assert!(!sent.iter().any(clears), "somebody may have set it meanwhile: {sent:?}");
    assert_eq!(desk.run_out().end, End::Done);
    assert!(desk.is_clear());
}

#[test]
fn a_throttle_that_was_set_while_its_broker_was_down_is_left_alone() {
    let mut desk = Desk::with(cluster(), settings(), one_move());
    desk.turns(2);
    desk.kill(1);
    desk.turns(2);
    desk.finish(&name("t-0"));
    let broker = desk.seen.brokers.get_mut(&BrokerId(1)).expect("1");
    broker.alive = true;
    broker.throttle.leader_bytes_per_s = Some(777);
    desk.run_out();
    assert_eq!(desk.seen.brokers[&BrokerId(1)].throttle.leader_bytes_per_s, Some(777));
    assert!(desk.told("left alone"));
}

#[test]
fn what_cannot_be_cleared_is_told_with_the_commands() {
    let mut desk = Desk::with(cluster(), settings(), one_move());
    desk.turns(2);
    desk.finish(&name("t-0"));
    desk.luck = Luck::ThrottlesDenied;
    let outcome = desk.run_out();
    assert_eq!(outcome.end, End::Done, "the moves are done");
    assert_eq!(outcome.left.len(), 6, "three leaders, a follower, two lists: {:#?}", outcome.left);
    assert!(desk.told("NOT CLEANED UP"));
    assert!(
        desk.told(
            "--entity-type topics --entity-name t --delete-config leader.replication.throttled.replicas"
        )
    );
}

#[test]
fn a_late_throttle_is_found_and_cleared() {
    let mut desk = Desk::with(cluster(), settings(), one_move());
    desk.luck = Luck::Lost;
    desk.turn();
    desk.luck = Luck::Taken;
    desk.execution.request_stop(StopMode::Cancel);
    // The request that was given up for lost arrives now.
    desk.seen.brokers.get_mut(&BrokerId(4)).expect("4").throttle.follower_bytes_per_s = Some(RATE / 5);
    assert_eq!(desk.run_out().end, End::Stopped);
    assert!(desk.is_clear());
}
