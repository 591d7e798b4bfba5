//! Ids and units: the words that every other room speaks.
//!
//! Nothing here knows what a cluster is. A bare number never crosses from one room into another; it
//! travels as one of these types, so that bytes are never added to cores, nor broker ids to positions.

mod digest;
mod ids;
mod line;
mod units;

pub use digest::{Digest, DigestBuilder};
pub use ids::{BrokerId, ModelId, PlanId, RackId, TopicName, TopicPartition};
pub use line::one_line;
pub use units::{Bytes, BytesPerS, Cores, Millis, NotAnAmount, TimestampMs, UnitError, format_duration};
