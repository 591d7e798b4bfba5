//! [`run`]: one execution of one scenario, through as many lives of the process as its deaths ask for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use evenkeel::control::{
    Charge, Entry, ExecutionId, Fate, Happening, Journal, JournalError, KillPoint, Recollection, Record,
    SharedFate, World, drive, mortal,
};
use evenkeel::edge::sim::SimEvent;
use evenkeel::execute::{Execution, NotStarted, OperatorRequest, Outcome, Phase};

use crate::meddler::Meddler;
use crate::planted::{Bug, Flawed, Forgetful};
use crate::scenario::Scenario;
use crate::watch;

/// A point at which the process dies, and at which time that it comes there, from 1.
pub type Death = (KillPoint, u32);

/// What became of it.
#[derive(Debug, Default)]
pub struct Report {
    /// How it ended; nothing when the plan was refused, or died before it had begun.
    pub outcome: Option<Outcome>,
    /// What is wrong.
    pub wrong: Vec<String>,
    /// What was told.
    pub lines: Vec<String>,
    /// How often each kill point was come to in the first life.
    pub reached: BTreeMap<KillPoint, u32>,
    /// Faults that bit, and what the execution was doing.
    pub bit: Vec<(&'static str, &'static str)>,
    /// Events after which promises were checked.
    pub checks: u64,
    /// How often something happened that touches a promise, by promise.
    pub touched: BTreeMap<&'static str, u64>,
    /// Lives of the process.
    pub lives: u32,
}

/// Lets a process die at one point, and counts the points.
#[derive(Default)]
struct Sentence {
    at: Option<Death>,
    counts: BTreeMap<KillPoint, u32>,
    dead: bool,
}

impl Fate for Sentence {
    fn reached(&mut self, point: KillPoint) -> bool {
        let count = self.counts.entry(point).or_default();
        *count += 1;
        self.dead |= self.at == Some((point, *count));
        self.dead
    }

    fn is_dead(&self) -> bool {
        self.dead
    }
}

/// A journal that outlives the process: lines of text, as a file would hold them.
pub struct Lines {
    written: Vec<String>,
    requests: Vec<(Duration, OperatorRequest)>,
    /// Requests that were handed out, and count as taken with the next entry.
    handed_out: usize,
    /// The disk is full, between these times.
    down: Vec<(Duration, Duration)>,
    clock: Rc<Cell<Duration>>,
}

impl Journal for Lines {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let now = self.clock.get();
        if self.down.iter().any(|(from, to)| (*from..*to).contains(&now)) {
            return Err(JournalError::Unwritable("no space left on the device".to_owned()));
        }
        self.requests.drain(..self.handed_out);
        self.handed_out = 0;
        self.written.extend(entries.iter().map(|entry| serde_json::to_string(entry).unwrap()));
        Ok(())
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        let now = self.clock.get();
        let open = &self.requests[self.handed_out..];
        let due: Vec<_> = open.iter().take_while(|(at, _)| *at <= now).cloned().collect();
        self.handed_out += due.len();
        Ok(due.into_iter().map(|(_, request)| request).collect())
    }
}

impl Lines {
    fn recollect(&self) -> Recollection {
        Recollection::of(self.written.iter().map(|line| serde_json::from_str(line).unwrap()))
    }

    fn ended(&self) -> Option<Outcome> {
        self.written.iter().rev().find_map(|line| match serde_json::from_str::<Entry>(line).unwrap().record {
            Record::Ended { outcome, .. } => Some(*outcome),
            _ => None,
        })
    }
}

/// Runs a scenario to its end, dying and starting again as told, and checks everything.
pub fn run(scenario: &Scenario, deaths: &[Death]) -> Report {
    run_with(scenario, deaths, None)
}

