//! [`StepRun`]: one step on its way. What it believes, it has seen; what it sent, it only remembers having sent.

use std::time::Duration;

use uuid::Uuid;

use super::sight::{Sight, is_another_topic, lacking, look};
use super::{DropReason, ExecuteSettings, ExecutionEvent, StepEnd};
use crate::base::{BrokerId, Bytes, TopicPartition};
use crate::observe::{Observation, Partition};
use crate::plan::Step;

/// A step and how far it is.
#[derive(Debug, Clone)]
pub(super) struct StepRun {
    pub(super) step: Step,
    pub(super) wave: usize,
    pub(super) state: State,
    /// The stage that runs or comes next.
    pub(super) stage: usize,
    /// How often this stage was asked for.
    pub(super) asked: u32,
    /// Since when it is held back while nothing else moves.
    pub(super) held_since: Option<Duration>,
    pub(super) topic_id: Option<Uuid>,
    /// Bytes copied by earlier stages.
    pub(super) copied: Bytes,
    /// Bytes that the running stage still lacks; only ever lower is progress.
    pub(super) lacking: Option<Bytes>,
    pub(super) progress_at: Duration,
    /// When the running stage was asked for.
    pub(super) begun_at: Duration,
    pub(super) sent_at: Option<Duration>,
    pub(super) odd_since: Option<Duration>,
    /// Since when the leader is asked to hand over before a stage takes it away.
    pub(super) handover_since: Option<Duration>,
    pub(super) told_unsafe: bool,
    /// What the running stage still lacks is copied without a throttle.
    pub(super) last_stretch: bool,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    /// Not begun, or between two stages.
    Waiting {
        /// The cluster shows the list that the stage starts from.
        ready: bool,
    },
    /// The reassignment is among the commands of this turn.
    Asked,
    /// The reassignment was sent.
    Copying {
        /// The cluster took it, or showed it running.
        sure: bool,
    },
    /// It is to be cancelled.
    Cancelling { then: StepEnd, since: Duration, sure: bool },
    /// The replicas are right and their order is not.
    Ordering { list: Vec<BrokerId>, then: StepEnd, since: Duration },
    /// The list is right and the preferred leader does not lead.
    Leading { list: Vec<BrokerId>, then: StepEnd, since: Duration },
    /// Over.
    Ended(StepEnd),
}

/// What a step needs sent now.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Need {
    Nothing,
    Cancel,
    Order(Vec<BrokerId>),
    Elect,
    /// The replica shall stand in this directory.
    LogDir(String),
}

/// What a look is made with.
pub(super) struct Looking<'a> {
    pub(super) seen: &'a Observation,
    pub(super) at: Duration,
    pub(super) settings: &'a ExecuteSettings,
    /// How what has not begun ends, where no further stage begins: a stop was asked for, or other goals are.
    pub(super) stopping: Option<StepEnd>,
    /// Hardly anything is waited for.
    pub(super) hurry: bool,
}

impl StepRun {
    pub(super) fn new(step: Step, wave: usize, seen: &Observation) -> Self {
        let topic_id = seen.topics.get(&step.partition().topic).and_then(|topic| topic.id);
        Self {
            step,
            wave,
            state: State::Waiting { ready: false },
            stage: 0,
            asked: 0,
            held_since: None,
            topic_id,
            copied: Bytes::ZERO,
            lacking: None,
            progress_at: Duration::ZERO,
            begun_at: Duration::ZERO,
            sent_at: None,
            odd_since: None,
            handover_since: None,
            told_unsafe: false,
            last_stretch: false,
        }
    }

    pub(super) fn partition(&self) -> &TopicPartition {
        self.step.partition()
    }

    /// The list that the current stage starts from.
    pub(super) fn base(&self) -> &[BrokerId] {
        match (&self.step, self.stage) {
            (Step::Leader(step), _) => &step.replicas,
            (Step::LogDir(step), _) => std::slice::from_ref(&step.broker),
            (Step::Move(step), 0) => &step.from,
            (Step::Move(step), stage) => &step.stages[stage - 1],
        }
    }

    /// The list that the current stage leads to.
    pub(super) fn aim(&self) -> &[BrokerId] {
        match &self.step {
            Step::Leader(step) => &step.replicas,
            Step::LogDir(step) => std::slice::from_ref(&step.broker),
            Step::Move(step) => step.stages.get(self.stage).map_or(step.target(), Vec::as_slice),
        }
    }

