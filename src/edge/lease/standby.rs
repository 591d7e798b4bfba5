//! [`Standby`]: waits for the death of a holder, or for its letting go.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use tracing::debug;

use super::Lease;
use super::error::LeaseError;
use super::holder::Beat;
use super::reader::Reader;
use super::shelf::Shelf;

/// A holder that has given no sign of life for so long is taken for dead: four beats. With what taking over costs, its
/// work is carried on within 30 s.
pub(super) const SILENCE: Duration = Duration::from_secs(16);

/// How often Kafka is asked whether something was written.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long one question may take; the next one is another try.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);

/// Within so many milliseconds those who wait for the same death wake one after the other.
const STAGGER_MS: u64 = 1_000;

/// Why a standby's wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Nobody holds the lease, or the holder has let go.
    Free,
    /// The holder has fallen silent.
    Silent,
    /// The caller wants to stop.
    Stopped,
}

/// Follows the topic as long as somebody else holds the lease.
pub struct Standby {
    lease: Lease,
    /// Absent where nobody ever took the lease.
    reader: Option<Reader>,
    /// Two that wait for the same death do not wake in the same moment.
    stagger: Duration,
    known: Option<Known>,
}

/// What is known of the topic's end.
#[derive(Clone, Copy)]
struct Known {
    end: i64,
    /// Since when it has been there, by Kafka's own word.
    since: Instant,
    /// When that was last asked.
    asked: Instant,
}

impl Standby {
    pub(super) fn new(lease: &Lease) -> Result<Self, LeaseError> {
        let stagger = Duration::from_millis(200 + RandomState::new().build_hasher().finish() % STAGGER_MS);
        Ok(Self { lease: lease.clone(), reader: lease.reader()?, stagger, known: None })
    }

    /// Waits until the lease may be taken, or `stop` says that the wait is over.
    ///
    /// Silence counts only while Kafka itself answers that nothing was written. So a standby that cannot see the cluster, or
    /// was suspended, does not take its own blindness for the other's death.
    ///
    /// # Errors
    /// The topic may not be read, or holds what cannot be read.
    pub fn wait(&mut self, stop: &dyn Fn() -> bool) -> Result<Wake, LeaseError> {
        if self.reader.is_none() {
            return Ok(Wake::Free);
        }
        self.wait_until(&|_| true, stop)
    }

    /// As [`Self::wait`], but goes on waiting where nothing was left unfinished: nobody is needed then.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_for_work(&mut self, stop: &dyn Fn() -> bool) -> Result<Wake, LeaseError> {
        while self.reader.is_none() {
            let until = Instant::now() + LOOK_PATIENCE;
            while Instant::now() < until {
                if stop() {
                    return Ok(Wake::Stopped);
                }
                std::thread::sleep(LOOK_EVERY);
            }
            self.reader = self.lease.reader()?;
        }
        self.wait_until(&Shelf::has_unfinished, stop)
    }

    /// The last sign of life, if there ever was one.
    pub fn last(&self) -> Option<&Beat> {
        self.reader.as_ref().and_then(|reader| reader.shelf().beat())
    }

    fn wait_until(
        &mut self,
        is_worth_it: &dyn Fn(&Shelf) -> bool,
        stop: &dyn Fn() -> bool,
    ) -> Result<Wake, LeaseError> {
        let Some(reader) = &mut self.reader else { return Ok(Wake::Free) };
        while !stop() {
            match look(reader, self.known) {
                Ok(now) => self.known = Some(now),
                Err(LeaseError::Unreachable(why)) => {
                    debug!("the lease's topic is out of sight: {why}");
                    self.known = None;
                    std::thread::sleep(LOOK_EVERY);
                    continue;
                }
                Err(error) => return Err(error),
            }
            let quiet = self.known.map_or(Duration::ZERO, |known| known.since.elapsed());
            if quiet < self.stagger || !reader.is_at_end() || !is_worth_it(reader.shelf()) {
                continue;
            }
            if quiet >= SILENCE + self.stagger {
                return Ok(Wake::Silent);
            }
            if reader.shelf().beat().is_none_or(|beat| beat.released) {
                return Ok(Wake::Free);
            }
        }
        Ok(Wake::Stopped)
    }
}

/// Asks where the topic ends, and reads on.
fn look(reader: &mut Reader, before: Option<Known>) -> Result<Known, LeaseError> {
    let end = reader.end(LOOK_PATIENCE)?;
    let asked = Instant::now();
    reader.follow(LOOK_EVERY)?;
    Ok(match before {
        // An answer that was long in coming proves nothing about the time before it.
        Some(known) if known.end == end && asked - known.asked < LOOK_PATIENCE * 2 => {
            Known { asked, ..known }
        }
        _ => Known { end, since: asked, asked },
    })
}
