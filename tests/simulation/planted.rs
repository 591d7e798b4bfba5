//! The net is tested: twenty faults planted between what the executor decides and what the cluster gets, or between
//! what the cluster shows and what the executor sees. Each is one that a program could have; each must be found.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::base::{BrokerId, Bytes, TimestampMs, TopicName, TopicPartition};
use evenkeel::control::{Entry, Journal, JournalError, KillPoint, Record, Scope, World, WorldError};
use evenkeel::execute::{Answer, Command, Fact, OperatorRequest, Setting};
use evenkeel::observe::{BrokerThrottle, Observation, SeenBroker, TopicThrottle};

use crate::scenario::{Dice, Scenario};
use crate::trial;

/// A fault of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Throttle rates are not taken away.
    ForgetsRates,
    /// Throttled replica lists are not taken away.
    ForgetsLists,
    /// What stood before is cleared instead of put back.
    ClearsInsteadOfRestoring,
    /// Someone else's throttles are not seen, and so overwritten.
    OverlooksThrottles,
    /// Throttles are set after the copies that they are for.
    ThrottlesLate,
    /// Only the sending side is throttled.
    ThrottlesOneSide,
    /// Off by one in min ISR: it counts one replica in sync too many.
    MinIsrOffByOne,
    /// Dead brokers are taken for alive.
    OverlooksDeadBrokers,
    /// Replicas that lag are taken for in sync.
    TrustsTheIsr,
    /// All stages of a move are asked for at once.
    SkipsStages,
    /// Racks are not looked at: a replica may go where another is.
    CrowdsARack,
    /// The room on disks is trusted from the first look on.
    TrustsStaleSizes,
    /// What is on its way onto a disk is not counted.
    ThinksDisksAreLarge,
    /// The order that a cancel leaves is not put right.
    LeavesTheOrder,
    /// Preferred leaders are not put back.
    LeavesTheLeader,
    /// Moves in flight are not cancelled, though it says so.
    DoesNotCancel,
    /// Which throttles it has set is not written down.
    ForgetsThrottlesInTheJournal,
    /// What it has asked for is not written down.
    ForgetsStepsInTheJournal,
    /// Intents are written down after the command, not before.
    IntentAfterSend,
    /// A topic of the same name is taken for the one that the plan is about.
    TrustsTopicNames,
    /// Replication factors are cut on the way.
    DropsAReplica,
}

pub const BUGS: [Bug; 21] = [
    Bug::ForgetsRates,
    Bug::ForgetsLists,
    Bug::ClearsInsteadOfRestoring,
    Bug::OverlooksThrottles,
    Bug::ThrottlesLate,
    Bug::ThrottlesOneSide,
    Bug::MinIsrOffByOne,
    Bug::OverlooksDeadBrokers,
    Bug::TrustsTheIsr,
    Bug::SkipsStages,
    Bug::CrowdsARack,
    Bug::TrustsStaleSizes,
    Bug::ThinksDisksAreLarge,
    Bug::LeavesTheOrder,
    Bug::LeavesTheLeader,
    Bug::DoesNotCancel,
    Bug::ForgetsThrottlesInTheJournal,
    Bug::ForgetsStepsInTheJournal,
    Bug::IntentAfterSend,
    Bug::TrustsTopicNames,
    Bug::DropsAReplica,
];

/// A world as a faulty program sees and uses it.
pub struct Flawed<W> {
    inner: W,
    bug: Option<Bug>,
    targets: BTreeMap<TopicPartition, Vec<BrokerId>>,
    first: Option<BTreeMap<BrokerId, SeenBroker>>,
    ids: BTreeMap<TopicName, Option<uuid::Uuid>>,
    late: Vec<Command>,
}

impl<W: World> Flawed<W> {
    pub fn new(inner: W, bug: Option<Bug>, scenario: &Scenario) -> Self {
        let targets = scenario.moves().map(|step| (step.partition.clone(), step.target().to_vec())).collect();
        Self { inner, bug, targets, first: None, ids: BTreeMap::new(), late: Vec::new() }
    }

