//! [`drive`]: the loop that lets an execution act on a world, whatever the world does.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::{
    Entry, ExecutionId, Intended, Journal, JournalError, NoJournal, Record, Scope, World, WorldError,
};
use crate::base::TimestampMs;
use crate::execute::{
    Answer, Command, CommandError, Execution, ExecutionEvent, Memory, OperatorRequest, Outcome, Progress,
    StopMode, Turn,
};
use crate::observe::Observation;

/// The first wait after a failed look; it doubles up to [`BACKOFF_MOST`].
const BACKOFF_FIRST: Duration = Duration::from_secs(1);

/// No look is put off for longer: the end of a fault should be seen soon.
const BACKOFF_MOST: Duration = Duration::from_secs(30);

/// What the canary measures is written down so often: often enough for whoever looks, and next to nothing for a disk.
const MEASURED_EVERY: Duration = Duration::from_secs(10);

/// An execution, and where it writes down what must not be forgotten. Its [`Record::Began`] stands there already.
pub struct Charge<'a> {
    /// The execution.
    pub execution: &'a mut Execution,
    /// Its name in the journal.
    pub id: ExecutionId,
    /// Where intents are made durable before they are sent.
    pub journal: &'a mut dyn Journal,
    /// What the journal holds of it: nothing when it begins, the recollection when it is carried on.
    pub recorded: Memory,
}

impl<'a> Charge<'a> {
    /// An execution that nobody else could carry on: nothing of it is written down.
    pub fn unrecorded(execution: &'a mut Execution, journal: &'a mut NoJournal) -> Self {
        Self { execution, id: ExecutionId::from_text("unrecorded"), journal, recorded: Memory::default() }
    }
}

/// Runs an execution to its end. `on_event` is told of everything that happens and of the progress after every look.
///
/// A look or a command that fails is tried again with growing pauses; whether a command whose answer was lost took
/// effect is found out by looking. Nothing is sent before its intent is durable; a journal that cannot be written
/// holds everything back. When the cluster stays out of sight or the journal unwritable for too long, or the program
/// itself fails, every throttle is put back unseen, and what could not be is told with the commands that do it. Where
/// another evenkeel has taken over, it ends at once and touches nothing: what it began is the other's by then. So it
/// does where its own process is to leave: the next one finds it unfinished, and carries it on.
///
/// # Panics
/// Passes a panic of the world, the execution or `on_event` on, after the throttles were put back.
pub fn drive(world: &mut dyn World, charge: Charge<'_>, on_event: &mut dyn FnMut(Happening)) -> Outcome {
    let mut run = Run {
        world,
        charge,
        on_event,
        quiet: false,
        blind: None,
        last: None,
        measured_at: None,
        heeded: Vec::new(),
    };
    let ran = catch_unwind(AssertUnwindSafe(|| run.until_it_ends()));
    match ran {
        Ok(outcome) => outcome,
        Err(panic) => {
            // The world may be what failed; a second failure must not hide the first.
            let cleaned = catch_unwind(AssertUnwindSafe(|| {
                run.quiet = true;
                run.undo("the program failed");
            }));
            drop(cleaned);
            resume_unwind(panic)
        }
    }
}

