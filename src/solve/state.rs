//! [`State`]: the placement while it is searched, and what a change of it would do to the penalties.

use super::delta::{Cell, Delta, Shift, change};
use super::problem::{EPSILON, Load, Problem, penalty};
use super::reasons::{Cause, Record};
use super::topic_terms::TopicCounts;
use crate::goals::Counted;
use crate::model::{Assignment, BrokerOrd, ClusterModel, PartitionOrd, Resource, Sums, TopicOrd};

/// The placement while it is searched.
#[derive(Clone)]
pub(super) struct State<'p, 'a> {
    pub problem: &'p Problem<'a>,
    /// Whether no replica can go from rack to rack any more.
    pub racks_are_closed: bool,
    /// The same with narrower bounds, for the first sweep.
    pub tight: Option<&'p Problem<'a>>,
    pub assignment: Assignment,
    pub sums: Sums,
    pub counts: TopicCounts,
    /// What a replica weighs on average.
    pub mean_replica: Load,
    /// Load of each group of each group term.
    group_loads: Vec<Vec<f64>>,
    /// Penalties of counts of topics, by tier.
    topic_penalty: Delta,
    /// Partitions with a replica on each broker, in no particular (but always the same) order.
    pub on_broker: Vec<Vec<PartitionOrd>>,
    /// What was done and why.
    pub records: Vec<Record>,
    /// By broker: how often something was changed there.
    changes: Vec<u32>,
    /// By broker: terms that it is over and under in, a bit each.
    beyond: Vec<(u64, u64)>,
    /// By broker: what is beyond its bounds, in all tiers together.
    penalties: Vec<f64>,
    /// By broker and term: least and most.
    bounds: Vec<(f64, f64)>,
}

impl<'p, 'a> State<'p, 'a> {
    pub fn new(problem: &'p Problem<'a>, assignment: Assignment, sums: Sums) -> Self {
        let model = problem.model;
        let mut on_broker: Vec<Vec<PartitionOrd>> =
            model.broker_ords().map(|broker| Vec::with_capacity(held(&sums, broker))).collect();
        for partition in model.partition_ords() {
            for broker in assignment.replicas(partition) {
                on_broker[broker.index()].push(partition);
            }
        }
        let mut state = Self {
            problem,
            racks_are_closed: problem.racks_are_closed,
            tight: None,
            counts: TopicCounts::new(problem, &assignment),
            group_loads: problem.groups.iter().map(|group| group.loads(model, &sums)).collect(),
            mean_replica: mean_replica(model, &sums),
            assignment,
            sums,
            on_broker,
            records: Vec::new(),
            topic_penalty: Delta::NONE,
            changes: vec![0; model.brokers.len()],
            beyond: vec![(0, 0); model.brokers.len()],
            penalties: vec![0.0; model.brokers.len()],
            bounds: Vec::new(),
        };
        state.add_up_topics();
        state.pursue(problem);
        state
    }

    fn add_up_topics(&mut self) {
        for (at, term) in self.problem.topic_terms.iter().enumerate() {
            let (over, under) = (self.counts.topics_beyond(at, true), self.counts.topics_beyond(at, false));
            let mut off: Vec<TopicOrd> = over.chain(under).collect();
            off.sort_unstable();
            off.dedup();
            for topic in off {
                let counted = |broker: &BrokerOrd| self.problem.roles.counts[broker.index()];
                for broker in self.problem.model.broker_ords().filter(counted) {
                    let penalty = term.penalty(topic, self.counts.get(topic, broker, term.of));
                    self.topic_penalty.add(term.tier, term.weight, penalty);
                }
            }
        }
    }

    /// Goes on with the same goals and other bounds.
    pub fn pursue(&mut self, problem: &'p Problem<'a>) {
        self.problem = problem;
        let terms = &problem.terms;
        let bounds =
            |broker: usize| terms.iter().map(move |term| (term.bounds.low[broker], term.bounds.high[broker]));
        self.bounds = (0..problem.model.brokers.len()).flat_map(bounds).collect();
        for broker in problem.model.broker_ords() {
            self.note(broker);
        }
    }

