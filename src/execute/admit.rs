//! Whether a plan may be started at all.

use std::collections::BTreeSet;

use super::guard::{brokers_down, incomplete_view, repairs};
use super::{NotStarted, StaleStep};
use crate::base::BrokerId;
use crate::model::promises;
use crate::observe::Observation;
use crate::plan::{LogDirStep, MoveStep, Plan, Step};

/// Checks a plan against the cluster as it is.
pub(super) fn admit(plan: &Plan, seen: &Observation) -> Result<(), NotStarted> {
    same_cluster(plan, seen)?;
    for step in steps(plan) {
        if let Step::Move(step) = step {
            well_formed(step, plan.replication_factors.get(&step.partition.topic).copied())?;
        }
    }
    let takes_part = brokers(plan);
    let topics: BTreeSet<&str> = steps(plan).map(|step| step.partition().topic.as_str()).collect();
    let gaps = incomplete_view(seen, &takes_part, &topics);
    if !gaps.is_empty() {
        return Err(NotStarted::IncompleteView { gaps });
    }
    let running = steps(plan).map(Step::partition).filter(|name| seen.reassignments.contains_key(name));
    let partitions: Vec<_> = running.cloned().collect();
    if !partitions.is_empty() {
        return Err(NotStarted::ForeignReassignments { partitions });
    }
    let changes: Vec<StaleStep> = steps(plan).filter_map(|step| stale(step, seen)).collect();
    if !changes.is_empty() {
        return Err(NotStarted::Stale { changes });
    }
    let replicas: Vec<String> =
        steps(plan).filter_map(Step::as_log_dir).filter_map(|step| stale_log_dir(step, seen)).collect();
    if !replicas.is_empty() {
        return Err(NotStarted::StaleLogDirs { replicas });
    }
    let is_alive = |id: &BrokerId| seen.brokers.get(id).is_some_and(|broker| broker.alive);
    let added: BTreeSet<BrokerId> = moves(plan).flat_map(MoveStep::added).collect();
    let dead: Vec<BrokerId> = added.into_iter().filter(|id| !is_alive(id)).collect();
    if !dead.is_empty() {
        return Err(NotStarted::TargetsDown { brokers: dead });
    }
    let down = brokers_down(seen, &BTreeSet::new());
    let any_repair = moves(plan).any(|step| {
        seen.partition(&step.partition).is_some_and(|partition| {
            repairs(seen, partition, &step.from, step.target()) || step_repairs(step, seen)
        })
    });
    if !down.is_empty() && !any_repair && steps(plan).next().is_some() {
        return Err(NotStarted::BrokersDown { brokers: down });
    }
    Ok(())
}

/// Checks that the plan was made for this cluster.
pub(super) fn same_cluster(plan: &Plan, seen: &Observation) -> Result<(), NotStarted> {
    match (&plan.cluster_id, &seen.cluster_id) {
        (Some(planned), Some(seen)) if planned != seen => {
            Err(NotStarted::OtherCluster { planned: planned.clone(), seen: seen.clone() })
        }
        _ => Ok(()),
    }
}

/// Whether the first stage repairs, also when later ones only move.
fn step_repairs(step: &MoveStep, seen: &Observation) -> bool {
    let first = step.stages.first();
    let partition = seen.partition(&step.partition);
    first.zip(partition).is_some_and(|(first, partition)| repairs(seen, partition, &step.from, first))
}

pub(super) fn steps(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.waves.iter().flat_map(|wave| &wave.steps)
}

fn moves(plan: &Plan) -> impl Iterator<Item = &MoveStep> {
    steps(plan).filter_map(Step::as_move)
}

/// Every broker that a step of the plan names.
pub(super) fn brokers(plan: &Plan) -> BTreeSet<BrokerId> {
    let lists = steps(plan).flat_map(|step| match step {
        Step::Leader(step) => vec![step.replicas.as_slice()],
        Step::Move(step) => step.stages.iter().chain([&step.from]).map(Vec::as_slice).collect(),
        Step::LogDir(step) => vec![std::slice::from_ref(&step.broker)],
    });
    lists.flatten().copied().collect()
}

/// A stage that makes two replicas at once, or names a broker twice, is not one that evenkeel plans; nor is a list
/// of another length, unless the plan says that this replication factor was asked for.
fn well_formed(step: &MoveStep, factor: Option<u8>) -> Result<(), NotStarted> {
    let malformed =
        |problem: &'static str| NotStarted::Malformed { partition: step.partition.clone(), problem };
    if step.stages.is_empty() {
        return Err(malformed("a move without stages"));
    }
    let mut before = &step.from;
    for stage in &step.stages {
        promises::one_replica_per_broker(&step.partition, stage).map_err(|_| malformed("a broker twice"))?;
        promises::one_new_replica_at_a_time(&step.partition, before, stage)
            .map_err(|_| malformed("two new replicas at once"))?;
        if stage.is_empty() {
            return Err(malformed("no replica left"));
        }
        before = stage;
    }
    match factor.map(usize::from) {
        Some(factor) if step.target().len() != factor && step.target().len() != step.from.len() => {
            Err(malformed("not the replication factor asked for"))
        }
        None if step.stages.iter().any(|stage| stage.len() != step.from.len()) => {
            Err(malformed("another replication factor, which nobody asked for"))
        }
        _ => Ok(()),
    }
}

/// What has changed under a step since it was planned. A step that is in place already has not gone stale.
fn stale(step: &Step, seen: &Observation) -> Option<StaleStep> {
    let (planned, target) = match step {
        Step::Leader(step) => (&step.replicas, step.replicas.as_slice()),
        Step::Move(step) => (&step.from, step.target()),
        Step::LogDir(_) => return None,
    };
    let list = seen.partition(step.partition()).map(|partition| partition.replicas.clone());
    if list.as_ref().is_some_and(|list| list == planned || list == target) {
        return None;
    }
    Some(StaleStep { partition: step.partition().clone(), planned: planned.clone(), seen: list })
}

/// A replica that does not stand in the directory that a step starts from, with what was seen. One that is in place
/// already has not gone stale.
fn stale_log_dir(step: &LogDirStep, seen: &Observation) -> Option<String> {
    let partition = seen.partition(&step.partition).filter(|seen| seen.replicas.contains(&step.broker));
    let replica = partition.and_then(|partition| partition.on_disk.get(&step.broker));
    let found = match replica.map(|replica| (&replica.log_dir, &replica.future)) {
        Some((_, Some((path, _)))) => format!("is moving to {path}"),
        Some((Some(path), None)) if *path == step.from || *path == step.to => return None,
        Some((Some(path), None)) => format!("is in {path}"),
        Some((None, None)) | None => "is not seen".to_owned(),
    };
    let LogDirStep { partition, broker, from, .. } = step;
    Some(format!("{partition} on broker {broker} {found}, the plan says {from}"))
}
