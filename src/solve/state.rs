//! [`State`]: the placement while it is searched, and what a change of it would do to the penalties.

use super::problem::{EPSILON, Load, Problem, TIERS};
use super::reasons::{Cause, Record};
use crate::model::{Assignment, BrokerOrd, PartitionOrd, Resource, Sums};

/// Change of the penalties by tier, most important first; negative is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Delta(pub [f64; TIERS]);

impl Delta {
    /// Whether the first tier that changes gets better.
    pub fn improves(&self) -> bool {
        self.0.iter().find(|change| change.abs() > EPSILON).is_some_and(|change| *change < 0.0)
    }

    /// Whether some tier gets worse.
    pub fn worsens_any(&self) -> bool {
        self.0.iter().any(|change| *change > EPSILON)
    }

    /// All tiers together.
    pub fn sum(&self) -> f64 {
        -self.gain()
    }

    /// What is gained in all tiers together. A tier weighs half of the one above: enough to put first things first,
    /// while a change that mends several goals at once goes before one that mends a single one.
    pub fn gain(&self) -> f64 {
        self.0.iter().rev().fold(0.0, |sum, change| 0.5 * sum - change)
    }
}

/// The placement while it is searched.
#[derive(Clone)]
pub(super) struct State<'p, 'a> {
    pub problem: &'p Problem<'a>,
    pub assignment: Assignment,
    pub sums: Sums,
    /// Partitions with a replica on each broker, in no particular (but always the same) order.
    pub on_broker: Vec<Vec<PartitionOrd>>,
    /// What was done and why.
    pub records: Vec<Record>,
    /// How many changes were looked at.
    pub evaluations: u64,
}

impl<'p, 'a> State<'p, 'a> {
    pub fn new(problem: &'p Problem<'a>, sums: Sums) -> Self {
        let model = problem.model;
        let mut on_broker = vec![Vec::new(); model.brokers.len()];
        for partition in model.partition_ords() {
            for broker in model.placement.replicas(partition) {
                on_broker[broker.index()].push(partition);
            }
        }
        let assignment = model.placement.clone();
        Self { problem, assignment, sums, on_broker, records: Vec::new(), evaluations: 0 }
    }

    /// What a replica takes away from, or brings to, a broker.
    pub fn load(&self, partition: PartitionOrd, broker: BrokerOrd, leads: bool) -> Load {
        let replication_factor = self.assignment.replicas(partition).len();
        self.problem.model.load_on(partition, broker, leads, replication_factor)
    }

    pub fn leads(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        self.assignment.leader(partition) == Some(broker)
    }

    /// What adding `to_a` to one broker and `to_b` to another does; `None` when it would push one over a hard limit.
    pub fn evaluate(&mut self, a: BrokerOrd, to_a: &Load, b: BrokerOrd, to_b: &Load) -> Option<Delta> {
        self.evaluations += 1;
        let (row_a, row_b) = (self.sums.row(a), self.sums.row(b));
        for limit in &self.problem.limits {
            let r = limit.resource;
            let passes = |broker: BrokerOrd, row: &Load, more: f64| {
                more > 0.0 && row[r] + more > limit.most[broker.index()]
            };
            if passes(a, row_a, to_a[r]) || passes(b, row_b, to_b[r]) {
                return None;
            }
        }
        Some(self.penalty_change(a, to_a, b, to_b))
    }

    /// [`Self::evaluate`] whatever the limits.
    pub fn penalty_change(&self, a: BrokerOrd, to_a: &Load, b: BrokerOrd, to_b: &Load) -> Delta {
        let (row_a, row_b) = (self.sums.row(a), self.sums.row(b));
        let mut delta = [0.0; TIERS];
        for term in &self.problem.terms {
            let (r, at_a, at_b) = (term.resource, a.index(), b.index());
            if to_a[r] == 0.0 && to_b[r] == 0.0 {
                continue;
            }
            delta[term.tier] += term.penalty(at_a, row_a[r] + to_a[r]) - term.penalty(at_a, row_a[r])
                + term.penalty(at_b, row_b[r] + to_b[r])
                - term.penalty(at_b, row_b[r]);
        }
        Delta(delta)
    }

    /// What moving a replica does; `None` when it may not.
    pub fn evaluate_move(
        &mut self,
        partition: PartitionOrd,
        from: BrokerOrd,
        to: BrokerOrd,
    ) -> Option<Delta> {
        let leads = self.leads(partition, from);
        let takes = self.load(partition, from, leads).map(|amount| -amount);
        let brings = self.load(partition, to, leads);
        self.evaluate(from, &takes, to, &brings)
    }

    /// What another leader does.
    pub fn evaluate_leader(
        &mut self,
        partition: PartitionOrd,
        from: BrokerOrd,
        to: BrokerOrd,
    ) -> Option<Delta> {
        let difference = self.leading_load(partition);
        let takes = difference.map(|amount| -amount);
        self.evaluate(from, &takes, to, &difference)
    }

