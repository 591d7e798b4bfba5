//! [`SimSpec::of`]: a simulated cluster that stands as a real one was seen to stand.

use super::num::whole;
use super::{BrokerSpec, LogDirSpec, PartitionSpec, SimSpec, TopicSpec};
use crate::base::{Bytes, BytesPerS};
use crate::observe::{Observation, Partition, SeenBroker};

/// What a broker's network does where nobody measured it: 10 Gbit/s.
const NETWORK_BYTES_PER_S: u64 = 1_250_000_000;

/// Room on volumes of unknown size: as if there were always enough.
const UNKNOWN_DISK_BYTES: u64 = 1 << 50;

impl SimSpec {
    /// The cluster of an observation, all its brokers up and all replicas in sync: what a plan made from a snapshot
    /// would take on it can be tried in virtual time. Data is held at the size that it has, as where retention lets
    /// go of as much as clients write.
    pub fn of(observation: &Observation, seed: u64) -> Self {
        let mut spec = Self::new(seed);
        spec.start_at = observation.taken_at;
        if let Some(id) = &observation.cluster_id {
            spec.cluster_id.clone_from(id);
        }
        let brokers = observation.brokers.iter().map(|(id, broker)| BrokerSpec {
            id: *id,
            rack: broker.rack.clone(),
            log_dirs: log_dirs(broker),
            network_in_bytes_per_s: rate(broker.capacity.network_in_bytes_per_s, NETWORK_BYTES_PER_S),
            network_out_bytes_per_s: rate(broker.capacity.network_out_bytes_per_s, NETWORK_BYTES_PER_S),
            cpu_cores: broker.capacity.cpu_cores.map_or(8.0, crate::base::Cores::get),
        });
        spec.brokers = brokers.collect();
        let topics = observation.topics.iter().map(|(name, topic)| {
            let mut partitions: Vec<&Partition> = topic.partitions.iter().collect();
            partitions.sort_by_key(|partition| partition.id);
            TopicSpec {
                name: name.clone(),
                min_insync_replicas: topic.min_insync_replicas.unwrap_or(1),
                internal: topic.internal,
                partitions: partitions.into_iter().map(partition_spec).collect(),
            }
        });
        spec.topics = topics.collect();
        spec
    }
}

fn rate(seen: Option<BytesPerS>, unknown: u64) -> u64 {
    seen.map_or(unknown, |rate| whole(rate.get()))
}

fn log_dirs(broker: &SeenBroker) -> Vec<LogDirSpec> {
    let dirs = broker.log_dirs.iter().filter(|dir| dir.online);
    let mut specs: Vec<LogDirSpec> = dirs
        .map(|dir| LogDirSpec::new(&dir.path, dir.total_bytes.map_or(UNKNOWN_DISK_BYTES, |bytes| bytes.0)))
        .collect();
    if specs.is_empty() {
        let total = broker.capacity.disk_bytes.map_or(UNKNOWN_DISK_BYTES, |bytes| bytes.0);
        specs.push(LogDirSpec::new("/data/1", total));
    }
    specs
}

fn partition_spec(seen: &Partition) -> PartitionSpec {
    let size_bytes = seen.full_size_bytes().unwrap_or(Bytes::ZERO).0;
    PartitionSpec {
        replicas: seen.replicas.clone(),
        leader: seen.leader.filter(|leader| seen.replicas.contains(leader)),
        size_bytes,
        retention_bytes: size_bytes,
        produce_bytes_per_s: rate(seen.load.produce_bytes_per_s, 0),
        consume_bytes_per_s: rate(seen.load.consume_bytes_per_s, 0),
    }
}
