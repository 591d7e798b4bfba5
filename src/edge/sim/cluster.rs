//! [`SimCluster`]: the cluster as a whole, its clock and its events.
//!
//! Time is virtual. Between two events all rates are constant, so the next event can be computed and the clock
//! jumps there. What a request does is in `reassign`, `configs`, `log_dirs`, `topics`; how bandwidth is shared in
//! `flow`; who leads and who is in sync in `isr`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fault::{Fault, Trouble};
use super::num::{real, whole};
use super::rng::Rng;
use super::state::{Pid, SimBroker, SimDir, SimPartition, SimTopic};
use super::{BrokerSpec, SimEvent, SimSpec, SpecError, Timing};
use crate::base::{BrokerId, Digest, DigestBuilder, TimestampMs, TopicName, TopicPartition};

/// Why Kafka refuses a request or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {message}")]
pub struct Refusal {
    /// The code that goes over the wire.
    pub error: kafka_protocol::ResponseError,
    /// Kafka's words.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(error: kafka_protocol::ResponseError, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }
}

/// How often a cluster looks for leadership that has drifted (`leader.imbalance.check.interval.seconds`).
const AUTO_LEADER_MS: u64 = 300_000;

/// The longest time between two looks at the disks.
const LOOK_AFTER_MS_MAX: u64 = 3_600_000;

/// Something that will happen at a set time.
#[derive(Debug, Clone)]
pub(super) enum Timer {
    Fence { broker: BrokerId, life: u32 },
    Unfence { broker: BrokerId, life: u32 },
    Start { broker: BrokerId, life: u32 },
    Housekeeping { round: u32 },
    Purge { broker: BrokerId, dir: usize, bytes: u64 },
    Inject(Fault),
    LagOut(BrokerId, BrokerId),
    HealLink(BrokerId, BrokerId),
}

/// A simulated cluster. The same spec and the same calls at the same virtual times give the same cluster.
#[derive(Debug, Clone)]
pub struct SimCluster {
    pub(super) cluster_id: String,
    pub(super) kafka_version: String,
    start_at: TimestampMs,
    pub(super) timing: Timing,
    pub(super) forwards_to_controller: bool,
    pub(super) auto_leader_rebalance: bool,
    pub(super) now_ms: u64,
    pub(super) controller: Option<BrokerId>,
    /// Where the controller itself listens, if it does.
    pub(super) controller_port: Option<u16>,
    pub(super) brokers: BTreeMap<BrokerId, SimBroker>,
    /// Dynamic broker configuration that holds for all brokers.
    pub(super) default_configs: BTreeMap<String, String>,
    pub(super) topics: BTreeMap<TopicName, SimTopic>,
    /// Partitions of deleted topics stay, without replicas.
    pub(super) partitions: Vec<SimPartition>,
    pub(super) reassigning: BTreeSet<Pid>,
    /// Replicas that are not in sync.
    pub(super) catching_up: BTreeSet<(Pid, BrokerId)>,
    /// Replicas that move to another log directory.
    pub(super) moving_dirs: BTreeSet<(Pid, BrokerId)>,
    /// How many replicas, future ones included, stand in each directory: new ones go where there are fewest.
    pub(super) dir_counts: BTreeMap<(BrokerId, usize), usize>,
    pub(super) rng: Rng,
    pub(super) trouble: Trouble,
    /// Pairs of brokers that cannot reach each other, the smaller id first.
    pub(super) cut_links: BTreeSet<(BrokerId, BrokerId)>,
    pub(super) shares_stale: bool,
    pub(super) shared_ms: u64,
    pub(super) completed_ms: u64,
    pub(super) next_completion_ms: Option<u64>,
    timers: BTreeMap<(u64, u64), Timer>,
    timers_set: u64,
    housekeeping_round: u32,
    pub(super) events: Vec<SimEvent>,
}

