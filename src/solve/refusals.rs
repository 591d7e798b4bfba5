//! What was wanted and cannot be had: goals that are not met or could not be judged, and partitions that are left
//! alone, each with its reason and what would help.

use std::collections::BTreeMap;

use super::problem::{Freedom, Problem};
use super::{Refusal, RefusalKind, shortfalls};
use crate::goals::{Goal, Rule, Scope, Standing, Verdict};
use crate::model::{Assignment, BrokerOrd, Health, PartitionOrd, Resource, Sums};

/// All refusals of a solution.
pub(super) fn refusals(
    problem: &Problem,
    target: &Assignment,
    sums: &Sums,
    verdicts: &[Verdict],
) -> Vec<Refusal> {
    let mut refusals = held(problem);
    let lacking = lacking(problem, target, sums, verdicts);
    for (goal, verdict) in problem.goals.goals.iter().zip(verdicts) {
        let said = verdict.in_words();
        let (kind, reason, mend) = match verdict {
            Verdict::Met => continue,
            Verdict::NotReady { lacks, .. } => (RefusalKind::GoalNotReady, said, lacks.mend()),
            Verdict::Violated { .. } => match lacking.get(&goal.name) {
                Some((why, mend)) => (RefusalKind::GoalNotMet, format!("{said}; {why}"), mend.clone()),
                None => (
                    RefusalKind::GoalNotMet,
                    why_not_met(problem, sums, goal, said),
                    mend_not_met(problem, target, sums, goal),
                ),
            },
        };
        let subject = format!("goal {}", goal.name);
        refusals.push(Refusal { kind, subject, reason, mend });
    }
    refusals
}

/// By goal: why no placement can meet it, and what would help, where that follows from brokers and loads in numbers.
fn lacking(
    problem: &Problem,
    target: &Assignment,
    sums: &Sums,
    verdicts: &[Verdict],
) -> BTreeMap<String, (String, String)> {
    let (model, counts) = (problem.model, &problem.roles.counts);
    let standing = Standing { model, assignment: target, sums, counts, dir_loads: None };
    let mut by_goal: BTreeMap<String, (String, String)> = BTreeMap::new();
    for shortfall in shortfalls(standing, problem.goals, verdicts) {
        if !shortfall.lack.is_in_numbers() {
            continue;
        }
        let (reason, mend) = by_goal.entry(shortfall.goal).or_default();
        for (text, more) in [(reason, shortfall.reason), (mend, shortfall.mend)] {
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(&more);
        }
    }
    by_goal
}

fn why_not_met(problem: &Problem, sums: &Sums, goal: &Goal, said: String) -> String {
    match super::reach::out_of_reach(problem, sums, goal) {
        Some(why) => format!("{said}; {why}"),
        None => said,
    }
}

fn mend_not_met(problem: &Problem, target: &Assignment, sums: &Sums, goal: &Goal) -> String {
    if !problem.levels_all() {
        let only = "only moves that the operation needs were allowed";
        return format!("{only}; level the rest with `--rebalance` or a later rebalance");
    }
    let (resource, is_balance) = match &goal.rule {
        Rule::Capacity(rule) if rule.scope == Scope::LogDir => {
            return "move replicas off the broker, or add a log directory to it".into();
        }
        Rule::Balance(rule) if rule.scope == Scope::LogDir => {
            return "a wider band, or more and smaller partitions on the broker".into();
        }
        Rule::Capacity(rule) => (rule.resource, false),
        Rule::Balance(rule) => (rule.resource, true),
        _ => {
            return "add brokers to the racks that are short of them, or wait until held partitions may move"
                .into();
        }
    };
    let name = resource.name();
    if let Some(rack) = tight_rack(problem, sums, goal, resource) {
        return format!(
            "every partition keeps a replica in rack {rack}, which has too little {name} capacity for its share: add brokers there"
        );
    }
    if !is_balance {
        return format!("add brokers, or raise the {name} capacity of those at the limit");
    }
    let held = problem.freedom.iter().filter(|freedom| **freedom != Freedom::Free).count();
    if held > 0 {
        return format!("{held} partitions are held for now; propose again when they are free");
    }
    if resource.is_count() {
        return "a wider band, or let more data move: goals of earlier tiers and the price stand in the way"
            .into();
    }
    largest(problem, target, resource).map_or_else(
        || "widen the band".to_owned(),
        |(partition, load)| {
            format!(
                "the largest replica, of {}, has {}: a wider band, or more and smaller partitions",
                problem.model.name(partition),
                resource.show(load)
            )
        },
    )
}