    /// What the faulty program takes the cluster for.
    pub fn distort(&mut self, seen: &mut Observation) {
        match self.bug {
            Some(Bug::OverlooksThrottles) => {
                seen.brokers.values_mut().for_each(|broker| broker.throttle = BrokerThrottle::default());
                seen.topics.values_mut().for_each(|topic| topic.throttle = TopicThrottle::default());
            }
            Some(Bug::MinIsrOffByOne) => {
                for partition in seen.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
                    let lacking = partition.replicas.iter().find(|broker| !partition.isr.contains(broker));
                    partition.isr.extend(lacking.copied());
                }
            }
            Some(Bug::OverlooksDeadBrokers) => {
                seen.brokers.values_mut().for_each(|broker| broker.alive = true);
                seen.gaps.clear();
                for partition in seen.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
                    partition.isr.clone_from(&partition.replicas);
                }
            }
            Some(Bug::TrustsTheIsr) => {
                for partition in seen.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
                    partition.isr.clone_from(&partition.replicas);
                }
                seen.reassignments.clear();
            }
            Some(Bug::CrowdsARack) => seen.brokers.values_mut().for_each(|broker| broker.rack = None),
            Some(Bug::TrustsStaleSizes) => {
                let first = self.first.get_or_insert_with(|| seen.brokers.clone());
                for (id, broker) in &mut seen.brokers {
                    if let Some(was) = first.get(id) {
                        broker.log_dirs.clone_from(&was.log_dirs);
                    }
                }
                for partition in seen.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
                    partition.on_disk.values_mut().for_each(|replica| replica.size_bytes = Some(Bytes(1)));
                }
            }
            Some(Bug::ThinksDisksAreLarge) => {
                for dir in seen.brokers.values_mut().flat_map(|broker| &mut broker.log_dirs) {
                    dir.total_bytes = dir.total_bytes.map(|bytes| Bytes(bytes.0 * 20));
                    dir.usable_bytes = dir.total_bytes;
                }
            }
            Some(Bug::TrustsTopicNames) => {
                for (name, topic) in &mut seen.topics {
                    topic.id = *self.ids.entry(name.clone()).or_insert(topic.id);
                }
            }
            _ => {}
        }
    }

    /// Takes out the lists that only put the replicas that stand there in another order.
    fn keep_other_sets(&mut self, lists: &mut BTreeMap<TopicPartition, Vec<BrokerId>>) -> Option<()> {
        let now = self.inner.observe(&Scope::Full).ok()?;
        lists.retain(|name, list| {
            let standing = now.partition(name).map(|partition| &partition.replicas);
            !standing.is_some_and(|standing| {
                standing.len() == list.len() && list.iter().all(|id| standing.contains(id))
            })
        });
        Some(())
    }

    /// What the faulty program sends instead of a command; nothing where it sends none.
    fn bend(&mut self, command: &Command) -> Option<Command> {
        let mut command = command.clone();
        match (self.bug?, &mut command) {
            (Bug::ForgetsRates, Command::ThrottleBroker { leader, follower, log_dirs, .. }) => {
                for setting in [leader, follower, log_dirs] {
                    if *setting == Setting::Clear {
                        *setting = Setting::Keep;
                    }
                }
            }
            (Bug::ForgetsLists, Command::ThrottleTopic { leader, follower, .. }) => {
                for setting in [leader, follower] {
                    if *setting == Setting::Clear {
                        *setting = Setting::Keep;
                    }
                }
            }
            (Bug::ClearsInsteadOfRestoring, Command::ThrottleTopic { leader, follower, .. }) => {
                let theirs = |setting: &Setting<evenkeel::observe::ThrottledReplicas>| matches!(setting, Setting::Set(list) if list.to_string() == "97:1,98:2" || list.to_string() == "99:0");
                for setting in [leader, follower] {
                    if theirs(setting) {
                        *setting = Setting::Clear;
                    }
                }
            }
            (Bug::ThrottlesLate, Command::ThrottleBroker { .. } | Command::ThrottleTopic { .. }) => {
                self.late.push(command);
                return None;
            }
            (Bug::ThrottlesOneSide, Command::ThrottleTopic { follower, .. }) => {
                if matches!(follower, Setting::Set(_)) {
                    *follower = Setting::Keep;
                }
            }
            (Bug::SkipsStages, Command::Reassign(lists)) => {
                for (name, list) in lists {
                    if let Some(target) = self.targets.get(name) {
                        list.clone_from(target);
                    }
                }
            }
            (Bug::CrowdsARack, Command::Reassign(lists)) => {
                // The last replica goes to some broker beside the list, whatever its rack.
                for list in lists.values_mut() {
                    let free = (0..64).map(BrokerId).find(|id| !list.contains(id));
                    if let (Some(last), Some(free)) = (list.last_mut(), free) {
                        *last = free;
                    }
                }
            }
            (Bug::LeavesTheOrder, Command::Reassign(lists)) => {
                self.keep_other_sets(lists)?;
                if lists.is_empty() {
                    return None;
                }
            }
            (Bug::LeavesTheLeader, Command::ElectPreferredLeaders(_))
            | (Bug::DoesNotCancel, Command::CancelReassignments(_)) => return None,
            (Bug::DropsAReplica, Command::Reassign(lists)) => {
                for list in lists.values_mut().filter(|list| list.len() > 2) {
                    list.pop();
                }
            }
            _ => {}
        }
        Some(command)
    }
}

