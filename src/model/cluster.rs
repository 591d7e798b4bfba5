//! [`ClusterModel`]: brokers, racks, partitions and loads in dense arrays.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Assignment, LogDirRow};
use crate::base::{BrokerId, Bytes, ModelId, RackId, TimestampMs, TopicName, TopicPartition};

macro_rules! ordinal {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The position as an index into an array.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl From<usize> for $name {
            fn from(index: usize) -> Self {
                Self(u32::try_from(index).expect("a cluster has fewer than four thousand million of anything"))
            }
        }
    };
}

ordinal! {
    /// A broker's position in [`ClusterModel::brokers`].
    BrokerOrd
}
ordinal! {
    /// A rack's position in [`ClusterModel::racks`].
    RackOrd
}
ordinal! {
    /// A host's position in [`ClusterModel::hosts`].
    HostOrd
}
ordinal! {
    /// A topic's position in [`ClusterModel::topics`].
    TopicOrd
}
ordinal! {
    /// A partition's position in [`ClusterModel::partitions`].
    PartitionOrd
}

/// Something that replicas use up on brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Bytes on disk.
    Disk,
    /// Bytes received per second: produced to leaders, replicated to followers.
    NetworkIn,
    /// Bytes sent per second: to consumers and followers.
    NetworkOut,
    /// Cores kept busy.
    Cpu,
    /// Number of replicas.
    Replicas,
    /// Number of leaders.
    Leaders,
    /// Bytes that producers write to leaders, per second.
    LeaderBytesIn,
    /// Bytes that would be sent per second if every replica on the broker led.
    PotentialNetworkOut,
}

impl Resource {
    /// How many kinds there are: the width of a row of [`super::Sums`].
    pub const COUNT: usize = 8;

    /// All of them, in the order of a row of [`super::Sums`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::Disk,
        Self::NetworkIn,
        Self::NetworkOut,
        Self::Cpu,
        Self::Replicas,
        Self::Leaders,
        Self::LeaderBytesIn,
        Self::PotentialNetworkOut,
    ];

    /// The position in a row of [`super::Sums`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The resource of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.name() == name)
    }

    /// Whether it is a number of things and not an amount.
    pub fn is_count(self) -> bool {
        matches!(self, Self::Replicas | Self::Leaders)
    }

    /// Whether it goes where replicas go, whoever leads.
    pub fn follows_replicas(self) -> bool {
        matches!(self, Self::Disk | Self::NetworkIn | Self::Replicas | Self::PotentialNetworkOut)
    }

    /// An amount of it for people, with its unit.
    pub fn show(self, amount: f64) -> String {
        let bytes = Bytes::whole(amount.round());
        match self {
            Self::Disk => bytes.to_string(),
            Self::NetworkIn | Self::NetworkOut | Self::LeaderBytesIn | Self::PotentialNetworkOut => {
                format!("{bytes}/s")
            }
            Self::Cpu => format!("{amount:.2} cores"),
            Self::Replicas => format!("{amount:.0} replicas"),
            Self::Leaders => format!("{amount:.0} leaders"),
        }
    }

    /// An amount of it for people, with what it is of where the unit alone does not say so.
    pub fn show_named(self, amount: f64) -> String {
        if self.is_count() { self.show(amount) } else { format!("{} {}", self.name(), self.show(amount)) }
    }

    /// The name as goal files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::NetworkIn => "network-in",
            Self::NetworkOut => "network-out",
            Self::Cpu => "cpu",
            Self::Replicas => "replicas",
            Self::Leaders => "leaders",
            Self::LeaderBytesIn => "leader-bytes-in",
            Self::PotentialNetworkOut => "potential-network-out",
        }
    }
}

/// A broker in the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Broker {
    /// Its id.
    pub id: BrokerId,
    /// Its rack.
    pub rack: RackOrd,
    /// The host it runs on; a broker whose host is not known has one of its own.
    pub host: HostOrd,
    /// Whether it is alive. A dead broker takes nothing, and what stands on it is offline.
    pub alive: bool,
    /// Capacity by [`Resource::index`]; `None` where unknown or where the resource has none (counts).
    pub capacity: [Option<f64>; Resource::COUNT],
    /// Bytes on its disks that no seen replica accounts for (strays, other files, on a shared volume those of
    /// others): they do not move, but they fill. Capacity counts them; balance, which is about what moves, does not.
    pub other_disk_bytes: f64,
    /// Cores that it keeps busy for no replica: they do not move either, and capacity alone counts them.
    pub other_cpu_cores: f64,
    /// Its log directories; empty where they could not be asked for.
    pub log_dirs: Vec<LogDirRow>,
}

