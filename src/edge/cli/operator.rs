//! [`UnderWay`]: what is under way on a cluster, for operators who ask something of it.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::args::ClusterArgs;
use super::session::{self, Records, Right};
use super::sharing::{Take, Voice};
use super::target::Target;
use super::{Failure, Screen, live};
use crate::control::{Scope, Unfinished, World};
use crate::edge::lease::Beat;
use crate::edge::store::{Holder, JournalReader};
use crate::execute::OperatorRequest;
use crate::observe::{CONTROLLER, GapKind, Observation};
use crate::report::StandingView;

/// A process looks for requests before each look at the cluster. One that takes longer is told of, and not waited for.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);

/// How often the journal is looked into while something is waited for.
pub const LOOK_EVERY: Duration = Duration::from_millis(300);

/// What an operator does about a right that is missing.
const RIGHTS: &str = "grant the right, then say the same again";

/// What an operator does about a controller that does not answer.
const CONTROLLERS: &str = "bring the controller back (`kafka-metadata-quorum describe --status` shows the quorum), then say \
     the same again";

/// What is under way on a cluster.
pub struct UnderWay {
    /// The cluster's name.
    pub name: String,
    /// The cluster.
    pub world: Box<dyn World>,
    /// What is written down about it.
    pub records: Records,
    /// What has not ended.
    pub unfinished: Option<Unfinished>,
    /// Who carries it out on this machine.
    pub holder: Option<Holder>,
    /// Who does on another one, as far as two machines' clocks can tell.
    pub elsewhere: Option<Beat>,
    /// Why nothing can be changed in the cluster now.
    pub headless: Option<Headless>,
}

/// Why a cluster does nothing that it is asked for: nobody tells which reassignments run.
pub struct Headless {
    /// In words.
    pub why: String,
    /// What an operator does about it.
    pub mend: &'static str,
}

impl UnderWay {
    /// Looks.
    ///
    /// # Errors
    /// The cluster or what is written down about it cannot be seen.
    pub fn look(args: &ClusterArgs, screen: &Screen) -> Result<Self, Failure> {
        let target = Target::resolve(args, screen)?;
        let mut world = live::open(&target)?;
        // Only the id is needed: it tells which folder is the cluster's.
        let seen = world.observe(&Scope::Execution(BTreeSet::new()))?;
        let records = Records::of(&target, &seen)?;
        // Who acts is looked up first: an execution that ends in between is then told as what it is, ended.
        let holder = records.acting()?;
        let overview = records.overview(Voice::Screen(*screen))?;
        let unfinished = overview.known.unfinished().last().cloned();
        let elsewhere = overview.living().filter(|_| holder.is_none()).cloned();
        let headless = headless(&seen);
        Ok(Self { name: target.name, world, records, unfinished, holder, elsewhere, headless })
    }

    /// Looks whether something can be changed in the cluster now; in words why not.
    pub fn obstacle(&mut self) -> Option<Headless> {
        match self.world.observe(&Scope::Execution(BTreeSet::new())) {
            Ok(seen) => headless(&seen),
            Err(error) => Some(Headless { why: error.to_string(), mend: CONTROLLERS }),
        }
    }

    /// Refuses to take over what nobody carries out while nothing of it could be done.
    ///
    /// # Errors
    /// The controller does not answer.
    pub fn refuse_headless(&self) -> Result<(), Failure> {
        let Some(Headless { why, mend }) = &self.headless else { return Ok(()) };
        Err(Failure::unreachable(format!("nothing can be changed on {} now: {why}", self.name)).hint(format!(
            "{mend}; until then moves that were begun go on, within their throttles, and nothing else is done"
        )))
    }

