//! [`Fault`]: what can go wrong, as data, so that a run can be written down, repeated and shrunk.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::num::real;
use super::{ConfigChange, ConfigOwner, SimCluster};
use crate::base::{BrokerId, TopicName, TopicPartition};

/// Something that goes wrong, or that someone else does.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// A broker dies without notice; it stays down until [`Fault::StartBroker`].
    KillBroker(BrokerId),
    /// A broker that is down starts.
    StartBroker(BrokerId),
    /// A broker is stopped in good order and starts again, as a rolling patch does.
    RestartBroker {
        /// The broker.
        broker: BrokerId,
        /// How long it is down, its boot not counted.
        down_for: Duration,
    },
    /// The disks of a broker become this fast for replicas that catch up (0.1: ten times slower).
    SlowDisk {
        /// The broker.
        broker: BrokerId,
        /// The factor on the present speed.
        factor: f64,
    },
    /// A log directory goes offline.
    FailLogDir {
        /// The broker.
        broker: BrokerId,
        /// The directory.
        path: String,
    },
    /// The network of a broker becomes this fast (0.1: ten times slower).
    SlowNetwork {
        /// The broker.
        broker: BrokerId,
        /// The factor on the present speed.
        factor: f64,
    },
    /// Two brokers cannot reach each other for a while.
    CutLink {
        /// The two.
        between: (BrokerId, BrokerId),
        /// For how long.
        heal_after: Duration,
    },
    /// The controller does not hear a broker for a while, and fences it.
    Isolate {
        /// The broker.
        broker: BrokerId,
        /// For how long.
        heard_after: Duration,
    },
    /// Another tool or person adds partitions to a topic.
    AddPartitions {
        /// The topic.
        topic: TopicName,
        /// How many.
        count: usize,
    },
    /// Clients are told of another controller.
    MoveController(BrokerId),
    /// Another tool or person starts a reassignment.
    ForeignReassign {
        /// The partition.
        partition: TopicPartition,
        /// Its new list.
        replicas: Vec<BrokerId>,
    },
    /// Another tool or person cancels a reassignment.
    ForeignCancel(TopicPartition),
    /// Another tool or person changes a setting.
    ForeignConfig {
        /// Whose setting.
        owner: ConfigOwner,
        /// The key.
        key: String,
        /// What is done with it.
        change: ConfigChange,
    },
    /// The next requests that change something are carried out, but their answers are lost.
    LoseAnswers(u32),
    /// The next requests are answered with this retriable error and not carried out.
    RefuseRequests {
        /// How many.
        count: u32,
        /// The error.
        error: ResponseError,
    },
    /// The brokers' metrics tell nothing of traffic and latency any more, or tell it again.
    HideSignals(bool),
    /// Client traffic of a partition changes, in bytes per second.
    Traffic {
        /// The partition.
        partition: TopicPartition,
        /// What producers write.
        produce: u64,
        /// What consumers read.
        consume: u64,
    },
}

/// What the next requests meet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    lose_answers: u32,
    refuse: u32,
    refuse_with: Option<ResponseError>,
    pub(super) hides_signals: bool,
}

impl Trouble {
    /// Whether the answer of this request gets lost.
    pub(super) fn loses_answer(&mut self) -> bool {
        let loses = self.lose_answers > 0;
        self.lose_answers = self.lose_answers.saturating_sub(1);
        loses
    }

    /// The error that this request is answered with instead of being carried out.
    pub(super) fn refuses(&mut self) -> Option<ResponseError> {
        let refuses = self.refuse > 0;
        self.refuse = self.refuse.saturating_sub(1);
        self.refuse_with.filter(|_| refuses)
    }
}

impl SimCluster {
    /// Lets something go wrong now. What makes no sense (an unknown broker) does nothing, so that a shrunk run
    /// still runs.
    pub fn inject(&mut self, fault: Fault) {
        match fault {
            Fault::KillBroker(broker) => self.kill_broker(broker),
            Fault::StartBroker(broker) => self.start_broker(broker),
            Fault::RestartBroker { broker, down_for } => self.restart_broker(broker, down_for),
            Fault::SlowDisk { broker, factor } => {
                for dir in self.brokers.get_mut(&broker).into_iter().flat_map(|broker| &mut broker.dirs) {
                    dir.disk_bytes_per_s = (dir.disk_bytes_per_s * factor).clamp(0.0, real(u64::MAX));
                }
                self.shares_stale = true;
                self.keep_house_in(self.timing.housekeeping_ms);
            }
            Fault::FailLogDir { broker, path } => {
                let dirs = self.brokers.get(&broker).map(|broker| &broker.dirs);
                if let Some(dir) = dirs.and_then(|dirs| dirs.iter().position(|dir| dir.path == path)) {
                    self.fail_dir(broker, dir, false);
                }
            }
            Fault::SlowNetwork { broker, factor } => self.slow_network(broker, factor),
            Fault::CutLink { between, heal_after } => self.cut_link(between, heal_after),
            Fault::Isolate { broker, heard_after } => self.isolate(broker, heard_after),
            Fault::AddPartitions { topic, count } => self.add_partitions(&topic, count),
            Fault::MoveController(broker) => {
                if self.serves(broker) {
                    self.controller = Some(broker);
                }
            }
            Fault::ForeignReassign { partition, replicas } => {
                self.foreign(|cluster| cluster.reassign(&partition, &replicas));
            }
            Fault::ForeignCancel(partition) => {
                self.foreign(|cluster| cluster.cancel_reassignment(&partition));
            }
            Fault::ForeignConfig { owner, key, change } => {
                let changes = BTreeMap::from([(key, change)]);
                self.foreign(|cluster| cluster.alter_configs(&owner, &changes, false));
            }
            Fault::LoseAnswers(count) => self.trouble.lose_answers += count,
            Fault::RefuseRequests { count, error } => {
                self.trouble.refuse += count;
                self.trouble.refuse_with = Some(error);
            }
            Fault::HideSignals(hidden) => self.trouble.hides_signals = hidden,
            Fault::Traffic { partition, produce, consume } => self.set_traffic(&partition, produce, consume),
        }
    }

    /// A request of someone else, who alone learns what came of it.
    fn foreign(&mut self, request: impl FnOnce(&mut Self) -> Result<(), super::Refusal>) {
        if let Err(refusal) = request(self) {
            tracing::debug!(%refusal, "a request of another tool was refused");
        }
    }
}
