//! [`GoalSet`]: goals by tier, read from TOML.

use super::{Balance, Capacity, Spread};

/// A named list of goals.
#[derive(Debug, Clone, PartialEq)]
pub struct GoalSet {
    /// Its name.
    pub name: String,
    /// One sentence for people.
    pub description: String,
    /// The goals, in the order of the file.
    pub goals: Vec<Goal>,
}

/// One goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// Its name, unique in the set.
    pub name: String,
    /// How much it matters against others.
    pub tier: Tier,
    /// Its weight against goals of the same tier.
    pub weight: f64,
    /// What it asks for.
    pub rule: Rule,
}

/// Tiers are lexicographic: `Must` before 1 before 2 ...
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// A plan never breaks it and always mends it where that is possible.
    Must,
    /// Wanted, the lower the number the more.
    Want(u8),
}

/// The rule kinds.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Replicas of a partition stand on distinct racks, or as evenly as possible.
    Spread(Spread),
    /// A resource of a broker stays under a limit.
    Capacity(Capacity),
    /// A resource of a broker stays within a band around the capacity-weighted mean.
    Balance(Balance),
}

/// What is wrong with a goal file; names line and key.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GoalError {
    /// Not a goal file.
    #[error("{0}")]
    Malformed(String),
}
