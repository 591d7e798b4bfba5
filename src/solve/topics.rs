//! Goals on counts of topics: a broker with too many (or too few) replicas of a topic gives some away (or gets some),
//! the cheapest first, in exchange for another replica where nothing else fits.

use std::collections::BTreeMap;

use super::delta::{Cell, Shift};
use super::level::Scope;
use super::problem::Freedom;
use super::state::State;
use crate::goals::Counted;
use crate::model::{BrokerOrd, PartitionOrd, Resource, TopicOrd};

/// How many replicas of the other broker are tried in exchange, those nearest in size first.
const EXCHANGES_MAX: usize = 16;

/// How many replicas of a topic are tried, the smallest first.
const TRIED_MAX: usize = 6;

/// How many brokers are tried for it.
const TAKERS_MAX: usize = 48;

/// How many of them are tried in exchange for another.
const EXCHANGED_MAX: usize = 4;

/// With how many brokers an exchange is tried: those with fewest replicas of the topic first.
const PARTNERS_MAX: usize = 8;

/// The replicas of brokers that may move, by size; looked up again when something has changed there.
#[derive(Default)]
struct Shelves(BTreeMap<BrokerOrd, (u32, Vec<(f64, PartitionOrd)>)>);

impl Shelves {
    fn of(&mut self, state: &State, scope: &Scope, broker: BrokerOrd) -> &[(f64, PartitionOrd)] {
        let changes = state.changes_on(broker);
        let look_up = || {
            let held = state.on_broker[broker.index()].iter().copied();
            let movable = held.filter(|partition| state.is_movable(scope, *partition, broker));
            let mut by_size: Vec<(f64, PartitionOrd)> =
                movable.map(|partition| (state.bytes(partition), partition)).collect();
            by_size.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
            (changes, by_size)
        };
        let known = self.0.entry(broker).or_insert_with(look_up);
        if known.0 != changes {
            *known = look_up();
        }
        &known.1
    }
}

/// Those nearest to a size, nearest first.
fn nearest(by_size: &[(f64, PartitionOrd)], size: f64) -> impl Iterator<Item = PartitionOrd> {
    let middle = by_size.partition_point(|(other, _)| *other < size);
    let (mut below, mut above) =
        (by_size[..middle].iter().rev().peekable(), by_size[middle..].iter().peekable());
    std::iter::from_fn(move || {
        let is_nearer = match (below.peek(), above.peek()) {
            (Some(below), Some(above)) => size - below.0 < above.0 - size,
            (below, _) => below.is_some(),
        };
        let next = if is_nearer { below.next() } else { above.next() };
        next.map(|(_, partition)| *partition)
    })
}

impl State<'_, '_> {
    /// Mends counts of replicas of topics; says whether anything moved.
    pub fn level_topics(&mut self, scope: &Scope) -> bool {
        let mut moved = false;
        let mut shelves = Shelves::default();
        for at in 0..self.problem.topic_terms.len() {
            if scope.only_musts && self.problem.topic_terms[at].tier > 0 {
                continue;
            }
            if self.problem.topic_terms[at].of == Counted::Leaders {
                moved |= self.bring_leaders(scope, at);
                continue;
            }
            for (topic, broker) in self.crowded(at) {
                while self.counts.get(topic, broker, Counted::Replicas)
                    > self.problem.topic_terms[at].bounds[topic.index()].1
                    && self.thin_out(scope, topic, broker, &mut shelves)
                {
                    moved = true;
                }
            }
            for (topic, broker) in self.starved(at) {
                while self.counts.get(topic, broker, Counted::Replicas)
                    < self.problem.topic_terms[at].bounds[topic.index()].0
                    && self.bring(scope, topic, broker, false)
                {
                    moved = true;
                }
            }
        }
        moved
    }

    /// Topics and brokers with more than the most.
    fn crowded(&self, term: usize) -> Vec<(TopicOrd, BrokerOrd)> {
        self.off(term, true, |count, (_, high)| count > high)
    }

    /// Topics and brokers with less than the least.
    fn starved(&self, term: usize) -> Vec<(TopicOrd, BrokerOrd)> {
        self.off(term, false, |count, (low, _)| count < low)
    }

