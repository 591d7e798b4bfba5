//! Readiness: which goals can be judged now, what the others lack, and what to do about it.

use super::GoalReadiness;
use super::data::gap_words;
use super::facts::Facts;
use crate::goals::{Goal, Rule, Standing, Verdict};
use crate::model::{ClusterModel, Resource, Sums};
use crate::observe::{GapKind, Observation};

/// Every goal of the set; none where the cluster was not seen.
pub(super) fn goals(facts: &Facts) -> Vec<GoalReadiness> {
    let Some(Ok(seen)) = &facts.look else { return Vec::new() };
    let model = match ClusterModel::build(seen) {
        Ok(model) => model,
        Err(error) => {
            let nothing = |goal: &Goal| row(goal, None, error.to_string(), String::new());
            return facts.goals.goals.iter().map(nothing).collect();
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
    facts.goals.goals.iter().map(|goal| judge(goal, standing, seen)).collect()
}

fn judge(goal: &Goal, standing: Standing, seen: &Observation) -> GoalReadiness {
    match goal.verdict(standing) {
        Verdict::NotReady { missing } => {
            let kinds = kinds_behind(goal);
            // The first that bears on it: more of the same kind say the same of other brokers.
            let gap = seen.gaps.iter().find(|gap| kinds.contains(&gap.kind));
            row(goal, None, missing, gap.map_or_else(|| usual_mend(goal).to_owned(), gap_words))
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

/// The gaps that keep a goal from being judged.
fn kinds_behind(goal: &Goal) -> &'static [GapKind] {
    match resource(goal) {
        Some(Resource::Disk) => &[GapKind::LogDirs, GapKind::DiskCapacity],
        Some(
            Resource::NetworkIn
            | Resource::NetworkOut
            | Resource::LeaderBytesIn
            | Resource::PotentialNetworkOut,
        ) => &[GapKind::NetworkLoad, GapKind::LoadCapacity],
        Some(Resource::Cpu) => &[GapKind::CpuLoad, GapKind::LoadCapacity],
        Some(Resource::Replicas | Resource::Leaders) | None => &[GapKind::Topics, GapKind::LogDirs],
    }
}

/// What helps where no gap tells: what is missing is most often a capacity that nobody has set.
fn usual_mend(goal: &Goal) -> &'static str {
    match resource(goal) {
        Some(Resource::Disk) => {
            "say how large the disks are, under `[capacity]` in the settings: `disk = \"4TB\"`"
        }
        Some(Resource::Cpu) => {
            "name the brokers' metrics endpoints, and under `[capacity]` in the settings say how many cores there are"
        }
        Some(Resource::Replicas | Resource::Leaders) | None => "",
        Some(_) => {
            "name the brokers' metrics endpoints, and under `[capacity]` in the settings say what the network carries"
        }
    }
}
