//! Moves by gain per byte. Each broker beyond its bounds is visited, the worst first: one that is over offers its
//! replicas to the brokers that have most use for them, one that is under takes from those that can best spare.
//!
//! A visit weighs every replica of the giver against a handful of takers with only those goals that the two brokers
//! can break or mend, makes the best few moves, each judged exactly before it is made, and looks again. That keeps the
//! work near linear in the number of moves.

use super::delta::change;
use super::offers::Shelf;
use super::problem::{EPSILON, Load, MUST_WEIGHT};
use super::reasons::Cause;
use super::state::State;
use crate::model::{BrokerOrd, PartitionOrd, Resource};

/// Which moves are looked for.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// By broker: whether it may receive.
    pub receives: Vec<bool>,
    /// By broker: whether it may give.
    pub gives: Vec<bool>,
    /// Whether only the first tier, the musts, may be the reason for a move.
    pub only_musts: bool,
    /// Whether only replicas that are away from home already move: they are copied anyway.
    pub only_displaced: bool,
}

impl Scope {
    pub fn of(receives: &[bool]) -> Self {
        Self {
            receives: receives.to_vec(),
            gives: vec![true; receives.len()],
            only_musts: false,
            only_displaced: false,
        }
    }
}

/// How many takers a giver's replicas are weighed against at once, and givers a taker's needs.
const PARTNERS: usize = 4;

/// A broker with more replicas than this shows a sample of them at each look...
const SAMPLE: usize = 384;

/// ... and a smaller one while it is far from its bounds.
const SAMPLE_FAR: usize = 192;

/// What it counts that a giver is above the mean, where that is no goal.
const SPARES: f64 = 0.2;

/// After so many looks in a visit replicas are looked up anew, and another sample of them where there are many.
const FRESH_EVERY: usize = 3;

/// Looks at one broker at most in one visit.
const LOOKS_MAX: usize = 400;

/// Passes over all brokers at most; each but the last moves something, and few are ever needed.
const PASSES_MAX: usize = 30;

/// A pass that takes away less than this share of the penalties is the last: where goals cannot be met, the rest is
/// crumbs, each of which costs bytes.
pub(super) const WORTH_ANOTHER_PASS: f64 = 0.001;

/// A move whose worth has fallen below this share of what it was when it was found waits for the next look.
const STILL_GOOD: f64 = 0.8;

/// A move found in a look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub worth: f64,
    pub partition: PartitionOrd,
    pub from: BrokerOrd,
    pub to: BrokerOrd,
}

/// The least amounts of those that were seen.
struct Least {
    kept: Vec<f64>,
    count: usize,
}

impl Least {
    fn new(count: usize) -> Self {
        Self { kept: Vec::with_capacity(count + 1), count }
    }

    /// What another one has to be at most to be among them.
    fn most(&self) -> f64 {
        if self.kept.len() < self.count { f64::INFINITY } else { self.kept[self.count - 1] }
    }

    fn add(&mut self, amount: f64) {
        if amount < self.most() {
            let place = self.kept.partition_point(|kept| *kept <= amount);
            self.kept.insert(place, amount);
            self.kept.truncate(self.count);
        }
    }
}

/// What a broker has to give away, or get.
#[derive(Debug, Clone, Copy)]
struct Need {
    /// What a few replicas of mean load weigh together: as much as the broker is beyond its worst bound, within reason.
    parcel: Load,
    /// How many replicas of mean load that is.
    moves: f64,
}

impl Need {
    /// How many of the best moves to each partner are kept from one look. Far from the bounds many are made at each
    /// look, near them few: then each one counts.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a few dozens")]
    fn kept(&self) -> usize {
        (self.moves / 8.0).clamp(6.0, 32.0) as usize
    }

    fn sample(&self) -> usize {
        if self.moves > 24.0 { SAMPLE_FAR } else { SAMPLE }
    }
}

