//! [`Journal`]: what is written down before it is done. Everything that outlives the process is a fold of its entries.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Approval, Permit};
use crate::base::{BrokerId, PlanId, TimestampMs};
use crate::execute::{CommandKind, ExecuteSettings, Execution, Fact, Memory, OperatorRequest, Outcome};
use crate::observe::{Absences, CanaryTimes, SizeHistory, TopicSizes};
use crate::plan::Plan;

/// Names one execution: when it began and its plan. Two executions of a plan are two.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecutionId(String);

impl ExecutionId {
    /// Names the execution of a plan that begins at `at`. Its text sorts by time.
    pub fn new(at: TimestampMs, plan: PlanId) -> Self {
        let plan: String = plan.to_string().chars().take(8).collect();
        Self(format!("{:013}-{plan}", at.0))
    }

    /// An id as it was written down.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was written, in milliseconds since 1970. The order of entries is that of the journal, not of this.
    pub at_ms: u64,
    /// What it says.
    #[serde(flatten)]
    pub record: Record,
}

/// A command that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intended {
    /// Its kind.
    pub kind: CommandKind,
    /// What it is about, for people.
    pub what: String,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "record")]
pub enum Record {
    /// An execution begins.
    Began {
        /// Which.
        execution: ExecutionId,
        /// The plan, whole.
        plan: Box<Plan>,
        /// How it is run.
        settings: Box<ExecuteSettings>,
        /// Who ordered it, and how.
        by: String,
    },
    /// An execution must not forget this.
    Fact {
        /// Which execution.
        execution: ExecutionId,
        /// What.
        fact: Fact,
    },
    /// Commands are about to be sent.
    Intent {
        /// Which execution.
        execution: ExecutionId,
        /// The commands.
        commands: Vec<Intended>,
    },
    /// Something happened, for people.
    Happened {
        /// Which execution.
        execution: ExecutionId,
        /// What.
        text: String,
    },
    /// What the canary measured while an execution ran; the last one stands until its end.
    Measured {
        /// Which execution.
        execution: ExecutionId,
        /// What.
        canary: CanaryTimes,
    },
    /// An execution is over.
    Ended {
        /// Which.
        execution: ExecutionId,
        /// How.
        outcome: Box<Outcome>,
    },
    /// A plan waits for leave, the last one that does.
    Proposed {
        /// The plan, whole; absent when nothing waits any more.
        plan: Option<Box<Plan>>,
    },
    /// A person gave leave to a plan, or what has become of that.
    Approval(Box<Approval>),
    /// How large topics were.
    Sizes {
        /// How large.
        sizes: Box<TopicSizes>,
    },
    /// What is lacking, and since when; the last one stands.
    Lacking {
        /// What.
        absences: Absences,
    },
    /// A broker was removed by an operator, or is welcome again: a daemon moves nothing onto it.
    Removed {
        /// The broker.
        broker: BrokerId,
        /// Whether it is removed; otherwise it is welcome.
        removed: bool,
    },
    /// A broker was demoted by an operator, or may lead again.
    Demoted {
        /// The broker.
        broker: BrokerId,
        /// Whether it is demoted; otherwise it may lead.
        demoted: bool,
    },
}

