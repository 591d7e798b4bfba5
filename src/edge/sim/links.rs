//! Faults of the network inside the cluster: a link between two brokers that is cut, a broker with a slow network,
//! a broker that the controller does not hear.

use std::time::Duration;

use super::cluster::Timer;
use super::num::{real, whole};
use super::state::Pid;
use super::{SimCluster, SimEvent};
use crate::base::BrokerId;

/// `replica.lag.time.max.ms`: a follower that has not caught up for so long leaves the ISR.
const LAG_TIME_MAX_MS: u64 = 30_000;

impl SimCluster {
    /// Whether `follower` can fetch from `leader`.
    pub(super) fn is_linked(&self, leader: BrokerId, follower: BrokerId) -> bool {
        !self.cut_links.contains(&link(leader, follower))
    }

    /// Cuts the link between two brokers, in both directions; followers on either side leave the ISR when they have
    /// lagged for long.
    pub(super) fn cut_link(&mut self, (a, b): (BrokerId, BrokerId), heal_after: Duration) {
        if a == b || !self.cut_links.insert(link(a, b)) {
            return;
        }
        self.shares_stale = true;
        self.set_timer(LAG_TIME_MAX_MS, Timer::LagOut(a, b));
        self.set_timer(u64::try_from(heal_after.as_millis()).unwrap_or(u64::MAX / 2), Timer::HealLink(a, b));
    }

    /// Followers that could not fetch for too long leave the ISR.
    pub(super) fn lag_out(&mut self, a: BrokerId, b: BrokerId) {
        if self.is_linked(a, b) {
            return;
        }
        for (leader, follower) in [(a, b), (b, a)] {
            let lags = |pid: &Pid| {
                let partition = &self.partitions[*pid];
                partition.leader == Some(leader) && partition.isr.contains(&follower)
            };
            let lagging: Vec<Pid> = (0..self.partitions.len()).filter(lags).collect();
            for pid in lagging {
                self.leave_isr(pid, follower);
            }
        }
    }

    /// The link is there again.
    pub(super) fn heal_link(&mut self, a: BrokerId, b: BrokerId) {
        self.cut_links.remove(&link(a, b));
        self.shares_stale = true;
    }

    /// The network of a broker gets this many times as fast.
    pub(super) fn slow_network(&mut self, broker: BrokerId, factor: f64) {
        if let Some(slow) = self.brokers.get_mut(&broker) {
            let times = |rate: u64| whole((real(rate) * factor).clamp(1_000.0, 1e12));
            slow.network_in_bytes_per_s = times(slow.network_in_bytes_per_s);
            slow.network_out_bytes_per_s = times(slow.network_out_bytes_per_s);
        }
        self.shares_stale = true;
    }

    /// The controller does not hear a broker that is well: it is fenced, and serves again when it is heard.
    pub(super) fn isolate(&mut self, broker: BrokerId, heard_after: Duration) {
        let Some(isolated) = self.brokers.get(&broker).filter(|isolated| isolated.up && !isolated.fenced)
        else {
            return;
        };
        let life = isolated.life;
        self.fence(broker);
        let heard_ms = u64::try_from(heard_after.as_millis()).unwrap_or(u64::MAX / 2);
        self.set_timer(heard_ms, Timer::Unfence { broker, life });
    }

    /// Another tool adds partitions to a topic, spread as the cluster likes.
    pub(super) fn add_partitions(&mut self, topic: &crate::base::TopicName, count: usize) {
        let Some(found) = self.topics.get(topic) else { return };
        let (first, like) = (found.partitions.len(), found.partitions.first().copied());
        let Some(replicas) = like.map(|pid| self.partitions[pid].replicas.clone()) else { return };
        for at in first..first + count {
            let spec = super::PartitionSpec { replicas: replicas.clone(), ..super::PartitionSpec::default() };
            let id = i32::try_from(at).unwrap_or(i32::MAX);
            self.put_partition(topic, id, &spec);
        }
        self.refresh_topic(topic);
        self.events.push(SimEvent::Configured(format!("topic {topic}")));
    }
}

fn link(a: BrokerId, b: BrokerId) -> (BrokerId, BrokerId) {
    (a.min(b), a.max(b))
}
