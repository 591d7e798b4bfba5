//! Small clusters made from a number: the same number gives the same cluster on every machine, so that a cluster that
//! failed is named by its seed.

use evenkeel::base::{BrokerId, Bytes, RackId, TopicName};
use evenkeel::observe::{Capacity, Observation, Partition, SeenBroker, SeenTopic};

const GB: u64 = 1_000_000_000;

/// Share of a disk that the goal set `disk-only` lets be filled, in percent.
const LIMIT_PERCENT: u64 = 80;

/// Random numbers without a crate, by splitmix64: they stay the same when crates change.
pub struct Dice(u64);

impl Dice {
    /// Dice for a seed.
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// A whole number from the first to the last.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.next() % (last - first + 1)
    }

    /// True so many times in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Four to six brokers in two or three racks, of equal or unequal disks, with five to eight partitions of two or three
/// replicas, placed anyhow. `fill` is how full the disks of those brokers are that `stays` names, in percent of
/// what they may hold.
pub fn small_cluster(dice: &mut Dice, fill: (u64, u64), spread: bool, leaves: usize) -> Observation {
    let racks = 2 + dice.below(2);
    let brokers = 4 + dice.below(3);
    let uneven = dice.chance(30);
    let unequal = dice.chance(25);
    let mut observation = Observation { cluster_id: Some("small".into()), ..Observation::default() };
    let mut rack_of = Vec::new();
    for id in 0..brokers {
        let rack = if id < racks || !uneven { id % racks } else { dice.below(racks) };
        let share = if unequal { dice.between(2, 4) } else { 2 };
        rack_of.push(rack);
        let broker = SeenBroker {
            rack: Some(RackId::from(format!("r{rack}"))),
            alive: true,
            capacity: Capacity { disk_bytes: Some(Bytes(share * 500 * GB)), ..Capacity::default() },
            ..SeenBroker::default()
        };
        observation.brokers.insert(BrokerId(i32::try_from(id).unwrap()), broker);
    }
    let staying = observation.brokers.values().skip(leaves);
    let room: u64 =
        staying.map(|broker| broker.capacity.disk_bytes.unwrap().0).sum::<u64>() * LIMIT_PERCENT / 100;
    let factor = 2 + dice.below(2);
    // So many that a program takes a second at most.
    let count = (5 + dice.below(4)).min(36 / brokers);
    let weights = weights(dice, count);
    let weight: u64 = weights.iter().sum::<u64>().max(1);
    let bytes = room / 100 * dice.between(fill.0, fill.1) / factor as u64;
    let crowded = dice.below(brokers);
    let partitions = weights.iter().enumerate().map(|(id, of)| {
        let size = u64::try_from(u128::from(bytes) * u128::from(*of) / u128::from(weight)).unwrap();
        let replicas = place(dice, &rack_of, factor, spread, crowded);
        Partition {
            id: i32::try_from(id).unwrap(),
            leader: replicas.first().copied(),
            isr: replicas.clone(),
            replicas,
            size_bytes: Some(Bytes(size)),
            ..Partition::default()
        }
    });
    let topic =
        SeenTopic { min_insync_replicas: Some(1), partitions: partitions.collect(), ..SeenTopic::default() };
    observation.topics.insert(TopicName::from("t"), topic);
    observation
}

/// Sizes against each other: all alike, of every size, or a few large ones among small and empty ones.
fn weights(dice: &mut Dice, count: usize) -> Vec<u64> {
    let style = dice.below(4);
    let weight = |dice: &mut Dice| match style {
        0 => 100,
        1 | 2 => dice.between(10, 100),
        _ if dice.chance(20) => dice.between(100, 300),
        _ if dice.chance(10) => 0,
        _ => dice.between(1, 60),
    };
    (0..count).map(|_| weight(dice)).collect()
}

/// Distinct brokers, one of which is liked more than others; with `spread` as few of a rack as can be.
fn place(dice: &mut Dice, rack_of: &[usize], factor: usize, spread: bool, crowded: usize) -> Vec<BrokerId> {
    let mut held: Vec<usize> = Vec::new();
    while held.len() < factor {
        let free: Vec<usize> = (0..rack_of.len()).filter(|broker| !held.contains(broker)).collect();
        let beside = |broker: usize| held.iter().filter(|other| rack_of[**other] == rack_of[broker]).count();
        let least = free.iter().map(|broker| beside(*broker)).min().unwrap();
        let fit: Vec<usize> = free.into_iter().filter(|broker| !spread || beside(*broker) == least).collect();
        let liked = fit.contains(&crowded) && dice.chance(40);
        let next = if liked { crowded } else { fit[dice.below(fit.len())] };
        held.push(next);
    }
    held.into_iter().map(|broker| BrokerId(i32::try_from(broker).unwrap())).collect()
}

/// What a person needs to see of a cluster: racks and disks, then replicas and sizes.
pub fn picture(observation: &Observation) -> String {
    let brokers = observation.brokers.iter().map(|(id, broker)| {
        let rack = broker.rack.as_ref().map_or_else(String::new, ToString::to_string);
        format!("{id}:{rack}:{}", broker.capacity.disk_bytes.unwrap().0 / GB)
    });
    let partitions = observation.partitions().map(|(_, _, partition)| {
        let list: Vec<String> = partition.replicas.iter().map(ToString::to_string).collect();
        format!("[{}]{}", list.join(","), partition.size_bytes.unwrap().0 / GB)
    });
    let (brokers, partitions): (Vec<String>, Vec<String>) = (brokers.collect(), partitions.collect());
    format!("brokers {}; partitions {} (GB)", brokers.join(" "), partitions.join(" "))
}
