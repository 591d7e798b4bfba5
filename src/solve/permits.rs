//! [`Permits`]: which topics may stand on, and be led by, which brokers; and what may be moved of each partition.
//!
//! Topics with the same rights share one row of brokers, so that a cluster without such goals costs nothing.

use std::collections::BTreeMap;

use super::problem::{Freedom, is_offline};
use super::roles::Roles;
use super::{Operation, Request};
use crate::goals::{Demand, GoalSet, Leads, Rule};
use crate::model::{BrokerOrd, ClusterModel, Health, PartitionOrd, TopicOrd};

/// Who may hold and lead what.
#[derive(Debug, Clone, Default)]
pub(super) struct Permits {
    /// By topic: its row; empty when every topic may stand everywhere.
    row_of: Vec<u32>,
    rows: Vec<Row>,
}

/// What the topics of a row may do, by broker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    hold: Vec<bool>,
    lead: Vec<bool>,
    held: bool,
}

impl Permits {
    pub fn new(model: &ClusterModel, goals: &GoalSet, request: &Request, roles: &Roles) -> Self {
        let speaks = |rule: &Rule| match rule {
            Rule::Placement(_) => true,
            Rule::Leadership(rule) => rule.by != Leads::FirstReplica,
            _ => false,
        };
        let selective = !request.only_topics.is_empty() || !request.excluded_topics.is_empty();
        if !selective && !goals.goals.iter().any(|goal| speaks(&goal.rule)) {
            return Self::default();
        }
        let mut rows: BTreeMap<Row, u32> = BTreeMap::new();
        let mut row_of = Vec::with_capacity(model.topics.len());
        for topic in 0..model.topics.len() {
            let row = row(model, goals, request, roles, TopicOrd::from(topic));
            let next = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            row_of.push(*rows.entry(row).or_insert(next));
        }
        let mut by_number: Vec<(u32, Row)> = rows.into_iter().map(|(row, number)| (number, row)).collect();
        by_number.sort_unstable_by_key(|(number, _)| *number);
        Self { row_of, rows: by_number.into_iter().map(|(_, row)| row).collect() }
    }

    fn row(&self, topic: TopicOrd) -> Option<&Row> {
        self.row_of.get(topic.index()).map(|row| &self.rows[*row as usize])
    }

    /// Whether replicas of a topic may stand on a broker.
    pub fn may_hold(&self, topic: TopicOrd, broker: BrokerOrd) -> bool {
        self.row(topic).is_none_or(|row| row.hold[broker.index()])
    }

    /// Whether a broker may lead partitions of a topic.
    pub fn may_lead(&self, topic: TopicOrd, broker: BrokerOrd) -> bool {
        self.row(topic).is_none_or(|row| row.lead[broker.index()])
    }

    /// Whether nothing of a topic moves of its own accord.
    fn is_held(&self, topic: TopicOrd) -> bool {
        self.row(topic).is_some_and(|row| row.held)
    }

    /// Whether any topic is barred from any broker.
    pub fn bar_places(&self) -> bool {
        self.rows.iter().any(|row| row.hold.contains(&false))
    }

    /// Whether any broker is barred from leading any topic.
    pub fn bar_leaders(&self) -> bool {
        self.rows.iter().any(|row| row.lead.contains(&false))
    }
}

fn row(model: &ClusterModel, goals: &GoalSet, request: &Request, roles: &Roles, topic: TopicOrd) -> Row {
    let name = &model.topics[topic.index()].name;
    let any = |patterns: &[crate::goals::TopicPattern]| patterns.iter().any(|pattern| pattern.matches(name));
    let brokers = model.brokers.len();
    let mut row = Row {
        hold: vec![true; brokers],
        lead: vec![true; brokers],
        held: any(&request.excluded_topics)
            || (!request.only_topics.is_empty() && !any(&request.only_topics)),
    };
    for goal in &goals.goals {
        match &goal.rule {
            Rule::Placement(rule) if rule.topics.matches(name) => {
                let chosen = match &rule.demand {
                    Demand::WithinOneOf(sets) => {
                        rule.set_of(model, &model.placement, topic).and_then(|at| sets.get(at))
                    }
                    _ => None,
                };
                for broker in model.broker_ords() {
                    let may = match &rule.demand {
                        Demand::On(brokers) => brokers.contains(model, broker),
                        Demand::Off(brokers) => !brokers.contains(model, broker),
                        Demand::WithinOneOf(_) => chosen.is_none_or(|set| set.contains(model, broker)),
                        Demand::Hold => true,
                    };
                    row.hold[broker.index()] &= may;
                }
                row.held |= rule.demand == Demand::Hold;
            }
            Rule::Leadership(rule) if rule.topics.matches(name) => {
                for broker in model.broker_ords() {
                    row.lead[broker.index()] &= match &rule.by {
                        Leads::FirstReplica => true,
                        Leads::On(brokers) => brokers.contains(model, broker),
                        Leads::Off(brokers) => !brokers.contains(model, broker),
                    };
                }
            }
            _ => {}
        }
    }
    // A topic that may stand nowhere would be stuck for good: then the demand is one that cannot be met.
    if !row.hold.iter().zip(&roles.counts).any(|(hold, counts)| *hold && *counts) {
        row.hold.fill(true);
    }
    row
}

/// What may be moved of each partition. A partition in trouble is left alone, unless all that ails it is on brokers
/// that it has to leave: then moving it off them is the repair.
pub(super) fn freedom(
    model: &ClusterModel,
    request: &Request,
    roles: &Roles,
    permits: &Permits,
) -> Vec<Freedom> {
    let fixes = request.operation == Operation::FixOffline;
    let freedom = |partition: PartitionOrd| {
        let row = &model.partitions[partition.index()];
        match row.health {
            Health::Reassigning | Health::Leaderless => Freedom::Held,
            Health::Degraded => {
                let leaves = |broker: &BrokerOrd| {
                    roles.leaving[broker.index()] || (fixes && is_offline(model, partition, *broker))
                };
                let ailing = model.out_of_sync.get(&partition);
                let repaired = ailing.is_some_and(|brokers| brokers.iter().all(leaves));
                if repaired { Freedom::OnlyOffLeaving } else { Freedom::Held }
            }
            Health::Healthy if permits.is_held(row.topic) => Freedom::OnlyOffLeaving,
            Health::Healthy => Freedom::Free,
        }
    };
    model.partition_ords().map(freedom).collect()
}
