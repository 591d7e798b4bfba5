//! From an observation to the file: one line for each broker, topic and partition, so that snapshots can be
//! compared line by line.

use serde::Serialize;

use super::FORMAT;
use super::check::default_offline;
use super::rows::{
    BrokerRow, ByteCount, CapacityRow, ClusterRow, CoreCount, FutureRow, LeaderRow, LogDirRow, OnDiskRow,
    PartitionRow, Rate, ReassignmentRow, TopicRow, TopicThrottleRow, exact_time,
};
use crate::base::{BrokerId, TopicName, TopicPartition};
use crate::observe::{Observation, Partition, Reassignment, Replica, SeenBroker, SeenTopic, TopicThrottle};

/// Writes a snapshot as JSON text. The same observation always gives the same text.
pub fn write_snapshot(observation: &Observation) -> String {
    let mut text = String::from("{\n");
    text.extend(["\"format\": ", &json(&FORMAT), ",\n"]);
    let cluster = ClusterRow {
        id: observation.cluster_id.clone(),
        kafka_version: observation.kafka_version.clone(),
        controller: observation.controller.map(|id| id.0),
    };
    text.extend(["\"cluster\": ", &json(&cluster), ",\n"]);
    if let Some(at) = exact_time(observation.taken_at) {
        text.extend(["\"taken_at\": ", &json(&at), ",\n"]);
    }
    let brokers = observation.brokers.iter().map(|(id, broker)| json(&broker_row(*id, broker)));
    list(&mut text, "brokers", brokers);
    text.push_str(",\n");
    list(
        &mut text,
        "topics",
        observation.topics.iter().map(|(name, topic)| topic_text(observation, name, topic)),
    );
    if !observation.reassignments.is_empty() {
        text.push_str(",\n");
        let rows = observation.reassignments.iter().map(|(which, row)| json(&reassignment_row(which, row)));
        list(&mut text, "reassignments", rows);
    }
    if !observation.gaps.is_empty() {
        text.push_str(",\n");
        list(&mut text, "gaps", observation.gaps.iter().map(json));
    }
    if let Some(sharing) = &observation.cpu_sharing {
        text.extend([",\n\"cpu_sharing\": ", &json(sharing)]);
    }
    text.push_str("\n}\n");
    text
}

fn json<T: Serialize>(row: &T) -> String {
    serde_json::to_string(row).expect("rows hold text and finite numbers only, which JSON can tell")
}

fn list(text: &mut String, key: &str, rows: impl Iterator<Item = String>) {
    text.extend(["\"", key, "\": ["]);
    push_lines(text, rows);
    text.push(']');
}

fn push_lines(text: &mut String, rows: impl Iterator<Item = String>) {
    for (index, row) in rows.enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&row);
    }
    text.push('\n');
}

fn broker_row(id: BrokerId, broker: &SeenBroker) -> BrokerRow {
    let capacity = CapacityRow {
        disk_bytes: broker.capacity.disk_bytes.map(ByteCount),
        network_in_bytes_per_s: broker.capacity.network_in_bytes_per_s.map(Rate),
        network_out_bytes_per_s: broker.capacity.network_out_bytes_per_s.map(Rate),
        cpu_cores: broker.capacity.cpu_cores.map(CoreCount),
    };
    let log_dirs = broker.log_dirs.iter().map(|dir| LogDirRow {
        path: dir.path.clone(),
        total_bytes: dir.total_bytes.map(ByteCount),
        usable_bytes: dir.usable_bytes.map(ByteCount),
        online: Some(dir.online),
    });
    BrokerRow {
        id: id.0,
        rack: broker.rack.as_ref().map(|rack| rack.as_str().to_owned()),
        host: broker.host.clone(),
        port: broker.port,
        alive: Some(broker.alive),
        capacity: (broker.capacity != crate::observe::Capacity::default()).then_some(capacity),
        other_cpu_cores: broker.other_cpu_cores.map(CoreCount),
        log_dirs: (!broker.log_dirs.is_empty()).then(|| log_dirs.collect()),
        throttle: (!broker.throttle.is_clear()).then_some(broker.throttle),
    }
}

