//! How a broker's processor time is shared out over its replicas.
//!
//! Kafka does not measure processor time per partition. A replica is weighed by its traffic:
//!
//! - a leader: produce weight x produce + consume weight x consume + serve weight x (r - 1) x produce, with replication factor r,
//! - a follower: follow weight x produce,
//!
//! by weights that were fitted to the cluster ([`CpuFit`]), and else by Cruise Control's static ones. A replica's share of its broker's
//! cores is its weight over the sum of the weights on that broker. A partition has one figure for all of its followers, though they stand
//! on different brokers: the mean of their shares. The leaders on a broker then share what its followers leave, so that the parts
//! add up to the measured cores. Where they cannot, a gap says by how much ([`AddsUp`]).
//!
//! Two things are taken off before anything is shared out:
//!
//! - **The base**, what a broker does without traffic: only a fit tells it. It is put on no partition, since a move would seem to take
//!   it along: a broker with a core of base and a core of work that gave half of its work away would be foretold 1 core and end
//!   with 1.5. It stays with its broker ([`super::SeenBroker::other_cpu_cores`]) and counts against limits as other files on a disk
//!   do. Static weights know no base, and what there is of it is in the parts.
//! - **Copies that are being made** cost time too, which ends with them. It is reckoned as replication's and put on nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cpu_weights::STATIC;
use super::load::{Holdings, Spot, gap_unless_known, shares};
use super::work::BrokerWork;
use super::{Basis, BrokerMetrics, CpuFit, Gap, GapKind, NoFit, Observation, Partition, TrafficWeights};
use crate::base::{BrokerId, Cores};

/// A remainder below this share of the broker's measured cores is rounding.
const ROUNDING: f64 = 1e-9;

/// What is off by less than this share of what was measured is no reason to look into it.
const OFF_MOST: f64 = 0.01;

/// How processor time was shared out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CpuSharing {
    /// By which weights.
    pub by: SharedBy,
    /// What the parts of each broker add up to; only brokers whose cores are known.
    pub brokers: Vec<AddsUp>,
}

/// By which weights processor time was shared out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum SharedBy {
    /// By weights that were fitted to the cluster.
    Fit(CpuFit),
    /// By weights that are the same for every cluster.
    StaticWeights {
        /// Why.
        why: NoFit,
    },
}

/// What a broker keeps busy, and where that was put; all in cores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AddsUp {
    /// The broker.
    pub broker: BrokerId,
    /// What it keeps busy, as measured.
    pub measured_cores: f64,
    /// What its replicas are counted for.
    pub parts_cores: f64,
    /// What it does without traffic, as far as it is known.
    pub other_cores: f64,
    /// What copies cost that are being made.
    pub copies_cores: f64,
}

impl AddsUp {
    /// By how much measured cores are more than what was put somewhere; below zero when they are less.
    pub fn off_cores(&self) -> f64 {
        self.measured_cores - self.parts_cores - self.other_cores - self.copies_cores
    }

    /// By how much its parts miss what was measured, in words; nothing below 1 %.
    pub fn misses(&self) -> Option<String> {
        let off = self.off_cores();
        let share = off.abs() / self.measured_cores.max(1e-3);
        let than = if off > 0.0 { "less" } else { "more" };
        (share > OFF_MOST).then(|| {
            format!(
                "broker {}: its parts add up to {:.2} cores {than} than the {:.2} cores that were measured ({:.0} %)",
                self.broker,
                off.abs(),
                self.measured_cores,
                100.0 * share
            )
        })
    }

    /// The gap that says so, where that is more than rounding.
    fn gap(&self) -> Option<Gap> {
        let (off, used) = (self.off_cores(), cores_of(self.measured_cores));
        if off.abs() <= ROUNDING * self.measured_cores.max(1e-3) {
            return None;
        }
        let reason = if off > 0.0 {
            format!("{} of {used} are left over: it leads no partition", cores_of(off))
        } else {
            format!("its followers are counted for {} more than the {used} that it used", cores_of(-off))
        };
        Some(Gap::of_broker(self.broker, GapKind::CpuLoad, reason))
    }
}

