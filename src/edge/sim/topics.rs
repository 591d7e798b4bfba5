//! Topics come and go: the spec's at the start, others by `CreateTopics` and `DeleteTopics`.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;

use super::cluster::Timer;
use super::num::real;
use super::state::{Copy, Listed, SimPartition, SimTopic};
use super::{PartitionSpec, Refusal, SimCluster, SpecError, TopicSpec};
use crate::base::{BrokerId, TopicName};
use crate::observe::TopicThrottle;

/// What `CreateTopics` asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// The name.
    pub name: String,
    /// Replica lists by partition; empty when the cluster shall choose.
    pub assignment: BTreeMap<i32, Vec<BrokerId>>,
    /// How many partitions, where the cluster chooses; -1 for its default of 1.
    pub partitions: i32,
    /// The replication factor, where the cluster chooses; -1 for its default of 3 or as many brokers as there are.
    pub replication_factor: i16,
    /// Topic configuration.
    pub configs: BTreeMap<String, String>,
}

impl SimCluster {
    pub(super) fn add_topic(&mut self, spec: &TopicSpec) -> Result<(), SpecError> {
        if self.topics.contains_key(&spec.name) {
            return Err(SpecError::Twice(format!("topic {}", spec.name)));
        }
        for (index, partition) in spec.partitions.iter().enumerate() {
            let name = || format!("{}-{index}", spec.name);
            if self.check_list(&partition.replicas).is_err() {
                let replicas = partition.replicas.iter().map(|broker| broker.0).collect();
                return Err(SpecError::BadReplicas { partition: name(), replicas });
            }
            if let Some(leader) = partition.leader.filter(|leader| !partition.replicas.contains(leader)) {
                return Err(SpecError::BadLeader { partition: name(), leader });
            }
        }
        let mut configs = BTreeMap::new();
        if spec.min_insync_replicas != 1 {
            configs.insert("min.insync.replicas".to_owned(), spec.min_insync_replicas.to_string());
        }
        self.put_topic(&spec.name, spec.internal, configs, &spec.partitions);
        Ok(())
    }

    fn put_topic(
        &mut self,
        name: &TopicName,
        internal: bool,
        configs: BTreeMap<String, String>,
        partitions: &[PartitionSpec],
    ) {
        let id = self.rng.id();
        let topic =
            SimTopic { id, internal, configs, throttle: TopicThrottle::default(), partitions: Vec::new() };
        self.topics.insert(name.clone(), topic);
        for (index, spec) in (0..).zip(partitions) {
            self.put_partition(name, index, spec);
        }
        self.refresh_topic(name);
    }

    pub(super) fn put_partition(&mut self, topic: &TopicName, id: i32, spec: &PartitionSpec) {
        let pid = self.partitions.len();
        let leader = spec.leader.or(spec.replicas.first().copied());
        let mut copies = Vec::with_capacity(spec.replicas.len());
        for broker in &spec.replicas {
            let dir = self.dir_for_new(pid, *broker);
            *self.dir_counts.entry((*broker, dir)).or_default() += 1;
            // Followers roll segments at other moments than their leader, so sizes differ by up to 0.1 %.
            let surplus = if leader == Some(*broker) { 0.0 } else { self.rng.unit() * 0.001 };
            let surplus_bytes = super::num::whole(real(spec.size_bytes) * surplus);
            let copy =
                Copy { broker: *broker, dir, missing_bytes: 0.0, rate: 0.0, surplus_bytes, future: None };
            copies.push(copy);
        }
        self.partitions.push(SimPartition {
            topic: topic.clone(),
            id,
            isr: spec.replicas.clone(),
            replicas: spec.replicas.clone(),
            adding: Vec::new(),
            removing: Vec::new(),
            leader,
            leader_epoch: 0,
            min_isr: 1,
            copies,
            size_bytes: real(spec.size_bytes),
            retention_bytes: real(spec.retention_bytes),
            written_bytes: real(spec.size_bytes),
            produce_bytes_per_s: spec.produce_bytes_per_s,
            consume_bytes_per_s: spec.consume_bytes_per_s,
            growth_bytes_per_s: 0,
            settled_ms: self.now_ms,
            charges: Vec::new(),
            leader_list: Listed::Nobody,
            follower_list: Listed::Nobody,
        });
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.partitions.push(pid);
        }
        self.elect(pid, false);
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// `TOPIC_ALREADY_EXISTS`, `INVALID_TOPIC_EXCEPTION`, `INVALID_PARTITIONS`, `INVALID_REPLICATION_FACTOR`,
    /// `INVALID_REPLICA_ASSIGNMENT`, `INVALID_CONFIG`.
    pub fn create_topic(&mut self, new: &NewTopic, validate_only: bool) -> Result<(), Refusal> {
        let name = TopicName::from(new.name.as_str());
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if new.name.is_empty() || new.name.len() > 249 || !new.name.chars().all(legal) {
            let words = format!("Topic name '{}' is invalid.", new.name);
            return Err(Refusal::new(ResponseError::InvalidTopicException, words));
        }
        if self.topics.contains_key(&name) {
            let words = format!("Topic '{name}' already exists.");
            return Err(Refusal::new(ResponseError::TopicAlreadyExists, words));
        }
        for (key, value) in &new.configs {
            super::configs::check_topic_config(key, value)?;
        }
        let lists = if new.assignment.is_empty() { self.choose_lists(new)? } else { self.given_lists(new)? };
        if !validate_only {
            let spec = |replicas| PartitionSpec { replicas, ..PartitionSpec::default() };
            let partitions: Vec<_> = lists.into_iter().map(spec).collect();
            let internal = matches!(new.name.as_str(), "__consumer_offsets" | "__transaction_state");
            self.put_topic(&name, internal, new.configs.clone(), &partitions);
        }
        Ok(())
    }

