//! Certificates: bounds are never above the truth, what was made is accepted, and what was tampered with is refused.

use evenkeel::base::{BrokerId, Bytes};
use evenkeel::goals::{GoalSet, Standing};
use evenkeel::model::promises::rack_spread;
use evenkeel::model::{Assignment, BrokerOrd, ClusterModel, PartitionOrd, Resource, Sums};
use evenkeel::observe::Observation;
use evenkeel::plan::{CertificateCheck, Plan, check_certificate};
use evenkeel::solve::{Argument, BalanceBound, BoundPrice, BoundSide, Operation, Request};
use proptest::prelude::*;

use crate::clusters::{any_cluster, live_cluster};
use crate::scenarios::{brokers, topic};
use crate::{Proposed, propose};

/// Bands that tiny clusters can come within, on several resources.
const WIDE: &str = r#"
format = "evenkeel-goals/1"
name = "wide"
description = "Wide bands."

[[goal]]
name = "rack-spread"
rule = "spread"
over = "rack"
tier = "must"

[[goal]]
name = "disk-balance"
rule = "balance"
resource = "disk"
band = 0.5
tier = 1

[[goal]]
name = "network-in-balance"
rule = "balance"
resource = "network-in"
band = 0.6
tier = 2

[[goal]]
name = "network-out-balance"
rule = "balance"
resource = "network-out"
band = 0.7
tier = 2

[[goal]]
name = "replica-balance"
rule = "balance"
resource = "replicas"
band = 0.5
tier = 3
"#;

fn rebalanced(observation: &Observation, goals: &str) -> Plan {
    propose(observation, &GoalSet::shipped(goals).unwrap(), &Request::default()).unwrap().plan
}

fn row<'a>(plan: &'a Plan, goal: &str) -> &'a BalanceBound {
    let rows = &plan.certificate.as_ref().unwrap().balances;
    rows.iter().find(|row| row.goal == goal).unwrap()
}

#[test]
fn a_replica_that_cannot_be_divided_bounds_the_fullest_broker() {
    let mut observation = brokers(6);
    // Each rack holds 100 GB on two brokers: 50 each would be level, and 90 stand together.
    topic(&mut observation, "t", &[(&[1, 2, 3], 90), (&[1, 2, 3], 6), (&[4, 5, 6], 4)]);
    let plan = rebalanced(&observation, "disk-only");
    let disk = row(&plan, "disk-balance");
    assert_eq!(disk.argument, Argument::Largest("t-0".to_owned()));
    assert!((disk.bound - 1.8).abs() < 1e-6 && disk.reached >= disk.bound, "{disk:?}");
}

#[test]
fn what_has_to_stand_on_a_small_rack_bounds_its_brokers() {
    // Racks a and b have two brokers, c has one: that one holds a copy of everything.
    let mut observation = brokers(5);
    let rows: Vec<(&[i32], u64)> = (0..12).map(|_| (&[1, 2, 3][..], 10)).collect();
    topic(&mut observation, "t", &rows);
    let plan = rebalanced(&observation, "disk-only");
    let disk = row(&plan, "disk-balance");
    assert_eq!(disk.argument, Argument::Rack("c".into()));
    // 120 of 360 GB, where the mean is 72.
    assert!((disk.bound - 120.0 / 72.0).abs() < 1e-6 && (disk.reached - disk.bound).abs() < 1e-6, "{disk:?}");
}

#[test]
fn broken_rack_spread_costs_a_replica_of_each_partition_at_least() {
    let mut observation = brokers(3);
    let rows: [(&[i32], u64); 2] = [(&[1, 2], 30), (&[2, 3], 20)];
    topic(&mut observation, "t", &rows);
    // Broker 4 stands on rack a, as broker 1 does.
    let fourth = brokers(4).brokers.remove(&BrokerId(4)).unwrap();
    observation.brokers.insert(BrokerId(4), fourth);
    topic(&mut observation, "u", &[(&[1, 4], 7)]);
    let (spread_alone, _) = WIDE.split_once("[[goal]]\nname = \"disk-balance\"").unwrap();
    let goals = GoalSet::parse(spread_alone).unwrap();
    let plan = propose(&observation, &goals, &Request::default()).unwrap().plan;
    let bytes = plan.certificate.as_ref().unwrap().bytes.as_ref().unwrap();
    let seven = 7_000_000_000;
    assert!(bytes.least.0 > seven - 1000 && bytes.least.0 <= seven, "{bytes:?}");
    assert_eq!(bytes.moved, Bytes(seven));
}

/// Every set of `count` brokers.
fn sets(brokers: usize, count: usize) -> Vec<Vec<BrokerOrd>> {
    let masks = (0_u32..1 << brokers).filter(|mask| mask.count_ones() as usize == count);
    let set = |mask: u32| (0..brokers).filter(|at| mask >> at & 1 == 1).map(BrokerOrd::from).collect();
    masks.map(set).collect()
}

/// Bytes that a list takes to copy.
fn copied(model: &ClusterModel, partition: PartitionOrd, list: &[BrokerOrd]) -> f64 {
    let new = list.iter().filter(|broker| !model.placement.holds(partition, **broker)).count();
    model.partitions[partition.index()].size_bytes * f64::from(u32::try_from(new).unwrap())
}

/// The list and the leader of each partition so far.
type Lists = Vec<(Vec<BrokerOrd>, Option<BrokerOrd>)>;

