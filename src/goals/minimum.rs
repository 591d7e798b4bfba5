//! Rule `minimum`: each eligible broker holds, or leads, at least so many partitions of each matching topic.

use super::{Standing, Topics, Verdict, Violation};
use crate::model::{BrokerOrd, TopicOrd};

/// Each broker holds (or leads) at least so many partitions of each matching topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minimum {
    /// The topics.
    pub topics: Topics,
    /// What is counted.
    pub of: Counted,
    /// How many.
    pub least: Least,
}

/// What a [`Minimum`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Replicas of the topic.
    Replicas,
    /// Leaders of the topic.
    Leaders,
}

/// How many a [`Minimum`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Least {
    /// So many.
    Count(u32),
    /// The whole part of an equal share of what the topic has.
    EvenShare,
}

/// Where a minimum is not kept.
#[derive(Clone, Copy)]
enum Lack {
    /// A broker has too few of a topic.
    Broker { topic: TopicOrd, broker: BrokerOrd, has: u32, least: u32 },
    /// A topic has too few for so many brokers, however they stand.
    Topic { topic: TopicOrd, has: u32, brokers: u32, least: u32 },
}

impl Minimum {
    /// How many of a topic each of `brokers` brokers should have at least, when the topic has `total`.
    pub fn least_of(&self, total: u32, brokers: usize) -> u32 {
        match self.least {
            Least::Count(least) => least,
            Least::EvenShare => total / u32::try_from(brokers.max(1)).unwrap_or(u32::MAX),
        }
    }

    /// Judges a placement. A topic that has too few for all brokers is one finding of its own: no placement mends it.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        let counting = standing.brokers().count();
        let brokers = u32::try_from(counting).unwrap_or(u32::MAX);
        let mut found = Vec::new();
        standing.count_by_topic(&self.topics, self.of, |topic, of| {
            // What stands on brokers that do not count can be had by those that do.
            let total: u32 = of.held.iter().sum();
            let least = self.least_of(total, counting);
            if least.saturating_mul(brokers) > total {
                found.push((1.0, Lack::Topic { topic, has: total, brokers, least }));
                return;
            }
            for broker in standing.brokers() {
                let has = of.held[broker.index()];
                if has < least {
                    let share = f64::from(least - has) / f64::from(least);
                    found.push((share, Lack::Broker { topic, broker, has, least }));
                }
            }
        });
        Verdict::worst_of(found, |lack| self.violation(standing, lack))
    }

    fn violation(&self, standing: Standing, lack: Lack) -> Violation {
        let verb = match self.of {
            Counted::Replicas => "hold",
            Counted::Leaders => "lead",
        };
        match lack {
            Lack::Broker { topic, broker, has, least } => Violation {
                subject: standing.broker_name(broker),
                text: format!(
                    "{verb}s {has} partitions of topic {}, at least {least}",
                    standing.topic_name(topic)
                ),
            },
            Lack::Topic { topic, has, brokers, least } => {
                let missing = least.saturating_mul(brokers) - has;
                let noun = match self.of {
                    Counted::Replicas => "replicas",
                    Counted::Leaders => "partitions",
                };
                Violation {
                    subject: format!("topic {}", standing.topic_name(topic)),
                    text: format!(
                        "has {has} {noun}, too few for each of {brokers} brokers to {verb} {least}: \
                         it needs {missing} more {noun}"
                    ),
                }
            }
        }
    }

    /// The rule in words.
    pub fn in_words(&self) -> String {
        let verb = match self.of {
            Counted::Replicas => "holds",
            Counted::Leaders => "leads",
        };
        let least = match self.least {
            Least::Count(1) => "1 partition".to_owned(),
            Least::Count(least) => format!("{least} partitions"),
            Least::EvenShare => "an even share".to_owned(),
        };
        let topics = self.topics.in_words().unwrap_or_else(|| "all topics".to_owned());
        let each =
            if self.topics.is_none() { "of no topic".to_owned() } else { format!("of each of {topics}") };
        format!("each broker {verb} at least {least} {each}")
    }
}

#[cfg(test)]
#[path = "minimum_tests.rs"]
mod tests;
