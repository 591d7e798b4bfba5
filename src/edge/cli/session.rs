//! [`Session`]: a process and a cluster. The one place where the right to act is taken, and where a world and a journal
//! come together.

use std::collections::BTreeMap;
use std::path::Path;

use clap::CommandFactory;

use super::sharing::{self, Lent, Overview, Sharing, Take, Voice};
use super::target::Target;
use super::{Cli, Failure, Screen, kill_points, marks};
use crate::base::TimestampMs;
use crate::control::{
    Approval, ApprovalFate, Charge, Entry, ExecutionId, Happening, Journal, JournalError, NoJournal, Permit,
    Recollection, Record, Unfinished, World, drive,
};
use crate::edge::lease::Standing;
use crate::edge::store::{ClusterDir, Holder, JournalReader, Lock, Role, SqliteJournal};
use crate::execute::{End, Execution, Memory, OperatorRequest, Outcome};
use crate::observe::Observation;
use crate::plan::Plan;

/// What evenkeel has written down about a cluster, and where.
#[derive(Debug, Clone)]
pub struct Records {
    dir: ClusterDir,
    /// What it shares with other machines.
    pub sharing: Sharing,
    /// The flags that name the cluster, for hints.
    pub words: String,
}

impl Records {
    /// Those of the cluster that was seen.
    ///
    /// # Errors
    /// There is no place for them.
    pub fn of(target: &Target, seen: &Observation) -> Result<Self, Failure> {
        let Some(state_dir) = &target.state_dir else {
            return Err(Failure::usage("there is no state directory: HOME is not set")
                .hint("say `--state-dir DIR`: what is about to be done is written down there first"));
        };
        let dir = ClusterDir::of(state_dir, seen.cluster_id.as_deref());
        Ok(Self { dir, sharing: Sharing::of(target, seen, verb()), words: target.words.clone() })
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Opens them to look, or to leave a request; nothing where nothing was written down yet.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn reader(&self) -> Result<Option<JournalReader>, Failure> {
        Ok(JournalReader::open(&self.dir)?)
    }

    /// What they come to, together with what stands in the lease's topic. That this cannot be read is told and no more:
    /// whoever acts takes the lease first, and reads it then.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn overview(&self, voice: Voice) -> Result<Overview, Failure> {
        let local = self.local()?;
        let standing = self.sharing.look().unwrap_or_else(|error| {
            sharing::not_looked(voice, error);
            None
        });
        let ended = standing.as_ref().map(|standing| self.ended_here(standing)).transpose()?;
        Ok(Overview::of(local, standing.as_ref(), &ended.unwrap_or_default()))
    }

    /// The ends that are written down here of what the topic has as unfinished.
    fn ended_here(&self, standing: &Standing) -> Result<BTreeMap<ExecutionId, Entry>, Failure> {
        let mut ended = BTreeMap::new();
        let Some(reader) = self.reader()? else { return Ok(ended) };
        for unfinished in standing.recollection.unfinished() {
            let end = reader.ended(&unfinished.execution)?;
            ended.extend(end.map(|end| (unfinished.execution.clone(), end)));
        }
        Ok(ended)
    }

    /// The process that acts on the cluster now, if one does.
    ///
    /// # Errors
    /// That cannot be found out.
    pub fn acting(&self) -> Result<Option<Holder>, Failure> {
        Ok(Lock::holder(&self.dir, Role::Act)?)
    }

    /// The daemon that looks after the cluster, if one does.
    ///
    /// # Errors
    /// That cannot be found out.
    pub fn daemon(&self) -> Result<Option<Holder>, Failure> {
        Ok(Lock::holder(&self.dir, Role::Daemon)?)
    }

    /// Looks after the cluster as its only daemon, until what is returned is dropped.
    ///
    /// # Errors
    /// Another daemon does, or the state directory cannot be used.
    pub fn look_after(&self) -> Result<Lock, Failure> {
        Lock::take(&self.dir, Role::Daemon, &holder()).map_err(|error| self.advise(error.into()))
    }

