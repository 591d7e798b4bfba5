//! Plans against a small cluster, and against one another.

use super::*;
use crate::observe::{Partition, Reassignment, Replica, SeenTopic};
use crate::plan::{LeaderStep, LogDirStep, MoveStep, Wave, bare_plan};

fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

fn moves(partition: i32, from: &[i32], to: &[i32]) -> Step {
    Step::Move(MoveStep {
        partition: TopicPartition::new("t", partition),
        from: ids(from),
        stages: vec![ids(to)],
        size_bytes: Bytes(10),
        reason: String::new(),
    })
}

fn leads(partition: i32, replicas: &[i32]) -> Step {
    let partition = TopicPartition::new("t", partition);
    Step::Leader(LeaderStep { partition, replicas: ids(replicas), reason: String::new() })
}

fn dir(partition: i32, broker: i32, from: &str, to: &str) -> Step {
    Step::LogDir(LogDirStep {
        partition: TopicPartition::new("t", partition),
        broker: BrokerId(broker),
        from: from.to_owned(),
        to: to.to_owned(),
        size_bytes: Bytes(10),
        reason: String::new(),
    })
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan { cluster_id: Some("c".to_owned()), is_empty: steps.is_empty(), ..bare_plan(vec![Wave { steps }]) }
}

/// Three partitions on 1 and 2, led by 2, all in directory `/a`; the last one is being reassigned.
fn seen() -> Observation {
    let replica = Replica { log_dir: Some("/a".to_owned()), ..Replica::default() };
    let partition = |id| Partition {
        id,
        replicas: ids(&[1, 2]),
        leader: Some(BrokerId(2)),
        on_disk: [(BrokerId(1), replica.clone()), (BrokerId(2), Replica::default())].into(),
        ..Partition::default()
    };
    let topic = SeenTopic { partitions: (0..3).map(partition).collect(), ..SeenTopic::default() };
    Observation {
        cluster_id: Some("c".to_owned()),
        topics: [("t".into(), topic)].into(),
        reassignments: [(TopicPartition::new("t", 2), Reassignment::default())].into(),
        ..Observation::default()
    }
}

#[test]
fn each_change_is_to_do_done_or_void() {
    let stands = |step: Step| {
        let diff = diff_with_cluster(&plan(vec![step]), &seen());
        match &diff.changes[0].stands {
            Stands::ToDo => "to do".to_owned(),
            Stands::Done => "done".to_owned(),
            Stands::Void { found } => found.clone(),
        }
    };
    assert_eq!(stands(moves(0, &[1, 2], &[3, 2])), "to do");
    assert_eq!(stands(moves(0, &[3, 2], &[1, 2])), "done");
    assert_eq!(stands(moves(0, &[2, 1], &[3, 1])), "it stands on [1, 2]", "the order counts");
    assert_eq!(stands(moves(7, &[1, 2], &[3, 2])), "no such partition");
    assert_eq!(stands(moves(2, &[1, 2], &[3, 2])), "it is being reassigned");
    assert_eq!(stands(leads(0, &[1, 2])), "to do");
    assert_eq!(stands(leads(0, &[2, 1])), "it stands on [1, 2]");
    assert_eq!(stands(dir(0, 1, "/a", "/b")), "to do");
    assert_eq!(stands(dir(0, 1, "/b", "/a")), "done");
    assert_eq!(stands(dir(0, 1, "/b", "/c")), "it stands in /a");
    assert_eq!(stands(dir(0, 2, "/a", "/b")), "its directory is not known");
    assert_eq!(stands(dir(0, 3, "/a", "/b")), "it stands on [1, 2]");
}

#[test]
fn a_plan_for_another_cluster_is_told() {
    let here = plan(vec![moves(0, &[1, 2], &[3, 2])]);
    assert!(!diff_with_cluster(&here, &seen()).other_cluster);
    let there = Plan { cluster_id: Some("d".to_owned()), ..here.clone() };
    assert!(diff_with_cluster(&there, &seen()).other_cluster);
    let by_hand = Plan { cluster_id: None, ..here };
    assert!(!diff_with_cluster(&by_hand, &seen()).other_cluster, "nothing says so");
}

#[test]
fn two_plans_differ_where_they_differ() {
    let left = plan(vec![
        moves(0, &[1, 2], &[3, 2]),
        moves(1, &[1, 2], &[3, 2]),
        leads(2, &[1, 2]),
        dir(1, 1, "/a", "/b"),
        dir(1, 2, "/a", "/b"),
    ]);
    let right = plan(vec![
        dir(1, 2, "/a", "/c"),
        dir(1, 1, "/a", "/b"),
        moves(0, &[1, 2], &[3, 2]),
        moves(1, &[1, 2], &[4, 2]),
        moves(3, &[1, 2], &[4, 2]),
    ]);
    let diff = diff_of_plans(&left, &right);
    assert_eq!(diff.same, 2);
    let replicas = |to: &[i32]| Some(Change::Replicas { from: ids(&[1, 2]), to: ids(to) });
    let to =
        |to: &str| Some(Change::LogDir { broker: BrokerId(2), from: "/a".to_owned(), to: to.to_owned() });
    let row =
        |partition, left, right| ChangeOfTwo { partition: TopicPartition::new("t", partition), left, right };
    assert_eq!(
        diff.different,
        [
            row(1, replicas(&[3, 2]), replicas(&[4, 2])),
            row(1, to("/b"), to("/c")),
            row(2, Some(Change::Leader { replicas: ids(&[1, 2]) }), None),
            row(3, None, replicas(&[4, 2])),
        ]
    );
    assert!(diff_of_plans(&left, &left).different.is_empty());
}
