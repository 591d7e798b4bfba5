//! Who leads, who is in sync, and what happens to both when a broker dies, returns or loses a disk.
//!
//! The rules are those of Kafka's `KRaft` controller: a fenced broker leaves every ISR unless it is the last
//! member, and only members of the ISR may lead (no unclean election).

use std::time::Duration;

use super::cluster::Timer;
use super::state::{Charge, Pid};
use super::{SimCluster, SimEvent};
use crate::base::BrokerId;

impl SimCluster {
    /// Whether the controller would let this replica lead: alive as far as it knows, and its disk works.
    fn may_lead(&self, pid: Pid, broker: BrokerId) -> bool {
        let Some(holder) = self.brokers.get(&broker).filter(|holder| !holder.fenced) else { return false };
        self.partitions[pid].copy(broker).is_some_and(|copy| holder.dirs[copy.dir].online)
    }

    /// Whether this replica can be read and written now.
    pub(super) fn works(&self, pid: Pid, broker: BrokerId) -> bool {
        self.serves(broker) && self.may_lead(pid, broker)
    }

    /// Elects a leader: the first of the list when `preferred` and it may lead, else the present one when it may,
    /// else the first that may. Returns whether the leader changed.
    pub(super) fn elect(&mut self, pid: Pid, preferred: bool) -> bool {
        let partition = &self.partitions[pid];
        let valid = |broker: &BrokerId| partition.isr.contains(broker) && self.may_lead(pid, *broker);
        let first = partition.replicas.first().copied().filter(|_| preferred).filter(valid);
        let elected = first
            .or(partition.leader.filter(valid))
            .or_else(|| partition.replicas.iter().copied().find(valid));
        let changed = elected != partition.leader;
        if changed {
            self.partitions[pid].settle(self.now_ms);
            self.partitions[pid].leader = elected;
            self.partitions[pid].leader_epoch += 1;
            self.events.push(SimEvent::Leader { partition: self.name_of(pid), leader: elected });
        }
        self.recharge(pid);
        changed
    }

    /// Works out anew what a partition takes of the brokers' networks, and how fast it grows.
    pub(super) fn recharge(&mut self, pid: Pid) {
        self.partitions[pid].settle(self.now_ms);
        for charge in std::mem::take(&mut self.partitions[pid].charges) {
            if let Some(broker) = self.brokers.get_mut(&charge.broker) {
                broker.busy_in -= charge.in_bytes_per_s;
                broker.busy_out -= charge.out_bytes_per_s;
                broker.listed_in -= charge.listed_in_bytes_per_s;
                broker.listed_out -= charge.listed_out_bytes_per_s;
            }
        }
        let partition = &self.partitions[pid];
        let leader = partition.leader.filter(|leader| self.works(pid, *leader));
        let accepted = leader.is_some() && partition.isr.len() >= partition.min_isr;
        let stalled = partition.isr.iter().any(|broker| !self.works(pid, *broker));
        let growth = if accepted && !stalled { partition.produce_bytes_per_s } else { 0 };
        let mut charges = Vec::with_capacity(partition.isr.len());
        if let Some(leader) = leader {
            let followers = partition.isr.len().saturating_sub(1) as u64;
            let listed = |is_listed: bool, bytes: u64| if is_listed { bytes } else { 0 };
            charges.push(Charge {
                broker: leader,
                in_bytes_per_s: growth,
                out_bytes_per_s: partition.consume_bytes_per_s + followers * growth,
                listed_in_bytes_per_s: 0,
                listed_out_bytes_per_s: listed(partition.leader_list.has(leader), followers * growth),
            });
            let others = partition.isr.iter().filter(|broker| **broker != leader);
            charges.extend(others.map(|broker| Charge {
                broker: *broker,
                in_bytes_per_s: growth,
                out_bytes_per_s: 0,
                listed_in_bytes_per_s: listed(partition.follower_list.has(*broker), growth),
                listed_out_bytes_per_s: 0,
            }));
        }
        for charge in &charges {
            if let Some(broker) = self.brokers.get_mut(&charge.broker) {
                broker.busy_in += charge.in_bytes_per_s;
                broker.busy_out += charge.out_bytes_per_s;
                broker.listed_in += charge.listed_in_bytes_per_s;
                broker.listed_out += charge.listed_out_bytes_per_s;
            }
        }
        self.partitions[pid].growth_bytes_per_s = growth;
        self.partitions[pid].charges = charges;
        if !self.catching_up.is_empty() || !self.moving_dirs.is_empty() {
            self.shares_stale = true;
        }
    }

    /// A replica has caught up.
    pub(super) fn join_isr(&mut self, pid: Pid, broker: BrokerId) {
        self.catching_up.remove(&(pid, broker));
        let partition = &mut self.partitions[pid];
        partition.settle(self.now_ms);
        if !partition.isr.contains(&broker) {
            partition.isr.push(broker);
        }
        if let Some(copy) = partition.copy_mut(broker) {
            copy.missing_bytes = 0.0;
            copy.rate = 0.0;
        }
        self.events.push(SimEvent::InSync { partition: self.name_of(pid), broker });
        self.recharge(pid);
        self.complete_reassignment(pid);
        if self.partitions[pid].leader.is_none() {
            self.elect(pid, false);
        }
    }

