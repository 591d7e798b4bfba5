//! [`Rooms`]: what the waves of a plan bring to each disk and take from it, and what may start when.
//!
//! The judge goes through the waves one after the other. In each, both copies of everything that moves fit: what
//! the broker holds, all that has come by earlier waves and comes by this one, less what has left by earlier waves,
//! and the growth while the wave runs. An execution need not wait for whole waves to keep that sum: on one broker a
//! step of wave `w` may start as soon as everything that any wave up to `w` brings there fits beside what has not left
//! yet. Whatever of those waves is then on its way at once, the sum is not passed; and nothing is taken from
//! a step of an earlier wave, since its own bytes are in the sum. [`Rooms::check`] is that sum, for both.

use std::collections::BTreeMap;

use super::{Fill, Plan, PlanLimits, Step};
use crate::base::{BrokerId, Bytes, BytesPerS, TopicPartition};
use crate::model::promises::{disk_within_limit, fits_disk};
use crate::model::{Broken, ClusterModel, Resource, Sums};
use crate::observe::{Observation, Partition, SeenBroker};

/// Disks of the live brokers, and what the waves so far do to them.
#[derive(Debug, Clone)]
pub struct Rooms {
    disks: BTreeMap<BrokerId, Disk>,
    /// Time that each wave takes at the throttle, in seconds.
    waves_s: Vec<f64>,
    /// What leaves which broker, by partition, and what clients write to it; of plans only.
    leaving: BTreeMap<TopicPartition, (Vec<(BrokerId, Bytes)>, f64)>,
    throttle_bytes_per_s: f64,
    /// For how long growth is reckoned ahead, in seconds.
    ahead_s: f64,
    counts_growth: bool,
    unsized_partitions: usize,
}

#[derive(Debug, Clone, Default)]
struct Disk {
    used: Bytes,
    /// Absent where the capacity is not known.
    limit: Option<Bytes>,
    /// What producers write to the broker's replicas.
    written_per_s: f64,
    /// By wave, of those that bring or take something: what has come by it and those before, and what has left.
    sums: Vec<Sum>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    wave: usize,
    arrived: Bytes,
    left: Bytes,
}

/// What a wave needs on a broker, beside what is there, and what there is.
struct Needs {
    used: Bytes,
    incoming: Bytes,
    growth: Bytes,
    limit: Bytes,
}

impl Disk {
    /// What has come and left by this wave and those before.
    fn sum(&self, wave: usize) -> Sum {
        let until = self.sums.partition_point(|sum| sum.wave <= wave);
        self.sums[..until].last().copied().unwrap_or_default()
    }

    fn sum_of(&mut self, wave: usize) -> &mut Sum {
        if self.sums.last().is_none_or(|last| last.wave < wave) {
            let before = self.sums.last().copied().unwrap_or_default();
            self.sums.push(Sum { wave, ..before });
        }
        let last = self.sums.len() - 1;
        &mut self.sums[last]
    }
}

/// What a wave brings and takes, by broker.
#[derive(Debug, Clone, Default)]
pub(super) struct WaveSums {
    pub arrives: BTreeMap<BrokerId, Bytes>,
    pub leaves: BTreeMap<BrokerId, Bytes>,
    pub sent: BTreeMap<BrokerId, Bytes>,
}

impl Rooms {
    /// The disks as a model has them, before any wave.
    pub(super) fn of_model(model: &ClusterModel, sums: &Sums, limits: &PlanLimits) -> Self {
        let brokers = model.broker_ords().zip(&model.brokers).filter(|(_, broker)| broker.alive);
        let disks = brokers.map(|(ord, broker)| {
            let limit = broker.capacity[Resource::Disk.index()].map(|bytes| bytes * limits.disk_limit_share);
            let disk = Disk {
                used: Bytes::whole(sums.get(ord, Resource::Disk) + broker.other_disk_bytes),
                limit: limit.map(Bytes::whole),
                written_per_s: sums.get(ord, Resource::NetworkIn),
                sums: Vec::new(),
            };
            (broker.id, disk)
        });
        Self::with(disks.collect(), limits, true)
    }

