//! [`Approval`]: leave that a person gave to one plan, and [`fit`]: whether that plan may be carried out now.

use serde::{Deserialize, Serialize};

use super::ExecutionId;
use super::controller::blocking_gaps;
use crate::base::{Bytes, PlanId, TimestampMs};
use crate::execute::{ExecuteSettings, Execution, NotStarted};
use crate::model::Promise;
use crate::observe::Observation;
use crate::plan::{Plan, judge_plan};

/// Leave that a person gave to one plan: to exactly that, once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// The plan's id.
    pub plan: PlanId,
    /// What the plan is for.
    pub operation: String,
    /// Bytes that it copies.
    pub bytes: Bytes,
    /// Who gave leave.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub given_at_ms: u64,
    /// What has become of it.
    pub fate: ApprovalFate,
    /// The plan, whole, as long as it waits to be carried out.
    pub content: Option<Box<Plan>>,
}

/// What has become of an approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fate")]
pub enum ApprovalFate {
    /// The plan was not begun yet.
    Waiting,
    /// The plan was begun: the leave is used up.
    Begun {
        /// The execution.
        execution: ExecutionId,
    },
    /// The plan does not fit the cluster any more.
    Void {
        /// Why.
        reason: String,
    },
    /// It was taken back.
    Withdrawn {
        /// By whom.
        by: String,
    },
}

impl Approval {
    /// Leave for `plan`, given by someone at a time.
    pub fn new(plan: &Plan, by: String, at: TimestampMs) -> Self {
        Self {
            plan: plan.id,
            operation: plan.operation.clone(),
            bytes: plan.price.copied(),
            by,
            given_at_ms: at.0,
            fate: ApprovalFate::Waiting,
            content: Some(Box::new(plan.clone())),
        }
    }

    /// When it was given.
    pub fn at(&self) -> TimestampMs {
        TimestampMs(self.given_at_ms)
    }

    /// The plan, where it may still be carried out.
    pub fn waiting(&self) -> Option<&Plan> {
        self.content.as_deref().filter(|_| self.fate == ApprovalFate::Waiting)
    }

    /// The same with its end; the plan is needed no more.
    #[must_use]
    pub fn ended(&self, fate: ApprovalFate) -> Self {
        Self { fate, content: None, ..self.clone() }
    }
}

/// Whether a plan may be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It may be begun now.
    Now,
    /// Not now, for a reason that will pass.
    Later(String),
    /// Never again: the cluster has moved on.
    Never(String),
}

/// Whether a plan may be carried out on a cluster as seen. The judge and the executor's own guard decide, so that leave
/// opens no door that is shut for commands. A plan is not called void for what was not seen, or is on its way.
pub fn fit(plan: &Plan, settings: &ExecuteSettings, now: TimestampMs, seen: &Observation) -> Fit {
    if let Some(gap) = blocking_gaps(seen).first() {
        return Fit::Later(format!(
            "the view of the cluster is incomplete: {}",
            format!("{} {}", gap.subject, gap.reason).trim()
        ));
    }
    let judgement = judge_plan(seen, plan, &plan.limits);
    if let Some(other) = judgement.broken.iter().find(|broken| broken.promise == Promise::PlanIsCurrent) {
        return Fit::Never(format!("{}: {}", other.subject, other.detail));
    }
    if let Some(stale) = judgement.stale.first() {
        let said = format!("the cluster has changed since it was made: {}: {}", stale.partition, stale.found);
        let is_moving = judgement.stale.iter().any(|stale| seen.reassignments.contains_key(&stale.partition));
        return if is_moving { Fit::Later(said) } else { Fit::Never(said) };
    }
    if let Some(broken) = judgement.broken.first() {
        return Fit::Later(broken.to_string());
    }
    match Execution::new(plan, settings.clone(), now, seen) {
        Ok(_) => Fit::Now,
        Err(error) => match &error {
            NotStarted::OtherCluster { .. }
            | NotStarted::Stale { .. }
            | NotStarted::StaleLogDirs { .. }
            | NotStarted::Malformed { .. } => Fit::Never(error.to_string()),
            NotStarted::ForeignReassignments { .. }
            | NotStarted::BrokersDown { .. }
            | NotStarted::TargetsDown { .. }
            | NotStarted::IncompleteView { .. } => Fit::Later(error.to_string()),
        },
    }
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
