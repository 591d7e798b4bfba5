//! The end of the search on tiny clusters: branch and bound over all placements, where only disks are to be level.
//!
//! With a handful of large replicas there is little to choose from, and every choice weighs: single moves and exchanges
//! end far from the best. Partitions are decided one by one, largest first; a branch is left as soon as what is decided,
//! with the rest spread as a fluid or priced by `exact_prices`, cannot beat the best placement known. The budget counts
//! branches, so the answer does not depend on the machine.
//!
//! The same search, asked only for limits, finds room for what has to leave a broker when taking the largest first
//! does not.

use super::Operation;
use super::exact_places::{Place, Slot, Start, slots};
use super::exact_prices::Prices;
use super::problem::{EPSILON, Freedom, Problem, TIERS, penalty};
use super::reasons::Cause;
use super::state::State;
use crate::model::promises::{best_rack_spread, rack_spread};
use crate::model::{BrokerOrd, PartitionOrd, Resource, Sums};

/// More partitions times brokers than this are left to the search.
const TINY: usize = 48;

/// Branches looked at, at most.
const BRANCHES_MAX: u32 = 400_000;

/// How many places more promising are passed over at most in one descent, turn by turn.
const DOUBTS: [usize; 4] = [4, 8, 16, usize::MAX];

/// Racks that are reckoned with one by one, at most.
const PARTS_MAX: usize = 8;

/// Bounds on the disks of all brokers.
pub(super) struct Bound {
    pub tier: usize,
    pub weight: f64,
    pub scale: f64,
    pub low: Vec<f64>,
    pub high: Vec<f64>,
}

/// What a placement costs: penalties by tier, then bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cost {
    tiers: [f64; TIERS],
    bytes: f64,
}

impl Cost {
    /// Whether this is less by more than rounding.
    fn is_less(&self, other: &Self) -> bool {
        let differs = |(one, two): &(&f64, &f64)| (*one - *two).abs() > EPSILON;
        match self.tiers.iter().zip(&other.tiers).find(differs) {
            Some((one, two)) => one < two,
            None => self.bytes < other.bytes - 0.5,
        }
    }

    /// Whether no bound is passed.
    fn is_level(&self) -> bool {
        self.tiers.iter().all(|penalty| *penalty <= EPSILON)
    }
}

struct Search<'s> {
    slots: &'s [Slot],
    bounds: &'s [Bound],
    /// By broker: the rack, where each rack is a problem of its own, else 0.
    part_of: Vec<usize>,
    closed_at_home: bool,
    /// By broker: load with what is decided where it shall stand, and nothing else.
    decided: Vec<f64>,
    /// By broker: the same with everything undecided where it stands now.
    at_home: Vec<f64>,
    /// By depth and broker: what may still come; by depth and part: what will.
    may_come: Vec<Vec<f64>>,
    will_come: Vec<Vec<f64>>,
    bytes: f64,
    /// Prices of bytes on brokers, and what is decided comes to by them.
    prices: Prices,
    priced: f64,
    /// By depth: positions of places, the most promising first.
    order: Vec<Vec<usize>>,
    /// By depth: a position in `order`.
    chosen: Vec<usize>,
    best: Cost,
    found: Option<Vec<usize>>,
    branches: u32,
    branches_max: u32,
}