    /// What leading adds to following.
    fn leading_load(&self, partition: PartitionOrd) -> Load {
        let model = self.problem.model;
        let replication_factor = self.assignment.replicas(partition).len();
        let mut load = model.load(partition, true, replication_factor);
        let following = model.load(partition, false, replication_factor);
        load.iter_mut().zip(following).for_each(|(leading, following)| *leading -= following);
        load
    }

    /// How many other replicas of a partition stand in the rack of `at`, when the one on `from` is left out.
    pub fn others_in_rack(&self, partition: PartitionOrd, from: BrokerOrd, at: BrokerOrd) -> usize {
        let model = self.problem.model;
        let rack = model.rack_of(at);
        let others = self.assignment.replicas(partition).iter();
        others.filter(|other| **other != from && model.rack_of(**other) == rack).count()
    }

    /// Whether a replica may go from one broker to another without two on one broker or worse rack spread. Spread
    /// cannot get worse when the new rack holds no more of the other replicas than the old one.
    pub fn is_legal(&self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) -> bool {
        let model = self.problem.model;
        self.problem.roles.counts[to.index()]
            && !self.assignment.holds(partition, to)
            && (model.rack_of(from) == model.rack_of(to)
                || self.others_in_rack(partition, from, to) <= self.others_in_rack(partition, from, from))
    }

    /// Moves a replica.
    pub fn apply_move(&mut self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd, cause: Cause) {
        let model = self.problem.model;
        let replication_factor = self.assignment.replicas(partition).len();
        let leads = self.leads(partition, from);
        self.sums.move_replica(model, partition, replication_factor, leads, from, to);
        self.assignment.replace(partition, from, to);
        let list = &mut self.on_broker[from.index()];
        let at = list.iter().position(|held| *held == partition).expect("`from` holds a replica");
        list.swap_remove(at);
        self.on_broker[to.index()].push(partition);
        self.records.push(Record { partition, from, to, cause });
    }

    /// Lets another replica lead.
    pub fn apply_leader(&mut self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd, cause: Cause) {
        let replication_factor = self.assignment.replicas(partition).len();
        self.sums.move_leader(self.problem.model, partition, replication_factor, from, to);
        self.assignment.lead(partition, to);
        self.records.push(Record { partition, from, to, cause });
    }

    /// Whether a broker is over, and whether it is under, its bounds in some term.
    pub fn is_beyond(&self, broker: BrokerOrd) -> (bool, bool) {
        let row = self.sums.row(broker);
        let at = broker.index();
        self.problem.terms.iter().fold((false, false), |(over, under), term| {
            let load = row[term.resource];
            // Rounding alone must not start a search.
            let slack = 1e-9 * term.bounds.mean[at].max(1e-9);
            (over || load > term.bounds.high[at] + slack, under || load < term.bounds.low[at] - slack)
        })
    }

    /// The penalties by tier.
    pub fn penalty(&self) -> Delta {
        let mut penalty = [0.0; TIERS];
        for broker in self.problem.model.broker_ords() {
            let row = self.sums.row(broker);
            for term in &self.problem.terms {
                penalty[term.tier] += term.penalty(broker.index(), row[term.resource]);
            }
        }
        Delta(penalty)
    }

    /// The term that a change relieves most, with how far each side is beyond it; for reasons.
    pub fn main_term(&self, a: BrokerOrd, to_a: &Load, b: BrokerOrd, to_b: &Load) -> Option<usize> {
        let (row_a, row_b) = (self.sums.row(a), self.sums.row(b));
        let relief = |at: &usize| {
            let term = &self.problem.terms[*at];
            let r = term.resource;
            term.penalty(a.index(), row_a[r]) - term.penalty(a.index(), row_a[r] + to_a[r])
                + term.penalty(b.index(), row_b[r])
                - term.penalty(b.index(), row_b[r] + to_b[r])
        };
        (0..self.problem.terms.len()).max_by(|x, y| relief(x).total_cmp(&relief(y)).then(y.cmp(x)))
    }

    /// Bytes that are copied to move a replica.
    pub fn bytes(&self, partition: PartitionOrd) -> f64 {
        self.problem.model.partitions[partition.index()].size_bytes
    }

    /// A move's fixed price in bytes: a tiny part of a broker's mean load, so that of two ways that cost the same
    /// bytes the one with fewer moves is taken, and so that empty partitions do not move for nothing.
    pub fn fixed_price(&self) -> f64 {
        let total = self.problem.total(&self.sums, Resource::Disk);
        #[expect(clippy::cast_precision_loss, reason = "a number of brokers")]
        let brokers = self.problem.model.brokers.len() as f64;
        (total / brokers * 1e-5).max(1.0)
    }
}
