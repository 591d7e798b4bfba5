//! [`Limits`]: what the settings, a broker's capacity and its clients' traffic allow, whatever the latency is.

use std::collections::BTreeMap;

use super::super::{ExecuteSettings, ThrottleRate};
use super::lane::Lane;
use crate::base::{BrokerId, BytesPerS, Millis};
use crate::observe::{BrokerTraffic, Observation, SeenBroker};

/// The throttle where nothing is known of a broker's network, in bytes per second: a tenth of the weakest common
/// network (4 Gbit/s), in which a terabyte takes some hours and clients notice nothing.
const RATE_UNMEASURED: f64 = 50e6;

/// The most where nothing is known of the network, and latency is: half of the weakest common network.
const RATE_UNMEASURED_MOST: f64 = 250e6;

/// The lowest throttle that is derived or backed off to, in bytes per second: with less, moves of busy partitions
/// never end.
pub(super) const RATE_LEAST: f64 = 5e6;

/// The share of what clients leave of the network that copies may take, where nobody watches latency.
const SHARE_UNWATCHED: f64 = 0.5;

/// The same where an objective for latency is watched: that says when it is too much.
const SHARE_WATCHED: f64 = 0.9;

/// The rate at which the broker that has least to spare begins to copy where the throttle is derived, in bytes per second:
/// what a forecast goes by, which knows one rate for all.
pub fn derived_rate(settings: &ExecuteSettings, seen: &Observation) -> u64 {
    let limits = Limits::new(settings, seen);
    let alive = seen.brokers.iter().filter(|(_, broker)| broker.alive);
    let rates = alive.flat_map(|(id, broker)| {
        let [sends, takes, _] = limits.lanes(*id, network(broker), &broker.signals.traffic);
        [sends.offered(), takes.offered()]
    });
    rates.min().unwrap_or_else(|| Lane::new(RATE_UNMEASURED, RATE_UNMEASURED).offered())
}

/// What flows besides copies, out and in, in bytes per second.
type Flows = [f64; 2];

/// What a network gives, out and in, in bytes per second; absent where it is not known.
pub(super) type Network = [Option<f64>; 2];

/// What may be copied at most.
#[derive(Debug)]
pub(super) struct Limits {
    throttle: ThrottleRate,
    objective: Option<Millis>,
    /// As the loads of partitions told it in the first look: all of it, and what replicas fetch of it.
    at_start: BTreeMap<BrokerId, (Flows, Flows)>,
}

impl Limits {
    pub(super) fn new(settings: &ExecuteSettings, seen: &Observation) -> Self {
        let objective = settings.latency_objective.map(|objective| objective.as_secs_f64() * 1_000.0);
        Self {
            throttle: settings.throttle,
            objective: objective.and_then(|objective| Millis::new(objective).ok()),
            at_start: flows(seen),
        }
    }

    pub(super) fn set_throttle(&mut self, throttle: ThrottleRate) {
        self.throttle = throttle;
    }

    pub(super) fn objective(&self) -> Option<Millis> {
        self.objective
    }

    /// Whether nothing limits copies. An objective for latency cannot be kept without limits.
    pub(super) fn are_none(&self) -> bool {
        self.throttle == ThrottleRate::Unlimited && self.objective.is_none()
    }

    /// Whether rates stay as the operator has set them.
    pub(super) fn are_steady(&self) -> bool {
        self.objective.is_none() && self.throttle != ThrottleRate::Derived
    }

    /// The lanes of a broker to begin with.
    pub(super) fn lanes(&self, id: BrokerId, network: Network, traffic: &BrokerTraffic) -> [Lane; 3] {
        let used = self.used(id, traffic);
        let safe = match self.throttle {
            ThrottleRate::BytesPerS(rate) => [fixed(rate); 3],
            ThrottleRate::Derived | ThrottleRate::Unlimited => {
                let [sends, takes] = [0, 1].map(|lane| {
                    network[lane].map_or(RATE_UNMEASURED, |all| share(all, used[lane], SHARE_UNWATCHED))
                });
                [sends, takes, RATE_UNMEASURED]
            }
        };
        let caps = self.caps(id, network, traffic);
        [0, 1, 2].map(|lane| Lane::new(safe[lane], caps[lane]))
    }

