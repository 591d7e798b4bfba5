//! Moves by gain per byte: each replica on a broker beyond its bounds, or that a broker under its bounds could use,
//! is offered to the brokers that may take it; the best offer is taken, and so on.
//!
//! Offers grow stale as loads change. They are looked at again only when they come up (most only get worse by
//! waiting), which keeps the work near linear in the number of replicas.

use super::problem::{Freedom, Load};
use super::queue::{Candidate, Queue};
use super::state::{Delta, State};
use crate::model::{BrokerOrd, PartitionOrd};

/// Which moves are looked for.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// By broker: whether it may receive.
    pub receives: Vec<bool>,
    /// Whether only the first tier, the musts, may be the reason for a move.
    pub only_musts: bool,
}

/// A rack with more receivers than this offers a selection: beyond it more offers cost time and find little.
const RECEIVERS_MAX: usize = 48;

/// Passes over all replicas at most; each but the last moves something, and few are ever needed.
const PASSES_MAX: usize = 30;

/// A pass that takes away less than this share of the penalties is the last: where goals cannot be met, the rest is
/// crumbs, each of which costs bytes.
pub(super) const WORTH_ANOTHER_PASS: f64 = 0.001;

impl State<'_, '_> {
    /// Moves replicas until no move helps; says whether anything moved.
    pub fn level(&mut self, scope: &Scope) -> bool {
        let mut moved = false;
        for _ in 0..PASSES_MAX {
            let before = self.penalty().sum();
            // First only what costs no lower tier more than it gains, then whatever a higher tier still needs.
            let mut moved_now = self.level_pass(scope, false);
            if !moved_now {
                moved_now = self.level_pass(scope, true);
            }
            if !moved_now {
                return moved;
            }
            moved = true;
            if before - self.penalty().sum() < WORTH_ANOTHER_PASS * before {
                return true;
            }
        }
        moved
    }

    fn level_pass(&mut self, scope: &Scope, at_any_price: bool) -> bool {
        let receivers = Receivers::new(self, scope);
        let fixed_price = self.fixed_price();
        let mut candidates = Vec::new();
        for from in self.problem.model.broker_ords() {
            let (over, _) = self.is_beyond(from);
            if !over && !receivers.any_under {
                continue;
            }
            for at in 0..self.on_broker[from.index()].len() {
                let partition = self.on_broker[from.index()][at];
                if let Some((_, worth)) = self.best_offer(&receivers, scope, partition, from, fixed_price)
                    && (at_any_price || worth > 0.0)
                {
                    candidates.push(Candidate { worth, partition, from });
                }
            }
        }
        let mut queue = Queue::from_vec(candidates);
        let mut moved = false;
        while let Some(mut candidate) = queue.pop() {
            let (partition, from) = (candidate.partition, candidate.from);
            if !self.assignment.holds(partition, from) {
                continue;
            }
            let Some((to, worth)) = self.best_offer(&receivers, scope, partition, from, fixed_price) else {
                continue;
            };
            candidate.worth = worth;
            if !at_any_price && worth <= 0.0 {
                continue;
            }
            if queue.is_still_best(&candidate) {
                self.move_for_goal(partition, from, to);
                moved = true;
            } else {
                queue.push(candidate);
            }
        }
        moved
    }

    /// The best broker for a replica, and the gain per byte of moving it there.
    fn best_offer(
        &mut self,
        receivers: &Receivers,
        scope: &Scope,
        partition: PartitionOrd,
        from: BrokerOrd,
        fixed_price: f64,
    ) -> Option<(BrokerOrd, f64)> {
        if self.problem.freedom[partition.index()] != Freedom::Free {
            return None;
        }
        let leads = self.leads(partition, from);
        let takes = self.load(partition, from, leads).map(|amount| -amount);
        let (over, _) = self.is_beyond(from);
        let price = self.bytes(partition) + fixed_price;
        let mut best: Option<(BrokerOrd, f64)> = None;
        for rack in &receivers.by_rack {
            let Some(first) = rack.first() else { continue };
            if self.problem.model.rack_of(*first) != self.problem.model.rack_of(from)
                && self.others_in_rack(partition, from, *first) > self.others_in_rack(partition, from, from)
            {
                continue;
            }
            for to in rack {
                if (!over && !self.is_beyond(*to).1) || self.assignment.holds(partition, *to) {
                    continue;
                }
                let brings = self.load(partition, *to, leads);
                let Some(delta) = self.evaluate(from, &takes, *to, &brings) else { continue };
                let helps = if scope.only_musts { delta.0[0] < 0.0 } else { true };
                let worth = delta.gain() / price;
                if helps && delta.improves() && best.is_none_or(|(_, best)| worth > best) {
                    best = Some((*to, worth));
                }
            }
        }
        best
    }

    fn move_for_goal(&mut self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) {
        let leads = self.leads(partition, from);
        let takes: Load = self.load(partition, from, leads).map(|amount| -amount);
        let brings = self.load(partition, to, leads);
        let cause = self.cause(from, &takes, to, &brings, false);
        self.apply_move(partition, from, to, cause);
    }

    /// Whether nothing is beyond any bound.
    pub fn is_level(&self) -> bool {
        let Delta(penalty) = self.penalty();
        penalty.iter().all(|penalty| *penalty <= super::problem::EPSILON)
    }
}

/// Who may receive, by rack.
struct Receivers {
    by_rack: Vec<Vec<BrokerOrd>>,
    any_under: bool,
}

impl Receivers {
    fn new(state: &State, scope: &Scope) -> Self {
        let model = state.problem.model;
        let mut by_rack = vec![Vec::new(); model.racks.len()];
        let mut any_under = false;
        for broker in model.broker_ords() {
            if scope.receives[broker.index()] && state.problem.roles.counts[broker.index()] {
                by_rack[model.rack_of(broker).index()].push(broker);
                any_under |= state.is_beyond(broker).1;
            }
        }
        for rack in by_rack.iter_mut().filter(|rack| rack.len() > RECEIVERS_MAX) {
            *rack = select(state, rack);
        }
        Self { by_rack, any_under }
    }
}

/// The emptiest receivers of a rack by each term in turn, until there are enough.
fn select(state: &State, rack: &[BrokerOrd]) -> Vec<BrokerOrd> {
    let terms = &state.problem.terms;
    let each = (RECEIVERS_MAX / terms.len().max(1)).max(4);
    let mut chosen = Vec::new();
    for term in terms {
        let mut sorted: Vec<(f64, BrokerOrd)> = rack
            .iter()
            .map(|broker| {
                let room = term.bounds.high[broker.index()] - state.sums.row(*broker)[term.resource];
                (-room, *broker)
            })
            .collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        chosen.extend(sorted.into_iter().take(each).map(|(_, broker)| broker));
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}
