//! Rule `balance`: a resource of each broker within a band around the capacity-weighted mean.
//!
//! Brokers of unequal capacity carry unequal shares. Where the capacity of any broker is not known, all weigh the
//! same: a guess for one of them would shift the mean of all.

use super::verdict::{Places, percent};
use super::{Counted, Scope, Standing, Verdict, Violation};
use crate::model::{ClusterModel, Resource};

/// A resource of each broker stays within `mean * (1 - band) ..= mean * (1 + band)`, weighted by capacity.
#[derive(Debug, Clone, PartialEq)]
pub struct Balance {
    /// The resource.
    pub resource: Resource,
    /// Half width of the band as a share of the mean, such as 0.1. What is clamped by `min_gap` and `max_gap` is
    /// the product of the two.
    pub band: f64,
    /// What the solver aims at when it has to act, as a share of the band: a little inside, so that the band still
    /// holds when the data have grown by the time they have moved.
    pub aim: f64,
    /// What is levelled against what.
    pub per: Per,
    /// What is to be level.
    pub scope: Scope,
    /// With [`Per::Topic`]: the topics.
    pub topics: super::Topics,
    /// Which side of the band counts.
    pub side: Side,
    /// The band reaches at least so far from the mean, in units of the resource: bytes, bytes per second, cores or a
    /// number.
    pub min_gap: Option<f64>,
    /// The band reaches at most so far from the mean, in units of the resource.
    pub max_gap: Option<f64>,
    /// Nothing is out of balance below this share of the capacity: idle brokers need not be level. Where the mean
    /// is below it there is no least, and the most is at least this share. Of no effect where capacity is not known.
    pub floor_share: Option<f64>,
}

/// What a [`Balance`] levels against what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Per {
    /// All brokers against each other.
    #[default]
    Cluster,
    /// The brokers of a rack against each other.
    Rack,
    /// What brokers hold of each topic; for counts of replicas and leaders.
    Topic,
}

/// Which side of a band counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Side {
    /// Both.
    #[default]
    Both,
    /// Only too much is wrong.
    Above,
}

/// What each broker may carry.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// The capacity-weighted mean, by broker; 0 for those that do not count.
    pub mean: Vec<f64>,
    /// The least, by broker.
    pub low: Vec<f64>,
    /// The most, by broker; infinite for those that do not count.
    pub high: Vec<f64>,
}

impl Balance {
    /// The rule with everything but resource and band as it is by default.
    pub fn of(resource: Resource, band: f64) -> Self {
        Self {
            resource,
            band,
            aim: 0.9,
            per: Per::Cluster,
            scope: Scope::Broker,
            topics: super::Topics::default(),
            side: Side::Both,
            min_gap: None,
            max_gap: None,
            floor_share: None,
        }
    }

    /// The bounds of each broker when `total` is spread over the brokers that count, with a band of this half width.
    /// For [`Per::Cluster`] over brokers.
    pub fn bounds(&self, model: &ClusterModel, counts: &[bool], total: f64, band: f64) -> Bounds {
        let units = Units { group: counts.iter().map(|counts| counts.then_some(0)).collect(), groups: 1 };
        self.share_out(&units.of_brokers(model, self.resource), &[total], band)
    }

    /// The bounds of each broker when what each rack carries in all is spread over the brokers of that rack that
    /// count; `totals_per_rack` by [`crate::model::RackOrd`]. For [`Per::Rack`] over brokers.
    pub fn rack_bounds(
        &self,
        model: &ClusterModel,
        counts: &[bool],
        totals_per_rack: &[f64],
        band: f64,
    ) -> Bounds {
        let units = Units::by_rack(model, counts);
        self.share_out(&units.of_brokers(model, self.resource), totals_per_rack, band)
    }