/// Which moves count in a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Price {
    /// Those that gain more in all tiers together than they lose: as long as all goals can be met, which one is
    /// met first does not matter, and bytes do.
    Loose,
    /// Those that do so and help the first tier that they touch.
    Fair,
    /// Those that help the first tier that they touch, whatever they cost the lower ones.
    Any,
}

impl State<'_, '_> {
    /// A scope of what is copied anyway: replicas that are away from home.
    pub fn displaced(&self) -> Scope {
        let mut scope = Scope { only_displaced: true, ..Scope::of(&self.problem.roles.receives) };
        scope.gives.fill(false);
        for partition in self.touched() {
            for broker in self.assignment.replicas(partition) {
                scope.gives[broker.index()] |= !self.is_home(partition, *broker);
            }
        }
        scope
    }

    /// Moves replicas by what is gained on the whole, whatever the tiers.
    pub fn level_loosely(&mut self, scope: &Scope) {
        for _ in 0..PASSES_MAX {
            let before = self.penalty().sum;
            if !self.level_pass(scope, Price::Loose)
                || before - self.penalty().sum < WORTH_ANOTHER_PASS * before
            {
                return;
            }
        }
    }

    /// Moves replicas until no move helps; says whether anything moved.
    pub fn level(&mut self, scope: &Scope) -> bool {
        let mut moved = false;
        for _ in 0..PASSES_MAX {
            let before = self.penalty().sum;
            // First only what costs no lower tier more than it gains, then whatever a higher tier still needs.
            let moved_now = self.level_pass(scope, Price::Fair) || self.level_pass(scope, Price::Any);
            if !moved_now {
                return moved;
            }
            moved = true;
            if before - self.penalty().sum < WORTH_ANOTHER_PASS * before {
                return true;
            }
        }
        moved
    }

    fn level_pass(&mut self, scope: &Scope, price: Price) -> bool {
        let mut visits: Vec<(f64, BrokerOrd)> = self
            .problem
            .model
            .broker_ords()
            .filter(|broker| self.problem.roles.counts[broker.index()])
            .filter(|broker| self.is_beyond_in(scope, *broker) != (false, false))
            .map(|broker| (self.penalty_of(broker), broker))
            .collect();
        visits.sort_unstable_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
        let mut moved = false;
        // Where new brokers are to be filled, what they need decides what is given; else what is too much somewhere.
        let givers_first = !self.problem.only_fills();
        let mut shown = Shelf::default();
        for gives in [givers_first, !givers_first] {
            for (_, broker) in &visits {
                let (over, under) = self.is_beyond_in(scope, *broker);
                let takes_part = if gives {
                    over && scope.gives[broker.index()]
                } else {
                    under && scope.receives[broker.index()]
                };
                if takes_part {
                    moved |= self.visit(*broker, gives, scope, price, &mut shown);
                }
            }
        }
        moved
    }

    /// Whether a broker is over, and under, in what may be the reason for a move.
    fn is_beyond_in(&self, scope: &Scope, broker: BrokerOrd) -> (bool, bool) {
        if !scope.only_musts {
            return self.is_beyond(broker);
        }
        let (over, under) = self.beyond(broker);
        let terms = self.problem.terms.iter().enumerate();
        let musts =
            terms.filter(|(_, term)| term.tier == 0).fold(0_u64, |bits, (at, _)| bits | 1 << (at & 63));
        (over & musts != 0, under & musts != 0)
    }

