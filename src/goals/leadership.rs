//! Rule `leadership`: who should lead.

use super::{Brokers, Standing, Topics, Verdict};

/// Who should lead the partitions of matching topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leadership {
    /// The topics.
    pub topics: Topics,
    /// Who should lead.
    pub by: Leads,
}

/// Who should lead, for a [`Leadership`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// The first replica of the list, as Kafka prefers.
    FirstReplica,
    /// A replica on one of these brokers, where there is one.
    On(Brokers),
    /// A replica on none of these brokers, where there is one.
    Off(Brokers),
}

impl Leadership {
    /// Judges a placement.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        let _ = standing;
        Verdict::Met
    }
}
