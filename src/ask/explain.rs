//! [`explain`]: where one partition stands, what it weighs, and why a proposal moves it or leaves it.

use serde::Serialize;

use super::effect::{Effect, Effects, Placed};
use super::obstacle::{Decides, Found, Obstacle};
use super::whole_bytes;
use crate::base::{BrokerId, Bytes, RackId, TimestampMs, TopicPartition};
use crate::config::nearest;
use crate::goals::{GoalSet, Standing};
use crate::model::{BrokerOrd, ClusterModel, Health, PartitionOrd, Resource, Sums};
use crate::observe::{AddsUp, Basis, Observation, SharedBy};
use crate::plan::{Plan, Step};
use crate::solve::{Operation, Request, Solution};

/// A proposal to be explained, with all that led to it.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a> {
    /// The cluster.
    pub model: &'a ClusterModel,
    /// The look that it was made of.
    pub seen: &'a Observation,
    /// The goals.
    pub goals: &'a GoalSet,
    /// What was asked for.
    pub request: &'a Request,
    /// The target.
    pub solution: &'a Solution,
    /// The way there.
    pub plan: &'a Plan,
}

/// The answer to `evenkeel explain`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Always `evenkeel-explain/1`; keys are only ever added within a number.
    pub format: &'static str,
    /// The partition, as Kafka's tools write it.
    pub partition: String,
    /// Kafka's cluster id.
    pub cluster_id: Option<String>,
    /// When the cluster was seen.
    pub taken_at: TimestampMs,
    /// Name of the goal set.
    pub goal_set: String,
    /// What was proposed, in words.
    pub operation: String,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// Size of one full replica; absent when not known.
    pub size_bytes: Option<Bytes>,
    /// The state in words: `healthy`, or what is wrong.
    pub health: String,
    /// The replicas, preferred leader first.
    pub replicas: Vec<ReplicaView>,
    /// What its loads rest on; nothing where whoever told them did not say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grounds: Vec<Ground>,
    /// What the proposal does with it.
    pub fate: Fate,
}

/// What one of the loads rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ground {
    /// `produce`, `consume` or `cpu`.
    pub load: &'static str,
    /// By kind.
    pub basis: Basis,
    /// In words, with how far it may be off where that is known.
    pub words: String,
    /// By which share half of what the weights say of brokers is off at most; of fitted weights alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_off: Option<f64>,
    /// The same of 95 of 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_off: Option<f64>,
}

/// One replica.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplicaView {
    /// Its broker.
    pub broker: BrokerId,
    /// The broker's rack.
    pub rack: RackId,
    /// Whether the broker is alive.
    pub alive: bool,
    /// Whether it leads.
    pub leads: bool,
    /// Whether it is in sync.
    pub in_sync: bool,
    /// Its size; absent when not known.
    pub size_bytes: Option<Bytes>,
    /// What it weighs on its broker, by resource, as far as loads are known.
    pub shares: Vec<Share>,
}

/// What a replica is of its broker's load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// The resource.
    pub resource: &'static str,
    /// How much of it, in the resource's unit: bytes, bytes per second, cores or a count.
    pub amount: f64,
    /// The same for people.
    pub shown: String,
    /// As a share of all that the broker carries, 0 to 1.
    pub of_load: f64,
    /// As a share of the broker's capacity, 0 to 1; absent where that is not known.
    pub of_capacity: Option<f64>,
}

/// What a proposal does with a partition.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Fate {
    /// It changes.
    Changes {
        /// The list before.
        from: Vec<BrokerId>,
        /// The list after.
        to: Vec<BrokerId>,
        /// The leader before.
        leader_before: Option<BrokerId>,
        /// The leader after.
        leader_after: Option<BrokerId>,
        /// The wave it belongs to, from 1.
        wave: usize,
        /// Bytes copied.
        bytes: Bytes,
        /// The plan's reason.
        reason: String,
        /// What this change does to goals when all other changes are made.
        effects: Vec<GoalEffect>,
    },
    /// It was to change, but the plan leaves it out.
    LeftOut {
        /// Why.
        reason: String,
        /// What would help.
        mend: String,
    },
    /// It may not be touched.
    Held {
        /// Why.
        reason: String,
        /// What would help.
        mend: String,
    },
    /// It stays.
    Stays {
        /// For each replica, what speaks against the other brokers.
        replicas: Vec<Stay>,
        /// What speaks against another leader.
        leadership: Vec<Obstacle>,
    },
}