    /// Notes where a broker stands to its bounds.
    fn note(&mut self, broker: BrokerOrd) {
        let row = self.sums.row(broker);
        let (mut over, mut under) = (0, 0);
        for ((at, term), (low, high)) in self.problem.terms.iter().enumerate().zip(self.bounds_of(broker)) {
            let load = row[term.resource];
            // Rounding alone must not start a search.
            let slack = 1e-9 * term.bounds.mean[broker.index()].max(1e-9);
            over |= u64::from(load > high + slack) << (at & 63);
            under |= u64::from(load < low - slack) << (at & 63);
        }
        self.beyond[broker.index()] = (over, under);
        self.penalties[broker.index()] = self.add_up_penalty(broker);
    }

    /// Least and most of a broker by term.
    pub fn bounds_of(&self, broker: BrokerOrd) -> &[(f64, f64)] {
        let width = self.problem.terms.len();
        &self.bounds[broker.index() * width..][..width]
    }

    /// What a replica takes away from, or brings to, a broker.
    pub fn load(&self, partition: PartitionOrd, broker: BrokerOrd, leads: bool) -> Load {
        let replication_factor = self.assignment.replicas(partition).len();
        self.problem.model.load_on(partition, broker, leads, replication_factor)
    }

    pub fn leads(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        self.assignment.leader(partition) == Some(broker)
    }

    /// The shift of moving a replica.
    pub fn shift_of_move(&self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) -> Shift {
        let leads = self.leads(partition, from);
        let to_a = self.load(partition, from, leads).map(|amount| -amount);
        Shift { a: from, to_a, b: to, to_b: self.load(partition, to, leads) }
    }

    /// The shift of moving leadership.
    pub fn shift_of_leader(&self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) -> Shift {
        let to_b = self.leading_load(partition);
        Shift { a: from, to_a: to_b.map(|amount| -amount), b: to, to_b }
    }

    pub fn cell(&self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) -> Cell {
        let topic = self.problem.model.partitions[partition.index()].topic;
        Cell { topic, from, to, replica: true, leader: self.leads(partition, from) }
    }

    /// What a change does; `None` when it would push a broker, host or rack over a hard limit.
    pub fn evaluate(&self, shift: &Shift, cells: &[Cell]) -> Option<Delta> {
        let Shift { a, to_a, b, to_b } = shift;
        let (row_a, row_b) = (self.sums.row(*a), self.sums.row(*b));
        for limit in &self.problem.limits {
            let r = limit.resource;
            let passes = |broker: BrokerOrd, row: &Load, more: f64| {
                more > 0.0 && row[r] + more > limit.most[broker.index()]
            };
            if passes(*a, row_a, to_a[r]) || passes(*b, row_b, to_b[r]) {
                return None;
            }
        }
        for (term, loads) in
            self.problem.groups.iter().zip(&self.group_loads).filter(|(term, _)| term.is_must)
        {
            let (of_a, of_b) = (term.group_of[a.index()], term.group_of[b.index()]);
            let passes = |group: u32, more: f64| {
                more > 0.0 && loads[group as usize] + more > term.bounds[group as usize].1
            };
            let r = term.resource;
            if of_a != of_b && (passes(of_a, to_a[r]) || passes(of_b, to_b[r])) {
                return None;
            }
        }
        Some(self.penalty_change(shift, cells))
    }

