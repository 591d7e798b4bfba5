//! Two processes of evenkeel on one cluster: one is suspended at some point, another one takes over and carries the
//! execution to its end, and the first one wakes. It must not send anything more.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use evenkeel::base::TimestampMs;
use evenkeel::control::{
    Charge, Entry, ExecutionId, Fate, Journal, JournalError, KillPoint, Permit, Recollection, Record, Scope,
    SharedFate, World, WorldError, drive, mortal,
};
use evenkeel::execute::{Answer, Command, Execution, OperatorRequest, Outcome};
use evenkeel::observe::Observation;

use crate::meddler::Meddler;
use crate::scenario::Scenario;
use crate::watch;

/// The world that both are in.
#[derive(Clone)]
struct Shared(Rc<RefCell<Meddler>>);

impl World for Shared {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        self.0.borrow_mut().observe(scope)
    }

    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError> {
        self.0.borrow_mut().perform(command)
    }

    fn now(&self) -> TimestampMs {
        self.0.borrow().now()
    }

    fn sleep(&mut self, duration: Duration) {
        self.0.borrow_mut().sleep(duration);
    }

    fn stop_requests(&self) -> u32 {
        0
    }

    fn is_leaving(&self) -> bool {
        false
    }
}

/// The journal that both write, of whom only the one with the latest epoch may.
#[derive(Clone)]
struct Leased {
    lines: Rc<RefCell<Vec<String>>>,
    latest: Arc<AtomicU32>,
    mine: u32,
    /// Whether the program asks before each command; otherwise that is a bug of it.
    asks: bool,
}

impl Leased {
    /// Takes the lease: whoever had it has lost it.
    fn take(&self) -> Self {
        let mine = self.latest.fetch_add(1, Ordering::Relaxed) + 1;
        Self { mine, ..self.clone() }
    }

    fn recollect(&self) -> Recollection {
        let lines = self.lines.borrow();
        Recollection::of(lines.iter().map(|line| serde_json::from_str(line).unwrap()))
    }
}

fn is_latest(latest: &AtomicU32, mine: u32) -> Result<(), JournalError> {
    let is_so = latest.load(Ordering::Relaxed) == mine;
    if is_so { Ok(()) } else { Err(JournalError::Fenced("the other".to_owned())) }
}

impl Journal for Leased {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        is_latest(&self.latest, self.mine)?;
        self.lines.borrow_mut().extend(entries.iter().map(|entry| serde_json::to_string(entry).unwrap()));
        Ok(())
    }

    fn permit(&self) -> Permit {
        let (latest, mine) = (Arc::clone(&self.latest), self.mine);
        if self.asks { Permit::by(move || is_latest(&latest, mine)) } else { Permit::for_ever() }
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        Ok(Vec::new())
    }
}

/// Suspends the first process at a point, and lets the second one live its life meanwhile.
struct Suspended {
    at: Option<KillPoint>,
    world: Shared,
    journal: Leased,
    /// How the second one ended, and how many commands had been sent by then.
    second: Option<(Outcome, usize)>,
}

impl Fate for Suspended {
    fn reached(&mut self, point: KillPoint) -> bool {
        if self.at != Some(point) {
            return false;
        }
        self.at = None;
        let mut journal = self.journal.take();
        let Some(unfinished) = journal.recollect().unfinished().next().cloned() else { return false };
        let mut world = self.world.clone();
        world.sleep(Duration::from_secs(25));
        let seen = world.0.borrow_mut().look();
        let (settings, memory) = (unfinished.settings, unfinished.memory.clone());
        let mut execution = Execution::resume(&unfinished.plan, settings, memory, world.now(), &seen)
            .expect("the same cluster");
        let recorded = unfinished.memory;
        let charge =
            Charge { execution: &mut execution, id: unfinished.execution, journal: &mut journal, recorded };
        let outcome = drive(&mut world, charge, &mut |_| {});
        let sent = world.0.borrow().sim.commands().len();
        self.second = Some((outcome, sent));
        false
    }

