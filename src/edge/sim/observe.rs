//! What an observer of a simulated cluster sees: the same as over the wire, from the same state.

use std::collections::{BTreeMap, BTreeSet};

use super::SimCluster;
use super::configs::{FOLLOWER_RATE, LEADER_RATE, LOG_DIR_RATE};
use super::num::real;
use super::state::{Pid, SimBroker, SimPartition};
use crate::base::{BrokerId, Bytes, BytesPerS, Cores, Millis, TopicPartition};
use crate::observe::{
    BrokerLatency, BrokerThrottle, BrokerTraffic, Capacity, Gap, GapKind, LogDir, Observation, Partition,
    PartitionLoad, Reassignment, Replica, SeenBroker, SeenTopic, Signals,
};

/// Cores that a leader needs per byte produced per second, a follower per byte replicated, and a leader per byte
/// consumed: a core does about 100 MB/s of each kind of work on common machines.
const PRODUCE_CORES: f64 = 1.2e-8;
const REPLICATE_CORES: f64 = 5e-9;
const CONSUME_CORES: f64 = 3e-9;

impl SimPartition {
    /// Its load as its clients make it.
    pub fn load(&self) -> PartitionLoad {
        let produce = real(self.produce_bytes_per_s);
        let consume = real(self.consume_bytes_per_s);
        PartitionLoad {
            produce_bytes_per_s: BytesPerS::new(produce).ok(),
            consume_bytes_per_s: BytesPerS::new(consume).ok(),
            leader_cpu_cores: Cores::new(produce * PRODUCE_CORES + consume * CONSUME_CORES).ok(),
            follower_cpu_cores: Cores::new(produce * REPLICATE_CORES).ok(),
            ..PartitionLoad::default()
        }
    }
}

impl SimCluster {
    /// A look at the cluster. With `metrics` the load of partitions and the capacity of brokers are in it, as
    /// brokers' metrics endpoints would tell; without, they are absent. Replica sizes are told `only` for these partitions,
    /// where given.
    pub fn observe(&self, metrics: bool, only: Option<&BTreeSet<TopicPartition>>) -> Observation {
        let mut observation = Observation {
            taken_at: self.now(),
            cluster_id: Some(self.cluster_id.clone()),
            kafka_version: self.told_release(),
            // With `KRaft` clients are told of some broker, which is no controller.
            controller: self
                .controller
                .filter(|controller| !self.forwards_to_controller && self.serves(*controller)),
            ..Observation::default()
        };
        let used = self.used_bytes();
        let holds = |id: BrokerId| self.partitions.iter().any(|partition| partition.replicas.contains(&id));
        for (id, broker) in &self.brokers {
            if broker.fenced && !holds(*id) {
                continue;
            }
            observation.brokers.insert(*id, self.see_broker(*id, metrics, &used));
            if !broker.serves() {
                let reason = if broker.fenced { "the broker is down" } else { "the broker does not answer" };
                for kind in [GapKind::LogDirs, GapKind::BrokerConfig] {
                    observation.gaps.push(Gap { kind, subject: id.to_string(), reason: reason.to_owned() });
                }
            }
        }
        if metrics {
            self.see_signals(&mut observation);
        }
        for (name, topic) in &self.topics {
            let partitions = topic.partitions.iter().map(|pid| {
                let sizes = only.is_none_or(|only| only.contains(&self.name_of(*pid)));
                self.see_partition(*pid, metrics, sizes)
            });
            let seen = SeenTopic {
                id: Some(topic.id),
                min_insync_replicas: Some(self.min_isr_of(topic)),
                internal: topic.internal,
                partitions: partitions.collect(),
                throttle: topic.throttle.clone(),
            };
            observation.topics.insert(name.clone(), seen);
        }
        for pid in &self.reassigning {
            observation.reassignments.insert(self.name_of(*pid), self.see_reassignment(*pid));
        }
        observation
    }

    /// The release as far as the protocol tells it: `4.1` of a 4.1.0, nothing without `KRaft`.
    fn told_release(&self) -> Option<String> {
        let parts: Vec<&str> = self.kafka_version.splitn(3, '.').take(2).collect();
        self.forwards_to_controller.then(|| parts.join("."))
    }

    pub(super) fn min_isr_of(&self, topic: &super::SimTopic) -> u32 {
        let first = topic.partitions.first().map(|pid| self.partitions[*pid].min_isr);
        u32::try_from(first.unwrap_or(1)).unwrap_or(u32::MAX)
    }

