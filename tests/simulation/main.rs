//! The simulated cluster does what Kafka does, and the same again for the same seed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod deaths;
mod determinism;
mod execution;
mod faults;
mod makespan;
mod matrix;
mod meddler;
mod operations;
mod pace;
mod planted;
mod presets;
mod reassignment;
mod scenario;
mod span;
mod support;
mod tally;
mod throttle;
mod time_left;
mod trial;
mod trouble;
mod twins;
mod urgent;
mod watch;
mod waves;
