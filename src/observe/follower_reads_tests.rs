//! What followers send is told apart from what leaders send, and both add up to what was measured.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::base::{BrokerId, Bytes, BytesPerS};
use crate::observe::{BrokerMetrics, Observation, Partition, SeenBroker, SeenTopic, attribute};

/// A topic on brokers 0 to 5, as its replicas, the first of which leads, and what is written to each partition.
fn cluster(partitions: &[([i32; 3], f64)], followers_serve: bool) -> Observation {
    let mut seen = Observation::default();
    for id in 0..6 {
        let broker = SeenBroker { alive: true, followers_serve, ..SeenBroker::default() };
        seen.brokers.insert(BrokerId(id), broker);
    }
    let row = |(index, (replicas, written)): (usize, &([i32; 3], f64))| {
        let replicas = replicas.map(BrokerId).to_vec();
        let mut partition = Partition {
            id: i32::try_from(index).unwrap(),
            leader: replicas.first().copied(),
            isr: replicas.clone(),
            replicas,
            size_bytes: Some(Bytes(1_000)),
            ..Partition::default()
        };
        partition.load.produce_bytes_per_s = BytesPerS::new(*written).ok();
        partition
    };
    let partitions = partitions.iter().enumerate().map(row).collect();
    seen.topics.insert("t".into(), SeenTopic { partitions, ..SeenTopic::default() });
    seen
}

/// What brokers tell where each partition is read so many times from its leader, and from each of its followers.
fn told(seen: &Observation, leader: f64, follower: f64) -> BTreeMap<BrokerId, BrokerMetrics> {
    let mut sent: BTreeMap<BrokerId, [f64; 2]> = seen.brokers.keys().map(|id| (*id, [0.0; 2])).collect();
    for (_, _, partition) in seen.partitions() {
        let written = partition.load.produce_bytes_per_s.unwrap().get();
        for broker in &partition.replicas {
            let leads = partition.leader == Some(*broker);
            let [bytes_in, out] = sent.get_mut(broker).unwrap();
            *bytes_in += if leads { written } else { 0.0 };
            *out += written * if leads { leader } else { follower };
        }
    }
    let rate = |rate| BytesPerS::new(rate).unwrap();
    let of = |(id, [bytes_in, out]): (BrokerId, [f64; 2])| {
        let metrics = BrokerMetrics {
            topic_bytes_in_per_s: BTreeMap::from([("t".into(), rate(bytes_in))]),
            topic_bytes_out_per_s: BTreeMap::from([("t".into(), rate(out))]),
            bytes_in_per_s: Some(rate(bytes_in)),
            bytes_out_per_s: Some(rate(out)),
            ..BrokerMetrics::default()
        };
        (id, metrics)
    };
    sent.into_iter().map(of).collect()
}

/// What is read of each partition from its leader, and from each of its followers.
fn reads(seen: &Observation) -> Vec<(f64, Option<f64>)> {
    let read = |partition: &Partition| {
        let load = &partition.load;
        (load.consume_bytes_per_s.unwrap().get(), load.follower_consume_bytes_per_s.map(BytesPerS::get))
    };
    seen.partitions().map(|(_, _, partition)| read(partition)).collect()
}

/// Leaders on the first two brokers only.
const LOPSIDED: [([i32; 3], f64); 4] =
    [([0, 2, 4], 100.0), ([1, 3, 5], 300.0), ([0, 3, 4], 50.0), ([1, 2, 5], 150.0)];

fn traffic_gaps(seen: &Observation) -> Vec<&str> {
    let about = seen.gaps.iter().map(|gap| gap.reason.as_str());
    about.filter(|reason| reason.contains("bytes out")).collect()
}

#[test]
fn what_was_planted_comes_back() {
    for (leader, follower) in [(1.0, 0.5), (0.0, 1.0), (2.0, 2.0)] {
        let mut seen = cluster(&LOPSIDED, true);
        let metrics = told(&seen, leader, follower);
        attribute(&mut seen, &metrics);
        for ((consumed, followed), (_, written)) in reads(&seen).into_iter().zip(LOPSIDED) {
            assert!((consumed - leader * written).abs() < 1e-6, "{consumed} of {written}");
            assert!((followed.unwrap() - follower * written).abs() < 1e-6, "{followed:?} of {written}");
        }
        assert_eq!(traffic_gaps(&seen), Vec::<&str>::new(), "nothing is left over");
    }
}

#[test]
fn without_reading_from_followers_all_is_as_it_was() {
    // Not allowed: what others send is left over, and said so.
    let mut seen = cluster(&LOPSIDED, false);
    attribute(&mut seen, &told(&cluster(&LOPSIDED, false), 1.0, 0.5));
    assert!(reads(&seen).iter().all(|(_, followed)| followed.is_none()));
    assert_eq!(traffic_gaps(&seen).len(), 4, "{:?}", seen.gaps);
    // Allowed, and nobody does.
    let mut seen = cluster(&LOPSIDED, true);
    attribute(&mut seen, &told(&cluster(&LOPSIDED, true), 1.5, 0.0));
    assert!(reads(&seen).iter().all(|(_, followed)| followed.is_none()));
    let all: f64 = reads(&seen).iter().map(|(consumed, _)| consumed).sum();
    assert!((all - 900.0).abs() < 1e-6, "{all}");
}

#[test]
fn what_cannot_be_told_apart_counts_alike() {
    // Each broker leads as much as half of what it follows.
    let even: Vec<([i32; 3], f64)> = (0..6).map(|id| ([id, (id + 1) % 6, (id + 2) % 6], 100.0)).collect();
    let mut seen = cluster(&even, true);
    attribute(&mut seen, &told(&cluster(&even, true), 3.0, 0.0));
    for (consumed, followed) in reads(&seen) {
        assert!((consumed - 100.0).abs() < 1e-6 && (followed.unwrap() - 100.0).abs() < 1e-6);
    }
}

proptest! {
    #[test]
    fn all_that_is_told_is_somewhere(
        placed in prop::collection::vec((0_i32..6, 1_i32..3, 3_i32..6, 0.0..1e6), 1..20),
        sent in prop::collection::vec(0.0..1e7, 6),
    ) {
        let row = |(first, second, third, written): &(i32, i32, i32, f64)| {
            ([*first, (first + second) % 6, (first + third) % 6], *written)
        };
        let rows: Vec<_> = placed.iter().map(row).collect();
        let mut seen = cluster(&rows, true);
        let mut metrics = told(&seen, 1.0, 0.0);
        for (told, sent) in metrics.values_mut().zip(&sent) {
            told.topic_bytes_out_per_s.insert("t".into(), BytesPerS::new(*sent).unwrap());
            told.bytes_out_per_s = BytesPerS::new(*sent).ok();
        }
        attribute(&mut seen, &metrics);
        let shared: f64 =
            reads(&seen).iter().map(|(consumed, followed)| consumed + 2.0 * followed.unwrap_or(0.0)).sum();
        let holds = |id: i32| rows.iter().any(|(replicas, _)| replicas.contains(&id));
        let told: f64 = (0..6).zip(&sent).filter(|(id, _)| holds(*id)).map(|(_, sent)| sent).sum();
        prop_assert!(shared.is_finite() && shared <= told * (1.0 + 1e-9) + 1e-6, "{} of {}", shared, told);
        let left_over = seen.gaps.iter().any(|gap| gap.reason.contains("bytes out"));
        prop_assert!(left_over || (shared - told).abs() <= told * 1e-9 + 1e-6, "{} of {}", shared, told);
    }
}
