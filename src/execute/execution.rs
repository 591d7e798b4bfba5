//! [`Execution`]: runs a plan, turn by turn, without touching anything itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::admit::{admit, same_cluster, steps};
use super::fills::Fills;
use super::memory::{Course, Memory, Start};
use super::pace::Pace;
use super::progress::{Progress, Speed, bytes};
use super::start::{LogDirMoves, Starts};
use super::step_run::{Looking, Need, State, StepRun};
use super::throttle::Throttles;
use super::time_left::Foreseen;
use super::{
    Command, DropReason, End, ExecuteSettings, ExecutionEvent, Leftover, NotStarted, Outcome, Pause, StepEnd,
    StopMode,
};
use crate::base::{BrokerId, Bytes, TimestampMs, TopicName, TopicPartition};
use crate::observe::Observation;
use crate::plan::{MoveStep, Plan, Rooms, Step};

/// So many looks there are near the end in the time of one before.
const LOOKS_NEAR_END: u32 = 4;

/// For so long, which is enough where nothing is in the way.
const NEAR_END: Duration = Duration::from_secs(10);

/// Time as far as it was lived through: a clock that jumps, a machine that slept or a cluster out of sight for an
/// hour must not make every step look an hour late.
#[derive(Debug)]
pub(super) struct Lived {
    pub(super) at: Duration,
    last: TimestampMs,
    /// Time from one look to the next, the last ones counting most.
    between: Duration,
}

impl Lived {
    fn advance(&mut self, now: TimestampMs, most: Duration) {
        let passed = now.since(self.last).min(most);
        self.at += passed;
        self.between = (self.between + passed) / 2;
        self.last = now;
    }
}

/// What to do now.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Turn {
    /// To be sent in this order; before each, ask [`Execution::still_wanted`], after each, tell [`Execution::answered`].
    pub commands: Vec<Command>,
    /// What happened.
    pub events: Vec<ExecutionEvent>,
    /// When to look again.
    pub poll_after: Duration,
    /// The end; nothing comes after it.
    pub outcome: Option<Outcome>,
}

/// A plan on its way.
///
/// Each turn is made from one look at the cluster. What was sent is remembered only so as not to send it again too
/// soon; whether anything came of it is always seen.
#[derive(Debug)]
pub struct Execution {
    pub(super) settings: ExecuteSettings,
    pub(super) steps: Vec<StepRun>,
    waves: usize,
    /// Waves that run alone.
    pub(super) alone: BTreeSet<usize>,
    pub(super) rooms: Rooms,
    /// What another process had begun is carried on: waves run strictly one after the other, for what is proven of going
    /// ahead is proven for the cluster as it was at the beginning.
    pub(super) carried_on: bool,
    pub(super) start: Start,
    pub(super) course: Course,
    pub(super) pace: Pace,
    /// The controller of the last look.
    pub(super) controller: Option<BrokerId>,
    /// Share of a volume that is never passed: the plan's limit, and the settings' reserve.
    pub(super) disk_limit_share: f64,
    pub(super) throttles: Throttles,
    pub(super) lived: Lived,
    pub(super) pause: Option<(Pause, Duration)>,
    pub(super) pause_told: bool,
    pub(super) throttle_failed: Option<String>,
    pub(super) events: Vec<ExecutionEvent>,
    pub(super) told: BTreeSet<(String, String)>,
    pub(super) clean_up_since: Option<Duration>,
    /// Since when nothing is waited for but the last stretches of copies and what comes after them.
    near_end_since: Option<Duration>,
    speed: Speed,
    pub(super) foreseen: Option<Foreseen>,
    pub(super) fills: Fills,
    outcome: Option<Outcome>,
}

