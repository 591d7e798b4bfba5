//! How bandwidth is shared among replicas that catch up and replicas that move between log directories.
//!
//! Client traffic and the replication of in-sync replicas come first; what they leave is shared max-min fairly:
//! all flows get faster together until one of their limits is used up, those stop there, the rest go on.
//!
//! Throttles are Kafka's: a rate binds flows whose replica is listed on the side in question (the leader's list
//! names the leader, the follower's list the new replica) and never an in-sync replica; but what in-sync listed
//! replicas fetch uses the rate up too.

use std::collections::BTreeMap;

use super::num::{real, whole};
use super::state::Pid;
use super::{SimCluster, SimEvent};
use crate::base::BrokerId;

/// Flows below this many missing bytes have arrived.
const ARRIVED_BYTES: f64 = 1.0;

/// Copies that compete with a thousand others take hours; fifteen seconds do not show.
const QUANTUM_MS_MAX: u64 = 15_000;

/// A limit that flows share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Limit {
    NetworkOut(BrokerId),
    NetworkIn(BrokerId),
    Disk(BrokerId, usize),
    LeaderThrottle(BrokerId),
    FollowerThrottle(BrokerId),
    LogDirThrottle(BrokerId),
}

/// What one flow is about.
#[derive(Debug, Clone, Copy)]
struct Flow {
    pid: Pid,
    broker: BrokerId,
    between_dirs: bool,
}

/// The sharing under way.
#[derive(Debug, Default)]
struct Sharing {
    flows: Vec<(Flow, Vec<usize>)>,
    limits: BTreeMap<Limit, usize>,
    /// What is left of each limit, and which flows it binds.
    room: Vec<f64>,
    binds: Vec<Vec<usize>>,
}

impl Sharing {
    fn limit(&mut self, which: Limit, room: impl FnOnce() -> f64) -> usize {
        *self.limits.entry(which).or_insert_with(|| {
            self.room.push(room().max(0.0));
            self.binds.push(Vec::new());
            self.room.len() - 1
        })
    }

    fn add(&mut self, flow: Flow, limits: Vec<usize>) {
        for limit in &limits {
            self.binds[*limit].push(self.flows.len());
        }
        self.flows.push((flow, limits));
    }

    /// The max-min fair rate of each flow, by progressive filling.
    fn rates(&self) -> Vec<f64> {
        let mut rates: Vec<Option<f64>> = vec![None; self.flows.len()];
        let mut room = self.room.clone();
        let mut open: Vec<usize> = self.binds.iter().map(Vec::len).collect();
        loop {
            let tightest = (0..room.len())
                .filter(|limit| open[*limit] > 0)
                .map(|limit| (room[limit] / super::num::real_count(open[limit]), limit))
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let Some((level, limit)) = tightest else { break };
            for flow in &self.binds[limit] {
                if rates[*flow].is_some() {
                    continue;
                }
                rates[*flow] = Some(level);
                for other in &self.flows[*flow].1 {
                    room[*other] = (room[*other] - level).max(0.0);
                    open[*other] -= 1;
                }
            }
        }
        rates.into_iter().map(|rate| rate.unwrap_or(0.0)).collect()
    }
}

impl SimCluster {
    /// The least time between two sharings, and between two rounds of arrivals: nothing to speak of with a few flows,
    /// seconds with a thousand, so that the cost of a second of virtual time stays bounded.
    fn quantum_ms(&self) -> u64 {
        let flows = (self.catching_up.len() + self.moving_dirs.len()) as u64;
        (flows * flows / 60).min(QUANTUM_MS_MAX)
    }

    /// When bandwidth will be shared out next, if it has to be.
    pub(super) fn next_sharing_ms(&self) -> u64 {
        self.now_ms.max(self.shared_ms + self.quantum_ms())
    }

    /// Shares bandwidth out anew and works out when the first flow will have arrived.
    pub(super) fn share_bandwidth(&mut self) {
        self.shares_stale = false;
        self.shared_ms = self.now_ms;
        let mut sharing = Sharing::default();
        self.gather_catching_up(&mut sharing);
        self.gather_moving_dirs(&mut sharing);
        self.stop_flows();
        let rates = sharing.rates();
        for ((flow, _), rate) in sharing.flows.iter().zip(rates) {
            let Some(copy) = self.partitions[flow.pid].copy_mut(flow.broker) else { continue };
            match copy.future.as_mut().filter(|_| flow.between_dirs) {
                Some(future) => future.rate = rate,
                None => copy.rate = rate,
            }
        }
        self.expect_completion();
        self.events.push(SimEvent::Shared);
    }

