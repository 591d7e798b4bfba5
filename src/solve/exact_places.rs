//! The places that `exact` chooses from: for each partition every set of brokers that it may stand on.

use super::problem::Freedom;
use super::state::State;
use crate::model::promises::{RackSpread, best_rack_spread, rack_spread};
use crate::model::{BrokerOrd, PartitionOrd};

/// A partition to be placed.
pub(super) struct Slot {
    pub partition: PartitionOrd,
    /// Bytes of a replica.
    pub size: f64,
    /// Where it stands before anything is done, as positions of brokers.
    pub home: Vec<usize>,
    /// Where it may stand, cheapest first.
    pub places: Vec<Place>,
    /// Which of these is the present one; 0 where that is none of them.
    pub now: usize,
    /// Whether it may stand where the slot before it may, from the same home and with the same size.
    pub like_before: bool,
}

/// A set of brokers that a partition may stand on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub brokers: Vec<usize>,
    /// Bytes copied, with the fixed price of each move.
    pub price: f64,
    /// The moves that lead there from home.
    pub moves: Vec<(BrokerOrd, BrokerOrd)>,
    pub leader: Option<BrokerOrd>,
}

/// Where to start from, and so which places there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// What stands before anything is done: rack spread as it is there, or better.
    Home,
    /// The same with rack spread as good as can be.
    Spread,
    /// What the search has reached, which is among the places: what it mended is kept.
    Reached,
}

/// All partitions, largest first; `None` where one has no place.
pub(super) fn slots(state: &State, start: Start) -> Option<Vec<Slot>> {
    let model = state.problem.model;
    let mut order: Vec<PartitionOrd> = model.partition_ords().collect();
    let home = |partition: PartitionOrd| {
        let mut home: Vec<usize> = model.placement.replicas(partition).iter().map(|b| b.index()).collect();
        home.sort_unstable();
        home
    };
    order.sort_by(|x, y| {
        state.bytes(*y).total_cmp(&state.bytes(*x)).then_with(|| home(*x).cmp(&home(*y))).then(x.cmp(y))
    });
    let mut slots: Vec<Slot> = Vec::new();
    for partition in order {
        let places = places(state, partition, start);
        let mut now: Vec<usize> = state.assignment.replicas(partition).iter().map(|b| b.index()).collect();
        now.sort_unstable();
        let at = places.iter().position(|place| place.brokers == now);
        if places.is_empty() || (at.is_none() && start == Start::Reached) {
            return None;
        }
        let slot = Slot {
            partition,
            size: state.bytes(partition),
            home: home(partition),
            places,
            now: at.unwrap_or(0),
            like_before: false,
        };
        let alike = |before: &Slot| {
            let sets = |of: &Slot| of.places.iter().map(|place| place.brokers.clone()).collect::<Vec<_>>();
            before.home == slot.home
                && before.size.total_cmp(&slot.size).is_eq()
                && sets(before) == sets(&slot)
        };
        let like_before = slots.last().is_some_and(alike);
        slots.push(Slot { like_before, ..slot });
    }
    Some(slots)
}

fn places(state: &State, partition: PartitionOrd, start: Start) -> Vec<Place> {
    let (problem, model) = (state.problem, state.problem.model);
    let home = model.placement.replicas(partition);
    let now = if start == Start::Reached { state.assignment.replicas(partition) } else { home };
    let rack = |broker: BrokerOrd| model.brokers[broker.index()].alive.then(|| model.rack_of(broker));
    let floor: RackSpread = if start == Start::Spread && problem.freedom[partition.index()] == Freedom::Free {
        best_rack_spread(now.len(), &problem.roles.brokers_per_rack(model))
    } else {
        rack_spread(now, rack)
    };
    let stays = |broker: BrokerOrd| now.contains(&broker) && !problem.must_leave(partition, broker);
    let may_hold = |broker: BrokerOrd| match problem.freedom[partition.index()] {
        Freedom::Held => now.contains(&broker),
        // What may not leave of its own accord stays, and what leaves goes anywhere: the set below sees to that.
        Freedom::Free | Freedom::OnlyOffLeaving => {
            stays(broker)
                || (problem.may_receive(partition, broker) && !problem.must_leave(partition, broker))
                || (home.contains(&broker)
                    && problem.roles.counts[broker.index()]
                    && !problem.must_leave(partition, broker))
        }
    };
    let candidates: Vec<BrokerOrd> = model.broker_ords().filter(|broker| may_hold(*broker)).collect();
    let keeps_all = problem.freedom[partition.index()] == Freedom::OnlyOffLeaving;
    let mut places = Vec::new();
    for set in sets(&candidates, now.len()) {
        let leaves_behind = keeps_all && home.iter().any(|b| stays(*b) && !set.contains(b));
        if leaves_behind || rack_spread(&set, rack).is_worse_than(floor) {
            continue;
        }
        places.extend(place(state, partition, &set));
    }
    places.sort_by(|x: &Place, y| x.price.total_cmp(&y.price).then_with(|| x.brokers.cmp(&y.brokers)));
    places
}

/// All subsets of this many brokers, each in ascending order.
fn sets(candidates: &[BrokerOrd], count: usize) -> Vec<Vec<BrokerOrd>> {
    let mut sets: Vec<Vec<BrokerOrd>> = vec![Vec::new()];
    for _ in 0..count {
        let longer = |set: &Vec<BrokerOrd>| {
            let next = candidates.iter().filter(|broker| set.last().is_none_or(|last| *broker > last));
            next.map(|broker| [set.as_slice(), &[*broker]].concat()).collect::<Vec<_>>()
        };
        sets = sets.iter().flat_map(longer).collect();
    }
    sets
}

/// The moves and the leader that a set of brokers comes with; `None` where nobody in it may lead.
fn place(state: &State, partition: PartitionOrd, set: &[BrokerOrd]) -> Option<Place> {
    let (problem, model) = (state.problem, state.problem.model);
    let home = model.placement.replicas(partition);
    let gone: Vec<BrokerOrd> = home.iter().copied().filter(|broker| !set.contains(broker)).collect();
    let mut come: Vec<BrokerOrd> = set.iter().copied().filter(|broker| !home.contains(broker)).collect();
    // Inside the rack where that can be: it is what people expect to see.
    let mut moves = Vec::new();
    let mut rest = Vec::new();
    for from in gone {
        match come.iter().position(|to| model.rack_of(*to) == model.rack_of(from)) {
            Some(at) => moves.push((from, come.remove(at))),
            None => rest.push(from),
        }
    }
    moves.extend(rest.into_iter().zip(come));
    let before = model.placement.leader(partition);
    let now = state.assignment.leader(partition);
    let follows = moves.iter().find(|(from, _)| Some(*from) == before).map(|(_, to)| *to);
    let fit = |leader: &BrokerOrd| {
        set.contains(leader) && (problem.may_lead(partition, *leader) || Some(*leader) == before)
    };
    let leader = now.into_iter().chain(follows).chain(set.iter().copied()).find(fit);
    if leader.is_none() && before.is_some() {
        return None;
    }
    let mut brokers: Vec<usize> = set.iter().map(|broker| broker.index()).collect();
    brokers.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a handful of replicas")]
    let price = (state.bytes(partition) + problem.fixed_price) * moves.len() as f64;
    Some(Place { brokers, price, moves, leader })
}
