//! Rule `leadership`: who should lead.

use super::{Brokers, Standing, Topics, Verdict, Violation};
use crate::model::{BrokerOrd, PartitionOrd};

/// Who should lead the partitions of matching topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leadership {
    /// The topics.
    pub topics: Topics,
    /// Who should lead.
    pub by: Leads,
}

/// Who should lead, for a [`Leadership`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// The first replica of the list, as Kafka prefers.
    FirstReplica,
    /// A replica on one of these brokers, where there is one.
    On(Brokers),
    /// A replica on none of these brokers, where there is one.
    Off(Brokers),
}

impl Leadership {
    /// Judges a placement. A partition without a leader has other troubles and is not counted, and nobody is to lead
    /// that cannot: dead brokers, brokers on their way out, offline replicas.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        let model = standing.model;
        let wanted: Vec<bool> = match &self.by {
            Leads::FirstReplica => Vec::new(),
            Leads::On(brokers) => brokers.mask(model),
            Leads::Off(brokers) => brokers.mask(model).into_iter().map(|off| !off).collect(),
        };
        let can_lead = |partition: PartitionOrd, broker: BrokerOrd| {
            standing.counts[broker.index()] && standing.is_live(partition, broker)
        };
        let mut found = Vec::new();
        for partition in self.topics.of(model).flat_map(|topic| model.partitions_of(topic)) {
            let Some(leader) = standing.assignment.leader(partition) else { continue };
            let replicas = standing.assignment.replicas(partition);
            let better = match &self.by {
                Leads::FirstReplica => replicas.first().copied().filter(|first| *first != leader),
                Leads::On(_) | Leads::Off(_) if wanted[leader.index()] => None,
                Leads::On(_) | Leads::Off(_) => replicas
                    .iter()
                    .copied()
                    .find(|broker| wanted[broker.index()] && can_lead(partition, *broker)),
            };
            if let Some(better) = better.filter(|better| can_lead(partition, *better)) {
                found.push((
                    model.partitions[partition.index()].produce_bytes_per_s,
                    (partition, leader, better),
                ));
            }
        }
        Verdict::worst_of(found, |(partition, leader, better)| {
            let (leader, better) = (standing.broker_name(leader), standing.broker_name(better));
            let text = match &self.by {
                Leads::FirstReplica => {
                    format!("is led by {leader} and not by {better}, the first of its list")
                }
                Leads::On(brokers) => {
                    format!("is led by {leader}, not one of {}; {better} could", brokers.in_words())
                }
                Leads::Off(brokers) => {
                    format!("is led by {leader}, one of {}; {better} could", brokers.in_words())
                }
            };
            Violation { subject: model.name(partition).to_string(), text }
        })
    }

    /// The rule in words.
    pub fn in_words(&self) -> String {
        let topics = self.topics.in_words().unwrap_or_else(|| "all topics".to_owned());
        match &self.by {
            Leads::FirstReplica => format!("{topics} led by the first replica of the list"),
            Leads::On(brokers) => {
                format!("{topics} led by {}, where a replica stands there", brokers.in_words())
            }
            Leads::Off(brokers) => {
                format!("{topics} not led by {}, where a replica stands elsewhere", brokers.in_words())
            }
        }
    }
}

#[cfg(test)]
#[path = "leadership_tests.rs"]
mod tests;
