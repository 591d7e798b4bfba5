//! How a step between two log directories of a broker goes its way. Everything is seen in what the broker tells of
//! its directories: the replica with its own, and while it moves a future replica in another.

use std::time::Duration;

use super::sight::{is_another_topic, unseen};
use super::step_run::{Looking, Need, State, StepRun};
use super::{DropReason, ExecutionEvent, StepEnd};
use crate::base::Bytes;
use crate::observe::{GapKind, Observation, Partition};
use crate::plan::LogDirStep;

/// What is seen of a replica that shall move to another directory.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DirSight {
    /// Topic, partition or replica are not there, or the topic is another one of the same name.
    Gone,
    /// The broker does not tell.
    Unseen,
    /// It stands in the directory that it starts from.
    Before,
    /// It is on its way to the directory aimed at, and so many bytes are there.
    Running(Bytes),
    /// It is on its way elsewhere.
    Foreign,
    /// It stands in the directory aimed at.
    There,
    /// It stands in another one.
    Elsewhere(String),
}

fn look(seen: &Observation, step: &LogDirStep, partition: Option<&Partition>) -> DirSight {
    let Some(partition) = partition.filter(|partition| partition.replicas.contains(&step.broker)) else {
        return DirSight::Gone;
    };
    if !seen.brokers.get(&step.broker).is_some_and(|broker| broker.alive) {
        return DirSight::Unseen;
    }
    let Some(replica) = partition.on_disk.get(&step.broker) else { return DirSight::Unseen };
    match (&replica.log_dir, &replica.future) {
        (Some(path), Some((to, bytes))) if *path == step.from && *to == step.to => DirSight::Running(*bytes),
        (_, Some(_)) => DirSight::Foreign,
        (Some(path), None) if *path == step.to => DirSight::There,
        (Some(path), None) if *path == step.from => DirSight::Before,
        (Some(path), None) => DirSight::Elsewhere(path.clone()),
        (None, None) => DirSight::Unseen,
    }
}

impl StepRun {
    /// Looks at a replica that moves between directories, moves on as far as what is seen allows, and says what has
    /// to be sent.
    pub(super) fn look_between_dirs(
        &mut self,
        step: &LogDirStep,
        with: &Looking,
        events: &mut Vec<ExecutionEvent>,
    ) -> Need {
        let another = is_another_topic(with.seen, &step.partition, self.topic_id);
        let partition = with.seen.partition(&step.partition).filter(|_| !another);
        let sight = look(with.seen, step, partition);
        match (self.state.clone(), &with.stopping) {
            (State::Waiting { .. }, Some(end)) => self.stop_waiting(end.clone(), with.at, events),
            (State::Waiting { .. } | State::Asked, _) => self.dir_waits(step, sight, with, events),
            (State::Copying { sure }, _) => self.dir_copies(step, sure, sight, with, events),
            (State::Cancelling { then, since, sure }, _) => {
                let current =
                    partition.and_then(|partition| partition.on_disk.get(&step.broker)?.log_dir.clone());
                return self.dir_cancels((then, since, sure), &sight, current, with, events);
            }
            _ => {}
        }
        if let State::Cancelling { .. } = self.state {
            return self.look_between_dirs(step, with, events);
        }
        Need::Nothing
    }

    fn dir_waits(
        &mut self,
        step: &LogDirStep,
        sight: DirSight,
        with: &Looking,
        events: &mut Vec<ExecutionEvent>,
    ) {
        self.state = State::Waiting { ready: false };
        match sight {
            DirSight::Before => self.become_ready(),
            // A request whose answer was lost has arrived after all.
            DirSight::Running(_) if self.asked > 0 => self.sent(true, with.at),
            DirSight::There => self.dir_done(step, events),
            DirSight::Running(_) | DirSight::Foreign => {
                self.drop_when_it_lasts(DropReason::ForeignLogDirMove, with, events);
            }
            DirSight::Elsewhere(path) => {
                self.drop_when_it_lasts(DropReason::OtherLogDir { path }, with, events);
            }
            DirSight::Gone => self.drop_when_it_lasts(DropReason::Gone, with, events),
            DirSight::Unseen => {}
        }
    }

