//! The rules of the house, as tests: which room may import which, what pure rooms must not touch, how long a
//! file may grow. The table in `arrows.rs` is the picture of the architecture.

mod arrows;
mod dependencies;
mod leftovers;
mod sizes;
mod source;
