//! The simulated cluster does what Kafka does, and the same again for the same seed.

mod determinism;
mod execution;
mod faults;
mod meddler;
mod presets;
mod reassignment;
mod scenario;
mod support;
mod throttle;
mod watch;