    /// Relieves a broker that is over (`gives`), or fills one that is under.
    fn visit(
        &mut self,
        broker: BrokerOrd,
        gives: bool,
        scope: &Scope,
        price: Price,
        shown: &mut Shelf,
    ) -> bool {
        let mut moved = false;
        for look in 0..LOOKS_MAX {
            let (over, under) = self.is_beyond_in(scope, broker);
            if !(if gives { over } else { under }) {
                break;
            }
            let mut found = Vec::new();
            let need = self.need(broker, gives);
            if look % FRESH_EVERY == 0 {
                shown.begin_round();
            }
            for partner in self.partners(broker, gives, scope, &need) {
                let ends = if gives { (broker, partner) } else { (partner, broker) };
                let of_giver = self.offered(shown, ends.0, scope, look, need.sample());
                self.weigh(of_giver, ends, (price, scope.only_musts), need.kept(), &mut found);
            }
            found.sort_unstable_by(|x, y| {
                y.worth.total_cmp(&x.worth).then((x.partition, x.to, x.from).cmp(&(
                    y.partition,
                    y.to,
                    y.from,
                )))
            });
            let mut moved_now = false;
            for found in found {
                moved_now |= self.make(found, scope, price, moved_now);
            }
            if !moved_now {
                break;
            }
            moved = true;
        }
        moved
    }

    /// Makes a move if it is still as good as it looked.
    fn make(&mut self, found: Found, scope: &Scope, price: Price, waits: bool) -> bool {
        let Found { worth, partition, from, to } = found;
        if !self.assignment.holds(partition, from) || !self.is_legal(partition, from, to) {
            return false;
        }
        let Some(delta) = self.evaluate_move(partition, from, to) else { return false };
        let helps = !scope.only_musts || delta.tiers[0] < 0.0;
        let gain = if scope.only_musts { MUST_WEIGHT * -delta.tiers[0] } else { delta.gain() };
        let is_worth = match price {
            Price::Any => {
                !waits || !scope.only_musts || gain / self.price(partition, from, to) >= STILL_GOOD * worth
            }
            Price::Loose | Price::Fair => {
                gain > 0.0 && (!waits || gain / self.price(partition, from, to) >= STILL_GOOD * worth)
            }
        };
        let improves = if price == Price::Loose { delta.is_fair() } else { delta.improves() };
        if !helps || !improves || !is_worth || !self.keeps_counts(from, to, &delta) {
            return false;
        }
        let cause = self.cause(&self.shift_of_move(partition, from, to), false);
        self.apply_move(partition, from, to, cause);
        true
    }

    /// The brokers that have most use for what a giver has too much of, or can best spare what a taker lacks.
    fn partners(&self, broker: BrokerOrd, gives: bool, scope: &Scope, need: &Need) -> Vec<BrokerOrd> {
        let model = self.problem.model;
        let sign = if gives { 1.0 } else { -1.0 };
        let worst = self.worst_fill(broker, gives);
        // The old brokers need not be relieved, but what new ones get is taken from the fullest.
        let spares = !gives && self.problem.only_fills();
        let wanted = PARTNERS * if self.racks_are_closed { 1 } else { 2 };
        let mut least = Least::new(wanted);
        let mut partners: Vec<(f64, f64, BrokerOrd)> = Vec::new();
        for partner in model.broker_ords() {
            let same_rack = self.problem.rack_of(partner) == self.problem.rack_of(broker);
            let takes_part = partner != broker
                && (same_rack || !self.racks_are_closed)
                && self.problem.roles.counts[partner.index()]
                && if gives {
                    scope.receives[partner.index()] && self.problem.roles.receives[partner.index()]
                } else {
                    scope.gives[partner.index()]
                };
            let (from, to) = if gives { (broker, partner) } else { (partner, broker) };
            if !takes_part || self.is_shut(from, to) {
                continue;
            }
            let spares = if spares { SPARES * self.above_mean(partner) } else { 0.0 };
            let harm = self.harm(partner, sign, need, least.most() + spares) - spares;
            least.add(harm);
            let fill = sign * self.fill(partner, worst);
            partners.push((harm, fill, partner));
        }
        let by_harm = |x: &(f64, f64, BrokerOrd), y: &(f64, f64, BrokerOrd)| {
            x.0.total_cmp(&y.0).then(x.1.total_cmp(&y.1)).then(x.2.cmp(&y.2))
        };
        if partners.len() > wanted {
            partners.select_nth_unstable_by(wanted - 1, by_harm);
            let best_fill =
                partners[wanted..].iter().min_by(|x, y| x.1.total_cmp(&y.1).then(x.2.cmp(&y.2))).copied();
            partners.truncate(wanted);
            partners.extend(best_fill);
        }
        partners.sort_unstable_by(by_harm);
        partners.into_iter().map(|(_, _, partner)| partner).collect()
    }

