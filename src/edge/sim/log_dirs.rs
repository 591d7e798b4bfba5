//! Log directories: where new replicas go, and moves between two directories of one broker.

use kafka_protocol::ResponseError;

use super::state::{Future, Pid};
use super::{Refusal, SimCluster, SimEvent};
use crate::base::{BrokerId, TopicPartition};

impl SimCluster {
    /// The directory for a new replica: the one asked for beforehand, else the online one with the fewest replicas.
    pub(super) fn dir_for_new(&mut self, pid: Pid, broker: BrokerId) -> usize {
        let Some(holder) = self.brokers.get_mut(&broker) else { return 0 };
        if let Some(dir) = holder.preferred_dirs.remove(&pid).filter(|dir| holder.dirs[*dir].online) {
            return dir;
        }
        let count = |dir: usize| self.dir_counts.get(&(broker, dir)).copied().unwrap_or(0);
        let dirs = holder.dirs.iter().enumerate();
        dirs.min_by_key(|(at, dir)| (!dir.online, count(*at), *at)).map_or(0, |(at, _)| at)
    }

    /// Moves a replica to another log directory of its broker (`AlterReplicaLogDirs`). For a replica that is not
    /// there yet the directory is remembered, and the answer is still an error, as in Kafka.
    ///
    /// # Errors
    /// `LOG_DIR_NOT_FOUND`, `KAFKA_STORAGE_ERROR` for an offline directory, `UNKNOWN_TOPIC_OR_PARTITION`,
    /// `NOT_LEADER_OR_FOLLOWER` where the broker holds no such replica.
    pub fn move_log_dir(
        &mut self,
        broker: BrokerId,
        which: &TopicPartition,
        path: &str,
    ) -> Result<(), Refusal> {
        let holder = self.brokers.get_mut(&broker).filter(|holder| holder.up).ok_or_else(|| {
            Refusal::new(ResponseError::BrokerNotAvailable, format!("broker {broker} is not there"))
        })?;
        let Some(to) = holder.dirs.iter().position(|dir| dir.path == path) else {
            let words = format!("Log dir {path} is not found in the config.");
            return Err(Refusal::new(ResponseError::LogDirNotFound, words));
        };
        if !holder.dirs[to].online {
            let words = format!("Log directory {path} is offline");
            return Err(Refusal::new(ResponseError::KafkaStorageError, words));
        }
        let topic = self.topics.get(&which.topic);
        let pid =
            topic.and_then(|topic| topic.partitions.get(usize::try_from(which.partition).ok()?)).copied();
        let Some(pid) = pid else {
            let words = "This server does not host this topic-partition.";
            return Err(Refusal::new(ResponseError::UnknownTopicOrPartition, words));
        };
        let partition = &mut self.partitions[pid];
        partition.settle(self.now_ms);
        let size_bytes = partition.size_bytes;
        let Some(copy) = partition.copy_mut(broker) else {
            holder.preferred_dirs.insert(pid, to);
            let words = format!("Partition {which} does not exist on broker {broker}");
            return Err(Refusal::new(ResponseError::NotLeaderOrFollower, words));
        };
        if copy.future.as_ref().is_some_and(|future| future.dir == to) {
            return Ok(());
        }
        if let Some(abandoned) = copy.future.take() {
            let count = self.dir_counts.entry((broker, abandoned.dir)).or_default();
            *count = count.saturating_sub(1);
            self.moving_dirs.remove(&(pid, broker));
        }
        if copy.dir != to {
            copy.future = Some(Future { dir: to, missing_bytes: size_bytes, rate: 0.0 });
            *self.dir_counts.entry((broker, to)).or_default() += 1;
            self.moving_dirs.insert((pid, broker));
        }
        self.shares_stale = true;
        Ok(())
    }

    /// A future replica has caught up and takes the place of the old one.
    pub(super) fn promote_future(&mut self, pid: Pid, broker: BrokerId) {
        self.moving_dirs.remove(&(pid, broker));
        let now_ms = self.now_ms;
        let partition = &mut self.partitions[pid];
        let Some(at) = partition.copies.iter().position(|copy| copy.broker == broker) else { return };
        let (old_bytes, _) = partition.bytes_at(&partition.copies[at], now_ms);
        let copy = &mut partition.copies[at];
        let Some(future) = copy.future.take() else { return };
        let old_dir = std::mem::replace(&mut copy.dir, future.dir);
        let count = self.dir_counts.entry((broker, old_dir)).or_default();
        *count = count.saturating_sub(1);
        if let Some(holder) = self.brokers.get_mut(&broker) {
            holder.dirs[old_dir].leftover_bytes += old_bytes;
        }
        let timer = super::cluster::Timer::Purge { broker, dir: old_dir, bytes: old_bytes };
        self.set_timer(self.timing.delete_delay_ms, timer);
        self.events.push(SimEvent::LogDirMoved { partition: self.name_of(pid), broker });
        self.shares_stale = true;
    }
}
