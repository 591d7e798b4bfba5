//! The best part of a target that a budget pays for.
//!
//! The changes of a target are taken partition by partition, each time the one that gains most per byte, until the
//! next one would pass the budget. To stop at the first that does not fit makes a larger budget never worse than a
//! smaller one: it goes on where the smaller one stopped. So that one large change in front does not stand in the way of
//! many small ones, the same is done with only the changes up to a half, a quarter, ... of the largest, and the best
//! of these is taken: of several that never get worse, the best never does.

use super::delta::{Cell, Delta, Shift};
use super::problem::Problem;
use super::state::State;
use crate::model::promises::rack_spread;
use crate::model::{Assignment, BrokerOrd, PartitionOrd, Sums};

/// Classes of largest change: the whole, a half, a quarter, ...
const CLASSES: usize = 12;

/// The part of a target that the request's budget pays for.
pub(super) fn within(problem: &Problem, target: Assignment) -> Assignment {
    let budget = problem.request.budget;
    if budget.is_unlimited() {
        return target;
    }
    let model = problem.model;
    let mut units: Vec<Unit> = model
        .partition_ords()
        .filter(|partition| {
            target.replicas(*partition) != model.placement.replicas(*partition)
                || target.leader(*partition) != model.placement.leader(*partition)
        })
        .map(|partition| Unit::of(problem, &target, partition))
        .collect();
    units.sort_by(|x, y| x.bytes.total_cmp(&y.bytes).then(x.partition.cmp(&y.partition)));
    if Spent::default().with(problem, &units).fits(problem) {
        return target;
    }
    let mut largest = units.last().map_or(0.0, |unit| unit.bytes);
    let mut best: Option<(Delta, Vec<PartitionOrd>)> = None;
    for _ in 0..CLASSES {
        let class: Vec<Unit> = units.iter().filter(|unit| unit.bytes <= largest).cloned().collect();
        let (penalty, taken) = prefix(problem, &target, class);
        if best.as_ref().is_none_or(|(least, _)| is_less(&penalty, least)) {
            best = Some((penalty, taken));
        }
        largest /= 2.0;
    }
    let taken = best.map(|(_, taken)| taken).unwrap_or_default();
    let mut is_taken = vec![false; model.partitions.len()];
    for partition in taken {
        is_taken[partition.index()] = true;
    }
    Assignment::new(model.partition_ords().map(|partition| {
        let from = if is_taken[partition.index()] { &target } else { &model.placement };
        (from.replicas(partition).to_vec(), from.leader(partition))
    }))
}

/// Whether penalties are less, the first tier that differs deciding.
fn is_less(x: &Delta, y: &Delta) -> bool {
    let mut difference = *x;
    difference.tiers.iter_mut().zip(y.tiers).for_each(|(x, y)| *x -= y);
    difference.improves()
}

/// All that changes about one partition.
#[derive(Debug, Clone)]
struct Unit {
    partition: PartitionOrd,
    added: Vec<BrokerOrd>,
    /// Bytes that are copied for it.
    bytes: f64,
    /// Whether the request or a must asks for it, whatever it gains.
    forced: bool,
}

impl Unit {
    fn of(problem: &Problem, target: &Assignment, partition: PartitionOrd) -> Self {
        let model = problem.model;
        let before = model.placement.replicas(partition);
        let after = target.replicas(partition);
        let added: Vec<BrokerOrd> = after.iter().copied().filter(|broker| !before.contains(broker)).collect();
        #[expect(clippy::cast_precision_loss, reason = "a handful of replicas")]
        let bytes = model.partitions[partition.index()].size_bytes * added.len() as f64;
        let leaves =
            before.iter().any(|broker| !after.contains(broker) && problem.must_leave(partition, *broker));
        let rack = |broker: BrokerOrd| Some(model.rack_of(broker));
        let mends_spread = rack_spread(before, rack).is_worse_than(rack_spread(after, rack));
        let moves_home = |broker: &BrokerOrd| {
            let topic = model.partitions[partition.index()].topic;
            !after.contains(broker) && !problem.permits.may_hold(topic, *broker)
        };
        let forced = leaves || before.len() != after.len() || mends_spread || before.iter().any(moves_home);
        Self { partition, added, bytes, forced }
    }
}

/// What has been spent.
#[derive(Debug, Clone, Default)]
struct Spent {
    bytes: f64,
    moves: u64,
    into: Vec<f64>,
    out: Vec<f64>,
}