impl Record {
    /// The key under which a store may keep the last entry only; history entries have none.
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Began { execution, .. } => Some(format!("{execution}/began")),
            Self::Fact { execution, fact } => Some(format!("{execution}/{}", fact.key())),
            Self::Measured { execution, .. } => Some(format!("{execution}/measured")),
            Self::Ended { execution, .. } => Some(format!("{execution}/ended")),
            Self::Proposed { .. } => Some("proposed".to_owned()),
            // Whatever is two weeks old makes room.
            Self::Sizes { sizes } => Some(format!("sizes/{}", sizes.slot())),
            Self::Lacking { .. } => Some("lacking".to_owned()),
            Self::Approval(approval) => Some(format!("approved/{}", approval.plan)),
            Self::Removed { broker, .. } => Some(format!("removed/{broker}")),
            Self::Demoted { broker, .. } => Some(format!("demoted/{broker}")),
            Self::Intent { .. } | Self::Happened { .. } => None,
        }
    }

    /// What has to stand in the journal before an execution takes its first step, all of it or nothing: with the plan goes
    /// what was so when it began, or whoever carries it on could take a topic of the same name for the one it moves.
    /// Returns the memory that these records come to, too.
    pub fn beginning(
        execution: &Execution,
        id: &ExecutionId,
        plan: &Plan,
        by: String,
    ) -> (Vec<Self>, Memory) {
        let began = Self::Began {
            execution: id.clone(),
            plan: Box::new(plan.clone()),
            settings: Box::new(execution.settings().clone()),
            by,
        };
        let memory = execution.memory();
        let facts = memory.facts_since(&Memory::default()).into_iter();
        let facts = facts.map(|fact| Self::Fact { execution: id.clone(), fact });
        (std::iter::once(began).chain(facts).collect(), memory)
    }

    /// The execution that it is about.
    pub fn execution(&self) -> Option<&ExecutionId> {
        match self {
            Self::Began { execution, .. }
            | Self::Fact { execution, .. }
            | Self::Intent { execution, .. }
            | Self::Happened { execution, .. }
            | Self::Measured { execution, .. }
            | Self::Ended { execution, .. } => Some(execution),
            Self::Proposed { .. }
            | Self::Approval(_)
            | Self::Sizes { .. }
            | Self::Lacking { .. }
            | Self::Removed { .. }
            | Self::Demoted { .. } => None,
        }
    }
}

/// Why nothing could be written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another evenkeel acts on the cluster now: this one has lost the right to, for good.
    #[error("another evenkeel has taken over: {0}")]
    Fenced(String),
    /// It could not be made durable, perhaps only for now (a full disk, a topic out of reach).
    #[error("{0}")]
    Unwritable(String),
    /// What is there cannot be read, and may not be guessed.
    #[error("{0}")]
    Unreadable(String),
}

/// Where entries are made durable, and where operators leave their requests.
pub trait Journal {
    /// Makes entries durable, all or none, in this order.
    ///
    /// # Errors
    /// Nothing that depends on them may be done.
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError>;

    /// What operators have asked for since the last call. They count as taken when the next [`Self::append`] is durable:
    /// whoever dies before has not heard them, and the next process does.
    ///
    /// # Errors
    /// The requests cannot be read; they stay for the next call.
    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError>;

    /// The right to act, to be asked for before anything is sent. It outlives no loss of the right.
    fn permit(&self) -> Permit {
        Permit::for_ever()
    }
}

impl<J: Journal + ?Sized> Journal for Box<J> {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        (**self).append(entries)
    }

    fn permit(&self) -> Permit {
        (**self).permit()
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        (**self).take_requests()
    }
}

impl<J: Journal + ?Sized> Journal for &mut J {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        (**self).append(entries)
    }

    fn permit(&self) -> Permit {
        (**self).permit()
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        (**self).take_requests()
    }
}

/// A journal that nobody reads: for executions whose process cannot be carried on by another, such as the demo's.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn append(&mut self, _: &[Entry]) -> Result<(), JournalError> {
        Ok(())
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        Ok(Vec::new())
    }
}

/// An execution that began and has not ended: its process was killed, or still runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfinished {
    /// Which.
    pub execution: ExecutionId,
    /// When it began.
    pub began_at: TimestampMs,
    /// Its plan.
    pub plan: Plan,
    /// How it is run.
    pub settings: ExecuteSettings,
    /// Who ordered it.
    pub by: String,
    /// What it must not forget.
    pub memory: Memory,
}

/// What the entries of a journal come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recollection {
    unfinished: BTreeMap<ExecutionId, Unfinished>,
    /// What the canary measured last in each of these.
    measured: BTreeMap<ExecutionId, (TimestampMs, CanaryTimes)>,
    /// What waits for leave, and since when.
    proposed: Option<(TimestampMs, Plan)>,
    approvals: BTreeMap<PlanId, Approval>,
    sizes: SizeHistory,
    absences: Absences,
    /// With when it was said: of two journals the later word counts.
    removed: BTreeMap<BrokerId, (bool, u64)>,
    demoted: BTreeMap<BrokerId, (bool, u64)>,
}

