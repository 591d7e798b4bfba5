//! What is shared out adds up to what was measured, and what cannot be shared out is told.

use proptest::prelude::*;

use super::*;
use crate::base::{Bytes, TopicPartition};
use crate::observe::{CpuFit, Partition, SeenBroker, SeenTopic, TrafficWeights, share_cpu_by};

fn rate(amount: f64) -> BytesPerS {
    BytesPerS::new(amount).unwrap()
}

fn cores(amount: f64) -> Cores {
    Cores::new(amount).unwrap()
}

/// A partition as its replicas, the first of which leads, and its size.
type Row<'a> = (&'a [i32], u64);

/// Brokers 0 to n, and topics.
fn cluster(brokers: i32, topics: &[(&str, &[Row<'_>])]) -> Observation {
    let mut seen = Observation::default();
    for id in 0..brokers {
        seen.brokers.insert(BrokerId(id), SeenBroker { alive: true, ..SeenBroker::default() });
    }
    for (name, partitions) in topics {
        let row = |(index, (replicas, size)): (usize, &Row<'_>)| {
            let replicas: Vec<_> = replicas.iter().map(|id| BrokerId(*id)).collect();
            Partition {
                id: i32::try_from(index).unwrap(),
                leader: replicas.first().copied(),
                isr: replicas.clone(),
                replicas,
                size_bytes: Some(Bytes(*size)),
                ..Partition::default()
            }
        };
        let partitions = partitions.iter().enumerate().map(row).collect();
        seen.topics.insert((*name).into(), SeenTopic { partitions, ..SeenTopic::default() });
    }
    seen
}

fn told(topics: &[(&str, f64, f64)], cores_used: f64) -> BrokerMetrics {
    let map = |pick: fn(&(&str, f64, f64)) -> f64| {
        topics.iter().map(|row| (TopicName::from(row.0), rate(pick(row)))).collect()
    };
    BrokerMetrics {
        topic_bytes_in_per_s: map(|row| row.1),
        topic_bytes_out_per_s: map(|row| row.2),
        bytes_in_per_s: Some(rate(topics.iter().map(|row| row.1).sum())),
        bytes_out_per_s: Some(rate(topics.iter().map(|row| row.2).sum())),
        cpu_cores_used: Some(cores(cores_used)),
        cpu_cores: Some(cores(8.0)),
        ..BrokerMetrics::default()
    }
}

fn load(seen: &Observation, topic: &str, partition: i32) -> PartitionLoad {
    seen.partition(&TopicPartition::new(topic, partition)).unwrap().load
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-6)
}

#[test]
fn traffic_goes_to_the_led_partitions_by_size() {
    let mut seen =
        cluster(2, &[("orders", &[(&[0, 1], 300), (&[0, 1], 100), (&[1, 0], 999)]), ("idle", &[(&[0], 5)])]);
    let metrics = [
        (BrokerId(0), told(&[("orders", 80.0, 40.0)], 1.0)),
        (BrokerId(1), told(&[("orders", 7.0, 0.0)], 1.0)),
    ];
    attribute(&mut seen, &metrics.into());
    assert_eq!(load(&seen, "orders", 0).produce_bytes_per_s, Some(rate(60.0)));
    assert_eq!(load(&seen, "orders", 1).produce_bytes_per_s, Some(rate(20.0)));
    assert_eq!(load(&seen, "orders", 0).consume_bytes_per_s, Some(rate(30.0)));
    assert_eq!(load(&seen, "orders", 2).produce_bytes_per_s, Some(rate(7.0)));
    assert_eq!(load(&seen, "idle", 0).produce_bytes_per_s, Some(rate(0.0)), "absent means zero");
    assert_eq!(seen.brokers[&BrokerId(1)].capacity.cpu_cores, Some(cores(8.0)));
    assert_eq!(seen.gaps, []);
}

#[test]
fn a_hot_partition_shows_where_its_log_was_watched_though_all_are_as_large() {
    let rows: &[Row<'_>] = &[(&[0, 1], 100), (&[0, 1], 100), (&[1, 0], 100)];
    let mut seen = cluster(2, &[("orders", rows), ("unseen", &[(&[0, 1], 300), (&[0, 1], 100)])]);
    let orders = &mut seen.topics.get_mut(&TopicName::from("orders")).unwrap().partitions;
    for (partition, written) in orders.iter_mut().zip([9.0, 1.0, 5.0]) {
        partition.load.produce_bytes_per_s = Some(rate(written));
    }
    let metrics = [
        (BrokerId(0), told(&[("orders", 80.0, 40.0), ("unseen", 40.0, 0.0)], 1.0)),
        (BrokerId(1), told(&[("orders", 7.0, 0.0)], 1.0)),
    ];
    attribute(&mut seen, &metrics.into());
    let orders = [0, 1, 2].map(|partition| load(&seen, "orders", partition));
    let amount = |rate: Option<BytesPerS>| rate.unwrap().get();
    assert!(
        close(amount(orders[0].produce_bytes_per_s), 72.0)
            && close(amount(orders[1].produce_bytes_per_s), 8.0)
    );
    assert!(close(amount(orders[0].consume_bytes_per_s), 36.0), "what is written is read");
    assert!(close(amount(orders[2].produce_bytes_per_s), 7.0), "metrics tell how much, logs only of what");
    assert!(
        close(amount(load(&seen, "unseen", 0).produce_bytes_per_s), 30.0),
        "by size, where no log was watched"
    );
}

#[test]
fn partitions_without_sizes_share_alike() {
    let mut seen = cluster(1, &[("orders", &[(&[0], 0), (&[0], 0)])]);
    seen.topics.get_mut(&"orders".into()).unwrap().partitions[1].size_bytes = None;
    attribute(&mut seen, &[(BrokerId(0), told(&[("orders", 80.0, 0.0)], 1.0))].into());
    assert_eq!(load(&seen, "orders", 0).produce_bytes_per_s, Some(rate(40.0)));
    assert_eq!(load(&seen, "orders", 1).produce_bytes_per_s, Some(rate(40.0)));
}

#[test]
fn processor_time_follows_the_weights() {
    // Leader on 0: 0.7 x 100 + 0.15 x (200 + 100) = 115; follower on 1: 15.
    let mut seen = cluster(2, &[("orders", &[(&[0, 1], 1)]), ("logs", &[(&[1], 1)])]);
    let metrics = [
        (BrokerId(0), told(&[("orders", 100.0, 200.0)], 2.3)),
        // Leader of logs on 1: 0.7 x 100 + 0.15 x 100 = 85, so that the follower has 15 of 100 parts.
        (BrokerId(1), told(&[("logs", 100.0, 100.0)], 1.0)),
    ];
    attribute(&mut seen, &metrics.into());
    assert!(close(load(&seen, "orders", 0).leader_cpu_cores.unwrap().get(), 2.3));
    assert!(close(load(&seen, "orders", 0).follower_cpu_cores.unwrap().get(), 0.15));
    assert!(close(load(&seen, "logs", 0).leader_cpu_cores.unwrap().get(), 0.85));
    assert_eq!(seen.gaps, []);
}

#[test]
fn what_cannot_be_shared_out_is_told() {
    let mut seen = cluster(3, &[("orders", &[(&[0, 1], 1)])]);
    let mut total_only = told(&[], 0.5);
    total_only.bytes_in_per_s = Some(rate(50_000.0));
    let mut off = told(&[("orders", 100.0, 0.0), ("gone", 20_000.0, 0.0)], 1.0);
    off.bytes_in_per_s = Some(rate(90_000.0));
    attribute(
        &mut seen,
        &[(BrokerId(0), off), (BrokerId(1), total_only), (BrokerId(7), told(&[], 0.0))].into(),
    );
    let told: Vec<String> = seen.gaps.iter().map(|gap| format!("{}: {}", gap.subject, gap.reason)).collect();
    assert_eq!(
        told,
        [
            "broker 0: 20.0 kB/s of bytes in belong to topics that it leads no partition of (gone): leaders that moved, \
             consumers that read from followers, or topics that the client may not describe",
            "broker 0: its topics' bytes in add up to 20.1 kB/s, its own count says 90.0 kB/s",
            "broker 1: 50.0 kB/s of bytes in are left over: it leads no partition",
            "broker 2: no metrics of its traffic",
            "broker 2: no metrics of its processor time",
            "broker 7: its metrics are left out, since it is not in the cluster",
        ]
    );
    assert_eq!(load(&seen, "orders", 0).produce_bytes_per_s, Some(rate(100.0)));
}

#[test]
fn processor_time_without_traffic_is_not_shared_out() {
    let mut seen = cluster(1, &[("orders", &[(&[0], 1)])]);
    let cpu_only = BrokerMetrics { cpu_cores_used: Some(cores(1.0)), ..BrokerMetrics::default() };
    attribute(&mut seen, &[(BrokerId(0), cpu_only)].into());
    assert_eq!(load(&seen, "orders", 0), PartitionLoad::default());
    assert_eq!(
        seen.gaps[1].reason,
        "its processor time cannot be shared out, since its traffic is not known"
    );
}

#[test]
fn a_broker_without_metrics_leaves_its_partitions_unknown() {
    let mut seen = cluster(2, &[("orders", &[(&[0], 1), (&[1], 1)])]);
    seen.brokers.get_mut(&BrokerId(1)).unwrap().alive = false;
    attribute(&mut seen, &BTreeMap::new());
    assert_eq!(load(&seen, "orders", 0), PartitionLoad::default());
    let told: Vec<_> = seen.gaps.iter().map(|gap| (gap.kind, gap.subject.as_str())).collect();
    assert_eq!(
        told,
        [(GapKind::NetworkLoad, "broker 0"), (GapKind::CpuLoad, "broker 0")],
        "a dead one has no load"
    );
}

#[test]
fn dots_written_as_underscores_are_understood() {
    let mut seen = cluster(1, &[("a.b_c", &[(&[0], 1)])]);
    attribute(&mut seen, &[(BrokerId(0), told(&[("a_b_c", 9.0, 0.0)], 0.0))].into());
    assert_eq!(load(&seen, "a.b_c", 0).produce_bytes_per_s, Some(rate(9.0)));
}

#[test]
fn only_a_sum_over_all_topics_is_shared_by_size() {
    let mut seen = cluster(1, &[("a", &[(&[0], 1)]), ("b", &[(&[0], 3)])]);
    let mut only = told(&[], 0.0);
    only.bytes_in_per_s = Some(rate(8.0));
    attribute(&mut seen, &[(BrokerId(0), only)].into());
    assert_eq!(load(&seen, "b", 0).produce_bytes_per_s, Some(rate(6.0)));
    assert_eq!(
        seen.gaps[0].reason,
        "the metrics tell no bytes in by topic: 8 B/s are shared out by size alone"
    );
}

const BROKERS: i32 = 5;

/// Replicas and sizes of up to 6 topics with up to 6 partitions; a tenth of the sizes is zero.
fn topics() -> impl Strategy<Value = Vec<Vec<(Vec<i32>, u64)>>> {
    let ids: Vec<i32> = (0..BROKERS).collect();
    let replicas = proptest::sample::subsequence(ids, 1..=3).prop_shuffle();
    let size = prop_oneof![1 => Just(0u64), 9 => 0..u64::MAX / 64];
    proptest::collection::vec(proptest::collection::vec((replicas, size), 1..6), 1..6)
}

proptest! {
    #[test]
    fn parts_add_up_to_what_was_measured(
        topics in topics(),
        rates in proptest::collection::vec((0.0..1e9, 0.0..1e9), 36),
        used in proptest::collection::vec(0.0..64.0, 5),
        weights in proptest::array::uniform4(1e-9..1e-7),
        base_cores in 0.0..4.0,
    ) {
        let [produce, consume, follow, serve] = weights;
        let fit = CpuFit {
            weights: TrafficWeights { produce, consume, follow, serve },
            base_cores,
            windows: 96,
            brokers: 5,
            left_out: 0,
            median_off: 0.1,
            p95_off: 0.3,
            static_median_off: 0.4,
        };
        let names: Vec<String> = (0..topics.len()).map(|topic| format!("t{topic}")).collect();
        let rows: Vec<Vec<Row<'_>>> =
            topics.iter().map(|rows| rows.iter().map(|(ids, size)| (ids.as_slice(), *size)).collect()).collect();
        let shape: Vec<_> = names.iter().map(String::as_str).zip(rows.iter().map(Vec::as_slice)).collect();
        let mut seen = cluster(BROKERS, &shape);
        // Each broker tells a rate of every topic that it leads a partition of.
        let mut metrics = BTreeMap::new();
        for id in 0..BROKERS {
            let at = usize::try_from(id).unwrap();
            let leads = |topic: &usize| topics[*topic].iter().any(|(ids, _)| ids[0] == id);
            let told_topics: Vec<(&str, f64, f64)> = (0..topics.len())
                .filter(leads)
                .map(|topic| (names[topic].as_str(), rates[topic * 6 + at].0, rates[topic * 6 + at].1))
                .collect();
            metrics.insert(BrokerId(id), told(&told_topics, used[at]));
        }
        attribute(&mut seen, &metrics);
        for (id, told) in &metrics {
            let on: Vec<_> = seen.partitions().filter(|(_, _, row)| row.replicas.contains(id)).collect();
            let led = || on.iter().filter(|(_, _, row)| row.leader == Some(*id)).map(|(_, _, row)| row.load);
            let produced: f64 = led().map(|load| load.produce_bytes_per_s.unwrap().get()).sum();
            let consumed: f64 = led().map(|load| load.consume_bytes_per_s.unwrap().get()).sum();
            prop_assert!(close(produced, told.bytes_in_per_s.unwrap().get()), "{produced} on {id}");
            prop_assert!(close(consumed, told.bytes_out_per_s.unwrap().get()), "{consumed} on {id}");
            let leading: f64 = led().map(|load| load.leader_cpu_cores.unwrap().get()).sum();
            let following: f64 = on
                .iter()
                .filter(|(_, _, row)| row.leader != Some(*id))
                .map(|(_, _, row)| row.load.follower_cpu_cores.unwrap().get())
                .sum();
            let told_apart = seen.gaps.iter().any(|gap| {
                gap.kind == GapKind::CpuLoad && gap.subject == format!("broker {id}")
            });
            let measured = told.cpu_cores_used.unwrap().get();
            prop_assert!(told_apart != close(leading + following, measured), "{leading} + {following} of {measured}");
        }
        prop_assert!(!seen.has_gap(GapKind::NetworkLoad), "{:?}", seen.gaps);
        // By fitted weights: base and parts are what was measured, and where they are not a gap says so, once.
        share_cpu_by(&mut seen, Ok(fit));
        share_cpu_by(&mut seen, Ok(fit));
        let sharing = seen.cpu_sharing.clone().unwrap();
        prop_assert!(sharing.is_sound());
        for row in &sharing.brokers {
            let on = seen.partitions().filter(|(_, _, partition)| partition.replicas.contains(&row.broker));
            let cores = on.filter_map(|(_, _, partition)| {
                let (load, leads) = (partition.load, partition.leader == Some(row.broker));
                if leads { load.leader_cpu_cores } else { load.follower_cpu_cores }
            });
            let parts: f64 = cores.map(Cores::get).sum();
            prop_assert!(close(parts, row.parts_cores), "{parts} of {row:?}");
            let whose = format!("broker {}", row.broker);
            let told = seen.gaps.iter().filter(|gap| gap.kind == GapKind::CpuLoad && gap.subject == whose).count();
            prop_assert_eq!(told, usize::from(!close(parts + row.other_cores, row.measured_cores)), "{:?}", row);
        }
    }
}

/// Rows whose logs and readers were watched: written, read.
fn watched(seen: &mut Observation, topic: &str, rates: &[(f64, f64)]) {
    let partitions = &mut seen.topics.get_mut(&TopicName::from(topic)).unwrap().partitions;
    for (partition, (written, read)) in partitions.iter_mut().zip(rates) {
        partition.load.produce_bytes_per_s = Some(rate(*written));
        partition.load.consume_bytes_per_s = Some(rate(*read));
    }
}

#[test]
fn what_goes_out_goes_where_groups_read_and_what_nobody_committed_goes_as_it_was_written() {
    let rows: &[Row<'_>] = &[(&[0], 100), (&[0], 100)];
    let mut seen = cluster(1, &[("orders", rows)]);
    watched(&mut seen, "orders", &[(10.0, 0.0), (10.0, 30.0)]);
    attribute(&mut seen, &[(BrokerId(0), told(&[("orders", 20.0, 60.0)], 1.0))].into());
    let out = |partition| load(&seen, "orders", partition).consume_bytes_per_s.unwrap().get();
    // 30 are those of the group, all of them of the second; 30 are of consumers that commit nothing.
    assert!(close(out(0), 15.0) && close(out(1), 45.0), "{} {}", out(0), out(1));
    assert_eq!(
        load(&seen, "orders", 0).produce_bytes_per_s,
        Some(rate(10.0)),
        "what comes in stays as it was"
    );
}

#[test]
fn groups_that_read_more_than_was_measured_are_shares_of_it() {
    let rows: &[Row<'_>] = &[(&[0], 100), (&[0], 900)];
    let mut seen = cluster(1, &[("orders", rows)]);
    watched(&mut seen, "orders", &[(10.0, 30.0), (10.0, 10.0)]);
    attribute(&mut seen, &[(BrokerId(0), told(&[("orders", 20.0, 20.0)], 1.0))].into());
    let out = |partition| load(&seen, "orders", partition).consume_bytes_per_s.unwrap().get();
    assert!(close(out(0), 15.0) && close(out(1), 5.0), "{} {}", out(0), out(1));
}
