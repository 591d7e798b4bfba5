//! Ready-made clusters: the one of the demo, a large one for benches, small ones for tests.

use super::num::{real, real_count, whole};
use super::rng::Rng;
use super::{BrokerSpec, PartitionSpec, SimSpec, TopicSpec};
use crate::base::BrokerId;

const TB: u64 = 1_000_000_000_000;
const MB: u64 = 1_000_000;

/// Data is kept this long in generated clusters: a partition's size is what it takes in over this time.
const RETENTION_S: f64 = 3.0 * 86_400.0;

/// What a generated cluster looks like.
#[derive(Debug, Clone)]
struct Shape {
    racks: usize,
    brokers_per_rack: usize,
    disk_bytes: u64,
    log_dirs: u64,
    network_bytes_per_s: u64,
    topics: usize,
    partitions: usize,
    /// Mean fill of the disks, 0 to 1.
    fill: f64,
}

impl SimSpec {
    /// The demo's cluster: 30 brokers of 17 TB in 3 racks, about 3,000 partitions of 240 topics, grown over years:
    /// old brokers are full, the newest nearly empty, one in ten is hot, and leadership of 8 % has drifted.
    pub fn demo(seed: u64) -> Self {
        Self::skewed(
            seed,
            &Shape {
                racks: 3,
                brokers_per_rack: 10,
                disk_bytes: 17 * TB,
                log_dirs: 1,
                network_bytes_per_s: 1_250 * MB,
                topics: 240,
                partitions: 3_000,
                fill: 0.52,
            },
        )
    }

    /// The large cluster of the benches: 90 brokers of 17 TB in 3 racks, 15,000 partitions.
    pub fn large(seed: u64) -> Self {
        Self::skewed(
            seed,
            &Shape {
                racks: 3,
                brokers_per_rack: 30,
                disk_bytes: 17 * TB,
                log_dirs: 1,
                network_bytes_per_s: 1_250 * MB,
                topics: 900,
                partitions: 15_000,
                fill: 0.52,
            },
        )
    }

    /// A small cluster for tests: 6 brokers in 3 racks, two log directories each, some 60 partitions, skewed like
    /// the demo's. Copying a partition takes seconds to minutes.
    pub fn small(seed: u64) -> Self {
        Self::skewed(
            seed,
            &Shape {
                racks: 3,
                brokers_per_rack: 2,
                disk_bytes: 200_000 * MB,
                log_dirs: 2,
                network_bytes_per_s: 125 * MB,
                topics: 8,
                partitions: 60,
                fill: 0.4,
            },
        )
    }

    /// A small cluster whose shape the seed decides too: 2 to 4 racks, 3 to 12 brokers, up to 3 log directories.
    pub fn varied(seed: u64) -> Self {
        let mut rng = Rng::new(seed, 1);
        let racks = 2 + rng.below(3);
        let shape = Shape {
            racks,
            brokers_per_rack: 2 + rng.below(2),
            disk_bytes: 200_000 * MB,
            log_dirs: 1 + rng.below(3) as u64,
            network_bytes_per_s: (50 + rng.below(200) as u64) * MB,
            topics: 2 + rng.below(8),
            partitions: 20 + rng.below(60),
            fill: rng.between(0.15, 0.5),
        };
        Self::skewed(seed, &shape)
    }

    fn skewed(seed: u64, shape: &Shape) -> Self {
        let mut spec = Self::new(seed);
        for id in 0..shape.racks * shape.brokers_per_rack {
            let id32 = i32::try_from(id).expect("few brokers");
            let rack = format!("az-{}", id % shape.racks);
            let broker = BrokerSpec::new(id32, &rack, shape.disk_bytes, shape.network_bytes_per_s);
            spec.brokers.push(broker.with_log_dirs(shape.log_dirs));
        }
        let mut room = room_by_rack(shape, &mut Rng::new(seed, 2));
        let sizes = topic_sizes(shape, &mut Rng::new(seed, 3));
        let mut rng = Rng::new(seed, 4);
        // Big partitions first, so that the small ones level out what remains of each broker's share.
        let mut order: Vec<(usize, usize)> =
            (0..sizes.len()).flat_map(|topic| (0..sizes[topic].len()).map(move |at| (topic, at))).collect();
        order.sort_by(|a, b| sizes[b.0][b.1].total_cmp(&sizes[a.0][a.1]).then(a.cmp(b)));
        spec.topics = (0..sizes.len())
            .map(|topic| {
                let mut made =
                    TopicSpec::new(&format!("{}-{topic:03}", TOPIC_NAMES[topic % TOPIC_NAMES.len()]));
                made.partitions = vec![PartitionSpec::default(); sizes[topic].len()];
                made
            })
            .collect();
        let traffic: Vec<(f64, f64)> =
            sizes.iter().map(|_| (rng.between(0.5, 1.5), rng.between(0.5, 3.0))).collect();
        for (topic, at) in order {
            let size = sizes[topic][at];
            let replicas = place(&mut room, size, &mut rng);
            let produce = size / RETENTION_S * traffic[topic].0;
            let drifted = rng.unit() < 0.08;
            let growing = rng.unit() < 0.1;
            spec.topics[topic].partitions[at] = PartitionSpec {
                leader: drifted.then(|| replicas[replicas.len() - 1 - rng.below(2).min(replicas.len() - 1)]),
                replicas,
                size_bytes: whole(size),
                retention_bytes: whole(size * if growing { 1.2 } else { 1.0 }),
                produce_bytes_per_s: whole(produce),
                consume_bytes_per_s: whole(produce * traffic[topic].1),
            };
        }
        for topic in &mut spec.topics {
            let fewest = topic.partitions.iter().map(|partition| partition.replicas.len()).min();
            topic.min_insync_replicas = if fewest.unwrap_or(0) >= 3 { 2 } else { 1 };
        }
        spec
    }
}