/// What `drive` tells while it runs.
#[derive(Debug)]
pub enum Happening<'a> {
    /// Something happened.
    Event(&'a ExecutionEvent),
    /// How far it is, after each look.
    Progress(&'a Progress),
}

struct Run<'a, 'b> {
    world: &'a mut dyn World,
    charge: Charge<'b>,
    on_event: &'a mut dyn FnMut(Happening),
    /// The program has failed: only put things back, tell nobody.
    quiet: bool,
    /// The cluster is out of sight.
    blind: Option<Patience>,
    /// The last look.
    last: Option<Observation>,
    /// When what the canary measured was written down last.
    measured_at: Option<TimestampMs>,
    /// What operators have asked for, until that is written down.
    heeded: Vec<OperatorRequest>,
}

impl Run<'_, '_> {
    fn until_it_ends(&mut self) -> Outcome {
        loop {
            if self.world.is_leaving() {
                return self.left_to_the_next();
            }
            if let Err(JournalError::Fenced(by)) = self.heed_requests() {
                return self.superseded(&by);
            }
            let scope = Scope::Execution(self.charge.execution.looks_at());
            let seen = match self.world.observe(&scope) {
                Ok(seen) => seen,
                Err(error) => match self.wait_for_sight(&error) {
                    Some(outcome) => return outcome,
                    None => continue,
                },
            };
            if let Some(blind) = self.blind.take() {
                let after = self.world.now().since(blind.since);
                self.tell(&ExecutionEvent::SightRegained { after });
            }
            let turn = self.charge.execution.next(self.world.now(), &seen);
            self.last = Some(seen);
            turn.events.iter().for_each(|event| self.tell(event));
            match self.record(&turn) {
                Ok(()) => {}
                Err(JournalError::Fenced(by)) => return self.superseded(&by),
                Err(error) => match self.wait_for_journal(&turn, &error) {
                    Some(outcome) => return outcome,
                    // What the turn wanted sent was made of a look that is old by now.
                    None => continue,
                },
            }
            // On a large cluster throttles are a hundred requests, which wait for nothing of one another.
            for group in turn.commands.chunk_by(|one, next| one.is_throttle() && next.is_throttle()) {
                if let Err(by) = self.send(group) {
                    return self.superseded(&by);
                }
            }
            (self.on_event)(Happening::Progress(&self.charge.execution.progress()));
            if let Some(outcome) = turn.outcome {
                return outcome;
            }
            if !turn.commands.is_empty()
                && let Err(JournalError::Fenced(by)) = self.record_facts(Vec::new())
            {
                return self.superseded(&by);
            }
            self.world.sleep(turn.poll_after);
        }
    }

    /// Makes durable what this turn is about to do, and its end.
    fn record(&mut self, turn: &Turn) -> Result<(), JournalError> {
        let execution = &self.charge.id;
        let happened = |event: &ExecutionEvent| Record::Happened {
            execution: execution.clone(),
            text: event.to_string(),
        };
        let asked = |request: &OperatorRequest| Record::Happened {
            execution: execution.clone(),
            text: format!("an operator asked for it: {request}"),
        };
        // Also one that changes nothing: whoever asked waits until it is written down.
        let mut records: Vec<Record> = self.heeded.iter().map(asked).collect();
        records.extend(turn.events.iter().map(happened));
        if !turn.commands.is_empty() {
            let commands = turn.commands.iter();
            let commands =
                commands.map(|command| Intended { kind: command.kind(), what: command.describe() });
            let commands = commands.collect();
            records.push(Record::Intent { execution: execution.clone(), commands });
        }
        // Before an end, which sweeps it away with all else that only an execution under way needs.
        let measured = self.measured();
        let is_measured = measured.is_some();
        records.extend(measured);
        // What is left standing is not over: whoever starts next takes it up.
        if let Some(outcome) = turn.outcome.as_ref().filter(|outcome| outcome.left.is_empty()) {
            records.push(Record::Ended { execution: execution.clone(), outcome: Box::new(outcome.clone()) });
        }
        self.record_facts(records)?;
        self.heeded.clear();
        if is_measured {
            self.measured_at = Some(self.world.now());
        }
        Ok(())
    }

    /// What the canary measured by the last look, where it is time to write that down.
    fn measured(&self) -> Option<Record> {
        let canary = self.last.as_ref()?.canary.clone()?;
        let is_due = |at: TimestampMs| self.world.now().since(at) >= MEASURED_EVERY;
        let execution = self.charge.id.clone();
        self.measured_at.is_none_or(is_due).then_some(Record::Measured { execution, canary })
    }

    /// Makes durable what has changed of the execution's memory, and then `records`.
    fn record_facts(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        let memory = self.charge.execution.memory();
        let facts = memory.facts_since(&self.charge.recorded).into_iter();
        let execution = &self.charge.id;
        let facts = facts.map(|fact| Record::Fact { execution: execution.clone(), fact });
        let at_ms = self.world.now().0;
        let entries: Vec<Entry> = facts.chain(records).map(|record| Entry { at_ms, record }).collect();
        if !entries.is_empty() {
            self.charge.journal.append(&entries)?;
            self.charge.recorded = memory;
        }
        Ok(())
    }

    fn tell(&mut self, event: &ExecutionEvent) {
        if !self.quiet {
            (self.on_event)(Happening::Event(event));
        }
    }

    /// Heeds signals, and what operators have left in the journal.
    fn heed_requests(&mut self) -> Result<(), JournalError> {
        let execution = &mut *self.charge.execution;
        match self.world.stop_requests() {
            0 => {}
            1 => execution.request_stop(execution.settings().stop),
            _ => execution.request_stop(StopMode::Now),
        }
        for request in self.charge.journal.take_requests()? {
            execution.request(&request, self.last.as_ref());
            self.heeded.push(request);
        }
        Ok(())
    }

    fn wait_for_sight(&mut self, error: &WorldError) -> Option<Outcome> {
        if self.blind.is_none() {
            let hint = error.hint();
            let reason = if hint.is_empty() { error.to_string() } else { format!("{error} ({hint})") };
            self.blind = Some(Patience::new(self.world.now()));
            self.tell(&ExecutionEvent::Blind { reason });
        }
        let most = self.charge.execution.settings().blind_patience;
        let impatient = self.world.stop_requests() >= 2;
        match self.blind.as_mut().filter(|blind| blind.waited < most && !impatient) {
            Some(blind) => {
                let pause = blind.next_pause();
                self.world.sleep(pause);
                None
            }
            None => Some(self.undo(&format!("the cluster cannot be seen: {error}"))),
        }
    }

    /// Waits until what a turn is about to do can be written down. Nothing is decided meanwhile: time in which nothing
    /// could be done is not time that was tried.
    fn wait_for_journal(&mut self, turn: &Turn, error: &JournalError) -> Option<Outcome> {
        self.tell(&ExecutionEvent::NotRecorded { reason: error.to_string() });
        let mut deaf = Patience::new(self.world.now());
        let most = self.charge.execution.settings().blind_patience;
        loop {
            if self.world.is_leaving() {
                return Some(self.left_to_the_next());
            }
            if deaf.waited >= most || self.world.stop_requests() >= 2 {
                return Some(self.undo(&format!("nothing can be written down: {error}")));
            }
            let pause = deaf.next_pause();
            self.world.sleep(pause);
            match self.record(turn) {
                Ok(()) => break,
                Err(JournalError::Fenced(by)) => return Some(self.superseded(&by)),
                Err(_) => {}
            }
        }
        self.tell(&ExecutionEvent::RecordedAgain);
        None
    }

    /// Sends commands of which none depends on another, each unless the right to may be lost, and tells the execution
    /// what came of them. The error says who has the right by now.
    fn send(&mut self, group: &[Command]) -> Result<(), String> {
        let wanted = group.iter().filter(|command| self.charge.execution.still_wanted(command));
        let wanted: Vec<Command> = wanted.cloned().collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let results = self.world.perform_all(&wanted, &self.charge.journal.permit());
        let mut lost = None;
        for (command, result) in wanted.iter().zip(results) {
            match result {
                Err(WorldError::Withheld(JournalError::Fenced(by))) => lost = Some(by),
                result => drop(self.answered(command, result)),
            }
        }
        lost.map_or(Ok(()), Err)
    }

    /// Tells the execution what came of a command. Whether it was accepted in full.
    fn answered(&mut self, command: &Command, result: Result<Answer, WorldError>) -> bool {
        let result = result.map_err(|error| to_command_error(&error));
        self.charge.execution.answered(command, result.as_ref());
        result.is_ok_and(|answer| answer.refused.is_empty())
    }

    /// Puts everything back that can be put back unseen, and ends. What is put back was written down when it was set,
    /// so this needs no journal; whoever starts next finds the execution unfinished and looks for what is left.
    fn undo(&mut self, reason: &str) -> Outcome {
        if let Some(outcome) = self.charge.execution.outcome() {
            return outcome.clone();
        }
        let commands = self.charge.execution.abandon(reason);
        let (mut taken, mut known) = (0, true);
        for command in &commands {
            // Where it cannot be known whether the right to act is lost, a throttle too few is the lesser evil.
            match if known { self.charge.journal.permit().holds() } else { Ok(()) } {
                Ok(()) => {}
                Err(JournalError::Fenced(by)) => return self.superseded(&by),
                Err(_) => known = false,
            }
            let result = self.world.perform(command);
            taken += usize::from(self.answered(command, result));
        }
        for event in self.charge.execution.abandoned(taken == commands.len()) {
            self.tell(&event);
        }
        let outcome = self.charge.execution.outcome().cloned().expect("an abandoned execution has ended");
        let (execution, text) = (self.charge.id.clone(), format!("given up: {outcome}"));
        let mut records = vec![Record::Happened { execution: execution.clone(), text }];
        if outcome.left.is_empty() {
            records.push(Record::Ended { execution, outcome: Box::new(outcome.clone()) });
        }
        // Where this fails too, the execution stays unfinished in the journal, which is true.
        drop(self.record_facts(records));
        outcome
    }

    /// Ends as if the process had been killed: whatever was sent was written down before, and stays unfinished there.
    fn left_to_the_next(&mut self) -> Outcome {
        for event in self.charge.execution.left_to_the_next() {
            self.tell(&event);
        }
        self.charge.execution.outcome().cloned().expect("an execution that was left has ended")
    }

    fn superseded(&mut self, by: &str) -> Outcome {
        for event in self.charge.execution.superseded(by) {
            self.tell(&event);
        }
        self.charge.execution.outcome().cloned().expect("a superseded execution has ended")
    }
}

/// Something is waited for with growing pauses.
struct Patience {
    since: TimestampMs,
    /// Time slept through since then; the clock may jump meanwhile.
    waited: Duration,
    pause: Duration,
}

impl Patience {
    fn new(since: TimestampMs) -> Self {
        Self { since, waited: Duration::ZERO, pause: BACKOFF_FIRST }
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.waited += pause;
        self.pause = (pause * 2).min(BACKOFF_MOST);
        pause
    }
}

fn to_command_error(error: &WorldError) -> CommandError {
    let hint = error.hint();
    let text = if hint.is_empty() { error.to_string() } else { format!("{error} ({hint})") };
    match error {
        // A client that is not let in any more does not know what became of what it sent before.
        WorldError::Unreachable { .. } | WorldError::Unauthenticated { .. } | WorldError::Withheld(_) => {
            CommandError::Unknown(text)
        }
        WorldError::Denied { .. } => CommandError::Denied(text),
        WorldError::Refused { .. } | WorldError::Setting { .. } => CommandError::Refused(text),
    }
}
