//! [`Problem`]: the goals of a request as arrays of numbers, so that a change is judged by a few additions.
//!
//! A goal on a resource becomes a [`Term`]: bounds for each broker, and a penalty for what is beyond them. Must
//! capacities are limits as well: no change may push a broker over one.

use super::roles::Roles;
use super::{Operation, Request};
use crate::goals::{Bounds, GoalSet, Rule, Tier};
use crate::model::{BrokerOrd, ClusterModel, Health, PartitionOrd, Resource, Sums};

/// Loads by [`Resource::index`].
pub(super) type Load = [f64; Resource::COUNT];

/// How many tiers there can be: must and 1 to 9.
pub(super) const TIERS: usize = 10;

/// A change of penalty smaller than this is none: sums of thousands of loads are right to about so much.
pub(super) const EPSILON: f64 = 1e-9;

/// A goal on a resource of each broker.
#[derive(Debug, Clone)]
pub(super) struct Term {
    /// The resource's [`Resource::index`].
    pub resource: usize,
    /// Position of its tier among those in use, most important first.
    pub tier: usize,
    /// Weight of the goal over the mean load of a broker: what is beyond the bounds counts in means, so that
    /// resources can be compared.
    scale: f64,
    /// Bounds by broker, as the search aims at them.
    pub bounds: Bounds,
    /// Bounds by broker with half the margin: never narrower.
    near: Bounds,
}

impl Term {
    /// The penalty of a load. Slightly more than linear, so that of two brokers over their bounds the worse one is
    /// relieved first and the excess that cannot be had away is shared out.
    pub fn penalty(&self, broker: usize, load: f64) -> f64 {
        let beyond = (load - self.bounds.high[broker]).max(self.bounds.low[broker] - load);
        if beyond <= 0.0 {
            return 0.0;
        }
        let beyond = beyond * self.scale;
        beyond * (1.0 + 0.25 * beyond)
    }
}

/// A limit that no change may push a broker over.
#[derive(Debug, Clone)]
pub(super) struct HardLimit {
    /// The resource's [`Resource::index`].
    pub resource: usize,
    /// By broker; infinite where the capacity is not known.
    pub most: Vec<f64>,
}

/// What may be moved of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freedom {
    /// All of it.
    Free,
    /// Only what stands on a broker that leaves.
    OnlyOffLeaving,
    /// Nothing.
    Held,
}

/// A request in numbers.
#[derive(Clone)]
pub(super) struct Problem<'a> {
    pub model: &'a ClusterModel,
    pub goals: &'a GoalSet,
    pub request: &'a Request,
    pub roles: Roles,
    pub terms: Vec<Term>,
    pub limits: Vec<HardLimit>,
    pub freedom: Vec<Freedom>,
    /// Whether rack spread is asked for, and so to be mended.
    pub mends_spread: bool,
    /// Whether no data can go from rack to rack.
    pub racks_are_closed: bool,
}

impl<'a> Problem<'a> {
    pub fn new(
        model: &'a ClusterModel,
        goals: &'a GoalSet,
        request: &'a Request,
        roles: Roles,
        sums: &Sums,
    ) -> Self {
        let mut problem = Self {
            model,
            goals,
            request,
            freedom: freedom(model, request, &roles),
            racks_are_closed: roles.racks_are_closed(model),
            roles,
            terms: Vec::new(),
            limits: Vec::new(),
            mends_spread: goals.goals.iter().any(|goal| matches!(goal.rule, Rule::Spread(_))),
        };
        problem.add_terms(sums);
        problem
    }

