//! Keeps the musts when steps had to be left out: one half of an exchange without the other may push a broker over
//! a limit that the whole plan keeps.

use super::waves::{Packed, Pending, pack};
use super::{PlanLimits, Refused};
use crate::goals::{GoalSet, Tier};
use crate::model::{Assignment, BrokerOrd, ClusterModel, PartitionOrd, Sums};
use crate::solve::Solution;

/// Packs steps into waves, and leaves out those that would break a must because others had to be left out.
pub(super) fn pack_keeping_musts(
    model: &ClusterModel,
    goals: &GoalSet,
    solution: &Solution,
    mut pending: Vec<Pending>,
    limits: &PlanLimits,
    refusals: &mut Vec<Refused>,
) -> Packed {
    let before = Sums::new(model, &model.placement);
    loop {
        let packed = pack(model, &before, pending.clone(), limits);
        // With nothing left out the target is reached, and the solver has kept its musts.
        if packed.left_over.is_empty() && pending.len() == solution.changes.len() {
            return packed;
        }
        let left_over = |partition| packed.left_over.iter().any(|left| left.partition == partition);
        let done = pending.iter().map(|pending| pending.partition).filter(|p| !left_over(*p));
        let reached = reached(model, solution, done);
        let over = newly_over(model, goals, &before, &Sums::new(model, &reached));
        let (breaking, rest): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .partition(|pending| !left_over(pending.partition) && brings(model, solution, pending, &over));
        if breaking.is_empty() {
            return packed;
        }
        refusals.extend(breaking.iter().map(|pending| {
            Refused {
                subject: model.name(pending.partition).to_string(),
                reason: "without the steps that had to be left out it would push a broker over its capacity"
                    .to_owned(),
                mend: "free disk first, or propose again when other moves are done".to_owned(),
            }
        }));
        pending = rest;
    }
}

/// The placement when these partitions are as the solution wants them and all others as they are.
pub(super) fn reached(
    model: &ClusterModel,
    solution: &Solution,
    done: impl Iterator<Item = PartitionOrd>,
) -> Assignment {
    let mut is_done = vec![false; model.partitions.len()];
    for partition in done {
        is_done[partition.index()] = true;
    }
    Assignment::new(model.partition_ords().map(|partition| {
        let placement = if is_done[partition.index()] { &solution.target } else { &model.placement };
        (placement.replicas(partition).to_vec(), placement.leader(partition))
    }))
}

/// Brokers that are over a must capacity, by more than they were.
fn newly_over(model: &ClusterModel, goals: &GoalSet, before: &Sums, after: &Sums) -> Vec<BrokerOrd> {
    let musts = || goals.capacities().filter(|(goal, _)| goal.tier == Tier::Must);
    let is_over = |broker: &BrokerOrd| {
        musts().any(|(_, rule)| {
            let limit = rule.limit_of(&model.brokers[broker.index()]).unwrap_or(f64::INFINITY);
            let was = before.get(*broker, rule.resource);
            after.get(*broker, rule.resource) > limit.max(was) * (1.0 + 1e-9)
        })
    };
    model.broker_ords().filter(is_over).collect()
}

/// Whether a step brings a replica or leadership to one of these brokers.
fn brings(model: &ClusterModel, solution: &Solution, pending: &Pending, over: &[BrokerOrd]) -> bool {
    let leader = solution.target.leader(pending.partition);
    let leads_anew = leader.filter(|_| leader != model.placement.leader(pending.partition));
    pending.added.iter().chain(&leads_anew).any(|broker| over.contains(broker))
}