impl Spent {
    fn with(mut self, problem: &Problem, units: &[Unit]) -> Self {
        let model = problem.model;
        self.into.resize(model.brokers.len(), 0.0);
        self.out.resize(model.brokers.len(), 0.0);
        for unit in units {
            let size = model.partitions[unit.partition.index()].size_bytes;
            self.bytes += unit.bytes;
            self.moves += unit.added.len() as u64;
            unit.added.iter().for_each(|broker| self.into[broker.index()] += size);
            if let Some(leader) = model.placement.leader(unit.partition) {
                self.out[leader.index()] += unit.bytes;
            }
        }
        self
    }

    fn fits(&self, problem: &Problem) -> bool {
        let budget = problem.request.budget;
        let each = || self.into.iter().chain(&self.out);
        budget.bytes.is_none_or(|most| self.bytes <= most.as_f64())
            && budget.moves.is_none_or(|most| self.moves <= most)
            && budget.bytes_per_broker.is_none_or(|most| each().all(|bytes| *bytes <= most.as_f64()))
    }
}

/// Takes changes by gain per byte until the next would pass the budget; what it comes to, and what was taken.
fn prefix(problem: &Problem, target: &Assignment, units: Vec<Unit>) -> (Delta, Vec<PartitionOrd>) {
    let model = problem.model;
    let mut state = State::new(problem, model.placement.clone(), Sums::new(model, &model.placement));
    let mut spent = Spent::default().with(problem, &[]);
    let mut left = units;
    let mut taken = Vec::new();
    loop {
        let mut offers: Vec<(bool, f64, usize)> = Vec::new();
        for (at, unit) in left.iter().enumerate() {
            let Some(gain) = gain(&state, target, unit) else { continue };
            if unit.forced || gain > 0.0 {
                offers.push((unit.forced, gain / (unit.bytes + problem.fixed_price), at));
            }
        }
        offers.sort_by(|x, y| y.0.cmp(&x.0).then(y.1.total_cmp(&x.1)).then(x.2.cmp(&y.2)));
        // Several at a time: gains change little when few have been made.
        let batch = (left.len() / 64).max(1);
        let mut made = vec![false; left.len()];
        let mut stopped = offers.is_empty();
        for (forced, _, at) in offers.into_iter().take(batch) {
            let unit = &left[at];
            let now = spent.clone().with(problem, std::slice::from_ref(unit));
            if !now.fits(problem) {
                stopped = true;
                break;
            }
            if !forced && gain(&state, target, unit).is_none_or(|gain| gain <= 0.0) {
                continue;
            }
            take(&mut state, target, unit);
            spent = now;
            taken.push(unit.partition);
            made[at] = true;
        }
        if stopped || !made.contains(&true) {
            return (state.penalty(), taken);
        }
        let mut at = 0;
        left.retain(|_| {
            at += 1;
            !made[at - 1]
        });
    }
}

/// The pairs of brokers between which the replicas of a partition go.
fn pairs(state: &State, target: &Assignment, partition: PartitionOrd) -> Vec<(BrokerOrd, BrokerOrd)> {
    let (before, after) = (state.assignment.replicas(partition), target.replicas(partition));
    let gone = before.iter().copied().filter(|broker| !after.contains(broker));
    let come = after.iter().copied().filter(|broker| !before.contains(broker));
    gone.zip(come).collect()
}

/// What taking a unit gains; `None` when it would pass a limit. Pair by pair, which is exact but for the bend of the
/// penalties when one broker is in two pairs, and none is.
fn gain(state: &State, target: &Assignment, unit: &Unit) -> Option<f64> {
    let partition = unit.partition;
    let mut gain = 0.0;
    let mut leader = state.assignment.leader(partition);
    for (from, to) in pairs(state, target, partition) {
        gain += state.evaluate_move(partition, from, to)?.gain();
        if leader == Some(from) {
            leader = Some(to);
        }
    }
    if let (Some(from), Some(to)) = (leader, target.leader(partition))
        && from != to
    {
        let shift: Shift = state.shift_of_leader(partition, from, to);
        let topic = state.problem.model.partitions[partition.index()].topic;
        gain += state.evaluate(&shift, &[Cell { topic, from, to, replica: false, leader: true }])?.gain();
    }
    Some(gain)
}

fn take(state: &mut State, target: &Assignment, unit: &Unit) {
    let partition = unit.partition;
    if state.assignment.replicas(partition).len() != target.replicas(partition).len() {
        // A list of another length is taken over as it is; its loads are small change to what the budget is about.
        return;
    }
    for (from, to) in pairs(state, target, partition) {
        state.apply_move(partition, from, to, super::reasons::Cause::Follows);
    }
    if let (Some(from), Some(to)) = (state.assignment.leader(partition), target.leader(partition))
        && from != to
    {
        state.apply_leader(partition, from, to, super::reasons::Cause::Follows);
    }
}