impl CpuSharing {
    /// Whether its numbers can be what they say: it may come from a file.
    pub fn is_sound(&self) -> bool {
        let numbers = |row: &AddsUp| {
            [row.measured_cores, row.parts_cores, row.other_cores, row.copies_cores]
                .iter()
                .all(|cores| cores.is_finite() && *cores >= 0.0)
        };
        let weights = match &self.by {
            SharedBy::Fit(fit) => fit.is_sound(),
            SharedBy::StaticWeights { .. } => true,
        };
        weights && self.brokers.iter().all(numbers)
    }
}

impl SharedBy {
    fn weights(&self) -> TrafficWeights {
        match self {
            Self::Fit(fit) => fit.weights,
            Self::StaticWeights { .. } => STATIC,
        }
    }

    fn base_cores(&self) -> f64 {
        match self {
            Self::Fit(fit) => fit.base_cores,
            Self::StaticWeights { .. } => 0.0,
        }
    }

    fn basis(&self) -> Basis {
        match self {
            Self::Fit(_) => Basis::FittedWeights,
            Self::StaticWeights { .. } => Basis::StaticWeights,
        }
    }
}

fn leader_weight(weights: TrafficWeights, partition: &Partition) -> f64 {
    let produce = partition.load.produce_bytes_per_s.unwrap_or_default().get();
    let consume = partition.load.consume_bytes_per_s.unwrap_or_default().get();
    let followers = f64::from(u32::try_from(partition.replicas.len().saturating_sub(1)).unwrap_or(u32::MAX));
    weights.produce * produce + weights.consume * consume + weights.serve * followers * produce
}

fn follower_weight(weights: TrafficWeights, partition: &Partition) -> f64 {
    let read = partition.load.follower_consume_bytes_per_s.unwrap_or_default().get();
    weights.follow * partition.load.produce_bytes_per_s.unwrap_or_default().get() + weights.consume * read
}

