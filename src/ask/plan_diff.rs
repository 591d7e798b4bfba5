//! What a plan changes: against the cluster as it is now, or beside another plan.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::{BrokerId, Bytes, PlanId, TimestampMs, TopicPartition};
use crate::observe::Observation;
use crate::plan::{Plan, Step};

/// A plan, in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanName {
    /// Its id.
    pub id: PlanId,
    /// What it is for.
    pub operation: String,
    /// When the cluster that it was made for was seen.
    pub observed_at: TimestampMs,
    /// Bytes that it copies.
    pub bytes: Bytes,
    /// Replicas that it copies over the network.
    pub replica_moves: usize,
    /// Partitions whose leader it changes.
    pub leader_changes: usize,
    /// Replicas that it moves between the log directories of a broker.
    pub log_dir_moves: usize,
}

/// One thing that a plan changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum Change {
    /// The replicas of a partition, or their order.
    Replicas {
        /// The list that it starts from, preferred leader first.
        from: Vec<BrokerId>,
        /// The list at the end.
        to: Vec<BrokerId>,
    },
    /// The first of the list leads again; the list stays.
    Leader {
        /// The list.
        replicas: Vec<BrokerId>,
    },
    /// A replica moves to another log directory of its broker.
    LogDir {
        /// The broker.
        broker: BrokerId,
        /// The directory that it stands in.
        from: String,
        /// The directory that it shall stand in.
        to: String,
    },
}

/// A change of a plan, as the cluster stands to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StandingChange {
    /// The partition.
    pub partition: TopicPartition,
    /// What the plan changes.
    #[serde(flatten)]
    pub change: Change,
    /// Bytes that it copies, by the sizes of the plan.
    pub bytes: Bytes,
    /// How the cluster stands to it.
    pub stands: Stands,
}

/// How the cluster stands to a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "stands")]
pub enum Stands {
    /// As the plan believes: it is still to be made.
    ToDo,
    /// As the plan wants it already.
    Done,
    /// Otherwise: the plan is void.
    Void {
        /// What was found, in words.
        found: String,
    },
}

/// What a plan changes against a cluster.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterDiff {
    /// Always `evenkeel-plan-diff/1`.
    pub format: &'static str,
    /// The plan.
    pub plan: PlanName,
    /// Kafka's id of the cluster that was seen.
    pub cluster_id: Option<String>,
    /// When it was seen.
    pub taken_at: TimestampMs,
    /// Whether the plan is for another cluster: then all else says nothing.
    pub other_cluster: bool,
    /// Changes, in the plan's order.
    pub changes: Vec<StandingChange>,
}

/// Compares a plan with a cluster as seen.
pub fn diff_with_cluster(plan: &Plan, seen: &Observation) -> ClusterDiff {
    let changes = plan.steps().map(|step| StandingChange {
        partition: step.partition().clone(),
        change: change(step),
        bytes: step.bytes(),
        stands: stands(step, seen),
    });
    let differ = |(planned, seen): (&String, &String)| planned != seen;
    ClusterDiff {
        format: "evenkeel-plan-diff/1",
        plan: name(plan),
        cluster_id: seen.cluster_id.clone(),
        taken_at: seen.taken_at,
        other_cluster: plan.cluster_id.as_ref().zip(seen.cluster_id.as_ref()).is_some_and(differ),
        changes: changes.collect(),
    }
}

/// A change that one of two plans makes, or both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangeOfTwo {
    /// The partition.
    pub partition: TopicPartition,
    /// What the first plan makes of it; absent where it leaves it alone.
    pub left: Option<Change>,
    /// What the second plan makes of it; absent where it leaves it alone.
    pub right: Option<Change>,
}

/// Two plans beside one another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlansDiff {
    /// Always `evenkeel-plans-diff/1`.
    pub format: &'static str,
    /// The first plan.
    pub left: PlanName,
    /// The second plan.
    pub right: PlanName,
    /// Changes that both make in the same way.
    pub same: usize,
    /// All others, by partition.
    pub different: Vec<ChangeOfTwo>,
}

