//! [`Sharing`]: the lease of a cluster as its settings want it, and how what this machine has written down goes together
//! with what stands in the lease's topic.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use tracing::{Span, debug, info, warn};

use super::target::Target;
use super::{Failure, Screen};
use crate::base::TopicName;
use crate::config::{KafkaClientSettings, LeaseMode, LeaseTopic};
use crate::control::{Entry, ExecutionId, Journal, JournalError, Recollection};
use crate::edge::lease::{
    self, Approach, Beat, Handle, Holder, Lease, LeaseError, Near, Standing, TopicJournal,
};
use crate::observe::Observation;

/// Taking the lease is told of when it lasts longer.
const UNNOTICED: Duration = Duration::from_secs(1);

/// Where something is told: to the operator of a command, or in a daemon's log.
#[derive(Debug, Clone, Copy)]
pub enum Voice {
    /// To the operator.
    Screen(Screen),
    /// In the log.
    Log,
}

impl Voice {
    fn note(self, text: &str) {
        match self {
            Self::Screen(screen) => screen.note(text),
            Self::Log => info!("{text}"),
        }
    }

    fn warn(self, text: &str, hint: &str) {
        match self {
            Self::Screen(screen) => {
                screen.warn(text);
                screen.hint(hint);
            }
            Self::Log => warn!(hint = (!hint.is_empty()).then_some(hint), "{text}"),
        }
    }
}

/// From whom the lease is taken.
pub enum Take<'a> {
    /// From nobody who gives a sign of life, by the way that was begun where one was.
    IfFree(Option<Approach>),
    /// From the one whose last sign of life this is: it was found silent, or has let go.
    From(Option<&'a Beat>),
}

/// Sets out for the lease of a cluster while the cluster is looked at, where its settings want one: connecting is most of
/// what taking it costs. Nothing is taken yet.
pub fn set_out(target: &Target, verb: &str) -> Option<Approach> {
    if target.lease == LeaseMode::Off {
        return None;
    }
    let begun = Approach::begin(&target.client, &target.lease_topic, Holder::this_process(verb));
    // Whoever takes the lease then goes the whole way itself.
    begun.inspect_err(|error| debug!("{error}")).ok()
}

/// The lease of a cluster, as its settings want it.
#[derive(Debug, Clone)]
pub struct Sharing {
    client: KafkaClientSettings,
    mode: LeaseMode,
    topic: LeaseTopic,
    verb: String,
    /// The topic is certain not to be there, or not to be shown to us.
    is_absent: bool,
}

impl Sharing {
    /// That of a cluster, for a process that does `verb`.
    pub fn of(target: &Target, seen: &Observation, verb: String) -> Self {
        // A look at an execution alone shows no topics.
        let is_absent = !seen.topics.is_empty()
            && !seen.topics.contains_key(&TopicName::from(target.lease_topic.as_str()));
        Self {
            client: target.client.clone(),
            mode: target.lease,
            topic: target.lease_topic.clone(),
            verb,
            is_absent,
        }
    }

    /// Whether there may be a lease at all.
    pub fn is_wanted(&self) -> bool {
        self.mode != LeaseMode::Off
    }

    /// Opens the lease: nothing is made or taken.
    ///
    /// # Errors
    /// The cluster is out of reach, or gives no lease.
    pub fn open(&self) -> Result<Lease, LeaseError> {
        lease::open(&self.client, &self.topic, Holder::this_process(&self.verb))
    }

