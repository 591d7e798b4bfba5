//! The exact answers on small clusters, as mixed-integer programs: one yes or no for each partition and broker.
//!
//! What is asked is what the goal set `disk-only` says with its `aim` at 1 (a margin inside the band costs bytes on
//! purpose, and the least bytes are then not what is asked for). One after the other:
//! 1. the musts: the evenest rack spread that there can be, and no disk beyond its limit;
//! 2. the fewest bytes beyond the band, summed over the brokers; where no data can leave a rack, and the rack's mean is
//!    outside the band, the band is around the rack's own mean;
//! 3. where none have to be: the fewest bytes copied.

#![expect(clippy::cast_precision_loss, reason = "a handful of brokers and replicas")]

use evenkeel::goals::GoalSet;
use evenkeel::model::promises::best_rack_spread;
use evenkeel::model::{Assignment, BrokerOrd, ClusterModel, PartitionOrd, Resource, Sums};
use good_lp::solvers::WithTimeLimit;
use good_lp::{
    Constraint, Expression, ProblemVariables, ResolutionError, Solution as _, SolutionStatus, SolverModel,
    Variable, constraint, microlp, variable, variables,
};

/// A program that takes longer is left undecided; the tests bound how many may be.
const SECONDS_MAX: u64 = 4;

/// A mean so close to the edge of the band is on it.
const EDGE: f64 = 1e-5;

/// A number of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Exact {
    /// The least.
    Least(f64),
    /// No placement does, or none costs less than was asked for.
    Impossible,
    /// Not known in time.
    Undecided,
}

/// What is asked about: a cluster, and the brokers that stay.
pub struct Question<'a> {
    pub model: &'a ClusterModel,
    /// By broker: whether it may hold anything in the end.
    pub stays: Vec<bool>,
    /// What is within the band, by broker.
    pub band: Vec<(f64, f64)>,
    /// What a disk may hold, by broker.
    limit: Vec<f64>,
    /// Bytes of a mean broker: programs are written in these.
    unit: f64,
}

/// How good a placement is, in the order of the goal set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    pub keeps_musts: bool,
    /// Bytes beyond the band, in means of a broker.
    pub beyond: f64,
    /// Bytes copied, in means of a broker.
    pub copied: f64,
}

impl<'a> Question<'a> {
    pub fn new(model: &'a ClusterModel, goals: &GoalSet, stays: Vec<bool>) -> Self {
        let total: f64 = model
            .partition_ords()
            .map(|p| model.partitions[p.index()].size_bytes * model.placement.replicas(p).len() as f64)
            .sum();
        let (_, rule) = goals.balances().next().expect("the set levels disks");
        let bounds = rule.bounds(model, &stays, total, rule.band);
        let (_, disk) = goals.capacities().next().expect("the set limits disks");
        let limit = model.brokers.iter().map(|broker| disk.limit_of(broker).unwrap()).collect();
        let count = stays.iter().filter(|stays| **stays).count();
        let unit = (total / count as f64).max(1.0);
        let band = bounds.low.into_iter().zip(bounds.high).collect();
        let mut question = Self { model, stays, band, limit, unit };
        question.widen_closed_racks(&bounds.mean, rule.band);
        question
    }

