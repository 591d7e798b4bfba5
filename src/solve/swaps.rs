//! Exchanges of two replicas, for what single moves cannot mend: where every replica is too large to fit, or where
//! moving one would break another goal.

use super::delta::Delta;
use super::level::Scope;
use super::problem::{EPSILON, Freedom};
use super::state::State;
use crate::model::{BrokerOrd, PartitionOrd, Resource};

/// How many partners are tried for a broker: those with most room (or most to give) first.
const PARTNERS_MAX: usize = 6;

/// How many replicas of the partner are tried against each replica, those nearest to what is needed first.
const NEAREST: usize = 4;

/// How many replicas of a broker are tried.
const SAMPLE: usize = 96;

/// How often a broker's exchanges are looked for anew, in one call: each time all that still help are made.
const SCANS_MAX: usize = 4;

/// An exchange: `mine` goes from `a` to `b`, `theirs` from `b` to `a`.
#[derive(Debug, Clone, Copy)]
struct Swap {
    mine: PartitionOrd,
    theirs: PartitionOrd,
    a: BrokerOrd,
    b: BrokerOrd,
    worth: f64,
}

impl State<'_, '_> {
    /// Exchanges replicas until no exchange helps a broker that is beyond its bounds; says whether any was made.
    pub fn swap(&mut self, scope: &Scope) -> bool {
        let mut swapped = false;
        for a in self.problem.model.broker_ords() {
            let takes_part = scope.receives[a.index()] && scope.gives[a.index()];
            if !takes_part || self.is_beyond(a) == (false, false) {
                continue;
            }
            for scan in 0..SCANS_MAX {
                let mut found = self.scan(scope, a, scan);
                found.sort_unstable_by(|x, y| {
                    y.worth.total_cmp(&x.worth).then((x.mine, x.theirs, x.b).cmp(&(y.mine, y.theirs, y.b)))
                });
                let mut swapped_now = false;
                for swap in found {
                    // What was found first may have changed what the others do.
                    if self.still_helps(&swap, scope) {
                        self.swap_because(swap.mine, swap.theirs, swap.a, swap.b);
                        swapped_now = true;
                    }
                }
                if !swapped_now {
                    break;
                }
                swapped = true;
            }
        }
        swapped
    }

    fn still_helps(&self, swap: &Swap, scope: &Scope) -> bool {
        self.assignment.holds(swap.mine, swap.a)
            && self.assignment.holds(swap.theirs, swap.b)
            && self.swap_worth(swap.mine, swap.theirs, swap.a, swap.b, scope).is_some()
    }

    /// The best exchange for each replica of a broker.
    fn scan(&self, scope: &Scope, a: BrokerOrd, scan: usize) -> Vec<Swap> {
        let Some((term, surplus)) = self.worst_term(a, scope) else { return Vec::new() };
        let resource = self.problem.terms[term].resource;
        if resource == Resource::Replicas.index() {
            // One for one leaves the counts as they are.
            return Vec::new();
        }
        // Leaders are ones and noughts: what an exchange of a leader for a follower must be alike in is size.
        let leaders = resource == Resource::Leaders.index();
        let resource = if leaders { Resource::Disk.index() } else { resource };
        let wants_leaders = |of_a: bool| leaders.then_some((surplus > 0.0) == of_a);
        let mine: Vec<(f64, PartitionOrd)> = self.sorted(scope, a, resource, wants_leaders(true));
        let stride = mine.len().div_ceil(SAMPLE).max(1);
        let mut best: Vec<Option<Swap>> = vec![None; mine.len()];
        for b in self.partners_for_swap(scope, a, term, surplus) {
            let theirs = self.sorted(scope, b, resource, wants_leaders(false));
            let room = self.bounds_of(b)[term].1 - self.sums.row(b)[resource];
            let need = if leaders {
                0.0
            } else if surplus > 0.0 {
                surplus.min(room.max(surplus / 2.0))
            } else {
                surplus
            };
            for (at, (load, mine)) in mine.iter().enumerate().skip(scan % stride).step_by(stride) {
                if !self.is_legal(*mine, a, b) {
                    continue;
                }
                let middle = theirs.partition_point(|(their_load, _)| *their_load < load - need);
                let window = middle.saturating_sub(NEAREST)..(middle + NEAREST).min(theirs.len());
                for (their_load, their) in &theirs[window] {
                    // An exchange that leaves the worst term as it is, or makes it worse, cannot be what is needed.
                    if !leaders && (load - their_load) * surplus <= 0.0 {
                        continue;
                    }
                    let Some(worth) = self.swap_worth(*mine, *their, a, b, scope) else { continue };
                    if best[at].is_none_or(|best| worth > best.worth) {
                        best[at] = Some(Swap { mine: *mine, theirs: *their, a, b, worth });
                    }
                }
            }
        }
        best.into_iter().flatten().collect()
    }

