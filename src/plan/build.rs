//! [`Plan::build`]: from a solution to steps in waves, with a price and the loads before and after.

use std::collections::{BTreeMap, BTreeSet};

use super::certificate::certify;
use super::file::FORMAT;
use super::log_dir_waves::pack_log_dirs;
use super::musts::{pack_keeping_musts, reached};
use super::stages::stages;
use super::waves::{Packed, Pending};
use super::{BrokerLoads, GoalOutcome, LeaderStep, MoveStep, Plan, PlanLimits, Price, Refused, Step};
use crate::base::{BrokerId, Bytes, DigestBuilder, PlanId, TopicName};
use crate::goals::{GoalSet, Standing, Verdict};
use crate::model::{Assignment, BrokerOrd, ClusterModel, PartitionOrd, Resource, Sums};
use crate::solve::{Change, LogDirMove, Operation, Request, Solution, log_dir_loads};

impl Plan {
    /// Builds the plan that leads from the model's placement to the solution's target.
    ///
    /// A step that cannot be done without a disk passing its limit on the way is left out, with a refusal; goals and
    /// loads after the plan are those without it.
    pub fn build(
        model: &ClusterModel,
        goals: &GoalSet,
        request: &Request,
        solution: &Solution,
        limits: &PlanLimits,
    ) -> Self {
        let before = Sums::new(model, &model.placement);
        let mut refusals: Vec<Refused> = solution
            .refusals
            .iter()
            .map(|refusal| Refused {
                subject: refusal.subject.clone(),
                reason: refusal.reason.clone(),
                mend: refusal.mend.clone(),
            })
            .collect();
        let pending = pending(model, solution, &mut refusals);
        let Packed { waves, left_over, forecast_s } =
            pack_keeping_musts(model, goals, solution, pending, limits, &mut refusals);
        refusals.extend(left_over.iter().map(|pending| Refused {
            subject: model.name(pending.partition).to_string(),
            reason: pending.why_left_over(model, limits),
            mend: "free disk there first, or propose again when other moves are done".to_owned(),
        }));

        let mut plan = Self {
            format: FORMAT.to_owned(),
            id: PlanId(DigestBuilder::new(FORMAT).finish()),
            cluster_id: model.cluster_id.clone(),
            based_on: model.id,
            observed_at: model.observed_at,
            goal_set: goals.name.clone(),
            operation: operation(request),
            replication_factors: factors(model, request, solution),
            seed: request.seed,
            is_empty: waves.is_empty(),
            limits: *limits,
            price: Price::default(),
            certificate: None,
            goals: Vec::new(),
            brokers: Vec::new(),
            refusals,
            waves,
        };
        let done = plan.steps().filter_map(|step| model.partition(step.partition()));
        let reached = reached(model, solution, done);
        let between_dirs = pack_log_dirs(model, &solution.log_dir_moves, &reached, limits);
        plan.waves.extend(between_dirs.waves);
        plan.refusals.extend(between_dirs.refusals);
        plan.is_empty = plan.waves.is_empty();
        let after = Sums::new(model, &reached);
        let dirs = plan.log_dir_loads(model, solution, &reached);
        plan.goals = outcomes(model, goals, request, solution, (&reached, &after, &dirs));
        plan.brokers = broker_loads(model, &before, &after);
        plan.price = price(model, &plan, &reached, forecast_s + between_dirs.forecast_s);
        let certificate = certify(model, goals, request, &plan, (&reached, &after));
        plan.price.bytes_lower_bound = certificate.bytes.as_ref().map(|bytes| bytes.least);
        plan.certificate = Some(certificate);
        plan.id = plan.content_id();
        plan
    }

