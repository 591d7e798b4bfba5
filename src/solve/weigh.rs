//! Weighing the replicas of one broker for another: column by column, with only those goals that a move between the
//! two can break or mend.

use super::level::{Found, Price};
use super::offers::Offers;
use super::problem::{Load, penalty};
use super::state::State;
use crate::model::{BrokerOrd, Resource};

/// What other goals weigh where only musts may be the reason for a move.
const BESIDE_MUSTS: f64 = 0.002;

/// A goal as it stands between two brokers.
#[derive(Debug, Clone, Copy)]
struct Lane {
    resource: usize,
    weight: f64,
    giver: Side,
    taker: Side,
}

/// A goal as it stands at one of the two.
#[derive(Debug, Clone, Copy)]
struct Side {
    low: f64,
    high: f64,
    load: f64,
    scale: f64,
    /// The penalty as it is.
    now: f64,
    /// 1 for who gets, -1 for who gives.
    sign: f64,
    /// What has to go of the resource for each byte that has to go; infinite where no bytes have to, or none of it.
    step: f64,
}

impl Side {
    fn new((low, high): (f64, f64), load: f64, scale: f64, sign: f64, bytes: f64, is_disk: bool) -> Self {
        let needed = if sign < 0.0 { load - high } else { low - load };
        let step = if is_disk || bytes <= 0.0 || needed <= 0.0 { f64::INFINITY } else { needed / bytes };
        Self { low, high, load, scale, now: penalty((load - high).max(low - load), scale), sign, step }
    }

    /// Whether no amount up to this one can change the penalty.
    fn is_idle(&self, most: f64) -> bool {
        let after = self.load + self.sign * most;
        self.now <= 0.0 && after <= self.high && after >= self.low
    }

    /// Adds what each offer would gain here.
    fn add_gains(&self, weight: f64, loads: &[f64], sizes: &[f64], gains: &mut [f64]) {
        if self.step.is_infinite() {
            for (gain, load) in gains.iter_mut().zip(loads) {
                *gain += weight * self.gain(*load);
            }
            return;
        }
        for ((gain, load), size) in gains.iter_mut().zip(loads).zip(sizes) {
            *gain += weight * in_step(self.gain(*load), *load, self.step * size);
        }
    }

    #[inline]
    fn gain(&self, load: f64) -> f64 {
        let after = self.load + self.sign * load;
        // None of these is ever no number: what is plainly compared is compared many at a time.
        let (above, below) = (after - self.high, self.low - after);
        let beyond = if above > below { above } else { below };
        let beyond = self.scale * if beyond > 0.0 { beyond } else { 0.0 };
        self.now - beyond * (1.0 + 0.25 * beyond)
    }
}

/// What is taken off for each unit of a resource that goes ahead of the bytes.
const AHEAD: f64 = 0.3;

/// What a gain counts when the resource should go in step with the bytes. Where both have to move, replicas rich in
/// the resource would be taken first, the taker's share of it would be full long before its disk, and what is left for
/// the bytes would not fit: so what goes ahead of the bytes counts against a replica.
#[inline]
fn in_step(gain: f64, load: f64, wanted: f64) -> f64 {
    let share = if load > wanted { wanted / load } else { 1.0 };
    let share = if gain > 0.0 { share } else { 1.0 };
    gain * (share - AHEAD * (1.0 - share))
}

/// A tier's weight where the first one that is touched decides.
fn steep(tier: usize) -> f64 {
    (1.0_f64 / 64.0).powi(i32::try_from(tier).unwrap_or(i32::MAX))
}