    /// What a parcel does to a broker's penalties; infinite as soon as it is sure to be more than `most`: of a thousand
    /// brokers only a handful are of interest.
    fn harm(&self, partner: BrokerOrd, sign: f64, need: &Need, most: f64) -> f64 {
        let row = self.sums.row(partner);
        // What the other goals may still gain.
        let hope = self.penalty_of(partner) * (1.0 + EPSILON);
        let mut harm = 0.0;
        for (term, bounds) in self.problem.terms.iter().zip(self.bounds_of(partner)) {
            let r = term.resource;
            harm += term.weight * change(*bounds, row[r], sign * need.parcel[r], term.scale);
            if harm > most + hope {
                return f64::INFINITY;
            }
        }
        harm
    }

    /// How far a broker is above the means, all goals on bytes and traffic together.
    fn above_mean(&self, broker: BrokerOrd) -> f64 {
        let row = self.sums.row(broker);
        let terms = self.problem.terms.iter().filter(|term| term.bounds.mean[broker.index()] > 0.0);
        let above = terms
            .map(|term| (row[term.resource] - term.bounds.mean[broker.index()]) * term.scale * term.weight);
        above.map(|above| above.max(0.0)).sum()
    }

    /// What a broker has to give away, or get.
    fn need(&self, broker: BrokerOrd, gives: bool) -> Need {
        let row = self.sums.row(broker);
        let own = row[Resource::Replicas.index()];
        let mean = if gives && own > 0.0 { row.map(|amount| amount / own) } else { self.mean_replica };
        let needed = self.problem.terms.iter().zip(self.bounds_of(broker)).map(|(term, (low, high))| {
            let beyond = if gives { row[term.resource] - high } else { low - row[term.resource] };
            if mean[term.resource] > 0.0 { beyond / mean[term.resource] } else { 0.0 }
        });
        let moves = needed.fold(1.0, f64::max);
        Need { parcel: mean.map(|amount| amount * moves.min(16.0)), moves }
    }

    /// The term in which a broker is worst over (or under).
    fn worst_fill(&self, broker: BrokerOrd, over: bool) -> Option<usize> {
        let row = self.sums.row(broker);
        let terms = self.problem.terms.iter().zip(self.bounds_of(broker)).enumerate();
        let beyond = terms.map(|(at, (term, (low, high)))| {
            let load = row[term.resource];
            let beyond = if over { load - high } else { low - load };
            (term.weight * beyond * term.scale, at)
        });
        beyond.max_by(|x, y| x.0.total_cmp(&y.0).then(y.1.cmp(&x.1))).map(|(_, at)| at)
    }

    /// How full a broker is in a term, in means.
    fn fill(&self, broker: BrokerOrd, term: Option<usize>) -> f64 {
        let Some(term) = term.map(|at| &self.problem.terms[at]) else { return 0.0 };
        let mean = term.bounds.mean[broker.index()];
        self.sums.row(broker)[term.resource] * term.scale - if mean > 0.0 { mean * term.scale } else { 0.0 }
    }

    /// Moves a replica for a reason that was found elsewhere.
    pub(super) fn move_because(&mut self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) {
        let cause = self.cause(&self.shift_of_move(partition, from, to), false);
        let cause = if cause == Cause::Follows { Cause::Topic } else { cause };
        self.apply_move(partition, from, to, cause);
    }
}
