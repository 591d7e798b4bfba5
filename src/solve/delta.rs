//! [`Delta`]: what a change does to the penalties, and the changes themselves as the search sees them.

use super::problem::{EPSILON, Load, TIERS, penalty};
use crate::model::{BrokerOrd, TopicOrd};

/// Change of the penalties by tier, most important first; negative is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Delta {
    /// By tier.
    pub tiers: [f64; TIERS],
    /// All tiers together, each goal by what it weighs in the search.
    pub sum: f64,
}

impl Delta {
    /// Whether the first tier that changes gets better.
    pub fn improves(&self) -> bool {
        self.tiers.iter().find(|change| change.abs() > EPSILON).is_some_and(|change| *change < 0.0)
    }

    /// Whether some tier gets worse.
    pub fn worsens_any(&self) -> bool {
        self.tiers.iter().any(|change| *change > EPSILON)
    }

    /// What is gained in all tiers together.
    pub fn gain(&self) -> f64 {
        -self.sum
    }

    /// Whether it is good on the whole and no must gets worse.
    pub fn is_fair(&self) -> bool {
        self.tiers[0] <= EPSILON && self.gain() > EPSILON
    }

    /// Both changes together.
    pub fn plus(mut self, other: &Self) -> Self {
        self.tiers.iter_mut().zip(other.tiers).for_each(|(sum, more)| *sum += more);
        self.sum += other.sum;
        self
    }

    pub fn add(&mut self, tier: usize, weight: f64, change: f64) {
        self.tiers[tier] += change;
        self.sum += weight * change;
    }

    /// No change.
    pub const NONE: Self = Self { tiers: [0.0; TIERS], sum: 0.0 };
}

/// A replica, or only leadership, of a topic that goes from one broker to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub topic: TopicOrd,
    pub from: BrokerOrd,
    pub to: BrokerOrd,
    /// Whether a replica goes.
    pub replica: bool,
    /// Whether leadership goes.
    pub leader: bool,
}

/// What two brokers gain (or, negative, lose) by a change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    pub a: BrokerOrd,
    pub to_a: Load,
    pub b: BrokerOrd,
    pub to_b: Load,
}

/// What `more` on top of a load does to its penalty.
#[inline]
pub(super) fn change((low, high): (f64, f64), load: f64, more: f64, scale: f64) -> f64 {
    let after = load + more;
    penalty((after - high).max(low - after), scale) - penalty((load - high).max(low - load), scale)
}