    /// Takes a replica out of the ISR, unless it is the last member, and finds another leader where it led.
    pub(super) fn leave_isr(&mut self, pid: Pid, broker: BrokerId) {
        let partition = &mut self.partitions[pid];
        partition.settle(self.now_ms);
        let was_enough = partition.isr.len() >= partition.min_isr;
        if partition.isr.len() > 1 && partition.isr.contains(&broker) {
            partition.isr.retain(|member| *member != broker);
            self.catching_up.insert((pid, broker));
            self.shares_stale = true;
            self.events.push(SimEvent::OutOfSync { partition: self.name_of(pid), broker });
        }
        self.elect(pid, false);
        let partition = &self.partitions[pid];
        if was_enough && partition.isr.len() < partition.min_isr && partition.produce_bytes_per_s > 0 {
            self.events.push(SimEvent::ProduceRefused(self.name_of(pid)));
        }
        self.complete_reassignment(pid);
    }

    fn held_by(&self, broker: BrokerId) -> Vec<Pid> {
        (0..self.partitions.len()).filter(|pid| self.partitions[*pid].copy(broker).is_some()).collect()
    }

    /// Ends a broker's process: `kill -9`, or a machine that is gone. The controller notices after the session timeout.
    pub fn kill_broker(&mut self, broker: BrokerId) {
        let Some(dying) = self.brokers.get_mut(&broker).filter(|dying| dying.up) else { return };
        dying.up = false;
        dying.life += 1;
        let life = dying.life;
        self.events.push(SimEvent::Down(broker));
        self.set_timer(self.timing.session_timeout_ms, Timer::Fence { broker, life });
        self.recharge_held_by(broker);
        self.follow_controller();
    }

    /// Stops a broker in good order, as a rolling patch does: its leaderships go first. It starts again by itself
    /// after `down_for`.
    pub fn restart_broker(&mut self, broker: BrokerId, down_for: Duration) {
        let Some(stopping) = self.brokers.get_mut(&broker).filter(|stopping| stopping.up) else { return };
        stopping.up = false;
        stopping.life += 1;
        let life = stopping.life;
        self.events.push(SimEvent::Down(broker));
        self.fence(broker);
        self.follow_controller();
        let down_ms = u64::try_from(down_for.as_millis()).unwrap_or(u64::MAX / 2);
        self.set_timer(down_ms, Timer::Start { broker, life });
    }

    /// Starts a broker that is down; it serves after its boot.
    pub fn start_broker(&mut self, broker: BrokerId) {
        let Some(starting) = self.brokers.get_mut(&broker).filter(|starting| !starting.up) else { return };
        starting.life += 1;
        let life = starting.life;
        // A registration under a new epoch fences the old one at once.
        self.fence(broker);
        if let Some(starting) = self.brokers.get_mut(&broker) {
            starting.up = true;
        }
        self.set_timer(self.timing.boot_ms, Timer::Unfence { broker, life });
    }

    pub(super) fn fence_if_still_down(&mut self, broker: BrokerId, life: u32) {
        if self.brokers.get(&broker).is_some_and(|seen| seen.life == life && !seen.up) {
            self.fence(broker);
        }
    }

    pub(super) fn fence(&mut self, broker: BrokerId) {
        let Some(fenced) = self.brokers.get_mut(&broker).filter(|seen| !seen.fenced) else { return };
        fenced.fenced = true;
        self.events.push(SimEvent::Fenced(broker));
        for pid in self.held_by(broker) {
            self.leave_isr(pid, broker);
        }
        self.shares_stale = true;
    }

    pub(super) fn unfence(&mut self, broker: BrokerId, life: u32) {
        let Some(ready) = self.brokers.get_mut(&broker).filter(|seen| seen.life == life && seen.up) else {
            return;
        };
        ready.fenced = false;
        self.events.push(SimEvent::Up(broker));
        for pid in self.held_by(broker) {
            self.elect(pid, false);
        }
        self.follow_controller();
        self.shares_stale = true;
    }

    fn recharge_held_by(&mut self, broker: BrokerId) {
        for pid in self.held_by(broker) {
            self.recharge(pid);
        }
        self.shares_stale = true;
    }

    /// Another broker becomes the controller that clients are told of when the present one is gone.
    fn follow_controller(&mut self) {
        if !self.controller.is_some_and(|controller| self.serves(controller)) {
            self.controller = self
                .brokers
                .iter()
                .find(|(_, broker)| broker.serves())
                .map(|(id, _)| *id)
                .or(self.controller);
        }
    }

    /// Takes a log directory offline: full, or its disk died.
    pub(super) fn fail_dir(&mut self, broker: BrokerId, dir: usize, full: bool) {
        let Some(failed) = self.brokers.get_mut(&broker).and_then(|broker| broker.dirs.get_mut(dir)) else {
            return;
        };
        failed.online = false;
        let path = failed.path.clone();
        self.events.push(SimEvent::LogDirOffline { broker, path, full });
        for pid in self.held_by(broker) {
            let Some(copy) = self.partitions[pid].copy_mut(broker) else { continue };
            let (stood, moved) = (copy.dir, copy.future.as_ref().map(|future| future.dir));
            // A move between directories ends when either of the two is gone.
            if let Some(moved) = moved.filter(|moved| *moved == dir || stood == dir) {
                copy.future = None;
                self.moving_dirs.remove(&(pid, broker));
                let count = self.dir_counts.entry((broker, moved)).or_default();
                *count = count.saturating_sub(1);
            }
            if stood == dir {
                self.leave_isr(pid, broker);
            }
        }
        self.shares_stale = true;
    }
}
