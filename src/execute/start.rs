//! What starts in a turn: the waiting steps that every guard lets through.

use std::collections::BTreeMap;

use super::execution::Execution;
use super::guard::{Hold, Incoming, IntoDirs, disk_room, log_dir_room, may_go, repairs};
use super::pace::{Allows, Copies, Growth};
use super::sight::size_on_disk;
use super::step_run::{State, StepRun};
use super::{DropReason, ExecutionEvent, StepEnd};
use crate::base::{BrokerId, Bytes, TopicPartition};
use crate::model::promises;
use crate::observe::{Observation, Partition};
use crate::plan::{LogDirStep, Step};

/// What is on its way already when a step asks to start.
#[derive(Debug, Default)]
struct InFlight {
    moves: usize,
    /// Moves that copy onto a broker, and moves that a broker sends.
    onto: BTreeMap<BrokerId, usize>,
    from: BTreeMap<BrokerId, usize>,
    incoming: Incoming,
    /// Bytes on their way to a directory from another one of the same broker.
    into_dirs: IntoDirs,
    /// Who copies what, and how fast it grows.
    copies: Copies,
}

impl InFlight {
    fn add(&mut self, step: &StepRun, seen: &Observation, growth: &Growth) {
        self.moves += 1;
        self.copies.add(step, seen, growth);
        if let Step::LogDir(planned) = &step.step {
            *self.onto.entry(planned.broker).or_default() += 1;
            let lacking = step.lacking.unwrap_or(planned.size_bytes);
            *self.into_dirs.entry((planned.broker, planned.to.clone())).or_default() += lacking;
            *self.incoming.entry(planned.broker).or_default() += lacking;
            return;
        }
        let Some(partition) = seen.partition(step.partition()) else { return };
        if let Some(leader) = partition.leader {
            *self.from.entry(leader).or_default() += 1;
        }
        let full = full_size(step, partition);
        for broker in step.added() {
            *self.onto.entry(broker).or_default() += 1;
            let lacking = full.saturating_sub(size_on_disk(partition, broker));
            *self.incoming.entry(broker).or_default() += lacking;
        }
    }
}

pub(super) fn full_size(step: &StepRun, partition: &Partition) -> Bytes {
    partition.full_size_bytes().unwrap_or(Bytes::ZERO).max(step.planned_size())
}

/// What the guards say of a step.
enum Leave {
    Go,
    /// Not now, because enough is on its way; nothing is wrong.
    Later,
    /// Not now.
    Held(String),
    Dropped(DropReason),
}

/// Directories to ask for, by broker and partition.
pub(super) type LogDirMoves = BTreeMap<BrokerId, BTreeMap<TopicPartition, String>>;

/// What a turn asks for.
#[derive(Debug, Default)]
pub(super) struct Starts {
    pub(super) lists: BTreeMap<TopicPartition, Vec<BrokerId>>,
    pub(super) log_dirs: LogDirMoves,
}

impl Execution {
    /// Starts what may start. Returns what to ask for.
    pub(super) fn start(&mut self, seen: &Observation) -> Starts {
        let mut in_flight = InFlight::default();
        for step in self.steps.iter().filter(|step| step.is_copying()) {
            in_flight.add(step, seen, self.pace.growth());
        }
        let anything_moves = in_flight.moves > 0;
        let mut starts = Starts::default();
        let departures = self.departures();
        let mut queue = self.queue(seen);
        self.tell_pressing(seen, &queue.pressing);
        for presses in [false, true] {
            for (index, copy) in std::mem::take(&mut queue.waiting) {
                let step = &self.steps[index];
                let State::Waiting { ready } = step.state else { continue };
                if !self.is_its_turn(step, &departures) {
                    continue;
                }
                if copy.is_some_and(|copy| !queue.traffic.wants(&copy, &queue.backlog, presses)) {
                    queue.waiting.push((index, copy));
                    continue;
                }
                match self.leave(step, ready, seen, &in_flight) {
                    Leave::Go => {
                        self.go(index, seen, &mut in_flight, &mut starts);
                        if let Some(copy) = copy {
                            queue.traffic.add(copy);
                        }
                    }
                    Leave::Later => {}
                    Leave::Dropped(reason) => {
                        self.steps[index].end(StepEnd::Dropped { reason }, &mut self.events);
                    }
                    // While something moves, what holds the step may pass by itself.
                    Leave::Held(_) if anything_moves => self.steps[index].held_since = None,
                    Leave::Held(by) => self.hold(index, by),
                }
            }
        }
        self.give_up_pause(anything_moves);
        starts
    }

