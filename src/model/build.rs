//! [`ClusterModel::build`]: from an observation to the model, checked and in a fixed order.
//!
//! What the observation does not know stays unknown here too: an unknown load counts as zero, and
//! [`ClusterModel::known`] keeps goals from being judged on it.

use std::collections::{BTreeMap, BTreeSet};

use super::log_dirs::NO_DIR;
use super::{Assignment, Broker, BrokerOrd, ClusterModel, Health, PartitionOrd, PartitionRow, Resource};
use super::{HostOrd, LogDirRow, RackOrd, TopicOrd, TopicRow};
use crate::base::{BrokerId, Bytes, BytesPerS, Cores, DigestBuilder, ModelId, RackId, TopicPartition};
use crate::observe::{LogDir, Observation, Partition, Reassignment, Replica, SeenBroker};

/// Why no model can be built from an observation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// There is nothing to model.
    #[error("no live broker was seen")]
    NoBrokers,
    /// A replica stands on a broker that was not seen.
    #[error("partition {partition} has a replica on broker {broker}, which is not among the brokers seen")]
    UnknownBroker {
        /// The partition.
        partition: TopicPartition,
        /// The broker.
        broker: BrokerId,
    },
    /// A replica list is empty, names a broker twice or is absurdly long.
    #[error("partition {partition} has a malformed replica list: {problem}")]
    BadReplicaList {
        /// The partition.
        partition: TopicPartition,
        /// What is wrong with it.
        problem: String,
    },
    /// Partitions of a topic are not numbered 0, 1, 2 ...
    #[error("topic {topic}: partition {found} was seen where {expected} should be; the view is incomplete")]
    MissingPartition {
        /// The topic.
        topic: String,
        /// The number that should come.
        expected: usize,
        /// The number that came.
        found: i32,
    },
}

impl ClusterModel {
    /// Builds the model.
    ///
    /// # Errors
    /// The observation holds no live broker, or something that cannot be in a cluster.
    pub fn build(observation: &Observation) -> Result<Self, ModelError> {
        if observation.alive().next().is_none() {
            return Err(ModelError::NoBrokers);
        }
        let (racks, hosts, brokers) = brokers_of(observation);
        let mut builder = Builder {
            observation,
            ords: brokers.iter().enumerate().map(|(at, broker)| (broker.id, BrokerOrd::from(at))).collect(),
            topics: Vec::with_capacity(observation.topics.len()),
            partitions: Vec::new(),
            lists: Vec::new(),
            own_sizes: Vec::new(),
            out_of_sync: BTreeMap::new(),
            offline: BTreeMap::new(),
            replica_dirs: Vec::new(),
            changing_dirs: BTreeSet::new(),
            known: [true; Resource::COUNT],
        };
        for (name, topic) in &observation.topics {
            builder.topics.push(TopicRow {
                name: name.clone(),
                min_insync_replicas: topic.min_insync_replicas.unwrap_or(1),
                internal: topic.internal,
                first_partition: PartitionOrd::from(builder.partitions.len()),
                partition_count: u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX),
            });
            for (expected, partition) in topic.partitions.iter().enumerate() {
                if usize::try_from(partition.id) != Ok(expected) {
                    let topic = name.to_string();
                    return Err(ModelError::MissingPartition { topic, expected, found: partition.id });
                }
                builder.add(&TopicPartition::new(name.clone(), partition.id), partition)?;
            }
        }
        Ok(builder.finish(racks, hosts, brokers))
    }
}

/// What grows while partitions are added.
struct Builder<'a> {
    observation: &'a Observation,
    ords: BTreeMap<BrokerId, BrokerOrd>,
    topics: Vec<TopicRow>,
    partitions: Vec<PartitionRow>,
    lists: Vec<(Vec<BrokerOrd>, Option<BrokerOrd>)>,
    own_sizes: Vec<f64>,
    out_of_sync: BTreeMap<PartitionOrd, Vec<BrokerOrd>>,
    offline: BTreeMap<PartitionOrd, Vec<BrokerOrd>>,
    replica_dirs: Vec<u8>,
    changing_dirs: BTreeSet<(PartitionOrd, BrokerOrd)>,
    known: [bool; Resource::COUNT],
}