    fn see_broker(&self, id: BrokerId, metrics: bool, used: &BTreeMap<(BrokerId, usize), u64>) -> SeenBroker {
        let broker = &self.brokers[&id];
        let alive = !broker.fenced;
        let mut seen = SeenBroker { rack: broker.rack.clone(), alive, ..SeenBroker::default() };
        if !alive {
            return seen;
        }
        seen.host = Some(broker.host.clone());
        seen.port = Some(broker.port);
        if broker.up {
            seen.throttle = own_rates(broker);
            let dirs = broker.dirs.iter().enumerate().map(|(at, dir)| {
                let used = used.get(&(id, at)).copied().unwrap_or(0);
                LogDir {
                    path: dir.path.clone(),
                    total_bytes: Some(Bytes(dir.total_bytes)).filter(|_| dir.online),
                    usable_bytes: Some(Bytes(dir.total_bytes.saturating_sub(used))).filter(|_| dir.online),
                    online: dir.online,
                }
            });
            seen.log_dirs = dirs.collect();
        }
        let volumes = || seen.log_dirs.iter().filter_map(|dir| dir.total_bytes);
        seen.capacity.disk_bytes = volumes().next().map(|_| volumes().sum());
        if metrics {
            seen.capacity = Capacity {
                network_in_bytes_per_s: BytesPerS::new(real(broker.network_in_bytes_per_s)).ok(),
                network_out_bytes_per_s: BytesPerS::new(real(broker.network_out_bytes_per_s)).ok(),
                cpu_cores: Cores::new(broker.cpu_cores).ok(),
                ..seen.capacity
            };
        }
        seen
    }

    /// What clients feel and take of the brokers that serve, as their metrics tell it.
    fn see_signals(&self, observation: &mut Observation) {
        let latencies = self.latencies_ms();
        let traffic = self.traffic();
        for (id, seen) in &mut observation.brokers {
            if !self.serves(*id) || self.trouble.hides_signals {
                continue;
            }
            let traffic = traffic.get(id).copied().unwrap_or_default();
            let rate = |bytes_per_s: u64| BytesPerS::new(real(bytes_per_s)).ok();
            let p99 = latencies.get(id).and_then(|latency| Millis::new(*latency).ok());
            seen.signals = Signals {
                traffic: BrokerTraffic {
                    clients_in_bytes_per_s: rate(traffic.clients_in),
                    clients_out_bytes_per_s: rate(traffic.clients_out),
                    replicas_in_bytes_per_s: rate(traffic.replicas_in),
                    replicas_out_bytes_per_s: rate(traffic.replicas_out),
                },
                latency: BrokerLatency { produce_p99_ms: p99, fetch_p99_ms: p99, ..BrokerLatency::default() },
            };
        }
    }

    fn see_partition(&self, pid: Pid, metrics: bool, sizes: bool) -> Partition {
        let partition = &self.partitions[pid];
        let mut seen = Partition {
            id: partition.id,
            replicas: partition.replicas.clone(),
            leader: partition.leader,
            isr: partition.isr.clone(),
            offline: self.offline_replicas(pid),
            ..Partition::default()
        };
        if metrics {
            seen.load = partition.load();
        }
        for copy in partition.copies.iter().filter(|_| sizes) {
            let holder = &self.brokers[&copy.broker];
            if !holder.serves() || !holder.dirs[copy.dir].online {
                continue;
            }
            let (own, future) = partition.bytes_at(copy, self.now_ms);
            let future_dir = copy.future.as_ref().map(|future| holder.dirs[future.dir].path.clone());
            let replica = Replica {
                size_bytes: Some(Bytes(own)),
                log_dir: Some(holder.dirs[copy.dir].path.clone()),
                future: future_dir.zip(future.map(Bytes)),
            };
            seen.on_disk.insert(copy.broker, replica);
        }
        seen
    }

    /// Replicas that cannot serve, as Metadata tells.
    pub(super) fn offline_replicas(&self, pid: Pid) -> Vec<BrokerId> {
        let partition = &self.partitions[pid];
        let offline = |broker: &&BrokerId| {
            let holder = self.brokers.get(broker).filter(|holder| !holder.fenced);
            let copy = partition.copy(**broker);
            !holder.zip(copy).is_some_and(|(holder, copy)| holder.dirs[copy.dir].online)
        };
        partition.replicas.iter().filter(offline).copied().collect()
    }

    pub(super) fn see_reassignment(&self, pid: Pid) -> Reassignment {
        let partition = &self.partitions[pid];
        Reassignment {
            replicas: partition.replicas.clone(),
            adding: partition.adding.clone(),
            removing: partition.removing.clone(),
        }
    }
}

/// Throttle rates that stand on this very broker; those for all brokers are nobody's own.
fn own_rates(broker: &SimBroker) -> BrokerThrottle {
    let own = |rate: Option<u64>, key: &str| rate.filter(|_| broker.configs.contains_key(key));
    BrokerThrottle {
        leader_bytes_per_s: own(broker.throttle.leader_bytes_per_s, LEADER_RATE),
        follower_bytes_per_s: own(broker.throttle.follower_bytes_per_s, FOLLOWER_RATE),
        log_dirs_bytes_per_s: own(broker.throttle.log_dirs_bytes_per_s, LOG_DIR_RATE),
    }
}