fn copies_weight(weights: TrafficWeights, work: &BrokerWork) -> f64 {
    work.traffic.map_or(0.0, |traffic| {
        weights.follow * traffic.copies_in_bytes_per_s + weights.serve * traffic.copies_out_bytes_per_s
    })
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

/// Takes note of what brokers keep busy, and shares that out by the static weights; runs after traffic was shared out.
pub(super) fn share_cpu(
    observation: &mut Observation,
    metrics: &BTreeMap<BrokerId, BrokerMetrics>,
    holdings: &Holdings,
) {
    let reassigns = !observation.reassignments.is_empty() || observation.has_gap(GapKind::Reassignments);
    let brokers: Vec<BrokerId> = observation.brokers.keys().copied().collect();
    for broker in brokers {
        let told = metrics.get(&broker);
        let work = told.map(|told| BrokerWork::of(told, reassigns)).unwrap_or_default();
        if work.cores_used.is_none() {
            let reason = match told.and_then(|told| told.cpu_cores_used) {
                Some(_) => "its processor time cannot be shared out, since its traffic is not known",
                None => "no metrics of its processor time",
            };
            gap_unless_known(observation, broker, GapKind::CpuLoad, reason);
        }
        if let Some(seen) = observation.brokers.get_mut(&broker) {
            seen.work = work;
        }
    }
    share(observation, holdings, SharedBy::StaticWeights { why: NoFit::OneLook });
}

/// Shares out anew what brokers of a look keep busy, by fitted weights; where there are none the reason is written down.
/// Nothing happens to a look without processor times.
pub fn share_cpu_by(observation: &mut Observation, fit: Result<CpuFit, NoFit>) {
    let Some(before) = observation.cpu_sharing.take().filter(|before| !before.brokers.is_empty()) else {
        return;
    };
    match fit {
        Ok(fit) => {
            let stale: Vec<Gap> = before.brokers.iter().filter_map(AddsUp::gap).collect();
            observation.gaps.retain(|gap| !stale.contains(gap));
            let holdings = Holdings::of(observation);
            share(observation, &holdings, SharedBy::Fit(fit));
        }
        Err(why) => {
            observation.cpu_sharing = Some(CpuSharing { by: SharedBy::StaticWeights { why }, ..before });
        }
    }
}

/// What is taken off a broker's cores before they are shared out, and what is left for each weighted byte per second.
struct Split {
    used: f64,
    other: f64,
    copies: f64,
    rate: f64,
}

fn share(observation: &mut Observation, holdings: &Holdings, by: SharedBy) {
    let splits: BTreeMap<BrokerId, Split> = observation
        .brokers
        .iter()
        .filter_map(|(broker, seen)| Some((*broker, seen.work.cores_used?.get(), seen.work)))
        .map(|(broker, used, work)| (broker, split(observation, holdings, &by, (broker, used, &work))))
        .collect();
    give_followers(observation, &splits, &by);
    let mut brokers = Vec::with_capacity(splits.len());
    for (broker, split) in &splits {
        let row = give_leaders(observation, *broker, split, holdings, &by);
        observation.gaps.extend(row.gap());
        brokers.push(row);
        if let Some(seen) = observation.brokers.get_mut(broker) {
            seen.other_cpu_cores = (split.other > 0.0).then(|| cores_of(split.other));
        }
    }
    observation.cpu_sharing = (!brokers.is_empty()).then_some(CpuSharing { by, brokers });
}

fn split(
    observation: &Observation,
    holdings: &Holdings,
    by: &SharedBy,
    (broker, used, work): (BrokerId, f64, &BrokerWork),
) -> Split {
    let weights = by.weights();
    let led = led_by(holdings, broker);
    let leading: f64 = led.iter().map(|spot| leader_weight(weights, at(observation, spot))).sum();
    let followed = followed_by(holdings, broker).iter();
    let following: f64 = followed.map(|spot| follower_weight(weights, at(observation, spot))).sum();
    let copying = copies_weight(weights, work);
    let other = by.base_cores().min(used);
    let weight = leading + following + copying;
    let rate = if weight > 0.0 { (used - other) / weight } else { 0.0 };
    Split { used, other, copies: rate * copying, rate }
}

/// The mean over its followers' brokers; the leader's broker stands in where there is none with metrics.
fn give_followers(observation: &mut Observation, splits: &BTreeMap<BrokerId, Split>, by: &SharedBy) {
    for partition in observation.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.load.produce_bytes_per_s.is_none() {
            continue;
        }
        let followers = partition.replicas.iter().filter(|broker| Some(**broker) != partition.leader);
        let known: Vec<f64> = followers.filter_map(|broker| Some(splits.get(broker)?.rate)).collect();
        let mean = match u32::try_from(known.len()) {
            Ok(count) if count > 0 => Some(known.iter().sum::<f64>() / f64::from(count)),
            _ => partition.leader.and_then(|leader| Some(splits.get(&leader)?.rate)),
        };
        if let Some(rate) = mean {
            let part = cores_of(rate * follower_weight(by.weights(), partition));
            partition.load.follower_cpu_cores = Some(part);
            partition.load.basis.cpu = Some(by.basis());
        }
    }
}

fn give_leaders(
    observation: &mut Observation,
    broker: BrokerId,
    split: &Split,
    holdings: &Holdings,
    by: &SharedBy,
) -> AddsUp {
    let followed = followed_by(holdings, broker).iter();
    let following: f64 =
        followed.filter_map(|spot| at(observation, spot).load.follower_cpu_cores).map(Cores::get).sum();
    let led = led_by(holdings, broker);
    let rest = (split.used - split.other - split.copies - following).max(0.0);
    let weights: Vec<f64> =
        led.iter().map(|spot| leader_weight(by.weights(), at(observation, spot))).collect();
    for ((name, position), part) in led.iter().zip(shares(rest, &weights)) {
        let topic = observation.topics.get_mut(name).expect("holdings name what the observation holds");
        let load = &mut topic.partitions[*position].load;
        load.leader_cpu_cores = Some(cores_of(part));
        load.basis.cpu = Some(by.basis());
    }
    AddsUp {
        broker,
        measured_cores: split.used,
        parts_cores: following + if led.is_empty() { 0.0 } else { rest },
        other_cores: split.other,
        copies_cores: split.copies,
    }
}

/// A checked amount; amounts here are sums and shares of checked ones.
fn cores_of(cores: f64) -> Cores {
    Cores::new(cores.clamp(0.0, f64::MAX)).unwrap_or_default()
}

#[cfg(test)]
#[path = "cpu_tests.rs"]
mod tests;
