//! Log directories: what stands in which, so that those of a broker can be levelled and emptied.

use super::{Assignment, BrokerOrd, ClusterModel, PartitionOrd};

/// A log directory of a broker.
#[derive(Debug, Clone, PartialEq)]
pub struct LogDirRow {
    /// The path, as in `log.dirs`.
    pub path: String,
    /// Size of its volume, in bytes; `None` where it is not known.
    pub total_bytes: Option<f64>,
    /// Bytes on its volume that no replica seen in it accounts for: other files, and on a shared volume the
    /// replicas in other directories. They do not move, but they fill.
    pub other_bytes: f64,
    /// Whether Kafka can use it.
    pub online: bool,
}

/// Stands in [`ClusterModel::replica_dirs`] for a replica whose directory is not known.
pub(super) const NO_DIR: u8 = u8::MAX;

impl ClusterModel {
    /// The position of a log directory in [`super::Broker::log_dirs`].
    pub fn log_dir(&self, broker: BrokerOrd, path: &str) -> Option<usize> {
        self.brokers[broker.index()].log_dirs.iter().position(|dir| dir.path == path)
    }

    /// The log directory in which a replica stands now, by its position in [`super::Broker::log_dirs`]; `None` where
    /// that is not known, or the broker holds no replica.
    pub fn log_dir_of(&self, partition: PartitionOrd, broker: BrokerOrd) -> Option<usize> {
        if self.replica_dirs.is_empty() {
            return None;
        }
        let place = self.placement.replicas(partition).iter().position(|held| *held == broker)?;
        let dir = self.replica_dirs[self.placement.offset(partition) + place];
        (dir != NO_DIR).then_some(usize::from(dir))
    }

    /// Bytes of the replicas in each log directory of a broker now. For many brokers ask [`Self::log_dir_loads`],
    /// which goes through the replicas once.
    pub fn log_dir_bytes(&self, broker: BrokerOrd) -> Vec<f64> {
        let mut bytes = vec![0.0; self.brokers[broker.index()].log_dirs.len()];
        for partition in self.partition_ords() {
            if let Some(dir) = self.log_dir_of(partition, broker) {
                bytes[dir] += self.size_on(partition, broker);
            }
        }
        bytes
    }

    /// By broker: whether it is alive, and the directory of some replica that serves there, and stays there under an
    /// assignment, is not known. What is offline is in no directory that could be judged or levelled.
    pub fn hides_log_dirs(&self, assignment: &Assignment) -> Vec<bool> {
        let mut hides = vec![false; self.brokers.len()];
        for partition in self.partition_ords() {
            for broker in self.placement.replicas(partition) {
                let offline = || self.offline.get(&partition).is_some_and(|held| held.contains(broker));
                if self.brokers[broker.index()].alive
                    && assignment.holds(partition, *broker)
                    && self.log_dir_of(partition, *broker).is_none()
                    && !offline()
                {
                    hides[broker.index()] = true;
                }
            }
        }
        hides
    }

    /// Bytes of the replicas in each log directory of each broker, counting those that stay where they are under an
    /// assignment. Which directory a new replica gets is Kafka's choice, and is not foretold.
    pub fn log_dir_loads(&self, assignment: &Assignment) -> Vec<Vec<f64>> {
        let mut loads: Vec<Vec<f64>> =
            self.brokers.iter().map(|broker| vec![0.0; broker.log_dirs.len()]).collect();
        for partition in self.partition_ords() {
            for broker in assignment.replicas(partition) {
                if let Some(dir) = self.log_dir_of(partition, *broker) {
                    loads[broker.index()][dir] += self.size_on(partition, *broker);
                }
            }
        }
        loads
    }
}