impl SimCluster {
    /// Builds the cluster, all brokers up and all replicas in sync.
    ///
    /// # Errors
    /// The spec contradicts itself.
    pub fn new(spec: &SimSpec) -> Result<Self, SpecError> {
        let mut cluster = Self {
            cluster_id: spec.cluster_id.clone(),
            kafka_version: spec.kafka_version.clone(),
            start_at: spec.start_at,
            timing: spec.timing,
            forwards_to_controller: spec.forwards_to_controller,
            auto_leader_rebalance: spec.auto_leader_rebalance,
            now_ms: 0,
            controller: None,
            controller_port: None,
            brokers: BTreeMap::new(),
            default_configs: BTreeMap::new(),
            topics: BTreeMap::new(),
            partitions: Vec::new(),
            reassigning: BTreeSet::new(),
            catching_up: BTreeSet::new(),
            moving_dirs: BTreeSet::new(),
            dir_counts: BTreeMap::new(),
            rng: Rng::new(spec.seed, 0),
            trouble: Trouble::default(),
            cut_links: BTreeSet::new(),
            shares_stale: false,
            shared_ms: 0,
            completed_ms: 0,
            next_completion_ms: None,
            timers: BTreeMap::new(),
            timers_set: 0,
            housekeeping_round: 0,
            events: Vec::new(),
        };
        for broker in &spec.brokers {
            cluster.add_broker(broker)?;
        }
        cluster.controller = Some(*cluster.brokers.first_key_value().ok_or(SpecError::NoBrokers)?.0);
        for topic in &spec.topics {
            cluster.add_topic(topic)?;
        }
        cluster.events.clear();
        Ok(cluster)
    }

    /// Adds an empty broker; it serves at once.
    ///
    /// # Errors
    /// The id is taken, or the broker has no log directory.
    pub fn add_broker(&mut self, spec: &BrokerSpec) -> Result<(), SpecError> {
        if self.brokers.contains_key(&spec.id) {
            return Err(SpecError::Twice(format!("broker {}", spec.id)));
        }
        if spec.log_dirs.is_empty() {
            return Err(SpecError::NoLogDir(spec.id));
        }
        let dirs = spec.log_dirs.iter().map(|dir| SimDir {
            path: dir.path.clone(),
            total_bytes: dir.total_bytes,
            disk_bytes_per_s: real(dir.disk_bytes_per_s),
            online: true,
            leftover_bytes: 0,
        });
        let broker = SimBroker {
            rack: spec.rack.clone(),
            host: format!("b{}.simulated", spec.id),
            port: 9092,
            dirs: dirs.collect(),
            network_in_bytes_per_s: spec.network_in_bytes_per_s,
            network_out_bytes_per_s: spec.network_out_bytes_per_s,
            cpu_cores: spec.cpu_cores,
            up: true,
            fenced: false,
            life: 0,
            configs: BTreeMap::new(),
            throttle: crate::observe::BrokerThrottle::default(),
            busy_in: 0,
            busy_out: 0,
            listed_in: 0,
            listed_out: 0,
            preferred_dirs: BTreeMap::new(),
        };
        self.brokers.insert(spec.id, broker);
        self.keep_house_in(self.timing.housekeeping_ms);
        self.events.push(SimEvent::Up(spec.id));
        Ok(())
    }

