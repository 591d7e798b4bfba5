//! From brokers' metrics to the load of each partition.
//!
//! Brokers count traffic per topic, not per partition, so a topic's traffic on a broker is shared out
//! over the partitions of that topic which the broker leads, by their size.

use std::collections::BTreeMap;

use crate::base::{BrokerId, BytesPerS, Cores, TopicName};

use super::Observation;

/// The load of one partition, as far as known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PartitionLoad {
    /// What producers write to it.
    pub produce_bytes_per_s: Option<BytesPerS>,
    /// What consumers read from it (followers not counted).
    pub consume_bytes_per_s: Option<BytesPerS>,
    /// Processor time of its leader.
    pub leader_cpu_cores: Option<Cores>,
    /// Processor time of each of its followers.
    pub follower_cpu_cores: Option<Cores>,
}

/// What one broker's metrics endpoint told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BrokerMetrics {
    /// Bytes that clients write, per topic. A topic without traffic is absent: that means zero.
    pub topic_bytes_in_per_s: BTreeMap<TopicName, BytesPerS>,
    /// Bytes that clients read, per topic.
    pub topic_bytes_out_per_s: BTreeMap<TopicName, BytesPerS>,
    /// Bytes that clients write, all topics.
    pub bytes_in_per_s: Option<BytesPerS>,
    /// Bytes that clients read, all topics.
    pub bytes_out_per_s: Option<BytesPerS>,
    /// Bytes received from other brokers.
    pub replication_in_per_s: Option<BytesPerS>,
    /// Bytes sent to other brokers.
    pub replication_out_per_s: Option<BytesPerS>,
    /// Cores that the broker keeps busy.
    pub cpu_cores_used: Option<Cores>,
    /// Cores that it has.
    pub cpu_cores: Option<Cores>,
    /// Share of time in which the request handler threads are idle, 0 to 1.
    pub request_handler_idle_ratio: Option<f64>,
}

/// Shares brokers' measured traffic and processor time out over the partitions they hold, in place.
pub fn attribute(_observation: &mut Observation, _metrics: &BTreeMap<BrokerId, BrokerMetrics>) {}
