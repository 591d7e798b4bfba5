//! Readiness: which goals can be judged now, what the others lack, and what to do about it.

use super::GoalReadiness;
use super::data::gap_words;
use super::facts::Facts;
use crate::goals::{Goal, GoalSet, Rule, Standing, Verdict};
use crate::model::{ClusterModel, Resource, Sums};
use crate::observe::{Absent, Gap, GapKind, Observation};

/// Every goal of the set; none where the cluster was not seen.
pub(super) fn goals(facts: &Facts) -> Vec<GoalReadiness> {
    match &facts.look {
        Some(Ok(seen)) => readiness(seen, facts.goals),
        _ => Vec::new(),
    }
}

/// What a look lacks: goals that are held back, and what could not be seen of brokers, topics and sources, each with the reason.
/// Remarks on how the traffic of the whole cluster was measured are not among it: a goal that they hold back is.
pub fn lacking(seen: &Observation, goals: &GoalSet) -> Vec<(Absent, String)> {
    let held_back = readiness(seen, goals).into_iter().filter(|goal| !goal.ready).map(|goal| {
        let reason = if goal.mend.is_empty() { goal.words } else { format!("{}; {}", goal.words, goal.mend) };
        (Absent::Goal { goal: goal.goal, tier: goal.tier }, reason)
    });
    let is_remark = |gap: &&Gap| gap.kind == GapKind::NetworkLoad && gap.subject.is_empty();
    let unseen = seen
        .gaps
        .iter()
        .filter(|gap| !is_remark(gap))
        .map(|gap| (Absent::Sight { kind: gap.kind, subject: gap.subject.clone() }, gap.reason.clone()));
    held_back.chain(unseen).collect()
}

/// Every goal of a set, judged on what was seen.
fn readiness(seen: &Observation, goals: &GoalSet) -> Vec<GoalReadiness> {
    let model = match ClusterModel::build(seen) {
        Ok(model) => model,
        Err(error) => {
            let nothing = |goal: &Goal| row(goal, None, error.to_string(), String::new());
            return goals.goals.iter().map(nothing).collect();
        }
    };
    let sums = Sums::new(&model, &model.placement);
    let counts: Vec<bool> = model.brokers.iter().map(|broker| broker.alive).collect();
    let standing = Standing {
        model: &model,
        assignment: &model.placement,
        sums: &sums,
        counts: &counts,
        dir_loads: None,
    };
    goals.goals.iter().map(|goal| judge(goal, standing, seen)).collect()
}

fn judge(goal: &Goal, standing: Standing, seen: &Observation) -> GoalReadiness {
    match goal.verdict(standing) {
        Verdict::NotReady { missing } => {
            let kind = kind_behind(goal, &missing);
            // The first that bears on it: more of the same kind say the same of other brokers.
            let gap = seen.gaps.iter().find(|gap| gap.kind == kind);
            let mend = gap.map_or_else(|| usual_mend(goal, &missing), gap_words);
            row(goal, None, missing, mend)
        }
        verdict => row(goal, verdict.is_met(), verdict.in_words(), String::new()),
    }
}

fn row(goal: &Goal, met: Option<bool>, words: String, mend: String) -> GoalReadiness {
    let tier = goal.tier.to_string();
    GoalReadiness { goal: goal.name.clone(), tier, ready: met.is_some(), met, words, mend }
}

fn resource(goal: &Goal) -> Option<Resource> {
    match &goal.rule {
        Rule::Capacity(rule) => Some(rule.resource),
        Rule::Balance(rule) => Some(rule.resource),
        Rule::Spread(_) | Rule::Minimum(_) | Rule::Placement(_) | Rule::Leadership(_) => None,
    }
}

/// The kind of gap that keeps a goal from being judged.
fn kind_behind(goal: &Goal, missing: &str) -> GapKind {
    let of_capacity = is_about_capacity(missing);
    match resource(goal) {
        Some(Resource::Disk) if of_capacity => GapKind::DiskCapacity,
        Some(Resource::Disk) => GapKind::LogDirs,
        Some(Resource::Replicas | Resource::Leaders) | None => GapKind::Topics,
        Some(_) if of_capacity => GapKind::LoadCapacity,
        Some(Resource::Cpu) => GapKind::CpuLoad,
        Some(_) => GapKind::NetworkLoad,
    }
}

/// As the verdicts of the rules have it: `the cpu capacity of broker 1 is not known`.
fn is_about_capacity(missing: &str) -> bool {
    missing.contains(" capacity ")
}

/// What helps where no gap tells: a capacity that nobody has set, or loads that nobody measures.
fn usual_mend(goal: &Goal, missing: &str) -> String {
    let Some(resource) = resource(goal) else { return String::new() };
    let (setting, loads) = match resource {
        Resource::Disk => {
            ("disk = \"4TB\"", "let the brokers tell the sizes of their replicas (`Describe` on the cluster)")
        }
        Resource::NetworkIn | Resource::LeaderBytesIn => (
            "network-in = \"1.2GB/s\"",
            "name the brokers' metrics endpoints (`[metrics]`, `--metrics-url`), or let logs be watched (`--load-window`)",
        ),
        Resource::NetworkOut | Resource::PotentialNetworkOut => (
            "network-out = \"1.2GB/s\"",
            "name the brokers' metrics endpoints (`[metrics]`, `--metrics-url`), or let logs and groups be watched (`--load-window`)",
        ),
        Resource::Cpu => {
            ("cpu-cores = 8", "name the brokers' metrics endpoints (`[metrics]`, `--metrics-url`)")
        }
        Resource::Replicas | Resource::Leaders => return String::new(),
    };
    if is_about_capacity(missing) {
        format!("say it under `[capacity]` in the settings: `{setting}`")
    } else {
        loads.to_owned()
    }
}
