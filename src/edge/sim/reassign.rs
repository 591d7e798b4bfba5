//! Reassignments and preferred leader elections, with the rules and error codes of Kafka's controller.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;

use super::cluster::Timer;
use super::state::{Copy, Pid};
use super::{Refusal, SimCluster, SimEvent};
use crate::base::{BrokerId, TopicPartition};

impl SimCluster {
    fn known_pid(&self, which: &TopicPartition) -> Result<Pid, Refusal> {
        self.pid(which).ok_or_else(|| {
            let words = format!("Unable to find partition {}:{}.", which.topic, which.partition);
            Refusal::new(ResponseError::UnknownTopicOrPartition, words)
        })
    }

    /// Gives a partition another replica list (`AlterPartitionReassignments`).
    ///
    /// The list while it runs is the target first, then what goes, by id. It ends when every added replica is in
    /// the ISR; a removed leader hands over to the first in-sync replica of the list.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, or `INVALID_REPLICA_ASSIGNMENT` for a list that is empty, names a broker twice
    /// or names one that was never registered. A dead broker is accepted.
    pub fn reassign(&mut self, which: &TopicPartition, target: &[BrokerId]) -> Result<(), Refusal> {
        let pid = self.known_pid(which)?;
        self.check_list(target)?;
        self.partitions[pid].settle(self.now_ms);
        let current: BTreeSet<BrokerId> = self.partitions[pid].replicas.iter().copied().collect();
        let wanted: BTreeSet<BrokerId> = target.iter().copied().collect();
        let removing: Vec<BrokerId> = current.difference(&wanted).copied().collect();
        let adding: Vec<BrokerId> = wanted.difference(&current).copied().collect();
        for broker in &adding {
            self.make_copy(pid, *broker);
        }
        let partition = &mut self.partitions[pid];
        partition.replicas = target.iter().chain(&removing).copied().collect();
        // An empty list does not replace the one of a reassignment under way. That is what makes asking twice for the
        // same harmless, and it is what the controller does, also where the outcome is odd.
        if !adding.is_empty() {
            partition.adding = adding;
        }
        if !removing.is_empty() {
            partition.removing = removing;
        }
        if partition.is_reassigning() {
            self.reassigning.insert(pid);
            self.events.push(SimEvent::Reassigning(which.clone()));
        }
        self.elect(pid, false);
        self.complete_reassignment(pid);
        self.shares_stale = true;
        Ok(())
    }

    /// Checks a replica list that someone wrote by hand.
    pub(super) fn check_list(&self, list: &[BrokerId]) -> Result<(), Refusal> {
        let refuse = |words: String| Err(Refusal::new(ResponseError::InvalidReplicaAssignment, words));
        if list.is_empty() {
            return refuse("The manual partition assignment includes an empty replica list.".to_owned());
        }
        let mut seen = BTreeSet::new();
        for broker in list {
            if !seen.insert(broker) {
                return refuse(format!(
                    "The manual partition assignment includes the broker {broker} more than once."
                ));
            }
            if !self.brokers.contains_key(broker) {
                return refuse(format!(
                    "The manual partition assignment includes broker {broker}, but no such broker is registered."
                ));
            }
        }
        Ok(())
    }

    /// Ends a reassignment and keeps the old replicas. As in Kafka the list comes back in another order: what the
    /// target shared with the old list, in the target's order, then the rest by id.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, `NO_REASSIGNMENT_IN_PROGRESS`, or `INVALID_REPLICA_ASSIGNMENT` when all in-sync
    /// replicas are among those being added.
    pub fn cancel_reassignment(&mut self, which: &TopicPartition) -> Result<(), Refusal> {
        let pid = self.known_pid(which)?;
        let partition = &mut self.partitions[pid];
        if !partition.is_reassigning() {
            let words = "No partition reassignment is in progress.";
            return Err(Refusal::new(ResponseError::NoReassignmentInProgress, words));
        }
        if partition.isr.iter().all(|broker| partition.adding.contains(broker)) {
            let words = format!(
                "Unable to revert partition assignment for {}:{} because it would require an unclean leader election.",
                which.topic, which.partition
            );
            return Err(Refusal::new(ResponseError::InvalidReplicaAssignment, words));
        }
        partition.settle(self.now_ms);
        let added = std::mem::take(&mut partition.adding);
        partition.removing.clear();
        partition.replicas.retain(|broker| !added.contains(broker));
        partition.isr.retain(|broker| !added.contains(broker));
        self.reassigning.remove(&pid);
        for broker in added {
            self.drop_copy(pid, broker);
        }
        self.events.push(SimEvent::Cancelled(which.clone()));
        self.elect(pid, false);
        self.shares_stale = true;
        Ok(())
    }