impl<'s> Search<'s> {
    fn new(slots: &'s [Slot], bounds: &'s [Bound], racks: &[usize], base: Vec<f64>, best: Cost) -> Self {
        let brokers = base.len();
        // Where all places of a partition take as much of each rack, each rack is a problem of its own; and where it
        // stands so at home, too, nothing is copied from rack to rack.
        let counts = |set: &[usize]| {
            let mut counts = [0_u8; PARTS_MAX];
            for broker in set {
                counts[racks[*broker]] += 1;
            }
            counts
        };
        let few = racks.iter().all(|rack| *rack < PARTS_MAX);
        let is_closed = |slot: &Slot| {
            let first = counts(&slot.places[0].brokers);
            slot.places.iter().all(|place| counts(&place.brokers) == first)
        };
        let closed = few && slots.iter().all(is_closed);
        let closed_at_home =
            closed && slots.iter().all(|slot| counts(&slot.home) == counts(&slot.places[0].brokers));
        let part_of = if closed { racks.to_vec() } else { vec![0; brokers] };
        let parts = part_of.iter().max().map_or(1, |last| last + 1);
        let mut may_come = vec![vec![0.0; brokers]; slots.len() + 1];
        let mut will_come = vec![vec![0.0; parts]; slots.len() + 1];
        let mut at_home = base.clone();
        for (depth, slot) in slots.iter().enumerate().rev() {
            let (now, later) = may_come.split_at_mut(depth + 1);
            now[depth].clone_from(&later[0]);
            let (now, later) = will_come.split_at_mut(depth + 1);
            now[depth].clone_from(&later[0]);
            for (broker, may) in may_come[depth].iter_mut().enumerate() {
                let can = slot.places.iter().any(|place| place.brokers.contains(&broker));
                *may += if can { slot.size } else { 0.0 };
            }
            // Every place takes as much of each part: all of it where there is one, one replica of each rack else.
            slot.places[0].brokers.iter().for_each(|broker| will_come[depth][part_of[*broker]] += slot.size);
            slot.home.iter().for_each(|broker| at_home[*broker] += slot.size);
        }
        let prices = Prices::new(slots, bounds, &base);
        let by_price = |slot: &Slot| {
            let cost = |at: &usize| prices.of(slot.size, &slot.places[*at]);
            let mut order: Vec<usize> = (0..slot.places.len()).collect();
            order.sort_by(|x, y| cost(x).total_cmp(&cost(y)).then(x.cmp(y)));
            order
        };
        Self {
            order: slots.iter().map(by_price).collect(),
            prices,
            priced: 0.0,
            chosen: vec![0; slots.len()],
            slots,
            bounds,
            part_of,
            closed_at_home,
            decided: base,
            at_home,
            may_come,
            will_come,
            bytes: 0.0,
            best,
            found: None,
            branches: 0,
            branches_max: BRANCHES_MAX,
        }
    }

    /// Takes what the search has reached as the best placement known.
    fn start_from_now(&mut self) {
        let slots = self.slots;
        for (depth, slot) in slots.iter().enumerate() {
            self.put(depth, &slot.places[slot.now], 1.0);
        }
        let bytes = self.bytes;
        self.best = Cost { bytes, ..self.least(slots.len()) };
        for (depth, slot) in slots.iter().enumerate() {
            self.put(depth, &slot.places[slot.now], -1.0);
        }
    }

    /// What every placement costs at least that keeps what is decided up to this depth.
    fn least(&self, depth: usize) -> Cost {
        let mut cost = Cost { tiers: [0.0; TIERS], bytes: self.bytes };
        let mut need: f64 = 0.0;
        for bound in self.bounds {
            let (mut over, mut under) = (0.0, 0.0);
            // By part: room left, room asked for, and what stands too much and lacks with all the rest at home.
            let mut sums = [(0.0, 0.0, 0.0, 0.0); PARTS_MAX];
            for (broker, load) in self.decided.iter().enumerate() {
                let (low, high) = (bound.low[broker], bound.high[broker]);
                over += penalty(load - high, bound.scale);
                under += penalty(low - load - self.may_come[depth][broker], bound.scale);
                let sum = &mut sums[self.part_of[broker]];
                sum.0 += (high - load).max(0.0);
                sum.1 += (low - load).max(0.0);
                sum.2 += (self.at_home[broker] - high).max(0.0);
                sum.3 += (low - self.at_home[broker]).max(0.0);
            }
            let (mut fluid_over, mut fluid_under, mut moved) = (0.0, 0.0, 0.0_f64);
            let (mut excess, mut lack) = (0.0_f64, 0.0_f64);
            for (sum, rest) in sums.into_iter().zip(&self.will_come[depth]) {
                fluid_over += (rest - sum.0).max(0.0) * bound.scale;
                fluid_under += (sum.1 - rest).max(0.0) * bound.scale;
                moved += f64::max(sum.2, sum.3);
                (excess, lack) = (excess + sum.2, lack + sum.3);
            }
            let moved = if self.closed_at_home { moved } else { f64::max(excess, lack) };
            cost.tiers[bound.tier] +=
                bound.weight * (f64::max(over, fluid_over) + f64::max(under, fluid_under));
            need = need.max(moved);
        }
        // To bring everything within bounds costs what stands too much, or lacks, now.
        if self.best.is_level() {
            let by_prices = self.prices.least(self.priced, depth);
            cost.bytes = f64::max(cost.bytes + need, by_prices) * (1.0 - 1e-9);
        }
        cost
    }