    fn dir_copies(
        &mut self,
        step: &LogDirStep,
        sure: bool,
        sight: DirSight,
        with: &Looking,
        events: &mut Vec<ExecutionEvent>,
    ) {
        match sight {
            DirSight::Running(there) => {
                self.odd_since = None;
                self.state = State::Copying { sure: true };
                self.watch_bytes(Some(step.size_bytes.saturating_sub(there)), with, events);
            }
            DirSight::There => self.dir_done(step, events),
            // Out of sight is not out of progress, unless the broker or the directory is gone.
            DirSight::Unseen => {
                let hidden = unseen(with.seen, GapKind::LogDirs, "broker", &step.broker.to_string());
                let alive = with.seen.brokers.get(&step.broker).is_some_and(|broker| broker.alive);
                let lacking = self.lacking.unwrap_or(step.size_bytes);
                self.watch_bytes((!(hidden && alive)).then_some(lacking), with, events);
            }
            DirSight::Before if !sure => {
                if self.odd_lasts(with) {
                    self.odd_since = None;
                    self.state = State::Waiting { ready: false };
                }
            }
            DirSight::Before => self.drop_when_it_lasts(DropReason::CancelledByAnother, with, events),
            DirSight::Foreign => self.drop_when_it_lasts(DropReason::ForeignLogDirMove, with, events),
            DirSight::Elsewhere(path) => {
                self.drop_when_it_lasts(DropReason::OtherLogDir { path }, with, events);
            }
            DirSight::Gone => self.drop_when_it_lasts(DropReason::Gone, with, events),
        }
    }

    fn dir_done(&mut self, step: &LogDirStep, events: &mut Vec<ExecutionEvent>) {
        if self.asked > 0 {
            self.copied += step.size_bytes;
        }
        self.lacking = None;
        self.end(StepEnd::Done, events);
    }

    /// A move is cancelled by asking for the directory in which the replica stands: Kafka then drops the future one.
    /// Should it have become the replica meanwhile, that same rule undoes a move back.
    fn dir_cancels(
        &mut self,
        (then, since, sure): (StepEnd, Duration, bool),
        sight: &DirSight,
        current: Option<String>,
        with: &Looking,
        events: &mut Vec<ExecutionEvent>,
    ) -> Need {
        let waited = with.at.saturating_sub(since);
        let moving = matches!(sight, DirSight::Running(_) | DirSight::Foreign);
        if moving && with.hurry && waited >= with.settings.resend * 2 {
            self.end(StepEnd::Failed { reason: "still moving when it was left".to_owned() }, events);
            return Need::Nothing;
        }
        if moving && waited >= with.settings.clean_up_patience {
            self.end(StepEnd::Failed { reason: "it could not be cancelled".to_owned() }, events);
            return Need::Nothing;
        }
        // A request that may still be under way could land after this look.
        let enough = if sure { Duration::ZERO } else { with.settings.resend };
        match sight {
            DirSight::Running(_) | DirSight::Foreign => {
                self.odd_since = None;
                return match current {
                    Some(path) if self.due(with) => Need::LogDir(path),
                    _ => Need::Nothing,
                };
            }
            // It was faster than the cancel.
            DirSight::There if with.hurry || self.odd_lasts(with) => self.end(StepEnd::Done, events),
            DirSight::Before if with.hurry || (self.odd_lasts(with) && waited >= enough) => {
                self.end(then, events);
            }
            DirSight::Gone | DirSight::Elsewhere(_) if with.hurry || self.odd_lasts(with) => {
                self.end(then, events);
            }
            // The broker is down or does not answer: its future replica cannot be cancelled there.
            DirSight::Unseen if with.hurry || waited >= with.settings.clean_up_patience => {
                self.end(StepEnd::Failed { reason: "out of sight when it was cancelled".to_owned() }, events);
            }
            _ => {}
        }
        Need::Nothing
    }
}
