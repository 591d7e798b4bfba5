//! The loop, and the one door to the outside: [`World`].
//!
//! [`drive`] runs one plan to its end; [`World`] is what it acts on. Nothing here knows Kafka's wire.

mod drive;
mod world;

pub use drive::{Happening, drive};
pub use world::{Scope, World, WorldError};
