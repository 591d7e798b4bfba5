//! Steps on their way: begun, seen done, cancelled, lost, gone.

use super::desk::{Desk, GB, Luck, asked, cancelled, cluster, ids, leads, moves, name, plan};
use crate::base::{Bytes, TimestampMs};
use crate::execute::*;

#[test]
fn the_first_turn_throttles_and_moves_and_the_turn_that_sees_the_end_clears() {
    let mut desk = Desk::new(vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])]]);
    let sent = desk.turn();
    assert!(matches!(sent.last(), Some(Command::Reassign(_))), "throttles stand before the move: {sent:?}");
    assert_eq!(sent.len(), 6, "four brokers, one topic, one reassignment: {sent:?}");
    let throttle = &desk.seen.topics[&"t".into()].throttle;
    assert_eq!(throttle.leader.as_ref().map(ToString::to_string).as_deref(), Some("0:1,0:2,0:3"));
    assert_eq!(throttle.follower.as_ref().map(ToString::to_string).as_deref(), Some("0:4"));
    let rates = desk.come_up();
    assert!(rates.iter().all(|sent| matches!(sent, Command::ThrottleBroker { .. })), "{rates:?}");
    assert!(desk.turns(3).is_empty(), "nothing is sent while it copies");
    desk.finish(&name("t-0"));
    desk.turn();
    assert!(desk.is_clear(), "all throttles gone in the turn that sees the move done");
    let outcome = desk.run_out();
    assert_eq!(outcome.end, End::Done);
    assert_eq!(outcome.bytes_copied, Bytes(GB));
    assert_eq!(desk.list("t-0"), ids(&[4, 2, 3]));
}

#[test]
fn what_is_not_in_sync_is_not_done() {
    let mut desk = Desk::new(vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])]]);
    desk.turns(2);
    desk.finish(&name("t-0"));
    desk.partition(&name("t-0")).isr = ids(&[2, 3]);
    desk.turns(30);
    assert!(!desk.execution.is_done(), "the list alone proves nothing");
    desk.partition(&name("t-0")).isr = ids(&[4, 2, 3]);
    desk.turn();
    assert!(desk.is_clear());
    assert_eq!(desk.run_out().end, End::Done);
}

#[test]
fn stages_run_one_after_the_other_and_waves_where_room_asks_for_it() {
    let steps = vec![
        vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3], &[4, 5, 3]]), moves("t-1", &[&[1, 2, 3], &[1, 2, 6]])],
        vec![moves("u-0", &[&[1, 2, 3], &[1, 5, 3]])],
    ];
    // Without a throttle there is none to be full with two copies.
    let settings = ExecuteSettings { throttle: ThrottleRate::Unlimited, ..ExecuteSettings::default() };
    let mut desk = Desk::with(cluster(), settings, steps);
    let first = asked(&desk.turn());
    assert_eq!(first.len(), 3, "broker 5 has room for the second wave at once");
    assert_eq!(first[&name("u-0")], ids(&[1, 5, 3]));
    desk.finish(&name("t-1"));
    assert!(asked(&desk.turn()).is_empty(), "no stage before the one ahead of it is seen done");
    desk.finish(&name("t-0"));
    assert_eq!(asked(&desk.turn())[&name("t-0")], ids(&[4, 5, 3]), "the second stage");
    assert_eq!(desk.run_out().end, End::Done);
    assert!(desk.is_clear());
}

#[test]
fn no_more_copies_than_keep_a_throttle_full() {
    let all = ["t-0", "t-1", "u-0"].map(|name| moves(name, &[&[1, 2, 3], &[4, 2, 3]]));
    let mut desk = Desk::new(vec![all.to_vec()]);
    assert_eq!(asked(&desk.turn()).len(), 2, "broker 1 sends two, and could not send three faster");
    desk.finish(&name("t-0"));
    assert_eq!(asked(&desk.turn()).len(), 1, "then the third");
    assert_eq!(desk.run_out().end, End::Done);
}

#[test]
fn leaders_are_put_back_and_leader_steps_are_seen_done() {
    let mut seen = cluster();
    seen.topics.get_mut(&"u".into()).expect("u").partitions[1].leader = Some(crate::base::BrokerId(3));
    let steps = vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]]), leads("u-1", &[1, 2, 3])]];
    let mut desk = Desk::with(seen, ExecuteSettings::default(), steps);
    desk.turn();
    desk.partition(&name("t-0")).leader = Some(crate::base::BrokerId(2));
    assert_eq!(desk.run_out().end, End::Done);
    for partition in ["t-0", "u-1"] {
        let first = desk.list(partition)[0];
        assert_eq!(desk.partition(&name(partition)).leader, Some(first), "{partition}");
    }
}

