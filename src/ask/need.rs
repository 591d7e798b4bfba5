//! How many brokers a rack needs, from what has to stand in it and what a broker may carry.
//!
//! For each must capacity goal on a resource, with `f` the growth and `h` the headroom:
//!
//! - a broker may carry `limit * (1 - h)`; a broker that joins, the median of its rack;
//! - **a rack on its own**: with as many racks as replicas every rack holds one full copy, whoever leads; in general
//!   it holds at least `forced(p)` copies of each partition `p` ([`forced_copies`]). Their load,
//!   `f * sum(forced(p) * follower load(p))`, has to fit. *Least*: the smallest number of brokers whose limits add up
//!   to it. *Needed*: the smallest with which placing the largest replica first, each where most room is left, finds
//!   room for all: one replica cannot be cut in two. It lies between `load / limit` and `load / (limit - largest)`;
//! - **the racks together**: the load of all replicas, leaders as leaders, `f * sum(leader(p) + (r - 1) follower(p))`,
//!   has to fit as a sum: leadership and what is not forced may go anywhere. What is missing goes to the rack with the
//!   fewest brokers, one after the other;
//! - **a rack lost** (`survive`): the limits without any one rack have to carry all leaders, and followers less the
//!   copies that the rack held at least.
//!
//! Numbers of replicas and leaders do not grow with the data. No rack has fewer brokers than copies of a partition
//! that the evenest spread puts there.

use std::collections::BinaryHeap;

use serde::Serialize;

use super::real;
use super::scenario::median;
use crate::base::RackId;
use crate::goals::{Capacity, Goal, GoalSet, Limit, Scope, Tier};
use crate::model::{BrokerOrd, ClusterModel, Resource};
use crate::solve::forced_copies;

/// A search that needs more brokers than this in a rack is given up: something is wrong with the numbers.
const BROKERS_MAX: usize = 10_000;

/// How many brokers a rack needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RackNeed {
    /// The rack.
    pub rack: RackId,
    /// Brokers that are alive there.
    pub brokers: usize,
    /// Brokers that it takes.
    pub needed: usize,
    /// The most copies of one partition that the evenest spread puts there: with fewer brokers there is no such spread.
    pub copies: usize,
    /// The goal that asks for so many; absent where only the copies of a partition do.
    pub binding: Option<String>,
    /// The resource of that goal.
    pub resource: Option<Resource>,
    /// Capacity that would do instead of more brokers, in the resource's unit; 0 where none is missing.
    pub capacity_missing: f64,
    /// What each goal asks of the rack on its own.
    pub demands: Vec<Demand>,
}

/// What a goal asks of a rack on its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Demand {
    /// The goal.
    pub goal: String,
    /// The resource.
    pub resource: Resource,
    /// What has to stand in the rack, in the resource's unit.
    pub load: f64,
    /// What its brokers may carry.
    pub limit: f64,
    /// The largest single replica.
    pub largest: f64,
    /// Brokers without which sums do not fit.
    pub least: usize,
    /// Brokers with which replicas, which cannot be cut in two, are seen to fit.
    pub needed: usize,
}

/// A must capacity goal that brokers are counted for.
struct Counted<'a> {
    goal: &'a Goal,
    capacity: &'a Capacity,
    /// What growth does to its resource.
    factor: f64,
    /// By rack: what its brokers may carry, the least first.
    rooms: Vec<Vec<f64>>,
    /// By rack: what a broker that joins may carry.
    joining: Vec<f64>,
}

impl Counted<'_> {
    /// What `brokers` brokers of a rack may carry, whichever of them stay.
    fn room(&self, rack: usize, brokers: usize) -> f64 {
        let there = &self.rooms[rack];
        let old: f64 = there.iter().take(brokers).sum();
        old + real(brokers.saturating_sub(there.len())) * self.joining[rack]
    }

    /// Capacity that would have to be added for so much load.
    fn missing(&self, load: f64) -> f64 {
        match self.capacity.limit {
            Limit::Share(share) if share > 0.0 => load / share,
            _ => load,
        }
    }
}

/// What is asked of a sizing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// What loads and sizes are multiplied by.
    pub factor: f64,
    /// Share of each limit that is to stay free, 0 to 1.
    pub headroom: f64,
}