/// The rack whose own mean lies beyond the band, where no data can leave a rack.
fn tight_rack(problem: &Problem, sums: &Sums, goal: &Goal, resource: Resource) -> Option<String> {
    let Rule::Balance(rule) = &goal.rule else { return None };
    if !problem.racks_are_closed {
        return None;
    }
    let model = problem.model;
    let counts = &problem.roles.counts;
    let total = problem.total(sums, resource);
    let bounds = rule.bounds(model, counts, total, rule.band);
    (0..model.racks.len()).find_map(|rack| {
        let brokers: Vec<BrokerOrd> = model
            .broker_ords()
            .filter(|broker| counts[broker.index()] && model.rack_of(*broker).index() == rack)
            .collect();
        let load: f64 = brokers.iter().map(|broker| sums.get(*broker, resource)).sum();
        let high: f64 = brokers.iter().map(|broker| bounds.high[broker.index()]).sum();
        (load > high).then(|| model.racks[rack].to_string())
    })
}

fn largest(problem: &Problem, target: &Assignment, resource: Resource) -> Option<(PartitionOrd, f64)> {
    let model = problem.model;
    let load = |partition: PartitionOrd| {
        model.load(partition, true, target.replicas(partition).len())[resource.index()]
    };
    let loads = model.partition_ords().map(|partition| (partition, load(partition)));
    loads.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
}

/// Partitions that are left alone, drawn together by why.
fn held(problem: &Problem) -> Vec<Refusal> {
    let model = problem.model;
    let mut by_reason: BTreeMap<(String, String), Vec<PartitionOrd>> = BTreeMap::new();
    for partition in model.partition_ords().filter(|p| problem.freedom[p.index()] == Freedom::Held) {
        by_reason.entry(why_held(problem, partition)).or_default().push(partition);
    }
    by_reason
        .into_iter()
        .map(|((reason, mend), partitions)| {
            let names: Vec<String> = partitions.iter().take(3).map(|p| model.name(*p).to_string()).collect();
            let more = if partitions.len() > 3 { ", ..." } else { "" };
            let noun = if partitions.len() == 1 { "partition" } else { "partitions" };
            let subject = format!("{} {noun} ({}{more})", partitions.len(), names.join(", "));
            Refusal { kind: RefusalKind::PartitionHeld, subject, reason, mend }
        })
        .collect()
}

fn why_held(problem: &Problem, partition: PartitionOrd) -> (String, String) {
    let model = problem.model;
    match model.partitions[partition.index()].health {
        Health::Reassigning => {
            ("a reassignment runs already".into(), "wait until it is done, or cancel it".into())
        }
        Health::Leaderless => (
            "no leader: there is nothing to copy from".into(),
            "start the brokers that hold its replicas".into(),
        ),
        Health::Degraded | Health::Healthy => {
            let lagging = model.out_of_sync.get(&partition).map_or(&[][..], Vec::as_slice);
            let dead: Vec<String> = lagging
                .iter()
                .map(|broker| &model.brokers[broker.index()])
                .filter(|broker| !broker.alive && !problem.roles.leaving[usize_of(model, broker.id)])
                .map(|broker| broker.id.to_string())
                .collect();
            if dead.is_empty() {
                let reason = "replicas are out of sync".to_owned();
                return (reason, "wait until they have caught up".into());
            }
            let ids = dead.join(" and ");
            (
                format!("broker {ids} is down"),
                format!("start broker {ids}, or remove it for good with remove-broker"),
            )
        }
    }
}

fn usize_of(model: &crate::model::ClusterModel, id: crate::base::BrokerId) -> usize {
    model.broker(id).expect("it comes from this model").index()
}
