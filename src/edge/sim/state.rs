//! What a simulated cluster is made of while it runs: brokers, topics, partitions, copies on disks.
//!
//! Amounts that flow (sizes, what a copy still misses) are kept as a value at `settled_ms` and a rate since then,
//! so that an hour in which nothing happens costs nothing.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::num::{real, whole};
use crate::base::{BrokerId, RackId, TopicName};
use crate::observe::{BrokerThrottle, ThrottledReplicas, TopicThrottle};

/// A partition's place in the cluster's list of partitions.
pub(super) type Pid = usize;

/// A broker while it runs, or not.
#[derive(Debug, Clone)]
pub struct SimBroker {
    pub(super) rack: Option<RackId>,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) dirs: Vec<SimDir>,
    pub(super) network_in_bytes_per_s: u64,
    pub(super) network_out_bytes_per_s: u64,
    pub(super) cpu_cores: f64,
    /// Whether the process runs.
    pub(super) up: bool,
    /// Whether the controller has fenced it: it is not in Metadata, may not lead and may not join an ISR.
    pub(super) fenced: bool,
    /// Counts starts and deaths, so that a timer set for an earlier life does nothing.
    pub(super) life: u32,
    /// Dynamic configuration of this broker.
    pub(super) configs: BTreeMap<String, String>,
    /// `configs`, as far as they are throttle rates.
    pub(super) throttle: BrokerThrottle,
    /// Client traffic and replication of in-sync replicas.
    pub(super) busy_in: u64,
    pub(super) busy_out: u64,
    /// What of it in-sync replicas on throttled replica lists fetch: it uses the throttle rates up.
    pub(super) listed_in: u64,
    pub(super) listed_out: u64,
    /// Directories that `AlterReplicaLogDirs` asked for before the replica came.
    pub(super) preferred_dirs: BTreeMap<Pid, usize>,
}

/// A log directory while it runs.
#[derive(Debug, Clone)]
pub struct SimDir {
    pub(super) path: String,
    pub(super) total_bytes: u64,
    pub(super) disk_bytes_per_s: f64,
    pub(super) online: bool,
    /// Bytes of removed replicas that are not deleted yet, and of strays that never will be.
    pub(super) leftover_bytes: u64,
}

/// A topic while it runs.
#[derive(Debug, Clone)]
pub struct SimTopic {
    pub(super) id: Uuid,
    pub(super) internal: bool,
    pub(super) configs: BTreeMap<String, String>,
    pub(super) throttle: TopicThrottle,
    pub(super) partitions: Vec<Pid>,
}

/// A partition while it runs.
#[derive(Debug, Clone)]
pub struct SimPartition {
    pub(super) topic: TopicName,
    pub(super) id: i32,
    pub(super) replicas: Vec<BrokerId>,
    pub(super) adding: Vec<BrokerId>,
    pub(super) removing: Vec<BrokerId>,
    pub(super) leader: Option<BrokerId>,
    pub(super) leader_epoch: i32,
    pub(super) isr: Vec<BrokerId>,
    pub(super) min_isr: usize,
    pub(super) copies: Vec<Copy>,
    pub(super) size_bytes: f64,
    pub(super) retention_bytes: f64,
    /// Bytes ever written: the end offset, with records of one byte.
    pub(super) written_bytes: f64,
    pub(super) produce_bytes_per_s: u64,
    pub(super) consume_bytes_per_s: u64,
    /// What is really produced now: nothing while the partition cannot take it.
    pub(super) growth_bytes_per_s: u64,
    pub(super) settled_ms: u64,
    /// What this partition adds to `busy_in` and its like of brokers.
    pub(super) charges: Vec<Charge>,
    /// Who of this partition is on its topic's throttled replica lists.
    pub(super) leader_list: Listed,
    pub(super) follower_list: Listed,
}

/// A topic's throttled replica list, as far as it is about one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Listed {
    #[default]
    Nobody,
    Everybody,
    These(Vec<BrokerId>),
}

impl Listed {
    pub(super) fn of(list: Option<&ThrottledReplicas>, partition: i32) -> Self {
        match list {
            Some(ThrottledReplicas::All) => Self::Everybody,
            Some(ThrottledReplicas::Some(pairs)) => {
                let from = (partition, BrokerId(i32::MIN))..=(partition, BrokerId(i32::MAX));
                Self::These(pairs.range(from).map(|(_, broker)| *broker).collect())
            }
            Some(ThrottledReplicas::Other(_)) | None => Self::Nobody,
        }
    }

    pub(super) fn has(&self, broker: BrokerId) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::These(brokers) => brokers.contains(&broker),
        }
    }
}

/// What a partition takes of a broker's network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    pub(super) broker: BrokerId,
    pub(super) in_bytes_per_s: u64,
    pub(super) out_bytes_per_s: u64,
    pub(super) listed_in_bytes_per_s: u64,
    pub(super) listed_out_bytes_per_s: u64,
}

