//! [`shortfalls`]: for each goal that is not met, why no placement can meet it, and what would help, in numbers.
//!
//! It needs no solver: the limits follow from the brokers, the loads and the promise that replicas stand on as many
//! racks as they can. Where these forbid nothing, it says so: then it is held partitions, other goals or the search.

use std::collections::BTreeMap;

use serde::Serialize;

use super::shortfall_facts::Facts;
use super::shortfall_loss::after_loss;
use super::{Lack, shortfall_topics};
use crate::base::BrokerId;
use crate::goals::{Attribute, Balance, Capacity, Goal, GoalSet, Limit, Per, Rule, Scope, Standing, Verdict};
use crate::model::promises::{best_rack_spread, evenest_counts, rack_spread};
use crate::model::{BrokerOrd, ClusterModel, PartitionOrd, Resource};

/// Shares of a limit smaller than this are noise of adding up.
pub(super) const EPSILON: f64 = 1e-9;

/// A goal that is not met, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shortfall {
    /// The goal.
    pub goal: String,
    /// `must`, `1`, `2` ...
    pub tier: String,
    /// What is lacking.
    pub lack: Lack,
    /// The same in words.
    pub reason: String,
    /// What would help, with numbers.
    pub mend: String,
}

/// For each goal that is not met (or cannot be judged) by a placement: what it lacks. `verdicts` are those of the
/// placement, in the order of the set.
pub fn shortfalls(standing: Standing<'_>, goals: &GoalSet, verdicts: &[Verdict]) -> Vec<Shortfall> {
    let facts = Facts::new(standing);
    let rows = goals.goals.iter().zip(verdicts);
    rows.flat_map(|(goal, verdict)| {
        let lacks = match verdict {
            Verdict::Met => Vec::new(),
            Verdict::NotReady { missing, lacks } => {
                let (missing, resource) = (missing.clone(), resource_of(goal));
                vec![Lack::NotKnown { missing, resource, lacks: *lacks }]
            }
            Verdict::Violated { .. } => lacks(standing, &facts, goals, goal),
        };
        lacks.into_iter().map(|lack| Shortfall {
            goal: goal.name.clone(),
            tier: goal.tier.to_string(),
            reason: lack.reason(),
            mend: lack.mend(),
            lack,
        })
    })
    .collect()
}

fn resource_of(goal: &Goal) -> Option<Resource> {
    match &goal.rule {
        Rule::Capacity(rule) => Some(rule.resource),
        Rule::Balance(rule) => Some(rule.resource),
        _ => None,
    }
}

/// What an unmet goal lacks; of capacity each place that is too small.
fn lacks(standing: Standing<'_>, facts: &Facts, goals: &GoalSet, goal: &Goal) -> Vec<Lack> {
    let found: Vec<Lack> = match &goal.rule {
        Rule::Capacity(rule) => capacity(standing, facts, rule),
        Rule::Balance(rule) => balance(standing, facts, rule).into_iter().collect(),
        Rule::Spread(rule) if rule.over == Attribute::Rack => {
            rack_unset(standing.model).into_iter().collect()
        }
        Rule::Minimum(rule) => shortfall_topics::minimum(standing, rule).into_iter().collect(),
        Rule::Placement(rule) => shortfall_topics::placement(standing, goals, rule).into_iter().collect(),
        Rule::Spread(_) | Rule::Leadership(_) => Vec::new(),
    };
    if !found.is_empty() {
        return found;
    }
    let concerned = |partition: &&PartitionOrd| concerns(standing, goal, **partition);
    let partitions = facts.unhealthy().iter().filter(concerned).count();
    vec![if partitions > 0 { Lack::Held { partitions } } else { Lack::NotForbidden }]
}

/// Whether a partition that cannot be moved may stand in the way of a goal.
fn concerns(standing: Standing<'_>, goal: &Goal, partition: PartitionOrd) -> bool {
    let Standing { model, assignment, counts, .. } = standing;
    let topic = &model.topics[model.partitions[partition.index()].topic.index()].name;
    match &goal.rule {
        Rule::Spread(rule) => {
            let per_rack = model.brokers_per_rack(|broker| counts[broker.index()]);
            let list = assignment.replicas(partition);
            let has = rack_spread(list, |broker| Some(model.rack_of(broker)));
            rule.topics.matches(topic) && has.is_worse_than(best_rack_spread(list.len(), &per_rack))
        }
        Rule::Minimum(rule) => rule.topics.matches(topic),
        Rule::Placement(rule) => rule.topics.matches(topic),
        Rule::Leadership(rule) => rule.topics.matches(topic),
        Rule::Capacity(_) | Rule::Balance(_) => true,
    }
}

