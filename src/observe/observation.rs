//! [`Observation`]: one dated look at a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BrokerWork, CanaryTimes, CpuSharing, PartitionLoad, Signals};
use crate::base::{BrokerId, Bytes, BytesPerS, Cores, RackId, TimestampMs, TopicName, TopicPartition};

/// One dated look at a cluster. Whoever makes one says in `gaps` what could not be seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observation {
    /// When the look began.
    pub taken_at: TimestampMs,
    /// Kafka's cluster id; absent only in snapshots written by hand.
    pub cluster_id: Option<String>,
    /// The version the brokers run, where it is known (`3.9.1`).
    pub kafka_version: Option<String>,
    /// The controller that clients are told of. On KRaft this is some broker, not the active controller.
    pub controller: Option<BrokerId>,
    /// Every broker that is alive, plus those that are only known because replicas stand on them.
    pub brokers: BTreeMap<BrokerId, SeenBroker>,
    /// Every topic that the client may describe.
    pub topics: BTreeMap<TopicName, SeenTopic>,
    /// Reassignments that Kafka is carrying out now, whoever asked for them.
    pub reassignments: BTreeMap<TopicPartition, Reassignment>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// How processor time was shared out over partitions; absent where it was not.
    pub cpu_sharing: Option<CpuSharing>,
    /// What the canary has measured by then; absent where none runs or too little has come back. Snapshots do not hold it.
    pub canary: Option<CanaryTimes>,
}

/// A broker as seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeenBroker {
    /// `broker.rack`; a broker without one counts as a rack of its own.
    pub rack: Option<RackId>,
    /// The advertised host.
    pub host: Option<String>,
    /// The advertised port.
    pub port: Option<u16>,
    /// Whether the broker is registered and unfenced.
    pub alive: bool,
    /// Its log directories; empty when they could not be asked for (then there is a [`Gap`]).
    pub log_dirs: Vec<LogDir>,
    /// What it can carry, as far as known.
    pub capacity: Capacity,
    /// Replication throttle settings that stand on it as dynamic broker configuration.
    pub throttle: BrokerThrottle,
    /// Whether it lets consumers read from followers (`replica.selector.class`). Snapshots do not hold it.
    pub followers_serve: bool,
    /// What the network devices of its machine carry in each direction, by name, as far as they say. Snapshots do not hold it.
    pub links: BTreeMap<String, BytesPerS>,
    /// Processor time that no replica causes, as far as it is known: it does not move, but it counts.
    pub other_cpu_cores: Option<Cores>,
    /// What its clients feel and take just now, as far as it was measured. Snapshots do not hold it.
    pub signals: Signals,
    /// What keeps its processor busy just now, as far as it was measured. Snapshots do not hold it.
    pub work: BrokerWork,
}

/// What a broker can carry. An absent value is unknown, and goals that need it are not ready.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Capacity {
    /// Sum over the online log directories.
    pub disk_bytes: Option<Bytes>,
    /// Network, inbound.
    pub network_in_bytes_per_s: Option<BytesPerS>,
    /// Network, outbound.
    pub network_out_bytes_per_s: Option<BytesPerS>,
    /// Processor cores.
    pub cpu_cores: Option<Cores>,
}

/// One log directory of a broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogDir {
    /// The path, as in `log.dirs`.
    pub path: String,
    /// Size of the volume; Kafka tells it from 3.3 on.
    pub total_bytes: Option<Bytes>,
    /// Free space of the volume.
    pub usable_bytes: Option<Bytes>,
    /// Whether Kafka can use it; replicas on an offline directory are offline, not empty.
    pub online: bool,
}

/// A topic as seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeenTopic {
    /// Kafka's topic id: tells a topic from a later one of the same name. Absent before Kafka 2.8.
    pub id: Option<uuid::Uuid>,
    /// `min.insync.replicas` in force; absent when it could not be read (then there is a [`Gap`]).
    pub min_insync_replicas: Option<u32>,
    /// Kafka's own topics, such as `__consumer_offsets`.
    pub internal: bool,
    /// The partitions, ordered by id without holes.
    pub partitions: Vec<Partition>,
    /// Replication throttle lists that stand on it as dynamic topic configuration.
    pub throttle: TopicThrottle,
}

