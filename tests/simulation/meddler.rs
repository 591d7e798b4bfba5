//! [`Meddler`]: the simulated world, with things going wrong at their times.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use evenkeel::base::{BrokerId, Millis, TimestampMs, TopicName};
use evenkeel::control::{Scope, World, WorldError};
use evenkeel::edge::sim::{Fault, NewTopic, SimWorld};
use evenkeel::execute::{Answer, Command, CommandRefusal, Phase};
use evenkeel::observe::{Gap, GapKind, Observation, Signals};

use crate::scenario::Scenario;
use crate::trouble::Trouble;

pub struct Meddler {
    pub sim: SimWorld,
    /// What is still to come, by the time since the start.
    pending: Vec<Trouble>,
    /// A trouble that comes when the execution does a certain thing.
    aimed: Option<(&'static str, Trouble)>,
    began: Duration,
    pub start_at: TimestampMs,
    /// Time since the start.
    pub lived: Rc<Cell<Duration>>,
    /// What the execution was doing when it last told.
    pub phase: Rc<Cell<Phase>>,
    /// Faults that came, and what the execution was doing then.
    pub bit: Vec<(&'static str, &'static str)>,
    /// Each of these holds until its time.
    blind_until: Duration,
    denied_until: Duration,
    stale_until: Duration,
    lies_until: Duration,
    hidden: Option<(BrokerId, Duration)>,
    frozen: Option<Observation>,
    /// How far the wall clock is off, in seconds.
    clock_off_s: i64,
    /// The next commands are answered with this code, and not carried out.
    refuse: Option<(&'static str, u32)>,
    /// The next commands are carried out so much later, and their answers are lost.
    delay: Option<(Duration, u32)>,
    /// The next commands are carried out once more, so much later.
    duplicate: Option<(Duration, u32)>,
    /// Commands under way, with the time at which they arrive.
    late: RefCell<Vec<(Duration, Command)>>,
    stops_forgotten: u32,
    /// The replica lists of each topic when all began.
    lists: BTreeMap<TopicName, BTreeMap<i32, Vec<BrokerId>>>,
    /// Faults of the cluster that came when the execution did a certain thing, and when that was.
    pub struck: Vec<(Duration, Fault)>,
}

/// What the execution is doing, by name; the phases that only the outside sees among them.
pub const PHASES: [&str; 8] =
    ["waiting", "paused", "copying", "cancelling", "putting-right", "clearing", "blind", "dead"];

fn name_of(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "waiting",
        Phase::Paused => "paused",
        Phase::Copying => "copying",
        Phase::Cancelling => "cancelling",
        Phase::PuttingRight => "putting-right",
        Phase::Clearing => "clearing",
        Phase::Over => "over",
    }
}

impl Meddler {
    pub fn new(scenario: &Scenario) -> Self {
        let mut sim = SimWorld::new(&scenario.spec).unwrap();
        let mut pending = Vec::new();
        for trouble in &scenario.faults {
            match trouble {
                Trouble::Fault(at, fault) => sim.cluster_mut().inject_after(*at, fault.clone()),
                Trouble::JournalDown(..) => {}
                other => pending.push(other.clone()),
            }
        }
        for stop in &scenario.stops {
            sim.stop_after(*stop);
        }
        let began = sim.cluster().elapsed();
        let start_at = sim.now();
        let zero = Duration::ZERO;
        let topics = scenario.spec.topics.iter();
        let lists = topics.map(|topic| {
            let lists = topic.partitions.iter().map(|partition| partition.replicas.clone());
            (topic.name.clone(), (0..).zip(lists).collect())
        });
        let lists = lists.collect();
        Self {
            sim,
            pending,
            aimed: scenario.aimed.clone(),
            began,
            start_at,
            lived: Rc::default(),
            phase: Rc::new(Cell::new(Phase::Waiting)),
            bit: Vec::new(),
            blind_until: zero,
            denied_until: zero,
            stale_until: zero,
            lies_until: zero,
            hidden: None,
            frozen: None,
            clock_off_s: 0,
            refuse: None,
            delay: None,
            duplicate: None,
            late: RefCell::default(),
            stops_forgotten: 0,
            lists,
            struck: Vec::new(),
        }
    }

    /// A full look, whatever goes wrong.
    pub fn look(&mut self) -> Observation {
        self.sim.cluster().observe(true, None)
    }

    fn tick(&mut self) -> Duration {
        let lived = self.sim.cluster().elapsed().saturating_sub(self.began);
        self.lived.set(lived);
        lived
    }