    /// The most important term that a broker is beyond, and by how much it is over (or, negative, under).
    pub(super) fn worst_term(&self, a: BrokerOrd, scope: &Scope) -> Option<(usize, f64)> {
        let row = self.sums.row(a);
        let mut worst: Option<(usize, usize, f64, f64)> = None;
        for (at, (term, (low, high))) in self.problem.terms.iter().zip(self.bounds_of(a)).enumerate() {
            let load = row[term.resource];
            let penalty = super::problem::penalty((load - high).max(low - load), term.scale);
            let first = worst
                .is_none_or(|(_, tier, most, _)| term.tier < tier || (term.tier == tier && penalty > most));
            if penalty > EPSILON && first && (!scope.only_musts || term.tier == 0) {
                let (over, under) = (load - high, load - low);
                worst = Some((at, term.tier, penalty, if over > 0.0 { over } else { under }));
            }
        }
        worst.map(|(at, _, _, surplus)| (at, surplus))
    }

    fn partners_for_swap(&self, scope: &Scope, a: BrokerOrd, term: usize, surplus: f64) -> Vec<BrokerOrd> {
        let model = self.problem.model;
        let resource = self.problem.terms[term].resource;
        let fill = |broker: BrokerOrd| {
            let mean = self.problem.terms[term].bounds.mean[broker.index()];
            self.sums.row(broker)[resource] - (self.bounds_of(broker)[term].0 + mean)
        };
        let may = |b: &BrokerOrd| {
            *b != a
                && scope.receives[b.index()]
                && scope.gives[b.index()]
                && self.problem.roles.counts[b.index()]
                && (!self.racks_are_closed || model.rack_of(*b) == model.rack_of(a))
        };
        let mut partners: Vec<(f64, BrokerOrd)> = model
            .broker_ords()
            .filter(may)
            .map(|b| (if surplus > 0.0 { fill(b) } else { -fill(b) }, b))
            .collect();
        partners.sort_unstable_by(|x, y| {
            let other_rack = |b: BrokerOrd| model.rack_of(b) != model.rack_of(a);
            (other_rack(x.1).cmp(&other_rack(y.1))).then(x.0.total_cmp(&y.0)).then(x.1.cmp(&y.1))
        });
        partners.into_iter().take(PARTNERS_MAX).map(|(_, broker)| broker).collect()
    }

    /// The replicas of a broker that may be exchanged, by their load of a resource.
    /// With `leaders` only those that lead, or only those that follow.
    fn sorted(
        &self,
        scope: &Scope,
        broker: BrokerOrd,
        resource: usize,
        leaders: Option<bool>,
    ) -> Vec<(f64, PartitionOrd)> {
        let may = |partition: &PartitionOrd| {
            if scope.only_displaced {
                !self.is_home(*partition, broker)
            } else {
                self.problem.freedom[partition.index()] == Freedom::Free
            }
        };
        let load =
            |partition: PartitionOrd| self.load(partition, broker, self.leads(partition, broker))[resource];
        let held = self.on_broker[broker.index()].iter().copied().filter(may);
        let held =
            held.filter(|partition| leaders.is_none_or(|leads| leads == self.leads(*partition, broker)));
        let mut sorted: Vec<(f64, PartitionOrd)> =
            held.map(|partition| (load(partition), partition)).collect();
        sorted.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
        sorted
    }

    /// What an exchange does and costs; `None` when it may not be.
    pub(super) fn evaluate_swap(
        &self,
        mine: PartitionOrd,
        theirs: PartitionOrd,
        a: BrokerOrd,
        b: BrokerOrd,
    ) -> Option<(Delta, f64)> {
        if !self.is_legal(theirs, b, a) || !self.is_legal(mine, a, b) {
            return None;
        }
        let (shift, cells) = self.shift_of_swap(mine, theirs, a, b);
        let delta = self.evaluate(&shift, &cells)?;
        Some((delta, self.price(mine, a, b) + self.price(theirs, b, a)))
    }

    fn swap_worth(
        &self,
        mine: PartitionOrd,
        theirs: PartitionOrd,
        a: BrokerOrd,
        b: BrokerOrd,
        scope: &Scope,
    ) -> Option<f64> {
        let (delta, price) = self.evaluate_swap(mine, theirs, a, b)?;
        let helps = delta.improves() && (!scope.only_musts || delta.tiers[0] < 0.0);
        helps.then(|| delta.gain() / price)
    }

    /// Exchanges two replicas.
    pub(super) fn swap_because(
        &mut self,
        mine: PartitionOrd,
        theirs: PartitionOrd,
        a: BrokerOrd,
        b: BrokerOrd,
    ) {
        let (shift, _) = self.shift_of_swap(mine, theirs, a, b);
        let back = super::delta::Shift { a: b, to_a: shift.to_b, b: a, to_b: shift.to_a };
        let (out, back) = (self.cause(&shift, true), self.cause(&back, true));
        self.apply_move(mine, a, b, out);
        self.apply_move(theirs, b, a, back);
    }
}
