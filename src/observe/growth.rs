//! [`SizeHistory`]: how large topics were over two weeks, and how fast what stands on a disk grows by that.
//!
//! What a broker holds jumps whenever replicas move, and says nothing of tomorrow then. Topics do not: what their
//! partitions hold grows by what clients write and shrinks by retention, wherever they stand. So the topics are
//! remembered, and a disk grows as its share of them does.
//!
//! The growth is the median of the slopes between looks that lie apart by half of the time or more (Theil, Sen: one bad
//! look moves it little), and its range is that of the middle eight tenths of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Observation;
use crate::base::{Bytes, TimestampMs, TopicName};

/// Sizes are remembered so often ...
const EVERY: Duration = Duration::from_secs(2 * 3_600);

/// ... and so many of them: two weeks.
const KEPT: u64 = 168;

/// Topics that hold less than this share of all bytes are remembered as one.
const SMALL: f64 = 0.001;

/// With less nothing is foretold: a day has its tides, but half a working day shows which way it goes.
const SPAN_LEAST: Duration = Duration::from_secs(6 * 3_600);

/// What slopes are drawn from at most: evenly chosen looks, more of which tell no more.
const LOOKS_MOST: usize = 60;

/// How large topics were at one look: one full replica of each of their partitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopicSizes {
    /// When.
    pub at: TimestampMs,
    /// By topic, those that are large.
    pub topics: BTreeMap<TopicName, Bytes>,
    /// All the others together.
    pub others: Bytes,
}

impl TopicSizes {
    /// Those of a full look; nothing where the size of a partition is not known: it would look like a fall.
    pub fn of(seen: &Observation) -> Option<Self> {
        let mut topics: BTreeMap<TopicName, Bytes> = BTreeMap::new();
        for (name, topic) in &seen.topics {
            let sizes = topic.partitions.iter().map(super::Partition::full_size_bytes);
            topics.insert(name.clone(), sizes.sum::<Option<Bytes>>()?);
        }
        if topics.is_empty() {
            return None;
        }
        let small = Bytes::whole(topics.values().copied().sum::<Bytes>().as_f64() * SMALL);
        let others = topics.values().copied().filter(|bytes| *bytes < small).sum();
        topics.retain(|_, bytes| *bytes >= small);
        Some(Self { at: seen.taken_at, topics, others })
    }

    /// The place among those that are kept: one that comes two weeks later takes it.
    pub fn slot(&self) -> u64 {
        number(self.at) % KEPT
    }
}

/// Which of the times at which sizes are remembered this belongs to.
fn number(at: TimestampMs) -> u64 {
    at.0 / u64::try_from(EVERY.as_millis()).unwrap_or(u64::MAX)
}

/// How large topics were over two weeks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SizeHistory {
    looks: BTreeMap<u64, TopicSizes>,
}

impl SizeHistory {
    /// Takes one in, and forgets what is older than two weeks by then.
    pub fn take(&mut self, sizes: TopicSizes) {
        let now = number(sizes.at);
        self.looks.retain(|number, _| *number > now.saturating_sub(KEPT));
        self.looks.insert(now, sizes);
    }

    /// Whether it is time to remember another one. A clock that was set back makes that so.
    pub fn is_due(&self, now: TimestampMs) -> bool {
        self.looks.last_key_value().is_none_or(|(last, _)| *last != number(now))
    }

    /// When the first that is known was taken.
    pub fn since(&self) -> Option<TimestampMs> {
        self.looks.first_key_value().map(|(_, sizes)| sizes.at)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.looks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.looks.is_empty()
    }

    /// What there is to tell growth from, as of a full look; nothing where it is too little or too short.
    pub fn tell(&self, seen: &Observation) -> Option<Tides> {
        let now = TopicSizes::of(seen)?;
        let mut looks: Vec<&TopicSizes> = self.looks.values().filter(|look| look.at < now.at).collect();
        looks.push(&now);
        let (first, last) = (looks.first()?.at, now.at);
        if last.since(first) < SPAN_LEAST {
            return None;
        }
        let step = looks.len().div_ceil(LOOKS_MOST).max(1);
        // From the last one backwards: the present is never left out.
        let chosen: Vec<&TopicSizes> = looks.iter().rev().step_by(step).rev().copied().collect();
        Some(Tides::of(&chosen))
    }
}

/// No partition is taken to grow to more than so many times its size: who grows faster is new, and nobody knows where it
/// ends.
const GROWTH_MOST: f64 = 4.0;