    /// What they come to on this machine alone.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn local(&self) -> Result<Recollection, Failure> {
        Ok(self.reader()?.map(|reader| reader.recollection()).transpose()?.unwrap_or_default())
    }

    /// Writes something down on this machine that is no part of an execution and of no use to another one: no lease is
    /// needed, and nothing is sent.
    ///
    /// # Errors
    /// Another process acts just now, or it cannot be written down.
    pub fn note(&self, records: Vec<Record>, now: TimestampMs) -> Result<(), Failure> {
        let lock = Lock::take(&self.dir, Role::Act, &holder()).map_err(|error| self.advise(error.into()))?;
        let (mut journal, _) = SqliteJournal::open(&self.dir, lock)?;
        let entries: Vec<Entry> = records.into_iter().map(|record| Entry { at_ms: now.0, record }).collect();
        Ok(journal.append(&entries)?)
    }

    /// Takes the right to act: the lock of this machine, then the lease. `withdraw` forgets what operators have asked of a
    /// process that is gone.
    ///
    /// # Errors
    /// Another process has it, or what is done could not be written down.
    pub fn take_right(&self, withdraw: bool, from: Take<'_>, voice: Voice) -> Result<Right, NoRight> {
        let lock = Lock::take(&self.dir, Role::Act, &holder()).map_err(|error| {
            let held_by = error.is_held().then(|| error.to_string());
            NoRight { held_by, failure: self.advise(error.into()) }
        })?;
        let (mut journal, known) = SqliteJournal::open(&self.dir, lock).map_err(Failure::from)?;
        if withdraw {
            journal.withdraw_requests().map_err(Failure::from)?;
        }
        let Some((shared, standing)) = self.sharing.take(from, voice).map_err(|error| {
            let held_by = error.is_held().then(|| error.to_string());
            NoRight { held_by, failure: error.into() }
        })?
        else {
            return Ok(Right { journal: Box::new(journal), known, lease: None });
        };
        let lease = Some(Lent(shared.handle()));
        let ended = self.ended_here(&standing)?;
        let joined = sharing::join(Box::new(journal), &known, shared, &standing, &ended);
        let (journal, known) = joined.map_err(Failure::from)?;
        Ok(Right { journal, known, lease })
    }

    fn advise(&self, failure: Failure) -> Failure {
        let hint = failure.hint.as_ref().map(|hint| hint.replace("CLUSTER", &self.words));
        Failure { hint, ..failure }
    }
}

/// Why the right to act was not given.
#[derive(Debug)]
pub struct NoRight {
    /// In words, that another has it; absent where that is not why.
    pub held_by: Option<String>,
    failure: Failure,
}

impl From<Failure> for NoRight {
    fn from(failure: Failure) -> Self {
        Self { held_by: None, failure }
    }
}

impl From<NoRight> for Failure {
    fn from(denial: NoRight) -> Self {
        denial.failure
    }
}

/// The right to act on a cluster, and what was known when it was taken. Dropping it gives it back.
pub struct Right {
    journal: Box<dyn Journal>,
    /// What the journal held.
    pub known: Recollection,
    /// Let go of after the journal, which writes no more then.
    lease: Option<Lent>,
}

impl Right {
    /// For a cluster that ends with this process: nothing is written down.
    pub fn unrecorded() -> Self {
        Self { journal: Box::new(NoJournal), known: Recollection::default(), lease: None }
    }

    /// Whether it is the lease that gives it, and not this machine's lock alone.
    pub fn is_leased(&self) -> bool {
        self.lease.is_some()
    }

    /// Writes something down that is no part of an execution.
    ///
    /// # Errors
    /// It could not be made durable.
    pub fn note(&mut self, records: Vec<Record>, now: TimestampMs) -> Result<(), Failure> {
        let entries: Vec<Entry> = records.into_iter().map(|record| Entry { at_ms: now.0, record }).collect();
        if entries.is_empty() { Ok(()) } else { Ok(self.journal.append(&entries)?) }
    }
}

/// A process that acts on a cluster.
pub struct Session {
    /// The cluster.
    pub world: Box<dyn World>,
    right: Right,
}

impl Session {
    /// Begins to act. Whatever has to stand between the loop and the world or the journal is put there here.
    pub fn new(world: Box<dyn World>, right: Right) -> Self {
        let Right { journal, known, lease } = right;
        let (world, journal) = kill_points::wrap(world, journal);
        Self { world, right: Right { journal, known, lease } }
    }

    /// Has what is carried out heed another voice beside those of operators: it is asked before each look.
    #[must_use]
    pub fn heeding(self, asks: impl FnMut() -> Option<OperatorRequest> + 'static) -> Self {
        let Self { world, right: Right { journal, known, lease } } = self;
        let journal = Box::new(Heeding { journal, asks: Box::new(asks) });
        Self { world, right: Right { journal, known, lease } }
    }

    /// Refuses to begin anything while something is unfinished.
    ///
    /// # Errors
    /// Something is.
    pub fn refuse_unfinished(&self, words: &str) -> Result<(), Failure> {
        refuse_unfinished(&self.right.known, words)
    }

    /// Carries a plan out: that it begins is durable before anything is done. So is that the leave is used up which it
    /// was given, where it was: whoever carries on later must not take it for a second one.
    ///
    /// # Errors
    /// It could not be written down; nothing was done.
    pub fn carry_out(
        &mut self,
        plan: &Plan,
        approval: Option<&Approval>,
        execution: &mut Execution,
        tell: &mut dyn FnMut(Happening),
    ) -> Result<Outcome, Failure> {
        let now = self.world.now();
        let id = ExecutionId::new(now, plan.id);
        let (mut records, memory) = Record::beginning(execution, &id, plan, by());
        if let Some(approval) = approval {
            let text = format!("approved {} by {}", approval.at(), approval.by);
            records.push(Record::Happened { execution: id.clone(), text });
            let used = approval.ended(ApprovalFate::Begun { execution: id.clone() });
            records.extend([Record::Approval(Box::new(used)), Record::Proposed { plan: None }]);
        }
        self.right.note(records, now)?;
        Ok(self.drive(execution, id, memory, &plan.operation, tell))
    }