impl Builder<'_> {
    fn add(&mut self, name: &TopicPartition, seen: &Partition) -> Result<(), ModelError> {
        let list = self.checked_list(name, seen)?;
        let reassignment = self.observation.reassignments.get(name);
        let alive = |broker: BrokerId| self.observation.brokers.get(&broker).is_some_and(|b| b.alive);
        let lags = |broker: BrokerId| {
            !alive(broker) || !seen.isr.contains(&broker) || seen.offline.contains(&broker)
        };
        let lagging: Vec<BrokerOrd> =
            seen.replicas.iter().filter(|broker| lags(**broker)).map(|broker| self.ords[broker]).collect();
        let leader = seen.leader.filter(|leader| alive(*leader)).and_then(|leader| self.ords.get(&leader));
        let leader = leader.copied().filter(|leader| list.contains(leader));
        let health = if reassignment.is_some() {
            Health::Reassigning
        } else if leader.is_none() {
            Health::Leaderless
        } else if lagging.is_empty() {
            Health::Healthy
        } else {
            Health::Degraded
        };
        self.push_row(seen, health, reassignment);
        if !lagging.is_empty() {
            self.out_of_sync.insert(PartitionOrd::from(self.partitions.len() - 1), lagging);
        }
        let is_offline = |broker: &&BrokerId| !alive(**broker) || seen.offline.contains(broker);
        let offline: Vec<BrokerOrd> =
            seen.replicas.iter().filter(is_offline).map(|broker| self.ords[broker]).collect();
        if !offline.is_empty() {
            self.offline.insert(PartitionOrd::from(self.partitions.len() - 1), offline);
        }
        self.lists.push((list, leader));
        Ok(())
    }

    /// The replica list in ordinals, when it is one that can exist.
    fn checked_list(&self, name: &TopicPartition, seen: &Partition) -> Result<Vec<BrokerOrd>, ModelError> {
        let bad = |problem: &str| {
            Err(ModelError::BadReplicaList { partition: name.clone(), problem: problem.to_owned() })
        };
        if seen.replicas.is_empty() {
            return bad("it is empty");
        }
        if seen.replicas.len() > usize::from(u8::MAX) {
            return bad("it names more than 255 brokers");
        }
        let mut list = Vec::with_capacity(seen.replicas.len());
        for broker in &seen.replicas {
            let Some(ord) = self.ords.get(broker) else {
                return Err(ModelError::UnknownBroker { partition: name.clone(), broker: *broker });
            };
            if list.contains(ord) {
                return bad(&format!("it names broker {broker} twice"));
            }
            list.push(*ord);
        }
        Ok(list)
    }

    fn push_row(&mut self, seen: &Partition, health: Health, reassignment: Option<&Reassignment>) {
        let size = seen.full_size_bytes();
        let load = seen.load;
        // Nobody can tell the size or load of a partition whose replicas are all down, and it does not move.
        if health != Health::Leaderless {
            let seen_of = [
                (Resource::Disk, size.is_some()),
                (Resource::NetworkIn, load.produce_bytes_per_s.is_some()),
                (Resource::LeaderBytesIn, load.produce_bytes_per_s.is_some()),
                (
                    Resource::NetworkOut,
                    load.produce_bytes_per_s.is_some() && load.consume_bytes_per_s.is_some(),
                ),
                (
                    Resource::PotentialNetworkOut,
                    load.produce_bytes_per_s.is_some() && load.consume_bytes_per_s.is_some(),
                ),
                (Resource::Cpu, load.leader_cpu_cores.is_some() && load.follower_cpu_cores.is_some()),
            ];
            for (resource, is_seen) in seen_of {
                self.known[resource.index()] &= is_seen;
            }
        }
        let full = size.unwrap_or(Bytes::ZERO);
        for broker in &seen.replicas {
            // A replica that is still being made will be a full one.
            let adding = reassignment.is_some_and(|reassignment| reassignment.adding.contains(broker));
            let own = if adding { full } else { seen.size_on(*broker).unwrap_or(full) };
            self.own_sizes.push(own.as_f64());
            let on_disk = seen.on_disk.get(broker);
            self.replica_dirs.push(self.dir_of(*broker, on_disk));
            if on_disk.is_some_and(|replica| replica.future.is_some()) {
                self.changing_dirs.insert((PartitionOrd::from(self.partitions.len()), self.ords[broker]));
            }
        }
        self.partitions.push(PartitionRow {
            topic: TopicOrd::from(self.topics.len() - 1),
            id: seen.id,
            size_bytes: full.as_f64(),
            produce_bytes_per_s: load.produce_bytes_per_s.map_or(0.0, BytesPerS::get),
            consume_bytes_per_s: load.consume_bytes_per_s.map_or(0.0, BytesPerS::get),
            follower_consume_bytes_per_s: load.follower_consume_bytes_per_s.map_or(0.0, BytesPerS::get),
            leader_cpu_cores: load.leader_cpu_cores.map_or(0.0, Cores::get),
            follower_cpu_cores: load.follower_cpu_cores.map_or(0.0, Cores::get),
            health,
        });
    }

    /// The position of the directory of a replica among those of its broker.
    fn dir_of(&self, broker: BrokerId, replica: Option<&Replica>) -> u8 {
        let path = replica.and_then(|replica| replica.log_dir.as_ref());
        let dirs = self.observation.brokers.get(&broker).map(|seen| &seen.log_dirs);
        let found = dirs.zip(path).and_then(|(dirs, path)| dirs.iter().position(|dir| dir.path == *path));
        found.and_then(|at| u8::try_from(at).ok()).unwrap_or(NO_DIR)
    }

    fn finish(self, racks: Vec<RackId>, hosts: Vec<String>, brokers: Vec<Broker>) -> ClusterModel {
        let mut sizes = self.own_sizes.iter();
        let all_full = self.lists.iter().zip(&self.partitions).all(|((list, _), row)| {
            sizes.by_ref().take(list.len()).all(|own| own.to_bits() == row.size_bytes.to_bits())
        });
        let mut model = ClusterModel {
            id: ModelId(DigestBuilder::new("model").finish()),
            cluster_id: self.observation.cluster_id.clone(),
            observed_at: self.observation.taken_at,
            brokers,
            racks,
            hosts,
            topics: self.topics,
            partitions: self.partitions,
            placement: Assignment::new(self.lists),
            own_sizes: if all_full { Vec::new() } else { self.own_sizes },
            out_of_sync: self.out_of_sync,
            offline: self.offline,
            replica_dirs: if self.replica_dirs.iter().all(|dir| *dir == NO_DIR) {
                Vec::new()
            } else {
                self.replica_dirs
            },
            changing_dirs: self.changing_dirs,
            known: self.known,
        };
        model.id = digest(&model);
        model
    }
}