impl SizeHistory {
    /// The cluster as it will be after this time, if topics go on to grow as they did: what shrinks is left as it is, for a
    /// plan must hold today, too. Nothing where too little is known.
    pub fn ahead(&self, seen: &Observation, horizon: Duration) -> Option<Observation> {
        let tides = self.tell(seen)?;
        let days = horizon.as_secs_f64() / DAY_S;
        let mut ahead = seen.clone();
        for (name, topic) in &mut ahead.topics {
            let sizes = topic.partitions.iter().map(super::Partition::full_size_bytes);
            let Some(held) = sizes.sum::<Option<Bytes>>().filter(|held| *held > Bytes::ZERO) else {
                continue;
            };
            let growth = tides.growth(std::iter::once((name, held))).bytes_a_day * days;
            let factor = (1.0 + growth / held.as_f64()).clamp(1.0, GROWTH_MOST);
            let grown = |bytes: Bytes| Bytes::whole((bytes.as_f64() * factor).round());
            for partition in &mut topic.partitions {
                partition.size_bytes = partition.size_bytes.map(grown);
                for replica in partition.on_disk.values_mut() {
                    replica.size_bytes = replica.size_bytes.map(grown);
                }
            }
        }
        Some(ahead)
    }
}

/// How topics grew, by name; one that is not known by name goes with the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Tides {
    /// Seconds before the last look.
    ago_s: Vec<f64>,
    /// Sizes at each look over the size at the last one.
    topics: BTreeMap<TopicName, Vec<f64>>,
    others: Vec<f64>,
}

/// How fast something grows, in bytes a day; less than 0 where it shrinks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Most likely.
    pub bytes_a_day: f64,
    /// One in ten slopes is lower ...
    pub low_bytes_a_day: f64,
    /// ... and one in ten is higher than this.
    pub high_bytes_a_day: f64,
}

const DAY_S: f64 = 86_400.0;

impl Tides {
    fn of(looks: &[&TopicSizes]) -> Self {
        let last = looks[looks.len() - 1];
        let ago_s = looks.iter().map(|look| last.at.since(look.at).as_secs_f64()).collect();
        // A topic that was not there by name at every look was made meanwhile, or was small: it goes with the others.
        let is_known = |name: &&TopicName| looks.iter().all(|look| look.topics.contains_key(*name));
        let known: Vec<&TopicName> = last.topics.keys().filter(is_known).collect();
        let over = |sizes: Vec<Bytes>| {
            let end = sizes[sizes.len() - 1].as_f64();
            sizes.iter().map(|size| if end > 0.0 { size.as_f64() / end } else { 1.0 }).collect()
        };
        let topics = known
            .iter()
            .map(|name| ((*name).clone(), over(looks.iter().map(|look| look.topics[*name]).collect())))
            .collect();
        let rest = |look: &&TopicSizes| {
            let unknown = look.topics.iter().filter(|(name, _)| !known.contains(name));
            look.others + unknown.map(|(_, bytes)| *bytes).sum()
        };
        Self { ago_s, topics, others: over(looks.iter().map(rest).collect()) }
    }

    /// How fast something grows that holds so much of each topic now.
    pub fn growth<'a>(&self, holds: impl Iterator<Item = (&'a TopicName, Bytes)>) -> Growth {
        let mut held = vec![0.0; self.ago_s.len()];
        for (name, bytes) in holds {
            let series = self.topics.get(name).unwrap_or(&self.others);
            for (sum, share) in held.iter_mut().zip(series) {
                *sum += bytes.as_f64() * share;
            }
        }
        let span = self.ago_s.first().copied().unwrap_or_default();
        let mut slopes = Vec::new();
        for (at, (then_s, then)) in self.ago_s.iter().zip(&held).enumerate() {
            for (later_s, later) in self.ago_s[at + 1..].iter().zip(&held[at + 1..]) {
                if then_s - later_s >= span / 2.0 {
                    slopes.push((later - then) / (then_s - later_s) * DAY_S);
                }
            }
        }
        slopes.sort_by(f64::total_cmp);
        let at = |tenths: usize| slopes.get((slopes.len() * tenths / 10).min(slopes.len().saturating_sub(1)));
        let at = |tenths: usize| at(tenths).copied().unwrap_or_default();
        Growth { bytes_a_day: at(5), low_bytes_a_day: at(1), high_bytes_a_day: at(9) }
    }

    /// How long the looks go back.
    pub fn span(&self) -> Duration {
        Duration::from_secs_f64(self.ago_s.first().copied().unwrap_or_default())
    }
}

#[cfg(test)]
#[path = "growth_tests.rs"]
mod tests;