    /// Where every partition has a replica on each rack, no data can leave a rack: one whose mean is outside the band
    /// is to be level around its own.
    fn widen_closed_racks(&mut self, mean: &[f64], band: f64) {
        let racks = self.model.brokers_per_rack(|broker| self.stays[broker.index()]).len();
        let on = |partition, rack| {
            let held = self.model.placement.replicas(partition).iter();
            held.filter(|broker| self.model.rack_of(**broker).index() == rack).count()
        };
        let closed = self.model.partition_ords().all(|p| (0..racks).all(|rack| on(p, rack) == 1));
        if !closed {
            return;
        }
        let of_rack: f64 = self.model.partitions.iter().map(|partition| partition.size_bytes).sum();
        for rack in 0..racks {
            let brokers: Vec<usize> = self
                .model
                .broker_ords()
                .filter(|b| self.model.rack_of(*b).index() == rack && self.stays[b.index()])
                .map(BrokerOrd::index)
                .collect();
            let share: f64 = brokers.iter().map(|at| mean[*at]).sum();
            for at in brokers {
                let own = mean[at] * of_rack / share;
                let (low, high) = &mut self.band[at];
                // On the very edge counts as outside: the solver stays a hair inside.
                if own < *low * (1.0 + EDGE) {
                    *low = own * (1.0 - band);
                }
                if own > *high * (1.0 - EDGE) {
                    *high = own * (1.0 + band);
                }
            }
        }
    }

    fn size(&self, partition: PartitionOrd) -> f64 {
        self.model.partitions[partition.index()].size_bytes / self.unit
    }

    /// The same of a placement that exists, counted without a program.
    pub fn quality(&self, target: &Assignment) -> Quality {
        let sums = Sums::new(self.model, target);
        let mut quality = Quality { keeps_musts: true, beyond: 0.0, copied: 0.0 };
        for broker in self.model.broker_ords() {
            let (at, load) = (broker.index(), sums.get(broker, Resource::Disk));
            if self.stays[at] {
                quality.keeps_musts &= load <= self.limit[at] * (1.0 + 1e-9);
                let (low, high) = self.band[at];
                quality.beyond += (load - high).max(low - load).max(0.0) / self.unit;
            }
        }
        for partition in self.model.partition_ords() {
            let list = target.replicas(partition);
            let most_and_least = self.per_rack(list.len());
            for (rack, (least, most)) in most_and_least.into_iter().enumerate() {
                let here = list.iter().filter(|b| self.model.rack_of(**b).index() == rack).count();
                quality.keeps_musts &= (least..=most).contains(&here);
            }
            quality.keeps_musts &= list.iter().all(|broker| self.stays[broker.index()]);
            let new = list.iter().filter(|broker| !self.model.placement.holds(partition, **broker)).count();
            quality.copied += new as f64 * self.size(partition);
        }
        quality
    }

    /// The least and the most replicas of a partition on each rack in the evenest spread.
    fn per_rack(&self, factor: usize) -> Vec<(usize, usize)> {
        let brokers = self.model.brokers_per_rack(|broker| self.stays[broker.index()]);
        let best = best_rack_spread(factor, &brokers);
        let racks = brokers.iter().filter(|brokers| **brokers > 0).count();
        let most = factor - best.left_without_worst_rack;
        brokers
            .iter()
            // With a replica for each rack every rack has one; with fewer, no rack has two.
            .map(|brokers| (usize::from(best.distinct_racks == racks && *brokers > 0), most.min(*brokers)))
            .collect()
    }

    /// Variables and constraints that every placement keeping the musts meets: by partition and broker whether it
    /// stands there, and the load of each broker.
    fn placements(
        &self,
        vars: &mut ProblemVariables,
    ) -> (Vec<Vec<Variable>>, Vec<Expression>, Vec<Constraint>) {
        let brokers = self.model.brokers.len();
        let mut load = vec![Expression::from(0.0); brokers];
        let (mut places, mut constraints) = (Vec::new(), Vec::new());
        for partition in self.model.partition_ords() {
            let factor = self.model.placement.replicas(partition).len();
            let on: Vec<Variable> = (0..brokers)
                .map(|at| vars.add(variable().integer().min(0).max(i32::from(self.stays[at]))))
                .collect();
            constraints.push(constraint!(on.iter().sum::<Expression>() == factor as f64));
            for (rack, (least, most)) in self.per_rack(factor).into_iter().enumerate() {
                let in_rack = self.model.broker_ords().filter(|b| self.model.rack_of(*b).index() == rack);
                let held: Expression = in_rack.map(|b| on[b.index()]).sum();
                if least == most {
                    constraints.push(constraint!(held == least as f64));
                    continue;
                }
                constraints.push(constraint!(held.clone() <= most as f64));
                if least > 0 {
                    constraints.push(constraint!(held >= least as f64));
                }
            }
            for (load, on) in load.iter_mut().zip(&on) {
                *load += *on * self.size(partition);
            }
            places.push(on);
        }
        for at in (0..brokers).filter(|at| self.stays[*at]) {
            constraints.push(constraint!(load[at].clone() <= self.limit[at] / self.unit));
        }
        (places, load, constraints)
    }