fn topic_text(observation: &Observation, name: &TopicName, topic: &SeenTopic) -> String {
    let throttle = TopicThrottleRow {
        leader: topic.throttle.leader.as_ref().map(ToString::to_string),
        follower: topic.throttle.follower.as_ref().map(ToString::to_string),
    };
    let row = TopicRow {
        name: name.as_str().to_owned(),
        id: topic.id.map(|id| id.to_string()),
        min_insync_replicas: topic.min_insync_replicas,
        internal: Some(topic.internal),
        throttle: (topic.throttle != TopicThrottle::default()).then_some(throttle),
        partitions: Vec::new(),
    };
    let mut text = json(&row);
    text.pop();
    text.push_str(",\"partitions\":[");
    push_lines(
        &mut text,
        topic.partitions.iter().map(|partition| json(&partition_row(observation, partition))),
    );
    text.push_str("]}");
    text
}

fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|id| id.0).collect()
}

fn partition_row(observation: &Observation, partition: &Partition) -> PartitionRow {
    let replicas = &partition.replicas;
    let own = |broker: &BrokerId| partition.on_disk.get(broker);
    let sizes: Vec<_> = replicas
        .iter()
        .map(|broker| own(broker).and_then(|replica| replica.size_bytes).map(ByteCount))
        .collect();
    let log_dirs: Vec<_> =
        replicas.iter().map(|broker| own(broker).and_then(|replica| replica.log_dir.clone())).collect();
    let all_sizes_known = sizes.iter().all(Option::is_some);
    let size = partition.size_bytes.or_else(|| partition.full_size_bytes().filter(|_| all_sizes_known));
    let on_disk: Vec<_> = partition
        .on_disk
        .iter()
        .filter(|(broker, replica)| !fits_the_lists(replicas, **broker, replica))
        .map(|(broker, replica)| on_disk_row(*broker, replica))
        .collect();
    let offline = default_offline(&observation.brokers, replicas, &partition.on_disk);
    PartitionRow {
        id: partition.id,
        replicas: ids(replicas),
        leader: partition.leader.map_or(LeaderRow::Nobody, |id| LeaderRow::Is(id.0)),
        isr: Some(ids(&partition.isr)),
        offline: (partition.offline != offline).then(|| ids(&partition.offline)),
        size_bytes: size.map(ByteCount),
        produce_bytes_per_s: partition.load.produce_bytes_per_s.map(Rate),
        consume_bytes_per_s: partition.load.consume_bytes_per_s.map(Rate),
        follower_consume_bytes_per_s: partition.load.follower_consume_bytes_per_s.map(Rate),
        leader_cpu_cores: partition.load.leader_cpu_cores.map(CoreCount),
        follower_cpu_cores: partition.load.follower_cpu_cores.map(CoreCount),
        load_basis: partition.load.basis,
        replica_sizes_bytes: sizes.iter().any(Option::is_some).then_some(sizes),
        replica_log_dirs: log_dirs.iter().any(Option::is_some).then_some(log_dirs),
        on_disk: (!on_disk.is_empty()).then_some(on_disk),
    }
}

/// Whether the lists parallel to `replicas` tell all of a replica on disk.
fn fits_the_lists(replicas: &[BrokerId], broker: BrokerId, replica: &Replica) -> bool {
    let says_something = replica.size_bytes.is_some() || replica.log_dir.is_some();
    replicas.contains(&broker) && replica.future.is_none() && says_something
}

fn on_disk_row(broker: BrokerId, replica: &Replica) -> OnDiskRow {
    let future = replica.future.as_ref();
    OnDiskRow {
        broker: broker.0,
        size_bytes: replica.size_bytes.map(ByteCount),
        log_dir: replica.log_dir.clone(),
        future: future.map(|(path, size)| FutureRow { log_dir: path.clone(), size_bytes: ByteCount(*size) }),
    }
}

fn reassignment_row(which: &TopicPartition, row: &Reassignment) -> ReassignmentRow {
    ReassignmentRow {
        topic: which.topic.as_str().to_owned(),
        partition: which.partition,
        replicas: ids(&row.replicas),
        adding: ids(&row.adding),
        removing: ids(&row.removing),
    }
}
