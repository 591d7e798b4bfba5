//! One record of Cruise Control's metrics reporter, from its bytes. Big-endian throughout:
//!
//! ```text
//! class: u8 (0 broker, 1 topic, 2 partition), version: u8 (0), kind: u8, time: i64 (ms), broker: i32,
//! [topic and partition: length: i32, UTF-8], [partition: i32], value: f64
//! ```

use super::super::names::Flow;
use crate::base::{BrokerId, TopicName};

/// What a record tells, of what is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Bytes per second: Kafka's own one-minute rate, or a longer one where reports come more seldom than once a minute.
    Flow(Flow),
    /// Share of the machine's cores that the broker's process keeps busy, 0 to 1.
    CpuUse,
    /// Share of time in which request handlers are idle.
    HandlerIdle,
}

/// A record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// What is told; absent where it is nothing of use.
    pub kind: Option<Kind>,
    /// When the report that it belongs to began, by the broker's clock.
    pub time_ms: i64,
    /// The broker that reports.
    pub broker: BrokerId,
    /// The topic, where it is about one.
    pub topic: Option<TopicName>,
    /// As it was sent: it may be no amount.
    pub value: f64,
}

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RecordError {
    #[error("it ends too soon")]
    TooShort,
    #[error("it goes on after its end")]
    TooLong,
    #[error("its class is {0}, which is none that is known")]
    Class(u8),
    #[error("its version is {0}, and only 0 is known")]
    Version(u8),
    #[error("its kind {0} does not go with its class")]
    Scope(u8),
    #[error("its topic is none")]
    Topic,
}

/// What a kind is about, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Broker,
    Topic,
    Partition,
}

/// The first number that no reporter gives yet; what comes after it may be of any scope.
const KINDS: u8 = 63;

fn scope(kind: u8) -> Option<Scope> {
    match kind {
        2 | 3 | 11..=15 => Some(Scope::Topic),
        4 => Some(Scope::Partition),
        KINDS.. => None,
        _ => Some(Scope::Broker),
    }
}

fn meaning(kind: u8) -> Option<Kind> {
    match kind {
        0 | 2 => Some(Kind::Flow(Flow::In)),
        1 | 3 => Some(Kind::Flow(Flow::Out)),
        5 => Some(Kind::CpuUse),
        6 => Some(Kind::Flow(Flow::ReplicationIn)),
        7 => Some(Kind::Flow(Flow::ReplicationOut)),
        19 => Some(Kind::HandlerIdle),
        _ => None,
    }
}

/// Reads a record.
pub(super) fn read(bytes: &[u8]) -> Result<Record, RecordError> {
    let mut rest = bytes;
    let [class, version, kind] = take(&mut rest)?;
    let class = match class {
        0 => Scope::Broker,
        1 => Scope::Topic,
        2 => Scope::Partition,
        other => return Err(RecordError::Class(other)),
    };
    if version != 0 {
        return Err(RecordError::Version(version));
    }
    if scope(kind).is_some_and(|scope| scope != class) {
        return Err(RecordError::Scope(kind));
    }
    let time_ms = i64::from_be_bytes(take(&mut rest)?);
    let broker = BrokerId(i32::from_be_bytes(take(&mut rest)?));
    let topic = if class == Scope::Broker { None } else { Some(topic(&mut rest)?) };
    if class == Scope::Partition {
        let [_, _, _, _]: [u8; 4] = take(&mut rest)?;
    }
    let value = f64::from_be_bytes(take(&mut rest)?);
    if !rest.is_empty() {
        return Err(RecordError::TooLong);
    }
    Ok(Record { kind: meaning(kind), time_ms, broker, topic, value })
}

fn topic(rest: &mut &[u8]) -> Result<TopicName, RecordError> {
    let length = i32::from_be_bytes(take(rest)?);
    let length = usize::try_from(length).map_err(|_| RecordError::Topic)?;
    let (name, after) = rest.split_at_checked(length).ok_or(RecordError::TooShort)?;
    *rest = after;
    let name = std::str::from_utf8(name).map_err(|_| RecordError::Topic)?;
    if name.is_empty() || !super::super::figures::is_topic_name(name) {
        return Err(RecordError::Topic);
    }
    Ok(TopicName::from(name))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], RecordError> {
    let (first, after) = rest.split_first_chunk::<N>().ok_or(RecordError::TooShort)?;
    *rest = after;
    Ok(*first)
}

#[cfg(test)]
#[path = "record_tests.rs"]
pub(super) mod tests;