    fn is_dead(&self) -> bool {
        false
    }
}

/// Runs a scenario in which the first process is suspended at a point. Returns whether it came there, and what is wrong.
fn run(scenario: &Scenario, point: KillPoint, asks: bool) -> Option<Vec<String>> {
    let mut meddler = Meddler::new(scenario);
    let seen = meddler.look();
    let watched = watch::watch(&mut meddler, scenario);
    let world = Shared(Rc::new(RefCell::new(meddler)));
    let free = Leased { lines: Rc::default(), latest: Arc::default(), mine: 0, asks };
    let mut journal = free.take();
    let now = world.now();
    let mut execution = Execution::new(&scenario.plan, scenario.settings.clone(), now, &seen).ok()?;
    let id = ExecutionId::new(now, scenario.plan.id);
    let (records, recorded) = Record::beginning(&execution, &id, &scenario.plan, "the first".to_owned());
    let entries: Vec<Entry> = records.into_iter().map(|record| Entry { at_ms: now.0, record }).collect();
    journal.append(&entries).expect("nobody else yet");
    let fate = Rc::new(RefCell::new(Suspended {
        at: Some(point),
        world: world.clone(),
        journal: free,
        second: None,
    }));
    let shared: SharedFate = Rc::<RefCell<Suspended>>::clone(&fate);
    let (mut mortal_world, mut mortal_journal) = mortal(world.clone(), journal, &shared);
    let charge = Charge { execution: &mut execution, id, journal: &mut mortal_journal, recorded };
    let first = drive(&mut mortal_world, charge, &mut |_| {});
    let (second, sent) = fate.borrow_mut().second.take()?;
    let mut wrong = watched.borrow().broken.clone();
    let meddler = world.0.borrow();
    if meddler.sim.commands().len() != sent {
        let more: Vec<_> =
            meddler.sim.commands()[sent..].iter().map(|(_, command)| command.describe()).collect();
        wrong.push(format!("the first one woke and sent {more:?}"));
    }
    // Where it was suspended after its own end there was nothing left to lose.
    let over = matches!(point, KillPoint::AfterEnd | KillPoint::BeforeEnd);
    if !over && !first.to_string().contains("taken over") {
        wrong.push(format!("the first one did not notice: {first}"));
    }
    wrong.extend(watch::at_the_end(&meddler, scenario, &second, &watched.borrow()));
    Some(wrong)
}

#[test]
fn whoever_was_taken_over_from_sends_nothing_more() {
    let mut met = Vec::new();
    let mut wrong = Vec::new();
    for seed in 0..30 {
        let mut scenario = Scenario::of(seed);
        scenario.faults.clear();
        scenario.stops.clear();
        scenario.requests.clear();
        for point in KillPoint::all() {
            if let Some(found) = run(&scenario, point, true) {
                met.push(point);
                wrong.extend(
                    found.into_iter().map(|wrong| format!("seed {seed}, suspended at {point}: {wrong}")),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {:#?}", wrong.len(), wrong.iter().take(10).collect::<Vec<_>>());
    met.sort_unstable();
    met.dedup();
    assert!(met.len() >= 25, "suspended at {} points only", met.len());
}

/// The net finds a program that does not ask, before each command, whether the right is still its own.
#[test]
fn who_does_not_ask_is_found_out() {
    let found = (0..30).any(|seed| {
        let mut scenario = Scenario::of(seed);
        scenario.faults.clear();
        scenario.stops.clear();
        scenario.requests.clear();
        let points = KillPoint::all();
        let after_intent = points.into_iter().filter(|point| point.to_string().starts_with("after-intent"));
        after_intent
            .filter_map(|point| run(&scenario, point, false))
            .flatten()
            .any(|wrong| wrong.contains("woke and sent"))
    });
    assert!(found, "a stale process went on sending, and nobody noticed");
}
