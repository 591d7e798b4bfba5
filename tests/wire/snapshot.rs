//! What is seen over the wire is what is seen in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel::base::{BrokerId, BytesPerS};
use evenkeel::control::{Scope, World};
use evenkeel::edge::sim::{ConfigChange, ConfigOwner, Fault, SimCluster, SimServer, SimSpec};
use evenkeel::observe::{Gap, GapKind, Observation, ThrottledReplicas};

use crate::{connect, frozen};

/// Reassignments under way, throttles set, replicas between log directories, a topic without any settings.
fn in_motion(seed: u64) -> SimCluster {
    let mut cluster = SimCluster::new(&SimSpec::small(seed)).unwrap();
    let look = cluster.observe(false, None);
    let brokers: Vec<BrokerId> = look.brokers.keys().copied().collect();
    for (name, _, partition) in look.partitions().step_by(7) {
        let fresh = brokers.iter().find(|broker| !partition.replicas.contains(broker)).unwrap();
        cluster.reassign(&name, &[&[*fresh][..], &partition.replicas[1..]].concat()).unwrap();
    }
    for (name, _, partition) in look.partitions().step_by(11) {
        let holder = partition.replicas[2];
        let from = partition.on_disk[&holder].log_dir.as_deref();
        let to = if from == Some("/data/1") { "/data/2" } else { "/data/1" };
        cluster.move_log_dir(holder, &name, to).unwrap();
    }
    let mut set = |owner: ConfigOwner, key: &str, value: &str| {
        let change = ConfigChange::Set(value.to_owned());
        cluster.alter_configs(&owner, &BTreeMap::from([(key.to_owned(), change)]), false).unwrap();
    };
    set(ConfigOwner::Broker(BrokerId(2)), "leader.replication.throttled.rate", "1000000");
    set(ConfigOwner::Broker(BrokerId(3)), "follower.replication.throttled.rate", "2000000");
    set(ConfigOwner::Broker(BrokerId(3)), "replica.alter.log.dirs.io.max.bytes.per.second", "3000000");
    set(ConfigOwner::AllBrokers, "leader.replication.throttled.rate", "9000000");
    let mut topics = look.topics.keys().cloned();
    let mut next = || ConfigOwner::Topic(topics.next().unwrap());
    set(next(), "leader.replication.throttled.replicas", "0:1,0:2,1:3");
    set(next(), "follower.replication.throttled.replicas", "*");
    set(next(), "min.insync.replicas", "1");
    cluster.advance(Duration::from_secs(3));
    cluster
}

/// Both looks, made comparable: the times differ.
fn both(server: &SimServer, scope: &Scope) -> (Observation, Observation) {
    let mut over_the_wire = connect(server).observe(scope).unwrap();
    let only = match scope {
        Scope::Full => None,
        Scope::Execution(only) => Some(only),
    };
    let mut in_memory = server.with(|cluster| cluster.observe(false, only));
    let order = |seen: &mut Observation| {
        seen.taken_at = evenkeel::base::TimestampMs(0);
        seen.gaps.sort_by(|a, b| (a.kind, &a.subject).cmp(&(b.kind, &b.subject)));
    };
    order(&mut over_the_wire);
    order(&mut in_memory);
    (over_the_wire, in_memory)
}

#[track_caller]
fn assert_same(server: &SimServer, scope: &Scope) -> Observation {
    let (over_the_wire, in_memory) = both(server, scope);
    assert_eq!(over_the_wire.gaps, in_memory.gaps);
    assert_eq!(over_the_wire.brokers, in_memory.brokers);
    assert_eq!(over_the_wire.reassignments, in_memory.reassignments);
    for (name, topic) in &in_memory.topics {
        assert_eq!(over_the_wire.topics.get(name), Some(topic), "topic {name}");
    }
    assert_eq!(over_the_wire, in_memory);
    in_memory
}