    /// Virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now_ms)
    }

    /// The virtual clock.
    pub fn now(&self) -> TimestampMs {
        self.start_at.after(self.elapsed())
    }

    /// Brokers by id.
    pub fn brokers(&self) -> impl Iterator<Item = (BrokerId, &SimBroker)> {
        self.brokers.iter().map(|(id, broker)| (*id, broker))
    }

    /// A broker.
    pub fn broker(&self, id: BrokerId) -> Option<&SimBroker> {
        self.brokers.get(&id)
    }

    /// A topic.
    pub fn topic(&self, name: &TopicName) -> Option<&SimTopic> {
        self.topics.get(name)
    }

    /// Names of all partitions, in order.
    pub fn partition_names(&self) -> impl Iterator<Item = TopicPartition> {
        self.topics.values().flat_map(|topic| topic.partitions.iter().map(|pid| self.name_of(*pid)))
    }

    pub(super) fn pid(&self, which: &TopicPartition) -> Option<Pid> {
        let topic = self.topics.get(&which.topic)?;
        topic.partitions.get(usize::try_from(which.partition).ok()?).copied()
    }

    pub(super) fn name_of(&self, pid: Pid) -> TopicPartition {
        let partition = &self.partitions[pid];
        TopicPartition::new(partition.topic.clone(), partition.id)
    }

    /// A partition.
    pub fn partition(&self, which: &TopicPartition) -> Option<&SimPartition> {
        self.pid(which).map(|pid| &self.partitions[pid])
    }

    /// All partitions of topics that exist, in no particular order.
    pub fn partitions(&self) -> impl Iterator<Item = &SimPartition> {
        self.partitions.iter().filter(|partition| !partition.replicas.is_empty())
    }

    /// The broker that clients are told is the controller.
    pub fn controller(&self) -> Option<BrokerId> {
        self.controller
    }

    pub(super) fn serves(&self, broker: BrokerId) -> bool {
        self.brokers.get(&broker).is_some_and(SimBroker::serves)
    }

    /// Whether the brokers run at least this release.
    pub(super) fn is_at_least(&self, major: u32, minor: u32) -> bool {
        let mut parts = self.kafka_version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (major, minor)
    }

    /// Tells clients where a broker listens.
    pub(super) fn advertise(&mut self, broker: BrokerId, host: &str, port: u16) {
        if let Some(broker) = self.brokers.get_mut(&broker) {
            host.clone_into(&mut broker.host);
            broker.port = port;
        }
    }

    pub(super) fn set_timer(&mut self, in_ms: u64, timer: Timer) {
        self.timers_set += 1;
        self.timers.insert((self.now_ms + in_ms, self.timers_set), timer);
    }

    /// Lets virtual time pass to the next event, or by `at_most` where that is sooner.
    /// Returns whether there was an event; [`Self::take_events`] tells what it was.
    pub fn step(&mut self, at_most: Duration) -> bool {
        let until = self.now_ms.saturating_add(u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX));
        self.step_until(until)
    }

    /// Lets virtual time pass to the next event before or at `until_ms`; false when there was none.
    pub(super) fn step_until(&mut self, until_ms: u64) -> bool {
        let share_at = self.shares_stale.then(|| self.next_sharing_ms());
        let timer_at = self.timers.first_key_value().map(|((at, _), _)| *at);
        let next = [share_at, timer_at, self.next_completion_ms].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next <= until_ms) else {
            self.now_ms = until_ms.max(self.now_ms);
            return false;
        };
        self.now_ms = next.max(self.now_ms);
        if timer_at == Some(next) {
            if let Some((_, timer)) = self.timers.pop_first() {
                self.fire(timer);
            }
        } else if self.next_completion_ms == Some(next) {
            self.complete_flows();
        } else {
            self.share_bandwidth();
        }
        true
    }

    /// Lets virtual time pass.
    pub fn advance(&mut self, duration: Duration) {
        let until = self.now_ms.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        while self.step_until(until) {}
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<SimEvent> {
        std::mem::take(&mut self.events)
    }

    /// Sets when to look after disks and leaders next, in place of what was set before.
    pub(super) fn keep_house_in(&mut self, in_ms: u64) {
        self.housekeeping_round += 1;
        self.set_timer(in_ms, Timer::Housekeeping { round: self.housekeeping_round });
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Fence { broker, life } => self.fence_if_still_down(broker, life),
            Timer::Unfence { broker, life } => self.unfence(broker, life),
            Timer::Start { broker, life } => {
                if self.brokers.get(&broker).is_some_and(|broker| broker.life == life) {
                    self.start_broker(broker);
                }
            }
            Timer::Housekeeping { round } if round != self.housekeeping_round => {}
            Timer::Housekeeping { .. } => {
                let next_ms = self.housekeeping();
                self.keep_house_in(next_ms);
            }
            Timer::Purge { broker, dir, bytes } => {
                if let Some(dir) = self.brokers.get_mut(&broker).and_then(|broker| broker.dirs.get_mut(dir)) {
                    dir.leftover_bytes = dir.leftover_bytes.saturating_sub(bytes);
                }
            }
            Timer::Inject(fault) => self.inject(fault),
            Timer::LagOut(a, b) => self.lag_out(a, b),
            Timer::HealLink(a, b) => self.heal_link(a, b),
        }
    }

    /// Looks after disks that are full and leadership that has drifted. Returns when to look again: no sooner than a
    /// disk could be full with everything that its network and its own speed allow.
    fn housekeeping(&mut self) -> u64 {
        let mut next_ms = if self.auto_leader_rebalance { AUTO_LEADER_MS } else { LOOK_AFTER_MS_MAX };
        let mut full = Vec::new();
        for ((id, at), used) in self.used_bytes() {
            let broker = &self.brokers[&id];
            let dir = &broker.dirs[at];
            if !dir.online || !broker.up {
                continue;
            }
            if used >= dir.total_bytes {
                full.push((id, at));
                continue;
            }
            let inflow = real(broker.network_in_bytes_per_s) + dir.disk_bytes_per_s;
            next_ms = next_ms.min(whole(real(dir.total_bytes - used) / inflow.max(1.0) * 1000.0));
        }
        for (broker, dir) in full {
            self.fail_dir(broker, dir, true);
        }
        if self.auto_leader_rebalance {
            let drifted: Vec<Pid> = (0..self.partitions.len())
                .filter(|pid| {
                    let partition = &self.partitions[*pid];
                    partition.leader.is_some() && partition.replicas.first() != partition.leader.as_ref()
                })
                .collect();
            for pid in drifted {
                self.elect(pid, true);
            }
        }
        next_ms.max(self.timing.housekeeping_ms)
    }

    /// Bytes in use in each log directory.
    pub fn used_bytes(&self) -> BTreeMap<(BrokerId, usize), u64> {
        let mut used: BTreeMap<(BrokerId, usize), u64> = BTreeMap::new();
        for (id, broker) in &self.brokers {
            for (at, dir) in broker.dirs.iter().enumerate() {
                used.insert((*id, at), dir.leftover_bytes);
            }
        }
        for partition in &self.partitions {
            for copy in &partition.copies {
                let (own, future) = partition.bytes_at(copy, self.now_ms);
                *used.entry((copy.broker, copy.dir)).or_default() += own;
                if let (Some(bytes), Some(future)) = (future, &copy.future) {
                    *used.entry((copy.broker, future.dir)).or_default() += bytes;
                }
            }
        }
        used
    }

    /// Bytes in use in each log directory of one broker.
    pub(super) fn used_bytes_of(&self, broker: BrokerId) -> Vec<u64> {
        let Some(holder) = self.brokers.get(&broker) else { return Vec::new() };
        let mut used: Vec<u64> = holder.dirs.iter().map(|dir| dir.leftover_bytes).collect();
        for partition in &self.partitions {
            let Some(copy) = partition.copy(broker) else { continue };
            let (own, future) = partition.bytes_at(copy, self.now_ms);
            used[copy.dir] += own;
            if let (Some(bytes), Some(future)) = (future, &copy.future) {
                used[future.dir] += bytes;
            }
        }
        used
    }

    /// A digest of everything that matters: equal after equal histories.
    pub fn digest(&self) -> Digest {
        let mut digest = DigestBuilder::new("simulated cluster").number(self.now_ms);
        for (id, broker) in &self.brokers {
            let line = format!("{id} {} {} {:?} {:?}", broker.up, broker.fenced, broker.configs, broker.dirs);
            digest = digest.text(&line);
        }
        for (name, topic) in &self.topics {
            digest = digest.text(&format!("{name} {} {:?}", topic.id, topic.configs));
            for pid in &topic.partitions {
                digest = digest.text(&format!("{:?}", self.partitions[*pid]));
            }
        }
        digest.finish()
    }
}
