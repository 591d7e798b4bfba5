//! evenkeel keeps an Apache Kafka cluster level.
//!
//! Data flows one way round: observe, model, goals, solve, plan, judge, execute. Each module below is a room of
//! that flow and imports only rooms that stand below it in this list, read from the bottom up:
//!
//! | room | holds |
//! | --- | --- |
//! | [`edge`] | the rim: Kafka's wire protocol, metrics endpoints, the simulated cluster, the command line |
//! | [`control`] | the loop and the one door to the outside, [`control::World`] |
//! | [`report`] | events, explanations, views |
//! | [`ask`] | questions about a cluster, answered on the model |
//! | [`execute`] | a state machine that runs a plan, without I/O |
//! | [`plan`] | from a target to steps in waves; the judge |
//! | [`solve`] | model + goals -> target |
//! | [`goals`] | the rule kinds that goal files are made of |
//! | [`model`] | the cluster as one immutable value |
//! | [`observe`] | what was seen, with its gaps |
//! | [`config`] | settings |
//! | [`base`] | ids and units |
//!
//! Everything below `edge` is plain data in, plain data out: no clock, no sockets, no files, no environment,
//! no logging, no async. A test reads the imports and fails on an arrow that points up.

pub mod ask;
pub mod base;
pub mod config;
pub mod control;
pub mod edge;
pub mod execute;
pub mod goals;
pub mod model;
pub mod observe;
pub mod plan;
pub mod report;
pub mod solve;
