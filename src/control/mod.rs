//! The loop, and the one door to the outside: [`World`].

mod world;

pub use world::{Scope, World, WorldError};