    fn off(
        &self,
        at: usize,
        over: bool,
        is_off: impl Fn(u16, (u16, u16)) -> bool,
    ) -> Vec<(TopicOrd, BrokerOrd)> {
        let term = &self.problem.topic_terms[at];
        let counts = &self.problem.roles.counts;
        let mut found = Vec::new();
        for topic in self.counts.topics_beyond(at, over) {
            let bounds = term.bounds[topic.index()];
            for (broker, count) in self.counts.row(topic, term.of).iter().enumerate() {
                if is_off(*count, bounds) && counts[broker] {
                    found.push((topic, BrokerOrd::from(broker)));
                }
            }
        }
        found
    }

    fn partitions_of(&self, topic: TopicOrd) -> impl Iterator<Item = PartitionOrd> + use<> {
        let row = &self.problem.model.topics[topic.index()];
        (row.first_partition.0..row.first_partition.0 + row.partition_count).map(PartitionOrd)
    }

    /// Whether a replica may move for the sake of a goal.
    pub(super) fn is_movable(&self, scope: &Scope, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        if scope.only_displaced {
            !self.is_home(partition, broker)
        } else {
            self.problem.freedom[partition.index()] == Freedom::Free
        }
    }

    /// Free replicas of a topic on a broker, the cheapest first.
    fn replicas_of(&self, scope: &Scope, topic: TopicOrd, broker: BrokerOrd) -> Vec<PartitionOrd> {
        let mut held: Vec<PartitionOrd> = self
            .partitions_of(topic)
            .filter(|partition| self.assignment.holds(*partition, broker))
            .filter(|partition| self.is_movable(scope, *partition, broker))
            .collect();
        let price = |partition: &PartitionOrd| {
            if self.is_home(*partition, broker) { self.bytes(*partition) } else { 0.0 }
        };
        held.sort_by(|x, y| price(x).total_cmp(&price(y)).then(x.cmp(y)));
        held.truncate(TRIED_MAX);
        held
    }

    /// Sends one replica of a topic away from a broker that has too many.
    fn thin_out(&mut self, scope: &Scope, topic: TopicOrd, from: BrokerOrd, shelves: &mut Shelves) -> bool {
        let mut best: Option<(f64, PartitionOrd, BrokerOrd)> = None;
        let held = self.replicas_of(scope, topic, from);
        let takers = self.takers(scope, topic, from);
        for partition in &held {
            for to in takers.iter().copied() {
                if !self.is_legal(*partition, from, to) {
                    continue;
                }
                let Some(delta) = self.evaluate_move(*partition, from, to) else { continue };
                let worth = delta.gain() / self.price(*partition, from, to);
                if delta.improves() && !delta.worsens_any() && best.is_none_or(|(most, ..)| worth > most) {
                    best = Some((worth, *partition, to));
                }
            }
        }
        if let Some((_, partition, to)) = best {
            self.move_because(partition, from, to);
            return true;
        }
        held.into_iter()
            .take(EXCHANGED_MAX)
            .any(|partition| self.exchange_for_like(scope, partition, from, shelves))
    }

    /// The brokers that may take a replica of a topic; where there are many, those with fewest of it.
    fn takers(&self, scope: &Scope, topic: TopicOrd, from: BrokerOrd) -> Vec<BrokerOrd> {
        let model = self.problem.model;
        let may = |to: &BrokerOrd| {
            let near = !self.racks_are_closed || model.rack_of(*to) == model.rack_of(from);
            near && *to != from && scope.receives[to.index()]
        };
        let counts = self.counts.row(topic, Counted::Replicas);
        let mut takers: Vec<BrokerOrd> = model.broker_ords().filter(may).collect();
        if takers.len() > TAKERS_MAX {
            takers.select_nth_unstable_by_key(TAKERS_MAX, |broker| (counts[broker.index()], *broker));
            takers.truncate(TAKERS_MAX);
            takers.sort_unstable();
        }
        takers
    }