#[test]
fn a_lost_answer_is_settled_by_looking() {
    let mut desk = Desk::new(vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])]]);
    desk.turn();
    desk.luck = Luck::AnswerLost;
    assert!(asked(&desk.turns(10)).is_empty(), "it is seen running, so it is not sent again");

    let settings = ExecuteSettings { throttle: ThrottleRate::Unlimited, ..ExecuteSettings::default() };
    let mut desk = Desk::with(cluster(), settings, vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])]]);
    desk.luck = Luck::Lost;
    assert_eq!(asked(&desk.turn()).len(), 1);
    desk.luck = Luck::Taken;
    assert!(asked(&desk.turn()).is_empty(), "one look proves nothing");
    assert_eq!(asked(&desk.turns(5)).len(), 1, "it never arrived, so it is sent again");
    assert_eq!(desk.run_out().end, End::Done);
}

#[test]
fn a_cancel_by_someone_else_is_a_no() {
    let mut desk = Desk::new(vec![vec![
        moves("t-0", &[&[1, 2, 3], &[4, 2, 3]]),
        moves("t-1", &[&[1, 2, 3], &[4, 2, 3]]),
    ]]);
    desk.turns(2);
    desk.cancel(&name("t-0"));
    assert_ne!(desk.list("t-0"), ids(&[1, 2, 3]), "Kafka changes the order");
    let outcome = desk.run_out();
    assert_eq!(outcome.end, End::DoneInPart);
    assert_eq!(desk.end_of("t-0"), StepEnd::Dropped { reason: DropReason::CancelledByAnother });
    assert_eq!(desk.end_of("t-1"), StepEnd::Done);
    assert_eq!(desk.list("t-0"), ids(&[1, 2, 3]), "the old order is put back");
    assert!(desk.is_clear());
}

#[test]
fn another_reassignment_is_left_alone() {
    let steps =
        vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])], vec![moves("t-1", &[&[1, 2, 3], &[4, 2, 3]])]];
    let mut desk = Desk::new(steps);
    desk.turns(2);
    desk.seen.reassignments.remove(&name("t-0"));
    desk.partition(&name("t-0")).replicas = ids(&[1, 2, 3]);
    desk.reassign(&name("t-0"), &ids(&[1, 5, 3]));
    desk.reassign(&name("t-1"), &ids(&[1, 2, 6]));
    let sent = desk.turns(20);
    assert!(cancelled(&sent).is_empty(), "never cancelled: {sent:?}");
    assert!(asked(&sent).is_empty(), "{sent:?}");
    assert_eq!(desk.end_of("t-0"), StepEnd::Dropped { reason: DropReason::ForeignReassignment });
    assert_eq!(desk.end_of("t-1"), StepEnd::Dropped { reason: DropReason::ForeignReassignment });
    assert!(desk.is_clear());
}

#[test]
fn a_topic_of_the_same_name_is_another_topic() {
    let mut desk = Desk::new(vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])]]);
    desk.turns(2);
    let mut anew = cluster().topics.remove(&"t".into()).expect("t");
    anew.id = Some(uuid::Uuid::from_u128(99));
    desk.seen.topics.insert("t".into(), anew);
    desk.seen.reassignments.clear();
    let sent = desk.turns(20);
    assert!(asked(&sent).is_empty(), "the namesake is not touched");
    assert_eq!(desk.end_of("t-0"), StepEnd::Dropped { reason: DropReason::Gone });
    assert!(desk.is_clear());
}

#[test]
fn a_deleted_topic_ends_its_steps_and_nothing_else() {
    let steps = vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]]), moves("u-0", &[&[1, 2, 3], &[4, 2, 3]])]];
    let mut desk = Desk::new(steps);
    desk.turns(2);
    desk.seen.topics.remove(&"t".into());
    desk.seen.reassignments.remove(&name("t-0"));
    assert_eq!(desk.run_out().end, End::DoneInPart);
    assert_eq!(desk.end_of("t-0"), StepEnd::Dropped { reason: DropReason::Gone });
    assert_eq!(desk.end_of("u-0"), StepEnd::Done);
    assert!(desk.is_clear());
}

