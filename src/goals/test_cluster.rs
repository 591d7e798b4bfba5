//! Small clusters for the tests of rules.

use std::collections::BTreeMap;

use super::{Standing, Verdict};
use crate::base::{BrokerId, DigestBuilder, ModelId, RackId, TimestampMs};
use crate::model::{
    Assignment, Broker, BrokerOrd, ClusterModel, Health, HostOrd, PartitionOrd, PartitionRow, RackOrd,
    Resource, Sums, TopicOrd, TopicRow,
};

/// A cluster of live brokers, each `(id, rack)` and on a host of its own, `h<id>`, and topics with the replica lists of
/// their partitions. The first of each list leads. A partition has 100 bytes, 10 bytes/s are produced and 20 consumed;
/// it keeps 2 cores busy on its leader and 1 on each follower. Capacities are not known. Brokers come by rising id.
pub fn cluster(brokers: &[(i32, &str)], topics: &[(&str, &[&[i32]])]) -> ClusterModel {
    let mut racks: Vec<RackId> = brokers.iter().map(|(_, rack)| RackId::from(*rack)).collect();
    racks.sort();
    racks.dedup();
    let mut hosts: Vec<String> = brokers.iter().map(|(id, _)| format!("h{id}")).collect();
    hosts.sort();
    let broker = |(id, rack): &(i32, &str)| Broker {
        id: BrokerId(*id),
        rack: RackOrd::from(racks.iter().position(|known| known.as_str() == *rack).unwrap()),
        host: HostOrd::from(hosts.iter().position(|host| *host == format!("h{id}")).unwrap()),
        alive: true,
        capacity: [None; Resource::COUNT],
        other_disk_bytes: 0.0,
        other_cpu_cores: 0.0,
        log_dirs: Vec::new(),
    };
    let ord = |id: &i32| BrokerOrd::from(brokers.iter().position(|(known, _)| known == id).unwrap());
    let (mut rows, mut partitions, mut lists) = (Vec::new(), Vec::new(), Vec::new());
    for (name, replicas) in topics {
        rows.push(TopicRow {
            name: (*name).into(),
            min_insync_replicas: 1,
            internal: false,
            first_partition: PartitionOrd::from(partitions.len()),
            partition_count: u32::try_from(replicas.len()).unwrap(),
        });
        for (id, list) in replicas.iter().enumerate() {
            partitions.push(PartitionRow {
                topic: TopicOrd::from(rows.len() - 1),
                id: i32::try_from(id).unwrap(),
                size_bytes: 100.0,
                produce_bytes_per_s: 10.0,
                consume_bytes_per_s: 20.0,
                follower_consume_bytes_per_s: 0.0,
                leader_cpu_cores: 2.0,
                follower_cpu_cores: 1.0,
                health: Health::Healthy,
            });
            let list: Vec<BrokerOrd> = list.iter().map(ord).collect();
            let leader = list.first().copied();
            lists.push((list, leader));
        }
    }
    ClusterModel {
        id: ModelId(DigestBuilder::new("test").finish()),
        cluster_id: None,
        observed_at: TimestampMs::default(),
        brokers: brokers.iter().map(broker).collect(),
        racks,
        hosts,
        topics: rows,
        partitions,
        placement: Assignment::new(lists),
        own_sizes: Vec::new(),
        out_of_sync: BTreeMap::new(),
        offline: BTreeMap::new(),
        replica_dirs: Vec::new(),
        changing_dirs: std::collections::BTreeSet::new(),
        known: [true; Resource::COUNT],
    }
}

/// The same capacity of a resource for all brokers.
pub fn give(model: &mut ClusterModel, resource: Resource, capacity: f64) {
    model.brokers.iter_mut().for_each(|broker| broker.capacity[resource.index()] = Some(capacity));
}

/// Judges the placement as it is; live brokers count.
pub fn judge(model: &ClusterModel, verdict: impl Fn(Standing) -> Verdict) -> Verdict {
    let counts: Vec<bool> = model.brokers.iter().map(|broker| broker.alive).collect();
    let sums = Sums::new(model, &model.placement);
    verdict(Standing { model, assignment: &model.placement, sums: &sums, counts: &counts, dir_loads: None })
}

/// What a verdict names, as `subject: text`, worst first; what is missing where it is not ready.
pub fn named(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Met => Vec::new(),
        Verdict::Violated { worst, .. } => {
            worst.iter().map(|violation| format!("{}: {}", violation.subject, violation.text)).collect()
        }
        Verdict::NotReady { missing, .. } => vec![format!("not ready: {missing}")],
    }
}
