//! [`Trouble`]: what goes wrong, as data: faults of the cluster, of the network between it and evenkeel, of evenkeel's
//! own ground, and what other people do meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel::base::{BrokerId, TopicName, TopicPartition};
use evenkeel::edge::sim::{ConfigChange, ConfigOwner, Fault, SimSpec};
use evenkeel::plan::Plan;

use crate::scenario::{Dice, MB};

/// What goes wrong, and when.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// A fault of the cluster.
    Fault(Duration, Fault),
    /// A rolling patch: these brokers one after the other, each down for a time, one every so often.
    Rolling(Duration, Vec<BrokerId>, Duration, Duration),
    /// The cluster is out of reach for a while.
    Blind(Duration, Duration),
    /// Every command is denied for a while.
    Denied(Duration, Duration),
    /// What is seen is old for a while.
    Stale(Duration, Duration),
    /// Metrics are missing, or nonsense, for a while.
    Lies(Duration, Duration),
    /// One broker cannot be reached from here for a while.
    Hidden(Duration, Duration, BrokerId),
    /// The wall clock jumps by so many seconds.
    Clock(Duration, i64),
    /// The next commands are refused with this code.
    Refuse(Duration, &'static str, u32),
    /// The next commands arrive so much later, in another order, and their answers are lost.
    Delay(Duration, Duration, u32),
    /// The next commands arrive twice.
    Duplicate(Duration, Duration, u32),
    /// Someone deletes a topic.
    Delete(Duration, TopicName),
    /// Someone deletes a topic and makes another one of the same name.
    Recreate(Duration, TopicName),
    /// The journal cannot be written for a while.
    JournalDown(Duration, Duration),
}

/// Kafka's codes, retriable and fatal, that a command may be refused with.
pub const CODES: [&str; 22] = [
    "NOT_CONTROLLER",
    "REQUEST_TIMED_OUT",
    "UNKNOWN_SERVER_ERROR",
    "NOT_LEADER_OR_FOLLOWER",
    "LEADER_NOT_AVAILABLE",
    "BROKER_NOT_AVAILABLE",
    "NETWORK_EXCEPTION",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "THROTTLING_QUOTA_EXCEEDED",
    "KAFKA_STORAGE_ERROR",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "NO_REASSIGNMENT_IN_PROGRESS",
    "ELECTION_NOT_NEEDED",
    "ELIGIBLE_LEADERS_NOT_AVAILABLE",
    "PREFERRED_LEADER_NOT_AVAILABLE",
    "INVALID_REPLICA_ASSIGNMENT",
    "LOG_DIR_NOT_FOUND",
    "INVALID_REQUEST",
    "INVALID_CONFIG",
    "POLICY_VIOLATION",
    "TOPIC_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
];

/// Every kind of trouble, by name.
pub const KINDS: [&str; 27] = [
    "broker-crash",
    "broker-restart",
    "rolling-patch",
    "slow-disk",
    "log-dir-fails",
    "controller-moves",
    "foreign-reassign",
    "foreign-cancel",
    "foreign-throttle",
    "factor-changed",
    "partitions-added",
    "answers-lost",
    "refused",
    "denied",
    "delayed",
    "duplicated",
    "traffic-burst",
    "slow-network",
    "link-cut",
    "broker-isolated",
    "blind",
    "broker-hidden",
    "stale-view",
    "metrics-lie",
    "clock-jump",
    "topic-deleted",
    "topic-recreated",
];

impl Trouble {
    /// When it comes, since the start.
    pub fn at(&self) -> Duration {
        match self {
            Self::Fault(at, _)
            | Self::Rolling(at, ..)
            | Self::Blind(at, _)
            | Self::Denied(at, _)
            | Self::Stale(at, _)
            | Self::Lies(at, _)
            | Self::Hidden(at, ..)
            | Self::Clock(at, _)
            | Self::Refuse(at, ..)
            | Self::Delay(at, ..)
            | Self::Duplicate(at, ..)
            | Self::Delete(at, _)
            | Self::Recreate(at, _)
            | Self::JournalDown(at, _) => *at,
        }
    }

