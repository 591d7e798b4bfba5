//! The canary: how long a record takes from a producer to a consumer, through each broker, measured with real ones.
//!
//! A small topic has a partition led by each broker. A producer with `acks=all` writes a record to each of them ten times
//! a second, a consumer reads them, and both run on a thread of their own in this process, so that one monotonic clock tells
//! both times. It needs no metrics endpoints, and says what clients feel. It runs while something is carried out.

mod layout;
mod run;
mod topic;
mod window;
mod world;

pub use world::CanaryWorld;