/// How many brokers each rack needs, and the goals that could not be counted for, with why.
pub(super) fn needs(model: &ClusterModel, goals: &GoalSet, frame: Frame) -> (Vec<RackNeed>, Vec<String>) {
    // A rack whose brokers are down is a rack all the same: it is sized for when it has brokers again.
    let per_rack = model.brokers_per_rack(|_| true);
    let alive = model.brokers_per_rack(|broker| model.brokers[broker.index()].alive);
    let mut left_out = Vec::new();
    let mut rules = Vec::new();
    for (goal, rule) in goals.capacities().filter(|(goal, _)| goal.tier == Tier::Must) {
        match rule_of(model, goal, rule, frame) {
            Ok(rule) => rules.push(rule),
            Err(reason) => left_out.push(format!("{}: {reason}", goal.name)),
        }
    }
    let copies: Vec<usize> =
        (0..per_rack.len()).map(|rack| least_by_copies(model, &per_rack, rack)).collect();
    let mut racks: Vec<RackNeed> = (0..per_rack.len())
        .map(|rack| RackNeed {
            rack: model.racks[rack].clone(),
            brokers: alive[rack],
            needed: copies[rack],
            copies: copies[rack],
            binding: None,
            resource: None,
            capacity_missing: 0.0,
            demands: Vec::new(),
        })
        .collect();
    for rule in &rules {
        for (rack, need) in racks.iter_mut().enumerate() {
            let demand = demand(model, rule, &per_rack, rack, need.brokers);
            if demand.needed > need.needed {
                need.needed = demand.needed;
                need.bind(rule, demand.load - rule.room(rack, need.brokers));
            }
            need.demands.push(demand);
        }
    }
    for rule in &rules {
        let total = whole_load(model, rule);
        fill(rule, &mut racks, total, |rule, racks| {
            racks.iter().enumerate().map(|(rack, need)| rule.room(rack, need.needed)).sum()
        });
        if rule.capacity.survive.is_some() {
            let after = load_without_a_rack(model, rule, &per_rack);
            fill(rule, &mut racks, after, |rule, racks| {
                let rooms: Vec<f64> =
                    racks.iter().enumerate().map(|(rack, need)| rule.room(rack, need.needed)).collect();
                rooms.iter().sum::<f64>() - rooms.iter().copied().fold(0.0, f64::max)
            });
        }
    }
    (racks, left_out)
}

impl RackNeed {
    fn bind(&mut self, rule: &Counted<'_>, missing: f64) {
        self.binding = Some(rule.goal.name.clone());
        self.resource = Some(rule.capacity.resource);
        self.capacity_missing = rule.missing(missing.max(0.0));
    }
}

/// A rule with the rooms of brokers, or why it cannot be counted for.
fn rule_of<'a>(
    model: &ClusterModel,
    goal: &'a Goal,
    rule: &'a Capacity,
    frame: Frame,
) -> Result<Counted<'a>, String> {
    let name = rule.resource.name();
    if rule.scope != Scope::Broker {
        return Err("its scope is not a broker; it is judged in proposals only".to_owned());
    }
    if !model.known[rule.resource.index()] {
        return Err(format!("the {name} load of some partitions is not known"));
    }
    let alive: Vec<BrokerOrd> = model.broker_ords().filter(|b| model.brokers[b.index()].alive).collect();
    let limit = |broker: &BrokerOrd| {
        rule.limit_of(&model.brokers[broker.index()]).map(|limit| limit * (1.0 - frame.headroom))
    };
    let all = median(alive.iter().map(limit))
        .ok_or_else(|| format!("the {name} capacity of some brokers is not known"))?;
    let mut rooms = Vec::new();
    let mut joining = Vec::new();
    for rack in 0..model.racks.len() {
        let of_rack = || alive.iter().filter(|broker| model.rack_of(**broker).index() == rack);
        let mut there: Vec<f64> = of_rack().filter_map(limit).collect();
        there.sort_unstable_by(f64::total_cmp);
        joining.push(median(of_rack().map(limit)).unwrap_or(all));
        rooms.push(there);
    }
    if joining.iter().any(|room| *room <= 0.0) {
        return Err(format!("brokers may carry no {name} at all"));
    }
    let factor = if rule.resource.is_count() { 1.0 } else { frame.factor };
    Ok(Counted { goal, capacity: rule, factor, rooms, joining })
}

/// The most copies of one partition that the evenest spread puts in a rack: so many brokers it takes.
fn least_by_copies(model: &ClusterModel, per_rack: &[usize], rack: usize) -> usize {
    let mut factors: Vec<usize> =
        model.partition_ords().map(|partition| model.placement.replicas(partition).len()).collect();
    factors.sort_unstable();
    factors.dedup();
    factors.into_iter().map(|factor| forced_copies(factor, per_rack)[rack].1).max().unwrap_or(0)
}