    fn add_terms(&mut self, sums: &Sums) {
        let mut tiers: Vec<Tier> = self.goals.goals.iter().map(|goal| goal.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        for goal in &self.goals.goals {
            let tier = tiers.binary_search(&goal.tier).expect("made from these goals");
            let (resource, bounds, near) = match &goal.rule {
                Rule::Spread(_) | Rule::Minimum(_) | Rule::Placement(_) | Rule::Leadership(_) => continue,
                Rule::Capacity(rule) => {
                    let limit = |broker| rule.limit_of(broker).unwrap_or(f64::INFINITY);
                    let most: Vec<f64> = self.model.brokers.iter().map(limit).collect();
                    if goal.tier == Tier::Must {
                        let resource = rule.resource.index();
                        self.limits.push(HardLimit { resource, most: most.clone() });
                    }
                    let bounds = self.limit_bounds(most);
                    (rule.resource, bounds.clone(), bounds)
                }
                Rule::Balance(rule) => {
                    let total = self.total(sums, rule.resource);
                    let bounds = |band| rule.bounds(self.model, &self.roles.counts, total, band);
                    let (full, aimed) = (bounds(rule.band), bounds(rule.band * rule.aim));
                    let aimed = self.aim(sums, rule.resource, &full, aimed, rule.band * rule.aim);
                    // Half the margin: on the very edge the next byte that is written would be over it.
                    let near = bounds(rule.band * (1.0 + rule.aim) / 2.0);
                    (rule.resource, aimed.clone(), wider(near, &aimed))
                }
            };
            if self.model.known[resource.index()] {
                let counted = self.roles.counts.iter().filter(|counts| **counts).count().max(1);
                #[expect(clippy::cast_precision_loss, reason = "a number of brokers")]
                let unit = (self.total(sums, resource) / counted as f64).max(f64::MIN_POSITIVE);
                if goal.tier == Tier::Must && self.never_passed(sums, resource, &goal.rule, &bounds) {
                    continue;
                }
                let scale = goal.weight / unit;
                self.terms.push(Term { resource: resource.index(), tier, scale, bounds, near });
            }
        }
    }

    /// The same with half the margins: for what only the margins stand in the way of.
    pub fn with_half_margins(&self) -> Self {
        let mut problem = self.clone();
        problem.terms.iter_mut().for_each(|term| term.bounds = term.near.clone());
        problem
    }

    /// What the brokers that count will carry together: their own load and that of those that leave.
    pub fn total(&self, sums: &Sums, resource: Resource) -> f64 {
        let carried =
            |broker: &BrokerOrd| self.roles.counts[broker.index()] || self.roles.leaving[broker.index()];
        self.model.broker_ords().filter(carried).map(|broker| sums.get(broker, resource)).sum()
    }

    /// Whether a must capacity needs no term: nobody is over it now, and its hard limit keeps it so.
    fn never_passed(&self, sums: &Sums, resource: Resource, rule: &Rule, bounds: &Bounds) -> bool {
        matches!(rule, Rule::Capacity(_))
            && !self.roles.leaving.contains(&true)
            && self
                .model
                .broker_ords()
                .all(|broker| sums.get(broker, resource) <= bounds.high[broker.index()])
    }

    fn limit_bounds(&self, most: Vec<f64>) -> Bounds {
        let none = vec![0.0; most.len()];
        let high = most.into_iter().zip(&self.roles.counts);
        let high = high.map(|(most, counts)| if *counts { most } else { f64::INFINITY }).collect();
        Bounds { mean: none.clone(), low: none, high }
    }

    /// The bounds to aim at: a little inside the band, but a broker that is inside the band now may stay where it
    /// is, and a rack whose data cannot leave it is levelled around its own mean where the band is out of reach.
    fn aim(&self, sums: &Sums, resource: Resource, full: &Bounds, aimed: Bounds, band: f64) -> Bounds {
        let mut bounds = aimed;
        for broker in self.model.broker_ords().filter(|broker| self.roles.counts[broker.index()]) {
            let (at, load) = (broker.index(), sums.get(broker, resource));
            if (full.low[at]..=full.high[at]).contains(&load) {
                bounds.low[at] = bounds.low[at].min(load);
                bounds.high[at] = bounds.high[at].max(load);
            }
        }
        let follows_replicas = matches!(
            resource,
            Resource::Disk | Resource::NetworkIn | Resource::Replicas | Resource::PotentialNetworkOut
        );
        if self.racks_are_closed && follows_replicas {
            self.widen_by_rack(sums, resource, &mut bounds, band);
        }
        bounds
    }

    fn widen_by_rack(&self, sums: &Sums, resource: Resource, bounds: &mut Bounds, band: f64) {
        let mut load = vec![0.0; self.model.racks.len()];
        let mut mean = vec![0.0; self.model.racks.len()];
        for broker in self.model.broker_ords() {
            let rack = self.model.rack_of(broker).index();
            if self.roles.counts[broker.index()] || self.roles.leaving[broker.index()] {
                load[rack] += sums.get(broker, resource);
            }
            mean[rack] += bounds.mean[broker.index()];
        }
        for broker in self.model.broker_ords().filter(|broker| self.roles.counts[broker.index()]) {
            let (at, rack) = (broker.index(), self.model.rack_of(broker).index());
            let own_mean = bounds.mean[at] * load[rack] / mean[rack].max(f64::MIN_POSITIVE);
            if own_mean > bounds.high[at] {
                bounds.high[at] = own_mean * (1.0 + band);
            }
            if own_mean < bounds.low[at] {
                bounds.low[at] = own_mean * (1.0 - band);
            }
        }
    }

    /// Whether the rest of the cluster is to be levelled.
    pub fn levels_all(&self) -> bool {
        self.request.operation == Operation::Rebalance || self.request.also_rebalance
    }

    /// Whether a replica of this partition may leave this broker.
    pub fn may_leave(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        match self.freedom[partition.index()] {
            Freedom::Free => true,
            Freedom::OnlyOffLeaving => self.roles.leaving[broker.index()],
            Freedom::Held => false,
        }
    }
}

/// The wider of two bounds on each side.
fn wider(mut bounds: Bounds, other: &Bounds) -> Bounds {
    bounds.low.iter_mut().zip(&other.low).for_each(|(low, other)| *low = low.min(*other));
    bounds.high.iter_mut().zip(&other.high).for_each(|(high, other)| *high = high.max(*other));
    bounds
}

/// What may be moved of each partition. A partition in trouble is left alone, unless all that ails it is on brokers
/// that leave: then moving it off them is the repair.
fn freedom(model: &ClusterModel, request: &Request, roles: &Roles) -> Vec<Freedom> {
    let freedom = |partition: PartitionOrd| {
        let row = &model.partitions[partition.index()];
        let excluded = || {
            request.excluded_topics.iter().any(|topic| topic.matches(&model.topics[row.topic.index()].name))
        };
        match row.health {
            Health::Reassigning | Health::Leaderless => Freedom::Held,
            Health::Degraded => {
                let ailing = model.out_of_sync.get(&partition);
                let repaired =
                    ailing.is_some_and(|brokers| brokers.iter().all(|broker| roles.leaving[broker.index()]));
                if repaired { Freedom::OnlyOffLeaving } else { Freedom::Held }
            }
            Health::Healthy if excluded() => Freedom::OnlyOffLeaving,
            Health::Healthy => Freedom::Free,
        }
    };
    model.partition_ords().map(freedom).collect()
}
