//! [`Effects`]: how a change of one partition bears on each goal, without judging the whole cluster anew.
//!
//! Only the brokers that the change touches, and the partition itself, are looked at. How bad a goal stands there is
//! a number: for a capacity the share by which limits are passed, for a balance how far loads are beyond the band in
//! means, for the others how many replicas or brokers are not as they should be. Only its change counts.

use super::real;
use crate::goals::{
    Attribute, Balance, Bounds, Capacity, Counted, Demand, Goal, GoalSet, Leads, Per, Rule, Scope, Standing,
};
use crate::model::promises::{RackSpread, best_rack_spread, rack_spread};
use crate::model::{BrokerOrd, PartitionOrd, Resource};

/// A change smaller than this is none: sums of thousands of loads are right to about so much.
pub(super) const EPSILON: f64 = 1e-9;

/// How changes of one partition bear on the goals.
pub(super) struct Effects<'a> {
    standing: Standing<'a>,
    goals: &'a GoalSet,
    partition: PartitionOrd,
    /// By goal: the bounds of a balance; of what the topic's replicas add up to where the goal is per topic.
    bounds: Vec<Option<Bounds>>,
    /// By broker: what the topic of the partition adds to it.
    of_topic: Vec<[f64; Resource::COUNT]>,
}

/// A list of replicas with its leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub list: Vec<BrokerOrd>,
    pub leader: Option<BrokerOrd>,
}

/// What a change does to one goal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Effect<'a> {
    pub goal: &'a Goal,
    /// The goal's place in the set.
    pub place: usize,
    /// Above 0: worse.
    pub worse_by: f64,
    /// What is wrong after it at the worst place, in words; empty when nothing is.
    pub text: String,
}

/// How bad a goal stands, place by place.
#[derive(Default)]
struct Bad {
    /// The broker (none where it is about the partition itself), how bad it is there, and what is wrong in words.
    places: Vec<(Option<BrokerOrd>, f64, String)>,
}

impl Bad {
    fn add(&mut self, place: Option<BrokerOrd>, amount: f64, text: impl FnOnce() -> String) {
        if amount > EPSILON {
            self.places.push((place, amount, text()));
        }
    }

    fn sum(&self) -> f64 {
        self.places.iter().map(|(_, amount, _)| amount).sum()
    }

    /// What is wrong at the place that has become worse by most since `before`.
    fn worst_since(self, before: &Self) -> String {
        let was = |place: Option<BrokerOrd>| {
            before.places.iter().find(|(other, ..)| *other == place).map_or(0.0, |(_, amount, _)| *amount)
        };
        let grown = self.places.into_iter().map(|(place, amount, text)| (amount - was(place), text));
        grown.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, text)| text).unwrap_or_default()
    }
}

impl<'a> Effects<'a> {
    /// Prepares for changes of `partition`.
    pub fn new(standing: Standing<'a>, goals: &'a GoalSet, partition: PartitionOrd) -> Self {
        let model = standing.model;
        let topic = &model.topics[model.partitions[partition.index()].topic.index()];
        let mut of_topic = vec![[0.0; Resource::COUNT]; model.brokers.len()];
        for index in 0..topic.partition_count {
            let other = PartitionOrd(topic.first_partition.0 + index);
            let list = standing.assignment.replicas(other);
            for broker in list {
                let leads = standing.assignment.leader(other) == Some(*broker);
                let load = model.load_on(other, *broker, leads, list.len());
                of_topic[broker.index()].iter_mut().zip(load).for_each(|(sum, amount)| *sum += amount);
            }
        }
        let mut effects = Self { standing, goals, partition, bounds: Vec::new(), of_topic };
        effects.bounds = goals
            .goals
            .iter()
            .map(|goal| match &goal.rule {
                Rule::Balance(rule) => effects.bounds_of(rule),
                _ => None,
            })
            .collect();
        effects
    }

