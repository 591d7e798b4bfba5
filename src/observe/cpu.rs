//! How a broker's processor time is shared out over its replicas.
//!
//! Kafka does not measure processor time per partition. Cruise Control's static model (its defaults
//! `leader.network.inbound.weight.for.cpu.util` 0.7, `leader.network.outbound.weight.for.cpu.util` 0.15 and
//! `follower.network.inbound.weight.for.cpu.util` 0.15) weighs a replica by its traffic:
//!
//! - a leader: 0.7 x produce + 0.15 x (consume + (r - 1) x produce), with replication factor r,
//! - a follower: 0.15 x produce,
//!
//! and a replica's share of its broker's cores is its weight over the sum of the weights on that broker.
//! A partition has one figure for all of its followers, though they stand on different brokers: the mean of their
//! shares. The leaders on a broker then share what its followers leave, so that the parts add up to the measured cores.

use std::collections::BTreeMap;

use super::load::{Holdings, Spot, gap_unless_known, push_gap, shares};
use super::{BrokerMetrics, GapKind, Observation, Partition};
use crate::base::{BrokerId, Cores};

const LEADER_IN_WEIGHT: f64 = 0.7;
const LEADER_OUT_WEIGHT: f64 = 0.15;
const FOLLOWER_IN_WEIGHT: f64 = 0.15;

/// A remainder below this share of the broker's measured cores is rounding.
const ROUNDING: f64 = 1e-9;

fn leader_weight(partition: &Partition) -> f64 {
    let produce = partition.load.produce_bytes_per_s.unwrap_or_default().get();
    let consume = partition.load.consume_bytes_per_s.unwrap_or_default().get();
    let followers = f64::from(u32::try_from(partition.replicas.len().saturating_sub(1)).unwrap_or(u32::MAX));
    LEADER_IN_WEIGHT * produce + LEADER_OUT_WEIGHT * (consume + followers * produce)
}

fn follower_weight(partition: &Partition) -> f64 {
    FOLLOWER_IN_WEIGHT * partition.load.produce_bytes_per_s.unwrap_or_default().get()
}

fn at<'a>(observation: &'a Observation, (name, position): &Spot) -> &'a Partition {
    &observation.topics[name].partitions[*position]
}

fn led_by(holdings: &Holdings, broker: BrokerId) -> Vec<Spot> {
    let topics = holdings.leads.get(&broker).into_iter().flatten();
    topics.flat_map(|(name, positions)| positions.iter().map(|position| (name.clone(), *position))).collect()
}

fn followed_by(holdings: &Holdings, broker: BrokerId) -> &[Spot] {
    holdings.follows.get(&broker).map_or(&[], Vec::as_slice)
}

/// Shares out the cores that brokers keep busy; runs after traffic was shared out.
pub(super) fn share_cpu(
    observation: &mut Observation,
    metrics: &BTreeMap<BrokerId, BrokerMetrics>,
    holdings: &Holdings,
) {
    let mut used: BTreeMap<BrokerId, f64> = BTreeMap::new();
    let brokers: Vec<BrokerId> = observation.brokers.keys().copied().collect();
    for broker in brokers {
        let told = metrics.get(&broker);
        match told.and_then(|told| told.cpu_cores_used) {
            Some(cores) if told.is_some_and(BrokerMetrics::knows_bytes_in) => {
                used.insert(broker, cores.get());
            }
            Some(_) => {
                let reason = "its processor time cannot be shared out, since its traffic is not known";
                gap_unless_known(observation, broker, GapKind::CpuLoad, reason);
            }
            None => {
                let reason = "no metrics of its processor time";
                gap_unless_known(observation, broker, GapKind::CpuLoad, reason);
            }
        }
    }
    let rates = rates(observation, &used, holdings);
    give_followers(observation, &rates);
    for (broker, cores) in &used {
        give_leaders(observation, *broker, *cores, holdings);
    }
}

/// Cores per weighted byte per second, of each broker that has both.
fn rates(
    observation: &Observation,
    used: &BTreeMap<BrokerId, f64>,
    holdings: &Holdings,
) -> BTreeMap<BrokerId, f64> {
    let rate = |(broker, cores): (&BrokerId, &f64)| {
        let led = led_by(holdings, *broker);
        let leading: f64 = led.iter().map(|spot| leader_weight(at(observation, spot))).sum();
        let followed = followed_by(holdings, *broker).iter();
        let following: f64 = followed.map(|spot| follower_weight(at(observation, spot))).sum();
        let weight = leading + following;
        (*broker, if weight > 0.0 { cores / weight } else { 0.0 })
    };
    used.iter().map(rate).collect()
}

/// The mean over its followers' brokers; the leader's broker stands in where there is none with metrics.
fn give_followers(observation: &mut Observation, rates: &BTreeMap<BrokerId, f64>) {
    for partition in observation.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.load.produce_bytes_per_s.is_none() {
            continue;
        }
        let followers = partition.replicas.iter().filter(|broker| Some(**broker) != partition.leader);
        let known: Vec<f64> = followers.filter_map(|broker| rates.get(broker).copied()).collect();
        let mean = match u32::try_from(known.len()) {
            Ok(count) if count > 0 => Some(known.iter().sum::<f64>() / f64::from(count)),
            _ => partition.leader.and_then(|leader| rates.get(&leader).copied()),
        };
        if let Some(rate) = mean {
            partition.load.follower_cpu_cores = Some(cores_of(rate * follower_weight(partition)));
        }
    }
}

fn give_leaders(observation: &mut Observation, broker: BrokerId, used: f64, holdings: &Holdings) {
    let followed = followed_by(holdings, broker).iter();
    let following: f64 =
        followed.filter_map(|spot| at(observation, spot).load.follower_cpu_cores).map(Cores::get).sum();
    let led = led_by(holdings, broker);
    let rest = (used - following).max(0.0);
    let weights: Vec<f64> = led.iter().map(|spot| leader_weight(at(observation, spot))).collect();
    for ((name, position), part) in led.iter().zip(shares(rest, &weights)) {
        let topic = observation.topics.get_mut(name).expect("holdings name what the observation holds");
        topic.partitions[*position].load.leader_cpu_cores = Some(cores_of(part));
    }
    let given = following + if led.is_empty() { 0.0 } else { rest };
    let off = used - given;
    if off.abs() > ROUNDING * used.max(1e-3) {
        let reason = if off > 0.0 {
            format!("{} of {} are left over: it leads no partition", cores_of(off), cores_of(used))
        } else {
            let more = cores_of(-off);
            format!("its followers are counted for {more} more than the {} that it used", cores_of(used))
        };
        push_gap(observation, broker, GapKind::CpuLoad, reason);
    }
}

/// A checked amount; amounts here are sums and shares of checked ones.
fn cores_of(cores: f64) -> Cores {
    Cores::new(cores.clamp(0.0, f64::MAX)).unwrap_or_default()
}
