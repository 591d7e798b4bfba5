//! Whatever a cluster may look like: reading what was written gives the same observation.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use super::{read_snapshot, write_snapshot};
use crate::base::{BrokerId, Bytes, BytesPerS, Cores, TimestampMs, TopicName, TopicPartition};
use crate::observe::{
    AddsUp, Basis, BrokerThrottle, Capacity, CpuFit, CpuSharing, Gap, GapKind, LoadBasis, LogDir, NoFit,
    Observation, Partition, PartitionLoad, Reassignment, Replica, SeenBroker, SeenTopic, SharedBy,
    ThrottledReplicas, TopicThrottle, TrafficWeights,
};

const BROKERS: i32 = 5;

fn maybe<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.7, strategy)
}

fn bytes() -> impl Strategy<Value = Bytes> {
    (0..=1_000_000_000_000_000_000u64).prop_map(Bytes)
}

fn rate() -> impl Strategy<Value = BytesPerS> {
    (0.0..1e15).prop_map(|amount: f64| BytesPerS::new(amount).unwrap())
}

fn cores() -> impl Strategy<Value = Cores> {
    (0.0..1e6).prop_map(|amount: f64| Cores::new(amount).unwrap())
}

fn broker() -> impl Strategy<Value = SeenBroker> {
    let capacity = (bytes(), maybe(rate()), maybe(rate()), maybe(cores())).prop_map(
        |(disk, network_in, network_out, cpu_cores)| Capacity {
            // Where it is missing it is made from the volumes; that has its own test.
            disk_bytes: Some(disk),
            network_in_bytes_per_s: network_in,
            network_out_bytes_per_s: network_out,
            cpu_cores,
        },
    );
    let dir = |path: &'static str| {
        (maybe(bytes()), maybe(bytes()), any::<bool>()).prop_map(
            move |(total_bytes, usable_bytes, online)| LogDir {
                path: path.to_owned(),
                total_bytes,
                usable_bytes,
                online,
            },
        )
    };
    let throttle = (maybe(any::<u64>()), maybe(any::<u64>()), maybe(any::<u64>())).prop_map(
        |(leader_bytes_per_s, follower_bytes_per_s, log_dirs_bytes_per_s)| BrokerThrottle {
            leader_bytes_per_s,
            follower_bytes_per_s,
            log_dirs_bytes_per_s,
        },
    );
    let names = (maybe("[a-z\"\\\\é\u{7}]{1,5}"), maybe("[a-z.]*"), maybe(any::<u16>()), any::<bool>());
    (names, capacity, (dir("/data/1"), dir("/data/2")), throttle, maybe(cores())).prop_map(
        |((rack, host, port, alive), capacity, (one, two), throttle, other_cpu_cores)| SeenBroker {
            rack: rack.as_deref().map(Into::into),
            host,
            port,
            alive,
            log_dirs: vec![one, two],
            capacity,
            throttle,
            other_cpu_cores,
            ..SeenBroker::default()
        },
    )
}

fn replica() -> impl Strategy<Value = Replica> {
    let dir = || proptest::sample::select(vec!["/data/1", "/data/2"]).prop_map(str::to_owned);
    (maybe(bytes()), maybe(dir()), proptest::option::weighted(0.2, (dir(), bytes())))
        .prop_map(|(size_bytes, log_dir, future)| Replica { size_bytes, log_dir, future })
}

fn load() -> impl Strategy<Value = PartitionLoad> {
    let cpu = maybe(proptest::sample::select(vec![Basis::FittedWeights, Basis::StaticWeights]));
    (rate(), (rate(), maybe(rate())), cores(), cores(), cpu).prop_map(
        |(produce, (consume, followers), leader, follower, cpu)| PartitionLoad {
            produce_bytes_per_s: Some(produce),
            consume_bytes_per_s: Some(consume),
            follower_consume_bytes_per_s: followers,
            leader_cpu_cores: Some(leader),
            follower_cpu_cores: Some(follower),
            basis: LoadBasis { produce: cpu.map(|_| Basis::SharedByLogs), consume: None, cpu },
        },
    )
}

fn partition() -> impl Strategy<Value = Partition> {
    let ids: Vec<BrokerId> = (0..BROKERS).map(BrokerId).collect();
    let replicas = subsequence(ids.clone(), 1..=4).prop_shuffle();
    let on_disk = proptest::collection::btree_map(proptest::sample::select(ids), replica(), 0..5);
    let keep = proptest::collection::vec(any::<[bool; 2]>(), 4);
    (replicas, on_disk, keep, maybe(any::<Index>()), maybe(bytes()), load()).prop_map(
        |(replicas, on_disk, keep, leader, size, load)| {
            let kept = |which: usize| {
                replicas.iter().zip(&keep).filter(|(_, keep)| keep[which]).map(|(id, _)| *id).collect()
            };
            let mut partition = Partition {
                id: 0,
                leader: leader.map(|at| *at.get(&replicas)),
                isr: kept(0),
                offline: kept(1),
                replicas: replicas.clone(),
                on_disk,
                size_bytes: None,
                load,
            };
            // A size beside the sizes of all replicas says nothing new, and is not kept apart.
            let tells_all = replicas.iter().all(|id| partition.size_on(*id).is_some());
            partition.size_bytes = size.filter(|_| !tells_all);
            partition
        },
    )
}

