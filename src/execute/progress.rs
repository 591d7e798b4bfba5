//! [`Progress`]: how far an execution is, from sizes that were seen.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::step_run::{State, StepRun};
use super::{Brake, Pause, StepEnd, StopMode};
use crate::base::{Bytes, BytesPerS, format_duration};

/// The speed is measured over this time: long enough to even out single fetches, short enough to follow a throttle.
const SPEED_WINDOW: Duration = Duration::from_secs(60);

/// How far an execution is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// Bytes that the steps copy which were not dropped.
    pub bytes_total: Bytes,
    /// Of these, bytes that are there: seen in the sizes of the new replicas.
    pub bytes_done: Bytes,
    /// Steps of the plan.
    pub steps_total: usize,
    /// Steps seen done.
    pub steps_done: usize,
    /// Steps under way.
    pub steps_in_flight: usize,
    /// Steps that have not begun.
    pub steps_pending: usize,
    /// Steps that ended otherwise than done.
    pub steps_dropped: usize,
    /// The wave, counted from 1; 0 in a plan without steps.
    pub wave: usize,
    /// How many waves there are.
    pub waves: usize,
    /// Measured over the last minute; absent until something was measured.
    pub speed_bytes_per_s: Option<BytesPerS>,
    /// Time left in seconds, as the throttles let the rest be copied; without throttles, at that speed.
    pub left_s: Option<f64>,
    /// The lowest and the highest throttle of a broker that takes part, in bytes per second.
    pub throttle_bytes_per_s: Option<(u64, u64)>,
    /// What holds the pace of copies back, if something measured does.
    pub brake: Option<Brake>,
    /// What it is doing.
    pub phase: Phase,
    /// Why nothing new starts, if that is so.
    pub paused: Option<Pause>,
    /// The stop that was asked for.
    pub stopping: Option<StopMode>,
}

/// What an execution is doing, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing is under way yet, or nothing may start.
    Waiting,
    /// Nothing is under way, and something keeps it so.
    Paused,
    /// Replicas are being copied.
    Copying,
    /// Moves are being cancelled.
    Cancelling,
    /// Replica orders and leaders are being put right.
    PuttingRight,
    /// Every step has ended; throttles are being put back.
    Clearing,
    /// It is over.
    Over,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Copying => "copying",
            Self::Cancelling => "cancelling",
            Self::PuttingRight => "putting-right",
            Self::Clearing => "clearing",
            Self::Over => "over",
        })
    }
}

impl super::Execution {
    /// What it is doing: of several things the one that it will be remembered for.
    pub(super) fn phase(&self) -> Phase {
        let any = |which: fn(&StepRun) -> bool| self.steps.iter().any(which);
        match () {
            () if self.is_done() => Phase::Over,
            () if any(|step| matches!(step.state, State::Cancelling { .. })) => Phase::Cancelling,
            () if any(StepRun::is_copying) => Phase::Copying,
            () if any(|step| matches!(step.state, State::Ordering { .. } | State::Leading { .. })) => {
                Phase::PuttingRight
            }
            () if !any(|step| !matches!(step.state, State::Ended(_))) => Phase::Clearing,
            () if self.pause.is_some() => Phase::Paused,
            () => Phase::Waiting,
        }
    }
}

impl Progress {
    /// The share of the bytes that is done, 0 to 1; of the steps where nothing is copied.
    pub fn ratio(&self) -> f64 {
        if self.bytes_total > Bytes::ZERO {
            return (self.bytes_done.as_f64() / self.bytes_total.as_f64()).min(1.0);
        }
        let ended = u32::try_from(self.steps_done + self.steps_dropped).unwrap_or(u32::MAX);
        let total = u32::try_from(self.steps_total).unwrap_or(u32::MAX);
        if total == 0 { 1.0 } else { f64::from(ended) / f64::from(total) }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} %, {} of {}", self.ratio() * 100.0, self.bytes_done, self.bytes_total)?;
        write!(f, ", {} of {} steps, {} under way", self.steps_done, self.steps_total, self.steps_in_flight)?;
        if self.waves > 1 {
            write!(f, ", wave {} of {}", self.wave, self.waves)?;
        }
        if let Some(speed) = self.speed_bytes_per_s {
            write!(f, ", {speed}")?;
        }
        if let Some(left) = self.left_s {
            write!(f, ", {} left", format_duration(Duration::from_secs_f64(left)))?;
        }
        if self.steps_dropped > 0 {
            write!(f, ", {} dropped", self.steps_dropped)?;
        }
        if let Some(brake) = &self.brake {
            write!(f, ", held back: {brake}")?;
        }
        match &self.paused {
            Some(pause) => write!(f, ", paused: {pause}"),
            None => Ok(()),
        }
    }
}

/// Measured samples of time and bytes done.
#[derive(Debug, Default)]
pub(super) struct Speed(VecDeque<(Duration, Bytes)>);

impl Speed {
    pub(super) fn sample(&mut self, at: Duration, done: Bytes) {
        // A move that was cancelled takes its bytes back; the measurement begins anew.
        if self.0.back().is_some_and(|(_, before)| *before > done) {
            self.0.clear();
        }
        self.0.push_back((at, done));
        while self.0.len() > 2 && at.saturating_sub(self.0[0].0) > SPEED_WINDOW {
            self.0.pop_front();
        }
    }

    pub(super) fn get(&self) -> Option<BytesPerS> {
        let ((from, before), (to, after)) = (self.0.front()?, self.0.back()?);
        let took = to.saturating_sub(*from).as_secs_f64();
        let speed = after.saturating_sub(*before).as_f64() / took;
        if took > 0.0 && speed > 0.0 { BytesPerS::new(speed).ok() } else { None }
    }
}

/// Bytes to copy and bytes there, of one step.
pub(super) fn bytes(step: &StepRun) -> (Bytes, Bytes) {
    let planned = step.step.bytes();
    match &step.state {
        State::Ended(StepEnd::Done) | State::Leading { then: StepEnd::Done, .. } => {
            (step.copied, step.copied)
        }
        State::Ended(_) | State::Leading { .. } | State::Ordering { .. } => (step.copied, step.copied),
        State::Copying { .. } | State::Cancelling { .. } => {
            let size = match step.step {
                crate::plan::Step::LogDir(_) => planned,
                _ => Bytes(step.planned_size().0.saturating_mul(step.added().count() as u64)),
            };
            let there = step.lacking.map_or(Bytes::ZERO, |lacking| size.saturating_sub(lacking));
            (planned, step.copied + there)
        }
        State::Waiting { .. } | State::Asked => (planned, step.copied),
    }
}
