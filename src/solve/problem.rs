//! [`Problem`]: the goals of a request as arrays of numbers, so that a change is judged by a few additions.
//!
//! A goal on a resource becomes a [`Term`]: bounds for each broker, and a penalty for what is beyond them. Must
//! capacities are limits as well: no change may push a broker over one. Goals on topics are in `topic_terms`, goals on
//! hosts and racks in `groups`, who may hold and lead what in `permits`.

use super::groups::GroupTerm;
use super::permits::Permits;
use super::roles::Roles;
use super::topic_terms::TopicTerm;
use super::{Operation, Request};
use crate::goals::{Balance, Bounds, Goal, GoalSet, Per, Rule, Scope, Tier};
use crate::model::{BrokerOrd, ClusterModel, PartitionOrd, RackOrd, Resource, Sums};

/// Loads by [`Resource::index`].
pub(super) type Load = [f64; Resource::COUNT];

/// How many tiers there can be: must and 1 to 9.
pub(super) const TIERS: usize = 10;

/// A change of penalty smaller than this is none: sums of thousands of loads are right to about so much.
pub(super) const EPSILON: f64 = 1e-9;

/// What is aimed at lies inside a band by this share of it: a sum must not end beyond by its last bit.
const HAIR: f64 = 1e-6;

/// The share of a band that the first sweep aims at: the whole where every byte counts, less where leadership, which
/// is free, does most of the work.
fn tightness(resource: Resource) -> f64 {
    match resource {
        Resource::Disk => 1.0,
        Resource::NetworkIn | Resource::Replicas | Resource::PotentialNetworkOut => 0.97,
        Resource::NetworkOut | Resource::Cpu | Resource::Leaders | Resource::LeaderBytesIn => 0.92,
    }
}

/// A goal on a resource of each broker.
#[derive(Debug, Clone)]
pub(super) struct Term {
    /// The resource's [`Resource::index`].
    pub resource: usize,
    /// Position of its tier among those in use, most important first.
    pub tier: usize,
    /// Weight of the goal over the mean load of a broker: what is beyond the bounds counts in means, so that
    /// resources can be compared.
    pub scale: f64,
    /// What it weighs in the search, by [`search_weight`].
    pub weight: f64,
    /// Bounds by broker, as the search aims at them.
    pub bounds: Bounds,
    /// Bounds by broker with half the margin: never narrower.
    near: Bounds,
    /// Bounds by broker for the first sweep: never wider.
    tight: Bounds,
}

/// What a load beyond its bounds costs, in means of the resource. Slightly more than linear, so that of two brokers
/// over their bounds the worse one is relieved first and the excess that cannot be had away is shared out.
pub(super) fn penalty(beyond: f64, scale: f64) -> f64 {
    if beyond <= 0.0 {
        return 0.0;
    }
    let beyond = beyond * scale;
    beyond * (1.0 + 0.25 * beyond)
}

impl Term {
    /// The penalty of a load.
    pub fn penalty(&self, broker: usize, load: f64) -> f64 {
        penalty((load - self.bounds.high[broker]).max(self.bounds.low[broker] - load), self.scale)
    }
}

/// What a must weighs in the search.
pub(super) const MUST_WEIGHT: f64 = 8.0;

