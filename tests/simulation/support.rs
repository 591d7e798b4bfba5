//! Small clusters for the tests, and short ways to say what to do with them.

use std::time::Duration;

use evenkeel::base::{BrokerId, TopicPartition};
use evenkeel::edge::sim::{BrokerSpec, SimCluster, SimSpec, TopicSpec};

pub const MB: u64 = 1_000_000;

/// Four brokers, two log directories each, 100 MB/s of network; one topic of two partitions of 1 GB on 1, 2, 3.
pub fn four_brokers() -> SimSpec {
    let mut spec = SimSpec::new(7);
    for id in 1..=4 {
        let rack = format!("az-{}", id % 3);
        spec.brokers.push(BrokerSpec::new(id, &rack, 100_000 * MB, 100 * MB).with_log_dirs(2));
    }
    let topic = TopicSpec::new("orders");
    spec.topics.push(topic.with_partition(&[1, 2, 3], 1_000 * MB).with_partition(&[1, 3, 2], 1_000 * MB));
    spec
}

pub fn cluster(spec: &SimSpec) -> SimCluster {
    SimCluster::new(spec).unwrap()
}

pub fn orders(partition: i32) -> TopicPartition {
    TopicPartition::new("orders", partition)
}

pub fn ids(list: &[i32]) -> Vec<BrokerId> {
    list.iter().copied().map(BrokerId).collect()
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Replicas, ISR and leader, as plain numbers.
pub fn stands(cluster: &SimCluster, partition: i32) -> (Vec<i32>, Vec<i32>, Option<i32>) {
    let seen = cluster.partition(&orders(partition)).unwrap();
    let plain = |list: &[BrokerId]| list.iter().map(|id| id.0).collect();
    let mut isr: Vec<i32> = plain(seen.isr());
    isr.sort_unstable();
    (plain(seen.replicas()), isr, seen.leader().map(|id| id.0))
}

/// How long until no reassignment runs, in seconds; at most a day.
pub fn time_to_finish(cluster: &mut SimCluster) -> f64 {
    let start = cluster.elapsed();
    let took = |cluster: &SimCluster| cluster.elapsed().checked_sub(start).unwrap();
    while cluster.partitions().any(evenkeel::edge::sim::SimPartition::is_reassigning) {
        assert!(cluster.step(seconds(86_400)), "nothing more will happen");
        assert!(took(cluster) < seconds(86_400), "the reassignment does not end");
    }
    took(cluster).as_secs_f64()
}
