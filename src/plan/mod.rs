//! From a target to steps in waves, with a price; and the independent judge of any plan.

mod plan;
mod step;

pub use plan::{BrokerLoads, GoalOutcome, Plan, Price, Refused, Wave};
pub use step::{LeaderStep, MoveStep, Step};
