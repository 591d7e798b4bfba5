//! Clusters for the tests of this room: one that can be followed by hand, and the skewed one of the fixtures.

use crate::base::{BrokerId, Bytes, TopicName};
use crate::observe::{Capacity, Observation, Partition, SeenBroker, SeenTopic, read_snapshot};

pub(super) const GB: u64 = 1_000_000_000;

/// Six brokers in three racks, 27 partitions, loads known.
pub(super) fn skewed() -> Observation {
    let file = include_bytes!("../../fixtures/snapshots/skewed-6.json");
    read_snapshot(file).expect("the fixture is a snapshot").0
}

/// Brokers 0, 1, 2 ... with so many in each rack (a, b, c ...), each with 1 TB of disk.
pub(super) fn cluster(per_rack: &[usize]) -> Observation {
    let mut observation = Observation::default();
    let racks = per_rack.iter().zip(["a", "b", "c", "d"]).flat_map(|(n, rack)| std::iter::repeat_n(rack, *n));
    for (id, rack) in racks.enumerate() {
        let broker = SeenBroker {
            rack: Some(rack.into()),
            alive: true,
            capacity: Capacity { disk_bytes: Some(Bytes(1000 * GB)), ..Capacity::default() },
            ..SeenBroker::default()
        };
        observation.brokers.insert(BrokerId(i32::try_from(id).expect("few brokers")), broker);
    }
    observation
}

/// Adds a topic with min ISR 2: the replicas and the size in GB of each partition.
pub(super) fn topic(observation: &mut Observation, name: &str, partitions: &[(&[i32], u64)]) {
    let partition = |(at, (replicas, size)): (usize, &(&[i32], u64))| {
        let replicas: Vec<BrokerId> = replicas.iter().copied().map(BrokerId).collect();
        Partition {
            id: i32::try_from(at).expect("few partitions"),
            leader: replicas.first().copied(),
            isr: replicas.clone(),
            replicas,
            size_bytes: Some(Bytes(size * GB)),
            ..Partition::default()
        }
    };
    let partitions = partitions.iter().enumerate().map(partition).collect();
    let topic = SeenTopic { min_insync_replicas: Some(2), partitions, ..SeenTopic::default() };
    observation.topics.insert(TopicName::from(name), topic);
}
