//! The simulated cluster does what Kafka does, and the same again for the same seed.

mod determinism;
mod faults;
mod presets;
mod reassignment;
mod support;
mod throttle;