    fn put(&mut self, depth: usize, place: &Place, sign: f64) {
        let size = sign * self.slots[depth].size;
        for broker in &place.brokers {
            self.decided[*broker] += size;
            self.at_home[*broker] += size;
        }
        for broker in &self.slots[depth].home {
            self.at_home[*broker] -= size;
        }
        self.bytes += sign * place.price;
        self.priced += sign * self.prices.of(self.slots[depth].size, place);
    }

    /// Looks at what is near the most promising places first, then farther: the largest partitions are decided first,
    /// and a wrong choice there would take all branches.
    fn run(&mut self) {
        for (turn, doubts) in (1..).zip(DOUBTS) {
            self.branches_max = BRANCHES_MAX * turn / u32::try_from(DOUBTS.len()).unwrap_or(1);
            self.descend(0, doubts);
        }
    }

    /// Decides the partitions from a depth on. `doubts`: how many places more promising may be passed over in all.
    fn descend(&mut self, depth: usize, doubts: usize) {
        let slots = self.slots;
        let Some(slot) = slots.get(depth) else {
            self.best = self.least(depth);
            self.best.bytes = self.bytes;
            let at = |(depth, rank): (usize, &usize)| self.order[depth][*rank];
            self.found = Some(self.chosen.iter().enumerate().map(at).collect());
            return;
        };
        // Of partitions that are alike in everything only one order is looked at.
        let first = if slot.like_before { self.chosen[depth - 1] } else { 0 };
        for rank in first..slot.places.len().min(first.saturating_add(doubts).saturating_add(1)) {
            let place = &slot.places[self.order[depth][rank]];
            if self.branches >= self.branches_max {
                return;
            }
            self.branches += 1;
            self.put(depth, place, 1.0);
            if self.least(depth + 1).is_less(&self.best) {
                self.chosen[depth] = rank;
                self.descend(depth + 1, doubts - (rank - first));
            }
            self.put(depth, place, -1.0);
        }
    }
}

fn is_tiny(problem: &Problem) -> bool {
    let model = problem.model;
    model.partitions.len() * model.brokers.len() <= TINY
        && model.known[Resource::Disk.index()]
        && model.own_sizes.is_empty()
        && !problem.keeps_hosts_apart
        && !matches!(problem.request.operation, Operation::SetReplicationFactor(_))
}

impl State<'_, '_> {
    /// Replaces the placement by the best there is, where the cluster is tiny and only disks are to be level. Where
    /// the operation levels nothing, only what musts ask for is done with the fewest bytes.
    pub fn perfect(&mut self) {
        let (problem, disk) = (self.problem, Resource::Disk.index());
        let applies = is_tiny(problem)
            && problem.groups.is_empty()
            && problem.topic_terms.is_empty()
            && problem.terms.iter().all(|term| term.resource == disk)
            && problem.limits.iter().all(|limit| limit.resource == disk);
        if !applies {
            return;
        }
        let bound = |term: &super::problem::Term| Bound {
            tier: term.tier,
            weight: term.weight,
            scale: term.scale,
            low: term.bounds.low.clone(),
            high: term.bounds.high.clone(),
        };
        let mut bounds: Vec<Bound> = Vec::new();
        if problem.levels_all() {
            bounds.extend(problem.terms.iter().map(bound));
            bounds.extend(self.limit_bound(false));
        } else {
            bounds.extend(self.limit_bound(true));
        }
        // Where rack spread could not be mended for want of room, all musts together may still have a solution.
        let crowded = problem.mends_spread && self.is_crowded();
        if !(crowded && self.search_exactly(&bounds, Start::Spread)) {
            self.search_exactly(&bounds, Start::Reached);
        }
    }

