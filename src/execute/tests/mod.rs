//! The machine against a desk: a cluster small enough to hold in the head, changed by hand between turns.

mod desk;
mod fills;
mod guards;
mod log_dirs;
mod moves;
mod paces;
mod resize;
mod stops;
mod throttles;