/// Racks by name and brokers by id.
fn brokers_of(observation: &Observation) -> (Vec<RackId>, Vec<String>, Vec<Broker>) {
    let mut racks: Vec<RackId> = observation.brokers.keys().map(|id| observation.rack_of(*id)).collect();
    racks.sort_unstable();
    racks.dedup();
    let host = |id: &BrokerId, seen: &SeenBroker| seen.host.clone().unwrap_or_else(|| format!("broker-{id}"));
    let mut hosts: Vec<String> = observation.brokers.iter().map(|(id, seen)| host(id, seen)).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let mut seen_bytes: BTreeMap<BrokerId, Bytes> = BTreeMap::new();
    let mut seen_in: BTreeMap<(BrokerId, &str), Bytes> = BTreeMap::new();
    for (_, _, partition) in observation.partitions() {
        for (broker, replica) in &partition.on_disk {
            let own = replica.size_bytes.unwrap_or(Bytes::ZERO);
            let future = replica.future.as_ref().map_or(Bytes::ZERO, |(_, size)| *size);
            *seen_bytes.entry(*broker).or_default() += own + future;
            if let Some(dir) = &replica.log_dir {
                *seen_in.entry((*broker, dir)).or_default() += own;
            }
            if let Some((dir, size)) = &replica.future {
                *seen_in.entry((*broker, dir)).or_default() += *size;
            }
        }
    }
    let in_dir =
        |id: &BrokerId, dir: &LogDir| seen_in.get(&(*id, dir.path.as_str())).copied().unwrap_or_default();
    let brokers = observation
        .brokers
        .iter()
        .map(|(id, seen)| Broker {
            id: *id,
            rack: RackOrd::from(
                racks.binary_search(&observation.rack_of(*id)).expect("every broker's rack is in the list"),
            ),
            host: HostOrd::from(
                hosts.binary_search(&host(id, seen)).expect("every broker's host is in the list"),
            ),
            alive: seen.alive,
            capacity: capacity_of(seen),
            other_disk_bytes: other_bytes(seen, seen_bytes.get(id).copied().unwrap_or_default()),
            other_cpu_cores: seen.other_cpu_cores.map_or(0.0, Cores::get),
            log_dirs: seen.log_dirs.iter().map(|dir| dir_row(dir, in_dir(id, dir))).collect(),
        })
        .collect();
    (racks, hosts, brokers)
}

