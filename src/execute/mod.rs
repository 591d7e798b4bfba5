//! Runs a plan: a state machine without I/O. What it wants done comes out as [`Command`]s; what was done is
//! learnt only by looking at the next [`crate::observe::Observation`].

mod command;

pub use command::{Answer, Command, CommandRefusal, Setting};