    /// The least and the most that each of `brokers` brokers holds of a topic that has `total` in all: the mean less
    /// and plus the gap, rounded away from the mean, since between 2.25 and 2.75 there is no whole number. Brokers
    /// weigh the same. For [`Per::Topic`]; this is how Cruise Control's `TopicReplicaDistributionGoal` counts.
    pub fn topic_bounds(&self, total: u32, brokers: usize, band: f64) -> (u32, u32) {
        let brokers = u32::try_from(brokers.max(1)).unwrap_or(u32::MAX);
        let mean = f64::from(total) / f64::from(brokers);
        let (low, high) = self.around(mean, None, band);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, not negative, saturates"
        )]
        let bounds = (low as u32, high as u32);
        bounds
    }

    /// What is level around a mean.
    pub(super) fn around(&self, mean: f64, capacity: Option<f64>, band: f64) -> (f64, f64) {
        let gap = (band * mean).max(self.min_gap.unwrap_or(0.0)).min(self.max_gap.unwrap_or(f64::INFINITY));
        let (mut low, mut high) = ((mean - gap).max(0.0), mean + gap);
        if self.resource.is_count() {
            // Between 2.25 and 2.75 replicas there is no whole number: the nearest ones outside have to do.
            // A bound that is whole already must not be rounded on for the last bit of a product.
            low = (low + WHOLE).floor();
            high = (high - WHOLE).ceil();
        }
        if self.side == Side::Above {
            low = 0.0;
        }
        if let (Some(share), Some(capacity)) = (self.floor_share, capacity) {
            let floor = share * capacity;
            if mean <= floor {
                low = 0.0;
            }
            high = high.max(floor);
        }
        (low, high)
    }

    /// Spreads what each group carries over its units by weight.
    fn share_out(&self, units: &Weighed, totals: &[f64], band: f64) -> Bounds {
        let mut whole = vec![0.0; totals.len()];
        for (group, weight) in units.group.iter().zip(&units.weight) {
            if let Some(group) = group {
                whole[*group] += weight;
            }
        }
        let length = units.group.len();
        let mut bounds =
            Bounds { mean: vec![0.0; length], low: vec![0.0; length], high: vec![f64::INFINITY; length] };
        for at in 0..length {
            let Some(group) = units.group[at] else { continue };
            let mean = totals[group] * (units.weight[at] / whole[group].max(1e-300));
            bounds.mean[at] = mean;
            (bounds.low[at], bounds.high[at]) = self.around(mean, units.capacity[at], band);
        }
        bounds
    }

    /// Judges a placement.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        if let Some(not_ready) = standing.load_missing(self.resource) {
            return not_ready;
        }
        if self.scope == Scope::LogDir {
            return super::log_dirs::balance(self, standing);
        }
        if self.per == Per::Topic {
            return self.verdict_by_topic(standing);
        }
        let units = match self.per {
            Per::Rack => Units::by_rack(standing.model, standing.counts),
            Per::Cluster | Per::Topic => {
                Units { group: standing.counts.iter().map(|counts| counts.then_some(0)).collect(), groups: 1 }
            }
        };
        let brokers = units.of_brokers(standing.model, self.resource);
        let mut totals = vec![0.0; units.groups];
        for broker in standing.brokers() {
            if let Some(group) = brokers.group[broker.index()] {
                totals[group] += standing.sums.get(broker, self.resource);
            }
        }
        let places = Places::new(standing.model, self.scope);
        let loads = places.sums(standing, |broker| standing.sums.get(broker, self.resource));
        let bounds = self.share_out(&brokers.folded(standing, &places), &totals, self.band);
        let found = (0..places.len()).filter_map(|at| Some((bounds.badness(loads[at], at)?, at)));
        Verdict::worst_of(found.collect(), |at| Violation {
            subject: places.name(standing.model, at),
            text: self.violation(loads[at], bounds.mean[at], bounds.low[at], bounds.high[at]),
        })
    }

    /// What is wrong with a load that is out of its bounds.
    pub(super) fn violation(&self, load: f64, mean: f64, low: f64, high: f64) -> String {
        let what = self.resource.show_named(load);
        let off = format!("{what} is {} the mean of {}", deviation(load, mean), self.show_mean(mean));
        if self.min_gap.is_none() && self.max_gap.is_none() && self.floor_share.is_none() {
            return format!("{off}, beyond {} %", percent(self.band));
        }
        // The band alone does not explain the bound.
        if load > high {
            format!("{off}; at most {}", self.resource.show(high))
        } else {
            format!("{off}; at least {}", self.resource.show(low))
        }
    }

    /// A mean for people: that of counts is seldom whole.
    fn show_mean(&self, mean: f64) -> String {
        if self.resource.is_count() && (mean - mean.round()).abs() >= 0.05 {
            return format!("{mean:.1} {}", self.resource.name());
        }
        self.resource.show(mean)
    }

    fn verdict_by_topic(&self, standing: Standing) -> Verdict {
        let brokers = standing.brokers().count();
        let counted = if self.resource == Resource::Leaders { Counted::Leaders } else { Counted::Replicas };
        let mut found = Vec::new();
        standing.count_by_topic(&self.topics, counted, |topic, of| {
            let total = of.counting;
            let (low, high) = self.topic_bounds(total, brokers, self.band);
            if low == 0 && of.most <= high {
                return;
            }
            for broker in standing.brokers() {
                let holds = of.held[broker.index()];
                let beyond = holds.saturating_sub(high).max(low.saturating_sub(holds));
                if beyond > 0 {
                    let share = f64::from(beyond) / f64::from(total.max(1));
                    found.push((share, (topic, broker, holds, if holds > high { high } else { low })));
                }
            }
        });
        let noun = self.resource.name();
        Verdict::worst_of(found, |(topic, broker, holds, bound)| {
            let side = if holds > bound { "at most" } else { "at least" };
            Violation {
                subject: standing.broker_name(broker),
                text: format!("has {holds} {noun} of topic {}, {side} {bound}", standing.topic_name(topic)),
            }
        })
    }

    /// The rule in words.
    pub fn in_words(&self) -> String {
        let name = self.resource.name();
        let who = match (self.scope, self.per) {
            (_, Per::Topic) => {
                let topics = self.topics.in_words().unwrap_or_else(|| "each topic".to_owned());
                format!("{name} of {topics} on each broker")
            }
            (Scope::Broker, _) => format!("{name} of each broker"),
            (Scope::Host, _) => format!("{name} of each host"),
            (Scope::Rack, _) => format!("{name} of each rack"),
            (Scope::LogDir, _) => format!("{name} of each log directory"),
        };
        let mean = match (self.scope, self.per) {
            (Scope::LogDir, _) => "the mean of its broker",
            (_, Per::Cluster) => "the mean",
            (_, Per::Rack) => "the mean of its rack",
            (_, Per::Topic) => "the mean of the topic",
        };
        let band = percent(self.band);
        let words = match self.side {
            Side::Both => format!("{who} within {band} % of {mean}"),
            Side::Above => format!("{who} at most {band} % above {mean}"),
        };
        let gap = |before: &str, gap: Option<f64>| {
            gap.map_or_else(String::new, |gap| format!(", {before} {}", self.resource.show(gap)))
        };
        let floor = self.floor_share.map_or_else(String::new, |share| {
            format!("; nothing matters below {} % of capacity", percent(share))
        });
        words + &gap("or within", self.min_gap) + &gap("but never beyond", self.max_gap) + &floor
    }
}

