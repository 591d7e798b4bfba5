//! The least bytes at given prices: Lagrangian duality.
//!
//! A price for each unit that a broker ends with beyond a bound, in bytes, takes the place of the bound. Then
//! partitions no longer stand in each other's way, and the cheapest end of each is found by itself. For a plan that
//! keeps all bounds the prices add nothing, so no such plan moves less than the sum of all cheapest ends. Two replicas
//! of a partition choose without each other, and may choose one broker: that only makes the sum smaller.

use super::frame::{Frame, Rows};
use crate::base::Bytes;
use crate::model::{BrokerOrd, PartitionOrd, Resource};

/// Share of all that is added up which is taken off: sums are right to less than that, and goals are met to as much.
const SAFETY: f64 = 1e-9;

type Load = [f64; Resource::COUNT];

/// What follows from prices.
pub(super) struct Relaxed {
    /// The bound, in bytes.
    pub bound: f64,
    /// What each broker would carry if every partition took its cheapest end.
    pub loads: Rows,
}

/// Least bytes at these prices: positive for each unit above `high`, negative for each below `low`.
pub(super) fn least(frame: &Frame, prices: &Rows) -> Bytes {
    let bound = evaluate(frame, prices).bound.max(0.0).floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not below 0")]
    Bytes(bound as u64)
}

/// How many weighings of a replica against a broker one evaluation takes.
pub(super) fn work(frame: &Frame, prices: &Rows) -> usize {
    let targets = Targets::new(frame, prices);
    let widest = targets.per_rack.iter().map(Vec::len).sum::<usize>().max(targets.anywhere.len());
    frame.model.partitions.len() * (4 + widest)
}

/// A choice of a replica: what it costs as a follower and as the leader, and where it is.
#[derive(Clone, Copy)]
struct Choice {
    follows: f64,
    leads: f64,
    follows_on: Option<usize>,
    leads_on: Option<usize>,
    /// What it costs when it has to move.
    moves: f64,
    moves_leading: f64,
}

/// Brokers worth moving to: no other costs less in every resource.
struct Targets {
    per_rack: Vec<Vec<usize>>,
    anywhere: Vec<usize>,
}

impl Targets {
    fn new(frame: &Frame, prices: &Rows) -> Self {
        let mut per_rack: Vec<Vec<usize>> = vec![Vec::new(); frame.model.racks.len()];
        for broker in frame.model.broker_ords().filter(|broker| frame.counts[broker.index()]) {
            add(&mut per_rack[frame.model.rack_of(broker).index()], prices, broker.index());
        }
        let mut anywhere = Vec::new();
        per_rack.iter().flatten().for_each(|broker| add(&mut anywhere, prices, *broker));
        Self { per_rack, anywhere }
    }
}

/// Adds a broker unless another is as cheap in every resource; drops those that it undercuts.
fn add(among: &mut Vec<usize>, prices: &Rows, broker: usize) {
    let undercuts =
        |one: usize, other: usize| prices[one].iter().zip(&prices[other]).all(|(one, other)| one <= other);
    if among.iter().any(|one| undercuts(*one, broker)) {
        return;
    }
    among.retain(|one| !undercuts(broker, *one));
    among.push(broker);
}

fn cost(prices: &Load, load: &Load) -> f64 {
    prices.iter().zip(load).map(|(price, load)| price * load).sum()
}

/// The cheapest broker for a load.
fn cheapest(among: &[usize], prices: &Rows, load: &Load) -> (f64, Option<usize>) {
    let mut best = (f64::INFINITY, None);
    for broker in among {
        let cost = cost(&prices[*broker], load);
        if cost < best.0 {
            best = (cost, Some(*broker));
        }
    }
    best
}