    /// What a live process carries out now.
    ///
    /// # Errors
    /// Nothing is, or nobody does.
    pub fn running(&self) -> Result<(&Unfinished, &Holder), Failure> {
        let words = &self.records.words;
        match (&self.unfinished, &self.holder) {
            (Some(unfinished), Some(holder)) => Ok((unfinished, holder)),
            (None, _) => Err(Failure::refused(format!(
                "nothing is being carried out on {}, as far as {} knows",
                self.name,
                self.records.path().display()
            ))
            .hint("each state directory knows only what was begun with it: `--state-dir DIR` names another")),
            (Some(unfinished), None) if let Some(beat) = &self.elsewhere => Err(Failure::refused(format!(
                "plan {} is being carried out elsewhere: {beat}",
                unfinished.plan.id
            ))
            .hint("the same command takes effect there, with its state directory")),
            (Some(unfinished), None) => Err(Failure::refused(format!(
                "plan {} is not finished, and no process carries it out: there is nobody to ask",
                unfinished.plan.id
            ))
            .hint(format!(
                "`evenkeel resume {words} --execute` carries it on; `evenkeel stop {words}` rolls it back"
            ))),
        }
    }

    /// Takes the right to carry on what nobody carries out any more, and returns it as it stands now.
    ///
    /// # Errors
    /// Another process has the right, or was faster.
    pub fn take_over(&self, screen: &Screen) -> Result<(Right, Unfinished), Failure> {
        let right = self.records.take_right(true, Take::IfFree(None), Voice::Screen(*screen))?;
        let is_same = |now: &&Unfinished| {
            self.unfinished.as_ref().is_some_and(|unfinished| now.execution == unfinished.execution)
        };
        // Between the look and now another process may have carried it on, and to its end.
        let unfinished = right.known.unfinished().find(is_same).cloned();
        match unfinished {
            Some(unfinished) => Ok((right, unfinished)),
            None => Err(Failure::refused("another process has ended it meanwhile")),
        }
    }

    /// The execution as people are shown it.
    pub fn shown(&self, unfinished: &Unfinished) -> StandingView {
        let elsewhere = self.elsewhere.as_ref().map(ToString::to_string);
        standing(unfinished, self.holder.as_ref().map(ToString::to_string).or(elsewhere))
    }

    /// Opens the journal to leave a request in it.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn reader(&self) -> Result<JournalReader, Failure> {
        self.records.reader()?.ok_or_else(|| Failure::failed("the journal is gone"))
    }

    /// Leaves a request to the process that carries the execution out, and waits until it is taken. Returns whether it
    /// was, in time.
    ///
    /// # Errors
    /// Nobody is there to take it, or it cannot be written down.
    pub fn ask(&self, request: &OperatorRequest) -> Result<bool, Failure> {
        let (unfinished, holder) = self.running()?;
        let mut reader = self.reader()?;
        let number = reader.ask(&unfinished.execution, request, &session::by())?;
        let asked = Instant::now();
        while asked.elapsed() < TAKEN_WITHIN {
            let requests = reader.requests(&unfinished.execution)?;
            if requests.iter().any(|request| request.id == number && request.taken_at.is_some()) {
                return Ok(true);
            }
            if self.records.acting()?.is_none() {
                return Err(Failure::failed(format!("{holder} was gone before it could be asked"))
                    .hint(format!("`evenkeel status {}` shows what has become of it", self.records.words)));
            }
            sleep(LOOK_EVERY);
        }
        Ok(false)
    }

    /// Leaves a request and says what follows.
    ///
    /// # Errors
    /// See [`Self::ask`].
    pub fn ask_and_say(&self, request: &OperatorRequest, said: &str, screen: &Screen) -> Result<(), Failure> {
        if self.ask(request)? {
            return screen.result(&format!("{said}\n"));
        }
        screen.result("Asked; it is heeded when the process that carries the plan out next looks.\n")
    }
}

fn headless(seen: &Observation) -> Option<Headless> {
    let gap = seen.gaps.iter().find(|gap| gap.kind == GapKind::Reassignments)?;
    Some(if gap.subject == CONTROLLER {
        Headless { why: format!("its controller does not answer: {}", gap.reason), mend: CONTROLLERS }
    } else {
        Headless { why: format!("what it is doing may not be seen: {}", gap.reason), mend: RIGHTS }
    })
}

/// The execution as people are shown it.
pub fn standing(unfinished: &Unfinished, carried_out_by: Option<String>) -> StandingView {
    StandingView::of(
        unfinished.execution.as_str(),
        (unfinished.began_at, &unfinished.by),
        &unfinished.plan,
        &unfinished.memory,
        carried_out_by,
    )
}
