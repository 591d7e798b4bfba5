//! Exchanges of two replicas, for what single moves cannot mend: where every replica is too large to fit, or where
//! moving one would break another goal.

use std::collections::BTreeMap;

use super::level::Scope;
use super::problem::{EPSILON, Freedom, Load};
use super::state::State;
use crate::model::{BrokerOrd, PartitionOrd};

/// How many partners are tried for a broker: those with most room (or most to give) first.
const PARTNERS_MAX: usize = 16;

/// How many replicas of the partner are tried against each replica, those nearest to what is needed first.
const NEAREST: usize = 8;

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
        let fixed_price = self.fixed_price();
        let mut swapped = false;
        for a in self.problem.model.broker_ords() {
            if !scope.receives[a.index()] || !self.problem.roles.counts[a.index()] {
                continue;
            }
            for _ in 0..SCANS_MAX {
                let mut found = self.scan(scope, a, fixed_price);
                found.sort_unstable_by(|x, y| {
                    y.worth.total_cmp(&x.worth).then((x.mine, x.theirs).cmp(&(y.mine, y.theirs)))
                });
                let mut swapped_now = false;
                for swap in found {
                    // What was found first may have changed what the others do.
                    if self.still_helps(&swap, scope, fixed_price) {
                        self.exchange(swap);
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

    fn still_helps(&mut self, swap: &Swap, scope: &Scope, fixed_price: f64) -> bool {
        self.assignment.holds(swap.mine, swap.a)
            && self.assignment.holds(swap.theirs, swap.b)
            && self.swap_worth(swap.mine, swap.theirs, swap.a, swap.b, scope, fixed_price).is_some()
    }

    /// The best exchange for each replica of a broker.
    fn scan(&mut self, scope: &Scope, a: BrokerOrd, fixed_price: f64) -> Vec<Swap> {
        let Some((term, surplus)) = self.worst_term(a, scope) else { return Vec::new() };
        let resource = self.problem.terms[term].resource;
        let mut best: BTreeMap<PartitionOrd, Swap> = BTreeMap::new();
        for b in self.partners(scope, a, term, surplus) {
            let theirs = self.sorted(b, resource);
            let room = self.problem.terms[term].bounds.high[b.index()] - self.sums.row(b)[resource];
            let need = if surplus > 0.0 { surplus.min(room.max(surplus / 2.0)) } else { surplus };
            for at in 0..self.on_broker[a.index()].len() {
                let mine = self.on_broker[a.index()][at];
                if self.problem.freedom[mine.index()] != Freedom::Free || !self.is_legal(mine, a, b) {
                    continue;
                }
                let leads = self.leads(mine, a);
                let load = self.load(mine, a, leads)[resource];
                let middle = theirs.partition_point(|(their_load, _)| *their_load < load - need);
                let window = middle.saturating_sub(NEAREST)..(middle + NEAREST).min(theirs.len());
                for (their_load, their) in &theirs[window] {
                    // An exchange that leaves the worst term as it is, or makes it worse, cannot be what is needed.
                    if (load - their_load) * surplus <= 0.0 {
                        continue;
                    }
                    let Some(worth) = self.swap_worth(mine, *their, a, b, scope, fixed_price) else {
                        continue;
                    };
                    if best.get(&mine).is_none_or(|best| worth > best.worth) {
                        best.insert(mine, Swap { mine, theirs: *their, a, b, worth });
                    }
                }
            }
        }
        best.into_values().collect()
    }

    /// The most important term that a broker is beyond, and by how much it is over (or, negative, under).
    pub(super) fn worst_term(&self, a: BrokerOrd, scope: &Scope) -> Option<(usize, f64)> {
        let row = self.sums.row(a);
        let mut worst: Option<(usize, usize, f64, f64)> = None;
        for (at, term) in self.problem.terms.iter().enumerate() {
            let penalty = term.penalty(a.index(), row[term.resource]);
            let first = worst
                .is_none_or(|(_, tier, most, _)| term.tier < tier || (term.tier == tier && penalty > most));
            if penalty > EPSILON && first && (!scope.only_musts || term.tier == 0) {
                let over = row[term.resource] - term.bounds.high[a.index()];
                let under = row[term.resource] - term.bounds.low[a.index()];
                worst = Some((at, term.tier, penalty, if over > 0.0 { over } else { under }));
            }
        }
        worst.map(|(at, _, _, surplus)| (at, surplus))
    }

    fn partners(&self, scope: &Scope, a: BrokerOrd, term: usize, surplus: f64) -> Vec<BrokerOrd> {
        let term = &self.problem.terms[term];
        let fill = |broker: BrokerOrd| {
            self.sums.row(broker)[term.resource]
                - (term.bounds.low[broker.index()] + term.bounds.mean[broker.index()])
        };
        let may =
            |b: &BrokerOrd| *b != a && scope.receives[b.index()] && self.problem.roles.counts[b.index()];
        let mut partners: Vec<(f64, BrokerOrd)> = self
            .problem
            .model
            .broker_ords()
            .filter(may)
            .map(|b| (if surplus > 0.0 { fill(b) } else { -fill(b) }, b))
            .collect();
        partners.sort_unstable_by(|x, y| {
            let other_rack = |b: BrokerOrd| self.problem.model.rack_of(b) != self.problem.model.rack_of(a);
            (other_rack(x.1).cmp(&other_rack(y.1))).then(x.0.total_cmp(&y.0)).then(x.1.cmp(&y.1))
        });
        partners.into_iter().take(PARTNERS_MAX).map(|(_, broker)| broker).collect()
    }

    /// The free replicas of a broker by their load of a resource.
    fn sorted(&self, broker: BrokerOrd, resource: usize) -> Vec<(f64, PartitionOrd)> {
        let mut sorted: Vec<(f64, PartitionOrd)> = self.on_broker[broker.index()]
            .iter()
            .filter(|partition| self.problem.freedom[partition.index()] == Freedom::Free)
            .map(|partition| {
                (self.load(*partition, broker, self.leads(*partition, broker))[resource], *partition)
            })
            .collect();
        sorted.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
        sorted
    }

    fn swap_loads(
        &self,
        mine: PartitionOrd,
        theirs: PartitionOrd,
        a: BrokerOrd,
        b: BrokerOrd,
    ) -> (Load, Load) {
        let (i_lead, they_lead) = (self.leads(mine, a), self.leads(theirs, b));
        let mut to_a = self.load(theirs, a, they_lead);
        to_a.iter_mut().zip(self.load(mine, a, i_lead)).for_each(|(sum, mine)| *sum -= mine);
        let mut to_b = self.load(mine, b, i_lead);
        to_b.iter_mut().zip(self.load(theirs, b, they_lead)).for_each(|(sum, theirs)| *sum -= theirs);
        (to_a, to_b)
    }

    fn swap_worth(
        &mut self,
        mine: PartitionOrd,
        theirs: PartitionOrd,
        a: BrokerOrd,
        b: BrokerOrd,
        scope: &Scope,
        fixed_price: f64,
    ) -> Option<f64> {
        if !self.is_legal(theirs, b, a) || !self.is_legal(mine, a, b) {
            return None;
        }
        let (to_a, to_b) = self.swap_loads(mine, theirs, a, b);
        let delta = self.evaluate(a, &to_a, b, &to_b)?;
        let helps = delta.improves() && (!scope.only_musts || delta.0[0] < 0.0);
        helps.then(|| delta.gain() / (self.bytes(mine) + self.bytes(theirs) + 2.0 * fixed_price))
    }

    fn exchange(&mut self, swap: Swap) {
        let Swap { mine, theirs, a, b, .. } = swap;
        let (to_a, to_b) = self.swap_loads(mine, theirs, a, b);
        let (out, back) = (self.cause(a, &to_a, b, &to_b, true), self.cause(b, &to_b, a, &to_a, true));
        self.apply_move(mine, a, b, out);
        self.apply_move(theirs, b, a, back);
    }
}