/// What a change does to a goal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GoalEffect {
    /// The goal.
    pub goal: String,
    /// `must`, `1`, `2` ...
    pub tier: String,
    /// Whether the goal gains.
    pub gains: bool,
    /// By how much, in the goal's own measure: shares of a limit, means of a load, or a count of what is wrong.
    pub by: f64,
}

/// Why a replica does not go elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stay {
    /// The broker it stands on.
    pub broker: BrokerId,
    /// The rack.
    pub rack: RackId,
    /// What speaks against the other brokers; those of the same rack first, then the worst obstacle first.
    pub obstacles: Vec<Obstacle>,
}

/// Why a partition cannot be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// There is no such topic.
    #[error("there is no topic `{topic}` in the cluster")]
    NoTopic {
        /// The name given.
        topic: String,
        /// A topic of nearly this name.
        near: Option<String>,
    },
    /// The topic has fewer partitions.
    #[error("topic `{topic}` has partitions 0 to {last}, and no {given}")]
    NoPartition {
        /// The topic.
        topic: String,
        /// Its last partition.
        last: u32,
        /// The number given.
        given: i32,
    },
}

impl FindError {
    /// What would help, where something is known to.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoTopic { near, .. } => near.as_ref().map(|near| format!("did you mean `{near}`?")),
            Self::NoPartition { .. } => None,
        }
    }
}

/// Finds a partition by name.
///
/// # Errors
/// There is none of this name; the nearest topic is suggested.
pub fn find_partition(model: &ClusterModel, name: &TopicPartition) -> Result<PartitionOrd, FindError> {
    if let Some(partition) = model.partition(name) {
        return Ok(partition);
    }
    let topic = name.topic.to_string();
    if let Some(row) = model.topics.iter().find(|row| row.name == name.topic) {
        return Err(FindError::NoPartition {
            topic,
            last: row.partition_count.saturating_sub(1),
            given: name.partition,
        });
    }
    let near = nearest(&topic, model.topics.iter().map(|row| row.name.as_str())).map(str::to_owned);
    Err(FindError::NoTopic { topic, near })
}

/// Explains what a proposal does with a partition, and why.
pub fn explain(proposal: Explained<'_>, partition: PartitionOrd) -> Explanation {
    let Explained { model, seen, goals, request, solution, plan } = proposal;
    let row = &model.partitions[partition.index()];
    let sums = Sums::new(model, &model.placement);
    let known_size = model.known[Resource::Disk.index()];
    Explanation {
        format: "evenkeel-explain/1",
        partition: model.name(partition).to_string(),
        cluster_id: model.cluster_id.clone(),
        taken_at: model.observed_at,
        goal_set: goals.name.clone(),
        operation: plan.operation.clone(),
        min_insync_replicas: model.topics[row.topic.index()].min_insync_replicas,
        size_bytes: known_size.then(|| model.size(partition)),
        health: health(row.health).to_owned(),
        replicas: replicas(model, &sums, partition),
        grounds: grounds(seen, &model.name(partition)),
        fate: fate(model, goals, request, solution, plan, partition),
    }
}