    /// The process is dead for a while: whoever asked it to stop has asked in vain.
    pub fn dead_for(&mut self, time: Duration) {
        self.strike_aimed("dead");
        let until = self.tick() + time;
        while self.tick() < until {
            self.arrive();
            let left = until.saturating_sub(self.tick());
            self.sim.sleep(left.min(Duration::from_secs(1)));
            self.strike_pending();
        }
        self.stops_forgotten = self.sim.stop_requests();
        self.phase.set(Phase::Waiting);
    }

    fn strike_pending(&mut self) {
        let now = self.tick();
        let (due, later): (Vec<_>, Vec<_>) = self.pending.drain(..).partition(|trouble| trouble.at() <= now);
        self.pending = later;
        for trouble in due {
            self.strike(trouble);
        }
    }

    fn strike_aimed(&mut self, phase: &'static str) {
        if self.aimed.as_ref().is_some_and(|(aim, _)| *aim == phase) {
            let (aim, trouble) = self.aimed.take().unwrap();
            self.bit.push((trouble.name(), aim));
            self.strike(trouble);
        }
    }

    /// Lets a trouble come now.
    fn strike(&mut self, trouble: Trouble) {
        let now = self.tick();
        let cluster = self.sim.cluster_mut();
        match trouble {
            Trouble::Fault(_, fault) => {
                cluster.inject(fault.clone());
                self.struck.push((now, fault));
            }
            Trouble::Rolling(_, brokers, down_for, every) => {
                for (at, broker) in (0_u32..).zip(brokers) {
                    let fault = Fault::RestartBroker { broker, down_for };
                    cluster.inject_after(every * at, fault);
                }
            }
            Trouble::Blind(_, long) => self.blind_until = now + long,
            Trouble::Denied(_, long) => self.denied_until = now + long,
            Trouble::Stale(_, long) => self.stale_until = now + long,
            Trouble::Lies(_, long) => self.lies_until = now + long,
            Trouble::Hidden(_, long, broker) => self.hidden = Some((broker, now + long)),
            Trouble::Clock(_, seconds) => self.clock_off_s += seconds,
            Trouble::Refuse(_, code, count) => self.refuse = Some((code, count)),
            Trouble::Delay(_, by, count) => self.delay = Some((by, count)),
            Trouble::Duplicate(_, by, count) => self.duplicate = Some((by, count)),
            // What Kafka says of a topic that is gone already does not matter here.
            Trouble::Delete(_, topic) => drop(cluster.delete_topic(&topic)),
            Trouble::Recreate(_, topic) => self.recreate(&topic),
            Trouble::JournalDown(..) => {}
        }
    }

    fn recreate(&mut self, topic: &TopicName) {
        let cluster = self.sim.cluster_mut();
        // With the very lists that it had when all began: only its id tells that it is another topic.
        let lists = self.lists.get(topic).cloned().unwrap_or_default();
        if cluster.topic(topic).is_none() || lists.is_empty() {
            return;
        }
        drop(cluster.delete_topic(topic));
        let new = NewTopic {
            name: topic.to_string(),
            assignment: lists,
            partitions: -1,
            replication_factor: -1,
            ..NewTopic::default()
        };
        drop(cluster.create_topic(&new, false));
    }

    /// Commands that were under way arrive.
    fn arrive(&mut self) {
        let now = self.tick();
        let (due, later): (Vec<_>, Vec<_>) = self.late.take().into_iter().partition(|(at, _)| *at <= now);
        self.late.replace(later);
        // In the reverse order of sending: what was sent last may arrive first.
        for (_, command) in due.into_iter().rev() {
            drop(self.sim.perform(&command));
        }
    }

    fn meddle(&mut self) -> Result<(), WorldError> {
        self.arrive();
        self.strike_pending();
        let now = self.tick();
        if now < self.blind_until {
            self.strike_aimed("blind");
            return Err(WorldError::unreachable("the cable is out"));
        }
        self.strike_aimed(name_of(self.phase.get()));
        Ok(())
    }

