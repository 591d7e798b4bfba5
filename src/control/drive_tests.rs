//! The loop against a world that fails: out of sight, without rights, asked to stop.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{
    Charge, Entry, ExecutionId, Happening, Journal, JournalError, NoJournal, Permit, Recollection, Record,
    Scope, World, WorldError, drive,
};
use crate::base::{BrokerId, Bytes, Millis, TimestampMs, TopicPartition};
use crate::execute::{
    Answer, Command, End, ExecuteSettings, Execution, Memory, OperatorRequest, Outcome, Setting, StepEnd,
};
use crate::observe::{CanaryTimes, EndToEnd, Observation, Partition, Reassignment, SeenBroker, SeenTopic};
use crate::plan::{MoveStep, Plan, Step, Wave, bare_plan};

/// Two brokers, one partition that moves from 1 to 2, and a script of failures.
struct Frail {
    seen: Observation,
    now: TimestampMs,
    /// Looks that fail, counted from the first.
    blind: std::ops::Range<u32>,
    looks: u32,
    stop_at_look: Option<u32>,
    stops: u32,
    /// What the next commands meet.
    answers: VecDeque<WorldError>,
    sent: Vec<Command>,
    slept: Duration,
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

impl Frail {
    fn new() -> Self {
        let mut seen = Observation::default();
        for id in [1, 2] {
            let broker = SeenBroker { alive: true, rack: Some("a".into()), ..SeenBroker::default() };
            seen.brokers.insert(BrokerId(id), broker);
        }
        let on = vec![BrokerId(1)];
        let partition =
            Partition { replicas: on.clone(), isr: on, leader: Some(BrokerId(1)), ..Partition::default() };
        let topic =
            SeenTopic { min_insync_replicas: Some(1), partitions: vec![partition], ..SeenTopic::default() };
        seen.topics.insert("t".into(), topic);
        Self {
            seen,
            now: TimestampMs(0),
            blind: 0..0,
            looks: 0,
            stop_at_look: None,
            stops: 0,
            answers: VecDeque::new(),
            sent: Vec::new(),
            slept: Duration::ZERO,
        }
    }

    fn run(&mut self) -> (Outcome, Vec<String>) {
        self.run_with(&mut NoJournal)
    }

    fn run_with(&mut self, journal: &mut dyn Journal) -> (Outcome, Vec<String>) {
        let step = MoveStep {
            partition: partition(),
            from: vec![BrokerId(1)],
            stages: vec![vec![BrokerId(2)]],
            size_bytes: Bytes(10),
            reason: String::new(),
        };
        let plan =
            Plan { operation: String::new(), ..bare_plan(vec![Wave { steps: vec![Step::Move(step)] }]) };
        let mut execution =
            Execution::new(&plan, ExecuteSettings::default(), self.now, &self.seen).expect("the plan fits");
        let mut lines = Vec::new();
        let (id, recorded) = (ExecutionId::from_text("test"), Memory::default());
        let charge = Charge { execution: &mut execution, id, journal, recorded };
        let outcome = drive(self, charge, &mut |happening| {
            if let Happening::Event(event) = happening {
                lines.push(event.to_string());
            }
        });
        (outcome, lines)
    }

    fn is_clear(&self) -> bool {
        self.seen.brokers.values().all(|broker| broker.throttle.is_clear())
            && self
                .seen
                .topics
                .values()
                .all(|topic| topic.throttle.leader.is_none() && topic.throttle.follower.is_none())
    }
}

fn change<T: Clone>(field: &mut Option<T>, setting: &Setting<T>) {
    match setting {
        Setting::Keep => {}
        Setting::Clear => *field = None,
        Setting::Set(value) => *field = Some(value.clone()),
    }
}

impl World for Frail {
    fn observe(&mut self, _: &Scope) -> Result<Observation, WorldError> {
        self.looks += 1;
        self.stops += u32::from(self.stop_at_look == Some(self.looks));
        if self.blind.contains(&self.looks) {
            return Err(WorldError::unreachable("no route"));
        }
        let seen = self.seen.clone();
        // What is being copied is there by the look after next.
        if let Some(running) = self.seen.reassignments.remove(&partition()) {
            let target = running.target();
            let topic = self.seen.topics.get_mut(&"t".into()).expect("the topic");
            topic.partitions[0].leader = target.first().copied();
            topic.partitions[0].isr.clone_from(&target);
            topic.partitions[0].replicas = target;
        }
        Ok(seen)
    }

    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError> {
        if let Some(error) = self.answers.pop_front() {
            return Err(error);
        }
        self.sent.push(command.clone());
        match command {
            Command::ThrottleBroker { broker, leader, follower, .. } => {
                let throttle = &mut self.seen.brokers.get_mut(broker).expect("the broker").throttle;
                change(&mut throttle.leader_bytes_per_s, leader);
                change(&mut throttle.follower_bytes_per_s, follower);
            }
            Command::ThrottleTopic { topic, leader, follower } => {
                let throttle = &mut self.seen.topics.get_mut(topic).expect("the topic").throttle;
                change(&mut throttle.leader, leader);
                change(&mut throttle.follower, follower);
            }
            Command::Reassign(_) => {
                let (adding, removing) = (vec![BrokerId(2)], vec![BrokerId(1)]);
                let replicas = vec![BrokerId(2), BrokerId(1)];
                let running = Reassignment { replicas, adding, removing };
                self.seen.reassignments.insert(partition(), running);
            }
            Command::CancelReassignments(_) => drop(self.seen.reassignments.remove(&partition())),
            Command::ElectPreferredLeaders(_) | Command::MoveLogDirs { .. } => {}
        }
        Ok(Answer::default())
    }