    /// [`Self::evaluate`] whatever the limits.
    pub fn penalty_change(&self, shift: &Shift, cells: &[Cell]) -> Delta {
        let Shift { a, to_a, b, to_b } = shift;
        let (row_a, row_b) = (self.sums.row(*a), self.sums.row(*b));
        let mut delta = Delta::NONE;
        let bounds = self.bounds_of(*a).iter().zip(self.bounds_of(*b));
        for (term, (of_a, of_b)) in self.problem.terms.iter().zip(bounds) {
            let r = term.resource;
            if to_a[r] == 0.0 && to_b[r] == 0.0 {
                continue;
            }
            let more =
                change(*of_a, row_a[r], to_a[r], term.scale) + change(*of_b, row_b[r], to_b[r], term.scale);
            delta.add(term.tier, term.weight, more);
        }
        for (term, loads) in self.problem.groups.iter().zip(&self.group_loads) {
            let (of_a, of_b) = (term.group_of[a.index()], term.group_of[b.index()]);
            if of_a != of_b {
                for (group, more) in [(of_a, to_a[term.resource]), (of_b, to_b[term.resource])] {
                    let load = loads[group as usize];
                    delta.add(
                        term.tier,
                        term.weight,
                        term.penalty(group, load + more) - term.penalty(group, load),
                    );
                }
            }
        }
        if !self.problem.topic_terms.is_empty() {
            self.add_topic_change(cells, &mut delta);
        }
        delta
    }

    fn add_topic_change(&self, cells: &[Cell], delta: &mut Delta) {
        for term in &self.problem.topic_terms {
            let counts = |cell: &Cell| match term.of {
                Counted::Replicas => cell.replica,
                Counted::Leaders => cell.leader,
            };
            for (at, cell) in cells.iter().enumerate().filter(|(_, cell)| counts(cell)) {
                for (broker, more) in [(cell.from, -1), (cell.to, 1)] {
                    if !self.problem.roles.counts[broker.index()] {
                        continue;
                    }
                    // What earlier cells do to the same count comes on top of what it is now.
                    let earlier: i32 = if at == 0 {
                        0
                    } else {
                        cells[..at]
                            .iter()
                            .filter(|other| other.topic == cell.topic && counts(other))
                            .map(|other| i32::from(other.to == broker) - i32::from(other.from == broker))
                            .sum()
                    };
                    let now = i32::from(self.counts.get(cell.topic, broker, term.of)) + earlier;
                    if term.is_within(cell.topic, now.min(now + more), now.max(now + more)) {
                        continue;
                    }
                    let narrow = |count: i32| u16::try_from(count.max(0)).unwrap_or(u16::MAX);
                    let after = term.penalty(cell.topic, narrow(now + more));
                    delta.add(term.tier, term.weight, after - term.penalty(cell.topic, narrow(now)));
                }
            }
        }
    }

    /// What moving a replica does; `None` when it would pass a limit.
    pub fn evaluate_move(&self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) -> Option<Delta> {
        self.evaluate(&self.shift_of_move(partition, from, to), &[self.cell(partition, from, to)])
    }

    /// What another leader does.
    pub fn evaluate_leader(&self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) -> Option<Delta> {
        let cell = Cell { replica: false, leader: true, ..self.cell(partition, from, to) };
        self.evaluate(&self.shift_of_leader(partition, from, to), &[cell])
    }

    /// What leading adds to following.
    fn leading_load(&self, partition: PartitionOrd) -> Load {
        let row = &self.problem.model.partitions[partition.index()];
        let replication_factor = self.assignment.replicas(partition).len();
        let leading = self.problem.model.load(partition, true, replication_factor);
        let mut more = [0.0; Resource::COUNT];
        for resource in [Resource::NetworkOut, Resource::Leaders, Resource::LeaderBytesIn] {
            more[resource.index()] = leading[resource.index()];
        }
        more[Resource::NetworkOut.index()] -= row.follower_consume_bytes_per_s;
        more[Resource::Cpu.index()] = row.leader_cpu_cores - row.follower_cpu_cores;
        more
    }

    /// How many other replicas of a partition stand in the rack of `at`, when the one on `from` is left out.
    pub fn others_in_rack(&self, partition: PartitionOrd, from: BrokerOrd, at: BrokerOrd) -> usize {
        let problem = self.problem;
        let rack = problem.rack_of(at);
        let others = self.assignment.replicas(partition).iter();
        others.filter(|other| **other != from && problem.rack_of(**other) == rack).count()
    }

