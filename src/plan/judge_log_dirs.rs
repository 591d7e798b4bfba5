//! The judge's view of moves between log directories: the replica is there, the directory can take it, and its volume
//! stays within the limit with both copies counted.

use std::collections::BTreeMap;

use super::{LogDirStep, PlanLimits};
use crate::base::{BrokerId, Bytes};
use crate::model::promises::disk_within_limit;
use crate::model::{Broken, Promise};
use crate::observe::{LogDir, Observation, Partition};

/// Volumes of the log directories, as wave after wave is done.
pub(super) struct LogDirs<'a> {
    observation: &'a Observation,
    /// Bytes used now, by broker and path; absent where the volume does not tell.
    used: BTreeMap<(BrokerId, String), Bytes>,
    share: f64,
}

impl<'a> LogDirs<'a> {
    pub fn new(observation: &'a Observation, limits: &PlanLimits) -> Self {
        let mut used = BTreeMap::new();
        for (id, broker) in &observation.brokers {
            for dir in broker.log_dirs.iter().filter(|dir| dir.online) {
                if let (Some(total), Some(usable)) = (dir.total_bytes, dir.usable_bytes) {
                    used.insert((*id, dir.path.clone()), total.saturating_sub(usable));
                }
            }
        }
        Self { observation, used, share: limits.disk_limit_share }
    }

    fn dir(&self, broker: BrokerId, path: &str) -> Option<&'a LogDir> {
        let seen = self.observation.brokers.get(&broker).filter(|seen| seen.alive)?;
        seen.log_dirs.iter().find(|dir| dir.path == path)
    }

    /// Where the cluster is not as the step believes; in words.
    pub fn stale(step: &LogDirStep, now: &Partition) -> Option<String> {
        let replica = now.on_disk.get(&step.broker).filter(|_| now.replicas.contains(&step.broker));
        let Some(replica) = replica else {
            return Some(format!("no replica is seen on broker {}", step.broker));
        };
        match (&replica.log_dir, &replica.future) {
            (_, Some((path, _))) => Some(format!("it moves to log directory {}:{path} already", step.broker)),
            (Some(path), None) if *path == step.from => None,
            (Some(path), None) => Some(format!("in log directory {}:{path}", step.broker)),
            (None, None) => Some(format!("its log directory on broker {} is not known", step.broker)),
        }
    }

    /// Whether the directory that a step leads to can take anything.
    pub fn check(&self, step: &LogDirStep) -> Option<Broken> {
        let problem = match self.dir(step.broker, &step.to) {
            _ if step.from == step.to => "is the directory that the replica stands in".to_owned(),
            None => "does not exist, or the broker is down".to_owned(),
            Some(dir) if !dir.online => "is offline".to_owned(),
            Some(_) => return None,
        };
        let detail = format!("log directory {}:{} {problem}", step.broker, step.to);
        Some(Broken::new(Promise::LiveBrokers, &step.partition, detail))
    }

    /// A replica arrives on a broker from another one, in a directory that Kafka chooses: it counts in all.
    pub fn arrives(&mut self, broker: BrokerId, size: Bytes) {
        for ((of, _), used) in &mut self.used {
            if *of == broker {
                *used += size;
            }
        }
    }

    /// A replica leaves a broker.
    pub fn leaves(&mut self, broker: BrokerId, now: &Partition) {
        let Some(replica) = now.on_disk.get(&broker) else { return };
        if let (Some(path), Some(size)) = (&replica.log_dir, replica.size_bytes)
            && let Some(used) = self.used.get_mut(&(broker, path.clone()))
        {
            *used = used.saturating_sub(size);
        }
    }

    /// Goes through a wave: first everything arrives, then what moved away is deleted.
    pub fn wave(&mut self, steps: &[(&LogDirStep, &Partition)]) -> Vec<Broken> {
        let mut incoming: BTreeMap<(BrokerId, String), Bytes> = BTreeMap::new();
        for (step, now) in steps {
            *incoming.entry((step.broker, step.to.clone())).or_default() += size_of(step, now);
        }
        let mut broken = Vec::new();
        for ((broker, path), bytes) in &incoming {
            let used = self.used.get(&(*broker, path.clone()));
            let (Some(used), Some(dir)) = (used, self.dir(*broker, path)) else { continue };
            let Some(total) = dir.total_bytes else { continue };
            let limit = Bytes::whole(total.as_f64() * self.share);
            broken.extend(disk_within_limit(*broker, *used, *bytes, Bytes::ZERO, limit).err());
        }
        for (key, bytes) in incoming {
            if let Some(used) = self.used.get_mut(&key) {
                *used += bytes;
            }
        }
        for (step, now) in steps {
            if let Some(used) = self.used.get_mut(&(step.broker, step.from.clone())) {
                *used = used.saturating_sub(size_of(step, now));
            }
        }
        broken
    }
}

fn size_of(step: &LogDirStep, now: &Partition) -> Bytes {
    now.size_on(step.broker).unwrap_or(step.size_bytes)
}