    /// What `after` in the place of `before` does to each goal that it bears on, in the order of the set.
    pub fn of(&self, before: &Placed, after: &Placed) -> Vec<Effect<'a>> {
        let mut touched: Vec<BrokerOrd> = before.list.iter().chain(&after.list).copied().collect();
        touched.sort_unstable();
        touched.dedup();
        let rows = self.goals.goals.iter().zip(&self.bounds);
        rows.enumerate()
            .filter_map(|(place, (goal, bounds))| {
                let was = self.bad(goal, bounds.as_ref(), &touched, before);
                let becomes = self.bad(goal, bounds.as_ref(), &touched, after);
                let worse_by = becomes.sum() - was.sum();
                (worse_by.abs() > EPSILON).then_some(Effect {
                    goal,
                    place,
                    worse_by,
                    text: becomes.worst_since(&was),
                })
            })
            .collect()
    }

    /// How the goal stands on the touched brokers when the partition is placed like this.
    fn bad(&self, goal: &Goal, bounds: Option<&Bounds>, touched: &[BrokerOrd], placed: &Placed) -> Bad {
        let model = self.standing.model;
        let topic = &model.topics[model.partitions[self.partition.index()].topic.index()].name;
        let mut bad = Bad::default();
        match &goal.rule {
            Rule::Spread(rule) if rule.topics.matches(topic) => self.spread(rule.over, placed, &mut bad),
            Rule::Capacity(rule) => self.capacity(rule, touched, placed, &mut bad),
            Rule::Balance(rule) => {
                let concerns = rule.per != Per::Topic || rule.topics.matches(topic);
                if let Some(bounds) = bounds.filter(|_| concerns) {
                    self.balance(rule, bounds, touched, placed, &mut bad);
                }
            }
            Rule::Minimum(rule) if rule.topics.matches(topic) => {
                let resource = match rule.of {
                    Counted::Replicas => Resource::Replicas,
                    Counted::Leaders => Resource::Leaders,
                };
                let total: f64 =
                    self.standing.brokers().map(|b| self.of_topic[b.index()][resource.index()]).sum();
                let least = f64::from(rule.least_of(whole(total), self.standing.brokers().count()));
                for broker in touched.iter().filter(|broker| self.standing.counts[broker.index()]) {
                    let held = self.load(true, *broker, resource, placed);
                    let id = model.brokers[broker.index()].id;
                    bad.add(Some(*broker), least - held, || {
                        format!(
                            "broker {id} would have {} of the topic, and {least} are wanted",
                            resource.show(held)
                        )
                    });
                }
            }
            Rule::Placement(rule) if rule.topics.matches(topic) => {
                self.placement(&rule.demand, placed, &mut bad);
            }
            Rule::Leadership(rule) if rule.topics.matches(topic) => {
                self.leadership(&rule.by, placed, &mut bad);
            }
            _ => {}
        }
        bad
    }

    /// Load of a broker, or of its part of the topic, when the partition is placed like this.
    fn load(&self, of_topic: bool, broker: BrokerOrd, resource: Resource, placed: &Placed) -> f64 {
        let Standing { model, assignment, sums, .. } = self.standing;
        let part = |list: &[BrokerOrd], leader: Option<BrokerOrd>| {
            if list.contains(&broker) {
                model.load_on(self.partition, broker, leader == Some(broker), list.len())[resource.index()]
            } else {
                0.0
            }
        };
        let now = part(assignment.replicas(self.partition), assignment.leader(self.partition));
        let whole = if of_topic {
            self.of_topic[broker.index()][resource.index()]
        } else {
            sums.get(broker, resource)
        };
        whole - now + part(&placed.list, placed.leader)
    }

    fn spread(&self, over: Attribute, placed: &Placed, bad: &mut Bad) {
        let Standing { model, counts, .. } = self.standing;
        let (has, best, what) = match over {
            Attribute::Rack => {
                let per_rack = model.brokers_per_rack(|broker| counts[broker.index()]);
                let has = rack_spread(&placed.list, |broker| Some(model.rack_of(broker)));
                (has, best_rack_spread(placed.list.len(), &per_rack), "racks")
            }
            Attribute::Host => {
                let mut per_host = vec![0; model.hosts.len()];
                self.standing.brokers().for_each(|broker| per_host[model.host_of(broker).index()] += 1);
                let has: RackSpread = rack_spread(&placed.list, |broker| Some(model.host_of(broker)));
                (has, best_rack_spread(placed.list.len(), &per_host), "hosts")
            }
        };
        let lacking = best.distinct_racks.saturating_sub(has.distinct_racks)
            + best.left_without_worst_rack.saturating_sub(has.left_without_worst_rack);
        bad.add(None, real(lacking), || {
            if has.distinct_racks < best.distinct_racks {
                format!("it would stand on {} {what}, and {} can be had", has.distinct_racks, best.distinct_racks)
            } else {
                let (has, best) = (has.left_without_worst_rack, best.left_without_worst_rack);
                format!("of its {what} the worst would leave {has} replicas when it is lost, and {best} can be had")
            }
        });
    }

    fn capacity(&self, rule: &Capacity, touched: &[BrokerOrd], placed: &Placed, bad: &mut Bad) {
        let model = self.standing.model;
        if !model.known[rule.resource.index()] {
            return;
        }
        // The load of a log directory is not in the model; whoever moves a replica between brokers picks one with room.
        let together = |one: BrokerOrd, other: BrokerOrd| match rule.scope {
            Scope::Broker | Scope::LogDir => one == other,
            Scope::Host => model.host_of(one) == model.host_of(other),
            Scope::Rack => model.rack_of(one) == model.rack_of(other),
        };
        for (at, broker) in touched.iter().enumerate() {
            let counted = self.standing.counts[broker.index()];
            if !counted || touched[..at].iter().any(|earlier| together(*earlier, *broker)) {
                continue;
            }
            let members = self.standing.brokers().filter(|other| together(*broker, *other));
            let (mut load, mut limit) = (0.0, Some(0.0));
            for member in members {
                load += self.load(false, member, rule.resource, placed);
                let own = rule.limit_of(&model.brokers[member.index()]);
                limit = limit.zip(own).map(|(sum, own)| sum + own);
            }
            let Some(limit) = limit else { continue };
            let id = model.brokers[broker.index()].id;
            bad.add(Some(*broker), load / limit.max(f64::MIN_POSITIVE) - 1.0, || {
                let (load, limit) = (rule.resource.show_named(load), rule.resource.show(limit));
                format!("{load} on broker {id}, over the limit of {limit}")
            });
        }
    }

    fn bounds_of(&self, rule: &Balance) -> Option<Bounds> {
        let Standing { model, counts, sums, .. } = self.standing;
        if !model.known[rule.resource.index()] || rule.scope != Scope::Broker {
            return None;
        }
        let load = |broker: BrokerOrd| match rule.per {
            Per::Topic => self.of_topic[broker.index()][rule.resource.index()],
            Per::Cluster | Per::Rack => sums.get(broker, rule.resource),
        };
        match rule.per {
            Per::Cluster => {
                let total = self.standing.brokers().map(load).sum();
                Some(rule.bounds(model, counts, total, rule.band))
            }
            Per::Rack => {
                let mut totals = vec![0.0; model.racks.len()];
                for broker in self.standing.brokers() {
                    totals[model.rack_of(broker).index()] += load(broker);
                }
                Some(rule.rack_bounds(model, counts, &totals, rule.band))
            }
            Per::Topic => {
                let brokers = self.standing.brokers().count();
                let total: f64 = self.standing.brokers().map(load).sum();
                let (low, high) = rule.topic_bounds(whole(total), brokers, rule.band);
                let length = model.brokers.len();
                Some(Bounds {
                    mean: vec![total / real(brokers.max(1)); length],
                    low: vec![f64::from(low); length],
                    high: vec![f64::from(high); length],
                })
            }
        }
    }

    fn balance(
        &self,
        rule: &Balance,
        bounds: &Bounds,
        touched: &[BrokerOrd],
        placed: &Placed,
        bad: &mut Bad,
    ) {
        for broker in touched.iter().filter(|broker| self.standing.counts[broker.index()]) {
            let at = broker.index();
            let load = self.load(rule.per == Per::Topic, *broker, rule.resource, placed);
            let mean = bounds.mean[at].max(f64::MIN_POSITIVE);
            let under = if rule.side == crate::goals::Side::Both { bounds.low[at] - load } else { 0.0 };
            bad.add(Some(*broker), (load - bounds.high[at]).max(under) / mean, || {
                let off = 100.0 * (load / mean - 1.0);
                let side = if off < 0.0 { "below" } else { "above" };
                let (name, id) = (rule.resource.name(), self.standing.model.brokers[at].id);
                format!("{name} of broker {id} would be {:.1} % {side} the mean", off.abs())
            });
        }
    }

    fn placement(&self, demand: &Demand, placed: &Placed, bad: &mut Bad) {
        let model = self.standing.model;
        let outside: usize = match demand {
            Demand::On(brokers) => {
                placed.list.iter().filter(|broker| !brokers.contains(model, **broker)).count()
            }
            Demand::Off(brokers) => {
                placed.list.iter().filter(|broker| brokers.contains(model, **broker)).count()
            }
            Demand::WithinOneOf(sets) => {
                // The topic's home is the set that holds most of it.
                let held = |set: &&crate::goals::Brokers| {
                    let on = model.broker_ords().filter(|broker| set.contains(model, *broker));
                    on.map(|broker| self.of_topic[broker.index()][Resource::Replicas.index()]).sum::<f64>()
                };
                let home = sets.iter().max_by(|one, other| held(one).total_cmp(&held(other)));
                home.map_or(0, |set| {
                    placed.list.iter().filter(|broker| !set.contains(model, **broker)).count()
                })
            }
            Demand::Hold => {
                let now = self.standing.model.placement.replicas(self.partition);
                placed.list.iter().filter(|broker| !now.contains(broker)).count()
            }
        };
        bad.add(None, real(outside), || {
            format!("{outside} of its replicas would stand where the topic may not")
        });
    }

    fn leadership(&self, by: &Leads, placed: &Placed, bad: &mut Bad) {
        let model = self.standing.model;
        let Some(leader) = placed.leader else { return };
        let suits = |broker: &BrokerOrd| match by {
            Leads::FirstReplica => placed.list.first() == Some(broker),
            Leads::On(brokers) => brokers.contains(model, *broker),
            Leads::Off(brokers) => !brokers.contains(model, *broker),
        };
        let wrong = !suits(&leader) && placed.list.iter().any(suits);
        let id = model.brokers[leader.index()].id;
        bad.add(None, f64::from(u8::from(wrong)), || format!("broker {id} would lead, and another should"));
    }
}

/// A number of replicas, which is whole, as one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, saturates")]
fn whole(count: f64) -> u32 {
    count.round() as u32
}

#[cfg(test)]
#[path = "effect_tests.rs"]
mod tests;