    fn now(&self) -> TimestampMs {
        self.now
    }

    fn sleep(&mut self, duration: Duration) {
        self.slept += duration;
        self.now = self.now.after(duration);
    }

    fn stop_requests(&self) -> u32 {
        self.stops
    }

    fn is_leaving(&self) -> bool {
        false
    }
}

#[test]
fn it_drives_to_the_end() {
    let mut world = Frail::new();
    let (outcome, _) = world.run();
    assert_eq!(outcome.end, End::Done);
    assert!(world.is_clear());
    assert!(outcome.took < Duration::from_secs(5), "no idle waiting: {:?}", outcome.took);
}

#[test]
fn it_lives_through_a_time_without_sight() {
    let mut world = Frail { blind: 2..12, ..Frail::new() };
    let (outcome, lines) = world.run();
    assert_eq!(outcome.end, End::Done);
    assert!(lines.iter().any(|line| line == "the cluster cannot be seen: no route"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("the cluster can be seen again, after")), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("cannot be seen")).count(), 1, "told once");
    assert!(world.is_clear());
}

#[test]
fn it_gives_up_when_sight_does_not_return_and_clears_unseen() {
    let mut world = Frail { blind: 2..u32::MAX, ..Frail::new() };
    let (outcome, lines) = world.run();
    assert!(matches!(&outcome.end, End::Failed { reason } if reason.contains("no route")), "{outcome}");
    assert!(world.slept >= Duration::from_secs(3_600), "{:?}", world.slept);
    assert!(world.is_clear(), "commands may get through where looks do not");
    assert_eq!(outcome.left.len(), 1, "the move goes on by itself: {:?}", outcome.left);
    assert!(lines.iter().any(|line| line.contains("NOT CLEANED UP")), "{lines:?}");
    assert!(matches!(outcome.steps[0].1, StepEnd::Failed { .. }));
}

#[test]
fn two_stops_end_it_also_without_sight() {
    let mut world = Frail { blind: 2..u32::MAX, stops: 2, ..Frail::new() };
    world.blind = 1..u32::MAX;
    let (outcome, _) = world.run();
    assert!(matches!(outcome.end, End::Failed { .. }));
    assert_eq!(world.slept, Duration::ZERO, "at once");
    assert!(world.sent.is_empty() && outcome.left.is_empty(), "nothing was begun");
}

#[test]
fn a_stop_is_heeded() {
    let mut world = Frail { stop_at_look: Some(1), ..Frail::new() };
    let (outcome, lines) = world.run();
    assert!(matches!(outcome.end, End::Stopped | End::Done), "{outcome}");
    assert!(lines.iter().any(|line| line.starts_with("stopping")), "{lines:?}");
    assert!(world.is_clear() && world.seen.reassignments.is_empty());
}

#[test]
fn a_missing_right_is_told_with_its_mend() {
    let denied = WorldError::Denied {
        message: "AlterConfigs on the cluster is needed".to_owned(),
        hint: "kafka-acls --add".to_owned(),
    };
    let mut world = Frail { answers: VecDeque::from([denied]), ..Frail::new() };
    let (outcome, _) = world.run();
    let End::Failed { reason } = &outcome.end else { panic!("{outcome}") };
    assert!(reason.contains("AlterConfigs on the cluster is needed (kafka-acls --add)"), "{reason}");
    assert_eq!(world.seen.topics[&"t".into()].partitions[0].replicas, [BrokerId(1)], "nothing moved");
    assert!(world.is_clear());
}

/// A journal whose right to act lapses.
struct Lapsing {
    /// What is answered before each command; the last one for ever.
    answers: Arc<Mutex<VecDeque<Result<(), JournalError>>>>,
}

impl Lapsing {
    fn new(answers: impl IntoIterator<Item = Result<(), JournalError>>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())) }
    }
}

