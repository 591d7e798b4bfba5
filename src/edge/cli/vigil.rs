//! [`Vigil`]: beside a daemon that may act, a thread that follows the lease's topic, and calls when what another evenkeel
//! has begun is left with nobody to carry it on.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::{Span, debug, info, warn};

use super::Failure;
use super::sharing::Sharing;
use crate::edge::kafka::StopFlag;
use crate::edge::lease::{Beat, LeaseError, Wake};

/// How often a daemon that waits for its next look asks whether it is called.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// After a call, and after a failure, it is not called again sooner: whoever was called may need a while.
const REST: Duration = Duration::from_secs(5);

/// Calls that come one upon the other help nobody: the rest between them doubles up to this.
const REST_MOST: Duration = Duration::from_secs(300);

/// How long the end of the thread is waited for: it may hang on a cluster that does not answer.
const END_WITHIN: Duration = Duration::from_secs(3);

/// Something is unfinished, and nobody carries it out.
#[derive(Debug, Clone)]
pub struct Abandoned {
    /// The last sign of life of whoever did.
    pub last: Option<Beat>,
    /// Whether that fell silent; otherwise it has let go.
    pub is_silent: bool,
}

#[derive(Default)]
struct Shared {
    call: Mutex<Option<Abandoned>>,
    over: Mutex<bool>,
    ended: Condvar,
}

/// The thread, until this is dropped.
pub struct Vigil {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Vigil {
    /// Begins to follow the topic.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(sharing: &Sharing) -> Result<Self, Failure> {
        let shared = Arc::<Shared>::default();
        let spawned = std::thread::Builder::new().name("vigil".to_owned()).spawn({
            let (shared, sharing, span) = (Arc::clone(&shared), sharing.clone(), Span::current());
            move || span.in_scope(|| keep(&shared, &sharing))
        });
        let thread =
            spawned.map_err(|error| Failure::failed(format!("no thread that follows the lease: {error}")))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Waits for `time`, for a call, or until a stop is asked for.
    pub fn wait(&self, time: Duration, stop: &StopFlag) {
        let (until, asked) = (Instant::now() + time, stop.count());
        while Instant::now() < until && stop.count() == asked && !stop.is_leaving() {
            if lock(&self.shared.call).is_some() {
                return;
            }
            stop.wait(ASK_EVERY.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// The call, if there was one.
    pub fn called(&self) -> Option<Abandoned> {
        lock(&self.shared.call).take()
    }
}

impl Drop for Vigil {
    fn drop(&mut self) {
        *lock(&self.shared.over) = true;
        self.shared.ended.notify_all();
        let until = Instant::now() + END_WITHIN;
        let Some(thread) = self.thread.take() else { return };
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        if thread.is_finished() && thread.join().is_err() {
            warn!("the thread that follows the lease has panicked");
        }
    }
}

/// Follows the topic until it is told to stop.
fn keep(shared: &Shared, sharing: &Sharing) {
    while !*lock(&shared.over) {
        if let Err(error) = follow(shared, sharing) {
            debug!("the lease is not followed: {error}");
        }
        rest(shared, REST);
    }
}

fn follow(shared: &Shared, sharing: &Sharing) -> Result<(), LeaseError> {
    let mut standby = sharing.open()?.standby()?;
    let mut pause = REST;
    loop {
        let began = Instant::now();
        let wake = standby.wait_for_work(&|| *lock(&shared.over))?;
        let is_silent = match wake {
            Wake::Stopped => return Ok(()),
            Wake::Silent => true,
            Wake::Free => false,
        };
        let last = standby.last().cloned();
        match &last {
            Some(beat) if is_silent => info!("no sign of life of {beat}"),
            Some(beat) => info!("the lease was let go, and something is unfinished; it was {beat}"),
            None => info!("nobody holds the lease, and something is unfinished"),
        }
        *lock(&shared.call) = Some(Abandoned { last, is_silent });
        pause = if began.elapsed() > pause { REST } else { (pause * 2).min(REST_MOST) };
        rest(shared, pause);
    }
}

fn rest(shared: &Shared, pause: Duration) {
    let over = lock(&shared.over);
    drop(shared.ended.wait_timeout_while(over, pause, |over| !*over));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