impl Bounds {
    /// How far a load is out of its bounds, as a share of the mean; `None` when it is within.
    fn badness(&self, load: f64, at: usize) -> Option<f64> {
        let (low, high, mean) = (self.low[at], self.high[at], self.mean[at]);
        // A sum of many loads is right to some parts in 10^12 only.
        let slack = 1e-9 * (mean + 1.0).min(mean.max(1e-300) * 1e3);
        let beyond = (load - high).max(low - load);
        (beyond > slack).then(|| beyond / mean.max(f64::MIN_POSITIVE))
    }
}

/// A share of a whole number below which rounding errors stay.
const WHOLE: f64 = 1e-9;

/// `12.3 % above` or `7.0 % below`.
fn deviation(load: f64, mean: f64) -> String {
    if mean <= 0.0 {
        return "above".to_owned();
    }
    let share = 100.0 * (load / mean - 1.0);
    format!("{:.1} % {}", share.abs(), if share < 0.0 { "below" } else { "above" })
}

/// Which brokers are levelled against each other.
struct Units {
    /// The group of each broker; `None` for those that do not count.
    group: Vec<Option<usize>>,
    /// How many groups there are.
    groups: usize,
}

/// What share of its group each place should carry.
struct Weighed {
    group: Vec<Option<usize>>,
    /// Not normed.
    weight: Vec<f64>,
    /// Where it is known.
    capacity: Vec<Option<f64>>,
}

impl Units {
    fn by_rack(model: &ClusterModel, counts: &[bool]) -> Self {
        let rack = |(broker, counts): (&crate::model::Broker, &bool)| counts.then(|| broker.rack.index());
        Self { group: model.brokers.iter().zip(counts).map(rack).collect(), groups: model.racks.len() }
    }

    /// Weighs brokers by capacity, and by 1 where the capacity of any broker of the group is not known.
    fn of_brokers(&self, model: &ClusterModel, resource: Resource) -> Weighed {
        let capacity: Vec<Option<f64>> =
            model.brokers.iter().map(|broker| broker.capacity[resource.index()]).collect();
        let mut known = vec![true; self.groups];
        let mut some = vec![false; self.groups];
        for (group, capacity) in self.group.iter().zip(&capacity) {
            if let Some(group) = *group {
                known[group] &= capacity.is_some();
                some[group] |= capacity.is_some_and(|capacity| capacity > 0.0);
            }
        }
        let weight = |(group, capacity): (&Option<usize>, &Option<f64>)| match (*group, *capacity) {
            (None, _) => 0.0,
            (Some(group), Some(capacity)) if known[group] && some[group] => capacity,
            _ => 1.0,
        };
        let weight = self.group.iter().zip(&capacity).map(weight).collect();
        Weighed { group: self.group.clone(), weight, capacity }
    }
}

impl Weighed {
    /// Puts together the brokers of a host or rack.
    fn folded(self, standing: Standing, places: &Places) -> Self {
        let length = places.len();
        let mut folded =
            Self { group: vec![None; length], weight: vec![0.0; length], capacity: vec![Some(0.0); length] };
        for broker in standing.brokers() {
            let (from, to) = (broker.index(), places.of(broker));
            folded.group[to] = folded.group[to].or(self.group[from]);
            folded.weight[to] += self.weight[from];
            folded.capacity[to] = folded.capacity[to].zip(self.capacity[from]).map(|(sum, own)| sum + own);
        }
        folded
    }
}

#[cfg(test)]
#[path = "balance_tests.rs"]
mod tests;
