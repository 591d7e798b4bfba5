//! Counts where new brokers are filled and nothing else is done. What old brokers give away nobody gives back, so each
//! may give only so much that the new ones have room for what all the fuller ones have to give.

use super::delta::Delta;
use super::problem::{EPSILON, Problem};
use super::state::State;
use crate::goals::Bounds;
use crate::model::{BrokerOrd, Resource, Sums};

/// Bounds of old brokers on a count: between the level that they come down to, on equal terms, when the new brokers
/// are filled to their most, and their bound; at that level where it lies above their bound.
pub(super) fn with_levels(problem: &Problem, sums: &Sums, resource: Resource, mut bounds: Bounds) -> Bounds {
    let closed = problem.racks_are_closed && resource == Resource::Replicas;
    let groups = if closed { problem.model.racks.len() } else { 1 };
    for group in 0..groups {
        let is_in = |broker: &BrokerOrd| !closed || problem.model.rack_of(*broker).index() == group;
        let counted =
            problem.model.broker_ords().filter(is_in).filter(|broker| problem.roles.counts[broker.index()]);
        let (fresh, old): (Vec<BrokerOrd>, Vec<BrokerOrd>) =
            counted.partition(|broker| problem.roles.fresh[broker.index()]);
        let load = |broker: BrokerOrd| sums.get(broker, resource);
        let room = |broker: &BrokerOrd| (bounds.high[broker.index()] - load(*broker)).max(0.0);
        let room: f64 = fresh.iter().filter(|broker| problem.roles.receives[broker.index()]).map(room).sum();
        let loads = old.iter().map(|broker| (load(*broker), bounds.mean[broker.index()])).collect();
        let level = level(loads, room);
        for broker in old {
            let (at, load) = (broker.index(), load(broker));
            let level = (level * bounds.mean[at]).ceil();
            bounds.high[at] = bounds.high[at].max(level);
            bounds.low[at] = bounds.low[at].max(level.min(bounds.high[at])).min(load);
        }
    }
    bounds
}

/// The level, in means, that loads come down to when this much is taken off those above it.
fn level(mut loads: Vec<(f64, f64)>, taken: f64) -> f64 {
    loads.retain(|(_, mean)| *mean > 0.0);
    loads.sort_unstable_by(|x, y| (y.0 / y.1).total_cmp(&(x.0 / x.1)));
    let (mut load, mut mean) = (0.0, 0.0);
    for (at, (of_it, mean_of_it)) in loads.iter().enumerate() {
        load += of_it;
        mean += mean_of_it;
        let level = ((load - taken) / mean).max(0.0);
        if loads.get(at + 1).is_none_or(|next| next.0 / next.1 <= level) {
            return level;
        }
    }
    0.0
}

impl State<'_, '_> {
    /// Whether a move leaves counts alone, or is for the sake of an earlier goal. Where new brokers are filled and no
    /// more, no broker is to be pushed out of its band in counts so that another comes nearer to its own.
    pub fn keeps_counts(&self, from: BrokerOrd, to: BrokerOrd, delta: &Delta) -> bool {
        !self.problem.only_fills()
            || self
                .pushes_out(from, to)
                .is_none_or(|tier| delta.tiers[..tier].iter().any(|change| *change < -EPSILON))
    }

    /// Whether no move between two brokers keeps counts.
    pub fn is_shut(&self, from: BrokerOrd, to: BrokerOrd) -> bool {
        let Some(first) = self.problem.only_fills().then(|| self.pushes_out(from, to)).flatten() else {
            return false;
        };
        let ((a, b), (c, d)) = (self.beyond(from), self.beyond(to));
        let mut terms = self.problem.terms.iter().enumerate();
        terms.all(|(at, term)| term.tier >= first || (a | b | c | d) & (1 << (at & 63)) == 0)
    }

    /// The tier of a goal on counts of replicas that a move would push one of two brokers out of, or further out.
    fn pushes_out(&self, from: BrokerOrd, to: BrokerOrd) -> Option<usize> {
        let (giver, taker) = (self.sums.get(from, Resource::Replicas), self.sums.get(to, Resource::Replicas));
        let terms = self.problem.terms.iter().enumerate();
        let counts = terms.filter(|(_, term)| term.resource == Resource::Replicas.index());
        let pushed = counts.filter(|(at, _)| {
            giver - 1.0 < self.bounds_of(from)[*at].0 || taker + 1.0 > self.bounds_of(to)[*at].1
        });
        pushed.map(|(_, term)| term.tier).min()
    }

    /// What a replica has to weigh at least to be worth the place that it takes on a broker that is to be filled: were
    /// it to take smaller ones, it would have as many as it may long before it has the bytes that it is to have.
    pub fn least_bytes(&self, to: BrokerOrd) -> f64 {
        if !self.problem.only_fills() {
            return 0.0;
        }
        let (bytes, held) = (self.disk(to), self.sums.get(to, Resource::Replicas));
        let (mut lacks, mut room) = (0.0_f64, f64::INFINITY);
        for (term, (low, high)) in self.problem.terms.iter().zip(self.bounds_of(to)) {
            if term.resource == Resource::Disk.index() {
                lacks = lacks.max(low - bytes);
            } else if term.resource == Resource::Replicas.index() {
                room = room.min(high - held);
            }
        }
        lacks / room.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_what_loads_come_down_to_on_equal_terms() {
        let level_of = |taken| level(vec![(9.0, 1.0), (2.0, 1.0), (5.0, 1.0)], taken);
        assert!((level_of(2.0) - 7.0).abs() < 1e-12, "only the fullest gives");
        assert!((level_of(6.0) - 4.0).abs() < 1e-12, "the two fullest meet at 4, and the third is below");
        assert!((level_of(10.0) - 2.0).abs() < 1e-12, "all three are level");
        assert!(level_of(99.0).abs() < 1e-12, "there is no less than nothing");
        assert!(
            (level(vec![(6.0, 2.0), (4.0, 1.0)], 4.0) - 2.0).abs() < 1e-12,
            "each by its share of the whole"
        );
    }
}
