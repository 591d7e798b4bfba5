//! Model + goals -> target: the search for a better placement, as a pure function of its inputs.

mod request;

pub use request::{Change, Operation, Refusal, RefusalKind, Request, Solution, SolveError, solve};
