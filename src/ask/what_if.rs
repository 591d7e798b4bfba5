//! [`what_if`]: a cluster that might be, against the one that is, as it would be left and after a rebalance.

use std::collections::BTreeSet;

use serde::Serialize;

use super::scenario::{Scenario, ScenarioError};
use super::{real, whole_bytes};
use crate::base::{BrokerId, Bytes, RackId, TimestampMs};
use crate::goals::{GoalSet, Rule, Standing, Tier, Verdict};
use crate::model::{Assignment, ClusterModel, Health, ModelError, PartitionOrd, Resource, Sums};
use crate::observe::Observation;
use crate::plan::{Plan, PlanLimits, Price};
use crate::solve::{Shortfall, Solution, shortfalls, solve};

/// The answer to `evenkeel what-if`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIf {
    /// Always `evenkeel-what-if/1`; keys are only ever added within a number.
    pub format: &'static str,
    /// Kafka's cluster id.
    pub cluster_id: Option<String>,
    /// When the cluster was seen.
    pub taken_at: TimestampMs,
    /// Name of the goal set.
    pub goal_set: String,
    /// What is supposed, in words.
    pub supposed: Vec<String>,
    /// What a loss of brokers does, before anything is moved.
    pub loss: Option<LossView>,
    /// The goals in the three states.
    pub goals: Vec<GoalRow>,
    /// The loads in the three states.
    pub loads: Vec<LoadRow>,
    /// What a rebalance would take.
    pub outcome: Outcome,
    /// What the goals that are not met in the end lack.
    pub shortfalls: Vec<Shortfall>,
    /// Something else about the cluster that bears on the answer, in words.
    pub remarks: Vec<String>,
}

/// A goal now, supposed, and after a rebalance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GoalRow {
    /// The goal.
    pub goal: String,
    /// `must`, `1`, `2` ...
    pub tier: String,
    /// The cluster as it is.
    pub now: Judged,
    /// The cluster as it would be left.
    pub left: Judged,
    /// After a rebalance; absent when there is none.
    pub after: Option<Judged>,
}

/// A verdict for people and programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Whether the goal is met; absent when it cannot be judged.
    pub met: Option<bool>,
    /// In words.
    pub words: String,
}

/// A resource now, supposed, and after a rebalance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadRow {
    /// The resource.
    pub resource: Resource,
    /// The cluster as it is.
    pub now: Load,
    /// The cluster as it would be left.
    pub left: Load,
    /// After a rebalance; absent when there is none.
    pub after: Option<Load>,
}

/// How brokers that are alive, and to stay, are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Load {
    /// The largest, in the resource's unit.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The largest share of a capacity, 0 to 1; absent where a capacity is not known.
    pub max_share: Option<f64>,
}

/// What a loss of brokers does, before anything is moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LossView {
    /// The brokers that are lost.
    pub lost: Vec<BrokerId>,
    /// Partitions that have no leader any more.
    pub without_leader: Named,
    /// Partitions with fewer replicas in sync than `min.insync.replicas`, those without a leader too: nothing can be
    /// written to them with `acks=all`.
    pub under_min_isr: Named,
    /// Partitions whose leader is another one.
    pub leaders_moved: usize,
    /// Brokers that remain.
    pub brokers: Vec<Remaining>,
    /// Replicas to be made anew, those of partitions without a leader not counted: there is nothing to copy from.
    pub copies: usize,
    /// Their bytes.
    pub copy_bytes: Bytes,
    /// What the remaining disks may still take under the must goals (or under their capacity); absent where not known.
    pub room_bytes: Option<Bytes>,
    /// Whether the bytes fit there; absent where not known.
    pub fits: Option<bool>,
    /// Partitions with more replicas than brokers are left: they cannot be whole again.
    pub too_many_replicas: Named,
}

/// How many, and the first few by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    /// How many.
    pub count: usize,
    /// The first few.
    pub first: Vec<String>,
}

