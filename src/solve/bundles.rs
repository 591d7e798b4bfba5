//! Exchanges of up to three replicas for up to three others, for small brokers whose replicas are too unlike for
//! single exchanges to fit. Brokers with many replicas have single exchanges of every size and need none of this.

use super::delta::{Cell, Shift};
use super::level::Scope;
use super::problem::{EPSILON, Freedom, Load};
use super::state::State;
use crate::model::{BrokerOrd, PartitionOrd, Resource};

/// A broker with more free replicas than this is not small.
const REPLICAS_MAX: usize = 64;

/// Up to this many replicas, bundles of three are tried, above it of two: some two thousand bundles either way.
const TRIPLES_MAX: usize = 24;

/// How many bundles of the partner are tried against each, those nearest to what is needed first.
const NEAREST: usize = 6;

/// Replicas that go together.
#[derive(Debug, Clone, Default)]
struct Bundle {
    partitions: Vec<PartitionOrd>,
    /// What the broker that has them loses.
    takes: Load,
    /// What the broker that gets them gains.
    brings: Load,
    bytes: f64,
}

impl State<'_, '_> {
    /// Exchanges bundles for every small broker that is beyond its bounds; says whether any were exchanged.
    pub fn swap_bundles(&mut self, scope: &Scope) -> bool {
        let fixed_price = self.problem.fixed_price;
        let mut swapped = false;
        for a in self.problem.model.broker_ords() {
            if !scope.receives[a.index()] || !self.problem.roles.counts[a.index()] {
                continue;
            }
            let Some((term, _)) = self.worst_term(a, scope) else { continue };
            let resource = self.problem.terms[term].resource;
            for b in self.problem.model.broker_ords() {
                let takes_part = b != a && scope.receives[b.index()] && self.problem.roles.counts[b.index()];
                if takes_part && self.swap_best_bundle(scope, a, b, resource, fixed_price) {
                    swapped = true;
                }
            }
        }
        swapped
    }

    /// Makes the best exchange of bundles between two brokers, if any helps.
    fn swap_best_bundle(
        &mut self,
        scope: &Scope,
        a: BrokerOrd,
        b: BrokerOrd,
        resource: usize,
        fixed_price: f64,
    ) -> bool {
        let (Some(mine), Some(mut theirs)) = (self.bundles(a, b), self.bundles(b, a)) else { return false };
        theirs.sort_by(|x, y| x.brings[resource].total_cmp(&y.brings[resource]));
        let Some((_, surplus)) = self.worst_term(a, scope) else { return false };
        let mut best: Option<(f64, usize, usize)> = None;
        for (at, bundle) in mine.iter().enumerate() {
            let wanted = bundle.takes[resource] - surplus;
            let middle = theirs.partition_point(|their| their.brings[resource] < wanted);
            let window = middle.saturating_sub(NEAREST)..(middle + NEAREST).min(theirs.len());
            for place in window {
                let their = &theirs[place];
                let (to_a, to_b) =
                    (difference(&their.brings, &bundle.takes), difference(&bundle.brings, &their.takes));
                let shift = Shift { a, to_a, b, to_b };
                let Some(delta) = self.evaluate(&shift, &self.cells(bundle, their, a, b)) else { continue };
                #[expect(clippy::cast_precision_loss, reason = "at most 6")]
                let moves = (bundle.partitions.len() + their.partitions.len()) as f64;
                let worth = delta.gain() / (bundle.bytes + their.bytes + moves * fixed_price);
                let helps = delta.improves() && (!scope.only_musts || delta.tiers[0] < -EPSILON);
                if helps && best.is_none_or(|(most, ..)| worth > most) {
                    best = Some((worth, at, place));
                }
            }
        }
        let Some((_, at, place)) = best else { return false };
        let (mine, theirs) = (&mine[at], &theirs[place]);
        let (to_a, to_b) = (difference(&theirs.brings, &mine.takes), difference(&mine.brings, &theirs.takes));
        let back = Shift { a: b, to_a: to_b, b: a, to_b: to_a };
        let (out, back) = (self.cause(&Shift { a, to_a, b, to_b }, true), self.cause(&back, true));
        mine.partitions.iter().for_each(|partition| self.apply_move(*partition, a, b, out));
        theirs.partitions.iter().for_each(|partition| self.apply_move(*partition, b, a, back));
        true
    }

    fn cells(&self, mine: &Bundle, theirs: &Bundle, a: BrokerOrd, b: BrokerOrd) -> Vec<Cell> {
        if self.problem.topic_terms.is_empty() {
            return Vec::new();
        }
        let out = mine.partitions.iter().map(|partition| self.cell(*partition, a, b));
        out.chain(theirs.partitions.iter().map(|partition| self.cell(*partition, b, a))).collect()
    }

    /// All bundles of replicas that may go from one broker to another, the empty one first; `None` when the broker
    /// is not small. Whether one may go does not depend on the others: they are of different partitions.
    fn bundles(&self, from: BrokerOrd, to: BrokerOrd) -> Option<Vec<Bundle>> {
        let mut free: Vec<PartitionOrd> = self.on_broker[from.index()]
            .iter()
            .copied()
            .filter(|partition| self.problem.freedom[partition.index()] == Freedom::Free)
            .filter(|partition| self.is_legal(*partition, from, to))
            .collect();
        if free.len() > REPLICAS_MAX {
            return None;
        }
        free.sort_unstable();
        let depth = if free.len() > TRIPLES_MAX { 2 } else { 3 };
        let mut bundles = vec![Bundle::default()];
        let mut last_round = vec![(Bundle::default(), 0)];
        for _ in 0..depth {
            let mut round = Vec::new();
            for (bundle, next) in &last_round {
                for (at, partition) in free.iter().enumerate().skip(*next) {
                    round.push((self.with(bundle, *partition, from, to), at + 1));
                }
            }
            bundles.extend(round.iter().map(|(bundle, _)| bundle.clone()));
            last_round = round;
        }
        Some(bundles)
    }

    fn with(&self, bundle: &Bundle, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) -> Bundle {
        let leads = self.leads(partition, from);
        let mut bundle = bundle.clone();
        bundle.partitions.push(partition);
        bundle.bytes += self.bytes(partition);
        add(&mut bundle.takes, &self.load(partition, from, leads));
        add(&mut bundle.brings, &self.load(partition, to, leads));
        bundle
    }
}

fn add(sum: &mut Load, load: &Load) {
    sum.iter_mut().zip(load).for_each(|(sum, load)| *sum += load);
}

fn difference(gains: &Load, loses: &Load) -> Load {
    let mut difference = [0.0; Resource::COUNT];
    difference.iter_mut().zip(gains.iter().zip(loses)).for_each(|(at, (gains, loses))| *at = gains - loses);
    difference
}
