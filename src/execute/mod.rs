//! Runs a plan: a state machine without I/O. What it wants done comes out as [`Command`]s; what was done is
//! learnt only by looking at the next [`crate::observe::Observation`].
//!
//! [`Execution`] is the machine; each of its steps is a `StepRun`, which reads its partition's `sight`. The
//! `guard`s say what may start, the `pace` how fast it is copied, the ledger in `throttle` keeps what has to be put back. Nothing here knows
//! Kafka's wire, a clock, or who asked.

mod admit;
mod answers;
mod command;
mod dir_run;
mod event;
mod execution;
mod fills;
mod guard;
mod held;
mod memory;
mod outcome;
mod pace;
mod pausing;
mod progress;
mod put_right;
mod queue;
mod request;
mod room;
mod settings;
mod sight;
mod start;
mod step_memory;
mod step_run;
mod throttle;
mod time_left;
mod wanted;

#[cfg(test)]
mod tests;

pub use answers::CommandError;
pub use command::{Answer, Command, CommandKind, CommandRefusal, Setting};
pub use event::{ExecutionEvent, Pause};
pub use execution::{Execution, Turn};
pub use held::HeldMemory;
pub use memory::{Course, Fact, Memory, Start, Tally};
pub use outcome::{DropReason, End, Leftover, NotStarted, Outcome, StaleStep, StepEnd};
pub use pace::{Brake, derived_rate};
pub use progress::{Phase, Progress};
pub use request::OperatorRequest;
pub use settings::{ExecuteSettings, StopMode, ThrottleRate};
pub use step_memory::StepMemory;
pub use throttle::{CopyEnd, RateOf};