/// A broker that remains after a loss.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remaining {
    /// Its id.
    pub broker: BrokerId,
    /// Its rack.
    pub rack: RackId,
    /// Partitions that it leads now.
    pub leaders_now: f64,
    /// Partitions that it would lead.
    pub leaders_left: f64,
    /// What it sends now, in bytes per second; absent where not known.
    pub network_out_now: Option<f64>,
    /// What it would send.
    pub network_out_left: Option<f64>,
    /// Cores that it keeps busy now; absent where not known.
    pub cpu_now: Option<f64>,
    /// Cores that it would keep busy.
    pub cpu_left: Option<f64>,
}

/// What a rebalance would take.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Outcome {
    /// There is a plan.
    Plan {
        /// What it costs.
        price: Price,
        /// The throttle that its time rests on, in bytes per second for each broker and direction.
        throttle_bytes_per_s: u64,
        /// What it cannot have, drawn together as the plan has it.
        refusals: Vec<crate::plan::Refused>,
    },
    /// There is none.
    Refused {
        /// Why.
        reason: String,
    },
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WhatIfError {
    /// What is supposed cannot be.
    #[error("{0}")]
    Scenario(#[from] ScenarioError),
    /// The cluster cannot be modelled.
    #[error("the cluster cannot be modelled: {0}")]
    Model(#[from] ModelError),
}

/// One state of the cluster with its verdicts.
struct State<'a> {
    model: &'a ClusterModel,
    sums: &'a Sums,
    counts: &'a [bool],
    verdicts: Vec<Verdict>,
}

/// Supposes a scenario, and compares.
///
/// # Errors
/// A broker, rack or topic of the scenario does not exist, or the cluster cannot be modelled.
pub fn what_if(
    observation: &Observation,
    goals: &GoalSet,
    scenario: &Scenario,
    seed: u64,
    limits: &PlanLimits,
) -> Result<WhatIf, WhatIfError> {
    let lost = scenario.lost(observation)?;
    let supposed = scenario.apply(observation)?;
    let (now, left) = (ClusterModel::build(observation)?, ClusterModel::build(&supposed)?);
    let (now_sums, left_sums) = (Sums::new(&now, &now.placement), Sums::new(&left, &left.placement));
    let (now_counts, left_counts) = (alive(&now, &[]), alive(&left, &[]));
    let now_state = judge(goals, &now, &now.placement, &now_sums, &now_counts, None);
    let left_state = judge(goals, &left, &left.placement, &left_sums, &left_counts, None);

    let request = scenario.request(&lost, seed);
    let stay = alive(&left, &scenario.remove);
    let solved = solve(&left, goals, &request).map(|solution| {
        let plan = Plan::build(&left, goals, &request, &solution, limits);
        let reached = reached(&left, &solution, &plan);
        let dirs = plan.log_dir_loads(&left, &solution, &reached);
        (Sums::new(&left, &reached), reached, plan, dirs)
    });
    let after = solved.as_ref().ok().map(|(sums, reached, _, dirs)| {
        let state = judge(goals, &left, reached, sums, &stay, Some(dirs));
        let standing =
            Standing { model: &left, assignment: reached, sums, counts: &stay, dir_loads: Some(dirs) };
        let lacking = shortfalls(standing, goals, &state.verdicts);
        (state, lacking)
    });
    let after_state = after.as_ref().map(|(state, _)| state);
    Ok(WhatIf {
        format: "evenkeel-what-if/1",
        cluster_id: observation.cluster_id.clone(),
        taken_at: observation.taken_at,
        goal_set: goals.name.clone(),
        supposed: scenario.in_words(&lost),
        loss: (!lost.is_empty()).then(|| loss(goals, &now_state, &left_state, &lost)),
        goals: goal_rows(goals, &now_state, &left_state, after_state),
        loads: load_rows(&now_state, &left_state, after_state),
        outcome: match &solved {
            Err(reason) => Outcome::Refused { reason: reason.to_string() },
            Ok((_, _, plan, _)) => Outcome::Plan {
                price: plan.price,
                throttle_bytes_per_s: limits.throttle_bytes_per_s,
                refusals: plan.refusals.iter().filter(|r| !r.subject.starts_with("goal ")).cloned().collect(),
            },
        },
        shortfalls: after.map(|(_, lacking)| lacking).unwrap_or_default(),
        remarks: super::remarks(&left),
    })
}

/// The placement when the plan is done: a plan leaves out what it has no safe step for.
fn reached(model: &ClusterModel, solution: &Solution, plan: &Plan) -> Assignment {
    let mut is_done = vec![false; model.partitions.len()];
    for partition in plan.steps().filter_map(|step| model.partition(step.partition())) {
        is_done[partition.index()] = true;
    }
    Assignment::new(model.partition_ords().map(|partition| {
        let from = if is_done[partition.index()] { &solution.target } else { &model.placement };
        (from.replicas(partition).to_vec(), from.leader(partition))
    }))
}

fn alive(model: &ClusterModel, leaving: &[BrokerId]) -> Vec<bool> {
    model.brokers.iter().map(|broker| broker.alive && !leaving.contains(&broker.id)).collect()
}

fn judge<'a>(
    goals: &GoalSet,
    model: &'a ClusterModel,
    assignment: &Assignment,
    sums: &'a Sums,
    counts: &'a [bool],
    dir_loads: Option<&[Vec<f64>]>,
) -> State<'a> {
    let standing = Standing { model, assignment, sums, counts, dir_loads };
    let verdicts = goals.goals.iter().map(|goal| goal.verdict(standing)).collect();
    State { model, sums, counts, verdicts }
}