    /// Ends the reassignment of a partition if it can end: up to Kafka 4.2 when the whole target is in sync, from 4.3
    /// on when what is added is, unless it removes more than it adds.
    pub(super) fn complete_reassignment(&mut self, pid: Pid) {
        let waits_for_all = !self.is_at_least(4, 3);
        let partition = &mut self.partitions[pid];
        if !partition.is_reassigning() {
            return;
        }
        let stays = |broker: &&BrokerId| !partition.removing.contains(broker);
        let in_sync: Vec<BrokerId> = partition.isr.iter().filter(stays).copied().collect();
        let all = partition.replicas.iter().filter(stays).all(|broker| in_sync.contains(broker));
        let added = partition.adding.iter().all(|broker| in_sync.contains(broker));
        let shrinks = partition.adding.len() < partition.removing.len();
        let done = if waits_for_all || shrinks { all } else { added };
        if in_sync.is_empty() || !done || (shrinks && !added) {
            return;
        }
        partition.settle(self.now_ms);
        let removed = std::mem::take(&mut partition.removing);
        partition.adding.clear();
        partition.replicas.retain(|broker| !removed.contains(broker));
        partition.isr.retain(|broker| !removed.contains(broker));
        self.reassigning.remove(&pid);
        for broker in removed {
            self.drop_copy(pid, broker);
        }
        self.events.push(SimEvent::Reassigned(self.name_of(pid)));
        self.elect(pid, false);
    }

    fn make_copy(&mut self, pid: Pid, broker: BrokerId) {
        let dir = self.dir_for_new(pid, broker);
        *self.dir_counts.entry((broker, dir)).or_default() += 1;
        let partition = &mut self.partitions[pid];
        partition.copies.push(Copy {
            broker,
            dir,
            missing_bytes: partition.size_bytes,
            rate: 0.0,
            surplus_bytes: 0,
            future: None,
        });
        self.catching_up.insert((pid, broker));
    }

    /// Removes a copy from its disk. On a broker that is down the bytes stay as a stray for good; else they go
    /// after the delete delay.
    pub(super) fn drop_copy(&mut self, pid: Pid, broker: BrokerId) {
        self.catching_up.remove(&(pid, broker));
        self.moving_dirs.remove(&(pid, broker));
        let partition = &mut self.partitions[pid];
        let Some(at) = partition.copies.iter().position(|copy| copy.broker == broker) else { return };
        let copy = partition.copies.remove(at);
        let (own, future) = partition.bytes_at(&copy, self.now_ms);
        let mut leave = vec![(copy.dir, own)];
        leave.extend(copy.future.map(|moving| moving.dir).zip(future));
        for (dir, bytes) in leave {
            if let Some(count) = self.dir_counts.get_mut(&(broker, dir)) {
                *count = count.saturating_sub(1);
            }
            let Some(holder) = self.brokers.get_mut(&broker) else { continue };
            holder.dirs[dir].leftover_bytes += bytes;
            if holder.up && holder.dirs[dir].online {
                self.set_timer(self.timing.delete_delay_ms, Timer::Purge { broker, dir, bytes });
            }
        }
    }

    /// Lets the first replica of the list lead (`ElectLeaders`, preferred).
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, `ELECTION_NOT_NEEDED`, or `PREFERRED_LEADER_NOT_AVAILABLE` when that replica is
    /// dead or out of sync.
    pub fn elect_preferred(&mut self, which: &TopicPartition) -> Result<(), Refusal> {
        let pid = self.known_pid(which)?;
        let partition = &self.partitions[pid];
        if partition.leader.is_some() && partition.leader == partition.replicas.first().copied() {
            let words = "Leader election not needed for topic partition.";
            return Err(Refusal::new(ResponseError::ElectionNotNeeded, words));
        }
        self.elect(pid, true);
        let partition = &self.partitions[pid];
        if partition.leader != partition.replicas.first().copied() {
            let words = "The preferred leader was not available.";
            return Err(Refusal::new(ResponseError::PreferredLeaderNotAvailable, words));
        }
        Ok(())
    }
}