#[test]
fn a_step_whose_list_changed_is_void_and_the_rest_goes_on() {
    let steps =
        vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])], vec![moves("t-1", &[&[1, 2, 3], &[4, 2, 3]])]];
    let settings = ExecuteSettings { moves_in_flight: 1, ..ExecuteSettings::default() };
    let mut desk = Desk::with(cluster(), settings, steps);
    desk.turn();
    *desk.partition(&name("t-1")) =
        crate::observe::Partition { id: 1, ..cluster().topics[&"u".into()].partitions[1].clone() };
    desk.partition(&name("t-1")).replicas = ids(&[1, 2]);
    desk.partition(&name("t-1")).isr = ids(&[1, 2]);
    assert_eq!(desk.run_out().end, End::DoneInPart);
    assert_eq!(desk.end_of("t-1"), StepEnd::Dropped { reason: DropReason::Void { seen: ids(&[1, 2]) } });
}

#[test]
fn a_stuck_move_is_cancelled_and_its_order_restored() {
    let steps = vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]]), moves("t-1", &[&[1, 2, 3], &[4, 2, 3]])]];
    let mut desk = Desk::new(steps);
    desk.turns(2);
    desk.finish(&name("t-1"));
    for second in 0..1_200 {
        // It gets nearer to its end for some minutes, then no more.
        let there = Bytes(GB / 1_000 * second.min(300));
        if let Some(copy) = desk.partition(&name("t-0")).on_disk.get_mut(&crate::base::BrokerId(4)) {
            copy.size_bytes = Some(there);
        }
        desk.turn();
        assert!(second > 900 || !desk.execution.is_done(), "over after {second} s");
        if desk.execution.is_done() {
            break;
        }
        if second == 300 {
            assert_eq!(desk.execution.progress().bytes_done, Bytes(GB + GB / 1_000 * 300));
        }
    }
    assert!(desk.told("no nearer to its end for 10 min"), "{:?}", desk.events);
    assert!(matches!(desk.end_of("t-0"), StepEnd::Failed { .. }));
    assert_eq!(desk.end_of("t-1"), StepEnd::Done);
    assert_eq!(desk.list("t-0"), ids(&[1, 2, 3]));
    assert!(desk.is_clear());
}

#[test]
fn a_jump_of_the_clock_makes_nothing_late() {
    let mut desk = Desk::new(vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])]]);
    desk.turns(2);
    desk.now = TimestampMs(desk.now.0 + 10 * 365 * 86_400_000);
    assert!(cancelled(&desk.turns(3)).is_empty());
    desk.now = TimestampMs(5);
    assert!(cancelled(&desk.turns(3)).is_empty());
    assert_eq!(desk.run_out().end, End::Done);
}

#[test]
fn a_plan_that_no_longer_fits_is_refused() {
    let plan = plan(vec![vec![moves("t-0", &[&[1, 2, 3], &[4, 2, 3]])]]);
    let refuse = |change: &dyn Fn(&mut crate::observe::Observation)| {
        let mut seen = cluster();
        change(&mut seen);
        Execution::new(&plan, ExecuteSettings::default(), TimestampMs(0), &seen).expect_err("refused")
    };
    let stale =
        refuse(&|seen| seen.topics.get_mut(&"t".into()).expect("t").partitions[0].replicas = ids(&[1, 2, 6]));
    assert_eq!(
        stale.to_string(),
        "the plan is void, the cluster has changed since: t-0 is on [1, 2, 6], the plan says [1, 2, 3]"
    );
    let gone = refuse(&|seen| drop(seen.topics.remove(&"t".into())));
    assert!(gone.to_string().ends_with("t-0 does not exist"), "{gone}");
    let other = refuse(&|seen| seen.cluster_id = Some("other".to_owned()));
    assert!(matches!(other, NotStarted::OtherCluster { .. }));
    let dead = refuse(&|seen| seen.brokers.get_mut(&crate::base::BrokerId(4)).expect("4").alive = false);
    assert!(matches!(dead, NotStarted::TargetsDown { .. }));
    let dead = refuse(&|seen| seen.brokers.get_mut(&crate::base::BrokerId(6)).expect("6").alive = false);
    assert!(matches!(dead, NotStarted::BrokersDown { .. }));
    let running = refuse(&|seen| {
        seen.reassignments.insert(name("t-0"), crate::observe::Reassignment::default());
    });
    assert!(matches!(running, NotStarted::ForeignReassignments { .. }));
    let blind = refuse(&|seen| {
        seen.gaps.push(crate::observe::Gap {
            kind: crate::observe::GapKind::BrokerConfig,
            subject: "broker 4".to_owned(),
            reason: "timed out".to_owned(),
        });
    });
    assert!(matches!(blind, NotStarted::IncompleteView { .. }));
}