    fn stop_flows(&mut self) {
        for (pid, broker) in self.catching_up.iter().chain(&self.moving_dirs) {
            self.partitions[*pid].settle(self.now_ms);
            if let Some(copy) = self.partitions[*pid].copy_mut(*broker) {
                copy.rate = 0.0;
                if let Some(future) = &mut copy.future {
                    future.rate = 0.0;
                }
            }
        }
    }

    fn gather_catching_up(&self, sharing: &mut Sharing) {
        for (pid, broker) in &self.catching_up {
            let partition = &self.partitions[*pid];
            let Some(leader) = partition.leader.filter(|leader| self.works(*pid, *leader)) else { continue };
            let (Some(from), Some(to)) = (partition.copy(leader), partition.copy(*broker)) else { continue };
            if !self.works(*pid, *broker) || !self.is_linked(leader, *broker) {
                continue;
            }
            let mut limits = vec![
                sharing.limit(Limit::NetworkOut(leader), || {
                    let broker = &self.brokers[&leader];
                    real(broker.network_out_bytes_per_s) - real(broker.busy_out)
                }),
                sharing.limit(Limit::NetworkIn(*broker), || {
                    let broker = &self.brokers[broker];
                    real(broker.network_in_bytes_per_s) - real(broker.busy_in)
                }),
                sharing.limit(Limit::Disk(leader, from.dir), || self.disk_room(leader, from.dir)),
                sharing.limit(Limit::Disk(*broker, to.dir), || self.disk_room(*broker, to.dir)),
            ];
            let sender = &self.brokers[&leader];
            let rate = sender.throttle.leader_bytes_per_s;
            if let Some(rate) = rate.filter(|_| partition.leader_list.has(leader)) {
                let limit = Limit::LeaderThrottle(leader);
                limits.push(sharing.limit(limit, || real(rate) - real(sender.listed_out)));
            }
            let receiver = &self.brokers[broker];
            let rate = receiver.throttle.follower_bytes_per_s;
            if let Some(rate) = rate.filter(|_| partition.follower_list.has(*broker)) {
                let limit = Limit::FollowerThrottle(*broker);
                limits.push(sharing.limit(limit, || real(rate) - real(receiver.listed_in)));
            }
            sharing.add(Flow { pid: *pid, broker: *broker, between_dirs: false }, limits);
        }
    }

    fn gather_moving_dirs(&self, sharing: &mut Sharing) {
        for (pid, broker) in &self.moving_dirs {
            let Some(copy) = self.partitions[*pid].copy(*broker) else { continue };
            let Some(future) = &copy.future else { continue };
            let holder = &self.brokers[broker];
            if !self.works(*pid, *broker) || !holder.dirs[future.dir].online {
                continue;
            }
            let mut limits = vec![
                sharing.limit(Limit::Disk(*broker, copy.dir), || self.disk_room(*broker, copy.dir)),
                sharing.limit(Limit::Disk(*broker, future.dir), || self.disk_room(*broker, future.dir)),
            ];
            if let Some(rate) = holder.throttle.log_dirs_bytes_per_s {
                limits.push(sharing.limit(Limit::LogDirThrottle(*broker), || real(rate)));
            }
            sharing.add(Flow { pid: *pid, broker: *broker, between_dirs: true }, limits);
        }
    }

    fn disk_room(&self, broker: BrokerId, dir: usize) -> f64 {
        self.brokers[&broker].dirs[dir].disk_bytes_per_s
    }