fn grounds(seen: &Observation, name: &TopicPartition) -> Vec<Ground> {
    let Some(basis) = seen.partition(name).map(|partition| partition.load.basis) else { return Vec::new() };
    let plain = |load, basis: Option<Basis>| {
        let words = |basis: Basis| basis.in_words().to_owned();
        basis.map(|basis| Ground { load, basis, words: words(basis), median_off: None, p95_off: None })
    };
    let mut cpu = plain("cpu", basis.cpu);
    if let (Some(ground), Some(sharing)) = (&mut cpu, &seen.cpu_sharing) {
        let more = match &sharing.by {
            SharedBy::Fit(fit) => {
                (ground.median_off, ground.p95_off) = (Some(fit.median_off), Some(fit.p95_off));
                fit.to_string()
            }
            SharedBy::StaticWeights { why } => why.to_string(),
        };
        ground.words = format!("{}: {more}", ground.words);
        let replicas = seen.partition(name).map_or(&[][..], |partition| partition.replicas.as_slice());
        for words in
            sharing.brokers.iter().filter(|row| replicas.contains(&row.broker)).filter_map(AddsUp::misses)
        {
            ground.words.extend(["; ", words.as_str()]);
        }
    }
    [plain("produce", basis.produce), plain("consume", basis.consume), cpu].into_iter().flatten().collect()
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Healthy => "healthy",
        Health::Degraded => "some replica is offline or out of sync",
        Health::Leaderless => "no leader",
        Health::Reassigning => "a reassignment runs",
    }
}

fn replicas(model: &ClusterModel, sums: &Sums, partition: PartitionOrd) -> Vec<ReplicaView> {
    let list = model.placement.replicas(partition);
    let lagging = model.out_of_sync.get(&partition).map_or(&[][..], Vec::as_slice);
    let view = |broker: &BrokerOrd| {
        let row = &model.brokers[broker.index()];
        let leads = model.placement.leader(partition) == Some(*broker);
        let load = model.load_on(partition, *broker, leads, list.len());
        let share = |resource: Resource| {
            let amount = load[resource.index()];
            let whole = sums.get(*broker, resource);
            let of_load = if whole > 0.0 { amount / whole } else { 0.0 };
            let capacity = row.capacity[resource.index()].filter(|capacity| *capacity > 0.0);
            let of_capacity = capacity.map(|capacity| amount / capacity);
            Share { resource: resource.name(), amount, shown: resource.show(amount), of_load, of_capacity }
        };
        let weighed = [Resource::Disk, Resource::NetworkIn, Resource::NetworkOut, Resource::Cpu];
        ReplicaView {
            broker: row.id,
            rack: model.racks[row.rack.index()].clone(),
            alive: row.alive,
            leads,
            in_sync: !lagging.contains(broker),
            size_bytes: model.known[Resource::Disk.index()]
                .then(|| whole_bytes(model.size_on(partition, *broker))),
            shares: weighed.into_iter().filter(|resource| model.known[resource.index()]).map(share).collect(),
        }
    };
    list.iter().map(view).collect()
}

fn fate(
    model: &ClusterModel,
    goals: &GoalSet,
    request: &Request,
    solution: &Solution,
    plan: &Plan,
    partition: PartitionOrd,
) -> Fate {
    let name = model.name(partition);
    let counts: Vec<bool> =
        model.brokers.iter().map(|broker| broker.alive && !leaves(request, broker.id)).collect();
    let sums = Sums::new(model, &solution.target);
    let standing =
        Standing { model, assignment: &solution.target, sums: &sums, counts: &counts, dir_loads: None };
    let effects = Effects::new(standing, goals, partition);
    let step = plan.waves.iter().enumerate().find_map(|(wave, steps)| {
        steps.steps.iter().find(|step| *step.partition() == name).map(|step| (wave + 1, step))
    });
    if let Some((wave, step)) = step {
        return changes(model, solution, &effects, partition, wave, step);
    }
    if solution.changes.iter().any(|change| change.partition == partition) {
        let subject = name.to_string();
        let refusal = plan.refusals.iter().find(|refused| refused.subject == subject);
        return Fate::LeftOut {
            reason: refusal.map_or("the plan has no safe step for it", |refused| &refused.reason).to_owned(),
            mend: refusal
                .map_or("propose again when other moves are done", |refused| &refused.mend)
                .to_owned(),
        };
    }
    if let Some((reason, mend)) = held(model, request, partition) {
        return Fate::Held { reason, mend };
    }
    stays(standing, &effects, partition)
}

fn leaves(request: &Request, broker: BrokerId) -> bool {
    matches!(&request.operation, Operation::RemoveBrokers(ids) if ids.contains(&broker))
}

fn placed(assignment: &crate::model::Assignment, partition: PartitionOrd) -> Placed {
    Placed { list: assignment.replicas(partition).to_vec(), leader: assignment.leader(partition) }
}

