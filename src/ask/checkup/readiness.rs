//! Readiness: which goals can be judged now, what the others lack, and what to do about it.

use super::GoalReadiness;
use super::data::gap_words;
use super::facts::Facts;
use crate::goals::{Goal, Missing, Standing, Verdict};
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
        Verdict::NotReady { missing, lacks } => {
            let kind = kind_behind(lacks);
            // The first that bears on it: more of the same kind say the same of other brokers.
            let gap = seen.gaps.iter().find(|gap| gap.kind == kind);
            let mend = gap.map_or_else(|| lacks.mend(), gap_words);
            row(goal, None, missing, mend)
        }
        verdict => row(goal, verdict.is_met(), verdict.in_words(), String::new()),
    }
}

fn row(goal: &Goal, met: Option<bool>, words: String, mend: String) -> GoalReadiness {
    let tier = goal.tier.to_string();
    GoalReadiness { goal: goal.name.clone(), tier, ready: met.is_some(), met, words, mend }
}

/// The kind of gap that keeps a goal from being judged.
fn kind_behind(lacks: Missing) -> GapKind {
    match lacks {
        Missing::Unknown | Missing::Load(Resource::Replicas | Resource::Leaders) => GapKind::Topics,
        Missing::Load(Resource::Disk) => GapKind::LogDirs,
        Missing::Load(Resource::Cpu) => GapKind::CpuLoad,
        Missing::Load(_) => GapKind::NetworkLoad,
        Missing::Capacity(Resource::Disk) => GapKind::DiskCapacity,
        Missing::Capacity(_) => GapKind::LoadCapacity,
    }
}