const TOPIC_NAMES: [&str; 12] = [
    "orders",
    "payments",
    "clicks",
    "views",
    "stock",
    "prices",
    "audit",
    "sessions",
    "invoices",
    "telemetry",
    "alerts",
    "profiles",
];

/// Bytes that each broker shall still get, by rack. Every rack holds the same in all, as it must when every
/// partition has a replica on each.
fn room_by_rack(shape: &Shape, rng: &mut Rng) -> Vec<Vec<(BrokerId, f64)>> {
    let mut room = Vec::new();
    for rack in 0..shape.racks {
        let n = shape.brokers_per_rack;
        let mut shares: Vec<f64> = (0..n)
            .map(|age| {
                let newness = real_count(age) / real_count(n.max(2) - 1);
                (1.25 - newness * newness * 1.15) * rng.between(0.85, 1.15)
            })
            .collect();
        let hot = (n / 10).max(usize::from(rack == 0));
        let hot_fill = rng.between(0.84, 0.9) / shape.fill;
        for share in shares.iter_mut().take(hot) {
            *share = hot_fill;
        }
        let wanted = real_count(n) - hot_fill * real_count(hot);
        let sum: f64 = shares[hot..].iter().sum();
        for share in &mut shares[hot..] {
            *share = (*share * wanted / sum).clamp(0.02, 0.86 / shape.fill);
        }
        let brokers = shares.iter().enumerate().map(|(age, share)| {
            let id = i32::try_from(age * shape.racks + rack).expect("few brokers");
            (BrokerId(id), share * shape.fill * real(shape.disk_bytes))
        });
        room.push(brokers.collect());
    }
    room
}

/// Sizes of the partitions of each topic: topics follow Zipf's law, partitions of one topic differ by up to half.
fn topic_sizes(shape: &Shape, rng: &mut Rng) -> Vec<Vec<f64>> {
    let weights: Vec<f64> = (1..=shape.topics).map(|rank| real_count(rank).powf(-0.8)).collect();
    let sum: f64 = weights.iter().sum();
    let counts = weights.iter().map(|weight| {
        // Larger topics have more partitions, but not in proportion: the rest shows as larger partitions.
        let even = real_count(shape.partitions) / real_count(shape.topics);
        let scaled = real_count(shape.partitions) * weight / sum;
        usize::try_from(whole((even * scaled).sqrt())).unwrap_or(1).max(1)
    });
    let mut counts: Vec<usize> = counts.collect();
    // What rounding and the square root left out is dealt out in turn.
    let mut at = 0;
    while counts.iter().sum::<usize>() < shape.partitions {
        let len = counts.len();
        counts[at % len] += 1;
        at += 1;
    }
    let copies = shape.racks.min(3);
    let total = shape.fill * real(shape.disk_bytes) * real_count(shape.racks * shape.brokers_per_rack)
        / real_count(copies);
    let raw: Vec<Vec<f64>> = counts
        .iter()
        .zip(&weights)
        .map(|(count, weight)| {
            (0..*count).map(|_| weight / real_count(*count) * rng.between(0.7, 1.3)).collect()
        })
        .collect();
    let scale = total / raw.iter().flatten().sum::<f64>();
    raw.into_iter().map(|sizes| sizes.into_iter().map(|size| size * scale).collect()).collect()
}

/// Puts a replica on one broker of each of up to three racks: one of the two with the most room left to fill.
fn place(room: &mut [Vec<(BrokerId, f64)>], size: f64, rng: &mut Rng) -> Vec<BrokerId> {
    let mut racks: Vec<usize> = (0..room.len()).collect();
    racks.sort_by(|a, b| {
        let left = |rack: usize| room[rack].iter().map(|(_, bytes)| bytes).sum::<f64>();
        left(*b).total_cmp(&left(*a)).then(a.cmp(b))
    });
    racks.truncate(3);
    let mut replicas: Vec<BrokerId> = Vec::with_capacity(3);
    for rack in racks {
        let mut brokers: Vec<usize> = (0..room[rack].len()).collect();
        brokers.sort_by(|a, b| room[rack][*b].1.total_cmp(&room[rack][*a].1).then(a.cmp(b)));
        let chosen = brokers[rng.below(brokers.len().min(2))];
        room[rack][chosen].1 -= size;
        replicas.push(room[rack][chosen].0);
    }
    let first = rng.below(replicas.len());
    replicas.rotate_left(first);
    replicas
}
