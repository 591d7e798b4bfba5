//! How long clients of a simulated broker wait, and what flows through it besides copies.
//!
//! The model is the simplest that has what matters: a queue. What is asked of a network or a disk waits longer the
//! busier that is, without bound as it nears its limit: a time of service over the share that is idle.

use std::collections::BTreeMap;

use super::SimCluster;
use super::num::real;
use crate::base::BrokerId;

/// The p99 on a broker that is idle, in milliseconds.
const IDLE_MS: f64 = 2.0;

/// Clients give up waiting after this time, in milliseconds.
const MOST_MS: f64 = 1_000.0;

/// What flows through a broker's network besides copies, in bytes per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) clients_in: u64,
    pub(super) clients_out: u64,
    /// What its in-sync replicas fetch.
    pub(super) replicas_in: u64,
    /// What in-sync replicas elsewhere fetch from it.
    pub(super) replicas_out: u64,
}

/// What copies take of a broker, in bytes per second.
#[derive(Debug, Clone, Default)]
struct Copying {
    into: f64,
    out: f64,
    /// By log directory.
    disks: BTreeMap<usize, f64>,
}

impl SimCluster {
    /// The p99 that clients of each broker see, in milliseconds.
    pub fn latencies_ms(&self) -> BTreeMap<BrokerId, f64> {
        let copying = self.copying();
        let latency = |id: BrokerId| {
            let broker = &self.brokers[&id];
            let idle = Copying::default();
            let copies = copying.get(&id).unwrap_or(&idle);
            let (most_in, most_out) =
                (real(broker.network_in_bytes_per_s), real(broker.network_out_bytes_per_s));
            let network = [
                (real(broker.busy_in) + copies.into) / most_in,
                (real(broker.busy_out) + copies.out) / most_out,
            ];
            let disks = copies.disks.iter().map(|(dir, flow)| flow / broker.dirs[*dir].disk_bytes_per_s);
            let busy = network.into_iter().chain(disks).fold(0.0, f64::max);
            if busy < 1.0 { (IDLE_MS / (1.0 - busy)).min(MOST_MS) } else { MOST_MS }
        };
        self.brokers.keys().map(|id| (*id, latency(*id))).collect()
    }

    /// Bytes per second that copies make each broker send and take now, between brokers.
    pub fn copying_bytes_per_s(&self) -> BTreeMap<BrokerId, (f64, f64)> {
        self.copying().into_iter().map(|(id, copying)| (id, (copying.out, copying.into))).collect()
    }

    fn copying(&self) -> BTreeMap<BrokerId, Copying> {
        let mut copying: BTreeMap<BrokerId, Copying> = BTreeMap::new();
        for (pid, broker) in &self.catching_up {
            let partition = &self.partitions[*pid];
            let Some(copy) = partition.copy(*broker) else { continue };
            let to = copying.entry(*broker).or_default();
            to.into += copy.rate;
            *to.disks.entry(copy.dir).or_default() += copy.rate;
            let Some((leader, from)) = partition.leader.and_then(|id| Some((id, partition.copy(id)?))) else {
                continue;
            };
            let sender = copying.entry(leader).or_default();
            sender.out += copy.rate;
            *sender.disks.entry(from.dir).or_default() += copy.rate;
        }
        for (pid, broker) in &self.moving_dirs {
            let Some(copy) = self.partitions[*pid].copy(*broker) else { continue };
            let Some(future) = &copy.future else { continue };
            let holder = copying.entry(*broker).or_default();
            *holder.disks.entry(copy.dir).or_default() += future.rate;
            *holder.disks.entry(future.dir).or_default() += future.rate;
        }
        copying
    }

    /// What flows through each broker besides copies.
    pub(super) fn traffic(&self) -> BTreeMap<BrokerId, Traffic> {
        let mut traffic: BTreeMap<BrokerId, Traffic> = BTreeMap::new();
        for partition in &self.partitions {
            for charge in &partition.charges {
                let flows = traffic.entry(charge.broker).or_default();
                if partition.leader == Some(charge.broker) {
                    let read = partition.consume_bytes_per_s.min(charge.out_bytes_per_s);
                    flows.clients_in += charge.in_bytes_per_s;
                    flows.clients_out += read;
                    flows.replicas_out += charge.out_bytes_per_s - read;
                } else {
                    flows.replicas_in += charge.in_bytes_per_s;
                }
            }
        }
        traffic
    }
}