    /// What a broker may send, take, and move between its directories at most, in bytes per second.
    pub(super) fn caps(&self, id: BrokerId, network: Network, traffic: &BrokerTraffic) -> [f64; 3] {
        let used = self.used(id, traffic);
        let watched = self.objective.is_some();
        let (of_network, unmeasured) =
            if watched { (SHARE_WATCHED, RATE_UNMEASURED_MOST) } else { (SHARE_UNWATCHED, RATE_UNMEASURED) };
        let left = |lane: usize| network[lane].map(|all| share(all, used[lane], of_network));
        match self.throttle {
            // What an operator has set is not passed, and without an objective it is what was asked for.
            ThrottleRate::BytesPerS(rate) => {
                let rate = fixed(rate);
                let most = |lane| left(lane).filter(|_| watched).map_or(rate, |left| left.min(rate));
                [most(0), most(1), rate]
            }
            // What a disk can spare is not known.
            ThrottleRate::Derived | ThrottleRate::Unlimited => {
                [left(0).unwrap_or(unmeasured), left(1).unwrap_or(unmeasured), unmeasured]
            }
        }
    }

    /// Which caps follow from what clients leave.
    pub(super) fn follow_traffic(&self, network: Network) -> [bool; 3] {
        let [sends, takes] = network.map(|known| known.is_some());
        let is_fixed = matches!(self.throttle, ThrottleRate::BytesPerS(_));
        [sends && !is_fixed, takes && !is_fixed, false]
    }

    /// What flows out of and into a broker besides copies: as measured just now, else as in the first look.
    fn used(&self, id: BrokerId, traffic: &BrokerTraffic) -> Flows {
        let (all, replicas) = self.at_start.get(&id).copied().unwrap_or_default();
        let flow = |clients: Option<BytesPerS>, fetched: Option<BytesPerS>, lane: usize| {
            let fetched = fetched.map_or(replicas[lane], BytesPerS::get);
            clients.map_or(all[lane], |clients| clients.get() + fetched)
        };
        [
            flow(traffic.clients_out_bytes_per_s, traffic.replicas_out_bytes_per_s, 0),
            flow(traffic.clients_in_bytes_per_s, traffic.replicas_in_bytes_per_s, 1),
        ]
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate of 9 PB/s is right to a byte, which is enough")]
fn fixed(rate: u64) -> f64 {
    rate.max(1) as f64
}

fn share(all: f64, used: f64, share: f64) -> f64 {
    ((all - used) * share).max(RATE_LEAST)
}

/// What the network gives, out and in.
pub(super) fn network(broker: &SeenBroker) -> Network {
    let capacity = &broker.capacity;
    [capacity.network_out_bytes_per_s, capacity.network_in_bytes_per_s].map(|known| known.map(BytesPerS::get))
}

/// What flows besides copies, by broker, as the loads of partitions tell it.
fn flows(seen: &Observation) -> BTreeMap<BrokerId, (Flows, Flows)> {
    let mut flows: BTreeMap<BrokerId, (Flows, Flows)> = BTreeMap::new();
    for (_, _, partition) in seen.partitions() {
        let produced = partition.load.produce_bytes_per_s.map_or(0.0, BytesPerS::get);
        let consumed = partition.load.consume_bytes_per_s.map_or(0.0, BytesPerS::get);
        let by_followers = partition.load.follower_consume_bytes_per_s.map_or(0.0, BytesPerS::get);
        let followers = u32::try_from(partition.replicas.len().saturating_sub(1)).unwrap_or(u32::MAX);
        for broker in &partition.replicas {
            let (all, replicas) = flows.entry(*broker).or_default();
            all[1] += produced;
            if partition.leader == Some(*broker) {
                all[0] += consumed + f64::from(followers) * produced;
                replicas[0] += f64::from(followers) * produced;
            } else {
                all[0] += by_followers;
                replicas[1] += produced;
            }
        }
    }
    flows
}