    /// Takes note that something holds a step, and drops it when that lasts.
    fn hold(&mut self, index: usize, by: String) {
        let at = self.at();
        let since = *self.steps[index].held_since.get_or_insert(at);
        if at.saturating_sub(since) >= self.settings.hold_patience {
            let reason = DropReason::Held { by };
            self.steps[index].end(StepEnd::Dropped { reason }, &mut self.events);
        }
    }

    fn go(&mut self, index: usize, seen: &Observation, in_flight: &mut InFlight, starts: &mut Starts) {
        let at = self.at();
        let step = &mut self.steps[index];
        step.held_since = None;
        if matches!(step.step, Step::Leader(_)) {
            step.begin_leading(at);
            return;
        }
        if let Step::LogDir(planned) = &step.step {
            let LogDirStep { partition, broker, from, to, size_bytes, .. } = planned.clone();
            step.asked += 1;
            step.state = State::Asked;
            in_flight.add(step, seen, self.pace.growth());
            starts.log_dirs.entry(broker).or_default().insert(partition.clone(), to.clone());
            let bytes = size_bytes;
            self.events.push(ExecutionEvent::LogDirMoveStarted { partition, broker, from, to, bytes });
            return;
        }
        debug_assert!(
            promises::one_new_replica_at_a_time(step.partition(), step.base(), step.aim()).is_ok(),
            "a step makes two replicas at once"
        );
        step.asked += 1;
        step.state = State::Asked;
        let size = seen.partition(step.partition()).map_or(Bytes::ZERO, |seen| full_size(step, seen));
        let ends = step.last_ends(seen, &self.pace, size);
        step.last_stretch = ends.is_some();
        if let Some(ends) = ends {
            self.pace.spend(ends, size);
        }
        if step.is_copying() {
            in_flight.add(step, seen, self.pace.growth());
        }
        let (partition, to) = (step.partition().clone(), step.aim().to_vec());
        let bytes = Bytes(size.0.saturating_mul(step.added().count() as u64));
        let from = step.base().to_vec();
        self.events.push(ExecutionEvent::StageStarted {
            partition: partition.clone(),
            from,
            to: to.clone(),
            bytes,
        });
        starts.lists.insert(partition, to);
    }