    /// Bytes of the replicas in each log directory of each broker after the plan, of those that stay on their broker;
    /// `reached` is the placement that it leads to. Moves that it has no room for are not in it.
    pub fn log_dir_loads(
        &self,
        model: &ClusterModel,
        solution: &Solution,
        reached: &Assignment,
    ) -> Vec<Vec<f64>> {
        let steps = self.steps().filter_map(Step::as_log_dir);
        let planned: BTreeSet<(Option<PartitionOrd>, Option<BrokerOrd>)> =
            steps.map(|step| (model.partition(&step.partition), model.broker(step.broker))).collect();
        let is_planned = |step: &&LogDirMove| planned.contains(&(Some(step.partition), Some(step.broker)));
        log_dir_loads(model, reached, solution.log_dir_moves.iter().filter(is_planned))
    }
}

fn operation(request: &Request) -> String {
    let levels_too = request.also_rebalance && request.operation != Operation::Rebalance;
    format!("{}{}", request.operation, if levels_too { " and rebalance" } else { "" })
}

/// Topics whose replication factor is to change, with what was asked for.
fn factors(model: &ClusterModel, request: &Request, solution: &Solution) -> BTreeMap<TopicName, u8> {
    let Operation::SetReplicationFactor(rows) = &request.operation else { return BTreeMap::new() };
    let changed = solution.changes.iter().map(|change| change.partition).filter(|partition| {
        solution.target.replicas(*partition).len() != model.placement.replicas(*partition).len()
    });
    let topics =
        changed.map(|partition| &model.topics[model.partitions[partition.index()].topic.index()].name);
    let asked =
        |topic: &TopicName| rows.iter().find(|(topics, _)| topics.matches(topic)).map(|(_, factor)| *factor);
    topics.filter_map(|topic| Some((topic.clone(), asked(topic)?))).collect()
}

fn ids(model: &ClusterModel, list: &[BrokerOrd]) -> Vec<BrokerId> {
    list.iter().map(|broker| model.brokers[broker.index()].id).collect()
}

/// The steps, in the order of partitions, with what they weigh.
fn pending(model: &ClusterModel, solution: &Solution, refusals: &mut Vec<Refused>) -> Vec<Pending> {
    let mut pending = Vec::with_capacity(solution.changes.len());
    for change in &solution.changes {
        let partition = change.partition;
        let from = model.placement.replicas(partition);
        let target = solution.target.replicas(partition);
        let leader = model.placement.leader(partition);
        let topic = &model.topics[model.partitions[partition.index()].topic.index()];
        if target.len() < from.len() && target.len() < topic.min_insync_replicas as usize {
            refusals.push(Refused {
                subject: model.name(partition).to_string(),
                reason: format!(
                    "with {} replicas it would have fewer than min.insync.replicas, which is {}",
                    target.len(),
                    topic.min_insync_replicas
                ),
                mend: "lower min.insync.replicas of the topic first, or ask for a larger factor".to_owned(),
            });
            continue;
        }
        let step = if from == target {
            leader_step(model, change)
        } else if let Some(step) = move_step(model, change, target) {
            step
        } else {
            refusals.push(Refused {
                subject: model.name(partition).to_string(),
                reason: "no order of its moves keeps rack spread on the way".to_owned(),
                mend: "propose again after the other moves".to_owned(),
            });
            continue;
        };
        let gone = from.iter().filter(|broker| !target.contains(broker));
        let repairs =
            from.iter().any(|broker| !model.brokers[broker.index()].alive && !target.contains(broker));
        pending.push(Pending {
            step,
            partition,
            size: model.partitions[partition.index()].size_bytes,
            added: target.iter().copied().filter(|broker| !from.contains(broker)).collect(),
            removed: gone.map(|broker| (*broker, model.size_on(partition, *broker))).collect(),
            source: leader,
            repairs,
        });
    }
    pending
}

fn leader_step(model: &ClusterModel, change: &Change) -> Step {
    Step::Leader(LeaderStep {
        partition: model.name(change.partition),
        replicas: ids(model, model.placement.replicas(change.partition)),
        reason: change.reason.clone(),
    })
}