    /// Exchanges a replica for one of like size of another topic, on the broker where that costs least.
    fn exchange_for_like(
        &mut self,
        scope: &Scope,
        mine: PartitionOrd,
        a: BrokerOrd,
        shelves: &mut Shelves,
    ) -> bool {
        let mut best: Option<(f64, PartitionOrd, BrokerOrd)> = None;
        let size = self.bytes(mine);
        let topic = self.problem.model.partitions[mine.index()].topic;
        if !scope.receives[a.index()] {
            return false;
        }
        let may = |b: &BrokerOrd| scope.receives[b.index()] && self.is_legal(mine, a, *b);
        let mut partners: Vec<(u16, BrokerOrd)> = self
            .problem
            .model
            .broker_ords()
            .filter(may)
            .map(|b| (self.counts.get(topic, b, Counted::Replicas), b))
            .collect();
        partners.sort_unstable();
        partners.truncate(PARTNERS_MAX);
        for (_, b) in partners {
            let other_topic =
                |their: &PartitionOrd| self.problem.model.partitions[their.index()].topic != topic;
            let theirs = nearest(shelves.of(self, scope, b), size).filter(other_topic);
            for their in theirs.take(EXCHANGES_MAX) {
                let Some((delta, price)) = self.evaluate_swap(mine, their, a, b) else { continue };
                let worth = delta.gain() / price;
                if delta.improves() && best.is_none_or(|(most, ..)| worth > most) {
                    best = Some((worth, their, b));
                }
            }
        }
        let Some((_, their, b)) = best else { return false };
        self.swap_because(mine, their, a, b);
        true
    }

    /// Brings one replica of a topic to a broker that has too few; one that leads, where leaders are wanted.
    fn bring(&mut self, scope: &Scope, topic: TopicOrd, to: BrokerOrd, leads: bool) -> bool {
        if !scope.receives[to.index()] {
            return false;
        }
        let mut best: Option<(f64, PartitionOrd, BrokerOrd)> = None;
        for partition in self.partitions_of(topic) {
            for from in self.assignment.replicas(partition) {
                let fits = self.is_movable(scope, partition, *from)
                    && (!leads || self.leads(partition, *from))
                    && self.is_legal(partition, *from, to);
                let Some(delta) = fits.then(|| self.evaluate_move(partition, *from, to)).flatten() else {
                    continue;
                };
                let worth = delta.gain() / self.price(partition, *from, to);
                if delta.improves()
                    && self.keeps_counts(*from, to, &delta)
                    && best.is_none_or(|(most, ..)| worth > most)
                {
                    best = Some((worth, partition, *from));
                }
            }
        }
        let Some((_, partition, from)) = best else { return false };
        self.move_because(partition, from, to);
        true
    }

    /// Brings replicas that lead to brokers that lead too few partitions of a topic and hold none that they could.
    fn bring_leaders(&mut self, scope: &Scope, term: usize) -> bool {
        let mut moved = false;
        for (topic, broker) in self.starved(term) {
            while self.counts.get(topic, broker, Counted::Leaders)
                < self.problem.topic_terms[term].bounds[topic.index()].0
                && (self.take_leadership(topic, broker) || self.bring(scope, topic, broker, true))
            {
                moved = true;
            }
        }
        moved
    }

    /// Lets a broker lead one more partition of a topic that it follows.
    fn take_leadership(&mut self, topic: TopicOrd, to: BrokerOrd) -> bool {
        let mut best: Option<(f64, PartitionOrd, BrokerOrd)> = None;
        for partition in self.partitions_of(topic) {
            let Some(from) = self.assignment.leader(partition) else { continue };
            let may = from != to
                && self.problem.freedom[partition.index()] == Freedom::Free
                && self.assignment.holds(partition, to)
                && self.may_take_leadership(partition, from, to);
            let Some(delta) = may.then(|| self.evaluate_leader(partition, from, to)).flatten() else {
                continue;
            };
            if delta.improves() && best.is_none_or(|(most, ..)| delta.gain() > most) {
                best = Some((delta.gain(), partition, from));
            }
        }
        let Some((_, partition, from)) = best else { return false };
        self.apply_leader(partition, from, to, super::reasons::Cause::Topic);
        true
    }

    /// The shift and cells of an exchange: `mine` goes from `a` to `b`, `theirs` from `b` to `a`.
    pub(super) fn shift_of_swap(
        &self,
        mine: PartitionOrd,
        theirs: PartitionOrd,
        a: BrokerOrd,
        b: BrokerOrd,
    ) -> (Shift, [Cell; 2]) {
        let (out, back) = (self.shift_of_move(mine, a, b), self.shift_of_move(theirs, b, a));
        let mut shift = out;
        for r in 0..Resource::COUNT {
            shift.to_a[r] += back.to_b[r];
            shift.to_b[r] += back.to_a[r];
        }
        (shift, [self.cell(mine, a, b), self.cell(theirs, b, a)])
    }
}