    /// Bytes beyond the band of the placement that keeps the musts and is most level, if less than `below`.
    pub fn least_beyond(&self, below: f64) -> Exact {
        let mut vars = variables!();
        let (places, load, mut constraints) = self.placements(&mut vars);
        // Of partitions of one size it does not matter which stands where: only one order is looked at.
        let number = |on: &[Variable]| {
            let digit = |(at, on): (usize, &Variable)| *on * f64::from(1 << at);
            on.iter().enumerate().map(digit).sum::<Expression>()
        };
        let named: Vec<(PartitionOrd, &Vec<Variable>)> = self.model.partition_ords().zip(&places).collect();
        for (at, (partition, on)) in named.iter().enumerate() {
            let same = |(other, _): &&(PartitionOrd, &Vec<Variable>)| {
                self.size(*other).total_cmp(&self.size(*partition)).is_eq()
            };
            if let Some((_, next)) = named[at + 1..].iter().find(same) {
                constraints.push(constraint!(number(on) <= number(next)));
            }
        }
        let mut beyond = Expression::from(0.0);
        for (at, load) in load.into_iter().enumerate().filter(|(at, _)| self.stays[*at]) {
            let (low, high) = (self.band[at].0 / self.unit, self.band[at].1 / self.unit);
            let more = vars.add(variable().min(0.0));
            beyond += more;
            constraints.push(constraint!(load.clone() - more <= high));
            constraints.push(constraint!(load + more >= low));
        }
        least(vars, &beyond, below, constraints)
    }

    /// Bytes copied to the placement that keeps the musts, and the band where `levelled` says so, and costs least, if
    /// less than `below`.
    pub fn least_copied(&self, levelled: bool, below: f64) -> Exact {
        let mut vars = variables!();
        let (places, load, mut constraints) = self.placements(&mut vars);
        for (at, load) in load.into_iter().enumerate().filter(|(at, _)| levelled && self.stays[*at]) {
            // A hair inside, as the solver stays: on the very edge the last bit of a sum would decide.
            constraints.push(constraint!(load.clone() <= self.band[at].1 / self.unit * (1.0 - EDGE)));
            constraints.push(constraint!(load >= self.band[at].0 / self.unit * (1.0 + EDGE)));
        }
        let mut copied = Expression::from(0.0);
        for (partition, on) in self.model.partition_ords().zip(&places) {
            for broker in self.model.broker_ords().filter(|b| !self.model.placement.holds(partition, *b)) {
                copied += on[broker.index()] * self.size(partition);
            }
        }
        least(vars, &copied, below, constraints)
    }
}

fn least(
    vars: ProblemVariables,
    objective: &Expression,
    below: f64,
    mut constraints: Vec<Constraint>,
) -> Exact {
    if below.is_finite() {
        constraints.push(constraint!(objective.clone() <= below));
    }
    let mut program = vars.minimise(objective.clone()).using(microlp).with_time_limit(SECONDS_MAX as f64);
    for constraint in constraints {
        program = program.with(constraint);
    }
    match program.solve() {
        Ok(solution) if matches!(solution.status(), SolutionStatus::Optimal) => {
            Exact::Least(solution.eval(objective))
        }
        Err(ResolutionError::Infeasible) => Exact::Impossible,
        _ => Exact::Undecided,
    }
}