impl Recollection {
    /// Folds entries, oldest first.
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut all = Self::default();
        for entry in entries {
            all.take(entry);
        }
        all
    }

    /// Takes one more entry in.
    pub fn take(&mut self, entry: Entry) {
        let Entry { at_ms, record } = entry;
        let began_at = TimestampMs(at_ms);
        match record {
            Record::Began { execution, plan, settings, by } => {
                let (plan, settings, memory) = (*plan, *settings, Memory::default());
                let unfinished =
                    Unfinished { execution: execution.clone(), began_at, plan, settings, by, memory };
                self.unfinished.insert(execution, unfinished);
            }
            Record::Fact { execution, fact } => {
                if let Some(unfinished) = self.unfinished.get_mut(&execution) {
                    unfinished.memory.apply(fact);
                }
            }
            Record::Measured { execution, canary } => {
                self.measured.insert(execution, (TimestampMs(at_ms), canary));
            }
            Record::Ended { execution, .. } => {
                self.unfinished.remove(&execution);
                self.measured.remove(&execution);
            }
            Record::Proposed { plan } => self.proposed = plan.map(|plan| (TimestampMs(at_ms), *plan)),
            Record::Approval(approval) => drop(self.approvals.insert(approval.plan, *approval)),
            Record::Sizes { sizes } => self.sizes.take(*sizes),
            Record::Lacking { absences } => self.absences = absences,
            Record::Removed { broker, removed } => drop(self.removed.insert(broker, (removed, at_ms))),
            Record::Demoted { broker, demoted } => drop(self.demoted.insert(broker, (demoted, at_ms))),
            Record::Intent { .. } | Record::Happened { .. } => {}
        }
    }

    /// The executions that have not ended, oldest first. One cluster has one at most, unless a journal was copied.
    pub fn unfinished(&self) -> impl Iterator<Item = &Unfinished> {
        self.unfinished.values()
    }

    /// What the canary measured last in an execution that has not ended, and when: by then it may be old.
    pub fn measured(&self, execution: &ExecutionId) -> Option<(TimestampMs, &CanaryTimes)> {
        self.measured.get(execution).map(|(at, canary)| (*at, canary))
    }

    /// The plan that waits for leave, and when it was proposed.
    pub fn proposed(&self) -> Option<(TimestampMs, &Plan)> {
        self.proposed.as_ref().map(|(at, plan)| (*at, plan))
    }

    /// All leave that was ever given, oldest first.
    pub fn approvals(&self) -> impl Iterator<Item = &Approval> {
        let mut all: Vec<&Approval> = self.approvals.values().collect();
        all.sort_by_key(|approval| (approval.given_at_ms, approval.plan));
        all.into_iter()
    }

    /// The leave that was given to a plan last.
    pub fn approval(&self, plan: PlanId) -> Option<&Approval> {
        self.approvals.get(&plan)
    }

    /// How large topics were over the last two weeks.
    pub fn sizes(&self) -> &SizeHistory {
        &self.sizes
    }

    /// What was lacking at the last look of a daemon, and since when.
    pub fn absences(&self) -> &Absences {
        &self.absences
    }

    /// Brokers that were removed and are not welcome.
    pub fn removed(&self) -> impl Iterator<Item = BrokerId> {
        self.removed.iter().filter(|(_, (removed, _))| *removed).map(|(broker, _)| *broker)
    }

    /// Brokers that were demoted and shall not lead.
    pub fn demoted(&self) -> impl Iterator<Item = BrokerId> {
        self.demoted.iter().filter(|(_, (demoted, _))| *demoted).map(|(broker, _)| *broker)
    }

    /// What is said here of brokers and not in another journal, or there earlier.
    pub fn marks_beyond<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Entry> + 'a {
        type Marks = BTreeMap<BrokerId, (bool, u64)>;
        fn later<'a>(here: &'a Marks, there: &'a Marks) -> impl Iterator<Item = (BrokerId, bool, u64)> + 'a {
            let is_later = |id: &BrokerId, at: u64| there.get(id).is_none_or(|(_, known)| *known < at);
            here.iter().filter(move |(id, (_, at))| is_later(id, *at)).map(|(id, (set, at))| (*id, *set, *at))
        }
        let removed = later(&self.removed, &other.removed)
            .map(|(broker, removed, at_ms)| Entry { at_ms, record: Record::Removed { broker, removed } });
        let demoted = later(&self.demoted, &other.demoted)
            .map(|(broker, demoted, at_ms)| Entry { at_ms, record: Record::Demoted { broker, demoted } });
        removed.chain(demoted)
    }
}