    fn expect_completion(&mut self) {
        let mut first: Option<f64> = None;
        let mut consider = |missing: f64, net: f64| {
            let seconds = if missing < ARRIVED_BYTES {
                Some(0.0)
            } else {
                Some(missing / net).filter(|seconds| net > 0.0 && *seconds < 3e9)
            };
            first = [first, seconds].into_iter().flatten().min_by(f64::total_cmp);
        };
        for (pid, broker) in &self.catching_up {
            let partition = &self.partitions[*pid];
            let growth = real(partition.growth_bytes_per_s);
            if let Some(copy) = partition.copy(*broker).filter(|copy| copy.rate > 0.0) {
                consider(copy.missing_bytes, copy.rate - growth);
            }
        }
        for (pid, broker) in &self.moving_dirs {
            let partition = &self.partitions[*pid];
            let growth = real(partition.growth_bytes_per_s);
            let future = partition.copy(*broker).and_then(|copy| copy.future.as_ref());
            if let Some(future) = future.filter(|future| future.rate > 0.0) {
                consider(future.missing_bytes, future.rate - growth);
            }
        }
        let soonest_ms = self.completed_ms + self.quantum_ms();
        self.next_completion_ms =
            first.map(|seconds| (self.now_ms + whole(seconds * 1000.0) + 1).max(soonest_ms));
    }

    /// Lets flows that have arrived arrive.
    pub(super) fn complete_flows(&mut self) {
        self.next_completion_ms = None;
        self.completed_ms = self.now_ms;
        let now_ms = self.now_ms;
        let mut arrived = Vec::new();
        for (pid, broker) in &self.catching_up {
            self.partitions[*pid].settle(now_ms);
            let copy = self.partitions[*pid].copy(*broker);
            if copy.is_some_and(|copy| copy.rate > 0.0 && copy.missing_bytes < ARRIVED_BYTES) {
                arrived.push((*pid, *broker, false));
            }
        }
        for (pid, broker) in &self.moving_dirs {
            self.partitions[*pid].settle(now_ms);
            let future = self.partitions[*pid].copy(*broker).and_then(|copy| copy.future.as_ref());
            if future.is_some_and(|future| future.rate > 0.0 && future.missing_bytes < ARRIVED_BYTES) {
                arrived.push((*pid, *broker, true));
            }
        }
        for (pid, broker, between_dirs) in arrived {
            if between_dirs {
                self.promote_future(pid, broker);
            } else if self.catching_up.contains(&(pid, broker)) {
                self.join_isr(pid, broker);
            }
        }
        self.shares_stale = true;
        // Until bandwidth is shared out anew, what flows goes on flowing: others may arrive meanwhile.
        if self.next_sharing_ms() > self.now_ms {
            self.expect_completion();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sharing(rooms: &[f64], flows: &[Vec<usize>]) -> Sharing {
        let mut sharing = Sharing::default();
        for (at, room) in rooms.iter().enumerate() {
            sharing.limit(Limit::Disk(BrokerId(0), at), || *room);
        }
        for limits in flows {
            let mut limits: Vec<usize> = limits.iter().map(|limit| limit % rooms.len()).collect();
            limits.sort_unstable();
            limits.dedup();
            sharing.add(Flow { pid: 0, broker: BrokerId(0), between_dirs: false }, limits);
        }
        sharing
    }

    #[test]
    fn what_one_flow_cannot_use_the_others_get() {
        // Two flows leave a broker that gives 100; one of them goes to a broker that takes 10.
        let rates = sharing(&[100.0, 10.0], &[vec![0, 1], vec![0]]).rates();
        assert_eq!(rates, [10.0, 90.0]);
    }

    proptest! {
        /// Max-min fairness, by its definition: no limit is passed, and every flow has a limit that is used up and on
        /// which nobody flows faster.
        #[test]
        fn rates_are_max_min_fair(
            rooms in prop::collection::vec(0.0..1000.0, 1..8),
            flows in prop::collection::vec(prop::collection::vec(0_usize..8, 1..5), 0..30),
        ) {
            let sharing = sharing(&rooms, &flows);
            let rates = sharing.rates();
            let used = |limit: usize| sharing.binds[limit].iter().map(|flow| rates[*flow]).sum::<f64>();
            for (limit, room) in rooms.iter().enumerate() {
                prop_assert!(used(limit) <= room + 1e-6, "limit {limit}: {} of {room}", used(limit));
            }
            for (flow, (_, limits)) in sharing.flows.iter().enumerate() {
                let is_bound = limits.iter().any(|limit| {
                    let fastest = sharing.binds[*limit].iter().map(|other| rates[*other]).fold(0.0, f64::max);
                    used(*limit) >= rooms[*limit] - 1e-6 && rates[flow] >= fastest - 1e-6
                });
                prop_assert!(is_bound, "flow {flow} could be faster: {rates:?}");
            }
        }
    }
}