impl Execution {
    /// Takes a plan on, if it still fits the cluster. `seen` must be a full look.
    ///
    /// # Errors
    /// The plan may not be started; nothing was changed.
    pub fn new(
        plan: &Plan,
        settings: ExecuteSettings,
        now: TimestampMs,
        seen: &Observation,
    ) -> Result<Self, NotStarted> {
        admit(plan, seen)?;
        let mut execution = Self::of(plan, settings, now, seen);
        execution.events.push(ExecutionEvent::Started {
            plan: plan.id,
            steps: execution.steps.len(),
            waves: plan.waves.len(),
            bytes: steps(plan).map(Step::bytes).sum(),
        });
        execution.tell_wave();
        Ok(execution)
    }

    /// Goes on with a plan of which another process, which was killed, had done a part. What has become of it is seen;
    /// `memory` only says what may be ours.
    ///
    /// # Errors
    /// It is another cluster.
    pub fn resume(
        plan: &Plan,
        settings: ExecuteSettings,
        memory: Memory,
        now: TimestampMs,
        seen: &Observation,
    ) -> Result<Self, NotStarted> {
        same_cluster(plan, seen)?;
        let mut execution = Self::of(plan, settings, now, seen);
        execution.recall(memory);
        execution.carried_on = true;
        execution.take_limits(Some(seen));
        let ended = execution.steps.iter().filter(|step| matches!(step.state, State::Ended(_))).count();
        let in_flight = execution.steps.iter().filter(|step| step.is_in_flight()).count();
        let steps = execution.steps.len();
        execution.events.push(ExecutionEvent::CarriedOn { plan: plan.id, steps, ended, in_flight });
        Ok(execution)
    }

    fn of(plan: &Plan, settings: ExecuteSettings, now: TimestampMs, seen: &Observation) -> Self {
        let waves = plan.waves.iter().enumerate();
        let runs: Vec<StepRun> = waves
            .flat_map(|(wave, of)| of.steps.iter().map(move |step| StepRun::new(step.clone(), wave, seen)))
            .collect();
        let mut needed: BTreeSet<BrokerId> = seen.alive().collect();
        needed.extend(steps(plan).filter_map(Step::as_move).flat_map(MoveStep::added));
        let between_dirs = runs.iter().filter(|step| step.step.as_log_dir().is_some());
        let alone = between_dirs.map(|step| step.wave).collect();
        let id = |step: &StepRun| Some((step.partition().topic.clone(), step.topic_id?));
        let topic_ids = runs.iter().filter_map(id).collect();
        Self {
            pace: Pace::new(&settings, seen, steps(plan).map(|step| step.partition().clone())),
            disk_limit_share: plan.limits.disk_limit_share.min(1.0 - settings.disk_reserve_ratio),
            settings,
            steps: runs,
            waves: plan.waves.len(),
            alone,
            rooms: Rooms::of(seen, plan),
            carried_on: false,
            start: Start { needed, topic_ids },
            course: Course::default(),
            controller: seen.controller,
            throttles: Throttles::default(),
            lived: Lived { at: Duration::ZERO, last: now, between: Duration::ZERO },
            pause: None,
            pause_told: false,
            throttle_failed: None,
            events: Vec::new(),
            told: BTreeSet::new(),
            clean_up_since: None,
            near_end_since: None,
            speed: Speed::default(),
            foreseen: None,
            fills: Fills::default(),
            outcome: None,
        }
    }

