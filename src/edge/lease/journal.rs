//! [`TopicJournal`]: a journal that only the holder of the lease can write, kept alive by a thread of its own.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{debug, warn};

use super::error::LeaseError;
use super::writer::Writer;
use crate::control::{Entry, Journal, JournalError, Permit};
use crate::execute::OperatorRequest;

/// A sign of life comes at least this often.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(4);

/// How long entries are tried to be written before the loop is told; it tries again by itself.
const APPEND_PATIENCE: Duration = Duration::from_secs(15);

/// How long a sign of life is tried: the loop may be waiting for its turn.
const BEAT_PATIENCE: Duration = Duration::from_secs(5);

/// A commit that is younger proves that the lease is ours.
const PROOF_LASTS: Duration = Duration::from_secs(3);

/// A journal in the lease's topic. Dropping it is as good as dying: a successor waits for the next sign of life in vain.
/// [`TopicJournal::release`] lets go in order.
pub struct TopicJournal {
    writer: Arc<Mutex<Writer>>,
    heart: Option<Heart>,
}

/// A hand on a [`TopicJournal`].
#[derive(Clone)]
pub struct Handle {
    writer: Arc<Mutex<Writer>>,
}

impl Handle {
    /// Lets go of the lease in order: whoever waits for it takes over at once, and the journal takes nothing more.
    ///
    /// # Errors
    /// It is lost already, or the topic cannot be written; then a successor waits as after a death.
    pub fn release(&self) -> Result<(), JournalError> {
        lock(&self.writer).release(BEAT_PATIENCE)
    }
}

struct Heart {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<()>,
}

impl TopicJournal {
    /// Keeps what was taken.
    pub(super) fn keep(writer: Writer) -> Result<Self, LeaseError> {
        let writer = Arc::new(Mutex::new(writer));
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let spawned = std::thread::Builder::new().name("lease".to_owned()).spawn({
            let (writer, stop) = (writer.clone(), stop.clone());
            move || live(&writer, &stop)
        });
        let thread = spawned
            .map_err(|error| LeaseError::Unreachable(format!("no thread for the signs of life: {error}")))?;
        Ok(Self { writer, heart: Some(Heart { stop, thread }) })
    }

    /// Lets go of the lease in order: whoever waits for it takes over at once.
    ///
    /// # Errors
    /// It is lost already, or the topic cannot be written; then a successor waits as after a death.
    pub fn release(mut self) -> Result<(), JournalError> {
        self.still_the_heart();
        self.handle().release()
    }

    /// By which the lease can be let go of where the journal itself is in other hands.
    pub fn handle(&self) -> Handle {
        Handle { writer: self.writer.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        lock(&self.writer)
    }

    fn still_the_heart(&mut self) {
        if let Some(heart) = self.heart.take() {
            *lock(&heart.stop.0) = true;
            heart.stop.1.notify_all();
            if heart.thread.join().is_err() {
                warn!("the lease's thread has panicked");
            }
        }
    }
}

impl Drop for TopicJournal {
    fn drop(&mut self) {
        self.still_the_heart();
    }
}

impl Journal for TopicJournal {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        self.lock().append(entries, APPEND_PATIENCE)
    }

    /// Operators leave their requests in the local journal.
    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        self.lock().standing()?;
        Ok(Vec::new())
    }

    /// A process that was suspended finds out by this, before its next request leaves, that it has been taken for dead.
    /// What is left: a suspension that begins between the question and the moment at which the request is written to its
    /// connection. Commands are idempotent, and a successor waits before it asks for the same again, so such a late one
    /// changes what the successor wants anyway, or is seen and put right like any other tool's.
    fn permit(&self) -> Permit {
        let writer = Arc::clone(&self.writer);
        Permit::by(move || {
            let mut writer = lock(&writer);
            writer.standing()?;
            if writer.age() > PROOF_LASTS { writer.beat(BEAT_PATIENCE) } else { Ok(()) }
        })
    }
}

/// Beats until it is told to stop, or the lease is lost.
fn live(writer: &Mutex<Writer>, stop: &(Mutex<bool>, Condvar)) {
    let mut stopped = lock(&stop.0);
    let mut failed = false;
    while !*stopped {
        let due = BEAT_EVERY.saturating_sub(lock(writer).age());
        // Not longer: a clock that was set shows. Not shorter after a failure: the loop must get its turn.
        let least = Duration::from_millis(if failed { 1_000 } else { 20 });
        let wait = due.clamp(least, Duration::from_secs(1));
        stopped = stop.1.wait_timeout(stopped, wait).unwrap_or_else(PoisonError::into_inner).0;
        if *stopped {
            return;
        }
        drop(stopped);
        let mut held = lock(writer);
        if held.is_over() {
            return;
        }
        if held.age() >= BEAT_EVERY {
            let beaten = held.beat(BEAT_PATIENCE);
            failed = beaten.is_err();
            match beaten {
                Ok(()) => {}
                Err(JournalError::Fenced(by)) => {
                    warn!("the lease is lost: {by}");
                    return;
                }
                Err(error) => debug!("no sign of life: {error}"),
            }
        }
        drop(held);
        stopped = lock(&stop.0);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