    /// Asks every guard about a waiting step.
    fn leave(&self, step: &StepRun, ready: bool, seen: &Observation, in_flight: &InFlight) -> Leave {
        let name = step.partition();
        let Some(partition) = seen.partition(name).filter(|_| ready) else {
            return Leave::Held("its replicas are not as planned yet".to_owned());
        };
        if self.pause.is_some() && !self.may_repair(step, partition, seen) {
            return Leave::Later;
        }
        if step.asked >= 3 {
            return Leave::Dropped(DropReason::Refused { error: "asked for three times in vain".to_owned() });
        }
        if matches!(step.step, Step::Leader(_)) {
            return Leave::Go;
        }
        let grows = self.pace.allows(step, seen, &in_flight.copies);
        if let Allows::Never(reason) = grows {
            return Leave::Dropped(reason);
        }
        if let Step::LogDir(step) = &step.step {
            return match self.leave_between_dirs(step, partition, seen, in_flight) {
                Leave::Go if grows == Allows::Later => Leave::Later,
                leave => leave,
            };
        }
        match may_go(seen, name, partition, (step.base(), step.aim()), step.resized_from()) {
            Some(Hold::Drop(reason)) => return Leave::Dropped(reason),
            Some(Hold::Wait(by)) => return Leave::Held(by),
            None => {}
        }
        if step.added().next().is_none() {
            return Leave::Go;
        }
        let most = self.settings.moves_in_flight_per_broker.max(1);
        let busy =
            |counts: &BTreeMap<BrokerId, usize>, broker| counts.get(&broker).is_some_and(|n| *n >= most);
        if in_flight.moves >= self.settings.moves_in_flight.max(1)
            || partition.leader.is_some_and(|leader| busy(&in_flight.from, leader))
            || step.added().any(|broker| busy(&in_flight.onto, broker))
            || grows == Allows::Later
        {
            return Leave::Later;
        }
        let size = full_size(step, partition);
        if step.last_ends(seen, &self.pace, size).is_some_and(|ends| !self.pace.lets_spend(ends, size)) {
            return Leave::Later;
        }
        let full = step.added().find_map(|broker| {
            let still_to_come = size.saturating_sub(size_on_disk(partition, broker));
            disk_room(seen, broker, still_to_come, &in_flight.incoming, self.disk_limit_share)
        });
        match full {
            Some(Hold::Wait(by)) => Leave::Held(by),
            Some(Hold::Drop(reason)) => Leave::Dropped(reason),
            None => Leave::Go,
        }
    }

    /// Asks every guard about a waiting move between directories.
    fn leave_between_dirs(
        &self,
        step: &LogDirStep,
        partition: &Partition,
        seen: &Observation,
        in_flight: &InFlight,
    ) -> Leave {
        let onto = in_flight.onto.get(&step.broker).copied().unwrap_or(0);
        if in_flight.moves >= self.settings.moves_in_flight.max(1)
            || onto >= self.settings.moves_in_flight_per_broker.max(1)
        {
            return Leave::Later;
        }
        if seen.reassignments.contains_key(&step.partition) {
            return Leave::Held("a reassignment of the partition runs".to_owned());
        }
        if !partition.isr.contains(&step.broker) {
            return Leave::Held(format!("its replica on broker {} is not in sync", step.broker));
        }
        let size = partition.size_on(step.broker).unwrap_or(Bytes::ZERO).max(step.size_bytes);
        match log_dir_room(seen, step, size, &in_flight.into_dirs, self.disk_limit_share) {
            Some(Hold::Wait(by)) => Leave::Held(by),
            Some(Hold::Drop(reason)) => Leave::Dropped(reason),
            None => Leave::Go,
        }
    }

    /// Whether a pause lets this step through: it repairs, and what it needs can be seen.
    fn may_repair(&self, step: &StepRun, partition: &Partition, seen: &Observation) -> bool {
        use super::Pause::{ControllerChanged, IncompleteView, Operator};
        let blind = matches!(self.pause, Some((IncompleteView { .. } | ControllerChanged | Operator, _)));
        !blind && matches!(step.step, Step::Move(_)) && repairs(seen, partition, step.base(), step.aim())
    }

    /// A pause that does not end is told as the end.
    fn give_up_pause(&mut self, anything_moves: bool) {
        let Some((pause, since)) = &self.pause else { return };
        // What a person or the calendar has paused waits for them, however long.
        if matches!(pause, super::Pause::Operator | super::Pause::OutsideWindow { .. }) {
            return;
        }
        if anything_moves || self.at().saturating_sub(*since) < self.settings.pause_patience {
            return;
        }
        if self.steps.iter().any(|step| matches!(step.state, State::Asked)) {
            return;
        }
        let waited = crate::base::format_duration(self.settings.pause_patience);
        let reason = format!("paused for {waited}: {pause}");
        self.drop_waiting(&pause.to_string(), |_| true);
        self.fail(&reason);
    }
}
