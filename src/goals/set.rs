//! [`GoalSet`]: goals by tier.

use std::fmt;

use super::{Balance, Capacity, Leadership, Minimum, Placement, Spread, Standing, Verdict};
use crate::config::ConfigError;

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
    /// Each broker holds or leads at least so many partitions of a topic.
    Minimum(Minimum),
    /// Topics stand on, or off, some brokers.
    Placement(Placement),
    /// Who should lead.
    Leadership(Leadership),
}

/// What is wrong with a goal file; names line and key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GoalError {
    /// Not a goal file, or something in it that cannot be.
    #[error(transparent)]
    Malformed(#[from] ConfigError),
    /// No goal set of this name is shipped.
    #[error("there is no goal set named `{name}`")]
    UnknownSet {
        /// The name given.
        name: String,
        /// What would help.
        hint: String,
    },
}

impl GoalError {
    /// What would help, where something is known to.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Malformed(error) => error.hint.as_deref(),
            Self::UnknownSet { hint, .. } => Some(hint),
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Must => f.pad("must"),
            Self::Want(tier) => tier.fmt(f),
        }
    }
}

impl Rule {
    /// What it asks for, in words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Spread(rule) => rule.in_words(),
            Self::Capacity(rule) => rule.in_words(),
            Self::Balance(rule) => rule.in_words(),
            Self::Minimum(rule) => rule.in_words(),
            Self::Placement(rule) => rule.in_words(),
            Self::Leadership(rule) => rule.in_words(),
        }
    }
}

impl Goal {
    /// Judges a placement.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        match &self.rule {
            Rule::Spread(rule) => rule.verdict(standing),
            Rule::Capacity(rule) => rule.verdict(standing),
            Rule::Balance(rule) => rule.verdict(standing),
            Rule::Minimum(rule) => rule.verdict(standing),
            Rule::Placement(rule) => rule.verdict(standing),
            Rule::Leadership(rule) => rule.verdict(standing),
        }
    }
}

impl GoalSet {
    /// The balance rules with their goals.
    pub fn balances(&self) -> impl Iterator<Item = (&Goal, &Balance)> {
        self.goals.iter().filter_map(|goal| match &goal.rule {
            Rule::Balance(rule) => Some((goal, rule)),
            _ => None,
        })
    }

    /// The capacity rules with their goals.
    pub fn capacities(&self) -> impl Iterator<Item = (&Goal, &Capacity)> {
        self.goals.iter().filter_map(|goal| match &goal.rule {
            Rule::Capacity(rule) => Some((goal, rule)),
            _ => None,
        })
    }
}
