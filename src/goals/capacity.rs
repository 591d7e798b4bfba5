//! Rule `capacity`: a resource of a broker stays under a limit.

use crate::model::Resource;

/// A resource of each broker stays under a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Capacity {
    /// The resource.
    pub resource: Resource,
    /// The limit.
    pub limit: Limit,
}

/// A limit on a resource of a broker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// A share of the broker's capacity, 0 to 1.
    Share(f64),
    /// A number.
    Count(f64),
}
