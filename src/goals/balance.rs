//! Rule `balance`: a resource of each broker within a band around the capacity-weighted mean.
//!
//! Brokers of unequal capacity carry unequal shares. Where the capacity of any broker is not known, all weigh the
//! same: a guess for one of them would shift the mean of all.

use super::{Standing, Verdict, Violation};
use crate::model::{BrokerOrd, ClusterModel, Resource};

/// A resource of each broker stays within `mean * (1 - band) ..= mean * (1 + band)`, weighted by capacity.
#[derive(Debug, Clone, PartialEq)]
pub struct Balance {
    /// The resource.
    pub resource: Resource,
    /// Half width of the band as a share of the mean, such as 0.1.
    pub band: f64,
    /// What the solver aims at when it has to act, as a share of the band: a little inside, so that the band still
    /// holds when the data have grown by the time they have moved.
    pub aim: f64,
    /// What is levelled against what.
    pub per: Per,
    /// What is to be level.
    pub scope: super::Scope,
    /// With [`Per::Topic`]: the topics.
    pub topics: super::Topics,
    /// Which side of the band counts.
    pub side: Side,
    /// The band reaches at least so far from the mean, in units of the resource.
    pub min_gap: Option<f64>,
    /// The band reaches at most so far from the mean, in units of the resource.
    pub max_gap: Option<f64>,
    /// Nothing is out of balance below this share of the capacity: idle brokers need not be level.
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
            scope: super::Scope::Broker,
            topics: super::Topics::default(),
            side: Side::Both,
            min_gap: None,
            max_gap: None,
            floor_share: None,
        }
    }

    /// The bounds of each broker when `total` is spread over the brokers that count, with a band of this half width.
    pub fn bounds(&self, model: &ClusterModel, counts: &[bool], total: f64, band: f64) -> Bounds {
        let weights = weights(model, counts, self.resource);
        let whole: f64 = weights.iter().sum();
        let mean: Vec<f64> = weights.iter().map(|weight| total * (weight / whole.max(1e-300))).collect();
        let mut bounds = Bounds {
            low: mean.iter().map(|mean| mean * (1.0 - band)).collect(),
            high: mean.iter().map(|mean| mean * (1.0 + band)).collect(),
            mean,
        };
        if self.resource.is_count() {
            // Between 2.25 and 2.75 replicas there is no whole number: the nearest ones outside have to do.
            bounds.low.iter_mut().for_each(|low| *low = low.floor());
            bounds.high.iter_mut().for_each(|high| *high = high.ceil());
        }
        for (high, _) in bounds.high.iter_mut().zip(counts).filter(|(_, counts)| !**counts) {
            *high = f64::INFINITY;
        }
        bounds
    }

    /// Judges a placement.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        if let Some(not_ready) = standing.load_missing(self.resource) {
            return not_ready;
        }
        let total: f64 = standing.brokers().map(|broker| standing.sums.get(broker, self.resource)).sum();
        let bounds = self.bounds(standing.model, standing.counts, total, self.band);
        Verdict::of(
            standing.brokers().filter_map(|broker| self.violation(standing, &bounds, broker)).collect(),
        )
    }

    fn violation(&self, standing: Standing, bounds: &Bounds, broker: BrokerOrd) -> Option<(f64, Violation)> {
        let load = standing.sums.get(broker, self.resource);
        let at = broker.index();
        let (low, high, mean) = (bounds.low[at], bounds.high[at], bounds.mean[at]);
        // A sum of many loads is right to some parts in 10^12 only.
        let slack = 1e-9 * (mean + 1.0).min(mean.max(1e-300) * 1e3);
        let beyond = (load - high).max(low - load);
        if beyond <= slack {
            return None;
        }
        let text = format!(
            "{} is {} the mean of {}, beyond {:.0} %",
            self.resource.show_named(load),
            deviation(load, mean),
            self.resource.show(mean),
            100.0 * self.band
        );
        let subject = format!("broker {}", standing.model.brokers[at].id);
        Some((beyond / mean.max(f64::MIN_POSITIVE), Violation { subject, text }))
    }
}

/// `12.3 % above` or `7.0 % below`.
fn deviation(load: f64, mean: f64) -> String {
    if mean <= 0.0 {
        return "above".to_owned();
    }
    let share = 100.0 * (load / mean - 1.0);
    format!("{:.1} % {}", share.abs(), if share < 0.0 { "below" } else { "above" })
}

/// What share each broker should carry, not normed: its capacity, or 1 where capacities are not known.
fn weights(model: &ClusterModel, counts: &[bool], resource: Resource) -> Vec<f64> {
    let counted = || model.brokers.iter().zip(counts).filter(|(_, counts)| **counts);
    let by_capacity = counted().all(|(broker, _)| broker.capacity[resource.index()].is_some())
        && counted().any(|(broker, _)| broker.capacity[resource.index()].is_some_and(|c| c > 0.0));
    let weight = |(broker, counts): (&crate::model::Broker, &bool)| match broker.capacity[resource.index()] {
        _ if !*counts => 0.0,
        Some(capacity) if by_capacity => capacity,
        _ => 1.0,
    };
    model.brokers.iter().zip(counts).map(weight).collect()
}
