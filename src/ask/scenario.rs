//! [`Scenario`]: a cluster that might be, made from one that was seen.

use std::collections::BTreeSet;

use super::{real, whole_bytes};
use crate::base::{BrokerId, Bytes, BytesPerS, Cores, RackId, TopicName};
use crate::config::nearest;
use crate::goals::TopicPattern;
use crate::observe::{Capacity, LogDir, Observation, Partition, SeenBroker};
use crate::solve::{Operation, Request};

/// What is changed of a cluster before it is looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scenario {
    /// Brokers that join.
    pub add: Vec<NewBrokers>,
    /// Brokers that are emptied and leave.
    pub remove: Vec<BrokerId>,
    /// Brokers that are lost with all that stands on them.
    pub lose: Vec<BrokerId>,
    /// Racks that are lost with all their brokers.
    pub lose_racks: Vec<RackId>,
    /// What sizes and loads of all topics are multiplied by.
    pub scale: Option<f64>,
    /// What sizes and loads of some topics are multiplied by, after `scale`; each pattern that matches counts.
    pub scale_topics: Vec<(TopicPattern, f64)>,
}

/// Some brokers that join a rack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBrokers {
    /// How many.
    pub count: usize,
    /// The rack.
    pub rack: RackId,
}

/// Why a scenario cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// A broker is not in the cluster.
    #[error("broker {0} does not exist in this cluster")]
    UnknownBroker(BrokerId),
    /// A rack is not in the cluster.
    #[error("rack `{rack}` does not exist in this cluster")]
    UnknownRack {
        /// The rack given.
        rack: RackId,
        /// What would help.
        hint: String,
    },
    /// No topic matches.
    #[error("no topic matches `{pattern}`")]
    UnknownTopic {
        /// The pattern given.
        pattern: String,
        /// What would help.
        hint: String,
    },
    /// Nothing would be left.
    #[error("no broker would be left alive")]
    NothingLeft,
}

impl ScenarioError {
    /// What would help, where something is known to.
    pub fn hint(&self) -> &str {
        match self {
            Self::UnknownRack { hint, .. } | Self::UnknownTopic { hint, .. } => hint,
            Self::UnknownBroker(_) => "`evenkeel status` lists the brokers",
            Self::NothingLeft => "lose fewer brokers at once",
        }
    }
}

impl Scenario {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All brokers that are lost.
    ///
    /// # Errors
    /// A broker or rack does not exist.
    pub fn lost(&self, observation: &Observation) -> Result<BTreeSet<BrokerId>, ScenarioError> {
        let mut lost = BTreeSet::new();
        for id in self.lose.iter().chain(&self.remove) {
            if !observation.brokers.contains_key(id) {
                return Err(ScenarioError::UnknownBroker(*id));
            }
        }
        lost.extend(&self.lose);
        for rack in &self.lose_racks {
            let of_rack = || observation.brokers.keys().filter(|id| observation.rack_of(**id) == *rack);
            if of_rack().next().is_none() {
                let racks: BTreeSet<RackId> =
                    observation.brokers.keys().map(|id| observation.rack_of(*id)).collect();
                let hint = match nearest(rack.as_str(), racks.iter().map(RackId::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "there are {}",
                        racks.iter().map(RackId::as_str).collect::<Vec<_>>().join(", ")
                    ),
                };
                return Err(ScenarioError::UnknownRack { rack: rack.clone(), hint });
            }
            lost.extend(of_rack());
        }
        Ok(lost)
    }

    /// The cluster as it would be, before anything is moved.
    ///
    /// # Errors
    /// A broker, rack or topic does not exist, or no broker would be left.
    pub fn apply(&self, observation: &Observation) -> Result<Observation, ScenarioError> {
        let lost = self.lost(observation)?;
        let mut changed = observation.clone();
        if let Some(factor) = self.scale {
            scale(&mut changed, None, factor);
        }
        for (pattern, factor) in &self.scale_topics {
            if !observation.topics.keys().any(|topic| pattern.matches(topic)) {
                let near = nearest(pattern.as_str(), observation.topics.keys().map(TopicName::as_str));
                let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
                return Err(ScenarioError::UnknownTopic { pattern: pattern.to_string(), hint });
            }
            scale(&mut changed, Some(pattern), *factor);
        }
        for new in &self.add {
            add(&mut changed, observation, new);
        }
        lose(&mut changed, &lost);
        if changed.alive().all(|id| self.remove.contains(&id)) {
            return Err(ScenarioError::NothingLeft);
        }
        Ok(changed)
    }