/// What a goal weighs in the search while all goals are thought to be in reach. What costs most bytes to mend goes
/// first: bytes on disk can only be mended by bytes moved, traffic by few bytes with much traffic, counts by empty
/// replicas. Whatever the order, the moves that are made for one goal are chosen so that they serve the others.
/// Musts outweigh all.
pub(super) fn search_weight(resource: Resource, tier: Tier) -> f64 {
    if tier == Tier::Must {
        return MUST_WEIGHT;
    }
    match resource {
        Resource::Disk => 1.0,
        Resource::NetworkIn | Resource::NetworkOut | Resource::Cpu => 0.5,
        Resource::LeaderBytesIn | Resource::PotentialNetworkOut => 0.25,
        Resource::Replicas | Resource::Leaders => 0.2,
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
    /// Only what has to leave where it is.
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
    pub permits: Permits,
    pub terms: Vec<Term>,
    pub groups: Vec<GroupTerm>,
    pub topic_terms: Vec<TopicTerm>,
    pub limits: Vec<HardLimit>,
    pub freedom: Vec<Freedom>,
    /// By broker: its rack, denser than in the model.
    racks: Vec<RackOrd>,
    /// Whether rack spread is asked for, and so to be mended.
    pub mends_spread: bool,
    /// Whether hosts are to be kept apart, too.
    pub keeps_hosts_apart: bool,
    /// Whether no data can go from rack to rack.
    pub racks_are_closed: bool,
    /// A move's fixed price in bytes.
    pub fixed_price: f64,
}

impl<'a> Problem<'a> {
    pub fn new(
        model: &'a ClusterModel,
        goals: &'a GoalSet,
        request: &'a Request,
        roles: Roles,
        sums: &Sums,
    ) -> Self {
        let permits = Permits::new(model, goals, request, &roles);
        let spreads = |over| {
            let of = move |goal: &Goal| matches!(&goal.rule, Rule::Spread(rule) if rule.over == over);
            goals.goals.iter().any(of)
        };
        let mut problem = Self {
            model,
            goals,
            request,
            freedom: super::permits::freedom(model, request, &roles, &permits),
            racks: model.brokers.iter().map(|broker| broker.rack).collect(),
            racks_are_closed: roles.racks_are_closed(model),
            roles,
            permits,
            terms: Vec::new(),
            groups: Vec::new(),
            topic_terms: Vec::new(),
            limits: Vec::new(),
            mends_spread: spreads(crate::goals::Attribute::Rack),
            keeps_hosts_apart: spreads(crate::goals::Attribute::Host)
                && model.hosts.len() < model.brokers.len(),
            fixed_price: 1.0,
        };
        // A tiny part of a broker's mean load: of two ways that cost the same bytes the one with fewer moves is
        // taken, and empty partitions do not move for nothing.
        #[expect(clippy::cast_precision_loss, reason = "a number of brokers")]
        let brokers = model.brokers.len().max(1) as f64;
        problem.fixed_price = (problem.total(sums, Resource::Disk) / brokers * 1e-5).max(1.0);
        problem.add_terms(sums);
        problem
    }

    /// The same for other loads. Brokers inside their bands may stay where they are: where the loads were changed by
    /// what had to be done, that is where they are now.
    pub fn with_loads(&self, sums: &Sums) -> Self {
        let mut problem = self.clone();
        problem.terms.clear();
        problem.add_terms(sums);
        // Only the bounds of brokers follow the loads: of the rest a second set came along, and the first one stays.
        problem.groups.truncate(self.groups.len());
        problem.topic_terms.truncate(self.topic_terms.len());
        problem.limits.truncate(self.limits.len());
        problem
    }

    fn add_terms(&mut self, sums: &Sums) {
        let mut tiers: Vec<Tier> = self.goals.goals.iter().map(|goal| goal.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        for goal in &self.goals.goals {
            let tier = tiers.binary_search(&goal.tier).expect("made from these goals");
            match &goal.rule {
                Rule::Capacity(rule) if !self.model.known[rule.resource.index()] => {}
                Rule::Balance(rule) if !self.model.known[rule.resource.index()] => {}
                Rule::Capacity(rule) if rule.scope == Scope::Broker => {
                    self.add_capacity(sums, goal, tier, rule);
                }
                Rule::Balance(rule) if rule.per == Per::Topic => {
                    let term = TopicTerm::of_balance(self, sums, goal, tier, rule);
                    self.topic_terms.extend(Some(term).filter(TopicTerm::asks));
                }
                Rule::Balance(rule) if rule.scope == Scope::Broker => {
                    self.add_balance(sums, goal, tier, rule);
                }
                Rule::Minimum(rule) => {
                    let term = TopicTerm::of_minimum(self, sums, goal, tier, rule);
                    self.topic_terms.extend(Some(term).filter(TopicTerm::asks));
                }
                Rule::Capacity(_) | Rule::Balance(_) => {
                    self.groups.extend(GroupTerm::of(self, sums, goal, tier));
                }
                // Spread, placement and leadership are kept by every change and not weighed.
                Rule::Spread(_) | Rule::Placement(_) | Rule::Leadership(_) => {}
            }
        }
    }

    fn add_capacity(&mut self, sums: &Sums, goal: &Goal, tier: usize, rule: &crate::goals::Capacity) {
        let limit = |broker| rule.limit_of(broker).unwrap_or(f64::INFINITY);
        let most: Vec<f64> = self.model.brokers.iter().map(limit).collect();
        if goal.tier == Tier::Must {
            self.limits.push(HardLimit { resource: rule.resource.index(), most: most.clone() });
        }
        let bounds = self.limit_bounds(most);
        if goal.tier == Tier::Must && self.never_passed(sums, rule.resource, &bounds) {
            return;
        }
        self.push_term(sums, goal, tier, rule.resource, [bounds.clone(), bounds.clone(), bounds]);
    }

    fn add_balance(&mut self, sums: &Sums, goal: &Goal, tier: usize, rule: &Balance) {
        let resource = rule.resource;
        let aim_band = rule.band * rule.aim * (1.0 - HAIR);
        let bounds = |band| self.balance_bounds(sums, rule, band);
        let (full, aimed) = (bounds(rule.band), bounds(aim_band));
        let tight_band = aim_band * tightness(resource);
        let mut tight = self.aim(sums, resource, &full, bounds(tight_band), tight_band);
        let mut aimed = self.aim(sums, resource, &full, aimed, aim_band);
        // Half the margin: on the very edge the next byte that is written would be over it.
        let mut near = wider(bounds(rule.band * (1.0 + rule.aim) / 2.0 * (1.0 - HAIR)), &aimed);
        if self.only_fills() && !resource.is_count() {
            // Filling new brokers costs what they need to come into their bands, and not what the old ones could
            // still be relieved of: that is levelling.
            for bounds in [&mut aimed, &mut near, &mut tight] {
                for broker in self.model.broker_ords().filter(|broker| !self.roles.fresh[broker.index()]) {
                    let high = &mut bounds.high[broker.index()];
                    *high = high.max(sums.get(broker, resource));
                }
            }
        } else if self.only_fills() {
            [aimed, near, tight] =
                [aimed, near, tight].map(|bounds| super::fills::with_levels(self, sums, resource, bounds));
        }
        self.push_term(sums, goal, tier, resource, [aimed, near, tight]);
    }

    fn push_term(
        &mut self,
        sums: &Sums,
        goal: &Goal,
        tier: usize,
        resource: Resource,
        [bounds, near, tight]: [Bounds; 3],
    ) {
        let scale = goal.weight / self.unit(sums, resource);
        let weight = search_weight(resource, goal.tier);
        self.terms.push(Term { resource: resource.index(), tier, scale, weight, bounds, near, tight });
    }

    /// The mean load of a broker that counts.
    pub fn unit(&self, sums: &Sums, resource: Resource) -> f64 {
        let counted = self.roles.counts.iter().filter(|counts| **counts).count().max(1);
        #[expect(clippy::cast_precision_loss, reason = "a number of brokers")]
        let unit = self.total(sums, resource) / counted as f64;
        unit.max(f64::MIN_POSITIVE)
    }

    fn balance_bounds(&self, sums: &Sums, rule: &Balance, band: f64) -> Bounds {
        if rule.per == Per::Rack {
            let mut per_rack = vec![0.0; self.model.racks.len()];
            for broker in self.model.broker_ords().filter(|broker| self.carried(*broker)) {
                per_rack[self.model.rack_of(broker).index()] += sums.get(broker, rule.resource);
            }
            return rule.rack_bounds(self.model, &self.roles.counts, &per_rack, band);
        }
        rule.bounds(self.model, &self.roles.counts, self.total(sums, rule.resource), band)
    }

    /// The same with narrower bounds on what costs no bytes. A sweep stops where a bound is just met; when every broker
    /// stands at the edge of something, nothing that is left over fits anywhere.
    pub fn with_tight_bounds(&self) -> Self {
        let mut problem = self.clone();
        problem.terms.iter_mut().for_each(|term| term.bounds = term.tight.clone());
        problem
    }

    /// Whether any goal aims inside its band.
    pub fn has_margins(&self) -> bool {
        self.terms.iter().any(|term| term.bounds != term.near)
    }

    /// The same with half the margins: for what only the margins stand in the way of.
    pub fn with_half_margins(&self) -> Self {
        let mut problem = self.clone();
        problem.terms.iter_mut().for_each(|term| term.bounds = term.near.clone());
        problem
    }

    fn carried(&self, broker: BrokerOrd) -> bool {
        self.roles.counts[broker.index()] || self.roles.leaving[broker.index()]
    }

    /// What the brokers that count will carry together: their own load and that of those that leave.
    pub fn total(&self, sums: &Sums, resource: Resource) -> f64 {
        let carried = self.model.broker_ords().filter(|broker| self.carried(*broker));
        carried.map(|broker| sums.get(broker, resource)).sum()
    }

    /// Whether a must capacity needs no term: nobody is over it now, and its hard limit keeps it so.
    fn never_passed(&self, sums: &Sums, resource: Resource, bounds: &Bounds) -> bool {
        !self.roles.leaving.contains(&true)
            && self.request.operation != Operation::FixOffline
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
        if self.racks_are_closed && resource.follows_replicas() {
            self.widen_by_rack(sums, resource, &mut bounds, band);
        }
        bounds
    }

    fn widen_by_rack(&self, sums: &Sums, resource: Resource, bounds: &mut Bounds, band: f64) {
        let mut load = vec![0.0; self.model.racks.len()];
        let mut mean = vec![0.0; self.model.racks.len()];
        for broker in self.model.broker_ords() {
            let rack = self.model.rack_of(broker).index();
            if self.carried(broker) {
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

    /// The rack of a broker.
    #[inline]
    pub fn rack_of(&self, broker: BrokerOrd) -> RackOrd {
        self.racks[broker.index()]
    }

    /// Whether the rest of the cluster is to be levelled.
    pub fn levels_all(&self) -> bool {
        self.request.operation == Operation::Rebalance || self.request.also_rebalance
    }

    /// Whether new brokers are filled and nothing else is done.
    pub fn only_fills(&self) -> bool {
        matches!(self.request.operation, Operation::AddBrokers(_)) && !self.request.also_rebalance
    }

    /// Whether the request wants a replica away from where it is.
    pub fn must_leave(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        self.roles.leaving[broker.index()]
            || (self.request.operation == Operation::FixOffline && is_offline(self.model, partition, broker))
    }

    /// Whether a replica of this partition may leave this broker.
    pub fn may_leave(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        match self.freedom[partition.index()] {
            Freedom::Free => true,
            Freedom::OnlyOffLeaving => self.must_leave(partition, broker),
            Freedom::Held => false,
        }
    }

    /// Whether this broker may get a replica of this partition at all.
    pub fn may_receive(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        self.roles.receives[broker.index()]
            && self.permits.may_hold(self.model.partitions[partition.index()].topic, broker)
    }

    /// Whether this broker may become the leader of this partition.
    pub fn may_lead(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        self.roles.may_lead[broker.index()]
            && !self.roles.is_demoted(self.model, partition, broker)
            && self.permits.may_lead(self.model.partitions[partition.index()].topic, broker)
    }
}

/// Whether a replica cannot serve where it stands.
pub(super) fn is_offline(model: &ClusterModel, partition: PartitionOrd, broker: BrokerOrd) -> bool {
    model.offline.get(&partition).is_some_and(|brokers| brokers.contains(&broker))
}

/// The wider of two bounds on each side.
fn wider(mut bounds: Bounds, other: &Bounds) -> Bounds {
    bounds.low.iter_mut().zip(&other.low).for_each(|(low, other)| *low = low.min(*other));
    bounds.high.iter_mut().zip(&other.high).for_each(|(high, other)| *high = high.max(*other));
    bounds
}