impl<W: World> World for Flawed<W> {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        for command in std::mem::take(&mut self.late) {
            drop(self.inner.perform(&command));
        }
        let mut seen = self.inner.observe(scope)?;
        self.distort(&mut seen);
        Ok(seen)
    }

    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError> {
        if self.bug.is_none() {
            return self.inner.perform(command);
        }
        match self.bend(command) {
            Some(command) => self.inner.perform(&command),
            None => Ok(Answer::default()),
        }
    }

    fn now(&self) -> TimestampMs {
        self.inner.now()
    }

    fn sleep(&mut self, duration: Duration) {
        self.inner.sleep(duration);
    }

    fn stop_requests(&self) -> u32 {
        self.inner.stop_requests()
    }

    fn is_leaving(&self) -> bool {
        self.inner.is_leaving()
    }
}

/// A journal as a faulty program writes it.
pub struct Forgetful<J> {
    inner: J,
    bug: Option<Bug>,
    late: Vec<Entry>,
}

impl<J> Forgetful<J> {
    pub fn new(inner: J, bug: Option<Bug>) -> Self {
        Self { inner, bug, late: Vec::new() }
    }
}

impl<J: Journal> Journal for Forgetful<J> {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let forgets_throttles = self.bug == Some(Bug::ForgetsThrottlesInTheJournal);
        let forgets_steps = self.bug == Some(Bug::ForgetsStepsInTheJournal);
        let written = |entry: &&Entry| match &entry.record {
            Record::Fact { fact: Fact::Rate { .. } | Fact::List { .. }, .. } => !forgets_throttles,
            Record::Fact { fact: Fact::Step { .. }, .. } => !forgets_steps,
            _ => true,
        };
        let mut entries: Vec<Entry> = entries.iter().filter(written).cloned().collect();
        if self.bug == Some(Bug::IntentAfterSend)
            && entries.iter().any(|entry| matches!(entry.record, Record::Intent { .. }))
        {
            let begins = |entry: &Entry| matches!(entry.record, Record::Began { .. });
            let late = std::mem::take(&mut self.late);
            let (now, later): (Vec<_>, Vec<_>) = entries.into_iter().partition(begins);
            entries = late.into_iter().chain(now).collect();
            self.late = later;
        } else if !self.late.is_empty() {
            entries = std::mem::take(&mut self.late).into_iter().chain(entries).collect();
        }
        self.inner.append(&entries)
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        self.inner.take_requests()
    }
}

/// The seed, of a thousand at most, that finds a planted bug. Where the program forgets, it also has to die.
fn found(bug: Bug) -> Option<(u64, String)> {
    let points = [KillPoint::Sleep, KillPoint::Look].into_iter();
    let points: Vec<KillPoint> = points.chain(KillPoint::all().into_iter().take(30)).collect();
    (0..1_000).find_map(|seed| {
        let mut dice = Dice::new(seed);
        let scenario = Scenario::of(seed);
        let death = (*dice.of(&points), 1 + u32::try_from(dice.below(4)).unwrap());
        let deaths = if seed % 2 == 0 { vec![death] } else { Vec::new() };
        let report = trial::run_with(&scenario, &deaths, Some(bug));
        report.wrong.first().map(|wrong| (seed, wrong.clone()))
    })
}

#[test]
fn every_planted_bug_is_found() {
    let mut missed = Vec::new();
    for bug in BUGS {
        match found(bug) {
            Some((seed, wrong)) => {
                let wrong: String = wrong.chars().take(100).collect();
                println!("{:<30} seed {seed:>4}: {wrong}", format!("{bug:?}"));
            }
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not found within 1,000 seeds: {missed:?}");
}
