//! The judge's view of the disks, wave by wave: both copies of what moves count until the wave has ended.

use std::collections::BTreeMap;

use super::PlanLimits;
use crate::base::{BrokerId, Bytes, BytesPerS};
use crate::model::Broken;
use crate::model::promises::disk_within_limit;
use crate::observe::{Observation, Partition, SeenBroker};

/// Disks of the live brokers.
pub(super) struct Disks {
    used: BTreeMap<BrokerId, Bytes>,
    /// Absent where the capacity is not known.
    limit: BTreeMap<BrokerId, Bytes>,
    /// What producers write to a broker's replicas.
    written_per_s: BTreeMap<BrokerId, f64>,
    throttle_bytes_per_s: f64,
    counts_growth: bool,
    unsized_partitions: usize,
}

impl Disks {
    pub fn new(observation: &Observation, limits: &PlanLimits, counts_growth: bool) -> Self {
        let mut replicas: BTreeMap<BrokerId, Bytes> = BTreeMap::new();
        let mut written_per_s: BTreeMap<BrokerId, f64> = BTreeMap::new();
        for (_, _, partition) in observation.partitions() {
            for broker in &partition.replicas {
                *replicas.entry(*broker).or_default() += own_size(partition, *broker).unwrap_or_default();
                *written_per_s.entry(*broker).or_default() +=
                    partition.load.produce_bytes_per_s.map_or(0.0, BytesPerS::get);
            }
        }
        let mut used = BTreeMap::new();
        let mut limit = BTreeMap::new();
        for (id, broker) in observation.brokers.iter().filter(|(_, broker)| broker.alive) {
            let held = replicas.get(id).copied().unwrap_or_default();
            // A volume may hold more than replicas, and it is what fills.
            used.insert(*id, volumes_used(broker).map_or(held, |volumes| volumes.max(held)));
            if let Some(capacity) = capacity(broker) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of a u64"
                )]
                limit.insert(*id, Bytes((capacity.as_f64() * limits.disk_limit_share) as u64));
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let throttle_bytes_per_s = limits.throttle_bytes_per_s.max(1) as f64;
        Self { used, limit, written_per_s, throttle_bytes_per_s, counts_growth, unsized_partitions: 0 }
    }

    /// Goes through a wave: first everything arrives, then what moved away is deleted.
    pub fn wave<'a>(
        &mut self,
        changes: impl Iterator<Item = (&'a Partition, Option<&'a [BrokerId]>)>,
    ) -> Vec<Broken> {
        let mut arrives: BTreeMap<BrokerId, Bytes> = BTreeMap::new();
        let mut leaves: BTreeMap<BrokerId, Bytes> = BTreeMap::new();
        let mut sent: BTreeMap<BrokerId, Bytes> = BTreeMap::new();
        for (partition, target) in changes {
            let Some(target) = target else { continue };
            let size = partition.full_size_bytes();
            self.unsized_partitions += usize::from(size.is_none());
            for broker in target.iter().filter(|broker| !partition.replicas.contains(broker)) {
                *arrives.entry(*broker).or_default() += size.unwrap_or_default();
                if let Some(leader) = partition.leader {
                    *sent.entry(leader).or_default() += size.unwrap_or_default();
                }
            }
            for broker in partition.replicas.iter().filter(|broker| !target.contains(broker)) {
                *leaves.entry(*broker).or_default() += own_size(partition, *broker).unwrap_or_default();
            }
        }
        let busiest = arrives.values().chain(sent.values()).copied().max().unwrap_or_default();
        let seconds = busiest.as_f64() / self.throttle_bytes_per_s;
        let mut broken = Vec::new();
        for (broker, incoming) in &arrives {
            let Some(limit) = self.limit.get(broker) else { continue };
            let used = self.used.get(broker).copied().unwrap_or_default();
            broken.extend(
                disk_within_limit(*broker, used, *incoming, self.growth(*broker, seconds), *limit).err(),
            );
        }
        for (broker, bytes) in arrives {
            *self.used.entry(broker).or_default() += bytes;
        }
        for (broker, bytes) in leaves {
            let used = self.used.entry(broker).or_default();
            *used = used.saturating_sub(bytes);
        }
        broken
    }

    fn growth(&self, broker: BrokerId, seconds: f64) -> Bytes {
        if !self.counts_growth {
            return Bytes::ZERO;
        }
        let bytes = self.written_per_s.get(&broker).copied().unwrap_or_default() * seconds;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        Bytes(bytes as u64)
    }

    /// What could not be checked.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let unknown: Vec<String> =
            self.used.keys().filter(|id| !self.limit.contains_key(id)).map(ToString::to_string).collect();
        if !unknown.is_empty() {
            let ids = unknown.join(", ");
            notes.push(format!("the disk capacity of broker {ids} is not known: its disk was not checked"));
        }
        if self.unsized_partitions > 0 {
            let count = self.unsized_partitions;
            notes.push(format!("the size of {count} partitions is not known: they were counted as empty"));
        }
        notes
    }
}

fn own_size(partition: &Partition, broker: BrokerId) -> Option<Bytes> {
    partition.size_on(broker).or_else(|| partition.full_size_bytes())
}

fn volumes_used(broker: &SeenBroker) -> Option<Bytes> {
    let online = broker.log_dirs.iter().filter(|dir| dir.online);
    online.map(|dir| Some(dir.total_bytes?.saturating_sub(dir.usable_bytes?))).sum()
}

fn capacity(broker: &SeenBroker) -> Option<Bytes> {
    let online = broker.log_dirs.iter().filter(|dir| dir.online);
    let volumes = if broker.log_dirs.is_empty() {
        None
    } else {
        online.map(|dir| dir.total_bytes).sum::<Option<Bytes>>()
    };
    broker.capacity.disk_bytes.or(volumes)
}
