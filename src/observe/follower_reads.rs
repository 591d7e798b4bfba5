//! What consumers read from followers: taken out of what brokers tell before the rest is shared out over what they lead.
//!
//! Where brokers let them (`replica.selector.class`), consumers that say their rack read from the replica there, and a
//! broker counts that with what is read from its leaders. Which of a topic's bytes out are of which follows from how they
//! lie on the brokers: let `s` be the share that followers send, and let what a partition is read be in proportion to
//! `w` (what its groups were seen to read, what was seen to be written to it, or its size). Then a broker sends
//! `(1 - s) / L` for each `w` that it leads and `s / F` for each that it follows, times the topic's bytes out on all
//! brokers, where `L` and `F` are the sums of `w` over all leaders and all followers. `s` is fitted by least squares, between
//! 0 and 1; where leaders and followers lie alike on all brokers nothing tells them apart, and every replica counts alike.

use std::collections::{BTreeMap, BTreeSet};

use super::load::{Watched, rate_of};
use super::{BrokerMetrics, Observation, SeenTopic};
use crate::base::{BrokerId, BytesPerS, TopicName};

/// A smaller share that followers send is the noise of averages.
const SHARE_LEAST: f64 = 0.05;

/// Where the parts of leaders and followers differ by less than this on all brokers together, as a sum of squares, they
/// cannot be told apart.
const APART_LEAST: f64 = 0.01;

/// How a topic lies on one broker, and what that sends of it.
#[derive(Debug, Clone, Default)]
struct OnBroker {
    follows: Vec<usize>,
    led_weight: f64,
    followed_weight: f64,
    out_bytes_per_s: f64,
}

/// Writes into the observation what is read from followers, and returns the metrics without that; nothing where no broker
/// lets consumers read from followers.
pub(super) fn take_out(
    observation: &mut Observation,
    metrics: &BTreeMap<BrokerId, BrokerMetrics>,
    watched: &Watched,
) -> Option<BTreeMap<BrokerId, BrokerMetrics>> {
    let lets = |broker: &BrokerId| observation.brokers.get(broker).is_some_and(|seen| seen.followers_serve);
    if !metrics.keys().any(lets) {
        return None;
    }
    let mut left = metrics.clone();
    for (topic, weights) in read_topics(observation, metrics, watched) {
        let Some(seen) = observation.topics.get_mut(&topic) else { continue };
        let brokers = lie_of(seen, metrics, (&topic, &weights));
        let Some((leader, follower)) = fan_outs(brokers.values()) else { continue };
        let mut read = vec![(0.0, 0_u32); weights.len()];
        for (broker, on) in &brokers {
            let expected = leader * on.led_weight + follower * on.followed_weight;
            let scale = if expected > 0.0 { on.out_bytes_per_s / expected } else { 0.0 };
            for position in &on.follows {
                let (sum, count) = &mut read[*position];
                *sum += scale * follower * weights[*position];
                *count += 1;
            }
            let taken = scale * follower * on.followed_weight;
            if let Some(told) = left.get_mut(broker) {
                let rest = |rate: BytesPerS| rate_of(rate.get() - taken);
                if let Some(rate) = told.topic_bytes_out_per_s.get_mut(&topic) {
                    *rate = rest(*rate);
                }
                told.bytes_out_per_s = told.bytes_out_per_s.map(rest);
            }
        }
        for (partition, (sum, count)) in seen.partitions.iter_mut().zip(read) {
            partition.load.follower_consume_bytes_per_s =
                (count > 0).then(|| rate_of(sum / f64::from(count)));
        }
    }
    Some(left)
}

/// The topics that some broker sends to consumers, each with what its partitions are read in proportion to.
fn read_topics(
    observation: &Observation,
    metrics: &BTreeMap<BrokerId, BrokerMetrics>,
    watched: &Watched,
) -> Vec<(TopicName, Vec<f64>)> {
    let told = metrics.values().flat_map(|told| &told.topic_bytes_out_per_s);
    let names: BTreeSet<&TopicName> =
        told.filter(|(_, rate)| rate.get() > 0.0).map(|(name, _)| name).collect();
    let weights = |name: &TopicName| {
        let topic = observation.topics.get(name)?;
        let sizes = || topic.partitions.iter().map(|one| one.full_size_bytes().unwrap_or_default().as_f64());
        let known = watched.of_topic(name).unwrap_or_else(|| sizes().collect());
        let is_some = known.iter().any(|weight| *weight > 0.0);
        Some((name.clone(), if is_some { known } else { vec![1.0; topic.partitions.len()] }))
    };
    names.into_iter().filter_map(weights).collect()
}

/// How a topic lies on the brokers that tell what they send.
fn lie_of(
    topic: &SeenTopic,
    metrics: &BTreeMap<BrokerId, BrokerMetrics>,
    (name, weights): (&TopicName, &[f64]),
) -> BTreeMap<BrokerId, OnBroker> {
    let mut brokers: BTreeMap<BrokerId, OnBroker> = BTreeMap::new();
    for (position, (partition, weight)) in topic.partitions.iter().zip(weights).enumerate() {
        for broker in &partition.replicas {
            let Some(told) = metrics.get(broker).filter(|told| !told.topic_bytes_out_per_s.is_empty()) else {
                continue;
            };
            let on = brokers.entry(*broker).or_default();
            on.out_bytes_per_s = told.topic_bytes_out_per_s.get(name).map_or(0.0, |rate| rate.get());
            if partition.leader == Some(*broker) {
                on.led_weight += weight;
            } else {
                on.followed_weight += weight;
                on.follows.push(position);
            }
        }
    }
    brokers
}

/// What a leader and a follower send for each unit of weight; nothing where followers send next to nothing.
fn fan_outs<'a>(brokers: impl Iterator<Item = &'a OnBroker> + Clone) -> Option<(f64, f64)> {
    let sum = |of: fn(&OnBroker) -> f64| -> f64 { brokers.clone().map(of).sum() };
    let (led, followed) = (sum(|on| on.led_weight), sum(|on| on.followed_weight));
    let out = sum(|on| on.out_bytes_per_s);
    if led <= 0.0 || followed <= 0.0 || out <= 0.0 {
        return None;
    }
    let (mut along, mut apart) = (0.0, 0.0);
    for on in brokers {
        let leading = on.led_weight / led;
        let differs = on.followed_weight / followed - leading;
        along += differs * (on.out_bytes_per_s / out - leading);
        apart += differs * differs;
    }
    let alike = followed / (led + followed);
    let share = if apart < APART_LEAST { alike } else { (along / apart).clamp(0.0, 1.0) };
    (share >= SHARE_LEAST).then(|| ((1.0 - share) * out / led, share * out / followed))
}

#[cfg(test)]
#[path = "follower_reads_tests.rs"]
mod tests;
