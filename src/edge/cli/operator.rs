//! [`UnderWay`]: what is under way on a cluster, for operators who ask something of it.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::args::ClusterArgs;
use super::session::{self, Records};
use super::target::Target;
use super::{Failure, Screen, live};
use crate::control::{Scope, Unfinished, World};
use crate::edge::store::{Holder, JournalReader};
use crate::execute::OperatorRequest;
use crate::report::StandingView;

/// A process looks for requests before each look at the cluster. One that takes longer is told of, and not waited for.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);

/// How often the journal is looked into while something is waited for.
pub const LOOK_EVERY: Duration = Duration::from_millis(300);

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
    /// Who carries it out.
    pub holder: Option<Holder>,
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
        let unfinished = records.recollection()?.unfinished().last().cloned();
        Ok(Self { name: target.name, world, records, unfinished, holder })
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
            (Some(unfinished), None) => Err(Failure::refused(format!(
                "plan {} is not finished, and no process carries it out: there is nobody to ask",
                unfinished.plan.id
            ))
            .hint(format!(
                "`evenkeel resume {words} --execute` carries it on; `evenkeel stop {words}` rolls it back"
            ))),
        }
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

/// The execution as people are shown it.
pub fn standing(unfinished: &Unfinished, holder: Option<&Holder>) -> StandingView {
    StandingView::of(
        unfinished.execution.as_str(),
        (unfinished.began_at, &unfinished.by),
        &unfinished.plan,
        &unfinished.memory,
        holder.map(ToString::to_string),
    )
}
