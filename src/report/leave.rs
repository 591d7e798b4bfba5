//! [`ProposedView`] and [`ApprovedView`]: plans that wait for leave, and those that have it.

use serde::Serialize;

use super::Style;
use super::layout::{count, prose};
use crate::base::{Bytes, PlanId, TimestampMs};
use crate::plan::Plan;

/// A plan that waits for leave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProposedView {
    /// Its id, by which leave is given.
    pub plan: PlanId,
    /// What it is for.
    pub operation: String,
    /// When it was proposed.
    pub proposed_at: TimestampMs,
    /// Replicas that it copies over the network.
    pub replica_moves: usize,
    /// Bytes that it copies.
    pub bytes: Bytes,
    /// Partitions whose leader it changes.
    pub leader_changes: usize,
}

impl ProposedView {
    /// Draws it from the plan.
    pub fn of(plan: &Plan, proposed_at: TimestampMs) -> Self {
        Self {
            plan: plan.id,
            operation: plan.operation.clone(),
            proposed_at,
            replica_moves: plan.price.replica_moves,
            bytes: plan.price.copied(),
            leader_changes: plan.price.leader_changes,
        }
    }
}

/// A plan that has leave and was not begun yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApprovedView {
    /// Its id.
    pub plan: PlanId,
    /// What it is for.
    pub operation: String,
    /// Bytes that it copies.
    pub bytes: Bytes,
    /// Who gave leave, and when.
    pub approved: Leave,
}

/// Who gave leave to a plan, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leave {
    /// Who.
    pub by: String,
    /// When.
    pub at: TimestampMs,
}

/// Renders what waits for leave and what has it; nothing where nothing does.
pub(super) fn leave_text(proposed: Option<&ProposedView>, approved: &[ApprovedView], style: Style) -> String {
    let mut text = String::new();
    for ApprovedView { plan, operation, bytes, approved } in approved {
        let line = format!(
            "plan {plan} ({operation}, {bytes}) has leave, given {} by {}; it was not begun yet",
            approved.at, approved.by
        );
        text += &prose(style, &style.good(&line));
    }
    // One that has leave is in the list above already.
    if let Some(view) = proposed.filter(|view| approved.iter().all(|approved| approved.plan != view.plan)) {
        let ProposedView { plan, operation, proposed_at, replica_moves, bytes, leader_changes } = view;
        let copies = count(*replica_moves, "replica", "replicas");
        let leaders = count(*leader_changes, "leader changes", "leaders change");
        text += &prose(
            style,
            &format!("plan {plan} ({operation}), proposed {proposed_at}: {copies}, {bytes}, {leaders}"),
        );
        text += &prose(style, &format!("it waits for leave: evenkeel plan approve {plan}"));
    }
    text
}
