//! What every plan of ours keeps.

use std::collections::BTreeSet;

use evenkeel::base::{BrokerId, Bytes};
use evenkeel::control::{ProposeError, propose_ahead};
use evenkeel::goals::GoalSet;
use evenkeel::plan::{CertificateCheck, Plan, PlanFile, PlanLimits, Step, check_certificate, judge};
use evenkeel::solve::{Operation, Request, SolveError};
use proptest::prelude::*;

use crate::clusters::{any_cluster, carried_out, live_cluster};
use crate::{judged, propose};

fn goals(name: &str) -> GoalSet {
    GoalSet::shipped(name).unwrap()
}

fn request(operation: Operation) -> Request {
    Request { operation, ..Request::default() }
}

fn config() -> ProptestConfig {
    // Enough to meet every odd shape a few times; the whole file stays below a minute without optimisation.
    ProptestConfig { cases: 96, ..ProptestConfig::default() }
}

/// The brokers that a plan gives new replicas.
fn receivers(plan: &Plan) -> BTreeSet<BrokerId> {
    let added = plan.steps().filter_map(|step| match step {
        Step::Move(step) => Some(step.added()),
        Step::Leader(_) | Step::LogDir(_) => None,
    });
    added.flatten().collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_judge_accepts_every_rebalance(recipe in any_cluster()) {
        let observation = recipe.observation();
        for set in ["default", "disk-only"] {
            let proposed = propose(&observation, &goals(set), &Request::default()).unwrap();
            let judgement = judged(&observation, &proposed.plan);
            prop_assert!(judgement.is_ok(), "{set}: {judgement:#?}");
        }
    }

    /// Its target serves what will be; whether its way there is safe is asked of what is.
    #[test]
    fn a_plan_for_later_is_safe_today(
        recipe in any_cluster(),
        factors in proptest::collection::vec(1.0..4.0_f64, 1..6),
    ) {
        let observation = recipe.observation();
        let mut ahead = observation.clone();
        for (topic, factor) in ahead.topics.values_mut().zip(factors.iter().cycle()) {
            let grown = |bytes: Bytes| Bytes::whole((bytes.as_f64() * factor).round());
            for partition in &mut topic.partitions {
                partition.size_bytes = partition.size_bytes.map(grown);
                for replica in partition.on_disk.values_mut() {
                    replica.size_bytes = replica.size_bytes.map(grown);
                }
            }
        }
        for set in ["default", "disk-only"] {
            let (request, limits) = (Request::default(), PlanLimits::default());
            let made = propose_ahead(&observation, Some(&ahead), &goals(set), &request, &limits);
            let plan = match made {
                Ok(proposal) => proposal.plan,
                Err(ProposeError::IncompleteView { .. }) => continue,
                Err(error) => return Err(TestCaseError::fail(format!("{set}: {error}"))),
            };
            prop_assert_eq!(check_certificate(&observation, &plan), CertificateCheck::Holds, "{}", set);
        }
    }

    #[test]
    fn the_same_input_gives_the_same_plan_byte_for_byte_and_reads_back(recipe in any_cluster()) {
        let observation = recipe.observation();
        let first = propose(&observation, &goals("default"), &Request::default()).unwrap().plan.to_json();
        let second = propose(&observation, &goals("default"), &Request::default()).unwrap().plan.to_json();
        prop_assert_eq!(&first, &second);
        let read = Plan::from_json(&first).unwrap();
        prop_assert_eq!(read.to_json(), first);
    }

    #[test]
    fn musts_and_level_disks_never_get_worse(recipe in any_cluster()) {
        let observation = recipe.observation();
        let plan = propose(&observation, &goals("default"), &Request::default()).unwrap().plan;
        for goal in plan.goals.iter().filter(|goal| goal.tier == "must" || goal.goal == "disk-balance") {
            if goal.met_before == Some(true) && goal.tier == "must" {
                prop_assert_eq!(goal.met_after, Some(true), "{} was met: {}", goal.goal, goal.after);
            }
        }
    }

    #[test]
    fn a_level_cluster_is_left_alone(recipe in live_cluster()) {
        let observation = recipe.observation();
        let plan = propose(&observation, &goals("disk-only"), &Request::default()).unwrap().plan;
        if plan.goals.iter().all(|goal| goal.met_after == Some(true)) {
            let after = carried_out(&observation, &plan);
            let again = propose(&after, &goals("disk-only"), &Request::default()).unwrap().plan;
            prop_assert!(again.is_empty, "{:#?}", again.waves);
            prop_assert_eq!(again.price.replica_moves, 0);
        }
    }

    #[test]
    fn no_plan_beats_the_lower_bound(recipe in any_cluster()) {
        let observation = recipe.observation();
        for set in ["default", "disk-only"] {
            let price = propose(&observation, &goals(set), &Request::default()).unwrap().plan.price;
            if let Some(bound) = price.bytes_lower_bound {
                prop_assert!(bound <= price.bytes, "bound {bound}, moved {}", price.bytes);
            }
        }
    }

    #[test]
    fn adding_moves_only_onto_the_new_brokers(recipe in live_cluster()) {
        let mut observation = recipe.observation();
        // A new broker is one on which nothing stands: the last one, emptied by leaving its replicas out.
        let new = *observation.brokers.keys().last().unwrap();
        let next = BrokerId(new.0 + 1);
        let row = observation.brokers[&new].clone();
        observation.brokers.insert(next, row);
        let set = goals("disk-only");
        let plan = propose(&observation, &set, &request(Operation::AddBrokers(vec![next]))).unwrap().plan;
        let judgement = judged(&observation, &plan);
        prop_assert!(judgement.is_ok(), "{judgement:#?}");
        let musts_held = plan.goals.iter().filter(|g| g.tier == "must").all(|g| g.met_before == Some(true));
        if musts_held {
            prop_assert!(receivers(&plan).is_subset(&[next].into()), "{:?}", receivers(&plan));
        }
    }

    #[test]
    fn removing_empties_the_broker_and_touches_nothing_else(recipe in any_cluster(), which in 0usize..16) {
        let observation = recipe.observation();
        let ids: Vec<BrokerId> = observation.brokers.keys().copied().collect();
        let gone = ids[which % ids.len()];
        let set = goals("disk-only");
        let proposed = match propose(&observation, &set, &request(Operation::RemoveBrokers(vec![gone]))) {
            Ok(proposed) => proposed,
            Err(
                SolveError::TooFewBrokers { .. }
                | SolveError::RackSpread { .. }
                | SolveError::DiskTooSmall { .. }
                | SolveError::NoRoom { .. },
            ) => return Ok(()),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        let judgement = judged(&observation, &proposed.plan);
        prop_assert!(judgement.is_ok(), "{judgement:#?}");
        prop_assert!(!receivers(&proposed.plan).contains(&gone));
        if let Some(bound) = proposed.plan.price.bytes_lower_bound {
            prop_assert!(bound <= proposed.plan.price.bytes, "bound {bound}");
        }
        let held = proposed.plan.refusals.iter().any(|refused| refused.subject.contains("partition"));
        let skipped = proposed.plan.steps().count() < proposed.solution.changes.len();
        if !held && !skipped {
            let after = carried_out(&observation, &proposed.plan);
            let left = after.partitions().filter(|(_, _, partition)| partition.replicas.contains(&gone)).count();
            prop_assert_eq!(left, 0);
        }
        let musts_held = proposed.plan.goals.iter().filter(|g| g.tier == "must").all(|g| g.met_before == Some(true));
        if musts_held {
            for step in proposed.plan.steps() {
                let touched = observation.partition(step.partition()).unwrap();
                prop_assert!(touched.replicas.contains(&gone), "{} has nothing on broker {gone}", step.partition());
            }
        }
    }

    #[test]
    fn removing_and_levelling_at_once_is_safe_and_empties(recipe in live_cluster(), which in 0usize..16) {
        let observation = recipe.observation();
        let ids: Vec<BrokerId> = observation.brokers.keys().copied().collect();
        let gone = ids[which % ids.len()];
        let operation = Operation::RemoveBrokers(vec![gone]);
        let both = Request { operation, also_rebalance: true, ..Request::default() };
        let Ok(proposed) = propose(&observation, &goals("default"), &both) else { return Ok(()) };
        let judgement = judged(&observation, &proposed.plan);
        prop_assert!(judgement.is_ok(), "{judgement:#?}");
        let gone = proposed.model.broker(gone).unwrap();
        for partition in proposed.model.partition_ords() {
            prop_assert!(!proposed.solution.target.holds(partition, gone));
        }
    }

    #[test]
    fn excluded_topics_are_not_touched(recipe in any_cluster()) {
        let observation = recipe.observation();
        let request = Request { excluded_topics: vec!["t0".parse().unwrap()], ..Request::default() };
        let plan = propose(&observation, &goals("default"), &request).unwrap().plan;
        prop_assert!(plan.steps().all(|step| step.partition().topic.as_str() != "t0"));
    }

    #[test]
    fn kafkas_form_says_the_same(recipe in live_cluster()) {
        let observation = recipe.observation();
        let plan = propose(&observation, &goals("default"), &Request::default()).unwrap().plan;
        let PlanFile::Kafka(read) = PlanFile::parse(&plan.to_kafka_json()).unwrap() else {
            return Err(TestCaseError::fail("not Kafka's form"));
        };
        prop_assert_eq!(&read, &plan.to_kafka());
        let judgement = judge(&observation, &PlanFile::Kafka(read), &PlanLimits::default());
        prop_assert!(judgement.stale.is_empty());
        // All at once a disk may fill up; nothing else may be wrong.
        prop_assert!(judgement.broken.iter().all(|broken| broken.promise == evenkeel::model::Promise::DiskLimit));
    }
}