    /// The same for hosts.
    pub fn others_on_host(&self, partition: PartitionOrd, from: BrokerOrd, at: BrokerOrd) -> usize {
        let model = self.problem.model;
        let host = model.host_of(at);
        let others = self.assignment.replicas(partition).iter();
        others.filter(|other| **other != from && model.host_of(**other) == host).count()
    }

    /// Whether a replica may go from one broker to another without two on one broker or worse rack spread. Spread
    /// cannot get worse when the new rack holds no more of the other replicas than the old one.
    pub fn is_legal(&self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) -> bool {
        let model = self.problem.model;
        self.problem.may_receive(partition, to)
            && !self.assignment.holds(partition, to)
            && (self.problem.rack_of(from) == self.problem.rack_of(to)
                || self.others_in_rack(partition, from, to) <= self.others_in_rack(partition, from, from))
            && (!self.problem.keeps_hosts_apart
                || model.host_of(from) == model.host_of(to)
                || self.others_on_host(partition, from, to) <= self.others_on_host(partition, from, from))
            && (!self.leads(partition, from) || self.may_take_leadership(partition, from, to))
    }

    /// Whether leadership may go along with a replica, or by itself: a broker that should not lead does not begin to.
    /// What has to leave takes its leadership along all the same; another replica is asked to lead afterwards.
    pub fn may_take_leadership(&self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) -> bool {
        self.problem.may_lead(partition, to)
            || self.problem.model.placement.leader(partition) == Some(to)
            || self.problem.must_leave(partition, from)
    }

    /// Moves a replica.
    pub fn apply_move(&mut self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd, cause: Cause) {
        let shift = self.shift_of_move(partition, from, to);
        let cell = self.cell(partition, from, to);
        self.assignment.replace(partition, from, to);
        let list = &mut self.on_broker[from.index()];
        let at = list.iter().position(|held| *held == partition).expect("`from` holds a replica");
        list.swap_remove(at);
        self.on_broker[to.index()].push(partition);
        self.settle(&shift, cell);
        self.records.push(Record { partition, from, to, cause });
    }

    /// Lets another replica lead.
    pub fn apply_leader(&mut self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd, cause: Cause) {
        let shift = self.shift_of_leader(partition, from, to);
        let cell = Cell { replica: false, leader: true, ..self.cell(partition, from, to) };
        self.assignment.lead(partition, to);
        self.settle(&shift, cell);
        self.records.push(Record { partition, from, to, cause });
    }

    fn settle(&mut self, shift: &Shift, cell: Cell) {
        let Shift { a, to_a, b, to_b } = shift;
        self.sums.add(*a, to_a);
        self.sums.add(*b, to_b);
        for (term, loads) in self.problem.groups.iter().zip(&mut self.group_loads) {
            loads[term.group_of[a.index()] as usize] += to_a[term.resource];
            loads[term.group_of[b.index()] as usize] += to_b[term.resource];
        }
        let mut topics = self.topic_penalty;
        self.add_topic_change(&[cell], &mut topics);
        self.topic_penalty = topics;
        for (moves, of) in [(cell.replica, Counted::Replicas), (cell.leader, Counted::Leaders)] {
            if moves {
                self.counts.add(self.problem, cell.topic, cell.from, of, false);
                self.counts.add(self.problem, cell.topic, cell.to, of, true);
            }
        }
        for broker in [*a, *b] {
            self.changes[broker.index()] += 1;
            self.note(broker);
        }
    }

    /// How often something was changed on a broker.
    pub fn changes_on(&self, broker: BrokerOrd) -> u32 {
        self.changes[broker.index()]
    }

    /// The terms that a broker is over, and those that it is under, in; a bit each.
    pub fn beyond(&self, broker: BrokerOrd) -> (u64, u64) {
        self.beyond[broker.index()]
    }

    /// Whether a broker is over, and whether it is under, its bounds in some term.
    pub fn is_beyond(&self, broker: BrokerOrd) -> (bool, bool) {
        let (over, under) = self.beyond[broker.index()];
        (over != 0, under != 0)
    }