fn capacity_of(seen: &SeenBroker) -> [Option<f64>; Resource::COUNT] {
    let online = seen.log_dirs.iter().filter(|dir| dir.online);
    let volumes: Option<Bytes> =
        if seen.log_dirs.is_empty() { None } else { online.map(|dir| dir.total_bytes).sum() };
    let mut capacity = [None; Resource::COUNT];
    capacity[Resource::Disk.index()] = seen.capacity.disk_bytes.or(volumes).map(Bytes::as_f64);
    let network_in = seen.capacity.network_in_bytes_per_s.map(BytesPerS::get);
    let network_out = seen.capacity.network_out_bytes_per_s.map(BytesPerS::get);
    capacity[Resource::NetworkIn.index()] = network_in;
    capacity[Resource::LeaderBytesIn.index()] = network_in;
    capacity[Resource::NetworkOut.index()] = network_out;
    capacity[Resource::PotentialNetworkOut.index()] = network_out;
    capacity[Resource::Cpu.index()] = seen.capacity.cpu_cores.map(Cores::get);
    capacity
}

/// What the online volumes hold beyond the replicas seen on them; 0 where the volumes do not tell.
fn other_bytes(seen: &SeenBroker, replicas: Bytes) -> f64 {
    let used = seen.log_dirs.iter().filter(|dir| dir.online).map(|dir| {
        let (total, usable) = (dir.total_bytes?, dir.usable_bytes?);
        Some(total.saturating_sub(usable))
    });
    let used: Option<Bytes> = used.sum();
    used.map_or(0.0, |used| used.saturating_sub(replicas).as_f64())
}

fn dir_row(dir: &LogDir, replicas: Bytes) -> LogDirRow {
    let used = dir.total_bytes.zip(dir.usable_bytes).map(|(total, usable)| total.saturating_sub(usable));
    LogDirRow {
        path: dir.path.clone(),
        total_bytes: dir.total_bytes.map(Bytes::as_f64),
        other_bytes: used.map_or(0.0, |used| used.saturating_sub(replicas).as_f64()),
        online: dir.online,
    }
}

/// Digest of all that a plan depends on.
fn digest(model: &ClusterModel) -> ModelId {
    let mut digest = DigestBuilder::new("evenkeel-model/1").text(model.cluster_id.as_deref().unwrap_or(""));
    let real = |digest: DigestBuilder, value: f64| digest.number(value.to_bits());
    for broker in &model.brokers {
        digest = digest
            .number(u64::from(broker.id.0.cast_unsigned()))
            .text(model.racks[broker.rack.index()].as_str())
            .text(&model.hosts[broker.host.index()])
            .number(u64::from(broker.alive));
        for capacity in broker.capacity {
            digest = real(digest, capacity.unwrap_or(-1.0));
        }
        digest = real(digest, broker.other_disk_bytes);
        // Where nothing tells it, models are called what they were called before it was told.
        if broker.other_cpu_cores > 0.0 {
            digest = real(digest.text("other-cpu-cores"), broker.other_cpu_cores);
        }
        for dir in &broker.log_dirs {
            digest = digest.text(&dir.path).number(u64::from(dir.online));
            digest = real(real(digest, dir.total_bytes.unwrap_or(-1.0)), dir.other_bytes);
        }
    }
    for topic in &model.topics {
        digest = digest
            .text(topic.name.as_str())
            .number(u64::from(topic.min_insync_replicas))
            .number(u64::from(topic.partition_count));
    }
    for partition in model.partition_ords() {
        let row = &model.partitions[partition.index()];
        let leader = model.placement.leader(partition);
        digest =
            digest.number(row.health as u64).number(leader.map_or(u64::MAX, |leader| u64::from(leader.0)));
        for amount in [
            row.size_bytes,
            row.produce_bytes_per_s,
            row.consume_bytes_per_s,
            row.leader_cpu_cores,
            row.follower_cpu_cores,
        ] {
            digest = real(digest, amount);
        }
        // Ids of clusters whose followers serve nobody stay what they were.
        if row.follower_consume_bytes_per_s > 0.0 {
            digest = real(digest.text("read from followers"), row.follower_consume_bytes_per_s);
        }
        for broker in model.placement.replicas(partition) {
            digest = digest.number(u64::from(broker.0));
        }
    }
    digest = model.own_sizes.iter().fold(digest, |digest, size| real(digest, *size));
    digest = model.replica_dirs.iter().fold(digest, |digest, dir| digest.number(u64::from(*dir)));
    for (partition, broker) in &model.changing_dirs {
        digest = digest.number(u64::from(partition.0)).number(u64::from(broker.0));
    }
    for (partition, brokers) in model.out_of_sync.iter().chain(&model.offline) {
        digest = digest.number(u64::from(partition.0));
        digest = brokers.iter().fold(digest, |digest, broker| digest.number(u64::from(broker.0)));
    }
    ModelId(model.known.iter().fold(digest, |digest, known| digest.number(u64::from(*known))).finish())
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
