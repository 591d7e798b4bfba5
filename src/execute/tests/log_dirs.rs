//! Moves between the log directories of a broker.

use super::desk::{Desk, GB, Luck, between_dirs, cluster, moves, name, plan};
use crate::base::{BrokerId, Bytes, TimestampMs};
use crate::execute::*;

/// What a turn asked the directories for: broker, partition, path.
fn asked(commands: &[Command]) -> Vec<(i32, String, String)> {
    let rows = commands.iter().filter_map(|command| match command {
        Command::MoveLogDirs { broker, moves } => Some((broker.0, moves)),
        _ => None,
    });
    rows.flat_map(|(broker, moves)| {
        moves.iter().map(move |(name, path)| (broker, name.to_string(), path.clone()))
    })
    .collect()
}

fn desk() -> Desk {
    Desk::new(vec![vec![between_dirs("t-0", 1), between_dirs("t-0", 2)]])
}

#[test]
fn throttled_moved_seen_done_and_the_throttle_is_gone() {
    let mut desk = desk();
    let sent = desk.turn();
    let both = [(1, "t-0".to_owned(), "/e".to_owned()), (2, "t-0".to_owned(), "/e".to_owned())];
    assert_eq!(asked(&sent), both);
    assert!(matches!(sent[0], Command::ThrottleBroker { .. }), "the throttle stands before: {sent:?}");
    assert_eq!(desk.seen.brokers[&BrokerId(1)].throttle.log_dirs_bytes_per_s, Some(10_000_000));
    assert!(desk.seen.brokers[&BrokerId(3)].throttle.is_clear(), "broker 3 takes no part");
    desk.replica(&name("t-0"), 1).future = Some(("/e".to_owned(), Bytes(GB / 2)));
    desk.come_up();
    assert_eq!(desk.seen.brokers[&BrokerId(1)].throttle.log_dirs_bytes_per_s, Some(50_000_000));
    assert!(desk.turns(3).is_empty(), "nothing is sent while it copies");
    assert_eq!(desk.execution.progress().bytes_done, Bytes(GB / 2));
    desk.promote(&name("t-0"), 1);
    desk.turns(2);
    assert!(desk.seen.brokers[&BrokerId(1)].throttle.is_clear(), "done on broker 1");
    desk.promote(&name("t-0"), 2);
    let outcome = desk.run_out();
    assert_eq!((outcome.end, outcome.bytes_copied), (End::Done, Bytes(2 * GB)));
    assert!(desk.is_clear());
}

#[test]
fn a_stop_asks_for_the_directory_that_it_stands_in() {
    let mut desk = desk();
    desk.turn();
    desk.promote(&name("t-0"), 2);
    desk.execution.request_stop(StopMode::Cancel);
    assert_eq!(asked(&desk.turn()), [(1, "t-0".to_owned(), "/d".to_owned())]);
    let outcome = desk.run_out();
    assert_eq!(outcome.end, End::Stopped);
    assert_eq!(outcome.done(), 1, "broker 2 was faster than the cancel");
    assert!(desk.is_clear());
    assert_eq!(desk.replica(&name("t-0"), 1).log_dir.as_deref(), Some("/d"));
}

#[test]
fn a_cancel_that_comes_too_late_does_not_move_it_back() {
    let mut desk = Desk::new(vec![vec![between_dirs("t-0", 1)]]);
    desk.turn();
    desk.execution.request_stop(StopMode::Cancel);
    desk.luck = Luck::Lost;
    assert_eq!(asked(&desk.turn()), [(1, "t-0".to_owned(), "/d".to_owned())]);
    // The future replica took over before the cancel came, which now asks for a move back.
    desk.promote(&name("t-0"), 1);
    desk.replica(&name("t-0"), 1).future = Some(("/d".to_owned(), Bytes::ZERO));
    desk.luck = Luck::Taken;
    let sent = desk.turns(10);
    assert_eq!(asked(&sent), [(1, "t-0".to_owned(), "/e".to_owned())], "{sent:?}");
    desk.run_out();
    let replica = desk.replica(&name("t-0"), 1).clone();
    assert_eq!((replica.log_dir.as_deref(), replica.future), (Some("/e"), None));
}

#[test]
fn a_lost_answer_is_settled_by_looking() {
    for (luck, again) in [(Luck::AnswerLost, 0), (Luck::Lost, 1)] {
        let settings = ExecuteSettings { throttle: ThrottleRate::Unlimited, ..ExecuteSettings::default() };
        let mut desk = Desk::with(cluster(), settings, vec![vec![between_dirs("t-0", 1)]]);
        desk.luck = luck;
        assert_eq!(asked(&desk.turn()).len(), 1);
        desk.luck = Luck::Taken;
        assert_eq!(asked(&desk.turns(20)).len(), again);
        desk.promote(&name("t-0"), 1);
        assert_eq!(desk.run_out().end, End::Done);
    }
}

#[test]
fn what_others_do_is_respected() {
    let mut desk = desk();
    desk.turn();
    desk.replica(&name("t-0"), 1).future = None;
    desk.replica(&name("t-0"), 2).future = Some(("/x".to_owned(), Bytes::ZERO));
    assert_eq!(desk.run_out().end, End::DoneInPart);
    let ends: Vec<String> =
        desk.execution.outcome().expect("over").steps.iter().map(|(_, end)| end.to_string()).collect();
    assert!(ends[0].contains("someone cancelled it"), "{ends:?}");
    assert!(ends[1].contains("someone else moves it"), "{ends:?}");
    assert!(desk.is_clear());
}

#[test]
fn a_directory_without_room_or_offline_takes_nothing() {
    for (usable, online) in [(100 * GB, true), (900 * GB, false)] {
        let mut seen = cluster();
        let dir = &mut seen.brokers.get_mut(&BrokerId(1)).expect("broker 1").log_dirs[1];
        (dir.usable_bytes, dir.online) = (Some(Bytes(usable)), online);
        let steps = vec![vec![between_dirs("t-0", 1)]];
        let mut desk = Desk::with(seen, ExecuteSettings::default(), steps);
        assert_eq!(desk.run_out().end, End::DoneInPart);
        assert!(asked(&desk.turns(1)).is_empty());
        assert!(matches!(desk.end_of("t-0"), StepEnd::Dropped { reason: DropReason::Held { .. } }));
    }
}

#[test]
fn a_plan_that_starts_elsewhere_is_void() {
    let mut seen = cluster();
    let replica = seen.topics.get_mut(&"t".into()).expect("t").partitions[0].on_disk.get_mut(&BrokerId(1));
    replica.expect("the replica").log_dir = Some("/x".to_owned());
    let plan = plan(vec![vec![between_dirs("t-0", 1)]]);
    let begun = Execution::new(&plan, ExecuteSettings::default(), TimestampMs(0), &seen);
    let error = begun.expect_err("it is void").to_string();
    assert!(error.contains("t-0 on broker 1 is in /x, the plan says /d"), "{error}");
}

#[test]
fn a_partition_may_move_between_brokers_and_then_between_directories() {
    let steps = vec![vec![moves("t-0", &[&[1, 2, 3], &[1, 2, 6]])], vec![between_dirs("t-0", 1)]];
    let mut desk = Desk::new(steps);
    assert!(asked(&desk.turn()).is_empty(), "the wave before it comes first");
    desk.finish(&name("t-0"));
    assert_eq!(asked(&desk.turns(3)).len(), 1);
    desk.promote(&name("t-0"), 1);
    assert_eq!(desk.run_out().end, End::Done);
    assert!(desk.is_clear());
}
