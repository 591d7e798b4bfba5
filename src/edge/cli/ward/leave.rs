//! The mode `ask`: what is proposed waits for leave, and what has leave is carried out, exactly that.

use std::time::Duration;

use tracing::{info, warn};

use super::{Held, Ward, log_plan};
use crate::base::TimestampMs;
use crate::control::{Approval, ApprovalFate, Fit, Proposal, Recollection, Record, fit};
use crate::observe::Observation;

/// A plan that still fits waits for leave for so long before a newer one takes its place. Every look would make a plan
/// with another id, and nobody could approve what changes every few minutes.
const WAITS_FOR: Duration = Duration::from_secs(86_400);

impl Ward {
    /// What has leave and fits now; what can fit no more is void from here on.
    pub(super) fn granted(
        held: &Held,
        known: &Recollection,
        seen: &Observation,
        now: TimestampMs,
    ) -> Option<Approval> {
        let settings = held.files.in_force().pace.execute;
        for approval in known.approvals() {
            let Some(plan) = approval.waiting() else { continue };
            match fit(plan, &settings, now, seen) {
                Fit::Now => return Some(approval.clone()),
                Fit::Later(why) => {
                    info!(plan = %approval.plan, "approved by {}, and held back: {why}", approval.by);
                }
                Fit::Never(why) => {
                    warn!(plan = %approval.plan, "approved by {}, and void: {why}", approval.by);
                    let void = approval.ended(ApprovalFate::Void { reason: why });
                    note(held, vec![Record::Approval(Box::new(void))], now);
                }
            }
        }
        None
    }

    /// Has a proposal wait for leave, unless an earlier one does that still fits.
    pub(super) fn await_leave(
        held: &Held,
        known: &Recollection,
        (proposal, held_back): (&Proposal, &str),
        seen: &Observation,
        now: TimestampMs,
    ) {
        let settings = held.files.in_force().pace.execute;
        let still_waits = known.proposed().filter(|(at, plan)| {
            let is_young = now.since(*at) < WAITS_FOR && plan.goal_set == proposal.plan.goal_set;
            is_young && !matches!(fit(plan, &settings, now, seen), Fit::Never(_))
        });
        if let Some((at, plan)) = still_waits {
            info!(plan = %plan.id, "proposed {at}, and not carried out: {held_back}");
            return;
        }
        log_plan(&proposal.plan, &format!("proposed and not carried out: {held_back}"));
        note(held, vec![Record::Proposed { plan: Some(Box::new(proposal.plan.clone())) }], now);
    }

    /// Takes back what waits for leave: there is nothing to do any more.
    pub(super) fn nothing_waits(held: &Held, known: &Recollection, now: TimestampMs) {
        if known.proposed().is_some() {
            note(held, vec![Record::Proposed { plan: None }], now);
        }
    }
}

/// Writes something down beside the life of executions. Where a command has the journal just now, the next look does it.
fn note(held: &Held, records: Vec<Record>, now: TimestampMs) {
    let noted = held.records.as_ref().map(|ours| ours.note(records, now));
    if let Some(Err(failure)) = noted {
        warn!(hint = failure.hint.as_deref(), "not written down for now: {}", failure.message);
    }
}
