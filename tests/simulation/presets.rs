//! The ready-made clusters look as they are described.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel::base::BrokerId;
use evenkeel::edge::sim::{SimCluster, SimSpec};

use crate::support::cluster;

fn fills(cluster: &SimCluster, disk_bytes: f64) -> BTreeMap<BrokerId, f64> {
    let mut fills: BTreeMap<BrokerId, f64> = BTreeMap::new();
    for ((broker, _), bytes) in cluster.used_bytes() {
        #[expect(clippy::cast_precision_loss, reason = "a share is shown, not counted")]
        let share = bytes as f64 / disk_bytes;
        *fills.entry(broker).or_default() += share;
    }
    fills
}

#[test]
fn the_demo_is_a_skewed_cluster_of_30_brokers() {
    let cluster = cluster(&SimSpec::demo(1));
    let seen = cluster.observe(true, None);
    assert_eq!(seen.brokers.len(), 30);
    let racks: BTreeSet<_> = seen.brokers.keys().map(|broker| seen.rack_of(*broker)).collect();
    assert_eq!(racks.len(), 3);
    assert_eq!(seen.partitions().count(), 3_000);

    let fills = fills(&cluster, 17e12);
    let hot = fills.values().filter(|fill| **fill > 0.8).count();
    let newest = fills.values().filter(|fill| **fill < 0.15).count();
    assert!(fills.values().all(|fill| (0.0..0.92).contains(fill)), "{fills:?}");
    assert!((2..=6).contains(&hot), "{hot} hot brokers: {fills:?}");
    assert!((2..=9).contains(&newest), "{newest} nearly empty brokers: {fills:?}");

    let drifted =
        seen.partitions().filter(|(_, _, partition)| partition.leader != partition.replicas.first().copied());
    assert!((180..300).contains(&drifted.count()));
    for (name, topic, partition) in seen.partitions() {
        let racks: BTreeSet<_> = partition.replicas.iter().map(|broker| seen.rack_of(*broker)).collect();
        assert_eq!((racks.len(), partition.replicas.len()), (3, 3), "{name}");
        assert_eq!(topic.min_insync_replicas, Some(2));
        assert!(partition.load.produce_bytes_per_s.is_some_and(|rate| rate.get() > 0.0));
    }
    // Nothing moves by itself, and no network is overloaded.
    for (id, broker) in cluster.brokers() {
        let (busy_in, busy_out) = broker.busy_bytes_per_s();
        assert!(busy_in < 600_000_000 && busy_out < 600_000_000, "broker {id}: {busy_in} in, {busy_out} out");
    }
}

#[test]
fn the_large_one_has_90_brokers_and_15_000_partitions() {
    let seen = cluster(&SimSpec::large(1)).observe(true, None);
    assert_eq!((seen.brokers.len(), seen.partitions().count()), (90, 15_000));
}

#[test]
fn varied_clusters_are_sound_for_every_seed() {
    for seed in 0..200 {
        let spec = SimSpec::varied(seed);
        let cluster = cluster(&spec);
        let disk: u64 = spec.brokers[0].log_dirs.iter().map(|dir| dir.total_bytes).sum();
        #[expect(clippy::cast_precision_loss, reason = "a share is shown, not counted")]
        let fills = fills(&cluster, disk as f64);
        assert!(fills.values().all(|fill| *fill < 0.97), "seed {seed}: {fills:?}");
    }
}
