//! [`TopicTerm`]: goals on how many replicas, or leaders, of each topic a broker holds.
//!
//! The counts of every topic on every broker are one dense table of 16-bit numbers, kept only when a goal needs it. With
//! a thousand brokers and ten thousand topics nobody reads through all of it: how many brokers are beyond the bounds of
//! a topic is kept as counts change.

use super::problem::{Problem, penalty, search_weight};
use crate::goals::{Balance, Counted, Goal, Least, Minimum};
use crate::model::{Assignment, BrokerOrd, ClusterModel, Resource, Sums, TopicOrd};

/// A goal on counts of topics.
#[derive(Debug, Clone)]
pub(super) struct TopicTerm {
    /// What is counted.
    pub of: Counted,
    /// Position of its tier among those in use.
    pub tier: usize,
    /// Weight of the goal over the mean number of replicas (leaders) of a broker.
    pub scale: f64,
    /// What it weighs in the search.
    pub weight: f64,
    /// By topic: least and most on a broker.
    pub bounds: Vec<(u16, u16)>,
}

impl TopicTerm {
    pub fn of_balance(problem: &Problem, sums: &Sums, goal: &Goal, tier: usize, rule: &Balance) -> Self {
        let model = problem.model;
        let brokers = problem.roles.counts.iter().filter(|counts| **counts).count();
        let of = if rule.resource == Resource::Leaders { Counted::Leaders } else { Counted::Replicas };
        let bounds = totals(model, of).into_iter().zip(&model.topics).map(|(total, topic)| {
            if !rule.topics.matches(&topic.name) {
                return (0, u16::MAX);
            }
            let (low, high) = rule.topic_bounds(total, brokers, rule.band);
            (narrow(low), narrow(high))
        });
        let bounds = bounds.collect();
        let weight = search_weight(resource(of), goal.tier);
        Self { of, tier, scale: goal.weight / problem.unit(sums, resource(of)), weight, bounds }
    }

    pub fn of_minimum(problem: &Problem, sums: &Sums, goal: &Goal, tier: usize, rule: &Minimum) -> Self {
        let model = problem.model;
        let brokers = problem.roles.counts.iter().filter(|counts| **counts).count();
        let bounds = totals(model, rule.of).into_iter().zip(&model.topics).map(|(total, topic)| {
            if !rule.topics.matches(&topic.name) {
                return (0, u16::MAX);
            }
            let least = match rule.least {
                Least::Count(count) => count,
                Least::EvenShare => total / u32::try_from(brokers.max(1)).unwrap_or(u32::MAX),
            };
            (narrow(least), u16::MAX)
        });
        let bounds = bounds.collect();
        let weight = search_weight(resource(rule.of), goal.tier);
        Self { of: rule.of, tier, scale: goal.weight / problem.unit(sums, resource(rule.of)), weight, bounds }
    }

    /// Whether it asks anything of any topic.
    pub fn asks(&self) -> bool {
        self.bounds.iter().any(|bounds| *bounds != (0, u16::MAX))
    }

    /// Whether counts from the one to the other cost nothing.
    pub fn is_within(&self, topic: TopicOrd, least: i32, most: i32) -> bool {
        let (low, high) = self.bounds[topic.index()];
        least >= i32::from(low) && most <= i32::from(high)
    }

    /// What a count costs.
    pub fn penalty(&self, topic: TopicOrd, count: u16) -> f64 {
        let (low, high) = self.bounds[topic.index()];
        let beyond = (i32::from(count) - i32::from(high)).max(i32::from(low) - i32::from(count));
        penalty(f64::from(beyond), self.scale)
    }
}

fn resource(of: Counted) -> Resource {
    match of {
        Counted::Replicas => Resource::Replicas,
        Counted::Leaders => Resource::Leaders,
    }
}

fn narrow(count: u32) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// How many replicas (leaders) each topic has.
fn totals(model: &ClusterModel, of: Counted) -> Vec<u32> {
    let total = |topic: &crate::model::TopicRow| match of {
        Counted::Leaders => topic.partition_count,
        Counted::Replicas => {
            let first = topic.first_partition.0;
            let partitions = (first..first + topic.partition_count).map(crate::model::PartitionOrd);
            let replicas: usize = partitions.map(|partition| model.placement.replicas(partition).len()).sum();
            u32::try_from(replicas).unwrap_or(u32::MAX)
        }
    };
    model.topics.iter().map(total).collect()
}