impl Journal for Lapsing {
    fn append(&mut self, _: &[Entry]) -> Result<(), JournalError> {
        Ok(())
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        Ok(Vec::new())
    }

    fn permit(&self) -> Permit {
        let answers = Arc::clone(&self.answers);
        Permit::by(move || {
            let mut answers = answers.lock().expect("no panic");
            match answers.len() {
                0 | 1 => answers.front().cloned().unwrap_or(Ok(())),
                _ => answers.pop_front().unwrap_or(Ok(())),
            }
        })
    }
}

fn fenced() -> JournalError {
    JournalError::Fenced("the other".to_owned())
}

fn away() -> JournalError {
    JournalError::Unwritable("out of reach".to_owned())
}

#[test]
fn whoever_has_lost_the_right_to_act_sends_no_further_command() {
    let mut whole = Frail::new();
    whole.run();
    assert!(whole.sent.len() > 3);
    for commands in 0..whole.sent.len() {
        let mut world = Frail::new();
        let answers = std::iter::repeat_n(Ok(()), commands).chain([Err(fenced())]);
        let (outcome, lines) = world.run_with(&mut Lapsing::new(answers));
        assert_eq!(world.sent, whole.sent[..commands], "{lines:?}");
        assert!(matches!(&outcome.end, End::Failed { reason } if reason.contains("the other")), "{outcome}");
        assert_eq!(outcome.left, [], "what stands there is the other's by now");
    }
}

#[test]
fn a_right_that_may_be_lost_holds_commands_back_until_it_is_known() {
    let mut world = Frail::new();
    let (outcome, lines) = world.run_with(&mut Lapsing::new([Err(away()), Err(away()), Ok(())]));
    assert_eq!(outcome.end, End::Done, "{lines:?}");
    assert!(world.is_clear());
}

#[test]
fn an_end_in_the_dark_puts_back_what_is_not_anothers() {
    let mut whole = Frail::new();
    whole.run();
    let moves = |command: &Command| matches!(command, Command::Reassign(_));
    let before = whole.sent.iter().position(moves).expect("a move") + 1;
    for (answer, cleared) in [(Ok(()), true), (Err(away()), true), (Err(fenced()), false)] {
        // The cluster is out of sight for good once the move is on its way.
        let mut world = Frail { blind: 2..u32::MAX, ..Frail::new() };
        let answers = std::iter::repeat_n(Ok(()), before).chain([answer.clone()]);
        let (outcome, lines) = world.run_with(&mut Lapsing::new(answers));
        assert!(matches!(outcome.end, End::Failed { .. }), "{outcome}");
        assert!(world.sent.iter().any(moves), "{lines:?}");
        assert_eq!(world.is_clear(), cleared, "{answer:?}: {lines:?}");
        // Kafka carries the move on by itself, which is told; what is another's is not ours to tell of.
        assert_eq!(outcome.left.is_empty(), !cleared, "{:?}", outcome.left);
    }
}

/// A journal in memory.
#[derive(Default)]
struct Remembering(Vec<Entry>);

impl Journal for Remembering {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        self.0.extend_from_slice(entries);
        Ok(())
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        Ok(Vec::new())
    }
}

#[test]
fn what_the_canary_measures_is_written_down_with_its_time_and_gone_with_the_end() {
    let times = |ms: f64| {
        let ms = Millis::new(ms).expect("a time");
        EndToEnd { p50_ms: ms, p99_ms: ms }
    };
    let canary = CanaryTimes { all: times(4.5), brokers: vec![(BrokerId(1), times(4.25))] };
    let mut world = Frail { blind: 3..5, ..Frail::new() };
    world.seen.canary = Some(canary.clone());
    let mut journal = Remembering::default();
    let (outcome, lines) = world.run_with(&mut journal);
    assert_eq!(outcome.end, End::Done, "{lines:?}");
    let id = ExecutionId::from_text("test");
    let measured = |entry: &&Entry| matches!(entry.record, Record::Measured { .. });
    let first = journal.0.iter().position(|entry| measured(&entry)).expect("it was measured");
    assert!(journal.0.iter().filter(measured).count() <= 2, "not at each look: {:?}", journal.0);
    assert!(matches!(journal.0.last().expect("an end").record, Record::Ended { .. }));

    // As it is read again, whatever numbers are keys of what.
    let text = serde_json::to_string(&journal.0[first]).expect("it can be written");
    let read: Entry = serde_json::from_str(&text).expect("it can be read");
    assert_eq!(read, journal.0[first]);
    let midway = Recollection::of(journal.0[..=first].iter().cloned());
    assert_eq!(midway.measured(&id), Some((TimestampMs(journal.0[first].at_ms), &canary)));
    assert_eq!(Recollection::of(journal.0).measured(&id), None, "what is over has no latency");
}
