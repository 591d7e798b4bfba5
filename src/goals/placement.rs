//! Rule `placement`: replicas of matching topics stand on, or off, some brokers.

use super::{Brokers, Standing, Topics, Verdict, Violation};
use crate::model::{Assignment, BrokerOrd, ClusterModel, PartitionOrd, TopicOrd};

/// Replicas of matching topics stand on, or off, some brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The topics.
    pub topics: Topics,
    /// Where they may stand.
    pub demand: Demand,
}

/// What a [`Placement`] asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Only on these brokers.
    On(Brokers),
    /// Not on these brokers.
    Off(Brokers),
    /// All replicas of a topic within one of these sets; which one is free, and kept where it is kept already.
    WithinOneOf(Vec<Brokers>),
    /// Where they are: nothing of these topics moves, unless it stands on a broker that is removed.
    Hold,
}

impl Placement {
    /// Judges a placement. Counted are partitions for [`Demand::On`] and [`Demand::Off`], topics for
    /// [`Demand::WithinOneOf`]. [`Demand::Hold`] is about moving, so every placement meets it.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        match &self.demand {
            Demand::On(brokers) => {
                let banned: Vec<bool> = brokers.mask(standing.model).into_iter().map(|on| !on).collect();
                self.off(standing, &banned, &format!("not one of {}", brokers.in_words()))
            }
            Demand::Off(brokers) => {
                let banned = brokers.mask(standing.model);
                self.off(standing, &banned, &format!("one of {}", brokers.in_words()))
            }
            Demand::WithinOneOf(sets) => self.within(standing, sets),
            Demand::Hold => Verdict::Met,
        }
    }

    /// Partitions with replicas on banned brokers.
    fn off(&self, standing: Standing, banned: &[bool], why: &str) -> Verdict {
        let model = standing.model;
        let mut found: Vec<(f64, (PartitionOrd, BrokerOrd))> = Vec::new();
        for partition in self.topics.of(model).flat_map(|topic| model.partitions_of(topic)) {
            let mut wrong =
                standing.assignment.replicas(partition).iter().filter(|broker| banned[broker.index()]);
            if let Some(first) = wrong.next() {
                #[expect(clippy::cast_precision_loss, reason = "a handful of replicas")]
                found.push((1.0 + wrong.count() as f64, (partition, *first)));
            }
        }
        Verdict::worst_of(found, |(partition, broker)| Violation {
            subject: model.name(partition).to_string(),
            text: format!("has a replica on {}, {why}", standing.broker_name(broker)),
        })
    }

    /// Topics that do not stand within one set.
    fn within(&self, standing: Standing, sets: &[Brokers]) -> Verdict {
        let model = standing.model;
        let masks: Vec<Vec<bool>> = sets.iter().map(|set| set.mask(model)).collect();
        let mut found = Vec::new();
        for topic in self.topics.of(model) {
            let set = most_held(model, standing.assignment, topic, &masks);
            let outside = |broker: &BrokerOrd| set.is_none_or(|set| !masks[set][broker.index()]);
            let mut wrong = model.partitions_of(topic).flat_map(|partition| {
                let replicas = standing.assignment.replicas(partition).iter().copied();
                replicas.filter(outside).map(move |broker| (partition, broker))
            });
            if let Some((partition, broker)) = wrong.next() {
                #[expect(clippy::cast_precision_loss, reason = "only orders findings")]
                found.push((1.0 + wrong.count() as f64, (topic, set, partition, broker)));
            }
        }
        Verdict::worst_of(found, |(topic, set, partition, broker)| {
            let rest = match set {
                Some(set) => format!("outside the set that holds most of it ({})", sets[set].in_words()),
                None => "and there is no set to be in".to_owned(),
            };
            let (partition, broker) = (model.name(partition), standing.broker_name(broker));
            Violation {
                subject: format!("topic {}", standing.topic_name(topic)),
                text: format!("has a replica of {partition} on {broker}, {rest}"),
            }
        })
    }

    /// The set of [`Demand::WithinOneOf`] that holds most bytes of a topic, and so costs least to keep it in. Where
    /// two hold the same bytes the one with more replicas, then the one named first. `None` for other demands, and
    /// for topics that the rule is not about.
    pub fn set_of(&self, model: &ClusterModel, assignment: &Assignment, topic: TopicOrd) -> Option<usize> {
        let Demand::WithinOneOf(sets) = &self.demand else { return None };
        if !self.topics.matches(&model.topics[topic.index()].name) {
            return None;
        }
        let masks: Vec<Vec<bool>> = sets.iter().map(|set| set.mask(model)).collect();
        most_held(model, assignment, topic, &masks)
    }

    /// The rule in words.
    pub fn in_words(&self) -> String {
        let topics = self.topics.in_words().unwrap_or_else(|| "all topics".to_owned());
        match &self.demand {
            Demand::On(brokers) => format!("{topics} only on {}", brokers.in_words()),
            Demand::Off(brokers) => format!("{topics} not on {}", brokers.in_words()),
            Demand::Hold => format!("{topics} where they are"),
            Demand::WithinOneOf(sets) => {
                let sets: Vec<String> = sets.iter().map(|set| format!("({})", set.in_words())).collect();
                format!("each of {topics} within one of {}", sets.join(", "))
            }
        }
    }
}

/// The set that holds most of a topic: by bytes, then by replicas, then the first.
fn most_held(
    model: &ClusterModel,
    assignment: &Assignment,
    topic: TopicOrd,
    masks: &[Vec<bool>],
) -> Option<usize> {
    let mut held = vec![(0.0_f64, 0_usize); masks.len()];
    for partition in model.partitions_of(topic) {
        for broker in assignment.replicas(partition) {
            let size = model.size_on(partition, *broker);
            for ((bytes, replicas), mask) in held.iter_mut().zip(masks) {
                if mask[broker.index()] {
                    *bytes += size;
                    *replicas += 1;
                }
            }
        }
    }
    let more = |one: usize, other: usize| {
        held[one].0.total_cmp(&held[other].0).then(held[one].1.cmp(&held[other].1)).is_gt()
    };
    (0..masks.len()).reduce(|best, next| if more(next, best) { next } else { best })
}

#[cfg(test)]
#[path = "placement_tests.rs"]
mod tests;
