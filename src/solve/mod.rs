//! Model + goals -> target: the search for a better placement, as a pure function of its inputs.
//!
//! [`solve`] checks the request (`roles`), turns the goals into arrays of bounds (`problem`) and searches on a
//! [`crate::model::Assignment`] with running sums (`state`): what has to move (`forced`), leaders (`leaders`), moves
//! by gain per byte (`level`, with `offers` and `weigh`), exchanges (`swaps`, `bundles`), and back with what was
//! needless (`trim`). Tiny clusters end with an exact search (`exact`, with its `exact_places` and `exact_prices`).
//! `log_dirs` then levels the directories of each broker. `certificate` bounds how far any plan is from the best; `reasons` and
//! `refusals` say why, and why not.

mod budget;
mod bundles;
mod certificate;
mod chains;
mod delta;
mod dir_shelf;
mod error;
mod exact;
mod exact_places;
mod exact_prices;
mod factor;
mod fills;
mod forced;
mod groups;
mod lack;
mod leaders;
mod level;
mod log_dirs;
mod offers;
mod permits;
mod problem;
mod queue;
mod reach;
mod reasons;
mod refusals;
mod request;
mod roles;
mod shortfall;
mod shortfall_facts;
mod shortfall_loss;
mod shortfall_topics;
mod solver;
mod state;
mod survive;
mod swaps;
mod topic_terms;
mod topics;
mod trim;
mod weigh;

pub use certificate::{
    Argument, BalanceBound, BoundPrice, BoundSide, BytesBound, Certificate, Reached, Terms, TimeBound,
    Yardstick, check_gap, gap_percent,
};
pub use error::SolveError;
pub use lack::Lack;
pub use log_dirs::log_dir_loads;
pub use request::{
    Budget, Change, LogDirMove, LogDirName, Operation, Refusal, RefusalKind, Request, Solution,
};
pub use shortfall::{Shortfall, forced_copies, rack_unset, shortfalls};
pub use shortfall_facts::forced_loads;
pub use solver::solve;
