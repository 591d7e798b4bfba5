//! [`Frame`]: the placements that a bound speaks of, as arrays.

use super::{BoundPrice, BoundSide, Reached, Terms};
use crate::goals::{Attribute, GoalSet, Per, Rule, Scope};
use crate::model::promises::{RackSpread, best_rack_spread};
use crate::model::{BrokerOrd, ClusterModel, Health, PartitionOrd, Resource};

/// By broker, one number for each resource.
pub(super) type Rows = Vec<[f64; Resource::COUNT]>;

/// The placements that a bound speaks of.
pub(super) struct Frame<'a> {
    pub model: &'a ClusterModel,
    pub terms: &'a Terms,
    /// Alive and not emptied: goals are about these, and only these take replicas.
    pub counts: Vec<bool>,
    pub emptied: Vec<bool>,
    /// Brokers that count, by rack.
    pub per_rack: Vec<usize>,
    /// The least that each broker ends with.
    pub low: Rows,
    /// The most that each broker ends with.
    pub high: Rows,
    racks: usize,
    best: Vec<RackSpread>,
}

/// Whether every partition stands on as many racks as it can in the end.
pub(super) fn keeps_spread(goals: &GoalSet, met: &[Option<bool>]) -> bool {
    goals.goals.iter().zip(met).any(|(goal, met)| {
        matches!(&goal.rule, Rule::Spread(rule) if rule.over == Attribute::Rack && rule.topics.is_all())
            && *met == Some(true)
    })
}

impl<'a> Frame<'a> {
    pub fn new(model: &'a ClusterModel, terms: &'a Terms) -> Self {
        let emptied: Vec<bool> =
            model.brokers.iter().map(|broker| terms.emptied.contains(&broker.id)).collect();
        let counts: Vec<bool> =
            model.brokers.iter().zip(&emptied).map(|(broker, emptied)| broker.alive && !emptied).collect();
        let per_rack = model.brokers_per_rack(|broker| counts[broker.index()]);
        let most = model.partition_ords().map(|p| model.placement.replicas(p).len()).max().unwrap_or(0);
        Self {
            racks: per_rack.iter().filter(|brokers| **brokers > 0).count(),
            best: (0..=most).map(|factor| best_rack_spread(factor, &per_rack)).collect(),
            low: vec![[0.0; Resource::COUNT]; model.brokers.len()],
            high: vec![[f64::INFINITY; Resource::COUNT]; model.brokers.len()],
            model,
            terms,
            counts,
            emptied,
            per_rack,
        }
    }

    /// Takes the bounds of the goals that are met in the end, and of the others those that a broker keeps all the
    /// same: new brokers that were filled are inside their bands whatever the rest does. Answers the goals' names.
    pub fn bound_by(&mut self, goals: &GoalSet, reached: Reached<'_>) -> Vec<String> {
        let mut names = Vec::new();
        for (goal, met) in goals.goals.iter().zip(reached.met) {
            let Some(met) = *met else { continue };
            let (resource, low, high) = match &goal.rule {
                Rule::Capacity(rule) if rule.scope == Scope::Broker => {
                    let limit = |broker| rule.limit_of(broker).unwrap_or(f64::INFINITY);
                    (rule.resource, None, self.model.brokers.iter().map(limit).collect())
                }
                Rule::Balance(rule) if rule.scope == Scope::Broker && rule.per != Per::Topic => {
                    let mut per_rack = vec![0.0; self.model.racks.len()];
                    for broker in self.model.broker_ords().filter(|broker| self.counts[broker.index()]) {
                        per_rack[self.model.rack_of(broker).index()] +=
                            reached.sums.get(broker, rule.resource);
                    }
                    let bounds = if rule.per == Per::Rack {
                        rule.rack_bounds(self.model, &self.counts, &per_rack, rule.band)
                    } else {
                        rule.bounds(self.model, &self.counts, per_rack.iter().sum(), rule.band)
                    };
                    (rule.resource, Some(bounds.low), bounds.high)
                }
                _ => continue,
            };
            let mut counts = met;
            for at in (0..self.counts.len()).filter(|at| self.counts[*at]) {
                let (least, most) =
                    (&mut self.low[at][resource.index()], &mut self.high[at][resource.index()]);
                let ends = reached.sums.get(BrokerOrd::from(at), resource);
                if let Some(low) =
                    low.as_ref().map(|low: &Vec<f64>| low[at]).filter(|low| met || ends >= *low)
                {
                    *least = least.max(low);
                    counts |= low > 0.0;
                }
                if met || ends <= high[at] {
                    *most = most.min(high[at]);
                }
            }
            if counts {
                names.push(if met { goal.name.clone() } else { format!("{} (where it is met)", goal.name) });
            }
        }
        names
    }

