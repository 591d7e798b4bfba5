//! What a step does beside its moves: cancels, puts the order of replicas right, and lets the right one lead.

use std::time::Duration;

use super::guard::may_cancel;
use super::sight::{Sight, look};
use super::step_run::{Looking, Need, State, StepRun};
use super::{ExecutionEvent, StepEnd};
use crate::base::BrokerId;
use crate::plan::Step;

impl StepRun {
    pub(super) fn need_cancel(&mut self, with: &Looking, events: &mut Vec<ExecutionEvent>) -> Need {
        if !may_cancel(with.seen, self.partition(), self.base()) {
            if !self.told_unsafe {
                self.told_unsafe = true;
                events.push(ExecutionEvent::CancelUnsafe { partition: self.partition().clone() });
            }
            return Need::Nothing;
        }
        if self.due(with) { Need::Cancel } else { Need::Nothing }
    }

    /// Whether something is to be sent now: never sent, or sent so long ago that its effect should be seen.
    pub(super) fn due(&mut self, with: &Looking) -> bool {
        let due = self.sent_at.is_none_or(|sent| with.at.saturating_sub(sent) >= with.settings.resend);
        if due {
            self.sent_at = Some(with.at);
        }
        due
    }

    /// Before a stage takes the leader away, who shall lead does: a hand-over is shorter than the loss of a leader.
    /// One that does not come about does not hold the stage for ever, since Kafka elects another leader by itself.
    pub(super) fn need_handover(&mut self, with: &Looking) -> Need {
        let Some(partition) = with.seen.partition(self.partition()) else { return Need::Nothing };
        let (Some(leader), Some(first)) = (partition.leader, self.base().first().copied()) else {
            return Need::Nothing;
        };
        let (base, aim) = (self.base(), self.aim());
        let hands_over =
            self.stage > 0 && base.contains(&leader) && !aim.contains(&leader) && aim.contains(&first);
        let able = partition.isr.contains(&first)
            && with.seen.brokers.get(&first).is_some_and(|broker| broker.alive);
        if !hands_over || !able {
            return Need::Nothing;
        }
        let since = *self.handover_since.get_or_insert(with.at);
        if with.at.saturating_sub(since) >= with.settings.hold_patience {
            return Need::Nothing;
        }
        self.state = State::Waiting { ready: false };
        if self.due(with) { Need::Elect } else { Need::Nothing }
    }

    pub(super) fn look_ordering(
        &mut self,
        list: Vec<BrokerId>,
        then: StepEnd,
        since: Duration,
        with: &Looking,
        events: &mut Vec<ExecutionEvent>,
    ) -> Need {
        match look(with.seen, self.partition(), self.topic_id, &list, &list) {
            Sight::At { .. } => {
                self.lead(list.clone(), then.clone(), with.at);
                self.look_leading(&list, then, with.at, with, events)
            }
            Sight::AtInOtherOrder if with.at.saturating_sub(since) < with.settings.clean_up_patience => {
                let due = self.due(with);
                if with.hurry {
                    self.end(then, events);
                }
                if due { Need::Order(list) } else { Need::Nothing }
            }
            Sight::Running => Need::Nothing,
            _ => {
                if with.hurry || self.odd_lasts(with) {
                    self.end(then, events);
                }
                Need::Nothing
            }
        }
    }

    pub(super) fn look_leading(
        &mut self,
        list: &[BrokerId],
        then: StepEnd,
        since: Duration,
        with: &Looking,
        events: &mut Vec<ExecutionEvent>,
    ) -> Need {
        let seen = with.seen.partition(self.partition()).filter(|_| !self.is_another_topic(with.seen));
        let (Some(partition), Some(preferred)) = (seen, list.first().copied()) else {
            self.end(then, events);
            return Need::Nothing;
        };
        if partition.leader == Some(preferred) || partition.replicas.first() != Some(&preferred) {
            self.end(then, events);
            return Need::Nothing;
        }
        let alive = with.seen.brokers.get(&preferred).is_some_and(|broker| broker.alive);
        let waited = with.at.saturating_sub(since);
        let problem = match () {
            () if !alive => "it is down",
            () if !partition.isr.contains(&preferred) => "its replica is not in sync",
            () if with.hurry => "there was no time",
            () if waited >= with.settings.hold_patience => "Kafka did not elect it",
            () => return if self.due(with) { Need::Elect } else { Need::Nothing },
        };
        let partition = self.partition().clone();
        let reason = problem.to_owned();
        events.push(ExecutionEvent::LeaderNotRestored { partition, preferred, reason });
        let then = match (&self.step, then) {
            (Step::Leader(_), StepEnd::Done) => StepEnd::Failed { reason: problem.to_owned() },
            (_, then) => then,
        };
        self.end(then, events);
        Need::Nothing
    }
}