/// A partition as seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Partition {
    /// The index in the topic.
    pub id: i32,
    /// The replica list, preferred leader first. While a reassignment runs it holds old and new replicas.
    pub replicas: Vec<BrokerId>,
    /// The leader; absent while the partition has none.
    pub leader: Option<BrokerId>,
    /// The in-sync replicas.
    pub isr: Vec<BrokerId>,
    /// Replicas that cannot serve: the broker is down or their log directory is offline.
    pub offline: Vec<BrokerId>,
    /// The bytes of the replicas, by broker, as far as the brokers told.
    pub on_disk: BTreeMap<BrokerId, Replica>,
    /// The size of one replica where only that is known (snapshots).
    pub size_bytes: Option<Bytes>,
    /// The load, as far as known.
    pub load: PartitionLoad,
}

/// One replica on a broker's disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replica {
    /// Bytes on disk; absent when the size is not known but the directory is.
    pub size_bytes: Option<Bytes>,
    /// The log directory it stands in.
    pub log_dir: Option<String>,
    /// A future replica (a move between log directories in flight): its directory and its size so far.
    pub future: Option<(String, Bytes)>,
}

/// A reassignment in flight, as Kafka lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reassignment {
    /// The whole list: the target first, then the replicas that will go.
    pub replicas: Vec<BrokerId>,
    /// Replicas that are being made.
    pub adding: Vec<BrokerId>,
    /// Replicas that will go when the new ones are in sync.
    pub removing: Vec<BrokerId>,
}

impl Reassignment {
    /// The list that Kafka is working towards, preferred leader first.
    pub fn target(&self) -> Vec<BrokerId> {
        self.replicas.iter().copied().filter(|broker| !self.removing.contains(broker)).collect()
    }
}

/// Replication throttle rates on a broker, in bytes per second; only *dynamic per-broker* values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerThrottle {
    /// `leader.replication.throttled.rate`.
    pub leader_bytes_per_s: Option<u64>,
    /// `follower.replication.throttled.rate`.
    pub follower_bytes_per_s: Option<u64>,
    /// `replica.alter.log.dirs.io.max.bytes.per.second`.
    pub log_dirs_bytes_per_s: Option<u64>,
}

impl BrokerThrottle {
    /// Whether nothing is set.
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }
}

/// The replicas of a topic to which throttle rates apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicThrottle {
    /// `leader.replication.throttled.replicas`; absent when not set.
    pub leader: Option<ThrottledReplicas>,
    /// `follower.replication.throttled.replicas`; absent when not set.
    pub follower: Option<ThrottledReplicas>,
}

/// A throttled replica list: `*`, or pairs of partition and broker (`0:1,0:2`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum ThrottledReplicas {
    /// Every replica of the topic.
    All,
    /// These (partition, broker) pairs.
    Some(BTreeSet<(i32, BrokerId)>),
    /// Something else: kept to the letter, so that it can be put back.
    Other(String),
}

impl ThrottledReplicas {
    /// Reads the value of the topic configuration. The empty value, which Kafka treats as unset, is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed == "none" {
            return None;
        }
        if trimmed == "*" {
            return Some(Self::All);
        }
        let pair = |part: &str| {
            let (partition, broker) = part.trim().split_once(':')?;
            Some((partition.parse().ok()?, BrokerId(broker.parse().ok()?)))
        };
        let pairs: Option<BTreeSet<_>> = trimmed.split(',').map(pair).collect();
        Some(pairs.map_or_else(|| Self::Other(text.to_owned()), Self::Some))
    }
}

impl From<ThrottledReplicas> for String {
    fn from(list: ThrottledReplicas) -> Self {
        list.to_string()
    }
}

impl From<String> for ThrottledReplicas {
    fn from(text: String) -> Self {
        Self::parse(&text).unwrap_or(Self::Other(text))
    }
}

impl fmt::Display for ThrottledReplicas {
    /// The form that Kafka's topic configuration takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Other(text) => f.write_str(text),
            Self::Some(pairs) => {
                let texts: Vec<String> =
                    pairs.iter().map(|(partition, broker)| format!("{partition}:{broker}")).collect();
                f.write_str(&texts.join(","))
            }
        }
    }
}