impl Broker {
    /// What of a resource is taken by something that no replica accounts for.
    pub fn other(&self, resource: Resource) -> f64 {
        match resource {
            Resource::Disk => self.other_disk_bytes,
            Resource::Cpu => self.other_cpu_cores,
            _ => 0.0,
        }
    }
}

/// Whether a partition may be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// Every replica is in sync and no reassignment runs: it may be moved freely.
    Healthy,
    /// It has a leader, but some replica is offline or out of sync: only a step that repairs it may touch it.
    Degraded,
    /// It has no leader: there is nothing to copy from.
    Leaderless,
    /// A reassignment runs already, whoever asked for it.
    Reassigning,
}

/// A topic in the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRow {
    /// Its name.
    pub name: TopicName,
    /// `min.insync.replicas`; 1, Kafka's default, where it could not be read.
    pub min_insync_replicas: u32,
    /// Kafka's own topic.
    pub internal: bool,
    /// Position of its first partition; the others follow.
    pub first_partition: PartitionOrd,
    /// How many partitions it has.
    pub partition_count: u32,
}

/// A partition's load in the model; unknown loads count as zero and [`ClusterModel::known`] says so.
///
/// A row fills one cache line: the search reads single rows out of hundreds of thousands, and half of them would lie
/// across two.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub struct PartitionRow {
    /// Its topic.
    pub topic: TopicOrd,
    /// Its index in the topic.
    pub id: i32,
    /// Size of one full replica, in bytes.
    pub size_bytes: f64,
    /// What producers write, in bytes per second.
    pub produce_bytes_per_s: f64,
    /// What consumers read from the leader, in bytes per second.
    pub consume_bytes_per_s: f64,
    /// What consumers read from each follower, in bytes per second.
    pub follower_consume_bytes_per_s: f64,
    /// Cores of the leader.
    pub leader_cpu_cores: f64,
    /// Cores of each follower.
    pub follower_cpu_cores: f64,
    /// Whether it may be moved.
    pub health: Health,
}

/// The cluster as one immutable value.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterModel {
    /// Digest of everything below.
    pub id: ModelId,
    /// Kafka's cluster id.
    pub cluster_id: Option<String>,
    /// When it was observed; not part of the digest.
    pub observed_at: TimestampMs,
    /// Brokers, ordered by id.
    pub brokers: Vec<Broker>,
    /// Racks, ordered by name.
    pub racks: Vec<RackId>,
    /// Hosts, ordered by name.
    pub hosts: Vec<String>,
    /// Topics, ordered by name.
    pub topics: Vec<TopicRow>,
    /// Partitions, ordered by topic and index.
    pub partitions: Vec<PartitionRow>,
    /// Where the replicas stand now, and who leads.
    pub placement: Assignment,
    /// Sizes of the replicas of [`Self::placement`], in its order, in bytes; empty when all are full replicas.
    /// Followers differ from leaders a little, and replicas that lag differ much.
    pub own_sizes: Vec<f64>,
    /// Replicas that are offline or out of sync, by partition.
    pub out_of_sync: BTreeMap<PartitionOrd, Vec<BrokerOrd>>,
    /// Replicas that cannot serve, their broker being down or their log directory offline, by partition.
    pub offline: BTreeMap<PartitionOrd, Vec<BrokerOrd>>,
    /// For each replica of [`Self::placement`], in its order, the position of its directory in [`Broker::log_dirs`];
    /// 255 where it is not known; empty when it is known of none.
    pub replica_dirs: Vec<u8>,
    /// Replicas that are moving between log directories of their broker already, whoever asked for it.
    pub changing_dirs: BTreeSet<(PartitionOrd, BrokerOrd)>,
    /// For each resource, whether its load was seen for every partition (counts always are).
    pub known: [bool; Resource::COUNT],
}

impl ClusterModel {
    /// The position of a broker.
    pub fn broker(&self, id: BrokerId) -> Option<BrokerOrd> {
        self.brokers.binary_search_by_key(&id, |broker| broker.id).ok().map(BrokerOrd::from)
    }

    /// Positions of all brokers.
    pub fn broker_ords(&self) -> impl Iterator<Item = BrokerOrd> + use<> {
        (0..self.brokers.len()).map(BrokerOrd::from)
    }

    /// Positions of all partitions.
    pub fn partition_ords(&self) -> impl Iterator<Item = PartitionOrd> + use<> {
        (0..self.partitions.len()).map(PartitionOrd::from)
    }