    /// What is asked of the solver in the changed cluster: to empty what leaves or was lost, and level the rest.
    pub fn request(&self, lost: &BTreeSet<BrokerId>, seed: u64) -> Request {
        let leaving: BTreeSet<BrokerId> = lost.iter().chain(&self.remove).copied().collect();
        let operation = if leaving.is_empty() {
            Operation::Rebalance
        } else {
            Operation::RemoveBrokers(leaving.into_iter().collect())
        };
        Request { also_rebalance: operation != Operation::Rebalance, operation, seed, ..Request::default() }
    }

    /// The changes in words, one each.
    pub fn in_words(&self, lost: &BTreeSet<BrokerId>) -> Vec<String> {
        let ids = |ids: &mut dyn Iterator<Item = &BrokerId>| {
            let ids: Vec<String> = ids.map(ToString::to_string).collect();
            format!("{} {}", if ids.len() == 1 { "broker" } else { "brokers" }, ids.join(", "))
        };
        let mut words: Vec<String> = self
            .add
            .iter()
            .map(|new| {
                let noun = if new.count == 1 { "broker joins" } else { "brokers join" };
                format!("{} {noun} rack {}", new.count, new.rack)
            })
            .collect();
        if !self.remove.is_empty() {
            words.push(format!("{} removed", ids(&mut self.remove.iter())));
        }
        let racks: Vec<&str> = self.lose_racks.iter().map(RackId::as_str).collect();
        match (racks.as_slice(), lost.is_empty()) {
            (_, true) => {}
            ([], false) => words.push(format!("{} lost", ids(&mut lost.iter()))),
            (racks, false) => {
                let noun = if racks.len() == 1 { "rack" } else { "racks" };
                words.push(format!("{noun} {} lost, in all {}", racks.join(", "), ids(&mut lost.iter())));
            }
        }
        words.extend(self.scale.map(|factor| format!("sizes and loads of all topics times {factor}")));
        let topics = self.scale_topics.iter();
        words
            .extend(topics.map(|(pattern, factor)| format!("sizes and loads of `{pattern}` times {factor}")));
        words
    }
}

/// Multiplies sizes and loads. What else lies on disks stays as much as it was.
fn scale(observation: &mut Observation, pattern: Option<&TopicPattern>, factor: f64) {
    let bytes = |size: Bytes| whole_bytes(size.as_f64() * factor);
    let flow = |rate: BytesPerS| BytesPerS::new(rate.get() * factor).ok();
    let cores = |busy: Cores| Cores::new(busy.get() * factor).ok();
    for (name, topic) in &mut observation.topics {
        if pattern.is_some_and(|pattern| !pattern.matches(name)) {
            continue;
        }
        for partition in &mut topic.partitions {
            partition.size_bytes = partition.size_bytes.map(bytes);
            let load = &mut partition.load;
            load.produce_bytes_per_s = load.produce_bytes_per_s.and_then(flow);
            load.consume_bytes_per_s = load.consume_bytes_per_s.and_then(flow);
            load.follower_consume_bytes_per_s = load.follower_consume_bytes_per_s.and_then(flow);
            load.leader_cpu_cores = load.leader_cpu_cores.and_then(cores);
            load.follower_cpu_cores = load.follower_cpu_cores.and_then(cores);
            for (broker, replica) in &mut partition.on_disk {
                let Some(before) = replica.size_bytes else { continue };
                let after = bytes(before);
                replica.size_bytes = Some(after);
                if let Some(seen) = observation.brokers.get_mut(broker) {
                    fill(seen, replica.log_dir.as_deref(), before, after);
                }
            }
        }
    }
}

/// Takes up, or gives back, room on the volume of a replica whose size changes. A volume that would overflow is shown
/// larger than it is; the broker's capacity, which goals are judged by, stays what it was.
fn fill(seen: &mut SeenBroker, log_dir: Option<&str>, before: Bytes, after: Bytes) {
    if seen.capacity.disk_bytes.is_none() {
        let online = seen.log_dirs.iter().filter(|dir| dir.online);
        seen.capacity.disk_bytes = online.map(|dir| dir.total_bytes).sum();
    }
    let place = |dir: &&mut LogDir| dir.online && log_dir.is_none_or(|path| dir.path == path);
    let Some(dir) = seen.log_dirs.iter_mut().find(place) else { return };
    let (Some(total), Some(usable)) = (dir.total_bytes, dir.usable_bytes) else { return };
    let needed = after.saturating_sub(before);
    dir.total_bytes = Some(total + needed.saturating_sub(usable));
    dir.usable_bytes = Some(usable.saturating_sub(needed) + before.saturating_sub(after));
}

