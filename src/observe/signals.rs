//! [`Signals`]: what a broker's clients feel and take just now. An execution sets its pace by them. And [`CanaryTimes`], for
//! people.

use serde::{Deserialize, Serialize};

use crate::base::{BrokerId, BytesPerS, Millis};

/// What was measured of a broker in the last few seconds; what was not is absent, and never zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Signals {
    /// What flows besides copies.
    pub traffic: BrokerTraffic,
    /// How long requests take.
    pub latency: BrokerLatency,
}

/// What flows through a broker's network besides replicas that are being made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BrokerTraffic {
    /// What clients write.
    pub clients_in_bytes_per_s: Option<BytesPerS>,
    /// What clients read.
    pub clients_out_bytes_per_s: Option<BytesPerS>,
    /// What its in-sync replicas fetch from others.
    pub replicas_in_bytes_per_s: Option<BytesPerS>,
    /// What in-sync replicas elsewhere fetch from it.
    pub replicas_out_bytes_per_s: Option<BytesPerS>,
}

/// How long clients wait for a broker: the time that 99 of 100 requests stay below.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BrokerLatency {
    /// Of produce requests, as the broker measures them, with the wait for followers.
    pub produce_p99_ms: Option<Millis>,
    /// Of consumers' fetches, as the broker measures them, without the wait for something to fetch.
    pub fetch_p99_ms: Option<Millis>,
    /// From the producer to the consumer of the canary's partition that it leads.
    pub canary_p99_ms: Option<Millis>,
}

impl BrokerLatency {
    /// The worst of what is known.
    pub fn worst_ms(&self) -> Option<Millis> {
        let known = [self.produce_p99_ms, self.fetch_p99_ms, self.canary_p99_ms];
        known.into_iter().flatten().max_by(|one, other| one.get().total_cmp(&other.get()))
    }
}

/// How long the canary's records take from the producer to the consumer, over the last half minute: what people are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CanaryTimes {
    /// Of all records.
    pub all: EndToEnd,
    /// Of those through each broker, by id. A list, since a map with numbers for keys does not survive the journal.
    pub brokers: Vec<(BrokerId, EndToEnd)>,
}

/// How long records take from end to end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EndToEnd {
    /// Half of them take no longer.
    pub p50_ms: Millis,
    /// 99 of 100 take no longer.
    pub p99_ms: Millis,
}