    /// What stands in the topic; nothing where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn look(&self) -> Result<Option<Standing>, LeaseError> {
        if !self.is_wanted() || self.is_absent {
            return Ok(None);
        }
        match self.open().and_then(|lease| lease.look()) {
            Ok(standing) => Ok(Some(standing)),
            // Whoever cannot have a lease has nobody to share with, and is told when it acts.
            Err(error) if error.is_for_want_of_means() => {
                debug!("no look at the lease: {error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the lease; nothing where the settings let it be, or the cluster has none and may do without.
    ///
    /// # Errors
    /// Another holds it, or it is not to be had.
    pub fn take(&self, from: Take<'_>, voice: Voice) -> Result<Option<(TopicJournal, Standing)>, LeaseError> {
        if !self.is_wanted() {
            return Ok(None);
        }
        let take = || {
            let here = || Near::come(&self.client, &self.topic, Holder::this_process(&self.verb));
            match from {
                Take::IfFree(way) => {
                    let near = way.map_or_else(here, Approach::arrive)?;
                    near.take_if_free(|last, at_most| voice.note(&listening(last, at_most)))
                }
                Take::From(beat) => here()?.take_from(beat),
            }
        };
        match telling_when_slow(voice, take) {
            Ok(taken) => Ok(Some(taken)),
            Err(error) if error.is_for_want_of_means() && self.mode == LeaseMode::Auto => {
                let text = format!(
                    "only the lock on the state directory of this machine guards against a second evenkeel: {error}"
                );
                voice.warn(&text, error.hint());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Says what is waited for where the last holder has died, or may have.
fn listening(last: &Beat, at_most: Duration) -> String {
    format!(
        "the lease was not let go of by {last}; listening for up to {} s whether that one lives ...",
        at_most.as_secs()
    )
}

/// Says that the lease is being taken where that takes a while.
fn telling_when_slow<T>(voice: Voice, take: impl FnOnce() -> T) -> T {
    let (done, waiting) = channel::<()>();
    let span = Span::current();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if waiting.recv_timeout(UNNOTICED) == Err(RecvTimeoutError::Timeout) {
                span.in_scope(|| voice.note("taking the lease ..."));
            }
        });
        let taken = take();
        drop(done);
        taken
    })
}

/// The lease, as long as it is ours: dropping this lets go of it in order, so that whoever waits takes over at once. What
/// is unfinished then stands in the topic.
pub struct Lent(pub Handle);

impl Drop for Lent {
    fn drop(&mut self) {
        match self.0.release() {
            Ok(()) | Err(JournalError::Fenced(_)) => {}
            Err(error) => debug!("the lease was not let go in order: {error}"),
        }
    }
}

/// Brings this machine's journal and the lease's topic to know the same, and returns them as one, with what they know.
///
/// # Errors
/// One of them cannot be written, or the lease is lost already.
pub fn join(
    mut local: Box<dyn Journal>,
    known: &Recollection,
    mut shared: TopicJournal,
    standing: &Standing,
    ended_here: &BTreeMap<ExecutionId, Entry>,
) -> Result<(Box<dyn Journal>, Recollection), JournalError> {
    let news = standing.news(known, ended_here);
    // The shared one decides, here too.
    shared.append(&news.shared)?;
    if !news.local.is_empty() {
        local.append(&news.local)?;
    }
    let known = with(known, news.local);
    Ok((Box::new(lease::Both { local, shared: Box::new(shared) }), known))
}

fn with(known: &Recollection, entries: Vec<Entry>) -> Recollection {
    let mut known = known.clone();
    for entry in entries {
        known.take(entry);
    }
    known
}

/// What is known of a cluster: by this machine's journal, and by the lease's topic.
#[derive(Debug, Default)]
pub struct Overview {
    /// By both.
    pub known: Recollection,
    /// By this machine's journal alone.
    pub local: Recollection,
    /// The last sign of life of a holder of the lease.
    pub last: Option<Beat>,
}

impl Overview {
    /// Puts together what was read.
    pub fn of(
        local: Recollection,
        standing: Option<&Standing>,
        ended_here: &BTreeMap<ExecutionId, Entry>,
    ) -> Self {
        let Some(standing) = standing else { return Self { known: local.clone(), local, last: None } };
        let known = with(&local, standing.news(&local, ended_here).local);
        Self { known, local, last: standing.last.clone() }
    }

    /// Whoever has not let go of the lease, dead or alive.
    pub fn holder(&self) -> Option<&Beat> {
        self.last.as_ref().filter(|beat| !beat.released)
    }

    /// Who holds the lease, and is alive as far as two machines' clocks can tell.
    pub fn living(&self) -> Option<&Beat> {
        self.last.as_ref().filter(|beat| beat.seems_alive())
    }
}

/// Tells that the topic could not be read, by those who can do without.
pub fn not_looked(voice: Voice, error: LeaseError) {
    let failure = Failure::from(error);
    let text = format!("what other machines have begun is not known: {}", failure.message);
    voice.warn(&text, failure.hint.as_deref().unwrap_or_default());
}
