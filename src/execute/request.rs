//! What an operator asks of an execution while it runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Execution, ExecutionEvent, StopMode, ThrottleRate};
use crate::observe::Observation;

/// What an operator asks of an execution while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "request")]
pub enum OperatorRequest {
    /// Nothing new starts; what is in flight goes on.
    Pause,
    /// Takes a pause back.
    Resume,
    /// Ends it.
    Stop {
        /// What becomes of moves in flight.
        mode: StopMode,
    },
    /// Other goals are asked for than those that the plan serves: what has not begun is dropped, and left to a new plan.
    OtherGoals,
    /// Sets other limits; what is absent stays as it is.
    Limits {
        /// The replication throttle.
        throttle: Option<ThrottleRate>,
        /// Moves at once on a broker, in each direction.
        moves_per_broker: Option<usize>,
    },
}

impl fmt::Display for OperatorRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause => f.pad("pause"),
            Self::Resume => f.pad("resume"),
            Self::Stop { mode: StopMode::FinishInFlight } => f.pad("stop, and finish what is in flight"),
            Self::Stop { mode: StopMode::Cancel } => f.pad("stop, and cancel what is in flight"),
            Self::Stop { mode: StopMode::Now } => f.pad("stop now"),
            Self::OtherGoals => f.pad("other goals, by which what has not begun is planned anew"),
            Self::Limits { throttle, moves_per_broker } => {
                write!(f, "limits, {}", limits(*throttle, *moves_per_broker))
            }
        }
    }
}

/// Limits in words; those that are not set are not named.
pub(super) fn limits(throttle: Option<ThrottleRate>, moves_per_broker: Option<usize>) -> String {
    let throttle = throttle.map(|throttle| throttle.to_string());
    let moves = moves_per_broker.map(|moves| format!("{moves} moves at once on a broker"));
    throttle.into_iter().chain(moves).collect::<Vec<_>>().join(", ")
}

impl Execution {
    /// Does what an operator asks. `seen` is the last look, if there was one.
    pub fn request(&mut self, request: &OperatorRequest, seen: Option<&Observation>) {
        if self.is_done() {
            return;
        }
        match request {
            OperatorRequest::Pause => self.course.paused = true,
            OperatorRequest::Resume => self.course.paused = false,
            OperatorRequest::Stop { mode } => self.request_stop(*mode),
            OperatorRequest::OtherGoals => self.take_other_goals(),
            OperatorRequest::Limits { throttle, moves_per_broker } => {
                self.course.throttle = throttle.or(self.course.throttle);
                let moves = moves_per_broker.map(|moves| moves.max(1));
                self.course.moves_in_flight_per_broker = moves.or(self.course.moves_in_flight_per_broker);
                let (throttle, moves_per_broker) = (*throttle, moves);
                self.events.push(ExecutionEvent::LimitsChanged { throttle, moves_per_broker });
                self.take_limits(seen);
            }
        }
    }

    /// Puts into force what an operator has set since the start. Throttles that stand are changed by the ledger.
    pub(super) fn take_limits(&mut self, seen: Option<&Observation>) {
        if let Some(moves) = self.course.moves_in_flight_per_broker {
            self.settings.moves_in_flight_per_broker = moves;
        }
        if let Some(throttle) = self.course.throttle {
            self.settings.throttle = throttle;
        }
        self.pace.set_throttle(self.settings.throttle, seen);
        self.foreseen = None;
    }
}
