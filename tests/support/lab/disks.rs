//! What stands on the brokers' disks, read from the folders themselves: nobody's word is taken for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::Lab;

impl Lab {
    /// Bytes of log segments on each running broker. Replicas that are on their way out (`-delete`, `-stray`) do not count.
    pub fn disk_bytes(&self) -> BTreeMap<i32, u64> {
        let of_broker = |id: i32| {
            let dirs = self.log_dirs(id).into_iter().filter_map(|dir| fs::read_dir(dir).ok());
            dirs.flatten()
                .flatten()
                .map(|replica| {
                    let name = replica.file_name().to_string_lossy().into_owned();
                    if is_replica(&name) { segment_bytes(&replica.path()) } else { 0 }
                })
                .sum()
        };
        self.running().into_iter().map(|id| (id, of_broker(id))).collect()
    }

    /// Bytes of log segments in each log directory of a broker, by its path. Replicas on their way out, and future ones,
    /// do not count.
    pub fn log_dir_bytes(&self, broker: i32) -> Vec<(String, u64)> {
        let of_dir = |dir: PathBuf| {
            let replicas = fs::read_dir(&dir).into_iter().flatten().flatten();
            let bytes = replicas
                .filter(|replica| is_replica(&replica.file_name().to_string_lossy()))
                .map(|replica| segment_bytes(&replica.path()))
                .sum();
            (dir.display().to_string(), bytes)
        };
        self.log_dirs(broker).into_iter().map(of_dir).collect()
    }

    /// How many replicas are on their way from one log directory of a broker to another: their folders end in `-future`.
    pub fn future_replicas(&self, broker: i32) -> usize {
        let entries = self.log_dirs(broker).into_iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten();
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().ends_with("-future")).count()
    }

    /// Waits until no log stands on a broker's disk any more: Kafka deletes with a delay.
    pub fn wait_until_empty(&self, broker: i32) {
        let until = Instant::now() + Duration::from_secs(90);
        while self.disk_bytes().get(&broker) != Some(&0) {
            assert!(Instant::now() < until, "broker {broker} is not empty: {:?}", self.disk_bytes());
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// How far the fullest and the emptiest broker are from the mean, as a share of it.
    pub fn disk_unevenness(&self) -> f64 {
        let bytes = self.disk_bytes();
        #[expect(clippy::cast_precision_loss, reason = "tens of megabytes")]
        let of = |bytes: u64| bytes as f64;
        let mean = of(bytes.values().sum()) / of(bytes.len() as u64);
        bytes.values().map(|bytes| (of(*bytes) - mean).abs() / mean).fold(0.0, f64::max)
    }
}

/// `topic-3`, and neither `topic-3.abc-delete`, `-stray` or `-future`, nor the controller's own log.
fn is_replica(name: &str) -> bool {
    let index = name.rsplit_once('-').map(|(_, index)| index);
    !name.starts_with("__cluster_metadata") && index.is_some_and(|index| index.parse::<u32>().is_ok())
}

/// A segment may vanish between two looks: then it counts as gone.
fn segment_bytes(replica: &std::path::Path) -> u64 {
    let files = fs::read_dir(replica).into_iter().flatten().flatten();
    let segments = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "log"));
    segments.filter_map(|segment| segment.metadata().ok()).map(|meta| meta.len()).sum()
}