/// Lets every partition take its cheapest end.
pub(super) fn evaluate(frame: &Frame, prices: &Rows) -> Relaxed {
    let model = frame.model;
    let targets = Targets::new(frame, prices);
    let mut ends: Rows = vec![[0.0; Resource::COUNT]; model.brokers.len()];
    let (mut sum, mut size_of_sum) = (0.0, 0.0);
    let mut choices: Vec<Choice> = Vec::new();
    for partition in model.partition_ords() {
        let replicas = model.placement.replicas(partition);
        let (follower, leader) =
            (model.load(partition, false, replicas.len()), model.load(partition, true, replicas.len()));
        let stands = frame.stands(partition);
        choices.clear();
        let anywhere = (!stands.closed).then(|| {
            let of = |load| cheapest(&targets.anywhere, prices, load);
            (of(&follower), of(&leader))
        });
        for broker in replicas {
            let rack = &targets.per_rack[model.rack_of(*broker).index()];
            let (follows, leads) = anywhere
                .unwrap_or_else(|| (cheapest(rack, prices, &follower), cheapest(rack, prices, &leader)));
            choices.push(choice(frame, prices, partition, *broker, [&follower, &leader], [follows, leads]));
        }
        let (cost, leads) = cheapest_end(frame, partition, &choices, stands.lacking);
        sum += cost;
        size_of_sum += choices.iter().map(|choice| choice.follows.abs()).sum::<f64>() + cost.abs();
        for (at, choice) in choices.iter().enumerate() {
            let (on, load) =
                if leads == Some(at) { (choice.leads_on, &leader) } else { (choice.follows_on, &follower) };
            if let Some(on) = on {
                ends[on].iter_mut().zip(load).for_each(|(sum, load)| *sum += load);
            }
        }
    }
    for (at, row) in prices.iter().enumerate() {
        for (resource, price) in row.iter().copied().enumerate() {
            if price != 0.0 {
                let bound = if price > 0.0 { frame.high[at][resource] } else { frame.low[at][resource] };
                sum -= price * bound;
                size_of_sum += (price * bound).abs();
            }
        }
    }
    let bound = sum - SAFETY * size_of_sum;
    // Where replicas have nowhere to go there is no plan, and nothing to bound.
    Relaxed { bound: if bound.is_finite() { bound } else { 0.0 }, loads: ends }
}

/// The choices of one replica; `targets` is the best broker to move to as a follower, and as the leader.
fn choice(
    frame: &Frame,
    prices: &Rows,
    partition: PartitionOrd,
    broker: BrokerOrd,
    [follower, leader]: [&Load; 2],
    [follows, leads]: [(f64, Option<usize>); 2],
) -> Choice {
    let at = broker.index();
    let size = follower[Resource::Disk.index()];
    let (moves, moves_leading) = (size + follows.0, size + leads.0);
    let own = prices[at][Resource::Disk.index()] * (frame.model.size_on(partition, broker) - size);
    let (stays, stays_leading) = if frame.must_leave(partition, broker) {
        (f64::INFINITY, f64::INFINITY)
    } else {
        (cost(&prices[at], follower) + own, cost(&prices[at], leader) + own)
    };
    Choice {
        follows: stays.min(moves),
        leads: stays_leading.min(moves_leading),
        follows_on: if stays <= moves { Some(at) } else { follows.1 },
        leads_on: if stays_leading <= moves_leading { Some(at) } else { leads.1 },
        moves,
        moves_leading,
    }
}

/// What the cheapest end of a partition costs, and which of its replicas leads. `lacking` of them have to move.
fn cheapest_end(
    frame: &Frame,
    partition: PartitionOrd,
    choices: &[Choice],
    lacking: usize,
) -> (f64, Option<usize>) {
    let all: f64 = choices.iter().map(|choice| choice.follows).sum();
    let extra = |choice: &Choice| choice.leads - choice.follows;
    let (mut leads, mut leading) = (None, f64::INFINITY);
    for (at, choice) in choices.iter().enumerate() {
        if extra(choice) < leading {
            (leads, leading) = (Some(at), extra(choice));
        }
    }
    // What has no leader now may stay without one.
    if leads.is_none() || (frame.model.placement.leader(partition).is_none() && leading > 0.0) {
        (leads, leading) = (None, 0.0);
    }
    if lacking == 0 {
        return (all + leading, leads);
    }
    let mut extras: Vec<f64> = choices.iter().map(|choice| choice.moves - choice.follows).collect();
    extras.sort_unstable_by(f64::total_cmp);
    let first = |count: usize| extras.iter().take(count).sum::<f64>();
    // Either the leader is not counted among those that have to move, or it is one of them.
    let leader_moves =
        choices.iter().map(|choice| choice.moves_leading - choice.follows).fold(f64::INFINITY, f64::min);
    (all + (leading + first(lacking)).min(leader_moves + first(lacking - 1)), leads)
}