/// Looks for a placement that copies less than the least and meets every goal that the plan meets.
fn undercut(proposed: &Proposed, goals: &GoalSet, gone: Option<BrokerId>) -> Option<String> {
    let Proposed { model, plan, .. } = proposed;
    let least = plan.price.bytes_lower_bound?.as_f64();
    let counts: Vec<bool> = model.brokers.iter().map(|b| Some(b.id) != gone).collect();
    let mut partial: Vec<(f64, Lists)> = vec![(0.0, Vec::new())];
    for partition in model.partition_ords() {
        let now = model.placement.replicas(partition);
        let spread = |list: &[BrokerOrd]| rack_spread(list, |b| Some(model.rack_of(b)));
        let legal: Vec<Vec<BrokerOrd>> = sets(model.brokers.len(), now.len())
            .into_iter()
            .filter(|set| set.iter().all(|b| counts[b.index()]) && !spread(set).is_worse_than(spread(now)))
            .collect();
        let mut next = Vec::new();
        for (cost, lists) in &partial {
            for set in &legal {
                let cost = cost + copied(model, partition, set);
                if cost < least - 1.0 {
                    next.extend(set.iter().map(|leader| {
                        let mut lists = lists.clone();
                        lists.push((set.clone(), Some(*leader)));
                        (cost, lists)
                    }));
                }
            }
        }
        partial = next;
    }
    let met = |lists: &[(Vec<BrokerOrd>, Option<BrokerOrd>)]| {
        let assignment = Assignment::new(lists.to_vec());
        let sums = Sums::new(model, &assignment);
        let standing =
            Standing { model, assignment: &assignment, sums: &sums, counts: &counts, dir_loads: None };
        // Of goals that are met in part only, the bound counts what brokers keep all the same.
        let prices = plan.certificate.as_ref().and_then(|all| all.bytes.as_ref()).map(|bytes| &bytes.prices);
        let keeps = |price: &BoundPrice| {
            let load = sums.get(model.broker(price.broker).unwrap(), price.resource);
            let slack = 1e-6 * price.bound.abs() + 1e-3;
            match price.side {
                BoundSide::AtMost => load <= price.bound + slack,
                BoundSide::AtLeast => load >= price.bound - slack,
            }
        };
        prices.is_none_or(|prices| prices.iter().all(keeps))
            && goals.goals.iter().zip(&plan.goals).all(|(goal, outcome)| {
                outcome.met_after != Some(true) || goal.verdict(standing).is_met() == Some(true)
            })
    };
    let found = partial.into_iter().find(|(_, lists)| met(lists))?;
    Some(format!("{} bytes do, and {least} is said to be the least: {:?}", found.0, found.1))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// No placement of all there are moves less than the bound and meets the same goals.
    #[test]
    fn no_placement_moves_less_than_the_least(
        recipe in live_cluster(),
        racks in prop_oneof![Just(vec![2, 2]), Just(vec![1, 3]), Just(vec![1, 1, 2])],
        drains in any::<bool>(),
    ) {
        let mut recipe = recipe;
        recipe.racks = racks;
        recipe.brokers = vec![(1, true), (1, true), (2, true), (1, true)];
        recipe.topics.truncate(2);
        for (factor, seeds) in &mut recipe.topics {
            *factor = (*factor).min(2);
            seeds.truncate(2);
        }
        let observation = recipe.observation();
        let goals = GoalSet::parse(WIDE).unwrap();
        let gone = drains.then_some(BrokerId(3));
        let operation = gone.map_or(Operation::Rebalance, |id| Operation::RemoveBrokers(vec![id]));
        let request = Request { operation, ..Request::default() };
        if let Ok(proposed) = propose(&observation, &goals, &request) {
            let found = undercut(&proposed, &goals, gone);
            prop_assert!(found.is_none(), "{}", found.unwrap());
        }
    }

    #[test]
    fn what_was_made_is_accepted_and_what_was_tampered_with_is_refused(recipe in any_cluster()) {
        let observation = recipe.observation();
        let plan = rebalanced(&observation, "default");
        prop_assert_eq!(check_certificate(&observation, &plan), CertificateCheck::Holds);
        let read = Plan::from_json(&plan.to_json()).unwrap();
        prop_assert_eq!(check_certificate(&observation, &read), CertificateCheck::Holds);

        let refused = |change: &dyn Fn(&mut Plan)| {
            let mut plan = plan.clone();
            change(&mut plan);
            matches!(check_certificate(&observation, &plan), CertificateCheck::Broken(_))
        };
        let certificate = plan.certificate.as_ref().unwrap();
        if let Some(bytes) = &certificate.bytes {
            let more = Bytes(bytes.least.0 + bytes.least.0 / 100 + 1000);
            let is_refused = refused(&|plan| {
                plan.price.bytes_lower_bound = Some(more);
                plan.certificate.as_mut().unwrap().bytes.as_mut().unwrap().least = more;
            });
            prop_assert!(is_refused);
        }
        for at in 0..certificate.balances.len() {
            prop_assert!(refused(&|plan| plan.certificate.as_mut().unwrap().balances[at].bound *= 1.01));
        }
        if certificate.time.is_some() {
            prop_assert!(refused(&|plan| plan.certificate.as_mut().unwrap().time.as_mut().unwrap().least_s += 1.0));
        }
    }

    /// What is reached is never better than what is said to be the best.
    #[test]
    fn nothing_that_is_reached_beats_a_bound(recipe in any_cluster()) {
        let plan = rebalanced(&recipe.observation(), "cruise-control");
        for row in &plan.certificate.as_ref().unwrap().balances {
            prop_assert!(row.reached >= row.bound * (1.0 - 1e-6), "{row:?}");
        }
        if let Some(bound) = plan.price.bytes_lower_bound {
            prop_assert!(bound <= plan.price.bytes);
        }
        let disk = plan.brokers.iter().filter_map(|row| row.after.get(Resource::Disk.name()));
        prop_assert!(disk.count() == plan.brokers.len());
    }
}
