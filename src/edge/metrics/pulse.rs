//! [`Pulse`]: what brokers' metrics tell while an execution runs. It must not wait for them: an endpoint that hangs
//! would hold up what has to be done now. So they are asked in the background, every few seconds, and each look takes what
//! was told last, unless that is too old to be true.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::source::{Brokers, Source};
use crate::base::{BrokerId, BytesPerS, TopicName, TopicPartition};
use crate::observe::{BrokerMetrics, Observation};

/// What was told so many intervals ago is not how it is now.
const STALE_AFTER_INTERVALS: u32 = 3;

type Told = BTreeMap<BrokerId, BrokerMetrics>;

/// Asks in the background.
pub(super) struct Pulse {
    source: Arc<Mutex<dyn Source>>,
    every: Duration,
    asked_at: Option<Instant>,
    under_way: Option<Receiver<Told>>,
    told: Option<(Instant, Told)>,
    /// What was written to each partition in the last full look: how a topic's traffic is shared out until the next.
    produced: BTreeMap<TopicPartition, f64>,
}

impl Pulse {
    pub(super) fn new(source: Arc<Mutex<dyn Source>>, every: Duration) -> Self {
        Self { source, every, asked_at: None, under_way: None, told: None, produced: BTreeMap::new() }
    }

    pub(super) fn set_interval(&mut self, every: Duration) {
        self.every = every;
    }

    /// Takes note of a full look, and of what was told for it.
    pub(super) fn full_look(&mut self, observation: &mut Observation, told: Told) {
        let known = observation.partitions().filter_map(|(name, _, partition)| {
            Some((name, partition.load.produce_bytes_per_s?.get())).filter(|(_, produced)| *produced > 0.0)
        });
        self.produced = known.collect();
        signal(observation, &told);
        self.told = Some((Instant::now(), told));
        self.asked_at = Some(Instant::now());
    }

    /// Adds to a look of an execution what was told last, and asks anew when it is time.
    pub(super) fn look(&mut self, observation: &mut Observation, looks_at: &[TopicPartition]) {
        self.receive();
        if self.under_way.is_none() && self.asked_at.is_none_or(|at| at.elapsed() >= self.every) {
            self.ask(observation);
        }
        let fresh = self.every * STALE_AFTER_INTERVALS;
        if let Some((_, told)) = self.told.as_ref().filter(|(at, _)| at.elapsed() <= fresh) {
            signal(observation, told);
            share_out(observation, told, &self.produced, looks_at);
        }
    }

    fn receive(&mut self) {
        let Some(under_way) = &self.under_way else { return };
        match under_way.try_recv() {
            Ok(told) => {
                self.told = self.asked_at.map(|at| (at, told));
                self.under_way = None;
            }
            // It has failed without a word; the next one may not.
            Err(TryRecvError::Disconnected) => self.under_way = None,
            Err(TryRecvError::Empty) => {}
        }
    }

    fn ask(&mut self, observation: &Observation) {
        let targets = targets(observation);
        let (source, (sender, receiver)) = (Arc::clone(&self.source), channel());
        self.asked_at = Some(Instant::now());
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            let told = source.lock().unwrap_or_else(PoisonError::into_inner).ask(&targets);
            // Nobody waits for it any more when the execution has ended.
            drop(sender.send(told.metrics));
        });
        match thread {
            Ok(_) => self.under_way = Some(receiver),
            Err(error) => tracing::warn!("metrics are not asked for: {error}"),
        }
    }
}

/// The live brokers, with their hosts.
pub(super) fn targets(observation: &Observation) -> Brokers {
    let alive = observation.brokers.iter().filter(|(_, broker)| broker.alive);
    alive.map(|(id, broker)| (*id, broker.host.clone())).collect()
}

fn signal(observation: &mut Observation, told: &Told) {
    for (id, seen) in observation.brokers.iter_mut().filter(|(_, seen)| seen.alive) {
        if let Some(told) = told.get(id) {
            seen.signals = told.signals();
            seen.links.clone_from(&told.links);
        }
    }
}

/// Shares what is written to a topic now out over the partitions that are looked at, as the last full look did: it
/// knew the sizes of all of them. Where that knew nothing of a topic, in equal parts.
fn share_out(
    observation: &mut Observation,
    told: &Told,
    produced: &BTreeMap<TopicPartition, f64>,
    looks_at: &[TopicPartition],
) {
    let mut loads: Vec<(&TopicPartition, f64)> = Vec::new();
    let mut sums: BTreeMap<(&TopicName, BrokerId), (f64, f64)> = BTreeMap::new();
    for name in looks_at {
        let leader = observation.partition(name).and_then(|partition| partition.leader);
        let Some((leader, told)) = leader.and_then(|leader| Some((leader, told.get(&leader)?))) else {
            continue;
        };
        if told.topic_bytes_in_per_s.is_empty() {
            continue;
        }
        let now = told.topic_bytes_in_per_s.get(&name.topic).map_or(0.0, |rate| rate.get());
        let (sum, count) = *sums.entry((&name.topic, leader)).or_insert_with(|| {
            let all = observation.topics.get(&name.topic).into_iter().flat_map(|topic| &topic.partitions);
            let led = all.filter(|partition| partition.leader == Some(leader));
            led.fold((0.0, 0.0), |(sum, count), partition| {
                let name = TopicPartition::new(name.topic.clone(), partition.id);
                (sum + produced.get(&name).copied().unwrap_or(0.0), count + 1.0)
            })
        });
        let part = if sum > 0.0 {
            produced.get(name).copied().unwrap_or(0.0) / sum
        } else {
            1.0 / f64::max(count, 1.0)
        };
        loads.push((name, now * part));
    }
    for (name, load) in loads {
        let topic = observation.topics.get_mut(&name.topic);
        let index = usize::try_from(name.partition).ok();
        let partition = topic.zip(index).and_then(|(topic, index)| topic.partitions.get_mut(index));
        if let Some(partition) = partition {
            partition.load.produce_bytes_per_s = BytesPerS::new(load).ok();
        }
    }
}

#[cfg(test)]
#[path = "pulse_tests.rs"]
mod tests;