fn topic() -> impl Strategy<Value = SeenTopic> {
    let list = prop_oneof![
        Just(ThrottledReplicas::All),
        Just(ThrottledReplicas::Some([(0, BrokerId(1)), (2, BrokerId(0))].into())),
        Just(ThrottledReplicas::Other("x:y".to_owned())),
    ];
    let throttle =
        (maybe(list.clone()), maybe(list)).prop_map(|(leader, follower)| TopicThrottle { leader, follower });
    let id = maybe(any::<u128>().prop_map(uuid::Uuid::from_u128));
    (id, 1..5u32, any::<bool>(), proptest::collection::vec(partition(), 0..4), throttle).prop_map(
        |(id, min_insync_replicas, internal, mut partitions, throttle)| {
            for (id, partition) in (0..).zip(&mut partitions) {
                partition.id = id;
            }
            SeenTopic { id, min_insync_replicas: Some(min_insync_replicas), internal, partitions, throttle }
        },
    )
}

fn sharing() -> impl Strategy<Value = CpuSharing> {
    let fit = proptest::array::uniform8(0.0..1e3).prop_map(|numbers| {
        let [produce, consume, follow, serve, base_cores, median_off, p95_off, static_median_off] = numbers;
        SharedBy::Fit(CpuFit {
            weights: TrafficWeights { produce, consume, follow, serve },
            base_cores,
            windows: 96,
            brokers: 5,
            left_out: 2,
            median_off,
            p95_off,
            static_median_off,
        })
    });
    let whys = vec![
        NoFit::OneLook,
        NoFit::Alike,
        NoFit::TooFew { windows: 1, rows: 2, left_out: 3 },
        NoFit::NotBetter { fit_off: 0.5, static_off: 0.25 },
    ];
    let why = proptest::sample::select(whys).prop_map(|why| SharedBy::StaticWeights { why });
    let row = (0..BROKERS, proptest::array::uniform4(0.0..64.0)).prop_map(|(broker, numbers)| {
        let [measured_cores, parts_cores, other_cores, copies_cores] = numbers;
        AddsUp { broker: BrokerId(broker), measured_cores, parts_cores, other_cores, copies_cores }
    });
    (prop_oneof![fit, why], proptest::collection::vec(row, 0..3))
        .prop_map(|(by, brokers)| CpuSharing { by, brokers })
}

fn observation() -> impl Strategy<Value = Observation> {
    let names = (maybe(".*"), maybe("[0-9.]{5}"), maybe(0..BROKERS));
    let topics =
        proptest::collection::btree_map("[a-zA-Z0-9_-]{1,8}".prop_map(TopicName::from), topic(), 0..4);
    let brokers = proptest::collection::vec(broker(), 5);
    (names, 0..4_000_000_000_000u64, brokers, topics, (maybe(".*"), maybe(sharing()))).prop_map(
        |((cluster_id, kafka_version, controller), at, brokers, topics, (gap, cpu_sharing))| {
            let first = topics.iter().find(|(_, topic)| !topic.partitions.is_empty());
            let reassignment = first.map(|(name, topic)| {
                let replicas = topic.partitions[0].replicas.clone();
                let row = Reassignment { adding: replicas[..1].to_vec(), removing: Vec::new(), replicas };
                (TopicPartition { topic: name.clone(), partition: 0 }, row)
            });
            let gap =
                gap.map(|reason| Gap { kind: GapKind::Topics, subject: "the cluster".to_owned(), reason });
            Observation {
                taken_at: TimestampMs(at),
                cluster_id,
                kafka_version,
                controller: controller.map(BrokerId),
                brokers: (0..).map(BrokerId).zip(brokers).collect(),
                topics,
                reassignments: reassignment.into_iter().collect::<BTreeMap<_, _>>(),
                gaps: gap.into_iter().collect(),
                cpu_sharing,
                canary: None,
            }
        },
    )
}

proptest! {
    #[test]
    fn what_was_written_is_read(seen in observation()) {
        let text = write_snapshot(&seen);
        let (read, warnings) = read_snapshot(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
        prop_assert_eq!(&read, &seen);
        prop_assert_eq!(warnings, Vec::<String>::new());
        prop_assert_eq!(write_snapshot(&read), text);
    }
}