/// Compares two plans.
pub fn diff_of_plans(left: &Plan, right: &Plan) -> PlansDiff {
    // Moves between the directories of a broker are apart from where the partition stands.
    type Key<'a> = (&'a TopicPartition, Option<BrokerId>);
    fn keyed(plan: &Plan) -> BTreeMap<Key<'_>, Change> {
        let broker = |step: &Step| step.as_log_dir().map(|step| step.broker);
        plan.steps().map(|step| ((step.partition(), broker(step)), change(step))).collect()
    }
    let (mut of_left, mut of_right) = (keyed(left), keyed(right));
    let before = of_left.len();
    of_left.retain(|key, change| {
        let is_same = of_right.get(key) == Some(change);
        if is_same {
            of_right.remove(key);
        }
        !is_same
    });
    let same = before - of_left.len();
    let mut both: BTreeMap<Key<'_>, (Option<Change>, Option<Change>)> = BTreeMap::new();
    for (key, change) in of_left {
        both.entry(key).or_default().0 = Some(change);
    }
    for (key, change) in of_right {
        both.entry(key).or_default().1 = Some(change);
    }
    let different = both.into_iter().map(|((partition, _), (left, right))| ChangeOfTwo {
        partition: partition.clone(),
        left,
        right,
    });
    PlansDiff {
        format: "evenkeel-plans-diff/1",
        left: name(left),
        right: name(right),
        same,
        different: different.collect(),
    }
}

fn name(plan: &Plan) -> PlanName {
    PlanName {
        id: plan.id,
        operation: plan.operation.clone(),
        observed_at: plan.observed_at,
        bytes: plan.price.copied(),
        replica_moves: plan.price.replica_moves,
        leader_changes: plan.price.leader_changes,
        log_dir_moves: plan.price.log_dir_moves,
    }
}

fn change(step: &Step) -> Change {
    match step {
        Step::Move(step) => Change::Replicas { from: step.from.clone(), to: step.target().to_vec() },
        Step::Leader(step) => Change::Leader { replicas: step.replicas.clone() },
        Step::LogDir(step) => {
            Change::LogDir { broker: step.broker, from: step.from.clone(), to: step.to.clone() }
        }
    }
}

fn stands(step: &Step, seen: &Observation) -> Stands {
    let Some(partition) = seen.partition(step.partition()) else {
        return Stands::Void { found: "no such partition".to_owned() };
    };
    if seen.reassignments.contains_key(step.partition()) {
        return Stands::Void { found: "it is being reassigned".to_owned() };
    }
    let elsewhere = || {
        let ids: Vec<String> = partition.replicas.iter().map(ToString::to_string).collect();
        Stands::Void { found: format!("it stands on [{}]", ids.join(", ")) }
    };
    match step {
        Step::Move(step) if partition.replicas == step.target() => Stands::Done,
        Step::Move(step) if partition.replicas == step.from => Stands::ToDo,
        Step::Leader(step) if partition.replicas == step.replicas => {
            if partition.leader == step.replicas.first().copied() { Stands::Done } else { Stands::ToDo }
        }
        Step::Move(_) | Step::Leader(_) => elsewhere(),
        Step::LogDir(step) => match partition.on_disk.get(&step.broker) {
            None => elsewhere(),
            Some(replica) => match replica.log_dir.as_deref() {
                Some(dir) if dir == step.to => Stands::Done,
                Some(dir) if dir == step.from => Stands::ToDo,
                Some(dir) => Stands::Void { found: format!("it stands in {dir}") },
                None => Stands::Void { found: "its directory is not known".to_owned() },
            },
        },
    }
}

#[cfg(test)]
#[path = "plan_diff_tests.rs"]
mod tests;
