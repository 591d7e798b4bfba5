//! Volumes that are mounted for a test: small ones that really fill, and log directories that suddenly cannot be
//! written. Needs root; where the machine does not let root mount, the test fails and says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{LOG_DIRS, Lab};

/// A mount that is gone when this value is.
pub struct Mount {
    on: PathBuf,
}

fn run(words: &[&str]) -> Result<(), String> {
    let output = Command::new(words[0]).args(&words[1..]).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("`{}`: {said}", words.join(" "))) }
}

fn must(words: &[&str]) {
    run(words).unwrap_or_else(|error| {
        panic!("this test mounts volumes, which needs root and a machine that lets root do it: {error}")
    });
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the lab's paths are plain text")
}

impl Mount {
    /// A volume in memory of this size.
    pub fn small(on: &Path, bytes: u64) -> Self {
        std::fs::create_dir_all(on).expect("the lab's folder is writable");
        must(&["mount", "-t", "tmpfs", "-o", &format!("size={bytes}"), "evenkeel-lab", text(on)]);
        Self { on: on.to_owned() }
    }

    /// The same folder once more on top of itself, read-only: whatever is opened from now on cannot be written.
    pub fn read_only(on: &Path) -> Self {
        // Made read-only elsewhere first: where something is being written it could not be.
        let aside = on.with_extension("read-only");
        std::fs::create_dir_all(&aside).expect("the lab's folder is writable");
        must(&["mount", "--bind", text(on), text(&aside)]);
        let aside = Self { on: aside };
        must(&["mount", "-o", "remount,ro,bind", text(&aside.on)]);
        must(&["mount", "--bind", text(&aside.on), text(on)]);
        Self { on: on.to_owned() }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: it is gone for new eyes at once, and for good when the last file in it is closed.
        if let Err(error) = run(&["umount", "-l", text(&self.on)]) {
            eprintln!("lab: a mount stays behind: {error}");
        }
    }
}

impl Lab {
    /// Mounts the volumes of brokers that shall have small ones, one for each log directory.
    pub(super) fn mount_small_disks(&mut self, sizes: &[(i32, u64)]) {
        for (broker, bytes) in sizes {
            for dir in self.log_dirs(*broker) {
                self.mounts.push(Mount::small(&dir, bytes / LOG_DIRS as u64));
            }
        }
    }

    /// Makes the last log directory of a broker fail: nothing new can be written there while this lives. The first one
    /// holds the cluster's metadata too, without which the broker would end.
    pub fn fail_log_dir(&self, broker: i32) -> Mount {
        Mount::read_only(&self.log_dirs(broker)[LOG_DIRS - 1])
    }

    /// Size and used bytes of each volume of a broker, as the operating system tells.
    pub fn volumes(&self, broker: i32) -> Vec<Volume> {
        let of = |dir: PathBuf| {
            let output =
                Command::new("df").args(["--block-size=1", "--output=size,used", text(&dir)]).output();
            let said = String::from_utf8_lossy(&output.expect("df starts").stdout).into_owned();
            let numbers: Vec<u64> = said
                .lines()
                .last()
                .map(|line| line.split_whitespace().filter_map(|word| word.parse().ok()).collect())
                .unwrap_or_default();
            let [size, used] = numbers[..] else { panic!("df said {said:?}") };
            Volume { size, used }
        };
        self.log_dirs(broker).into_iter().map(of).collect()
    }
}

/// How full a volume is.
#[derive(Debug, Clone, Copy)]
pub struct Volume {
    /// Bytes in all.
    pub size: u64,
    /// Bytes used.
    pub used: u64,
}

impl Volume {
    /// The share that is used.
    pub fn share(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let share = self.used as f64 / self.size as f64;
        share
    }
}
