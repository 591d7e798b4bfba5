//! What is wanted: goal sets as data, and the few rule kinds that they are made of.
//!
//! A goal set is a TOML file (`goals/*.toml` are embedded in the binary). A new rule kind is one file here
//! and one variant of [`Rule`]; a new goal is a table in a TOML file. Rules judge a [`Standing`]; how a better
//! placement is found is none of their business.

mod balance;
mod brokers;
mod capacity;
mod leadership;
mod log_dirs;
mod minimum;
mod parse;
mod placement;
mod set;
mod shipped;
mod spread;
#[cfg(test)]
pub(crate) mod test_cluster;
mod topics;
mod verdict;

pub use balance::{Balance, Bounds, Per, Side};
pub use brokers::Brokers;
pub use capacity::{Capacity, Limit, Scope, Survive};
pub use leadership::{Leadership, Leads};
pub use minimum::{Counted, Least, Minimum};
pub use placement::{Demand, Placement};
pub use set::{Goal, GoalError, GoalSet, Rule, Tier};
pub use shipped::GOALS_SCHEMA;
pub use spread::{Attribute, Spread};
pub use topics::{PatternError, TopicPattern, Topics};
pub use verdict::{Missing, Standing, Verdict, Violation};