/// Something that could not be seen, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What is missing.
    pub kind: GapKind,
    /// Where: a broker, a topic, an endpoint; empty when it is the whole cluster.
    pub subject: String,
    /// Why it could not be seen, in words for a person, with the mend where one is known.
    pub reason: String,
}

impl Gap {
    /// What is missing of one broker.
    pub fn of_broker(broker: BrokerId, kind: GapKind, reason: impl Into<String>) -> Self {
        Self { kind, subject: format!("broker {broker}"), reason: reason.into() }
    }
}

/// The subject of a [`Gap`] that is there because the controller does not answer.
pub const CONTROLLER: &str = "controller";

/// The kinds of [`Gap`], by what they keep from being judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapKind {
    /// The list of topics may be incomplete: the cluster must not be called level.
    Topics,
    /// A broker's replica sizes and volumes.
    LogDirs,
    /// Size of a volume.
    DiskCapacity,
    /// Settings of topics (`min.insync.replicas`, throttle lists).
    TopicConfig,
    /// Settings of brokers (throttle rates).
    BrokerConfig,
    /// Reassignments in flight; the subject is [`CONTROLLER`] where that does not answer.
    Reassignments,
    /// Traffic of topics and brokers.
    NetworkLoad,
    /// Processor load.
    CpuLoad,
    /// Network or processor capacity.
    LoadCapacity,
}

impl GapKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Topics,
        Self::LogDirs,
        Self::DiskCapacity,
        Self::TopicConfig,
        Self::BrokerConfig,
        Self::Reassignments,
        Self::NetworkLoad,
        Self::CpuLoad,
        Self::LoadCapacity,
    ];

    /// The name, as files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topics => "topics",
            Self::LogDirs => "log-dirs",
            Self::DiskCapacity => "disk-capacity",
            Self::TopicConfig => "topic-config",
            Self::BrokerConfig => "broker-config",
            Self::Reassignments => "reassignments",
            Self::NetworkLoad => "network-load",
            Self::CpuLoad => "cpu-load",
            Self::LoadCapacity => "load-capacity",
        }
    }
}

impl Observation {
    /// The partition, if the topic and the index were seen.
    pub fn partition(&self, which: &TopicPartition) -> Option<&Partition> {
        let topic = self.topics.get(&which.topic)?;
        let index = usize::try_from(which.partition).ok()?;
        topic.partitions.get(index).filter(|partition| partition.id == which.partition)
    }

    /// Every partition with its name, in order.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &SeenTopic, &Partition)> {
        self.topics.iter().flat_map(|(name, topic)| {
            topic
                .partitions
                .iter()
                .map(move |partition| (TopicPartition::new(name.clone(), partition.id), topic, partition))
        })
    }

    /// The rack a broker counts as standing in: its own, or one of its own where none is set.
    pub fn rack_of(&self, broker: BrokerId) -> RackId {
        let rack = self.brokers.get(&broker).and_then(|seen| seen.rack.clone());
        rack.unwrap_or_else(|| RackId::from(format!("broker-{broker}")))
    }

    /// Brokers that are alive.
    pub fn alive(&self) -> impl Iterator<Item = BrokerId> {
        self.brokers.iter().filter(|(_, broker)| broker.alive).map(|(id, _)| *id)
    }

    /// Whether something of this kind could not be seen.
    pub fn has_gap(&self, kind: GapKind) -> bool {
        self.gaps.iter().any(|gap| gap.kind == kind)
    }
}

impl Partition {
    /// The size of the replica on `broker`: its own where known, else the size of one replica.
    pub fn size_on(&self, broker: BrokerId) -> Option<Bytes> {
        self.on_disk.get(&broker).and_then(|replica| replica.size_bytes).or(self.size_bytes)
    }

    /// The size that a new replica of this partition will reach: that of the leader, else the largest seen.
    pub fn full_size_bytes(&self) -> Option<Bytes> {
        let leader =
            self.leader.and_then(|leader| self.on_disk.get(&leader)).and_then(|replica| replica.size_bytes);
        leader
            .or_else(|| self.on_disk.values().filter_map(|replica| replica.size_bytes).max())
            .or(self.size_bytes)
    }
}