    /// Its kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fault(_, fault) => match fault {
                Fault::KillBroker(_) | Fault::StartBroker(_) => "broker-crash",
                Fault::RestartBroker { .. } => "broker-restart",
                Fault::SlowDisk { .. } => "slow-disk",
                Fault::FailLogDir { .. } => "log-dir-fails",
                Fault::MoveController(_) => "controller-moves",
                // Of three lists that are known here, only a changed factor has another length.
                Fault::ForeignReassign { replicas, .. } if replicas.len() == 2 => "factor-changed",
                Fault::ForeignReassign { .. } => "foreign-reassign",
                Fault::ForeignCancel(_) => "foreign-cancel",
                Fault::ForeignConfig { .. } => "foreign-throttle",
                Fault::LoseAnswers(_) => "answers-lost",
                Fault::RefuseRequests { .. } => "refused",
                Fault::HideSignals(_) => "metrics-lie",
                Fault::Traffic { .. } => "traffic-burst",
                Fault::SlowNetwork { .. } => "slow-network",
                Fault::CutLink { .. } => "link-cut",
                Fault::Isolate { .. } => "broker-isolated",
                Fault::AddPartitions { .. } => "partitions-added",
            },
            Self::Rolling(..) => "rolling-patch",
            Self::Blind(..) => "blind",
            Self::Denied(..) => "denied",
            Self::Stale(..) => "stale-view",
            Self::Lies(..) => "metrics-lie",
            Self::Hidden(..) => "broker-hidden",
            Self::Clock(..) => "clock-jump",
            Self::Refuse(..) => "refused",
            Self::Delay(..) => "delayed",
            Self::Duplicate(..) => "duplicated",
            Self::Delete(..) => "topic-deleted",
            Self::Recreate(..) => "topic-recreated",
            Self::JournalDown(..) => "journal-down",
        }
    }

    /// Whether a broker, or a part of it, is not there for a while.
    pub fn loses_a_broker(&self) -> bool {
        let of_cluster = |fault: &Fault| {
            matches!(
                fault,
                Fault::KillBroker(_)
                    | Fault::RestartBroker { .. }
                    | Fault::FailLogDir { .. }
                    | Fault::CutLink { .. }
                    | Fault::Isolate { .. }
            )
        };
        matches!(self, Self::Rolling(..)) || matches!(self, Self::Fault(_, fault) if of_cluster(fault))
    }
}

