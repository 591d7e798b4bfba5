//! Plans that were spoilt on purpose: the judge finds each of them.

use evenkeel::base::{BrokerId, TopicPartition};
use evenkeel::goals::GoalSet;
use evenkeel::model::Promise;
use evenkeel::observe::{Observation, Reassignment};
use evenkeel::plan::{KafkaPartition, KafkaReassignment, MoveStep, Plan, PlanFile, PlanLimits, Step, judge};
use evenkeel::solve::Request;
use proptest::prelude::*;

use crate::clusters::live_cluster;
use crate::{judged, propose};

/// A cluster with a plan that moves something, and the moves.
fn planned(observation: &Observation) -> Option<Plan> {
    let goals = GoalSet::shipped("disk-only").unwrap();
    let plan = propose(observation, &goals, &Request::default()).unwrap().plan;
    (plan.price.replica_moves > 0).then_some(plan)
}

/// Spoils the first move of a plan and gives it the id of what it then is.
fn spoil(plan: &Plan, how: impl Fn(&mut MoveStep)) -> Plan {
    let mut plan = plan.clone();
    let moves = plan.waves.iter_mut().flat_map(|wave| &mut wave.steps).find_map(|step| match step {
        Step::Move(step) if step.added().next().is_some() => Some(step),
        _ => None,
    });
    how(moves.expect("the plan moves something"));
    plan.id = plan.content_id();
    plan
}

fn breaks(observation: &Observation, plan: &Plan, promise: Promise) -> bool {
    judged(observation, plan).broken.iter().any(|broken| broken.promise == promise)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn spoilt_steps_are_found(recipe in live_cluster()) {
        let observation = recipe.observation();
        let Some(plan) = planned(&observation) else { return Ok(()) };
        prop_assert!(judged(&observation, &plan).is_ok());

        let longer = spoil(&plan, |step| {
            let extra = step.from.iter().copied().find(|broker| !step.target().contains(broker)).unwrap();
            step.stages.last_mut().unwrap().push(extra);
        });
        prop_assert!(breaks(&observation, &longer, Promise::ReplicationFactor));

        let unknown = spoil(&plan, |step| step.stages.last_mut().unwrap()[0] = BrokerId(999));
        prop_assert!(breaks(&observation, &unknown, Promise::LiveBrokers));

        let twice = spoil(&plan, |step| {
            let list = step.stages.last_mut().unwrap();
            let first = list[0];
            list.push(first);
        });
        prop_assert!(breaks(&observation, &twice, Promise::OneReplicaPerBroker));

        let stale = spoil(&plan, |step| step.from.push(BrokerId(999)));
        prop_assert!(!judged(&observation, &stale).stale.is_empty());
    }

    #[test]
    fn a_changed_world_or_a_changed_plan_is_found(recipe in live_cluster()) {
        let mut observation = recipe.observation();
        let Some(plan) = planned(&observation) else { return Ok(()) };

        let mut forged = plan.clone();
        forged.price.replica_moves += 1;
        prop_assert!(breaks(&observation, &forged, Promise::PlanIsCurrent));
        prop_assert!(Plan::from_json(&forged.to_json()).is_err());

        let name = plan.steps().next().unwrap().partition().clone();
        observation.reassignments.insert(name, Reassignment::default());
        prop_assert!(!judged(&observation, &plan).stale.is_empty());

        let mut elsewhere = recipe.observation();
        elsewhere.cluster_id = Some("another".into());
        prop_assert!(breaks(&elsewhere, &plan, Promise::PlanIsCurrent));

        let mut dead = recipe.observation();
        let receiver = plan.steps().find_map(|step| match step {
            Step::Move(step) => step.added().next(),
            Step::Leader(_) | Step::LogDir(_) => None,
        });
        dead.brokers.get_mut(&receiver.unwrap()).unwrap().alive = false;
        prop_assert!(breaks(&dead, &plan, Promise::LiveBrokers));

        let mut full = recipe.observation();
        for broker in full.brokers.values_mut() {
            broker.capacity.disk_bytes = Some(evenkeel::base::Bytes(1));
        }
        let moves_bytes = plan.price.bytes.0 > 0;
        prop_assert!(!moves_bytes || breaks(&full, &plan, Promise::DiskLimit));
    }
}

/// Three brokers on racks a, b and b, one partition on a and the first b.
fn two_racks() -> Observation {
    let recipe =
        crate::clusters::Recipe { racks: vec![1, 2], brokers: vec![(1, true); 3], topics: Vec::new() };
    let mut observation = recipe.observation();
    let ids = vec![BrokerId(0), BrokerId(1)];
    let partition = evenkeel::observe::Partition {
        replicas: ids.clone(),
        leader: Some(BrokerId(0)),
        isr: ids,
        size_bytes: Some(evenkeel::base::Bytes(1)),
        ..Default::default()
    };
    let topic = evenkeel::observe::SeenTopic {
        min_insync_replicas: Some(1),
        partitions: vec![partition],
        ..Default::default()
    };
    observation.topics.insert("t".into(), topic);
    observation
}

fn kafka(replicas: &[i32]) -> PlanFile {
    let replicas = replicas.iter().copied().map(BrokerId).collect();
    let row = KafkaPartition { topic: "t".into(), partition: 0, replicas, log_dirs: None };
    PlanFile::Kafka(KafkaReassignment { version: 1, partitions: vec![row] })
}

#[test]
fn rack_spread_is_guarded_in_kafkas_form_too() {
    let observation = two_racks();
    let limits = PlanLimits::default();
    assert!(judge(&observation, &kafka(&[0, 2]), &limits).is_ok());
    let judgement = judge(&observation, &kafka(&[2, 1]), &limits);
    assert_eq!(judgement.broken[0].promise, Promise::RackSpreadOnTheWay);
    let unknown = judge(&Observation::default(), &kafka(&[0, 2]), &limits);
    assert_eq!(unknown.stale[0].partition, TopicPartition::new("t", 0));
}

#[test]
fn a_partition_at_min_isr_may_only_be_repaired() {
    let mut observation = two_racks();
    observation.brokers.get_mut(&BrokerId(1)).unwrap().alive = false;
    let topic = observation.topics.get_mut(&"t".into()).unwrap();
    topic.partitions[0].isr = vec![BrokerId(0)];
    let limits = PlanLimits::default();
    assert!(judge(&observation, &kafka(&[0, 2]), &limits).is_ok(), "the dead replica goes");
    let judgement = judge(&observation, &kafka(&[2, 1]), &limits);
    assert!(judgement.broken.iter().any(|broken| broken.promise == Promise::MinIsr), "{judgement:?}");
}
