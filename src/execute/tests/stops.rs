//! Stopping: nothing new, nothing left.

use super::desk::{Desk, asked, cancelled, cluster, ids, moves, name};
use crate::execute::*;

fn steps() -> Vec<Vec<crate::plan::Step>> {
    let first =
        vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3], &[4, 5, 3]]), moves("t-1", &[&[1, 2, 3], &[4, 2, 3]])];
    vec![first, vec![moves("u-0", &[&[1, 2, 3], &[4, 2, 3]])]]
}

#[test]
fn a_stop_cancels_restores_order_and_clears() {
    let mut desk = Desk::new(steps());
    desk.turns(2);
    desk.execution.request_stop(StopMode::Cancel);
    let sent = desk.turn();
    assert_eq!(cancelled(&sent).len(), 2);
    assert!(asked(&sent).is_empty());
    let outcome = desk.run_out();
    assert_eq!(outcome.end, End::Stopped);
    assert_eq!((outcome.done(), outcome.left.len()), (0, 0));
    for partition in ["t-0", "t-1", "u-0"] {
        assert_eq!(desk.list(partition), ids(&[1, 2, 3]), "{partition}");
        assert_eq!(desk.end_of(partition), StepEnd::Stopped);
    }
    assert!(desk.is_clear() && desk.seen.reassignments.is_empty());
}

#[test]
fn a_stop_may_let_finish_what_is_in_flight() {
    let mut desk = Desk::new(steps());
    desk.turns(2);
    desk.come_up();
    desk.execution.request_stop(StopMode::FinishInFlight);
    assert!(desk.turns(5).is_empty());
    desk.finish(&name("t-1"));
    desk.finish(&name("t-0"));
    assert!(asked(&desk.turn()).is_empty(), "no further stage");
    assert!(desk.is_clear());
    assert_eq!(desk.run_out().end, End::Stopped);
    assert_eq!(desk.end_of("t-1"), StepEnd::Done);
    assert_eq!(desk.end_of("t-0"), StepEnd::Stopped);
    assert_eq!(desk.list("t-0"), ids(&[4, 2, 3]), "a whole and legal list");
}

#[test]
fn a_second_stop_sends_everything_at_once() {
    let mut desk = Desk::new(steps());
    desk.turns(2);
    desk.execution.request_stop(StopMode::FinishInFlight);
    desk.turn();
    desk.execution.request_stop(StopMode::Now);
    desk.turn();
    assert!(desk.is_clear() && desk.seen.reassignments.is_empty(), "cancelled and cleared in one turn");
    desk.execution.request_stop(StopMode::FinishInFlight);
    desk.turns(3);
    assert_eq!(desk.execution.outcome().map(|outcome| outcome.end.clone()), Some(End::Stopped));
    assert_eq!(desk.list("t-1"), ids(&[1, 2, 3]), "the order too");
}

#[test]
fn a_stop_at_any_turn_leaves_nothing() {
    for mode in [StopMode::FinishInFlight, StopMode::Cancel, StopMode::Now] {
        for at in 0..12 {
            let mut desk = Desk::new(steps());
            for turn in 0..at {
                desk.turn();
                if turn % 2 == 1 {
                    for name in desk.seen.reassignments.keys().cloned().collect::<Vec<_>>() {
                        desk.finish(&name);
                    }
                }
            }
            desk.execution.request_stop(mode);
            desk.run_out();
            assert!(desk.is_clear() && desk.seen.reassignments.is_empty(), "{mode:?} at turn {at}");
        }
    }
}

#[test]
fn progress_counts_what_is_seen() {
    let mut desk = Desk::new(steps());
    desk.turn();
    let progress = desk.execution.progress();
    assert_eq!((progress.steps_total, progress.steps_in_flight, progress.steps_pending), (3, 2, 1));
    assert_eq!(progress.bytes_total, crate::base::Bytes(4 * super::desk::GB));
    desk.run_out();
    let progress = desk.execution.progress();
    assert!((progress.ratio() - 1.0).abs() < f64::EPSILON, "{progress}");
    assert_eq!((progress.steps_done, progress.wave), (3, 2));
}

/// One move between its two stages, one on its way, one that waits.
#[test]
fn other_goals_drop_what_has_not_begun_and_leave_nothing_half_done() {
    let settings = ExecuteSettings { moves_in_flight: 2, ..ExecuteSettings::default() };
    let two_stages = moves("t-0", &[&[1, 2, 3], &[4, 2, 3], &[4, 5, 3]]);
    let steps =
        vec![two_stages, moves("t-1", &[&[1, 2, 3], &[1, 5, 3]]), moves("t-2", &[&[1, 2, 3], &[1, 2, 6]])];
    let mut desk = Desk::with(cluster(), settings, vec![steps]);
    assert_eq!(asked(&desk.turn()).len(), 2);
    desk.turns(2);
    desk.execution.request(&OperatorRequest::OtherGoals, None);
    let memory = desk.execution.memory();
    desk.finish(&name("t-0"));
    assert!(asked(&desk.turns(5)).is_empty(), "nothing begins any more");
    assert!(
        desk.told("1 steps that have not begun are dropped and planned anew, 2 moves in flight are finished")
    );

    // Whoever carries it on after a death knows it too.
    let plan = super::desk::plan(vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3], &[4, 5, 3]])]]);
    let carried_on = Execution::resume(&plan, ExecuteSettings::default(), memory, desk.now, &desk.seen);
    assert_eq!(carried_on.expect("the same cluster").progress().stopping, Some(StopMode::FinishInFlight));

    let outcome = desk.run_out();
    assert_eq!(outcome.end, End::DoneInPart, "nobody has stopped it: {outcome}");
    let other = StepEnd::Dropped { reason: DropReason::OtherGoals };
    assert_eq!((desk.end_of("t-0"), desk.end_of("t-2")), (other.clone(), other));
    assert_eq!(desk.list("t-0"), ids(&[4, 2, 3]), "its first stage, whole");
    assert_eq!(desk.end_of("t-1"), StepEnd::Done);
    assert!(desk.is_clear());
}

#[test]
fn a_stop_counts_more_than_other_goals() {
    let mut desk = Desk::new(vec![vec![moves("t-1", &[&[1, 2, 3], &[1, 5, 3]])]]);
    desk.turns(2);
    desk.execution.request(&OperatorRequest::OtherGoals, None);
    desk.execution.request(&OperatorRequest::Stop { mode: StopMode::Cancel }, None);
    assert_eq!(desk.run_out().end, End::Stopped);
    assert_eq!(desk.end_of("t-1"), StepEnd::Stopped, "it was cancelled");
}
