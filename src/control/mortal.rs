//! [`KillPoint`]: every place at which the death of the process makes a difference, by name; and wrappers that let it
//! die there. Tests on the simulated cluster die at each of them, tests on real brokers too, with SIGKILL.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use super::{Entry, Journal, JournalError, Permit, Record, Scope, World, WorldError};
use crate::base::TimestampMs;
use crate::execute::{Answer, Command, CommandKind, OperatorRequest};
use crate::observe::Observation;

/// When, in the life of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Its intent is about to be written down.
    BeforeIntent,
    /// Its intent is durable, and nothing was sent.
    AfterIntent,
    /// The cluster has it, and the answer was not read.
    AfterSend,
    /// The answer was read, and nothing more was written down.
    AfterAnswer,
    /// What came of it is durable.
    AfterRecord,
}

/// A place at which the process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KillPoint {
    /// In the life of a command.
    Command(Moment, CommandKind),
    /// The execution's beginning is durable, and no look was taken.
    Began,
    /// The first look of an execution, or of one that is carried on, was taken and nothing was decided.
    FirstLook,
    /// Any look was taken and nothing was decided.
    Look,
    /// Between two turns.
    Sleep,
    /// A request of an operator was read, and nothing of it was written down.
    Request,
    /// A person has asked to stop, and nothing of it was written down.
    StopRequest,
    /// The end is about to be written down.
    BeforeEnd,
    /// The end is durable.
    AfterEnd,
}

impl KillPoint {
    /// Every kill point: 5 moments of 6 kinds of command, and 8 of the loop's own.
    pub fn all() -> Vec<Self> {
        use Moment::{AfterAnswer, AfterIntent, AfterRecord, AfterSend, BeforeIntent};
        let moments = [BeforeIntent, AfterIntent, AfterSend, AfterAnswer, AfterRecord];
        let of_command = moments
            .into_iter()
            .flat_map(|moment| CommandKind::ALL.into_iter().map(move |kind| Self::Command(moment, kind)));
        let own = [
            Self::Began,
            Self::FirstLook,
            Self::Look,
            Self::Sleep,
            Self::Request,
            Self::StopRequest,
            Self::BeforeEnd,
            Self::AfterEnd,
        ];
        of_command.chain(own).collect()
    }
}

impl fmt::Display for KillPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Command(moment, kind) => {
                let moment = match moment {
                    Moment::BeforeIntent => "before-intent",
                    Moment::AfterIntent => "after-intent",
                    Moment::AfterSend => "after-send",
                    Moment::AfterAnswer => "after-answer",
                    Moment::AfterRecord => "after-record",
                };
                return write!(f, "{moment}:{kind}");
            }
            Self::Began => "began",
            Self::FirstLook => "first-look",
            Self::Look => "look",
            Self::Sleep => "sleep",
            Self::Request => "request",
            Self::StopRequest => "stop-request",
            Self::BeforeEnd => "before-end",
            Self::AfterEnd => "after-end",
        };
        f.pad(text)
    }
}

impl FromStr for KillPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::all().into_iter().find(|point| point.to_string() == text);
        found.ok_or_else(|| {
            let known: Vec<String> = Self::all().iter().map(ToString::to_string).collect();
            format!("`{text}` is no kill point; these are: {}", known.join(", "))
        })
    }
}

/// Decides about life and death: `reached` is called at every kill point, and says whether the process dies there. A
/// real one does not return then.
pub trait Fate {
    /// Whether the process is dead, now that it has come to this point.
    fn reached(&mut self, point: KillPoint) -> bool;

    /// Whether it has died.
    fn is_dead(&self) -> bool;
}

/// A fate that the world and the journal of one process share.
pub type SharedFate = Rc<RefCell<dyn Fate>>;

/// A world seen by a process that may die. After its death nothing of what it does reaches the world.
pub struct MortalWorld<W> {
    inner: W,
    fate: SharedFate,
    looks: u32,
    /// The command that was answered last, until something is written down.
    answered: Rc<RefCell<Vec<CommandKind>>>,
    stops_seen: std::cell::Cell<u32>,
}

/// A journal written by a process that may die.
pub struct MortalJournal<J> {
    inner: J,
    fate: SharedFate,
    answered: Rc<RefCell<Vec<CommandKind>>>,
}