    /// What is hidden and what is a lie in a look.
    fn distort(&mut self, seen: &mut Observation) {
        let now = self.lived.get();
        if now < self.lies_until {
            for partition in seen.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
                partition.load = evenkeel::observe::PartitionLoad::default();
            }
            for broker in seen.brokers.values_mut() {
                broker.capacity.network_in_bytes_per_s = None;
                broker.capacity.network_out_bytes_per_s = evenkeel::base::BytesPerS::new(1.0).ok();
                // Nothing at first, then what cannot be.
                broker.signals = Signals::default();
                if now.as_secs() % 2 == 1 {
                    broker.signals.latency.produce_p99_ms = Millis::new(1e300).ok();
                    broker.signals.traffic.clients_in_bytes_per_s =
                        evenkeel::base::BytesPerS::new(f64::MAX).ok();
                }
            }
        }
        if let Some((broker, _)) = self.hidden.filter(|(_, until)| now < *until) {
            for kind in [GapKind::LogDirs, GapKind::BrokerConfig] {
                let reason = "the broker cannot be reached from here".to_owned();
                seen.gaps.push(Gap { kind, subject: broker.to_string(), reason });
            }
            if let Some(hidden) = seen.brokers.get_mut(&broker) {
                hidden.throttle = evenkeel::observe::BrokerThrottle::default();
                hidden.log_dirs.clear();
            }
            for partition in seen.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
                partition.on_disk.remove(&broker);
            }
        }
    }
}

/// Takes one from a count of commands to come.
fn next<T: Copy>(trouble: &mut Option<(T, u32)>) -> Option<T> {
    let (what, left) = trouble.as_mut()?;
    let what = *what;
    *left = left.saturating_sub(1);
    if *left == 0 {
        *trouble = None;
    }
    Some(what)
}

/// An answer that refuses every part of a command.
fn refused(command: &Command, code: &str) -> Answer {
    let refusal = |subject: String, partition| CommandRefusal {
        subject,
        partition,
        code: code.to_owned(),
        message: "made up".to_owned(),
    };
    let all = |names: Vec<&evenkeel::base::TopicPartition>| {
        names.into_iter().map(|name| refusal(name.to_string(), Some(name.clone()))).collect()
    };
    let refused = match command {
        Command::Reassign(lists) => all(lists.keys().collect()),
        Command::CancelReassignments(names) | Command::ElectPreferredLeaders(names) => {
            all(names.iter().collect())
        }
        Command::MoveLogDirs { moves, .. } => all(moves.keys().collect()),
        Command::ThrottleBroker { broker, .. } => vec![refusal(format!("broker {broker}"), None)],
        Command::ThrottleTopic { topic, .. } => vec![refusal(format!("topic {topic}"), None)],
    };
    Answer { refused }
}

impl World for Meddler {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        self.meddle()?;
        let mut seen = self.sim.observe(scope)?;
        if self.lived.get() < self.stale_until {
            return Ok(self.frozen.get_or_insert(seen).clone());
        }
        self.frozen = None;
        self.distort(&mut seen);
        Ok(seen)
    }

    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError> {
        self.meddle()?;
        if self.lived.get() < self.denied_until {
            let (message, hint) = ("the right was revoked".to_owned(), "grant it".to_owned());
            return Err(WorldError::Denied { message, hint });
        }
        if let Some(code) = next(&mut self.refuse) {
            return Ok(refused(command, code));
        }
        let now = self.lived.get();
        if let Some(by) = next(&mut self.delay) {
            self.late.borrow_mut().push((now + by, command.clone()));
            return Err(WorldError::unreachable("no answer"));
        }
        if let Some(by) = next(&mut self.duplicate) {
            self.late.borrow_mut().push((now + by, command.clone()));
        }
        self.sim.perform(command)
    }

    fn now(&self) -> TimestampMs {
        let now = i64::try_from(self.sim.now().0).unwrap();
        TimestampMs(u64::try_from(now.saturating_add(self.clock_off_s * 1000)).unwrap_or(0))
    }

    fn sleep(&mut self, duration: Duration) {
        // What is under way arrives also between two looks.
        let until = self.tick() + duration;
        loop {
            let next = self.late.borrow().iter().map(|(at, _)| *at).min();
            let now = self.tick();
            match next.filter(|at| *at < until) {
                Some(at) => {
                    self.sim.sleep(at.saturating_sub(now));
                    let before = self.late.borrow().len();
                    self.arrive();
                    if self.late.borrow().len() == before {
                        break;
                    }
                }
                None => break,
            }
        }
        let left = until.saturating_sub(self.tick());
        self.sim.sleep(left);
        self.tick();
    }

    fn stop_requests(&self) -> u32 {
        // What does not end by itself is ended, so that it can be told.
        if self.lived.get() > Duration::from_secs(13 * 3_600) {
            return 2;
        }
        self.sim.stop_requests().saturating_sub(self.stops_forgotten)
    }

    fn is_leaving(&self) -> bool {
        false
    }
}