/// How many replicas of a partition with `replication_factor` replicas have to stand in each rack, and how many can,
/// when they stand on as many racks, and as evenly, as can be. `brokers_per_rack` are those that count.
///
/// With `m` the most that the evenest spread has in a rack, each other rack holds at most `min(m, its brokers)`: the
/// rest has to stand here. With as many replicas as racks, or more, each rack with a broker holds one at least.
pub fn forced_copies(replication_factor: usize, brokers_per_rack: &[usize]) -> Vec<(usize, usize)> {
    let most = evenest_counts(replication_factor, brokers_per_rack).first().copied().unwrap_or(0);
    let racks = brokers_per_rack.iter().filter(|brokers| **brokers > 0).count();
    let room: usize = brokers_per_rack.iter().map(|brokers| most.min(*brokers)).sum();
    let of_rack = |brokers: &usize| {
        let can = most.min(*brokers);
        let elsewhere = room - can;
        let one = usize::from(*brokers > 0 && replication_factor >= racks);
        (replication_factor.saturating_sub(elsewhere).max(one).min(*brokers), can)
    };
    brokers_per_rack.iter().map(of_rack).collect()
}

pub(super) fn brokers_of(standing: Standing<'_>, rack: usize) -> impl Iterator<Item = BrokerOrd> + use<'_> {
    standing.brokers().filter(move |broker| standing.model.rack_of(*broker).index() == rack)
}

/// The share of a capacity that a limit leaves. Counts have no capacity to add: only more brokers help.
pub(super) fn share_of(rule: &Capacity) -> f64 {
    match rule.limit {
        Limit::Share(share) if share > 0.0 => share,
        _ => 1.0,
    }
}

/// Hosts and racks are held against the sum of the limits of their brokers: what the brokers of a rack, or all, cannot
/// bear in sum no sharing out between hosts mends.
fn capacity(standing: Standing<'_>, facts: &Facts, rule: &Capacity) -> Vec<Lack> {
    let model = standing.model;
    if rule.scope == Scope::LogDir {
        return Vec::new();
    }
    let limit = |broker: BrokerOrd| rule.limit_of(&model.brokers[broker.index()]);
    let share = share_of(rule);
    let too_small = |rack: Option<usize>, load: f64, limits: Option<Vec<f64>>| {
        let limits = limits?;
        let over = load - limits.iter().sum::<f64>();
        if over <= EPSILON * load.max(1.0) || limits.is_empty() {
            return None;
        }
        Some(Lack::TooSmall {
            rack: rack.map(|rack| model.racks[rack].clone()),
            resource: rule.resource,
            brokers_missing: ceil(over / median(limits).max(f64::MIN_POSITIVE)),
            capacity_missing: over / share,
        })
    };
    let racks = facts.forced(rule.resource).enumerate().filter_map(|(rack, (least, _))| {
        let limits: Option<Vec<f64>> = brokers_of(standing, rack).map(limit).collect();
        too_small(Some(rack), least, limits)
    });
    let racks: Vec<Lack> = racks.collect();
    if !racks.is_empty() {
        return racks;
    }
    let total: f64 = standing.brokers().map(|broker| standing.sums.get(broker, rule.resource)).sum();
    let Some(limits) = standing.brokers().map(limit).collect::<Option<Vec<f64>>>() else { return Vec::new() };
    let room = largest_place(standing, rule.scope, &limits);
    let whole = too_small(None, total, Some(limits));
    let lost = || rule.survive.and_then(|_| after_loss(standing, rule));
    whole.or_else(lost).or_else(|| largest_beyond(facts, rule.resource, room)).into_iter().collect()
}

/// The most of any broker, host or rack; `mosts` are those of the brokers that count, in their order.
fn largest_place(standing: Standing<'_>, scope: Scope, mosts: &[f64]) -> f64 {
    let model = standing.model;
    let mut places: BTreeMap<usize, f64> = BTreeMap::new();
    for (broker, most) in standing.brokers().zip(mosts) {
        let place = match scope {
            Scope::Broker | Scope::LogDir => broker.index(),
            Scope::Host => model.host_of(broker).index(),
            Scope::Rack => model.rack_of(broker).index(),
        };
        *places.entry(place).or_default() += most;
    }
    places.into_values().fold(0.0, f64::max)
}

/// A partition of which one replica alone weighs more than `room`.
fn largest_beyond(facts: &Facts, resource: Resource, room: f64) -> Option<Lack> {
    let (partition, load) = facts.largest(resource)?;
    let is_larger = load > room * (1.0 + EPSILON);
    is_larger.then(|| Lack::ReplicaTooLarge {
        partition: facts.model().name(partition).to_string(),
        resource,
        load,
        room,
    })
}

/// The band of a host or rack is never wider than those of its brokers together.
fn balance(standing: Standing<'_>, facts: &Facts, rule: &Balance) -> Option<Lack> {
    let model = standing.model;
    if rule.per == Per::Topic {
        return shortfall_topics::balance(standing, rule);
    }
    if rule.scope == Scope::LogDir {
        return None;
    }
    let total: f64 = standing.brokers().map(|broker| standing.sums.get(broker, rule.resource)).sum();
    let bounds = rule.bounds(model, standing.counts, total, rule.band);
    if rule.per == Per::Cluster && total > 0.0 {
        let mut worst: Option<(f64, Lack)> = None;
        for (rack, (least, most)) in facts.forced(rule.resource).enumerate() {
            let sum = |of: &[f64]| brokers_of(standing, rack).map(|broker| of[broker.index()]).sum::<f64>();
            let (low, mean, high) = (sum(&bounds.low), sum(&bounds.mean), sum(&bounds.high));
            let slack = EPSILON * total;
            let held = if least > high + slack {
                least
            } else if most < low - slack {
                most
            } else {
                continue;
            };
            let beyond = (held / mean.max(f64::MIN_POSITIVE) - 1.0).abs();
            if worst.as_ref().is_none_or(|(worst, _)| beyond > *worst) {
                worst = Some((beyond, uneven(standing, rule, rack, held, mean, total)));
            }
        }
        if let Some((_, lack)) = worst {
            return Some(lack);
        }
    }
    let mosts: Vec<f64> = standing.brokers().map(|broker| bounds.high[broker.index()]).collect();
    largest_beyond(facts, rule.resource, largest_place(standing, rule.scope, &mosts))
}

/// A rack whose load `held` is out of the band around its part `mean` of the `total`.
///
/// With `s` the rack's part of all weights, `w` the weight of a broker like its median one, and `b` the band, `k` more
/// brokers there bring it within the band when `held / (s + k w) <= (1 + b) total / (1 + k w)`. The capacity that does
/// is the same with `c` for `k w`: `c = (held - (1 + b) total s) / ((1 + b) total - held)`. A rack that can take too
/// little needs `k` more brokers elsewhere: `held / s >= (1 - b) total / (1 + k w)`.
fn uneven(standing: Standing<'_>, rule: &Balance, rack: usize, held: f64, mean: f64, total: f64) -> Lack {
    let model = standing.model;
    let bounds = rule.bounds(model, standing.counts, total, rule.band);
    let weight = |broker: BrokerOrd| bounds.mean[broker.index()] / total;
    let typical = |in_rack: bool| {
        let brokers = standing.brokers().filter(|b| (model.rack_of(*b).index() == rack) == in_rack);
        median(brokers.map(weight).collect())
    };
    let share = mean / total;
    let percent = 100.0 * (held / mean.max(f64::MIN_POSITIVE) - 1.0);
    let (brokers_missing, capacity_missing) = if percent > 0.0 {
        let target = (1.0 + rule.band) * total;
        let part = (held - target * share) / (target - held).max(f64::MIN_POSITIVE);
        let brokers = ceil(part / typical(true).max(f64::MIN_POSITIVE) - EPSILON);
        let capacity: Option<f64> =
            standing.brokers().map(|b| model.brokers[b.index()].capacity[rule.resource.index()]).sum();
        (i32::try_from(brokers).unwrap_or(i32::MAX), capacity.map(|capacity| capacity * part))
    } else {
        let part = (1.0 - rule.band) * total * share / held.max(f64::MIN_POSITIVE) - 1.0;
        let brokers = ceil(part / typical(false).max(f64::MIN_POSITIVE) - EPSILON);
        (i32::try_from(brokers).map_or(i32::MIN, |brokers| -brokers), None)
    };
    let rack = model.racks[rack].clone();
    Lack::Uneven { rack, resource: rule.resource, percent, brokers_missing, capacity_missing }
}

/// Brokers that say no rack while others do: a spread over racks may then be met by name only.
pub fn rack_unset(model: &ClusterModel) -> Option<Lack> {
    let unset = |broker: &&crate::model::Broker| {
        model.racks[broker.rack.index()].as_str() == format!("broker-{}", broker.id)
    };
    let brokers: Vec<BrokerId> = model.brokers.iter().filter(unset).map(|broker| broker.id).collect();
    (!brokers.is_empty() && brokers.len() < model.brokers.len()).then_some(Lack::RackUnset { brokers })
}

pub(super) fn real(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

/// A whole number that is not less.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
pub(super) fn ceil(number: f64) -> u32 {
    number.ceil() as u32
}

/// The middle amount, of two the lower; 0 of none.
pub(super) fn median(mut amounts: Vec<f64>) -> f64 {
    amounts.sort_unstable_by(f64::total_cmp);
    amounts.get(amounts.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
#[path = "shortfall_tests.rs"]
mod tests;