    /// Looks at the cluster and decides what to do next.
    pub fn next(&mut self, now: TimestampMs, seen: &Observation) -> Turn {
        if let Some(outcome) = &self.outcome {
            let outcome = Some(outcome.clone());
            return Turn { commands: Vec::new(), events: Vec::new(), poll_after: Duration::ZERO, outcome };
        }
        // Ten looks' worth: more than that was not waiting but sleeping.
        self.lived.advance(now, self.settings.poll.saturating_mul(10).max(Duration::from_secs(30)));
        self.throttle_failed = None;
        self.make_room(seen);
        self.set_pace(seen);
        self.note_fills(seen);
        let mut reach = self.reach();
        let mut needs = self.look(seen, |step| step.wave <= reach);
        self.judge_pause(now, seen);
        while self.next_wave() {
            let before = std::mem::replace(&mut reach, self.reach());
            needs.extend(self.look(seen, |step| step.wave > before && step.wave <= reach));
        }
        let starts = if self.course.stop.is_none() { self.start(seen) } else { Starts::default() };
        self.see_home(seen);
        let commands = self.commands(seen, needs, starts);
        self.speed.sample(self.lived.at, self.steps.iter().map(|step| bytes(step).1).sum());
        self.foresee(seen);
        self.end();
        Turn {
            commands,
            events: std::mem::take(&mut self.events),
            poll_after: self.poll_after(),
            outcome: self.outcome.clone(),
        }
    }

    /// When to look again: sooner near the end, where all that is waited for is a throttle that hinders others by then. What
    /// does not end soon is looked at as seldom as everything.
    fn poll_after(&mut self) -> Duration {
        let is_near = |step: &StepRun| step.is_settled() || (step.is_copying() && step.last_stretch);
        if !self.steps.iter().all(is_near) {
            self.near_end_since = None;
            return self.settings.poll;
        }
        let since = *self.near_end_since.get_or_insert(self.lived.at);
        let is_soon = self.lived.at.saturating_sub(since) < NEAR_END;
        if is_soon { self.settings.poll / LOOKS_NEAR_END } else { self.settings.poll }
    }

    /// The partitions whose replica sizes the next turn needs.
    pub fn looks_at(&self) -> BTreeSet<TopicPartition> {
        let reach = self.reach().saturating_add(1);
        let soon = |step: &&StepRun| step.wave <= reach && !matches!(step.state, State::Ended(_));
        self.steps.iter().filter(soon).map(|step| step.partition().clone()).collect()
    }

    /// Asks to stop. A later request may be harder than an earlier one, never softer.
    pub fn request_stop(&mut self, mode: StopMode) {
        if self.outcome.is_some() || self.course.stop.is_some_and(|before| before >= mode) {
            return;
        }
        self.course.stop = Some(mode);
        self.course.other_goals = false;
        let in_flight = self.steps.iter().filter(|step| step.is_in_flight()).count();
        self.events.push(ExecutionEvent::Stopping { mode, in_flight });
        let at = self.lived.at;
        for step in &mut self.steps {
            match step.state {
                State::Waiting { .. } => step.stop_waiting(StepEnd::Stopped, at, &mut self.events),
                State::Copying { .. } if mode >= StopMode::Cancel => {
                    step.cancel(StepEnd::Stopped, "a stop was asked for", at, &mut self.events);
                }
                _ => {}
            }
        }
    }

    /// Takes note that other goals are asked for than those that the plan serves: what has not begun is dropped, and what
    /// is in flight is finished, so that nothing is left half done. A stop that was asked for goes on as it is.
    pub(super) fn take_other_goals(&mut self) {
        if self.outcome.is_some() || self.course.stop.is_some() {
            return;
        }
        let dropped = self.steps.iter().filter(|step| matches!(step.state, State::Waiting { .. })).count();
        let in_flight = self.steps.iter().filter(|step| step.is_in_flight()).count();
        self.events.push(ExecutionEvent::GoalsChanged { dropped, in_flight });
        self.course.stop = Some(StopMode::FinishInFlight);
        self.course.other_goals = true;
        let (at, end) = (self.lived.at, self.unbegun());
        for step in self.steps.iter_mut().filter(|step| matches!(step.state, State::Waiting { .. })) {
            step.stop_waiting(end.clone(), at, &mut self.events);
        }
    }

    /// How what has not begun ends where nothing begins any more.
    fn unbegun(&self) -> StepEnd {
        if self.course.other_goals {
            StepEnd::Dropped { reason: DropReason::OtherGoals }
        } else {
            StepEnd::Stopped
        }
    }