    /// Carries on what a process that is gone had begun. `first` is asked of it before anything else.
    ///
    /// # Errors
    /// The cluster cannot be seen, or is another one.
    pub fn carry_on(
        &mut self,
        unfinished: &Unfinished,
        first: &[OperatorRequest],
        tell: &mut dyn FnMut(Happening),
    ) -> Result<Outcome, Failure> {
        let seen = self.world.observe(&crate::control::Scope::Full)?;
        let Unfinished { execution: id, plan, settings, memory, .. } = unfinished;
        let now = self.world.now();
        let mut execution = Execution::resume(plan, settings.clone(), memory.clone(), now, &seen)?;
        for request in first {
            execution.request(request, Some(&seen));
        }
        let text = format!("carried on by {}", by());
        self.right.note(vec![Record::Happened { execution: id.clone(), text }], now)?;
        Ok(self.drive(&mut execution, id.clone(), memory.clone(), &plan.operation, tell))
    }

    fn drive(
        &mut self,
        execution: &mut Execution,
        id: ExecutionId,
        recorded: Memory,
        operation: &str,
        tell: &mut dyn FnMut(Happening),
    ) -> Outcome {
        let charge = Charge { execution, id, journal: self.right.journal.as_mut(), recorded };
        let outcome = drive(self.world.as_mut(), charge, tell);
        if outcome.end == End::Done {
            let marked = self.right.note(marks::records(operation), self.world.now());
            // The moves are done and stay done; what a daemon makes of the brokers afterwards is not.
            if let Err(failure) = marked {
                Screen::plain().warn(&format!("not remembered, `{operation}`: {}", failure.message));
            }
        }
        outcome
    }
}

/// A journal with one more voice among those that ask something of an execution.
struct Heeding {
    journal: Box<dyn Journal>,
    asks: Box<dyn FnMut() -> Option<OperatorRequest>>,
}

impl Journal for Heeding {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        self.journal.append(entries)
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        let mut requests = self.journal.take_requests()?;
        requests.extend((self.asks)());
        Ok(requests)
    }

    fn permit(&self) -> Permit {
        self.journal.permit()
    }
}

/// Refuses to begin anything while something is unfinished.
///
/// # Errors
/// Something is.
pub fn refuse_unfinished(known: &Recollection, words: &str) -> Result<(), Failure> {
    let Some(unfinished) = known.unfinished().last() else { return Ok(()) };
    let tally = unfinished.memory.tally();
    let steps = unfinished.plan.steps().count();
    Err(Failure::refused(format!(
        "plan {} ({}), begun {} by {}, is not finished: {} of {steps} steps done, {} under way, {} throttle settings \
         may stand",
        unfinished.plan.id,
        unfinished.plan.operation,
        unfinished.began_at,
        unfinished.by,
        tally.done,
        tally.under_way,
        tally.throttles
    ))
    .hint(format!(
        "`evenkeel resume {words} --execute` carries it on; `evenkeel stop {words}` rolls it back; \
         `evenkeel status {words}` shows the cluster"
    )))
}

/// Who acts, for the journal and for others: `anna@ops-1: rebalance`.
pub fn by() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = named("USER").or_else(|| named("LOGNAME")).unwrap_or_else(user_id);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    let host = host.or_else(|| named("HOSTNAME")).unwrap_or_else(|| "some host".to_owned());
    format!("{user}@{host}: {}", verb())
}

/// A user without a name, as a supervisor may start one.
fn user_id() -> String {
    let own = std::fs::metadata("/proc/self");
    own.map_or_else(
        |_| "someone".to_owned(),
        |own| format!("uid-{}", std::os::unix::fs::MetadataExt::uid(&own)),
    )
}

/// Whether a daemon began something, and not a person.
pub fn is_daemons(by: &str) -> bool {
    by.ends_with(": run")
}

/// The command of this process. No other word of its command line is written down: some name files and addresses.
pub fn verb() -> String {
    let cli = Cli::command();
    let known = |word: &String| cli.get_subcommands().any(|command| command.get_name() == word);
    std::env::args().skip(1).find(known).unwrap_or_else(|| "evenkeel".to_owned())
}

fn holder() -> Holder {
    Holder { pid: std::process::id(), by: by(), since: now(), troubles: Vec::new() }
}

/// The wall clock.
pub fn now() -> TimestampMs {
    crate::edge::kafka::Clock::default().now()
}