    fn with(disks: BTreeMap<BrokerId, Disk>, limits: &PlanLimits, counts_growth: bool) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let throttle_bytes_per_s = limits.throttle_bytes_per_s.max(1) as f64;
        let ahead_s = limits.bytes_per_broker.as_f64() / throttle_bytes_per_s;
        let (waves_s, leaving, unsized_partitions) = (Vec::new(), BTreeMap::new(), 0);
        Self { disks, waves_s, leaving, throttle_bytes_per_s, ahead_s, counts_growth, unsized_partitions }
    }

    /// The disks as observed, before any wave.
    pub(super) fn new(observation: &Observation, limits: &PlanLimits, counts_growth: bool) -> Self {
        let mut replicas: BTreeMap<BrokerId, Bytes> = BTreeMap::new();
        let mut written_per_s: BTreeMap<BrokerId, f64> = BTreeMap::new();
        for (_, _, partition) in observation.partitions() {
            for broker in &partition.replicas {
                *replicas.entry(*broker).or_default() += own_size(partition, *broker).unwrap_or_default();
                *written_per_s.entry(*broker).or_default() +=
                    partition.load.produce_bytes_per_s.map_or(0.0, BytesPerS::get);
            }
        }
        let mut disks = BTreeMap::new();
        for (id, broker) in observation.brokers.iter().filter(|(_, broker)| broker.alive) {
            let held = replicas.get(id).copied().unwrap_or_default();
            let limit = capacity(broker).map(|bytes| Bytes::whole(bytes.as_f64() * limits.disk_limit_share));
            let disk = Disk {
                // A volume may hold more than replicas, and it is what fills.
                used: volumes_used(broker).map_or(held, |volumes| volumes.max(held)),
                limit,
                written_per_s: written_per_s.get(id).copied().unwrap_or_default(),
                sums: Vec::new(),
            };
            disks.insert(*id, disk);
        }
        Self::with(disks, limits, counts_growth)
    }

    /// The disks as observed, and all waves of a plan.
    pub fn of(observation: &Observation, plan: &Plan) -> Self {
        let mut rooms = Self::new(observation, &plan.limits, true);
        for wave in &plan.waves {
            let moves = wave.steps.iter().filter_map(Step::as_move);
            let copies =
                moves.filter_map(|step| Some((observation.partition(&step.partition)?, step.target())));
            let sums = rooms.sums(copies);
            rooms.push(&sums);
        }
        for step in plan.steps().filter_map(Step::as_move) {
            let Some(partition) = observation.partition(&step.partition) else { continue };
            let goes = partition.replicas.iter().filter(|broker| !step.target().contains(broker));
            let leaves = goes.map(|broker| (*broker, own_size(partition, *broker).unwrap_or_default()));
            let written_per_s = partition.load.produce_bytes_per_s.map_or(0.0, BytesPerS::get);
            rooms.leaving.insert(step.partition.clone(), (leaves.collect(), written_per_s));
        }
        rooms
    }

    /// Goes through one more wave: everything arrives before what moved away is deleted.
    pub(super) fn judge<'a>(
        &mut self,
        copies: impl Iterator<Item = (&'a Partition, &'a [BrokerId])>,
    ) -> Vec<Broken> {
        let wave = self.waves_s.len();
        let sums = self.sums(copies);
        self.push(&sums);
        let brings_to = sums.arrives.into_keys();
        brings_to
            .filter_map(|broker| self.check(broker, wave, self.left_before(broker, wave)).err())
            .collect()
    }

    /// How full a broker's disks were before any wave, and how they grow by what clients write.
    pub fn fill(&self, broker: BrokerId) -> Fill {
        let Some(disk) = self.disks.get(&broker) else { return Fill::default() };
        Fill {
            used_bytes: disk.used.as_f64(),
            limit_bytes: disk.limit.map_or(f64::INFINITY, Bytes::as_f64),
            grows_per_s: disk.written_per_s,
            ahead_s: self.ahead_s,
        }
    }

    /// What leaves which broker when a step of the plan is done.
    pub fn leaving(&self, partition: &TopicPartition) -> &[(BrokerId, Bytes)] {
        self.leaving.get(partition).map_or(&[], |(leaves, _)| leaves.as_slice())
    }

    /// What clients wrote to the partition of a step of the plan when it was observed, in bytes per second.
    pub fn written_per_s(&self, partition: &TopicPartition) -> f64 {
        self.leaving.get(partition).map_or(0.0, |(_, written_per_s)| *written_per_s)
    }

    /// What changes of replica lists bring and take.
    fn sums<'a>(&mut self, copies: impl Iterator<Item = (&'a Partition, &'a [BrokerId])>) -> WaveSums {
        let mut sums = WaveSums::default();
        for (partition, target) in copies {
            let size = partition.full_size_bytes();
            self.unsized_partitions += usize::from(size.is_none());
            for broker in target.iter().filter(|broker| !partition.replicas.contains(broker)) {
                *sums.arrives.entry(*broker).or_default() += size.unwrap_or_default();
                if let Some(leader) = partition.leader {
                    *sums.sent.entry(leader).or_default() += size.unwrap_or_default();
                }
            }
            for broker in partition.replicas.iter().filter(|broker| !target.contains(broker)) {
                *sums.leaves.entry(*broker).or_default() += own_size(partition, *broker).unwrap_or_default();
            }
        }
        sums
    }

    /// Adds a wave.
    pub(super) fn push(&mut self, sums: &WaveSums) {
        let wave = self.waves_s.len();
        let busiest = sums.arrives.values().chain(sums.sent.values()).copied().max().unwrap_or_default();
        self.waves_s.push(busiest.as_f64() / self.throttle_bytes_per_s);
        for (broker, bytes) in &sums.arrives {
            self.disks.entry(*broker).or_default().sum_of(wave).arrived += *bytes;
        }
        for (broker, bytes) in &sums.leaves {
            self.disks.entry(*broker).or_default().sum_of(wave).left += *bytes;
        }
    }

    /// What has left a broker when all waves before this one are over.
    pub fn left_before(&self, broker: BrokerId, wave: usize) -> Bytes {
        let disk = self.disks.get(&broker);
        disk.zip(wave.checked_sub(1)).map_or(Bytes::ZERO, |(disk, before)| disk.sum(before).left)
    }

    /// Whether everything that the waves up to and with this one bring to a broker fits beside what has not left it
    /// yet; `left` is what has.
    ///
    /// # Errors
    /// It would pass the limit. Where the capacity is not known there is nothing to pass.
    pub fn check(&self, broker: BrokerId, wave: usize, left: Bytes) -> Result<(), Broken> {
        let Some(Needs { used, incoming, growth, limit }) = self.needs(broker, wave, left) else {
            return Ok(());
        };
        disk_within_limit(broker, used, incoming, growth, limit)
    }

    /// The sum that [`Self::check`] is about; nothing where the capacity is not known.
    fn needs(&self, broker: BrokerId, wave: usize, left: Bytes) -> Option<Needs> {
        let disk = self.disks.get(&broker)?;
        let seconds = self.waves_s.get(wave).copied().unwrap_or_default();
        let bytes = if self.counts_growth { disk.written_per_s * seconds } else { 0.0 };
        let before = wave.checked_sub(1).map_or(Bytes::ZERO, |before| disk.sum(before).arrived);
        Some(Needs {
            used: (disk.used + before).saturating_sub(left),
            incoming: disk.sum(wave).arrived.saturating_sub(before),
            growth: Bytes::whole(bytes),
            limit: disk.limit?,
        })
    }

    /// Whether a step of this wave may start to copy onto a broker: the waves before it take nothing more off there,
    /// or there is room for all of theirs and its own beside what they have not taken off yet. Where the capacity is
    /// not known the order of waves stands.
    pub fn may_start(&self, broker: BrokerId, wave: usize, left: Bytes, earlier_have_left: bool) -> bool {
        let fits = |needs: Needs| fits_disk(needs.used, needs.incoming, needs.growth, needs.limit);
        earlier_have_left || self.needs(broker, wave, left).is_some_and(fits)
    }

    /// What could not be checked.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let unknown: Vec<String> = self
            .disks
            .iter()
            .filter(|(_, disk)| disk.limit.is_none())
            .map(|(id, _)| id.to_string())
            .collect();
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