/// The same by a program with a bug in it.
pub fn run_with(scenario: &Scenario, deaths: &[Death], bug: Option<Bug>) -> Report {
    let mut report = Report::default();
    let mut world = Meddler::new(scenario);
    let before = world.look();
    let watched = watch::watch(&mut world, scenario);
    let touched = count_touched(&mut world);
    let mut journal = Lines {
        written: Vec::new(),
        requests: scenario.requests.clone(),
        handed_out: 0,
        down: scenario.journal_down(),
        clock: Rc::clone(&world.lived),
    };
    let mut deaths = deaths.iter().copied();
    let outcome = loop {
        let fate = Rc::new(RefCell::new(Sentence { at: deaths.next(), ..Sentence::default() }));
        let ended = live(scenario, &mut world, &mut journal, (&fate, bug), &mut report);
        let is_dead = fate.borrow().dead;
        if report.lives == 1 {
            report.reached.clone_from(&fate.borrow().counts);
        }
        match ended {
            Ok(outcome) if !is_dead => break Some(outcome),
            Err(problem) => {
                report.wrong.extend(problem);
                break None;
            }
            Ok(_) => {}
        }
        world.dead_for(scenario.down_for);
        if let Some(outcome) = journal.ended() {
            break Some(outcome);
        }
    };
    report.bit.clone_from(&world.bit);
    report.checks = watched.borrow().checks;
    report.touched.clone_from(&touched.borrow());
    report.wrong.extend(watched.borrow().broken.clone());
    if let Some(outcome) = &outcome {
        report.wrong.extend(watch::at_the_end(&world, scenario, outcome, &watched.borrow()));
        report.touched.insert("throttles put back, and nothing left half done", 1);
        let unfinished = journal.recollect().unfinished().count();
        let left = !outcome.left.is_empty();
        let unwritten = !scenario.journal_down().is_empty();
        if (unfinished > 0) != left && !watch::is_abandoned(outcome) && !unwritten {
            report.wrong.push(format!("{unfinished} unfinished in the journal, left behind: {left}"));
        }
    }
    let long = Duration::from_secs(12 * 3_600);
    if world.lived.get() > long {
        report.wrong.push("it took half a day".to_owned());
    }
    drop(before);
    report.outcome = outcome;
    report
}

/// What is checked when a move begins.
const WHEN_MOVES_BEGIN: [&str; 7] = [
    "replication factor kept",
    "no broker twice in a list",
    "rack spread no worse",
    "one new replica at a time",
    "nothing but repair while a broker is down",
    "replicas in sync to spare",
    "throttles stand before a copy",
];

/// What is checked when a move has ended.
const WHEN_MOVES_END: [&str; 2] = ["no disk over its limit", "nothing moved twice"];

/// Counts, beside [`watch`], what happens that a promise is about; partitions that others meddle with are among these, and
/// judged by fewer of them.
fn count_touched(world: &mut Meddler) -> Rc<RefCell<BTreeMap<&'static str, u64>>> {
    let touched: Rc<RefCell<BTreeMap<&'static str, u64>>> = Rc::default();
    let counted = Rc::clone(&touched);
    world.sim.watch(move |_, events| {
        let mut counted = counted.borrow_mut();
        for event in events {
            *counted.entry("never under min ISR").or_default() += 1;
            let promises = match event {
                SimEvent::Reassigning(_) => &WHEN_MOVES_BEGIN[..],
                SimEvent::Reassigned(_) => &WHEN_MOVES_END,
                _ => &[],
            };
            for promise in promises {
                *counted.entry(promise).or_default() += 1;
            }
        }
    });
    touched
}

