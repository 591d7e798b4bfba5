//! Random clusters, as observations.

use std::collections::BTreeMap;

use evenkeel::base::{BrokerId, Bytes, BytesPerS, Cores, RackId, TopicName, TopicPartition};
use evenkeel::observe::{Capacity, Observation, Partition, PartitionLoad, SeenBroker, SeenTopic};
use evenkeel::plan::{Plan, Step};
use proptest::prelude::*;

/// What a random cluster is made from.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Brokers per rack.
    pub racks: Vec<usize>,
    /// By broker: its capacity against the others, and whether it is alive.
    pub brokers: Vec<(u64, bool)>,
    /// By topic: its replication factor, and its partitions.
    pub topics: Vec<(usize, Vec<Seed>)>,
}

/// What a partition is made from.
#[derive(Debug, Clone)]
pub struct Seed {
    size_bytes: u64,
    produce: f64,
    consume: f64,
    /// Picks the brokers.
    place: u64,
    /// Picks the leader.
    leader: usize,
}

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => Just(0),
        12 => 1_000_000u64..50_000_000_000,
        2 => 1u64..1000,
        1 => Just(3_000_000_000_000u64),
    ]
}

fn seed() -> impl Strategy<Value = Seed> {
    let rate = || prop_oneof![10 => Just(0.0), 60 => 0.0..5e6f64, 1 => Just(1e12)];
    (size(), rate(), rate(), any::<u64>(), 0usize..4).prop_map(
        |(size_bytes, produce, consume, place, leader)| Seed { size_bytes, produce, consume, place, leader },
    )
}

/// Clusters with some brokers down.
pub fn any_cluster() -> impl Strategy<Value = Recipe> {
    recipe(0.1)
}

/// Clusters with all brokers up.
pub fn live_cluster() -> impl Strategy<Value = Recipe> {
    recipe(0.0)
}

/// The same cluster with loads so small that no capacity is ever near its limit.
pub fn small_loads(mut recipe: Recipe) -> Recipe {
    for seed in recipe.topics.iter_mut().flat_map(|(_, seeds)| seeds) {
        seed.size_bytes /= 1000;
        seed.produce = seed.produce.min(5e6) / 1000.0;
        seed.consume = seed.consume.min(5e6) / 1000.0;
    }
    recipe
}

fn recipe(dead: f64) -> impl Strategy<Value = Recipe> {
    proptest::collection::vec(1usize..5, 1..5).prop_flat_map(move |racks| {
        let brokers: usize = racks.iter().sum();
        let capacity = prop_oneof![4 => Just(1u64), 1 => Just(2u64), 1 => Just(3u64)];
        let broker = (capacity, proptest::bool::weighted(1.0 - dead));
        let topic = (1usize..=5.min(brokers), proptest::collection::vec(seed(), 1..12));
        (Just(racks), proptest::collection::vec(broker, brokers), proptest::collection::vec(topic, 1..6))
            .prop_map(|(racks, brokers, topics)| Recipe { racks, brokers, topics })
    })
}

impl Recipe {
    /// The cluster, with partitions placed anyhow: two in one rack, leaders that are not the first.
    pub fn observation(&self) -> Observation {
        let mut observation = Observation { cluster_id: Some("random".into()), ..Observation::default() };
        let racks = self.racks.iter().enumerate().flat_map(|(rack, count)| std::iter::repeat_n(rack, *count));
        for (id, (rack, (share, alive))) in racks.zip(&self.brokers).enumerate() {
            // At least one has to be up.
            let alive = *alive || id == 0;
            observation.brokers.insert(BrokerId(i32::try_from(id).unwrap()), broker(rack, *share, alive));
        }
        for (at, (replication_factor, seeds)) in self.topics.iter().enumerate() {
            let partitions = seeds.iter().enumerate().map(|(id, seed)| {
                let alive = |id: BrokerId| observation.brokers[&id].alive;
                partition(i32::try_from(id).unwrap(), *replication_factor, seed, self.brokers.len(), alive)
            });
            let topic = SeenTopic {
                min_insync_replicas: Some(u32::try_from(replication_factor.div_ceil(2)).unwrap()),
                partitions: partitions.collect(),
                ..SeenTopic::default()
            };
            observation.topics.insert(TopicName::from(format!("t{at}")), topic);
        }
        observation
    }
}

fn broker(rack: usize, share: u64, alive: bool) -> SeenBroker {
    #[expect(clippy::cast_precision_loss, reason = "1 to 3")]
    let real = share as f64;
    SeenBroker {
        rack: Some(RackId::from(format!("r{rack}"))),
        alive,
        capacity: Capacity {
            disk_bytes: Some(Bytes(share * 2_000_000_000_000)),
            network_in_bytes_per_s: BytesPerS::new(real * 1e8).ok(),
            network_out_bytes_per_s: BytesPerS::new(real * 2e8).ok(),
            cpu_cores: Cores::new(real * 8.0).ok(),
        },
        ..SeenBroker::default()
    }
}

fn partition(
    id: i32,
    replication_factor: usize,
    seed: &Seed,
    brokers: usize,
    alive: impl Fn(BrokerId) -> bool,
) -> Partition {
    let mut ids: Vec<usize> = (0..brokers).collect();
    let mut place = seed.place;
    let mut replicas = Vec::new();
    for _ in 0..replication_factor {
        let at = usize::try_from(place % ids.len() as u64).unwrap();
        replicas.push(BrokerId(i32::try_from(ids.remove(at)).unwrap()));
        place = place.rotate_right(7) ^ 0x9e37_79b9_7f4a_7c15;
    }
    let isr: Vec<BrokerId> = replicas.iter().copied().filter(|broker| alive(*broker)).collect();
    let leader = isr.get(seed.leader % isr.len().max(1)).copied();
    Partition {
        id,
        offline: replicas.iter().copied().filter(|broker| !alive(*broker)).collect(),
        replicas,
        leader,
        isr,
        size_bytes: Some(Bytes(seed.size_bytes)),
        load: PartitionLoad {
            produce_bytes_per_s: BytesPerS::new(seed.produce).ok(),
            consume_bytes_per_s: BytesPerS::new(seed.consume).ok(),
            // Of every third partition consumers read from followers too, and less or more than from the leader.
            follower_consume_bytes_per_s: match seed.place % 6 {
                0 => BytesPerS::new(seed.consume / 3.0).ok(),
                1 => BytesPerS::new(seed.consume + seed.produce * 4.0).ok(),
                _ => None,
            },
            leader_cpu_cores: Cores::new(seed.produce / 1e7).ok(),
            follower_cpu_cores: Cores::new(seed.produce / 5e7).ok(),
            ..PartitionLoad::default()
        },
        ..Partition::default()
    }
}

/// The cluster when a plan has been carried out.
pub fn carried_out(observation: &Observation, plan: &Plan) -> Observation {
    let mut after = observation.clone();
    let lists: BTreeMap<TopicPartition, Vec<BrokerId>> = plan
        .steps()
        .filter_map(|step| match step {
            Step::Move(step) => Some((step.partition.clone(), step.target().to_vec())),
            Step::Leader(step) => Some((step.partition.clone(), step.replicas.clone())),
            Step::LogDir(_) => None,
        })
        .collect();
    for (name, list) in lists {
        let topic = after.topics.get_mut(&name.topic).unwrap();
        let partition = &mut topic.partitions[usize::try_from(name.partition).unwrap()];
        partition.leader = list.first().copied();
        partition.isr.clone_from(&list);
        partition.offline.clear();
        partition.replicas = list;
    }
    after
}