/// A trouble of a kind, for this cluster and plan.
pub fn trouble(kind: &str, spec: &SimSpec, plan: &Plan, at: Duration, dice: &mut Dice) -> Trouble {
    let ids: Vec<BrokerId> = spec.brokers.iter().map(|broker| broker.id).collect();
    let planned: Vec<TopicPartition> = plan.steps().map(|step| step.partition().clone()).collect();
    let broker = *dice.of(&ids);
    let partition = dice.of(&planned).clone();
    let while_ = |dice: &mut Dice, most: u64| Duration::from_secs(1 + dice.below(most));
    let fault = match kind {
        "broker-crash" => Fault::KillBroker(broker),
        "broker-restart" => Fault::RestartBroker { broker, down_for: while_(dice, 240) },
        "rolling-patch" => {
            return Trouble::Rolling(at, ids, while_(dice, 60), Duration::from_secs(240));
        }
        "slow-disk" => Fault::SlowDisk { broker, factor: 0.05 },
        "slow-network" => Fault::SlowNetwork { broker, factor: 0.05 },
        "log-dir-fails" => {
            let dirs = &spec.brokers.iter().find(|spec| spec.id == broker).unwrap().log_dirs;
            Fault::FailLogDir { broker, path: dirs[0].path.clone() }
        }
        "controller-moves" => Fault::MoveController(broker),
        "foreign-reassign" => foreign_reassign(spec, &ids, partition, dice),
        "factor-changed" => {
            let mut replicas = list_of(spec, &partition);
            replicas.truncate(2);
            Fault::ForeignReassign { partition, replicas }
        }
        "foreign-cancel" => Fault::ForeignCancel(partition),
        "foreign-throttle" => foreign_config(broker, &partition, dice),
        "partitions-added" => Fault::AddPartitions { topic: partition.topic, count: 2 },
        "answers-lost" => Fault::LoseAnswers(1 + u32::try_from(dice.below(6)).unwrap()),
        "traffic-burst" => Fault::Traffic { partition, produce: dice.below(8) * MB, consume: MB },
        "link-cut" => Fault::CutLink { between: (broker, *dice.of(&ids)), heal_after: while_(dice, 200) },
        "broker-isolated" => Fault::Isolate { broker, heard_after: while_(dice, 200) },
        "refused" => {
            let code: &&str = dice.of(&CODES);
            return Trouble::Refuse(at, code, 1 + u32::try_from(dice.below(4)).unwrap());
        }
        "denied" => return Trouble::Denied(at, while_(dice, 60)),
        "delayed" => {
            let by = Duration::from_millis(200 + dice.below(4_000));
            return Trouble::Delay(at, by, 1 + u32::try_from(dice.below(3)).unwrap());
        }
        "duplicated" => {
            let by = Duration::from_millis(dice.below(300));
            return Trouble::Duplicate(at, by, 1 + u32::try_from(dice.below(3)).unwrap());
        }
        "blind" => return Trouble::Blind(at, while_(dice, 400)),
        "broker-hidden" => return Trouble::Hidden(at, while_(dice, 200), broker),
        "stale-view" => return Trouble::Stale(at, while_(dice, 3)),
        "metrics-lie" => return Trouble::Lies(at, while_(dice, 200)),
        "clock-jump" => {
            let by = *dice.of(&[3_600, -3_600, 315_000_000, -315_000_000, 1_800, -5]);
            return Trouble::Clock(at, by);
        }
        "topic-deleted" => return Trouble::Delete(at, partition.topic),
        "topic-recreated" => return Trouble::Recreate(at, partition.topic),
        "journal-down" => return Trouble::JournalDown(at, while_(dice, 400)),
        other => panic!("no trouble is called `{other}`"),
    };
    Trouble::Fault(at, fault)
}

fn list_of(spec: &SimSpec, partition: &TopicPartition) -> Vec<BrokerId> {
    let topic = spec.topics.iter().find(|topic| topic.name == partition.topic).unwrap();
    topic.partitions[usize::try_from(partition.partition).unwrap()].replicas.clone()
}

fn foreign_reassign(spec: &SimSpec, ids: &[BrokerId], partition: TopicPartition, dice: &mut Dice) -> Fault {
    let mut replicas = list_of(spec, &partition);
    replicas.reverse();
    let taken: BTreeSet<_> = replicas.iter().copied().collect();
    let free: Vec<_> = ids.iter().copied().filter(|id| !taken.contains(id)).collect();
    if !free.is_empty() {
        replicas[0] = *dice.of(&free);
    }
    Fault::ForeignReassign { partition, replicas }
}

fn foreign_config(broker: BrokerId, partition: &TopicPartition, dice: &mut Dice) -> Fault {
    let side = *dice.of(&["leader", "follower"]);
    let set = dice.percent(70);
    if dice.percent(50) {
        let owner = ConfigOwner::Broker(broker);
        // Never a rate that is ours by chance.
        let rate = (1 + dice.below(100)) * MB + 777;
        let change = if set { ConfigChange::Set(rate.to_string()) } else { ConfigChange::Delete };
        return Fault::ForeignConfig { owner, key: format!("{side}.replication.throttled.rate"), change };
    }
    let owner = ConfigOwner::Topic(partition.topic.clone());
    let list = dice.of(&["*", "97:1,98:2", "99:0"]).to_string();
    let change = if set { ConfigChange::Set(list) } else { ConfigChange::Delete };
    Fault::ForeignConfig { owner, key: format!("{side}.replication.throttled.replicas"), change }
}
