//! [`StepMemory`]: what must not be forgotten of one step.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::StepEnd;
use super::step_run::{State, StepRun};
use crate::base::{BrokerId, Bytes};

/// What must not be forgotten of a step that is no longer untouched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepMemory {
    stage: usize,
    /// The running stage may have been asked for.
    asked: bool,
    copied: Bytes,
    state: StateMemory,
}

/// The lasting part of [`State`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
enum StateMemory {
    Waiting,
    Copying { sure: bool },
    Cancelling { then: StepEnd, sure: bool },
    Ordering { list: Vec<BrokerId>, then: StepEnd },
    Leading { list: Vec<BrokerId>, then: StepEnd },
    Ended { end: StepEnd },
}

impl StepMemory {
    /// Whether something of the step may be running in the cluster.
    pub(super) fn may_run(&self) -> bool {
        match &self.state {
            StateMemory::Waiting => self.asked,
            StateMemory::Ended { .. } => false,
            _ => true,
        }
    }

    /// How it ended, if it has.
    pub(super) fn end(&self) -> Option<&StepEnd> {
        match &self.state {
            StateMemory::Ended { end } => Some(end),
            _ => None,
        }
    }

    /// Bytes copied by stages that were over.
    pub(super) fn copied(&self) -> Bytes {
        self.copied
    }
}

impl StepRun {
    /// What must not be forgotten of it; nothing while it is untouched.
    pub(super) fn memory(&self) -> Option<StepMemory> {
        let state = match &self.state {
            State::Waiting { .. } if self.stage == 0 && self.asked == 0 => return None,
            State::Waiting { .. } => StateMemory::Waiting,
            // The intent is written down before the command goes out.
            State::Asked => StateMemory::Copying { sure: false },
            State::Copying { sure } => StateMemory::Copying { sure: *sure },
            State::Cancelling { then, sure, .. } => {
                StateMemory::Cancelling { then: then.clone(), sure: *sure }
            }
            State::Ordering { list, then, .. } => {
                StateMemory::Ordering { list: list.clone(), then: then.clone() }
            }
            State::Leading { list, then, .. } => {
                StateMemory::Leading { list: list.clone(), then: then.clone() }
            }
            State::Ended(end) => StateMemory::Ended { end: end.clone() },
        };
        Some(StepMemory { stage: self.stage, asked: self.asked > 0, copied: self.copied, state })
    }

    /// Takes up what a process that was killed had done of it. A plan that has fewer stages than the memory says
    /// is not the one that the memory is of; the caller has compared their ids.
    pub(super) fn recall(&mut self, memory: StepMemory) {
        self.stage = memory.stage.min(self.stages().saturating_sub(1));
        self.asked = u32::from(memory.asked);
        self.copied = memory.copied;
        let since = Duration::ZERO;
        self.state = match memory.state {
            StateMemory::Waiting => State::Waiting { ready: false },
            StateMemory::Copying { sure } => State::Copying { sure },
            StateMemory::Cancelling { then, sure } => State::Cancelling { then, since, sure },
            StateMemory::Ordering { list, then } => State::Ordering { list, then, since },
            StateMemory::Leading { list, then } => State::Leading { list, then, since },
            StateMemory::Ended { end } => State::Ended(end),
        };
    }
}