#[test]
fn both_faces_show_the_same_cluster() {
    for seed in 0..4 {
        let server = frozen(in_motion(seed));
        let seen = assert_same(&server, &Scope::Full);
        // The comparison is about something.
        assert!(seen.gaps.is_empty() && seen.reassignments.len() > 5);
        let mut replicas = seen.partitions().flat_map(|(_, _, partition)| partition.on_disk.values());
        assert!(replicas.any(|replica| replica.future.is_some()));
        assert_eq!(seen.brokers[&BrokerId(2)].throttle.leader_bytes_per_s, Some(1_000_000));
        assert_eq!(seen.brokers[&BrokerId(1)].throttle.leader_bytes_per_s, None);
        assert!(seen.topics.values().any(|topic| topic.throttle.follower == Some(ThrottledReplicas::All)));
    }
}

#[test]
fn both_faces_show_the_same_with_the_sizes_of_some_partitions_only() {
    let server = frozen(in_motion(5));
    let some: BTreeSet<_> = server.with(|cluster| cluster.partition_names().step_by(7).collect());
    let seen = assert_same(&server, &Scope::Execution(some.clone()));
    for (name, _, partition) in seen.partitions() {
        assert_eq!(partition.on_disk.is_empty(), !some.contains(&name), "{name}");
    }
}

#[test]
fn both_faces_show_the_same_of_what_is_broken() {
    let mut cluster = in_motion(6);
    cluster.inject(Fault::FailLogDir { broker: BrokerId(1), path: "/data/2".to_owned() });
    cluster.kill_broker(BrokerId(4));
    cluster.advance(Duration::from_secs(10));
    let server = frozen(cluster);
    let seen = assert_same(&server, &Scope::Full);
    assert!(!seen.brokers[&BrokerId(4)].alive && !seen.gaps.is_empty());
    assert!(seen.brokers[&BrokerId(1)].log_dirs.iter().any(|dir| !dir.online));
    assert!(seen.partitions().any(|(_, _, partition)| partition.offline.contains(&BrokerId(1))));
}

#[test]
fn many_partitions_come_in_pages() {
    let server = frozen(SimCluster::new(&SimSpec::demo(2)).unwrap());
    let seen = assert_same(&server, &Scope::Full);
    assert_eq!(seen.partitions().count(), 3_000);
}

/// Before Kafka 3.8 there are no pages, and with `ZooKeeper` no quorum either.
#[test]
fn a_cluster_with_zookeeper_looks_the_same() {
    let mut spec = SimSpec::small(8);
    spec.forwards_to_controller = false;
    let server = frozen(SimCluster::new(&spec).unwrap());
    let seen = assert_same(&server, &Scope::Full);
    assert_eq!(seen.kafka_version, None);
}

#[test]
fn without_metrics_groups_tell_what_they_read() {
    let server = SimServer::start(SimCluster::new(&SimSpec::small(3)).unwrap(), 1.0).unwrap();
    let mut world = connect(&server).watching_logs(Duration::from_secs(6));
    let seen = world.observe(&Scope::Full).unwrap();
    let truth = server.with(|cluster| cluster.observe(true, None));
    let mut read = 0;
    for (name, _, partition) in truth.partitions() {
        let rate = |rate: Option<BytesPerS>| rate.map_or(0.0, BytesPerS::get);
        let (produced, consumed) =
            (rate(partition.load.produce_bytes_per_s), rate(partition.load.consume_bytes_per_s));
        // Each whole time that it is read is a group; the rest are consumers that commit nothing.
        let by_groups = if produced > 0.0 { (consumed / produced).floor() * produced } else { 0.0 };
        let told = rate(seen.partition(&name).unwrap().load.consume_bytes_per_s);
        assert!((told - by_groups).abs() <= 0.3 * by_groups, "{name}: {told} of {by_groups}");
        read += usize::from(by_groups > 0.0);
    }
    assert!(read > 10, "{read}");
    let note = |gap: &&Gap| gap.kind == GapKind::NetworkLoad && gap.reason.contains("more may be read");
    assert_eq!(seen.gaps.iter().filter(note).count(), 1, "{:?}", seen.gaps);
}
