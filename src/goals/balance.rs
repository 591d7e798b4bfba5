//! Rule `balance`: a resource of each broker within a band around the capacity-weighted mean.

use crate::model::Resource;

/// A resource of each broker stays within `mean * (1 - band) ..= mean * (1 + band)`, weighted by capacity.
#[derive(Debug, Clone, PartialEq)]
pub struct Balance {
    /// The resource.
    pub resource: Resource,
    /// Half width of the band as a share of the mean, such as 0.1.
    pub band: f64,
}
