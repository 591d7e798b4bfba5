//! Carrying a plan out: the guard, the question, the run, and how it ended.

use std::time::Duration;

use super::args::ExecutionArgs;
use super::progress::Progression;
use super::session::Session;
use super::signals::{self, Termination};
use super::{Failure, Screen};
use crate::control::{Happening, Scope, World};
use crate::execute::{End, ExecuteSettings, Execution, NotStarted, Outcome};
use crate::observe::Observation;
use crate::plan::Plan;
use crate::report::outcome_text;

/// A look that is no older is a look at the cluster as it is now: the next one is no sooner done, and each turn begins with
/// another.
const FRESH: Duration = Duration::from_secs(2);

/// A plan to be carried out.
pub struct Order<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The look that it was made or checked with.
    pub seen: &'a Observation,
    /// How it is run.
    pub settings: ExecuteSettings,
    /// What people call the cluster.
    pub cluster: &'a str,
    /// How often a line tells the progress where no bar can.
    pub line_every: Duration,
}

impl Order<'_> {
    /// Checks whether it could be started now; a dry run does that too, so that it is refused where the real run is.
    ///
    /// # Errors
    /// The plan may not be started.
    pub fn check(&self, world: &dyn World) -> Result<Execution, Failure> {
        Ok(Execution::new(self.plan, self.settings.clone(), world.now(), self.seen)?)
    }

    /// Asks where there is someone to ask, then runs the plan to its end and tells how it ended.
    ///
    /// # Errors
    /// Nobody agreed, the plan may not be started, or it did not come to its end in full.
    pub fn carry_out(
        &self,
        session: &mut Session,
        args: &ExecutionArgs,
        screen: &Screen,
    ) -> Result<(), Failure> {
        self.check(session.world.as_ref())?;
        let price = &self.plan.price;
        let between_dirs = match price.log_dir_moves {
            0 => String::new(),
            moves => format!(", move {moves} between log directories, {}", price.log_dir_bytes),
        };
        let question = format!(
            "Carry out plan {} on {}: copy {} replicas, {}{between_dirs}, and change {} leaders?",
            self.plan.id, self.cluster, price.replica_moves, price.bytes, price.leader_changes
        );
        if !args.yes && !screen.ask(&question)? {
            return Err(Failure::failed("nothing was changed: the question was not answered with yes"));
        }
        listen()?;
        // The answer may have taken a while, and the guard must judge the cluster as it is now.
        let age = session.world.now().since(self.seen.taken_at);
        let anew = if args.yes && age < FRESH { None } else { Some(session.world.observe(&Scope::Full)?) };
        let seen = anew.as_ref().unwrap_or(self.seen);
        let now = Order { seen, settings: self.settings.clone(), ..*self };
        let mut execution = now.check(session.world.as_ref())?;
        let mut progression = Progression::new(screen, self.line_every);
        let tell = &mut |happening: Happening<'_>| progression.tell(&happening);
        let outcome = session.carry_out(self.plan, None, &mut execution, tell);
        progression.end();
        let outcome = outcome?;
        screen.result(&outcome_text(&outcome, screen.results))?;
        verdict(&outcome)
    }
}

/// Has Ctrl-C end what is being carried out.
///
/// # Errors
/// The operating system refuses the handler.
pub fn listen() -> Result<(), Failure> {
    signals::listen(
        "stopping: nothing new starts, moves in flight are cancelled, throttles are taken away; \
         `evenkeel status` shows what is there afterwards; Ctrl-C again hurries",
        Termination::Stops,
    )
}

/// Turns the end of an execution into success or failure.
///
/// # Errors
/// It did not come to its end in full, or left something behind.
pub fn verdict(outcome: &Outcome) -> Result<(), Failure> {
    let failure = match &outcome.end {
        End::Done if outcome.left.is_empty() => return Ok(()),
        End::Done => Failure::failed("the plan was carried out, but settings were left behind"),
        End::DoneInPart => Failure::failed("the plan was carried out in part only")
            .hint("the steps above were dropped or given up; a new plan takes up what is left"),
        End::Stopped => Failure::failed("the execution was stopped")
            .hint("every partition has all its replicas; a new plan takes up what is left"),
        End::Failed { reason } => Failure::failed(format!("the execution failed: {reason}")),
    };
    if outcome.left.is_empty() {
        return Err(failure);
    }
    Err(failure.hint(
        "run the commands above, or `evenkeel resume` once the cluster is well: until then throttles slow \
         replication down",
    ))
}

impl From<NotStarted> for Failure {
    fn from(error: NotStarted) -> Self {
        let hint = match &error {
            NotStarted::OtherCluster { .. } => "check the address, or make a plan for this cluster",
            NotStarted::Stale { .. } | NotStarted::StaleLogDirs { .. } | NotStarted::Malformed { .. } => {
                "make a new plan"
            }
            NotStarted::ForeignReassignments { .. } => {
                "wait until they have ended (`evenkeel status` shows them), then make a new plan"
            }
            NotStarted::BrokersDown { .. } => "bring it back first; `evenkeel status` shows what it holds",
            NotStarted::TargetsDown { .. } => "bring it back, or make a new plan",
            NotStarted::IncompleteView { .. } => "mend what hides it, most often a missing right",
        };
        Self::refused(&error).hint(hint)
    }
}
