//! [`SimSpec`]: a simulated cluster as written down, before it runs. Ready-made ones are in `presets`.

use crate::base::{BrokerId, RackId, TimestampMs, TopicName};

/// A simulated cluster as written down.
#[derive(Debug, Clone, PartialEq)]
pub struct SimSpec {
    /// Decides every random choice.
    pub seed: u64,
    /// Kafka's cluster id.
    pub cluster_id: String,
    /// The version that the brokers claim to run.
    pub kafka_version: String,
    /// What the virtual clock shows at the start.
    pub start_at: TimestampMs,
    /// The brokers, in any order.
    pub brokers: Vec<BrokerSpec>,
    /// The topics, in any order.
    pub topics: Vec<TopicSpec>,
    /// How long things take.
    pub timing: Timing,
    /// Whether every broker takes requests for the controller and passes them on, as on `KRaft`. Where not, as
    /// with ZooKeeper, brokers other than the controller answer `NOT_CONTROLLER`.
    pub forwards_to_controller: bool,
    /// Whether the cluster moves leadership back to preferred replicas by itself (`auto.leader.rebalance.enable`).
    pub auto_leader_rebalance: bool,
}

/// A broker as written down.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerSpec {
    /// Its id.
    pub id: BrokerId,
    /// Its rack, if it has one.
    pub rack: Option<RackId>,
    /// Its log directories, at least one.
    pub log_dirs: Vec<LogDirSpec>,
    /// What its network takes in.
    pub network_in_bytes_per_s: u64,
    /// What its network gives out.
    pub network_out_bytes_per_s: u64,
    /// Its processor cores.
    pub cpu_cores: f64,
}

/// A log directory as written down; each is a volume of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDirSpec {
    /// The path.
    pub path: String,
    /// The size of the volume.
    pub total_bytes: u64,
    /// What its disk reads and writes for replicas that catch up.
    pub disk_bytes_per_s: u64,
}

/// A topic as written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: TopicName,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// Kafka's own topic.
    pub internal: bool,
    /// The partitions, from 0 on.
    pub partitions: Vec<PartitionSpec>,
}

/// A partition as written down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionSpec {
    /// The replica list, preferred leader first; all are in sync at the start.
    pub replicas: Vec<BrokerId>,
    /// The leader where leadership has drifted; else the first replica leads.
    pub leader: Option<BrokerId>,
    /// Size of one replica at the start.
    pub size_bytes: u64,
    /// What retention lets it grow to; a smaller value than `size_bytes` means that it has stopped growing.
    pub retention_bytes: u64,
    /// What producers write, with `acks=all`.
    pub produce_bytes_per_s: u64,
    /// What consumers read.
    pub consume_bytes_per_s: u64,
}

/// How long things take, in milliseconds of virtual time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the death of a broker until the controller fences it (`broker.session.timeout.ms`).
    pub session_timeout_ms: u64,
    /// From the start of a broker until it serves.
    pub boot_ms: u64,
    /// One request of the in-memory face.
    pub request_ms: u64,
    /// Between two looks at disks (are they full?) and at preferred leaders.
    pub housekeeping_ms: u64,
    /// From the removal of a replica until its bytes are gone (`log.segment.delete.delay.ms`).
    pub delete_delay_ms: u64,
}

impl Default for Timing {
    /// Kafka's defaults; boot and request as measured on real brokers.
    fn default() -> Self {
        Self {
            session_timeout_ms: 9_000,
            boot_ms: 6_500,
            request_ms: 3,
            housekeeping_ms: 10_000,
            delete_delay_ms: 60_000,
        }
    }
}

/// Why a cluster cannot be simulated as written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// There are no brokers.
    #[error("the simulated cluster has no brokers")]
    NoBrokers,
    /// An id or name is given twice.
    #[error("{0} is given twice")]
    Twice(String),
    /// A broker has nowhere to write.
    #[error("broker {0} has no log directory")]
    NoLogDir(BrokerId),
    /// A replica list is empty, names a broker twice, or names one that is not there.
    #[error("{partition}: the replica list {replicas:?} is not a list of distinct brokers of the cluster")]
    BadReplicas {
        /// The partition.
        partition: String,
        /// Its list.
        replicas: Vec<i32>,
    },
    /// The leader holds no replica.
    #[error("{partition}: leader {leader} holds no replica")]
    BadLeader {
        /// The partition.
        partition: String,
        /// Its leader.
        leader: BrokerId,
    },
}

impl BrokerSpec {
    /// A broker with one log directory `/data/1`, an ample disk (500 MB/s) and eight cores.
    pub fn new(id: i32, rack: &str, disk_bytes: u64, network_bytes_per_s: u64) -> Self {
        Self {
            id: BrokerId(id),
            rack: Some(rack.into()),
            log_dirs: vec![LogDirSpec::new("/data/1", disk_bytes)],
            network_in_bytes_per_s: network_bytes_per_s,
            network_out_bytes_per_s: network_bytes_per_s,
            cpu_cores: 8.0,
        }
    }

    /// The same with `count` log directories `/data/1`, `/data/2` ... that share the volume's size.
    #[must_use]
    pub fn with_log_dirs(mut self, count: u64) -> Self {
        let total: u64 = self.log_dirs.iter().map(|dir| dir.total_bytes).sum();
        self.log_dirs =
            (1..=count).map(|n| LogDirSpec::new(&format!("/data/{n}"), total / count.max(1))).collect();
        self
    }
}

impl LogDirSpec {
    /// A volume whose disk does 500 MB/s.
    pub fn new(path: &str, total_bytes: u64) -> Self {
        Self { path: path.to_owned(), total_bytes, disk_bytes_per_s: 500_000_000 }
    }
}

impl TopicSpec {
    /// A topic without partitions and with `min.insync.replicas` 2.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), min_insync_replicas: 2, internal: false, partitions: Vec::new() }
    }

    /// The same with one more partition, of constant size and without traffic.
    #[must_use]
    pub fn with_partition(mut self, replicas: &[i32], size_bytes: u64) -> Self {
        self.partitions.push(PartitionSpec {
            replicas: replicas.iter().copied().map(BrokerId).collect(),
            size_bytes,
            ..PartitionSpec::default()
        });
        self
    }
}

impl SimSpec {
    /// A cluster without brokers and topics.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            cluster_id: format!("simulated-{seed}"),
            kafka_version: "4.1.0".to_owned(),
            start_at: TimestampMs(1_800_000_000_000),
            brokers: Vec::new(),
            topics: Vec::new(),
            timing: Timing::default(),
            forwards_to_controller: true,
            auto_leader_rebalance: false,
        }
    }
}
