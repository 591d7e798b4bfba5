//! Keeps the musts when steps had to be left out: one half of an exchange without the other may push a broker over
//! a limit that the whole plan keeps.

use super::waves::{Packed, Pending, pack};
use super::{PlanLimits, Refused};
use crate::goals::{GoalSet, Scope, Tier};
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
        let packed = pack(model, &before, &pending, limits);
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

/// Brokers that are over a must capacity by more than they were, by themselves or together with those of their host
/// or rack. Log directories are packed into waves of their own.
fn newly_over(model: &ClusterModel, goals: &GoalSet, before: &Sums, after: &Sums) -> Vec<BrokerOrd> {
    let mut is_over = vec![false; model.brokers.len()];
    let musts = goals.capacities().filter(|(goal, _)| goal.tier == Tier::Must);
    for (_, rule) in musts.filter(|(_, rule)| rule.scope != Scope::LogDir) {
        let place = |broker: BrokerOrd| match rule.scope {
            Scope::Broker | Scope::LogDir => broker.index(),
            Scope::Host => model.host_of(broker).index(),
            Scope::Rack => model.rack_of(broker).index(),
        };
        let places = model.brokers.len().max(model.hosts.len()).max(model.racks.len());
        let mut sums = vec![(0.0, 0.0, 0.0); places];
        for broker in model.broker_ords().filter(|broker| model.brokers[broker.index()].alive) {
            let (was, is, most) = &mut sums[place(broker)];
            *was += before.get(broker, rule.resource);
            *is += after.get(broker, rule.resource);
            *most += rule.limit_of(&model.brokers[broker.index()]).unwrap_or(f64::INFINITY);
        }
        for broker in model.broker_ords() {
            let (was, is, most): (f64, f64, f64) = sums[place(broker)];
            is_over[broker.index()] |= is > most.max(was) * (1.0 + 1e-9);
        }
    }
    model.broker_ords().filter(|broker| is_over[broker.index()]).collect()
}

/// Whether a step brings a replica or leadership to one of these brokers.
fn brings(model: &ClusterModel, solution: &Solution, pending: &Pending, over: &[BrokerOrd]) -> bool {
    let leader = solution.target.leader(pending.partition);
    let leads_anew = leader.filter(|_| leader != model.placement.leader(pending.partition));
    pending.added.iter().chain(&leads_anew).any(|broker| over.contains(broker))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goals::test_cluster::{cluster, give};
    use crate::goals::{Capacity, Goal, Limit, Rule};
    use crate::model::{HostOrd, Resource};

    const FOUR: [(i32, &str); 4] = [(1, "a"), (2, "a"), (3, "b"), (4, "c")];

    fn must(scope: Scope) -> GoalSet {
        let rule = Capacity { resource: Resource::Disk, limit: Limit::Share(1.0), scope, survive: None };
        let (name, rule) = ("disk".to_owned(), Rule::Capacity(rule));
        let goals = vec![Goal { name, tier: Tier::Must, weight: 1.0, rule }];
        GoalSet { name: "test".to_owned(), description: String::new(), goals }
    }

    fn over(model: &ClusterModel, after: &ClusterModel, scope: Scope) -> Vec<u32> {
        let (before, after) = (Sums::new(model, &model.placement), Sums::new(model, &after.placement));
        newly_over(model, &must(scope), &before, &after).into_iter().map(|broker| broker.0).collect()
    }

    #[test]
    fn hosts_and_racks_are_over_in_sum() {
        // Brokers 1 and 2 are in rack a and get a host in common; each replica takes 100 bytes.
        let mut model = cluster(&FOUR, &[("t", &[&[1], &[1], &[3], &[4]])]);
        let mut after = cluster(&FOUR, &[("t", &[&[1], &[1], &[3], &[1]])]);
        for cluster in [&mut model, &mut after] {
            give(cluster, Resource::Disk, 200.0);
            cluster.brokers[1].host = HostOrd(0);
        }
        assert_eq!(over(&model, &after, Scope::Broker), [0], "broker 1 has 300 of 200");
        assert!(over(&model, &after, Scope::Host).is_empty(), "together with broker 2 it has 300 of 400");
        assert!(over(&model, &after, Scope::Rack).is_empty());
        give(&mut model, Resource::Disk, 140.0);
        assert_eq!(over(&model, &after, Scope::Host), [0, 1], "300 of 280");
        assert_eq!(over(&model, &after, Scope::Rack), [0, 1]);
        assert!(over(&model, &model, Scope::Rack).is_empty(), "nothing is worse than it was");
        assert!(over(&model, &after, Scope::LogDir).is_empty());
    }
}
