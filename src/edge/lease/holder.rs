//! [`Holder`] and [`Beat`]: who holds the lease, and the sign of life that it leaves in the topic.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::standby::SILENCE;
use crate::base::TimestampMs;

/// A process that holds the lease, or wants to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What it does: `run`, `rebalance`.
    pub name: String,
    /// Its machine.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
}

impl Holder {
    /// This process.
    pub fn this_process(name: impl Into<String>) -> Self {
        let told =
            std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
        let host = told.map(|host| host.trim().to_owned()).unwrap_or_default();
        let host = if host.is_empty() { "an unnamed host".to_owned() } else { host };
        Self { name: name.into(), host, pid: std::process::id() }
    }
}

impl Holder {
    /// Whether it was a process of this machine and is there no more: that is known sooner than silence tells.
    fn is_gone(&self) -> bool {
        let here = Self::this_process("").host == self.host;
        let processes = std::path::Path::new("/proc");
        here && processes.join("self").exists() && !processes.join(self.pid.to_string()).exists()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` on {}, process {}", self.name, self.host, self.pid)
    }
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Who.
    pub holder: Holder,
    /// Tells one taking of the lease from another by the same process.
    pub session: String,
    /// When the lease was taken, by the holder's clock.
    pub since_ms: u64,
    /// When this was written, by the holder's clock.
    pub at_ms: u64,
    /// How many came before it.
    pub beat: u64,
    /// The holder has let go: nobody need wait for the next one.
    #[serde(default)]
    pub released: bool,
}

impl Beat {
    /// The first of a holder that takes the lease now.
    pub(super) fn first(holder: Holder) -> Self {
        let now = wall_ms();
        let session = format!("{:016x}", RandomState::new().build_hasher().finish());
        Self { holder, session, since_ms: now, at_ms: now, beat: 0, released: false }
    }

    /// The next one.
    pub(super) fn next(&self) -> Self {
        Self { at_ms: wall_ms(), beat: self.beat + 1, ..self.clone() }
    }

    /// How long ago it was written, as far as two machines' clocks agree; nothing when it is from the future.
    pub fn age(&self) -> Option<Duration> {
        wall_ms().checked_sub(self.at_ms).map(Duration::from_millis)
    }
}

impl Beat {
    /// Whether its holder is alive as far as two machines' clocks can tell: good enough to be shown, and for nothing else.
    pub fn seems_alive(&self) -> bool {
        !self.released && self.age().is_none_or(|age| age < SILENCE) && !self.holder.is_gone()
    }
}

impl fmt::Display for Beat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, since {}", self.holder, TimestampMs(self.since_ms))
    }
}

/// The wall clock.
pub(super) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A moment by two clocks. One that only goes forward may stand still while the machine sleeps; the wall clock does
/// not, but may be set. Whichever says that more time has passed is believed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    steady: Instant,
    wall: SystemTime,
}

impl Stamp {
    pub(super) fn now() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }

    /// How long ago it was, at least; for ever when the wall clock was set back since.
    pub fn age(&self) -> Duration {
        self.wall.elapsed().map_or(Duration::MAX, |wall| wall.max(self.steady.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_is_read_as_it_was_written_and_by_people_too() {
        let holder = Holder { name: "run".to_owned(), host: "a".to_owned(), pid: 7 };
        let first = Beat::first(holder.clone());
        let next = first.next();
        assert_eq!((next.beat, &next.session, next.since_ms), (1, &first.session, first.since_ms));
        assert_ne!(Beat::first(holder).session, first.session, "another taking is another session");
        let text = serde_json::to_string(&next).expect("JSON");
        assert_eq!(serde_json::from_str::<Beat>(&text).expect("as written"), next);
        let told = Beat { since_ms: 0, ..next }.to_string();
        assert_eq!(told, "`run` on a, process 7, since 1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_clock_that_was_set_makes_a_moment_older_and_never_younger() {
        assert!(Stamp::now().age() < Duration::from_secs(1));
        let slept = Stamp { wall: SystemTime::now() - Duration::from_secs(60), ..Stamp::now() };
        assert!(slept.age() >= Duration::from_secs(60));
        let set_back = Stamp { wall: SystemTime::now() + Duration::from_secs(60), ..Stamp::now() };
        assert_eq!(set_back.age(), Duration::MAX);
    }
}