    /// Replicas that the current stage makes.
    pub(super) fn added(&self) -> impl Iterator<Item = BrokerId> {
        self.aim().iter().copied().filter(|broker| !self.base().contains(broker))
    }

    /// The list at the beginning of a step that changes the replication factor; `None` for others.
    pub(super) fn resized_from(&self) -> Option<&[BrokerId]> {
        match &self.step {
            Step::Move(step) if step.target().len() != step.from.len() => Some(&step.from),
            _ => None,
        }
    }

    pub(super) fn stages(&self) -> usize {
        match &self.step {
            Step::Leader(_) | Step::LogDir(_) => 0,
            Step::Move(step) => step.stages.len(),
        }
    }

    /// Whether the current stage copies and may be running in the cluster.
    pub(super) fn is_copying(&self) -> bool {
        let runs = matches!(self.state, State::Asked | State::Copying { .. } | State::Cancelling { .. });
        runs && (self.added().next().is_some() || matches!(self.step, Step::LogDir(_)))
    }

    /// Whether a reassignment of this step may be running in the cluster.
    pub(super) fn is_in_flight(&self) -> bool {
        matches!(self.state, State::Asked | State::Copying { .. } | State::Cancelling { .. })
    }

    /// Whether no byte is copied any more on its account: the next wave may start.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, State::Ended(_) | State::Leading { .. } | State::Ordering { .. })
    }

    pub(super) fn is_another_topic(&self, seen: &Observation) -> bool {
        is_another_topic(seen, self.partition(), self.topic_id)
    }

    pub(super) fn end(&mut self, end: StepEnd, events: &mut Vec<ExecutionEvent>) {
        let partition = self.partition().clone();
        events.push(ExecutionEvent::StepEnded { partition, end: end.clone() });
        self.state = State::Ended(end);
    }

    /// Takes note that the reassignment was sent at `at`.
    pub(super) fn sent(&mut self, sure: bool, at: Duration) {
        self.state = State::Copying { sure };
        self.progress_at = at;
        self.begun_at = at;
        self.lacking = None;
        self.odd_since = None;
    }

    /// Begins to cancel; `then` is how the step will end.
    pub(super) fn cancel(
        &mut self,
        then: StepEnd,
        reason: &str,
        at: Duration,
        events: &mut Vec<ExecutionEvent>,
    ) {
        let sure = matches!(self.state, State::Copying { sure: true });
        let partition = self.partition().clone();
        events.push(ExecutionEvent::Cancelling { partition, reason: reason.to_owned() });
        self.state = State::Cancelling { then, since: at, sure };
        self.sent_at = None;
        self.odd_since = None;
    }

    /// Ends what has not begun like this; what is between two stages is left in order.
    pub(super) fn stop_waiting(&mut self, end: StepEnd, at: Duration, events: &mut Vec<ExecutionEvent>) {
        if self.stage == 0 {
            self.end(end, events);
        } else {
            self.lead(self.base().to_vec(), end, at);
        }
    }

    pub(super) fn lead(&mut self, list: Vec<BrokerId>, then: StepEnd, at: Duration) {
        self.state = State::Leading { list, then, since: at };
        self.sent_at = None;
        self.odd_since = None;
    }

    /// Lets the preferred replica of the list lead: the whole of a leader step.
    pub(super) fn begin_leading(&mut self, at: Duration) {
        self.lead(self.aim().to_vec(), StepEnd::Done, at);
    }

    pub(super) fn order(
        &mut self,
        list: Vec<BrokerId>,
        then: StepEnd,
        at: Duration,
        events: &mut Vec<ExecutionEvent>,
    ) {
        let partition = self.partition().clone();
        events.push(ExecutionEvent::OrderRestored { partition, to: list.clone() });
        self.state = State::Ordering { list, then, since: at };
        self.sent_at = None;
        self.odd_since = None;
    }

    /// Looks at the partition, moves on as far as what is seen allows, and says what has to be sent.
    pub(super) fn look(&mut self, with: &Looking, events: &mut Vec<ExecutionEvent>) -> Need {
        if self.state == State::Asked {
            // The turn that asked was broken off before the command went out.
            self.asked = self.asked.saturating_sub(1);
            self.state = State::Waiting { ready: false };
        }
        if let Step::LogDir(step) = &self.step {
            let step = step.clone();
            return self.look_between_dirs(&step, with, events);
        }
        match (self.state.clone(), &with.stopping) {
            (State::Waiting { .. }, Some(end)) => self.stop_waiting(end.clone(), with.at, events),
            (State::Waiting { .. } | State::Asked, _) => self.look_waiting(with, events),
            (State::Copying { sure }, _) => self.look_copying(sure, with, events),
            (State::Cancelling { then, since, sure }, _) => {
                self.look_cancelling(then, since, sure, with, events);
            }
            (State::Ended(_), _) => return Need::Nothing,
            (State::Ordering { .. } | State::Leading { .. }, _) => {}
        }
        // What has become of it may need something at once.
        match self.state.clone() {
            State::Cancelling { .. } => self.need_cancel(with, events),
            State::Ordering { list, then, since } => self.look_ordering(list, then, since, with, events),
            State::Leading { list, then, since } => self.look_leading(&list, then, since, with, events),
            State::Waiting { ready: true } => self.need_handover(with),
            _ => Need::Nothing,
        }
    }

    fn sight(&self, seen: &Observation) -> Sight {
        look(seen, self.partition(), self.topic_id, self.base(), self.aim())
    }

    /// One odd look proves nothing: Kafka's brokers learn of changes one after the other. True when it lasts.
    pub(super) fn odd_lasts(&mut self, with: &Looking) -> bool {
        let since = *self.odd_since.get_or_insert(with.at);
        with.at > since && with.at.saturating_sub(since) >= with.settings.resend / 2
    }

    pub(super) fn drop_when_it_lasts(
        &mut self,
        reason: DropReason,
        with: &Looking,
        events: &mut Vec<ExecutionEvent>,
    ) {
        if self.odd_lasts(with) {
            self.end(StepEnd::Dropped { reason }, events);
        }
    }

    fn look_waiting(&mut self, with: &Looking, events: &mut Vec<ExecutionEvent>) {
        let sight = self.sight(with.seen);
        self.state = State::Waiting { ready: false };
        match sight {
            Sight::Gone => self.drop_when_it_lasts(DropReason::Gone, with, events),
            // A request whose answer was lost has arrived after all.
            Sight::Running if self.asked > 0 => self.sent(true, with.at),
            Sight::Running | Sight::Foreign => {
                self.drop_when_it_lasts(DropReason::ForeignReassignment, with, events);
            }
            Sight::At { .. } if matches!(self.step, Step::Leader(_)) => self.become_ready(),
            Sight::At { in_sync: true } => self.stage_done(with),
            Sight::Before => self.become_ready(),
            Sight::At { in_sync: false } => {}
            // It was asked for, ran, and was cancelled while nobody looked: that leaves another order.
            Sight::BeforeInOtherOrder if self.asked > 0 => self.cancelled_by_another(with, events),
            Sight::AtInOtherOrder | Sight::BeforeInOtherOrder | Sight::Other(_) => {
                let seen = with.seen.partition(self.partition()).map(|partition| partition.replicas.clone());
                let reason = DropReason::Void { seen: seen.unwrap_or_default() };
                self.drop_when_it_lasts(reason, with, events);
            }
        }
    }

    pub(super) fn become_ready(&mut self) {
        self.odd_since = None;
        self.state = State::Waiting { ready: true };
    }

    fn look_copying(&mut self, sure: bool, with: &Looking, events: &mut Vec<ExecutionEvent>) {
        match self.sight(with.seen) {
            Sight::Running => {
                self.odd_since = None;
                self.state = State::Copying { sure: true };
                self.watch_progress(with, events);
            }
            Sight::At { in_sync: true } => self.stage_done(with),
            Sight::At { in_sync: false } => self.watch_progress(with, events),
            Sight::AtInOtherOrder => self.order(self.aim().to_vec(), StepEnd::Done, with.at, events),
            Sight::Before if !sure => {
                if self.odd_lasts(with) {
                    self.odd_since = None;
                    self.state = State::Waiting { ready: false };
                }
            }
            Sight::Before => self.drop_when_it_lasts(DropReason::CancelledByAnother, with, events),
            Sight::BeforeInOtherOrder => self.cancelled_by_another(with, events),
            Sight::Foreign => self.drop_when_it_lasts(DropReason::ForeignReassignment, with, events),
            Sight::Other(seen) => self.drop_when_it_lasts(DropReason::Void { seen }, with, events),
            Sight::Gone => self.drop_when_it_lasts(DropReason::Gone, with, events),
        }
    }

    /// Someone cancelled the reassignment, which is a no; the order that a cancel leaves is put right.
    fn cancelled_by_another(&mut self, with: &Looking, events: &mut Vec<ExecutionEvent>) {
        if self.odd_lasts(with) {
            let then = StepEnd::Dropped { reason: DropReason::CancelledByAnother };
            self.order(self.base().to_vec(), then, with.at, events);
        }
    }

    fn stage_done(&mut self, with: &Looking) {
        let size = with.seen.partition(self.partition()).and_then(Partition::full_size_bytes);
        let added = self.added().count() as u64;
        if self.asked > 0 {
            self.copied += Bytes(size.unwrap_or_else(|| self.planned_size()).0.saturating_mul(added));
        }
        self.lacking = None;
        self.last_stretch = false;
        self.odd_since = None;
        self.held_since = None;
        if self.stage + 1 >= self.stages() {
            self.lead(self.aim().to_vec(), StepEnd::Done, with.at);
        } else if let Some(end) = &with.stopping {
            self.lead(self.aim().to_vec(), end.clone(), with.at);
        } else {
            self.stage += 1;
            self.asked = 0;
            self.state = State::Waiting { ready: true };
        }
    }

    pub(super) fn planned_size(&self) -> Bytes {
        match &self.step {
            Step::Move(step) => step.size_bytes,
            Step::LogDir(step) => step.size_bytes,
            Step::Leader(_) => Bytes::ZERO,
        }
    }

    fn watch_progress(&mut self, with: &Looking, events: &mut Vec<ExecutionEvent>) {
        let Some(partition) = with.seen.partition(self.partition()) else { return };
        let now = lacking(partition, self.base(), self.aim(), self.planned_size());
        self.watch_bytes(now, with, events);
    }

    /// Takes note of how many bytes are still lacking, and cancels when that gets no less for too long.
    pub(super) fn watch_bytes(
        &mut self,
        now: Option<Bytes>,
        with: &Looking,
        events: &mut Vec<ExecutionEvent>,
    ) {
        match (now, self.lacking) {
            // Out of sight is not out of progress.
            (None, _) => self.progress_at = with.at,
            (Some(now), before) if before.is_none_or(|before| now < before) => {
                self.lacking = Some(now);
                self.progress_at = with.at;
            }
            _ => {}
        }
        let idle = with.at.saturating_sub(self.progress_at);
        if idle < with.settings.no_progress {
            return;
        }
        let left = self.lacking.map_or_else(String::new, |left| format!(", {left} left to copy"));
        let reason = format!("no nearer to its end for {}{left}", crate::base::format_duration(idle));
        self.cancel(StepEnd::Failed { reason: reason.clone() }, &reason, with.at, events);
    }

    fn look_cancelling(
        &mut self,
        then: StepEnd,
        since: Duration,
        sure: bool,
        with: &Looking,
        events: &mut Vec<ExecutionEvent>,
    ) {
        let waited = with.at.saturating_sub(since);
        match self.sight(with.seen) {
            Sight::Running if with.hurry && waited >= with.settings.resend * 2 => {
                self.end(StepEnd::Failed { reason: "still moving when it was left".to_owned() }, events);
            }
            Sight::Running if waited >= with.settings.clean_up_patience => {
                self.end(StepEnd::Failed { reason: "it could not be cancelled".to_owned() }, events);
            }
            Sight::Running => self.odd_since = None,
            // It was faster than the cancel.
            Sight::At { in_sync: true } => {
                let last = self.stage + 1 >= self.stages();
                let then = if last { StepEnd::Done } else { then };
                self.stage_done(with);
                self.lead(self.base_after_stage(), then, with.at);
            }
            Sight::At { in_sync: false } => self.lead(self.aim().to_vec(), then, with.at),
            Sight::AtInOtherOrder => self.order(self.aim().to_vec(), then, with.at, events),
            Sight::BeforeInOtherOrder => self.order(self.base().to_vec(), then, with.at, events),
            Sight::Before => {
                // A request that may still be under way could land after this look.
                let enough = if sure { Duration::ZERO } else { with.settings.resend };
                if with.hurry || (self.odd_lasts(with) && waited >= enough) {
                    self.lead(self.base().to_vec(), then, with.at);
                }
            }
            Sight::Foreign | Sight::Gone | Sight::Other(_) => {
                if with.hurry || self.odd_lasts(with) {
                    self.end(then, events);
                }
            }
        }
    }

    /// The list that stands when the stage before the current one, or the last one, is done.
    fn base_after_stage(&self) -> Vec<BrokerId> {
        match &self.state {
            State::Leading { list, .. } => list.clone(),
            _ => self.base().to_vec(),
        }
    }
}
