//! Leave, as it is written down, and whether a plan that has it fits.

use super::*;
use crate::base::{BrokerId, TopicPartition};
use crate::control::{Entry, Recollection, Record};
use crate::observe::{Gap, GapKind, Partition, Reassignment, SeenBroker, SeenTopic};
use crate::plan::{MoveStep, Price, Step, Wave, bare_plan};

const NOW: TimestampMs = TimestampMs(1_795_446_000_000);

fn seen() -> Observation {
    let broker = |rack: &str| SeenBroker { alive: true, rack: Some(rack.into()), ..SeenBroker::default() };
    let on = vec![BrokerId(1)];
    let partition = |id| Partition {
        id,
        replicas: on.clone(),
        isr: on.clone(),
        leader: Some(BrokerId(1)),
        ..Partition::default()
    };
    let partitions = (0..2).map(partition).collect();
    let topic = SeenTopic { min_insync_replicas: Some(1), partitions, ..SeenTopic::default() };
    Observation {
        taken_at: NOW,
        cluster_id: Some("c".to_owned()),
        brokers: [(BrokerId(1), broker("a")), (BrokerId(2), broker("a")), (BrokerId(3), broker("a"))].into(),
        topics: [("t".into(), topic)].into(),
        ..Observation::default()
    }
}

/// Moves the first partition from broker 1 to broker 2.
fn plan() -> Plan {
    let step = MoveStep {
        partition: TopicPartition::new("t", 0),
        from: vec![BrokerId(1)],
        stages: vec![vec![BrokerId(2)]],
        size_bytes: Bytes(10),
        reason: String::new(),
    };
    let plan = Plan {
        cluster_id: Some("c".to_owned()),
        observed_at: NOW,
        price: Price { bytes: Bytes(10), ..Price::default() },
        ..bare_plan(vec![Wave { steps: vec![Step::Move(step)] }])
    };
    Plan { id: plan.content_id(), ..plan }
}

fn fits(change: impl FnOnce(&mut Observation)) -> Fit {
    let mut seen = seen();
    change(&mut seen);
    fit(&plan(), &ExecuteSettings::default(), NOW, &seen)
}

fn partition(seen: &mut Observation) -> &mut Partition {
    &mut seen.topics.get_mut(&"t".into()).expect("the topic").partitions[0]
}

#[test]
fn a_plan_is_void_only_when_the_cluster_has_moved_on() {
    assert_eq!(fits(|_| {}), Fit::Now);
    let never = |fit: Fit, words: &str| match fit {
        Fit::Never(why) => assert!(why.contains(words), "{why}"),
        other => panic!("{words}: {other:?}"),
    };
    let later = |fit: Fit, words: &str| match fit {
        Fit::Later(why) => assert!(why.contains(words), "{why}"),
        other => panic!("{words}: {other:?}"),
    };
    never(fits(|seen| partition(seen).replicas = vec![BrokerId(3)]), "t-0");
    never(fits(|seen| seen.topics.clear()), "t-0");
    never(fits(|seen| seen.cluster_id = Some("another".to_owned())), "another");

    let is_down = |id| {
        move |seen: &mut Observation| {
            seen.brokers.get_mut(&BrokerId(id)).expect("the broker").alive = false;
        }
    };
    later(fits(is_down(2)), "");
    later(fits(is_down(3)), "broker 3 is down");
    let hidden = |seen: &mut Observation| {
        seen.topics.clear();
        let reason = "a right is missing".to_owned();
        seen.gaps.push(Gap { kind: GapKind::Topics, subject: String::new(), reason });
    };
    later(fits(hidden), "a right is missing");
    let moves = |seen: &mut Observation| {
        let to = vec![BrokerId(3)];
        let running = Reassignment { replicas: to.clone(), adding: to, removing: Vec::new() };
        seen.reassignments.insert(TopicPartition::new("t", 0), running);
        partition(seen).replicas = vec![BrokerId(3), BrokerId(1)];
    };
    later(fits(moves), "t-0");
}

#[test]
fn leave_is_remembered_and_used_up_once() {
    let entry = |record| Entry { at_ms: NOW.0, record };
    let plan = plan();
    let mut known = Recollection::of([entry(Record::Proposed { plan: Some(Box::new(plan.clone())) })]);
    assert_eq!(known.proposed(), Some((NOW, &plan)));

    let given = Approval::new(&plan, "anna@ops-1: plan".to_owned(), NOW);
    let record = Record::Approval(Box::new(given.clone()));
    // As it is read again from the journal.
    let text = serde_json::to_string(&entry(record.clone())).expect("it can be written");
    let read: Entry = serde_json::from_str(&text).expect("it can be read");
    assert_eq!(read, entry(record.clone()));
    assert_eq!(record.key(), Some(format!("approved/{}", plan.id)), "the last word on a plan counts");
    known.take(read);
    assert_eq!(known.approval(plan.id).and_then(Approval::waiting), Some(&plan));

    let execution = ExecutionId::new(NOW, plan.id);
    let fates = [
        ApprovalFate::Begun { execution },
        ApprovalFate::Void { reason: "so".to_owned() },
        ApprovalFate::Withdrawn { by: "bob@ops-2: plan".to_owned() },
    ];
    for fate in fates {
        let mut known = known.clone();
        known.take(entry(Record::Approval(Box::new(given.ended(fate.clone())))));
        known.take(entry(Record::Proposed { plan: None }));
        let ended = known.approval(plan.id).expect("it is not forgotten");
        assert_eq!((ended.waiting(), &ended.fate, &ended.by), (None, &fate, &given.by));
        assert_eq!((known.approvals().count(), known.proposed()), (1, None));
    }
}