    /// Whether anything has to move whatever the loads are.
    pub fn forces_moves(&self) -> bool {
        self.terms.keeps_spread || self.terms.offline_mended || self.emptied.contains(&true)
    }

    /// Whether every replica stands on a broker that counts, or that is emptied.
    pub fn is_whole(&self) -> bool {
        let counted = |broker: &BrokerOrd| self.counts[broker.index()] || self.emptied[broker.index()];
        !self.terms.factors_change
            && self.model.partition_ords().all(|p| self.model.placement.replicas(p).iter().all(counted))
    }

    /// Whether a partition may not be touched: it is in trouble, and not only where it is to leave.
    fn is_held(&self, partition: PartitionOrd) -> bool {
        match self.model.partitions[partition.index()].health {
            Health::Healthy => false,
            Health::Reassigning | Health::Leaderless => true,
            Health::Degraded => {
                let leaves =
                    |on: &BrokerOrd| self.emptied[on.index()] || self.is_to_be_mended(partition, *on);
                !self.model.out_of_sync.get(&partition).is_some_and(|ailing| ailing.iter().all(leaves))
            }
        }
    }

    fn is_to_be_mended(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        self.terms.offline_mended
            && self.model.offline.get(&partition).is_some_and(|brokers| brokers.contains(&broker))
    }

    /// Whether the replica of a partition on a broker has to move.
    pub fn must_leave(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        (self.emptied[broker.index()] || self.is_to_be_mended(partition, broker)) && !self.is_held(partition)
    }

    /// How a partition stands on racks: whether its replicas stay in their racks, and how many of them have to move
    /// for the sake of its spread.
    pub fn stands(&self, partition: PartitionOrd) -> Stands {
        let replicas = self.model.placement.replicas(partition);
        let (mut distinct, mut largest, mut counted) = (0, 0, true);
        for (at, broker) in replicas.iter().enumerate() {
            let rack = self.model.rack_of(*broker);
            let same = |other: &&BrokerOrd| self.model.rack_of(**other) == rack;
            distinct += usize::from(!replicas[..at].iter().any(|other| same(&other)));
            largest = replicas.iter().filter(same).count().max(largest);
            counted &= self.per_rack[rack.index()] > 0
                && (self.terms.keeps_spread || self.model.brokers[broker.index()].alive);
        }
        let closed = counted && distinct == self.racks && replicas.len() == self.racks;
        let best = self.best[replicas.len()];
        let lacking = if self.terms.keeps_spread {
            let left = replicas.len() - largest;
            best.distinct_racks
                .saturating_sub(distinct)
                .max(best.left_without_worst_rack.saturating_sub(left))
        } else {
            0
        };
        Stands { closed, lacking }
    }

    /// The prices that are not 0, with their bounds.
    pub fn printed(&self, prices: &Rows) -> Vec<BoundPrice> {
        let mut rows = Vec::new();
        for (at, broker) in self.model.brokers.iter().enumerate() {
            for resource in Resource::ALL {
                let price = prices[at][resource.index()];
                let (side, bound) = if price > 0.0 {
                    (BoundSide::AtMost, self.high[at][resource.index()])
                } else {
                    (BoundSide::AtLeast, self.low[at][resource.index()])
                };
                if price != 0.0 && bound.is_finite() {
                    rows.push(BoundPrice { broker: broker.id, resource, side, bound, price: price.abs() });
                }
            }
        }
        rows
    }

    /// Reads printed prices, and takes their bounds.
    pub fn read_prices(&mut self, rows: &[BoundPrice]) -> Result<Rows, String> {
        let mut prices = vec![[0.0; Resource::COUNT]; self.model.brokers.len()];
        for row in rows {
            let broker = self.model.broker(row.broker);
            let at = broker.ok_or_else(|| format!("it names broker {}, which is not there", row.broker))?;
            let (at, resource) = (at.index(), row.resource.index());
            if !(row.price >= 0.0 && row.price.is_finite() && row.bound.is_finite()) {
                return Err(format!("a price on broker {} is not an amount", row.broker));
            }
            if prices[at][resource] != 0.0 {
                return Err(format!("broker {} has two prices for one resource", row.broker));
            }
            match row.side {
                BoundSide::AtMost => self.high[at][resource] = row.bound,
                BoundSide::AtLeast => self.low[at][resource] = row.bound,
            }
            prices[at][resource] = if row.side == BoundSide::AtMost { row.price } else { -row.price };
        }
        Ok(prices)
    }
}

/// How a partition stands on racks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stands {
    /// Once on every rack, and so it will be.
    pub closed: bool,
    /// So many replicas have to move.
    pub lacking: usize,
}