    fn given_lists(&self, new: &NewTopic) -> Result<Vec<Vec<BrokerId>>, Refusal> {
        for (expected, (index, list)) in (0..).zip(&new.assignment) {
            if expected != *index {
                let words = "partitions should be a consecutive 0-based integer sequence";
                return Err(Refusal::new(ResponseError::InvalidReplicaAssignment, words));
            }
            self.check_list(list)?;
        }
        Ok(new.assignment.values().cloned().collect())
    }

    /// Spreads replicas over racks in turn, beginning at a random broker.
    fn choose_lists(&mut self, new: &NewTopic) -> Result<Vec<Vec<BrokerId>>, Refusal> {
        let mut by_rack: BTreeMap<String, Vec<BrokerId>> = BTreeMap::new();
        for (id, broker) in self.brokers.iter().filter(|(_, broker)| !broker.fenced) {
            let rack = broker.rack.as_ref().map_or_else(String::new, |rack| rack.as_str().to_owned());
            by_rack.entry(rack).or_default().push(*id);
        }
        let alive: usize = by_rack.values().map(Vec::len).sum();
        let factor = match new.replication_factor {
            -1 => alive.min(3),
            factor => usize::try_from(factor).unwrap_or(0),
        };
        if factor == 0 || factor > alive {
            let words = format!(
                "Unable to replicate the partition {} time(s): only {alive} broker(s) are registered.",
                new.replication_factor
            );
            return Err(Refusal::new(ResponseError::InvalidReplicationFactor, words));
        }
        let Some(count) = usize::try_from(if new.partitions == -1 { 1 } else { new.partitions })
            .ok()
            .filter(|count| *count > 0)
        else {
            let words = "Number of partitions must be larger than 0.";
            return Err(Refusal::new(ResponseError::InvalidPartitions, words));
        };
        // One broker of each rack in turn: any run of as many as there are racks has distinct racks, if racks are even.
        let rounds = by_rack.values().map(Vec::len).max().unwrap_or(0);
        let ring: Vec<BrokerId> = (0..rounds)
            .flat_map(|at| by_rack.values().filter_map(move |rack| rack.get(at).copied()))
            .collect();
        let first = self.rng.below(ring.len());
        let lists = (0..count).map(|partition| {
            (0..factor).map(|replica| ring[(first + partition + replica) % ring.len()]).collect()
        });
        Ok(lists.collect())
    }

    /// Deletes a topic; its bytes go after the delete delay.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`.
    pub fn delete_topic(&mut self, name: &TopicName) -> Result<(), Refusal> {
        let Some(topic) = self.topics.remove(name) else {
            let words = "This server does not host this topic-partition.";
            return Err(Refusal::new(ResponseError::UnknownTopicOrPartition, words));
        };
        for pid in topic.partitions {
            let partition = &mut self.partitions[pid];
            partition.settle(self.now_ms);
            let brokers: Vec<BrokerId> = partition.copies.iter().map(|copy| copy.broker).collect();
            for broker in brokers {
                self.drop_copy(pid, broker);
            }
            let partition = &mut self.partitions[pid];
            partition.replicas.clear();
            partition.isr.clear();
            partition.adding.clear();
            partition.removing.clear();
            partition.leader = None;
            self.reassigning.remove(&pid);
            self.recharge(pid);
        }
        self.shares_stale = true;
        Ok(())
    }

    /// Sets a partition's client traffic, in bytes per second. Unknown partitions are left alone.
    pub fn set_traffic(&mut self, which: &crate::base::TopicPartition, produce: u64, consume: u64) {
        if let Some(pid) = self.pid(which) {
            self.partitions[pid].settle(self.now_ms);
            self.partitions[pid].produce_bytes_per_s = produce;
            self.partitions[pid].consume_bytes_per_s = consume;
            self.recharge(pid);
        }
    }

    /// Schedules a fault.
    pub fn inject_after(&mut self, delay: std::time::Duration, fault: super::Fault) {
        self.set_timer(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX / 2), Timer::Inject(fault));
    }
}