/// A replica's bytes on a disk.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) broker: BrokerId,
    pub(super) dir: usize,
    /// What it lacks against the leader; 0 while in sync.
    pub(super) missing_bytes: f64,
    /// What it fetches, while it is not in sync.
    pub(super) rate: f64,
    /// How much more than the leader's its segments take: followers roll them at other moments.
    pub(super) surplus_bytes: u64,
    /// A move to another log directory.
    pub(super) future: Option<Future>,
}

/// A future replica: the copy of a copy, in another log directory of the same broker.
#[derive(Debug, Clone)]
pub(super) struct Future {
    pub(super) dir: usize,
    pub(super) missing_bytes: f64,
    pub(super) rate: f64,
}

impl SimBroker {
    /// Whether it serves requests.
    pub fn serves(&self) -> bool {
        self.up && !self.fenced
    }

    /// Whether its process runs.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// Dynamic configuration that stands on it.
    pub fn configs(&self) -> &BTreeMap<String, String> {
        &self.configs
    }

    /// The rack.
    pub fn rack(&self) -> Option<&RackId> {
        self.rack.as_ref()
    }

    /// Client traffic and replication of in-sync replicas: bytes per second in and out.
    pub fn busy_bytes_per_s(&self) -> (u64, u64) {
        (self.busy_in, self.busy_out)
    }
}

impl SimTopic {
    /// Its id; a topic of the same name that is made later has another.
    pub fn id(&self) -> uuid::Uuid {
        self.id
    }

    /// Dynamic configuration that stands on it.
    pub fn configs(&self) -> &BTreeMap<String, String> {
        &self.configs
    }
}

impl SimPartition {
    /// The replica list, preferred leader first; both old and new replicas while a reassignment runs.
    pub fn replicas(&self) -> &[BrokerId] {
        &self.replicas
    }

    /// The size of a full replica in bytes, as it was when that was last worked out.
    pub fn size_bytes(&self) -> f64 {
        self.size_bytes
    }

    /// Replicas that a reassignment adds.
    pub fn adding(&self) -> &[BrokerId] {
        &self.adding
    }

    /// Replicas that a reassignment removes.
    pub fn removing(&self) -> &[BrokerId] {
        &self.removing
    }

    /// The in-sync replicas.
    pub fn isr(&self) -> &[BrokerId] {
        &self.isr
    }

    /// The leader.
    pub fn leader(&self) -> Option<BrokerId> {
        self.leader
    }

    /// `min.insync.replicas` in force.
    pub fn min_isr(&self) -> usize {
        self.min_isr
    }

    /// Whether a reassignment runs.
    pub fn is_reassigning(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    pub(super) fn copy(&self, broker: BrokerId) -> Option<&Copy> {
        self.copies.iter().find(|copy| copy.broker == broker)
    }

    pub(super) fn copy_mut(&mut self, broker: BrokerId) -> Option<&mut Copy> {
        self.copies.iter_mut().find(|copy| copy.broker == broker)
    }

    /// Brings all flowing amounts to `now_ms`.
    pub(super) fn settle(&mut self, now_ms: u64) {
        let seconds = real(now_ms - self.settled_ms) / 1000.0;
        if seconds <= 0.0 {
            return;
        }
        self.settled_ms = now_ms;
        let growth = real(self.growth_bytes_per_s);
        self.written_bytes += growth * seconds;
        self.size_bytes = (self.size_bytes + growth * seconds).min(self.retention_bytes.max(self.size_bytes));
        for copy in &mut self.copies {
            if !self.isr.contains(&copy.broker) {
                let missing = copy.missing_bytes + (growth - copy.rate) * seconds;
                copy.missing_bytes = missing.clamp(0.0, self.size_bytes);
            }
            if let Some(future) = &mut copy.future {
                let missing = future.missing_bytes + (growth - future.rate) * seconds;
                future.missing_bytes = missing.clamp(0.0, self.size_bytes);
            }
        }
    }

    /// Size of a full copy at `now_ms`, without settling.
    pub(super) fn size_at(&self, now_ms: u64) -> f64 {
        let seconds = real(now_ms - self.settled_ms) / 1000.0;
        (self.size_bytes + real(self.growth_bytes_per_s) * seconds)
            .min(self.retention_bytes.max(self.size_bytes))
    }

    /// Bytes ever written until `now_ms`.
    pub(super) fn end_offset_at(&self, now_ms: u64) -> u64 {
        whole(self.written_bytes + real(self.growth_bytes_per_s) * real(now_ms - self.settled_ms) / 1000.0)
    }

    /// Bytes on disk of a copy at `now_ms`, and of its future replica.
    pub(super) fn bytes_at(&self, copy: &Copy, now_ms: u64) -> (u64, Option<u64>) {
        let seconds = real(now_ms - self.settled_ms) / 1000.0;
        let size = self.size_at(now_ms);
        let growth = real(self.growth_bytes_per_s);
        let left = |missing: f64, rate: f64| size - (missing + (growth - rate) * seconds).clamp(0.0, size);
        let own = if self.isr.contains(&copy.broker) {
            whole(size) + copy.surplus_bytes
        } else {
            whole(left(copy.missing_bytes, copy.rate))
        };
        (own, copy.future.as_ref().map(|future| whole(left(future.missing_bytes, future.rate))))
    }
}