fn goal_rows(goals: &GoalSet, now: &State<'_>, left: &State<'_>, after: Option<&State<'_>>) -> Vec<GoalRow> {
    let judged = |verdict: &Verdict| Judged { met: verdict.is_met(), words: verdict.in_words() };
    let row = |(at, goal): (usize, &crate::goals::Goal)| GoalRow {
        goal: goal.name.clone(),
        tier: goal.tier.to_string(),
        now: judged(&now.verdicts[at]),
        left: judged(&left.verdicts[at]),
        after: after.map(|after| judged(&after.verdicts[at])),
    };
    goals.goals.iter().enumerate().map(row).collect()
}

fn load_rows(now: &State<'_>, left: &State<'_>, after: Option<&State<'_>>) -> Vec<LoadRow> {
    let shown = [
        Resource::Disk,
        Resource::NetworkIn,
        Resource::NetworkOut,
        Resource::Cpu,
        Resource::Replicas,
        Resource::Leaders,
    ];
    shown
        .into_iter()
        .filter(|resource| now.model.known[resource.index()])
        .map(|resource| LoadRow {
            resource,
            now: load(now, resource),
            left: load(left, resource),
            after: after.map(|after| load(after, resource)),
        })
        .collect()
}

fn load(state: &State<'_>, resource: Resource) -> Load {
    let counted = || state.model.broker_ords().filter(|broker| state.counts[broker.index()]);
    let amount = |broker| state.sums.get(broker, resource);
    let capacity =
        |broker: crate::model::BrokerOrd| state.model.brokers[broker.index()].capacity[resource.index()];
    let shares: Option<Vec<f64>> = counted()
        .map(|broker| capacity(broker).filter(|most| *most > 0.0).map(|most| amount(broker) / most))
        .collect();
    Load {
        max: counted().map(amount).fold(0.0, f64::max),
        mean: counted().map(amount).sum::<f64>() / real(counted().count().max(1)),
        max_share: shares.map(|shares| shares.into_iter().fold(0.0, f64::max)),
    }
}