    /// Whether a partition that may move is not spread as well as it could be.
    fn is_crowded(&self) -> bool {
        let model = self.problem.model;
        let per_rack = self.problem.roles.brokers_per_rack(model);
        let rack = |broker: BrokerOrd| model.brokers[broker.index()].alive.then(|| model.rack_of(broker));
        let mut free = model.partition_ords().filter(|p| self.problem.freedom[p.index()] == Freedom::Free);
        free.any(|partition| {
            let list = self.assignment.replicas(partition);
            rack_spread(list, rack).is_worse_than(best_rack_spread(list.len(), &per_rack))
        })
    }

    /// Finds places for everything that has to leave its broker, moving others where they stand in the way. Says
    /// whether there are any.
    pub fn make_room(&mut self) -> bool {
        if !is_tiny(self.problem) {
            return false;
        }
        let bounds: Vec<Bound> = self.limit_bound(false).into_iter().collect();
        self.search_exactly(&bounds, Start::Home)
    }

    /// The limits of the disks. Unless they are to be mended, a disk that is beyond its limit already may keep what it
    /// holds, and get no more.
    fn limit_bound(&self, mends: bool) -> Option<Bound> {
        let problem = self.problem;
        let home = Sums::new(problem.model, &problem.model.placement);
        let disk = Resource::Disk;
        let limits = || problem.limits.iter().filter(|limit| limit.resource == disk.index());
        limits().next()?;
        let most = |broker: BrokerOrd| {
            let most = limits().map(|limit| limit.most[broker.index()]).fold(f64::INFINITY, f64::min);
            match problem.roles.counts[broker.index()] {
                true if mends => most,
                true => most.max(home.get(broker, disk)),
                false => f64::INFINITY,
            }
        };
        let high: Vec<f64> = problem.model.broker_ords().map(most).collect();
        let scale = 1.0 / problem.unit(&home, disk);
        Some(Bound { tier: 0, weight: 8.0, scale, low: vec![0.0; high.len()], high })
    }

    fn search_exactly(&mut self, bounds: &[Bound], start: Start) -> bool {
        let model = self.problem.model;
        let Some(slots) = slots(self, start) else { return false };
        let mut base: Vec<f64> = model.broker_ords().map(|broker| self.disk(broker)).collect();
        for partition in model.partition_ords() {
            let held = self.assignment.replicas(partition).iter();
            held.for_each(|broker| base[broker.index()] -= self.bytes(partition));
        }
        let racks: Vec<usize> = model.broker_ords().map(|broker| model.rack_of(broker).index()).collect();
        // Without a placement to begin with, one that keeps the first tier, the musts, is as good as any.
        let mut none = Cost { tiers: [f64::INFINITY; TIERS], bytes: f64::INFINITY };
        none.tiers[0] = 0.0;
        let mut search = Search::new(&slots, bounds, &racks, base, none);
        if start == Start::Reached {
            search.start_from_now();
        }
        search.run();
        let Some(found) = search.found else { return false };
        let places: Vec<(PartitionOrd, &Place)> =
            slots.iter().zip(found).map(|(slot, at)| (slot.partition, &slot.places[at])).collect();
        self.replace_by(&places);
        true
    }

    /// Takes over places for all partitions, each list as it was with other brokers in the place of those that go.
    fn replace_by(&mut self, places: &[(PartitionOrd, &Place)]) {
        let model = self.problem.model;
        let home = model.placement.clone();
        let sums = Sums::new(model, &home);
        let mut fresh = State::new(self.problem, home, sums);
        (fresh.racks_are_closed, fresh.tight) = (self.racks_are_closed, self.tight);
        for (partition, place) in places {
            for (from, to) in &place.moves {
                let forced = self.records.iter().rev().find(|record| {
                    record.partition == *partition
                        && !matches!(record.cause, Cause::Goal { .. } | Cause::Follows)
                });
                let cause = if self.problem.must_leave(*partition, *from) {
                    Cause::Drain
                } else if let Some(record) = forced {
                    record.cause
                } else {
                    fresh.cause(&fresh.shift_of_move(*partition, *from, *to), false)
                };
                fresh.apply_move(*partition, *from, *to, cause);
            }
            if let (Some(now), Some(leader)) = (fresh.assignment.leader(*partition), place.leader)
                && now != leader
            {
                fresh.apply_leader(*partition, now, leader, Cause::Follows);
            }
        }
        *self = fresh;
    }
}
