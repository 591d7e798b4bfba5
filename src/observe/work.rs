//! [`BrokerWork`]: what keeps a broker's processor busy: how much of it is, and by what traffic.

use super::BrokerMetrics;
use crate::base::{BytesPerS, Cores};

/// What one look's metrics tell of a broker's work. Snapshots do not hold it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BrokerWork {
    /// Cores that it keeps busy; absent where they are not told, or its bytes in are not.
    pub cores_used: Option<Cores>,
    /// What flows through it; absent unless all of it is known.
    pub traffic: Option<WorkTraffic>,
}

/// What flows through a broker, told apart as far as it costs processor time in different ways. All in bytes per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WorkTraffic {
    /// What clients write to it.
    pub clients_in_bytes_per_s: f64,
    /// What clients read from it.
    pub clients_out_bytes_per_s: f64,
    /// What its replicas fetch, but for copies that are being made.
    pub replicas_in_bytes_per_s: f64,
    /// What others' replicas fetch from it, but for copies that are being made.
    pub replicas_out_bytes_per_s: f64,
    /// What it receives of copies that are being made.
    pub copies_in_bytes_per_s: f64,
    /// What it sends of copies that are being made.
    pub copies_out_bytes_per_s: f64,
}

impl BrokerWork {
    /// What a broker tells. Some do not tell copies from other replication: then there are none while no reassignment runs, and
    /// else nobody knows.
    pub(super) fn of(told: &BrokerMetrics, reassigns: bool) -> Self {
        let cores_used = told.cpu_cores_used.filter(|_| told.knows_bytes_in());
        Self { cores_used, traffic: WorkTraffic::of(told, reassigns) }
    }
}

impl WorkTraffic {
    fn of(told: &BrokerMetrics, reassigns: bool) -> Option<Self> {
        if !told.knows_traffic() {
            return None;
        }
        let sum = |all: Option<BytesPerS>, topics: f64| all.map_or(topics, BytesPerS::get);
        let topics_in: f64 = told.topic_bytes_in_per_s.values().map(|rate| rate.get()).sum();
        let topics_out: f64 = told.topic_bytes_out_per_s.values().map(|rate| rate.get()).sum();
        let copies = |made: Option<BytesPerS>| match made {
            Some(made) => Some(made.get()),
            None if reassigns => None,
            None => Some(0.0),
        };
        let (replication_in, copies_in) =
            (told.replication_in_per_s?.get(), copies(told.reassignment_in_per_s)?);
        let (replication_out, copies_out) =
            (told.replication_out_per_s?.get(), copies(told.reassignment_out_per_s)?);
        Some(Self {
            clients_in_bytes_per_s: sum(told.bytes_in_per_s, topics_in),
            clients_out_bytes_per_s: sum(told.bytes_out_per_s, topics_out),
            replicas_in_bytes_per_s: (replication_in - copies_in).max(0.0),
            replicas_out_bytes_per_s: (replication_out - copies_out).max(0.0),
            copies_in_bytes_per_s: copies_in,
            copies_out_bytes_per_s: copies_out,
        })
    }
}

/// A broker's mean work over a window: cores, and the traffic in the order of [`WorkTraffic`].
pub(super) type Work = [f64; 7];

impl BrokerWork {
    /// What a window keeps of it: only what is known whole is of use.
    pub(super) fn row(&self) -> Option<Work> {
        let (cores, traffic) = (self.cores_used?, self.traffic?);
        Some([
            cores.get(),
            traffic.clients_in_bytes_per_s,
            traffic.clients_out_bytes_per_s,
            traffic.replicas_in_bytes_per_s,
            traffic.replicas_out_bytes_per_s,
            traffic.copies_in_bytes_per_s,
            traffic.copies_out_bytes_per_s,
        ])
    }
}
