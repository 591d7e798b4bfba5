//! What keeps anything new from starting in a whole execution, as one look shows it.

use super::execution::Execution;
use super::guard::{brokers_down, incomplete_view, under_replicated};
use super::step_run::{State, StepRun};
use super::{ExecutionEvent, Pause};
use crate::base::TimestampMs;
use crate::observe::Observation;

impl Execution {
    /// Finds what keeps anything new from starting, tells of it when it lasts, and of its end.
    pub(super) fn judge_pause(&mut self, now: TimestampMs, seen: &Observation) {
        let controller = std::mem::replace(&mut self.controller, seen.controller);
        let pending: Vec<&StepRun> =
            self.steps.iter().filter(|step| !matches!(step.state, State::Ended(_))).collect();
        if pending.is_empty() || self.course.stop.is_some() {
            self.pause = None;
            return;
        }
        let brokers = pending.iter().flat_map(|step| step.base().iter().chain(step.aim())).copied().collect();
        let topics = pending.iter().map(|step| step.partition().topic.as_str()).collect();
        let making = self.steps.iter().filter(|step| step.is_in_flight());
        let making = making.map(|step| (step.partition().clone(), step.added().collect())).collect();
        let down = brokers_down(seen, &self.start.needed);
        let gaps = incomplete_view(seen, &brokers, &topics);
        let now = if self.course.paused {
            Some(Pause::Operator)
        } else if let Some(gap) = gaps.first() {
            Some(Pause::IncompleteView { what: format!("{} {}", gap.subject, gap.reason).trim().to_owned() })
        } else if !down.is_empty() {
            Some(Pause::BrokersDown { brokers: down })
        } else if controller != seen.controller {
            // What the old controller had not written down yet is not seen in this look; the next one shows it.
            Some(Pause::ControllerChanged)
        } else if !self.settings.windows.is_open(now) {
            Some(Pause::OutsideWindow { opens_at: self.settings.windows.opens_at(now) })
        } else {
            under_replicated(seen, &making)
        };
        self.change_pause(now);
    }

    fn change_pause(&mut self, now: Option<Pause>) {
        let at = self.at();
        match (now, self.pause.take()) {
            (Some(now), Some((before, since))) if now.same_kind(&before) => {
                if !self.pause_told && at > since {
                    self.pause_told = true;
                    self.events.push(ExecutionEvent::Paused { reason: now.clone() });
                }
                self.pause = Some((now, since));
            }
            (now, before) => {
                if let (Some((reason, _)), true) = (before, self.pause_told) {
                    self.events.push(ExecutionEvent::Resumed { reason });
                }
                self.pause_told = false;
                self.pause = now.map(|now| (now, at));
            }
        }
    }
}