    /// What is beyond a broker's bounds, in all tiers together.
    pub fn penalty_of(&self, broker: BrokerOrd) -> f64 {
        self.penalties[broker.index()]
    }

    fn add_up_penalty(&self, broker: BrokerOrd) -> f64 {
        let row = self.sums.row(broker);
        let terms = self.problem.terms.iter().zip(self.bounds_of(broker));
        terms
            .map(|(term, (low, high))| {
                let load = row[term.resource];
                term.weight * penalty((load - high).max(low - load), term.scale)
            })
            .sum()
    }

    /// The penalties by tier.
    pub fn penalty(&self) -> Delta {
        let mut penalty = self.topic_penalty;
        penalty.tiers.iter_mut().for_each(|sum| *sum = sum.max(0.0));
        for broker in
            self.problem.model.broker_ords().filter(|broker| self.is_beyond(*broker) != (false, false))
        {
            let row = self.sums.row(broker);
            for term in &self.problem.terms {
                penalty.add(term.tier, term.weight, term.penalty(broker.index(), row[term.resource]));
            }
        }
        for (term, loads) in self.problem.groups.iter().zip(&self.group_loads) {
            for (group, load) in (0..).zip(loads) {
                penalty.add(term.tier, term.weight, term.penalty(group, *load));
            }
        }
        penalty
    }

    /// Whether nothing is beyond any bound.
    pub fn is_level(&self) -> bool {
        self.penalty().tiers.iter().all(|penalty| *penalty <= EPSILON)
    }

    /// The term that a change relieves most, with how far each side is beyond it; for reasons.
    pub fn main_term(&self, shift: &Shift) -> Option<(usize, f64)> {
        let (row_a, row_b) = (self.sums.row(shift.a), self.sums.row(shift.b));
        let relief = |at: usize| {
            let term = &self.problem.terms[at];
            let r = term.resource;
            let (of_a, of_b) = (self.bounds_of(shift.a)[at], self.bounds_of(shift.b)[at]);
            -change(of_a, row_a[r], shift.to_a[r], term.scale)
                - change(of_b, row_b[r], shift.to_b[r], term.scale)
        };
        let reliefs = (0..self.problem.terms.len()).map(|at| (at, relief(at)));
        reliefs.max_by(|x, y| x.1.total_cmp(&y.1).then(y.0.cmp(&x.0)))
    }

    /// Bytes that are copied to move a replica.
    pub fn bytes(&self, partition: PartitionOrd) -> f64 {
        self.problem.model.partitions[partition.index()].size_bytes
    }

    /// What a move costs: the bytes that are copied because of it. A replica that is away from home already is copied
    /// anyway, wherever it goes; one that goes home is not copied at all.
    pub fn price(&self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) -> f64 {
        let home = &self.problem.model.placement;
        let fixed = self.problem.fixed_price;
        if home.holds(partition, from) && !home.holds(partition, to) {
            self.bytes(partition) + fixed
        } else {
            fixed
        }
    }

    /// Whether the partition's replica on this broker was there from the start.
    pub fn is_home(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        self.problem.model.placement.holds(partition, broker)
    }

    /// Bytes that the replicas of a broker take.
    pub fn disk(&self, broker: BrokerOrd) -> f64 {
        self.sums.get(broker, Resource::Disk)
    }
}

/// How many replicas a broker holds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of ones")]
fn held(sums: &Sums, broker: BrokerOrd) -> usize {
    sums.get(broker, Resource::Replicas) as usize
}

/// What a replica weighs on average.
fn mean_replica(model: &ClusterModel, sums: &Sums) -> Load {
    let mut mean = [0.0; Resource::COUNT];
    for broker in model.broker_ords() {
        mean.iter_mut().zip(sums.row(broker)).for_each(|(mean, load)| *mean += load);
    }
    let replicas = mean[Resource::Replicas.index()].max(1.0);
    mean.map(|amount| amount / replicas)
}
