//! [`GroupTerm`]: goals on all brokers of a host, or of a rack, together.

use super::problem::{Problem, penalty, search_weight};
use crate::goals::{Goal, Rule, Scope, Tier};
use crate::model::{BrokerOrd, ClusterModel, Sums};

/// A goal on a resource of groups of brokers.
#[derive(Debug, Clone)]
pub(super) struct GroupTerm {
    /// The resource's [`Resource::index`].
    pub resource: usize,
    /// Position of its tier among those in use.
    pub tier: usize,
    /// Weight over the mean load of a broker.
    pub scale: f64,
    /// What it weighs in the search.
    pub weight: f64,
    /// Whether no change may push a group over its upper bound.
    pub is_must: bool,
    /// By broker: its group.
    pub group_of: Vec<u32>,
    /// By group: least and most.
    pub bounds: Vec<(f64, f64)>,
}

impl GroupTerm {
    /// The term of a goal whose scope is a host or a rack; `None` where a capacity that it needs is not known, and for
    /// log directories, which are levelled on their own.
    pub fn of(problem: &Problem, sums: &Sums, goal: &Goal, tier: usize) -> Option<Self> {
        let model = problem.model;
        let (scope, resource) = match &goal.rule {
            Rule::Capacity(rule) => (rule.scope, rule.resource),
            Rule::Balance(rule) => (rule.scope, rule.resource),
            _ => return None,
        };
        let (group_of, groups) = groups(model, scope)?;
        let counts = |broker: &BrokerOrd| problem.roles.counts[broker.index()];
        let mut bounds = vec![(0.0, 0.0); groups];
        match &goal.rule {
            Rule::Capacity(rule) => {
                for broker in model.broker_ords().filter(counts) {
                    bounds[group_of[broker.index()] as usize].1 +=
                        rule.limit_of(&model.brokers[broker.index()])?;
                }
            }
            Rule::Balance(rule) => {
                let total = problem.total(sums, resource);
                let each = rule.bounds(model, &problem.roles.counts, total, rule.band * rule.aim);
                for broker in model.broker_ords().filter(counts) {
                    let group = &mut bounds[group_of[broker.index()] as usize];
                    group.0 += each.low[broker.index()];
                    group.1 += each.high[broker.index()];
                }
            }
            _ => {}
        }
        // A group without a broker that counts has nothing to keep to.
        let mut counted = vec![false; groups];
        model.broker_ords().filter(counts).for_each(|b| counted[group_of[b.index()] as usize] = true);
        bounds.iter_mut().zip(counted).filter(|(_, counted)| !counted).for_each(|(bounds, _)| {
            bounds.1 = f64::INFINITY;
        });
        let is_must = goal.tier == Tier::Must && matches!(goal.rule, Rule::Capacity(_));
        let scale = goal.weight / problem.unit(sums, resource);
        let weight = search_weight(resource, goal.tier);
        Some(Self { resource: resource.index(), tier, scale, weight, is_must, group_of, bounds })
    }

    /// The penalty of a group's load.
    pub fn penalty(&self, group: u32, load: f64) -> f64 {
        let (low, high) = self.bounds[group as usize];
        penalty((load - high).max(low - load), self.scale)
    }

    /// The load of each group.
    pub fn loads(&self, model: &ClusterModel, sums: &Sums) -> Vec<f64> {
        let mut loads = vec![0.0; self.bounds.len()];
        for broker in model.broker_ords() {
            loads[self.group_of[broker.index()] as usize] += sums.row(broker)[self.resource];
        }
        loads
    }
}

fn groups(model: &ClusterModel, scope: Scope) -> Option<(Vec<u32>, usize)> {
    match scope {
        Scope::Host => Some((model.brokers.iter().map(|broker| broker.host.0).collect(), model.hosts.len())),
        Scope::Rack => Some((model.brokers.iter().map(|broker| broker.rack.0).collect(), model.racks.len())),
        Scope::Broker | Scope::LogDir => None,
    }
}
