//! Readiness: which goals can be judged now, what the others lack, and what to do about it.

use super::GoalReadiness;
use super::data::gap_words;
use super::facts::Facts;
use crate::goals::{Goal, GoalSet, Missing, Standing, Verdict};
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
