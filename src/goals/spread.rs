//! Rule `spread`: replicas of a partition over distinct values of a broker attribute.

/// What replicas are spread over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// `broker.rack`.
    Rack,
}

/// Replicas of each partition stand on distinct racks; where there are fewer racks than replicas, as evenly as possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    /// What they are spread over.
    pub over: Attribute,
}

/// How many distinct racks a partition of this replication factor can stand on.
pub fn most_even_rack_count(replication_factor: usize, racks: usize) -> usize {
    replication_factor.min(racks)
}