impl State<'_, '_> {
    /// Weighs offers of one broker to another, and keeps the best.
    pub(super) fn weigh(
        &self,
        offers: &Offers,
        (from, to): (BrokerOrd, BrokerOrd),
        (price, only_musts): (Price, bool),
        kept: usize,
        found: &mut Vec<Found>,
    ) {
        let most = offers.most;
        let mut gains = vec![0.0; offers.partitions.len()];
        let sizes = offers.column(Resource::Disk.index());
        let mut idle = true;
        for lane in self.lanes(from, to, &most, price, only_musts) {
            let loads = offers.column(lane.resource);
            for side in [lane.giver, lane.taker] {
                if !side.is_idle(most[lane.resource]) {
                    side.add_gains(lane.weight, loads, sizes, &mut gains);
                    idle = false;
                }
            }
        }
        if idle {
            return;
        }
        let closed = self.closed_limits(to, &most);
        let least_bytes = if price == Price::Any || only_musts { 0.0 } else { self.least_bytes(to) };
        let first = found.len();
        found.reserve(kept);
        let mut least = 0.0;
        for (at, (gain, price)) in gains.into_iter().zip(&offers.prices).enumerate() {
            if gain <= least * price || sizes[at] < least_bytes {
                continue;
            }
            let worth = gain / price;
            if worth <= least || closed.iter().any(|(r, room)| offers.column(*r)[at] > *room) {
                continue;
            }
            let partition = offers.partitions[at];
            if !self.assignment.holds(partition, from) || !self.is_legal(partition, from, to) {
                continue;
            }
            let place = first + found[first..].partition_point(|other| other.worth >= worth);
            if found.len() - first == kept {
                found.pop();
            }
            found.insert(place, Found { worth, partition, from, to });
            if found.len() - first == kept {
                least = found[found.len() - 1].worth;
            }
        }
    }

    /// The goals that can be broken or mended between two brokers.
    fn lanes(&self, a: BrokerOrd, b: BrokerOrd, most: &Load, price: Price, only_musts: bool) -> Vec<Lane> {
        let (row_a, row_b) = (self.sums.row(a), self.sums.row(b));
        let bounds = self.bounds_of(a).iter().zip(self.bounds_of(b));
        let (bytes_a, bytes_b) = (self.disk_needs(a, true), self.disk_needs(b, false));
        let mut lanes = Vec::with_capacity(self.problem.terms.len());
        for (term, (of_a, of_b)) in self.problem.terms.iter().zip(bounds) {
            let r = term.resource;
            if most[r] <= 0.0 {
                continue;
            }
            let weight = match price {
                // Among the replicas that mend a must with as few bytes, those that help elsewhere.
                _ if only_musts && term.tier > 0 => BESIDE_MUSTS * term.weight,
                Price::Loose | Price::Fair => term.weight,
                // Steep: the first tier that is touched decides.
                Price::Any => steep(term.tier),
            };
            let is_disk = r == Resource::Disk.index();
            lanes.push(Lane {
                resource: r,
                weight,
                giver: Side::new(*of_a, row_a[r], term.scale, -1.0, bytes_a, is_disk),
                taker: Side::new(*of_b, row_b[r], term.scale, 1.0, bytes_b, is_disk),
            });
        }
        lanes
    }

    /// Bytes that a broker has to lose (`over`) or gain for the goals on disks.
    fn disk_needs(&self, broker: BrokerOrd, over: bool) -> f64 {
        let disk = self.disk(broker);
        let terms = self.problem.terms.iter().zip(self.bounds_of(broker));
        let of_disk = terms.filter(|(term, _)| term.resource == Resource::Disk.index());
        of_disk.map(|(_, (low, high))| if over { disk - high } else { low - disk }).fold(0.0, f64::max)
    }

    /// The hard limits of a broker that a move of at most this load could pass, with the room that is left.
    fn closed_limits(&self, to: BrokerOrd, most: &Load) -> Vec<(usize, f64)> {
        let row = self.sums.row(to);
        let room = |limit: &super::problem::HardLimit| {
            (limit.resource, limit.most[to.index()] - row[limit.resource])
        };
        self.problem.limits.iter().map(room).filter(|(r, room)| most[*r] > *room).collect()
    }
}