/// Makes a process of a world and a journal that may die.
pub fn mortal<W, J>(world: W, journal: J, fate: &SharedFate) -> (MortalWorld<W>, MortalJournal<J>) {
    let answered = Rc::new(RefCell::new(Vec::new()));
    let world = MortalWorld {
        inner: world,
        fate: Rc::clone(fate),
        looks: 0,
        answered: Rc::clone(&answered),
        stops_seen: std::cell::Cell::new(0),
    };
    (world, MortalJournal { inner: journal, fate: Rc::clone(fate), answered })
}

fn dead() -> WorldError {
    WorldError::unreachable("the process is dead")
}

impl<W: World> World for MortalWorld<W> {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        if self.fate.borrow().is_dead() {
            return Err(dead());
        }
        let seen = self.inner.observe(scope)?;
        self.looks += 1;
        let first = self.looks == 1 && self.fate.borrow_mut().reached(KillPoint::FirstLook);
        if first || self.fate.borrow_mut().reached(KillPoint::Look) { Err(dead()) } else { Ok(seen) }
    }

    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError> {
        if self.fate.borrow().is_dead() {
            return Err(dead());
        }
        let kind = command.kind();
        let answer = self.inner.perform(command);
        for moment in [Moment::AfterSend, Moment::AfterAnswer] {
            if self.fate.borrow_mut().reached(KillPoint::Command(moment, kind)) {
                return Err(dead());
            }
        }
        self.answered.borrow_mut().push(kind);
        answer
    }

    fn now(&self) -> TimestampMs {
        self.inner.now()
    }

    fn sleep(&mut self, duration: Duration) {
        if !self.fate.borrow().is_dead() && !self.fate.borrow_mut().reached(KillPoint::Sleep) {
            self.inner.sleep(duration);
        }
    }

    fn stop_requests(&self) -> u32 {
        if self.fate.borrow().is_dead() {
            // Whoever waits for the cluster or the journal need not wait any longer.
            return 2;
        }
        let stops = self.inner.stop_requests();
        if stops > self.stops_seen.replace(stops) && self.fate.borrow_mut().reached(KillPoint::StopRequest) {
            return 2;
        }
        stops
    }

    fn is_leaving(&self) -> bool {
        self.inner.is_leaving()
    }
}

impl<J: Journal> MortalJournal<J> {
    /// Comes to a point.
    fn passes(&self, point: KillPoint) -> Result<(), JournalError> {
        self.fate.borrow_mut().reached(point);
        self.lives()
    }

    fn lives(&self) -> Result<(), JournalError> {
        let dead = self.fate.borrow().is_dead();
        if dead { Err(JournalError::Fenced("the process is dead".to_owned())) } else { Ok(()) }
    }
}

impl<J: Journal> Journal for MortalJournal<J> {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        self.lives()?;
        let mut kinds = Vec::new();
        let (mut begins, mut ends) = (false, false);
        for entry in entries {
            match &entry.record {
                Record::Intent { commands, .. } => kinds.extend(commands.iter().map(|intent| intent.kind)),
                Record::Began { .. } => begins = true,
                Record::Ended { .. } => ends = true,
                _ => {}
            }
        }
        kinds.sort_unstable();
        kinds.dedup();
        for kind in &kinds {
            self.passes(KillPoint::Command(Moment::BeforeIntent, *kind))?;
        }
        if ends {
            self.passes(KillPoint::BeforeEnd)?;
        }
        self.inner.append(entries)?;
        for kind in self.answered.take() {
            self.passes(KillPoint::Command(Moment::AfterRecord, kind))?;
        }
        for kind in &kinds {
            self.passes(KillPoint::Command(Moment::AfterIntent, *kind))?;
        }
        if begins {
            self.passes(KillPoint::Began)?;
        }
        if ends { self.passes(KillPoint::AfterEnd) } else { Ok(()) }
    }

    /// Of a dead process nothing reaches the world, whatever it is permitted.
    fn permit(&self) -> Permit {
        self.inner.permit()
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        self.lives()?;
        let requests = self.inner.take_requests()?;
        if !requests.is_empty() {
            self.passes(KillPoint::Request)?;
        }
        Ok(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own() {
        let all = KillPoint::all();
        assert_eq!(all.len(), 38);
        for point in &all {
            assert_eq!(point.to_string().parse::<KillPoint>().as_ref(), Ok(point));
        }
        let error = "after-lunch".parse::<KillPoint>().expect_err("no such point");
        assert!(error.contains("after-send:reassign"), "{error}");
    }
}