/// Adds brokers with new ids, each with the median capacity of its rack's brokers, or of all where the rack is new.
fn add(changed: &mut Observation, seen: &Observation, new: &NewBrokers) {
    let of_rack = |id: &&BrokerId| seen.rack_of(**id) == new.rack;
    let mut models: Vec<&SeenBroker> =
        seen.brokers.keys().filter(of_rack).filter_map(|id| seen.brokers.get(id)).collect();
    if models.is_empty() {
        models = seen.brokers.values().collect();
    }
    let capacity = Capacity {
        disk_bytes: median(models.iter().map(|broker| {
            let volumes = broker.log_dirs.iter().filter(|dir| dir.online).map(|dir| dir.total_bytes);
            let volumes: Option<Bytes> = if broker.log_dirs.is_empty() { None } else { volumes.sum() };
            broker.capacity.disk_bytes.or(volumes).map(Bytes::as_f64)
        }))
        .map(whole_bytes),
        network_in_bytes_per_s: median(
            models.iter().map(|broker| broker.capacity.network_in_bytes_per_s.map(BytesPerS::get)),
        )
        .and_then(|rate| BytesPerS::new(rate).ok()),
        network_out_bytes_per_s: median(
            models.iter().map(|broker| broker.capacity.network_out_bytes_per_s.map(BytesPerS::get)),
        )
        .and_then(|rate| BytesPerS::new(rate).ok()),
        cpu_cores: median(models.iter().map(|broker| broker.capacity.cpu_cores.map(Cores::get)))
            .and_then(|cores| Cores::new(cores).ok()),
    };
    let other_cpu_cores = median(models.iter().map(|broker| broker.other_cpu_cores.map(Cores::get)))
        .and_then(|cores| Cores::new(cores).ok());
    for _ in 0..new.count {
        let next = changed.brokers.keys().next_back().map_or(0, |last| last.0.saturating_add(1));
        let rack = Some(new.rack.clone());
        let broker = SeenBroker { rack, alive: true, capacity, other_cpu_cores, ..SeenBroker::default() };
        changed.brokers.insert(BrokerId(next), broker);
    }
}

/// The middle of the amounts (of two, their mean); `None` where one of them is not known.
pub(super) fn median(amounts: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut amounts: Vec<f64> = amounts.collect::<Option<_>>()?;
    amounts.sort_unstable_by(f64::total_cmp);
    let (low, high) = (amounts.get(amounts.len().saturating_sub(1) / 2)?, amounts.get(amounts.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// Takes brokers down: they leave the in-sync sets, and the first replica in sync of each list leads on.
fn lose(observation: &mut Observation, lost: &BTreeSet<BrokerId>) {
    for id in lost {
        if let Some(broker) = observation.brokers.get_mut(id) {
            broker.alive = false;
        }
    }
    for topic in observation.topics.values_mut() {
        for partition in &mut topic.partitions {
            lose_replicas(partition, lost);
        }
    }
}

fn lose_replicas(partition: &mut Partition, lost: &BTreeSet<BrokerId>) {
    if !partition.replicas.iter().any(|broker| lost.contains(broker)) {
        return;
    }
    for broker in partition.replicas.iter().filter(|broker| lost.contains(broker)) {
        if !partition.offline.contains(broker) {
            partition.offline.push(*broker);
        }
    }
    partition.isr.retain(|broker| !lost.contains(broker));
    if partition.leader.is_none_or(|leader| lost.contains(&leader)) {
        // Kafka elects the first replica of the list that is in sync.
        partition.leader = partition.replicas.iter().copied().find(|broker| partition.isr.contains(broker));
    }
}

/// The factor that a growth of `percent` a month makes in so many days; a month has 30 days, and growth compounds.
pub(super) fn growth_factor(percent_per_month: f64, days: u32) -> f64 {
    (1.0 + percent_per_month / 100.0).powf(f64::from(days) / real(30))
}

#[cfg(test)]
#[path = "scenario_tests.rs"]
mod tests;
