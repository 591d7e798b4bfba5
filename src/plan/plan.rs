//! [`Plan`]: everything that will be done, decided beforehand, under an id that is the digest of its content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Step;
use crate::base::{BrokerId, Bytes, ModelId, PlanId, RackId, TimestampMs, TopicName};
use crate::solve::Certificate;

/// What will be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Always `evenkeel-plan/1`.
    pub format: String,
    /// Digest of everything else.
    pub id: PlanId,
    /// The cluster it is for.
    pub cluster_id: Option<String>,
    /// The model it was made from.
    pub based_on: ModelId,
    /// When that model was observed.
    pub observed_at: TimestampMs,
    /// Name of the goal set.
    pub goal_set: String,
    /// The operation in words (`rebalance`, `remove broker 6`).
    pub operation: String,
    /// Topics that were asked to have another replication factor, and which; replica lists of all others keep their
    /// length.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replication_factors: BTreeMap<TopicName, u8>,
    /// The solver's seed.
    pub seed: u64,
    /// Whether there is nothing to do.
    pub is_empty: bool,
    /// What waves and forecast were reckoned with.
    pub limits: PlanLimits,
    /// What it costs.
    pub price: Price,
    /// How far it is from the best, with what is needed to check that; absent in plans of versions that made none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// Per goal, before and after.
    pub goals: Vec<GoalOutcome>,
    /// Per broker, before and after.
    pub brokers: Vec<BrokerLoads>,
    /// What was wanted and cannot be had.
    pub refusals: Vec<Refused>,
    /// The steps, wave after wave.
    pub waves: Vec<Wave>,
}

impl Plan {
    /// All steps, wave after wave.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.waves.iter().flat_map(|wave| &wave.steps)
    }
}

/// What waves are reckoned with: how much may be on the way at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanLimits {
    /// Replication throttle assumed for each broker in each direction, in bytes per second: the forecast follows from it.
    pub throttle_bytes_per_s: u64,
    /// Share of a disk that is never passed while replicas move, both copies counted. Above the share that goals
    /// keep in the end, since a move needs room on its way.
    pub disk_limit_share: f64,
    /// Most replicas that one broker receives, and most that it sends, at once: the forecast goes by it. Of moves between
    /// log directories, most on one broker in one wave.
    pub moves_per_broker: usize,
    /// Most bytes that one broker receives, and most that it sends, in one wave; a single larger replica goes alone. It
    /// bounds the time for which the growth of the disks is reckoned ahead.
    pub bytes_per_broker: Bytes,
    /// Most leader elections and reorderings in one wave: each is a short pause for its clients.
    pub leader_changes_per_wave: usize,
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self {
            // Half of a 1 Gbit/s port: safe on the smallest brokers in use, and an operator sets it for others.
            throttle_bytes_per_s: 50_000_000,
            disk_limit_share: 0.9,
            // Kafka's fetchers share the throttle; more than a few at once only delays the first to be done.
            moves_per_broker: 5,
            // Some twenty minutes at the throttle: growth is reckoned for that long, and retention left aside.
            bytes_per_broker: Bytes(60_000_000_000),
            leader_changes_per_wave: 500,
        }
    }
}

/// What a plan costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Replicas that are copied.
    pub replica_moves: usize,
    /// Bytes that are copied.
    pub bytes: Bytes,
    /// Least bytes that any plan reaching the same must copy, from the certificate; absent where it cannot be known.
    pub bytes_lower_bound: Option<Bytes>,
    /// Replicas that are copied between log directories of their broker.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub log_dir_moves: usize,
    /// Bytes that are copied between log directories; not among [`Self::bytes`].
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub log_dir_bytes: Bytes,
    /// Partitions whose leader changes.
    pub leader_changes: usize,
    /// Seconds that the copying takes at the throttle assumed, what clients write meanwhile copied too.
    pub forecast_s: f64,
}

impl Price {
    /// All bytes that are copied, over the network and between log directories.
    pub fn copied(&self) -> Bytes {
        self.bytes + self.log_dir_bytes
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_nothing(bytes: &Bytes) -> bool {
    *bytes == Bytes::ZERO
}

/// One goal before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoalOutcome {
    /// The goal.
    pub goal: String,
    /// `must`, `1`, `2` ...
    pub tier: String,
    /// In words, before.
    pub before: String,
    /// In words, after.
    pub after: String,
    /// Whether it was met before; absent when it could not be judged.
    pub met_before: Option<bool>,
    /// Whether it is met after; absent when it could not be judged.
    pub met_after: Option<bool>,
    /// Not met after, and only moves that the operation forbids would help.
    #[serde(default, skip_serializing_if = "is_false")]
    pub out_of_reach: bool,
}

/// Load of one broker before and after, by resource name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerLoads {
    /// The broker.
    pub broker: BrokerId,
    /// Its rack.
    pub rack: RackId,
    /// Whether it is alive.
    pub alive: bool,
    /// Disk capacity.
    pub disk_capacity_bytes: Option<Bytes>,
    /// Loads before, by [`crate::model::Resource::name`].
    pub before: BTreeMap<String, f64>,
    /// Loads after.
    pub after: BTreeMap<String, f64>,
}

/// Something that was wanted and cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// What and where.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// What would help.
    pub mend: String,
}

/// Steps that may run at once. Disks are proven to have room for wave after wave; a step that only copies may start
/// before the waves ahead of its own are over where [`super::Rooms::may_start`] says so.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// The steps.
    pub steps: Vec<Step>,
}