fn loss(goals: &GoalSet, now: &State<'_>, left: &State<'_>, lost: &BTreeSet<BrokerId>) -> LossView {
    let model = left.model;
    let is_lost = |broker: &crate::model::BrokerOrd| lost.contains(&model.brokers[broker.index()].id);
    let brokers_left = left.counts.iter().filter(|counts| **counts).count();
    let mut view = LossView {
        lost: lost.iter().copied().collect(),
        without_leader: Named::default(),
        under_min_isr: Named::default(),
        leaders_moved: 0,
        brokers: remaining(now, left),
        copies: 0,
        copy_bytes: Bytes::ZERO,
        room_bytes: room(goals, left),
        fits: None,
        too_many_replicas: Named::default(),
    };
    for partition in model.partition_ords() {
        let replicas = model.placement.replicas(partition);
        let row = &model.partitions[partition.index()];
        let lagging = model.out_of_sync.get(&partition).map_or(0, Vec::len);
        let min = model.topics[row.topic.index()].min_insync_replicas;
        let leaderless = row.health == Health::Leaderless;
        if leaderless {
            view.without_leader.add(model, partition);
        }
        if leaderless || replicas.len() - lagging < min as usize {
            view.under_min_isr.add(model, partition);
        }
        // Brokers of both states have the same ordinals only where none was added in between; names do not differ.
        let leader = |model: &ClusterModel| {
            model.placement.leader(partition).map(|leader| model.brokers[leader.index()].id)
        };
        view.leaders_moved += usize::from(!leaderless && leader(now.model) != leader(model));
        let copies = if leaderless { 0 } else { replicas.iter().filter(|broker| is_lost(broker)).count() };
        view.copies += copies;
        view.copy_bytes += Bytes(model.size(partition).0.saturating_mul(copies as u64));
        if replicas.len() > brokers_left {
            view.too_many_replicas.add(model, partition);
        }
    }
    view.fits = view.room_bytes.map(|room| view.copy_bytes <= room && view.too_many_replicas.count == 0);
    view
}

/// How many places are named: more would hide the first.
const NAMED_MAX: usize = 10;

impl Named {
    fn add(&mut self, model: &ClusterModel, partition: PartitionOrd) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(model.name(partition).to_string());
        }
    }
}

/// What the disks of the brokers that count may still take: under the tightest must limit on disk where there is
/// one, else under their capacity. A broker over its limit takes nothing, and lends nothing to others.
fn room(goals: &GoalSet, state: &State<'_>) -> Option<Bytes> {
    if !state.model.known[Resource::Disk.index()] {
        return None;
    }
    let limits: Vec<_> = goals
        .goals
        .iter()
        .filter(|goal| goal.tier == Tier::Must)
        .filter_map(|goal| match &goal.rule {
            Rule::Capacity(rule) if rule.resource == Resource::Disk => Some(rule),
            _ => None,
        })
        .collect();
    let counted = state.model.broker_ords().filter(|broker| state.counts[broker.index()]);
    let rooms: Option<Vec<f64>> = counted
        .map(|broker| {
            let row = &state.model.brokers[broker.index()];
            let whole = row.capacity[Resource::Disk.index()]? - row.other_disk_bytes;
            let most = limits.iter().filter_map(|rule| rule.limit_of(row)).fold(whole, f64::min);
            Some((most - state.sums.get(broker, Resource::Disk)).max(0.0))
        })
        .collect();
    rooms.map(|rooms| whole_bytes(rooms.into_iter().sum()))
}

fn remaining(now: &State<'_>, left: &State<'_>) -> Vec<Remaining> {
    let counted = left.model.broker_ords().filter(|broker| left.counts[broker.index()]);
    counted
        .map(|broker| {
            let row = &left.model.brokers[broker.index()];
            let was = now.model.broker(row.id);
            let before = |resource| was.map_or(0.0, |was| now.sums.get(was, resource));
            let becomes = |resource| left.sums.get(broker, resource);
            let known = |resource: Resource| now.model.known[resource.index()];
            let pair = |resource| known(resource).then(|| (before(resource), becomes(resource))).unzip();
            let (network_out_now, network_out_left) = pair(Resource::NetworkOut);
            let (cpu_now, cpu_left) = pair(Resource::Cpu);
            Remaining {
                broker: row.id,
                rack: left.model.racks[row.rack.index()].clone(),
                leaders_now: before(Resource::Leaders),
                leaders_left: becomes(Resource::Leaders),
                network_out_now,
                network_out_left,
                cpu_now,
                cpu_left,
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "what_if_tests.rs"]
mod tests;