/// One life of the process: begins the plan, or carries on what the journal holds of it. An error is that it was not
/// begun, with what is wrong about that.
fn live(
    scenario: &Scenario,
    world: &mut Meddler,
    journal: &mut Lines,
    (fate, bug): (&Rc<RefCell<Sentence>>, Option<Bug>),
    report: &mut Report,
) -> Result<Outcome, Option<String>> {
    report.lives += 1;
    journal.handed_out = 0;
    let recollection = journal.recollect();
    let shared: SharedFate = Rc::<RefCell<Sentence>>::clone(fate);
    let phase = Rc::clone(&world.phase);
    let mut seen = world.look();
    let now = world.now();
    let unfinished = recollection.unfinished().next().cloned();
    let mut flawed = Flawed::new(&mut *world, bug, scenario);
    flawed.distort(&mut seen);
    let (mut mortal_world, mut mortal_journal) = mortal(flawed, Forgetful::new(journal, bug), &shared);
    let (mut execution, id, recorded) = if let Some(unfinished) = unfinished {
        let execution =
            Execution::resume(&unfinished.plan, unfinished.settings, unfinished.memory.clone(), now, &seen)
                .map_err(|error| Some(format!("not carried on: {error}")))?;
        (execution, unfinished.execution, unfinished.memory)
    } else {
        let execution = match Execution::new(&scenario.plan, scenario.settings.clone(), now, &seen) {
            Ok(execution) => execution,
            // Two lives on, the cluster may have changed under the plan: that it is void is an answer.
            Err(error) if report.lives > 1 || matches!(error, NotStarted::BrokersDown { .. }) => {
                return Err(None);
            }
            Err(error) => return Err(Some(format!("the plan is not taken: {error}"))),
        };
        let id = ExecutionId::new(now, scenario.plan.id);
        let (records, memory) =
            Record::beginning(&execution, &id, &scenario.plan, "the simulation".to_owned());
        let entries: Vec<Entry> = records.into_iter().map(|record| Entry { at_ms: now.0, record }).collect();
        // The first line can fail as any other: then nothing has begun.
        if mortal_journal.append(&entries).is_err() && !fate.borrow().dead {
            return Err(None);
        }
        (execution, id, memory)
    };
    let charge = Charge { execution: &mut execution, id, journal: &mut mortal_journal, recorded };
    let lines = &mut report.lines;
    let outcome = drive(&mut mortal_world, charge, &mut |happening| match happening {
        Happening::Event(event) => lines.push(event.to_string()),
        Happening::Progress(progress) => phase.set(progress.phase),
    });
    phase.set(Phase::Over);
    Ok(outcome)
}

/// A run by its name: `51` (a seed), `a51` (a seed whose trouble is aimed at what the execution does), and with deaths
/// `51@after-send:reassign#1+look#3`.
pub fn named(name: &str) -> (Scenario, Vec<Death>) {
    let (seed, deaths) = name.split_once('@').unwrap_or((name, ""));
    let scenario = match seed.strip_prefix('a') {
        Some(seed) => Scenario::aimed(seed.parse().expect("a seed")),
        None => Scenario::of(seed.parse().expect("a seed")),
    };
    let deaths = deaths.split('+').filter(|death| !death.is_empty()).map(|death| {
        let (point, time) = death.split_once('#').expect("a point and a time");
        (point.parse().expect("a kill point"), time.parse().expect("a number"))
    });
    (scenario, deaths.collect())
}

/// The name of a run, as [`named`] reads it.
pub fn name(seed: &str, deaths: &[Death]) -> String {
    let deaths: Vec<String> = deaths.iter().map(|(point, time)| format!("{point}#{time}")).collect();
    if deaths.is_empty() { seed.to_owned() } else { format!("{seed}@{}", deaths.join("+")) }
}

/// Runs what a name says.
///
/// # Errors
/// The story, when something is wrong with it.
pub fn run_named(name: &str) -> Result<Report, String> {
    let (scenario, deaths) = named(name);
    let report = run(&scenario, &deaths);
    if report.wrong.is_empty() { Ok(report) } else { Err(story(name, &scenario, &report)) }
}

/// What a seed's story is, when something is wrong with it.
pub fn story(seed: &str, scenario: &Scenario, report: &Report) -> String {
    let faults: Vec<String> = scenario.faults.iter().map(|fault| format!("{fault:?}")).collect();
    let ended = report.outcome.as_ref().map_or_else(|| "not begun".to_owned(), ToString::to_string);
    let Report { lines, wrong, bit, .. } = report;
    format!(
        "{seed}: {ended}\n  {}\n  aimed: {:?}\n  stops: {:?} requests: {:?}\n  {}\n  bit: {bit:?}\nWRONG: {wrong:#?}\nreplay: \
         EVENKEEL_SEED='{seed}' cargo test --test simulation replay -- --nocapture",
        faults.join("\n  "),
        scenario.aimed,
        scenario.stops,
        scenario.requests,
        lines.join("\n  "),
    )
}