fn move_step(model: &ClusterModel, change: &Change, target: &[BrokerOrd]) -> Option<Step> {
    let partition = change.partition;
    let from = model.placement.replicas(partition);
    let stages = stages(model, from, model.placement.leader(partition), target)?;
    Some(Step::Move(MoveStep {
        partition: model.name(partition),
        from: ids(model, from),
        stages: stages.iter().map(|stage| ids(model, stage)).collect(),
        size_bytes: model.size(partition),
        reason: change.reason.clone(),
    }))
}

fn outcomes(
    model: &ClusterModel,
    goals: &GoalSet,
    request: &Request,
    solution: &Solution,
    (reached, sums, dir_loads): (&Assignment, &Sums, &[Vec<f64>]),
) -> Vec<GoalOutcome> {
    let leaves =
        |id: BrokerId| matches!(&request.operation, Operation::RemoveBrokers(ids) if ids.contains(&id));
    let counts: Vec<bool> = model.brokers.iter().map(|broker| broker.alive && !leaves(broker.id)).collect();
    let standing = Standing { model, assignment: reached, sums, counts: &counts, dir_loads: Some(dir_loads) };
    let rows = goals.goals.iter().zip(&solution.verdicts).zip(&solution.out_of_reach);
    rows.map(|((goal, (before, foreseen)), out_of_reach)| {
        let after: Verdict = goal.verdict(standing);
        GoalOutcome {
            goal: goal.name.clone(),
            tier: goal.tier.to_string(),
            before: before.in_words(),
            after: after.in_words(),
            met_before: before.is_met(),
            met_after: after.is_met(),
            // Where a step was left out the solution is not what is reached, and more may be amiss.
            out_of_reach: *out_of_reach && after == *foreseen,
        }
    })
    .collect()
}

fn broker_loads(model: &ClusterModel, before: &Sums, after: &Sums) -> Vec<BrokerLoads> {
    let loads = |sums: &Sums, broker: BrokerOrd| -> BTreeMap<String, f64> {
        let known = Resource::ALL.into_iter().filter(|resource| model.known[resource.index()]);
        known.map(|resource| (resource.name().to_owned(), tidy(sums.get(broker, resource)))).collect()
    };
    model
        .broker_ords()
        .zip(&model.brokers)
        .map(|(ord, broker)| BrokerLoads {
            broker: broker.id,
            rack: model.racks[broker.rack.index()].clone(),
            alive: broker.alive,
            disk_capacity_bytes: broker.capacity[Resource::Disk.index()].map(Bytes::whole),
            before: loads(before, ord),
            after: loads(after, ord),
        })
        .collect()
}

/// Rounds for the file: whole numbers where they are large, three digits after the point else. Sums of thousands of
/// loads are right to less than that, and short numbers are read back exactly.
fn tidy(amount: f64) -> f64 {
    let rounded = if amount.abs() >= 1e6 { amount.round() } else { (amount * 1e3).round() / 1e3 };
    // A difference of equal sums may be a negative nothing.
    if rounded == 0.0 { 0.0 } else { rounded }
}

fn price(model: &ClusterModel, plan: &Plan, reached: &Assignment, forecast_s: f64) -> Price {
    let moves = || plan.steps().filter_map(Step::as_move);
    let dir_moves = || plan.steps().filter_map(Step::as_log_dir);
    let leader_changes = model
        .partition_ords()
        .filter(|partition| reached.leader(*partition) != model.placement.leader(*partition))
        .count();
    let bytes: Bytes = moves().map(MoveStep::bytes).sum();
    Price {
        replica_moves: moves().map(|step| step.added().count()).sum(),
        bytes,
        bytes_lower_bound: None,
        log_dir_moves: dir_moves().count(),
        log_dir_bytes: dir_moves().map(|step| step.size_bytes).sum(),
        leader_changes,
        forecast_s: tidy(forecast_s),
    }
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