fn changes(
    model: &ClusterModel,
    solution: &Solution,
    effects: &Effects<'_>,
    partition: PartitionOrd,
    wave: usize,
    step: &Step,
) -> Fate {
    let id = |broker: &BrokerOrd| model.brokers[broker.index()].id;
    let (before, after) = (placed(&model.placement, partition), placed(&solution.target, partition));
    let effect = |effect: Effect<'_>| GoalEffect {
        goal: effect.goal.name.clone(),
        tier: effect.goal.tier.to_string(),
        gains: effect.worse_by < 0.0,
        by: effect.worse_by.abs(),
    };
    Fate::Changes {
        from: before.list.iter().map(id).collect(),
        to: after.list.iter().map(id).collect(),
        leader_before: before.leader.as_ref().map(id),
        leader_after: after.leader.as_ref().map(id),
        wave,
        bytes: step.bytes(),
        reason: step.reason().to_owned(),
        effects: effects.of(&before, &after).into_iter().map(effect).collect(),
    }
}

/// Why a partition may not be touched, and what would help.
fn held(model: &ClusterModel, request: &Request, partition: PartitionOrd) -> Option<(String, String)> {
    let row = &model.partitions[partition.index()];
    let ids = |brokers: &[BrokerOrd]| {
        let ids: Vec<String> = brokers.iter().map(|b| model.brokers[b.index()].id.to_string()).collect();
        ids.join(", ")
    };
    let held = match row.health {
        Health::Reassigning => {
            ("a reassignment of it runs already".to_owned(), "wait until it is done, or cancel it")
        }
        Health::Leaderless => {
            let reason = "it has no leader: there is nothing to copy from".to_owned();
            (reason, "start the brokers that hold its replicas")
        }
        Health::Degraded => {
            let lagging = model.out_of_sync.get(&partition).map_or(&[][..], Vec::as_slice);
            let reason = format!("its replica on broker {} is offline or out of sync", ids(lagging));
            (
                reason,
                "wait until it has caught up; if the broker is gone for good, remove it with remove-broker",
            )
        }
        Health::Healthy => {
            let topic = &model.topics[row.topic.index()].name;
            let pattern = request.excluded_topics.iter().find(|pattern| pattern.matches(topic))?;
            (format!("its topic is excluded by `{pattern}`"), "leave the topic out of --exclude-topic")
        }
    };
    Some((held.0, held.1.to_owned()))
}

fn stays(standing: Standing<'_>, effects: &Effects<'_>, partition: PartitionOrd) -> Fate {
    let Standing { model, assignment, counts, .. } = standing;
    let now = placed(assignment, partition);
    let replicas = now.list.iter().map(|from| {
        let mut found = Found::default();
        for to in model.broker_ords().filter(|to| !now.list.contains(to)) {
            let same_rack = model.rack_of(*from) == model.rack_of(to);
            if !counts[to.index()] {
                let why = if model.brokers[to.index()].alive { "it is to be emptied" } else { "it is down" };
                found.add(model, same_rack, to, Decides::NotEligible, (0.0, None, why.to_owned()));
                continue;
            }
            let mut after = now.clone();
            after.list.iter_mut().filter(|broker| **broker == *from).for_each(|broker| *broker = to);
            after.leader = after.leader.map(|leader| if leader == *from { to } else { leader });
            found.judge(model, same_rack, to, &effects.of(&now, &after));
        }
        Stay {
            broker: model.brokers[from.index()].id,
            rack: model.racks[model.rack_of(*from).index()].clone(),
            obstacles: found.obstacles(),
        }
    });
    let replicas = replicas.collect();
    let mut found = Found::default();
    for leader in now.list.iter().filter(|broker| Some(**broker) != now.leader) {
        let after = Placed { leader: Some(*leader), ..now.clone() };
        let same_rack = now.leader.is_some_and(|now| model.rack_of(now) == model.rack_of(*leader));
        found.judge(model, same_rack, *leader, &effects.of(&now, &after));
    }
    Fate::Stays { replicas, leadership: found.obstacles() }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