/// How many replicas and leaders of each topic stand on each broker; empty where no goal asks.
#[derive(Debug, Clone, Default)]
pub(super) struct TopicCounts {
    brokers: usize,
    replicas: Vec<u16>,
    leaders: Vec<u16>,
    /// By term and topic: how many of the brokers that count hold too many, and too few.
    beyond: Vec<Vec<(u32, u32)>>,
}

impl TopicCounts {
    pub fn new(problem: &Problem, assignment: &Assignment) -> Self {
        let (model, terms) = (problem.model, &problem.topic_terms);
        let wants = |of| terms.iter().any(|term| term.of == of);
        let table =
            |wanted| if wanted { vec![0; model.topics.len() * model.brokers.len()] } else { Vec::new() };
        let mut counts = Self {
            brokers: model.brokers.len(),
            replicas: table(wants(Counted::Replicas)),
            leaders: table(wants(Counted::Leaders)),
            beyond: vec![vec![(0, 0); model.topics.len()]; terms.len()],
        };
        for of in [Counted::Replicas, Counted::Leaders].into_iter().filter(|of| wants(*of)) {
            for topic in (0..model.topics.len()).map(TopicOrd::from) {
                let most = counts.count(model, assignment, topic, of);
                for (at, term) in terms.iter().enumerate().filter(|(_, term)| term.of == of) {
                    let (low, high) = term.bounds[topic.index()];
                    // Nearly all topics are level, and then no broker need be looked at.
                    if low > 0 || most > high {
                        let row = counts.row(topic, of).iter().zip(&problem.roles.counts);
                        let row = row.filter(|(_, counts)| **counts);
                        counts.beyond[at][topic.index()] = row.fold((0, 0), |(over, under), (count, _)| {
                            (over + u32::from(*count > high), under + u32::from(*count < low))
                        });
                    }
                }
            }
        }
        counts
    }

    /// Counts what each broker has of a topic, and returns the most that one has.
    fn count(&mut self, model: &ClusterModel, assignment: &Assignment, topic: TopicOrd, of: Counted) -> u16 {
        let table = match of {
            Counted::Replicas => &mut self.replicas,
            Counted::Leaders => &mut self.leaders,
        };
        let row = &mut table[topic.index() * self.brokers..][..self.brokers];
        let mut most = 0;
        let mut add = |broker: BrokerOrd| {
            let count = &mut row[broker.index()];
            *count = count.saturating_add(1);
            most = most.max(*count);
        };
        for partition in model.partitions_of(topic) {
            match of {
                Counted::Replicas => assignment.replicas(partition).iter().copied().for_each(&mut add),
                Counted::Leaders => assignment.leader(partition).into_iter().for_each(&mut add),
            }
        }
        most
    }

    /// The topics of which some broker has too many (`over`), or too few.
    pub fn topics_beyond(&self, term: usize, over: bool) -> impl Iterator<Item = TopicOrd> {
        let is_off = move |beyond: &(u32, u32)| if over { beyond.0 > 0 } else { beyond.1 > 0 };
        let topics = self.beyond[term].iter().enumerate().filter(move |(_, beyond)| is_off(beyond));
        topics.map(|(topic, _)| TopicOrd::from(topic))
    }

    fn table(&self, of: Counted) -> &[u16] {
        match of {
            Counted::Replicas => &self.replicas,
            Counted::Leaders => &self.leaders,
        }
    }

    /// How many of a topic each broker has.
    pub fn row(&self, topic: TopicOrd, of: Counted) -> &[u16] {
        &self.table(of)[topic.index() * self.brokers..][..self.brokers]
    }

    /// How many of a topic a broker has.
    pub fn get(&self, topic: TopicOrd, broker: BrokerOrd, of: Counted) -> u16 {
        self.table(of)[topic.index() * self.brokers + broker.index()]
    }

    /// One more, or one fewer.
    pub fn add(&mut self, problem: &Problem, topic: TopicOrd, broker: BrokerOrd, of: Counted, more: bool) {
        let at = topic.index() * self.brokers + broker.index();
        let table = match of {
            Counted::Replicas => &mut self.replicas,
            Counted::Leaders => &mut self.leaders,
        };
        let Some(count) = table.get_mut(at) else { return };
        let before = *count;
        *count = if more { count.saturating_add(1) } else { count.saturating_sub(1) };
        if !problem.roles.counts[broker.index()] {
            return;
        }
        for (term, beyond) in
            problem.topic_terms.iter().zip(&mut self.beyond).filter(|(term, _)| term.of == of)
        {
            let (low, high) = term.bounds[topic.index()];
            let (over, under) = &mut beyond[topic.index()];
            *over = *over + u32::from(*count > high) - u32::from(before > high);
            *under = *under + u32::from(*count < low) - u32::from(before < low);
        }
    }
}
