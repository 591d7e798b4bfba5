//! What givers offer: replicas that may move, column by column, so that many are weighed at a time.

use std::collections::BTreeMap;

use super::level::Scope;
use super::problem::Load;
use super::state::State;
use crate::model::{BrokerOrd, PartitionOrd, Resource};

/// What a giver offered to another taker is offered again as long as not more has changed there since. What is gone
/// by then is seen by whoever weighs it.
const STALE_AFTER: u32 = 8;

/// How many givers' offers are kept at a time.
const KEPT_MAX: usize = 256;

/// Replicas that may move, with what they weigh: column by column, so that many are weighed at a time.
#[derive(Debug)]
pub(super) struct Offers {
    pub partitions: Vec<PartitionOrd>,
    pub prices: Vec<f64>,
    /// The columns, one after the other.
    loads: Vec<f64>,
    /// The largest amount of each resource.
    pub most: Load,
}

impl Offers {
    fn new(
        partitions: Vec<PartitionOrd>,
        prices: Vec<f64>,
        load: impl Fn(usize, PartitionOrd) -> Load,
    ) -> Self {
        let count = partitions.len();
        let (mut loads, mut most) = (vec![0.0; count * Resource::COUNT], [0.0; Resource::COUNT]);
        for (at, partition) in partitions.iter().enumerate() {
            for (r, amount) in load(at, *partition).into_iter().enumerate() {
                loads[r * count + at] = amount;
                most[r] = if amount > most[r] { amount } else { most[r] };
            }
        }
        Self { partitions, prices, loads, most }
    }

    /// What each of them weighs of a resource.
    pub fn column(&self, resource: usize) -> &[f64] {
        &self.loads[resource * self.partitions.len()..][..self.partitions.len()]
    }
}

/// The offers that were looked up in a pass.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// Rounds so far: in a round each giver is looked up once.
    rounds: u32,
    by_giver: BTreeMap<BrokerOrd, Shown>,
}

/// Offers of a giver, and when they were looked up.
#[derive(Debug)]
struct Shown {
    round: u32,
    changes: u32,
    /// Where the sample begins, and its stride.
    part: (usize, usize),
    offers: Offers,
}

impl Shelf {
    /// From now on replicas are looked up anew.
    pub fn begin_round(&mut self) {
        self.rounds += 1;
    }
}

impl State<'_, '_> {
    /// What a broker offers at a look: what it offered before in this round, or to others just before.
    pub(super) fn offered<'s>(
        &self,
        kept: &'s mut Shelf,
        broker: BrokerOrd,
        scope: &Scope,
        look: usize,
        sample: usize,
    ) -> &'s Offers {
        let (round, changes) = (kept.rounds, self.changes_on(broker));
        let part = self.part(broker, look, sample);
        let still_good = |shown: &Shown| {
            shown.round == round || (shown.part == part && changes - shown.changes <= STALE_AFTER)
        };
        if kept.by_giver.len() >= KEPT_MAX && !kept.by_giver.contains_key(&broker) {
            kept.by_giver.clear();
        }
        let look_up = || Shown { round, changes, part, offers: self.offers(broker, scope, part) };
        let shown = kept.by_giver.entry(broker).or_insert_with(look_up);
        if still_good(shown) {
            shown.round = round;
        } else {
            *shown = look_up();
        }
        &shown.offers
    }

    /// Which of a broker's replicas are shown at a look: where to begin, and the stride.
    fn part(&self, broker: BrokerOrd, look: usize, sample: usize) -> (usize, usize) {
        let stride = self.on_broker[broker.index()].len().div_ceil(sample).max(1);
        // Another part of the replicas at each look; the seed says which comes first.
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits matter")]
        let first = look.wrapping_add(self.problem.request.seed as usize) % stride;
        (first, stride)
    }

    /// The replicas of a broker that may move, or a sample of them.
    fn offers(&self, broker: BrokerOrd, scope: &Scope, (first, stride): (usize, usize)) -> Offers {
        let held = &self.on_broker[broker.index()];
        let sample = held.iter().copied().skip(first).step_by(stride);
        let sample: Vec<PartitionOrd> =
            sample.filter(|partition| self.is_movable(scope, *partition, broker)).collect();
        // One thing at a time: where the cluster is larger than the processor's cache, tight loops wait for many rows
        // of memory at once, and a loop that needs all of a replica for each of them in turn.
        let homes: Vec<bool> = sample.iter().map(|partition| self.is_home(*partition, broker)).collect();
        let leads: Vec<bool> = sample.iter().map(|partition| self.leads(*partition, broker)).collect();
        let price = |(home, partition): (bool, &PartitionOrd)| {
            let copied = if home { self.bytes(*partition) } else { 0.0 };
            copied + self.problem.fixed_price
        };
        let prices = homes.into_iter().zip(&sample).map(price).collect();
        Offers::new(sample, prices, |at, partition| self.load(partition, broker, leads[at]))
    }
}
