//! [`Lock`]: who may act on a cluster. The operating system gives a lock back when its holder dies, however it dies.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::ClusterDir;
use crate::base::TimestampMs;

/// What a lock is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To change something in the cluster: held while it lasts.
    Act,
    /// To look after the cluster: held by a daemon for its life.
    Daemon,
}

impl Role {
    fn file(self) -> &'static str {
        match self {
            Self::Act => "act.lock",
            Self::Daemon => "daemon.lock",
        }
    }
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Who started it, and the verb: `anna@ops-1: rebalance`.
    pub by: String,
    /// Since when.
    pub since: TimestampMs,
    /// What is wrong with the files that it goes by, in words; empty where nothing is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} ({}) since {}", self.pid, self.by, self.since)
    }
}

/// Why a lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Someone else has it.
    #[error("another evenkeel is at work on this cluster{}", .0.as_ref().map(|holder| format!(": {holder}")).unwrap_or_default())]
    Held(Option<Holder>),
    /// The state directory cannot be used.
    #[error("cannot use the state directory {}: {error}", path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
}

/// Whoever only looks whether a lock is held has it for a blink: that long a blink is waited for.
const BLINK: Duration = Duration::from_millis(500);

/// A lock that is held until it is dropped, or its process ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    holder: Holder,
}

impl Lock {
    /// Takes a lock, or says who has it.
    ///
    /// # Errors
    /// Someone else has it, or the state directory cannot be used.
    pub fn take(dir: &ClusterDir, role: Role, holder: &Holder) -> Result<Self, LockError> {
        let path = dir.path().join(role.file());
        let unusable = |error| LockError::Unusable { path: path.clone(), error };
        dir.make().map_err(|error| LockError::Unusable { path: dir.path().to_owned(), error })?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(unusable)?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if began.elapsed() < BLINK => sleep(BLINK / 20),
                Err(TryLockError::WouldBlock) => return Err(LockError::Held(read(&path))),
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
        }
        let mut lock = Self { file, path, holder: holder.clone() };
        lock.write();
        Ok(lock)
    }

    /// Writes down who holds it. That is told for people; the lock itself is held without it (the disk may be full).
    fn write(&mut self) {
        let written = serde_json::to_string(&self.holder).map_err(io::Error::from).and_then(|text| {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(text.as_bytes())
        });
        drop(written);
    }

    /// What was last told to be wrong.
    pub fn troubles(&self) -> &[String] {
        &self.holder.troubles
    }

    /// Tells whoever looks at the lock what is wrong with the files that its holder goes by.
    pub fn tell(&mut self, troubles: Vec<String>) {
        self.holder.troubles = troubles;
        self.write();
    }

    /// Who holds a lock now, if anyone does.
    ///
    /// # Errors
    /// The lock cannot be looked at; then nothing may be concluded.
    pub fn holder(dir: &ClusterDir, role: Role) -> Result<Option<Holder>, LockError> {
        let path = dir.path().join(role.file());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LockError::Unusable { path, error }),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read(&path).unwrap_or_else(Holder::unknown))),
            Err(TryLockError::Error(error)) => Err(LockError::Unusable { path, error }),
        }
    }

    /// Whether the lock file is still the one that was locked; where it was removed, another process may hold another.
    pub(super) fn standing(&self) -> Standing {
        let ours = self.file.metadata().map(|file| (file.dev(), file.ino()));
        match (ours, fs::metadata(&self.path).map(|file| (file.dev(), file.ino()))) {
            (Ok(ours), Ok(there)) if ours == there => Standing::Held,
            (Ok(_), Ok(_)) => Standing::Another(read(&self.path)),
            _ => Standing::Gone,
        }
    }

    /// The lock's file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl LockError {
    /// Someone else has it.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Held(_))
    }
}

/// What has become of a lock.
pub(super) enum Standing {
    /// It is held.
    Held,
    /// Its file, or the state directory, is gone.
    Gone,
    /// There is another file, and another process may hold that.
    Another(Option<Holder>),
}

impl Holder {
    /// Someone who has not said yet who it is.
    fn unknown() -> Self {
        Self { pid: 0, by: "not known".to_owned(), since: TimestampMs(0), troubles: Vec::new() }
    }
}

fn read(path: &Path) -> Option<Holder> {
    let mut text = String::new();
    File::open(path).and_then(|mut file| file.read_to_string(&mut text)).ok()?;
    serde_json::from_str(&text).ok()
}