/// What a goal asks of a rack on its own.
fn demand(
    model: &ClusterModel,
    rule: &Counted<'_>,
    per_rack: &[usize],
    rack: usize,
    brokers: usize,
) -> Demand {
    let resource = rule.capacity.resource;
    let mut by_factor = std::collections::BTreeMap::new();
    let mut items = Vec::new();
    for partition in model.partition_ords() {
        let factor = model.placement.replicas(partition).len();
        let copies = *by_factor.entry(factor).or_insert_with(|| forced_copies(factor, per_rack)[rack].0);
        let load = rule.factor * model.least_load(partition, factor)[resource.index()];
        items.extend(std::iter::repeat_n(load, copies).filter(|load| *load > 0.0));
    }
    let load: f64 = items.iter().sum();
    let least = (0..BROKERS_MAX)
        .find(|brokers| rule.room(rack, *brokers) >= load * (1.0 - 1e-9))
        .unwrap_or(BROKERS_MAX);
    items.sort_unstable_by(|one, other| other.total_cmp(one));
    let largest = items.first().copied().unwrap_or(0.0);
    let widest = rule.rooms[rack].iter().copied().fold(rule.joining[rack], f64::max);
    let packs = |brokers: &usize| {
        let there = rule.rooms[rack].iter().copied().chain(std::iter::repeat(rule.joining[rack]));
        fits(&items, there.take(*brokers))
    };
    // Pieces of one size that fill brokers without a rest, and replicas that no broker can carry, are not packed: no
    // number of brokers helps the latter, and the goal's own verdict names them.
    let needed = if resource.is_count() || largest > widest {
        least
    } else {
        (least..BROKERS_MAX).find(packs).unwrap_or(BROKERS_MAX)
    };
    let limit = rule.room(rack, brokers);
    Demand { goal: rule.goal.name.clone(), resource, load, limit, largest, least, needed }
}

/// Room on a broker, ordered by size.
#[derive(PartialEq)]
struct Room(f64);

impl Eq for Room {}

impl PartialOrd for Room {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Room {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Whether items, the largest first, each find room on the broker with most of it left.
fn fits(items: &[f64], rooms: impl Iterator<Item = f64>) -> bool {
    let mut rooms: BinaryHeap<Room> = rooms.map(Room).collect();
    items.iter().all(|item| {
        let Some(mut most) = rooms.peek_mut() else { return false };
        most.0 -= item;
        most.0 >= -1e-9 * item
    })
}

/// What all replicas weigh, leaders as leaders.
fn whole_load(model: &ClusterModel, rule: &Counted<'_>) -> f64 {
    let resource = rule.capacity.resource.index();
    let load = model.partition_ords().map(|partition| {
        let factor = model.placement.replicas(partition).len();
        let followers = real(factor.saturating_sub(1));
        model.load(partition, true, factor)[resource]
            + followers * model.load(partition, false, factor)[resource]
    });
    rule.factor * load.sum::<f64>()
}

/// What is left to carry when a rack is lost: all leaders, and followers less the copies that any rack holds at least.
fn load_without_a_rack(model: &ClusterModel, rule: &Counted<'_>, per_rack: &[usize]) -> f64 {
    let resource = rule.capacity.resource.index();
    let load = model.partition_ords().map(|partition| {
        let factor = model.placement.replicas(partition).len();
        let gone = forced_copies(factor, per_rack).into_iter().map(|(least, _)| least).min().unwrap_or(0);
        let followers = real(factor.saturating_sub(1).saturating_sub(gone));
        model.load(partition, true, factor)[resource]
            + followers * model.load(partition, false, factor)[resource]
    });
    rule.factor * load.sum::<f64>()
}

/// Adds brokers to the racks with the fewest until the room is enough.
fn fill(
    rule: &Counted<'_>,
    racks: &mut [RackNeed],
    load: f64,
    room: impl Fn(&Counted<'_>, &[RackNeed]) -> f64,
) {
    let missing_now = {
        let mut now = racks.to_vec();
        for need in &mut now {
            need.needed = need.brokers;
        }
        load - room(rule, &now)
    };
    for _ in 0..BROKERS_MAX {
        if room(rule, racks) >= load * (1.0 - 1e-9) {
            return;
        }
        let least = (0..racks.len()).min_by_key(|rack| (racks[*rack].needed, *rack));
        let Some(need) = least.map(|rack| &mut racks[rack]) else { return };
        need.needed += 1;
        need.bind(rule, missing_now);
    }
}