    /// Gives up: nothing new starts, what is in flight ends, throttles are cleared, and this is the reason told.
    pub(super) fn fail(&mut self, reason: &str) {
        self.course.failure.get_or_insert_with(|| reason.to_owned());
        self.request_stop(StopMode::FinishInFlight);
    }

    /// How it is run.
    pub fn settings(&self) -> &ExecuteSettings {
        &self.settings
    }

    /// Time lived through since the start.
    pub(super) fn at(&self) -> Duration {
        self.lived.at
    }

    /// Seconds from one look to the next: what is waited for, or what looks have taken of late where that is longer.
    pub(super) fn look_s(&self) -> f64 {
        self.settings.poll.max(self.lived.between).as_secs_f64()
    }

    /// The end, once there is one.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Whether it is over.
    pub fn is_done(&self) -> bool {
        self.outcome.is_some()
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let (mut bytes_total, mut bytes_done) = (Bytes::ZERO, Bytes::ZERO);
        let mut counts = [0; 4];
        for step in &self.steps {
            let (total, done) = bytes(step);
            bytes_total += total;
            bytes_done += done;
            counts[match &step.state {
                State::Ended(StepEnd::Done) => 0,
                State::Ended(_) => 3,
                State::Waiting { .. } if step.stage == 0 => 2,
                _ => 1,
            }] += 1;
        }
        let speed = self.speed.get();
        Progress {
            bytes_total,
            bytes_done,
            steps_total: self.steps.len(),
            steps_done: counts[0],
            steps_in_flight: counts[1],
            steps_pending: counts[2],
            steps_dropped: counts[3],
            wave: self.waves.min(self.course.wave + 1),
            waves: self.waves,
            speed_bytes_per_s: speed,
            left_s: self.left_s(bytes_total.saturating_sub(bytes_done), speed),
            throttle_bytes_per_s: self.pace.range(),
            brake: self.pace.brake(),
            phase: self.phase(),
            paused: self.pause.as_ref().map(|(pause, _)| pause.clone()),
            stopping: self.course.stop,
        }
    }

    fn look(&mut self, seen: &Observation, which: impl Fn(&StepRun) -> bool) -> Vec<(usize, Need)> {
        let with = Looking {
            seen,
            at: self.lived.at,
            settings: &self.settings,
            stopping: self.course.stop.map(|_| self.unbegun()),
            hurry: self.course.stop == Some(StopMode::Now),
        };
        let active = self.steps.iter_mut().enumerate();
        active
            .filter(|(_, step)| which(step))
            .map(|(index, step)| (index, step.look(&with, &mut self.events)))
            .filter(|(_, need)| *need != Need::Nothing)
            .collect()
    }

    /// Goes to the next wave when no byte of this one is on its way any more. Steps of waves ahead may be on theirs.
    fn next_wave(&mut self) -> bool {
        let over = self.steps.iter().filter(|step| step.wave == self.course.wave).all(StepRun::is_settled);
        if !over || self.course.wave + 1 >= self.waves || self.course.stop.is_some() {
            return false;
        }
        self.course.wave += 1;
        self.tell_wave();
        true
    }

    fn tell_wave(&mut self) {
        let steps = self.steps.iter().filter(|step| step.wave == self.course.wave).count();
        if steps > 0 {
            self.events.push(ExecutionEvent::WaveStarted {
                wave: self.course.wave + 1,
                of: self.waves,
                steps,
            });
        }
    }