    /// Positions of the partitions of a topic.
    pub fn partitions_of(&self, topic: TopicOrd) -> impl Iterator<Item = PartitionOrd> + use<> {
        let row = &self.topics[topic.index()];
        (row.first_partition.0..row.first_partition.0 + row.partition_count).map(PartitionOrd)
    }

    /// The name of a partition.
    pub fn name(&self, partition: PartitionOrd) -> TopicPartition {
        let row = &self.partitions[partition.index()];
        TopicPartition { topic: self.topics[row.topic.index()].name.clone(), partition: row.id }
    }

    /// The position of a partition.
    pub fn partition(&self, name: &TopicPartition) -> Option<PartitionOrd> {
        let topic = self.topics.binary_search_by(|topic| topic.name.cmp(&name.topic)).ok()?;
        let topic = &self.topics[topic];
        let index = u32::try_from(name.partition).ok().filter(|index| *index < topic.partition_count)?;
        Some(PartitionOrd(topic.first_partition.0 + index))
    }

    /// The rack of a broker.
    pub fn rack_of(&self, broker: BrokerOrd) -> RackOrd {
        self.brokers[broker.index()].rack
    }

    /// Bytes that the replica of a partition takes, or would take, on a broker.
    pub fn size_on(&self, partition: PartitionOrd, broker: BrokerOrd) -> f64 {
        let full = self.partitions[partition.index()].size_bytes;
        if self.own_sizes.is_empty() {
            return full;
        }
        let place = self.placement.replicas(partition).iter().position(|held| *held == broker);
        place.map_or(full, |place| self.own_sizes[self.placement.offset(partition) + place])
    }

    /// What the replica of a partition on one broker adds to it: [`Self::load`] with its own size on disk.
    pub fn load_on(
        &self,
        partition: PartitionOrd,
        broker: BrokerOrd,
        leads: bool,
        replication_factor: usize,
    ) -> [f64; Resource::COUNT] {
        let mut load = self.load(partition, leads, replication_factor);
        load[Resource::Disk.index()] = self.size_on(partition, broker);
        load
    }

    /// The host of a broker.
    pub fn host_of(&self, broker: BrokerOrd) -> HostOrd {
        self.brokers[broker.index()].host
    }

    /// How many of the brokers that `counts` admits stand on each rack, by [`RackOrd`].
    pub fn brokers_per_rack(&self, counts: impl Fn(BrokerOrd) -> bool) -> Vec<usize> {
        let mut per_rack = vec![0; self.racks.len()];
        for broker in self.broker_ords().filter(|broker| counts(*broker)) {
            per_rack[self.rack_of(broker).index()] += 1;
        }
        per_rack
    }

    /// Size of one full replica.
    pub fn size(&self, partition: PartitionOrd) -> Bytes {
        Bytes::whole(self.partitions[partition.index()].size_bytes)
    }

    /// What a replica of a partition adds to its broker at least, whoever leads. That is what a follower adds, but where
    /// consumers read more from followers than a leader sends.
    pub fn least_load(&self, partition: PartitionOrd, replication_factor: usize) -> [f64; Resource::COUNT] {
        let mut least = self.load(partition, false, replication_factor);
        let leader = self.load(partition, true, replication_factor);
        least.iter_mut().zip(leader).for_each(|(least, leader)| *least = least.min(leader));
        least
    }

    /// What one replica of a partition adds to its broker, by [`Resource::index`].
    /// With replication factor r a leader sends `consume + (r - 1) * produce`; followers send what consumers read from them,
    /// which is nothing where brokers do not let them.
    pub fn load(
        &self,
        partition: PartitionOrd,
        leads: bool,
        replication_factor: usize,
    ) -> [f64; Resource::COUNT] {
        let row = &self.partitions[partition.index()];
        let followers = u32::try_from(replication_factor.saturating_sub(1)).unwrap_or(u32::MAX);
        let served = row.consume_bytes_per_s + f64::from(followers) * row.produce_bytes_per_s;
        let of_leader = |amount: f64| if leads { amount } else { 0.0 };
        let cpu = if leads { row.leader_cpu_cores } else { row.follower_cpu_cores };
        [
            row.size_bytes,
            row.produce_bytes_per_s,
            if leads { served } else { row.follower_consume_bytes_per_s },
            cpu,
            1.0,
            of_leader(1.0),
            of_leader(row.produce_bytes_per_s),
            served,
        ]
    }
}