    /// Puts the commands of a turn in order: room is made first, throttles stand before the moves they are for,
    /// and what is no longer needed is put back last.
    fn commands(&mut self, seen: &Observation, needs: Vec<(usize, Need)>, starts: Starts) -> Vec<Command> {
        let mut back = LogDirMoves::new();
        let (mut cancels, mut elections, mut orders) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        for (index, need) in needs {
            let partition = self.steps[index].partition().clone();
            match need {
                Need::Nothing => {}
                Need::Cancel => drop(cancels.insert(partition)),
                Need::Elect => drop(elections.insert(partition)),
                Need::Order(list) => drop(orders.insert(partition, list)),
                Need::LogDir(path) => {
                    let moves = self.steps[index].base().iter().map(|broker| (*broker, path.clone()));
                    moves.for_each(|(broker, path)| {
                        back.entry(broker).or_default().insert(partition.clone(), path);
                    });
                }
            }
        }
        let wanted = self.wanted(seen);
        let other = self.steps.iter().filter(|step| step.is_another_topic(seen));
        let gone: BTreeSet<TopicName> = other.map(|step| step.partition().topic.clone()).collect();
        let times = (self.lived.at, self.settings.resend);
        let turn = self.throttles.turn(&wanted, seen, &gone, times, self.puts_back_unseen());
        self.events.extend(turn.events);
        if turn.unsure {
            self.throttle_failed = Some("whether it stands is not known yet".to_owned());
        }
        let mut commands = Vec::new();
        commands.extend((!cancels.is_empty()).then_some(Command::CancelReassignments(cancels)));
        commands.extend(between_dirs(back));
        commands.extend(turn.set);
        commands.extend((!starts.lists.is_empty()).then_some(Command::Reassign(starts.lists)));
        commands.extend(between_dirs(starts.log_dirs));
        commands.extend((!orders.is_empty()).then_some(Command::Reassign(orders)));
        commands.extend((!elections.is_empty()).then_some(Command::ElectPreferredLeaders(elections)));
        commands.extend(turn.restore);
        commands
    }

    /// Ends when every step has ended and nothing of ours is left standing, or when that has been tried for long.
    fn end(&mut self) {
        let ended = |step: &StepRun| match &step.state {
            State::Ended(end) => Some((step.partition().clone(), end.clone())),
            _ => None,
        };
        let Some(steps) = self.steps.iter().map(ended).collect::<Option<Vec<_>>>() else { return };
        let since = *self.clean_up_since.get_or_insert(self.lived.at);
        let tried = self.lived.at.saturating_sub(since);
        let hurry = self.course.stop == Some(StopMode::Now);
        let patience = if hurry { self.settings.resend * 3 } else { self.settings.clean_up_patience };
        if !self.throttles.is_clean() && tried < patience {
            return;
        }
        let left = self.throttles.leftovers();
        self.conclude(steps, left);
    }

    pub(super) fn conclude(&mut self, steps: Vec<(TopicPartition, StepEnd)>, left: Vec<Leftover>) {
        if !left.is_empty() {
            self.events.push(ExecutionEvent::LeftBehind { left: left.clone() });
        }
        let all_done = steps.iter().all(|(_, end)| *end == StepEnd::Done);
        let end = match (&self.course.failure, self.course.stop) {
            (Some(reason), _) => End::Failed { reason: reason.clone() },
            (None, _) if all_done => End::Done,
            (None, Some(_)) if !self.course.other_goals => End::Stopped,
            (None, _) => End::DoneInPart,
        };
        let bytes_copied = self.steps.iter().map(|step| step.copied).sum();
        self.outcome = Some(Outcome { end, steps, bytes_copied, took: self.lived.at, left });
    }

    pub(super) fn drop_waiting(&mut self, by: &str, which: impl Fn(&StepRun) -> bool) {
        let waiting = self.steps.iter_mut().filter(|step| matches!(step.state, State::Waiting { .. }));
        for step in waiting.filter(|step| which(step)) {
            step.end(StepEnd::Dropped { reason: DropReason::Held { by: by.to_owned() } }, &mut self.events);
        }
    }
}

/// One command for each broker whose replicas move between its directories.
fn between_dirs(moves: LogDirMoves) -> impl Iterator<Item = Command> {
    moves.into_iter().map(|(broker, moves)| Command::MoveLogDirs { broker, moves })
}
