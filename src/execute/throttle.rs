//! [`Throttles`]: the ledger of every throttle setting that this execution has touched.
//!
//! What stood there before is remembered from the look that came before the first change, and put back on every way
//! out. What someone else sets meanwhile is theirs. Exactly the replicas that send and those that are being made
//! are throttled, so that clients and other tools' moves are not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::held::{Held, HeldMemory, Next, Seen};
use super::sight::unseen;
use super::{Command, ExecutionEvent, Leftover, Setting};
use crate::base::{BrokerId, TopicName};
use crate::observe::{GapKind, Observation, ThrottledReplicas};

/// Which end of a copy a throttle is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyEnd {
    /// The replica that sends.
    Leader,
    /// The replica that is being made.
    Follower,
}

impl CopyEnd {
    pub(super) fn list_key(self) -> &'static str {
        match self {
            Self::Leader => "leader.replication.throttled.replicas",
            Self::Follower => "follower.replication.throttled.replicas",
        }
    }
}

/// What a rate of a broker is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateOf {
    /// What its replicas send to those that are being made.
    Leader,
    /// What replicas that are being made on it take.
    Follower,
    /// What moves between its log directories.
    LogDirs,
}

impl From<CopyEnd> for RateOf {
    fn from(end: CopyEnd) -> Self {
        match end {
            CopyEnd::Leader => Self::Leader,
            CopyEnd::Follower => Self::Follower,
        }
    }
}

impl RateOf {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Leader => "leader.replication.throttled.rate",
            Self::Follower => "follower.replication.throttled.rate",
            Self::LogDirs => "replica.alter.log.dirs.io.max.bytes.per.second",
        }
    }
}

/// The throttles that the moves in flight need.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Wanted {
    /// Bytes per second.
    pub(super) rates: BTreeMap<(BrokerId, RateOf), u64>,
    /// Pairs of partition and broker.
    pub(super) lists: BTreeMap<(TopicName, CopyEnd), BTreeSet<(i32, BrokerId)>>,
}

/// What the ledger wants done in this turn.
#[derive(Debug, Default)]
pub(super) struct ThrottleTurn {
    /// Throttles to set: before the moves that they are for.
    pub(super) set: Vec<Command>,
    /// Throttles that are wanted, were sent, and are not known to stand: nothing may be copied yet.
    pub(super) unsure: bool,
    /// Throttles to put back.
    pub(super) restore: Vec<Command>,
    /// What happened.
    pub(super) events: Vec<ExecutionEvent>,
}

/// The ledger.
#[derive(Debug, Default)]
pub(super) struct Throttles {
    rates: BTreeMap<(BrokerId, RateOf), Held<u64>>,
    lists: BTreeMap<(TopicName, CopyEnd), Held<ThrottledReplicas>>,
    /// Settings that belong to others: never touched, and told of once.
    theirs: BTreeSet<String>,
}

impl Throttles {
    /// What must not be forgotten: rates, lists, and the names of settings that belong to others.
    #[expect(clippy::type_complexity, reason = "three maps, taken apart at once")]
    pub(super) fn memory(
        &self,
    ) -> (
        BTreeMap<(BrokerId, RateOf), HeldMemory<u64>>,
        BTreeMap<(TopicName, CopyEnd), HeldMemory<ThrottledReplicas>>,
        BTreeSet<String>,
    ) {
        let rates = self.rates.iter().filter_map(|(key, held)| Some((*key, held.memory()?)));
        let lists = self.lists.iter().filter_map(|(key, held)| Some((key.clone(), held.memory()?)));
        (rates.collect(), lists.collect(), self.theirs.clone())
    }

    /// Takes up the ledger of a process that was killed.
    pub(super) fn recall(
        &mut self,
        rates: BTreeMap<(BrokerId, RateOf), HeldMemory<u64>>,
        lists: BTreeMap<(TopicName, CopyEnd), HeldMemory<ThrottledReplicas>>,
        theirs: BTreeSet<String>,
    ) {
        self.rates = rates.into_iter().map(|(key, held)| (key, Held::recall(held))).collect();
        self.lists = lists.into_iter().map(|(key, held)| (key, Held::recall(held))).collect();
        self.theirs = theirs;
    }

    /// Whether nothing of ours stands anywhere.
    pub(super) fn is_clean(&self) -> bool {
        self.rates.is_empty() && self.lists.is_empty()
    }

    /// Decides what to send, from what is wanted and what is seen. `gone` are topics that are no longer the ones
    /// that the plan was made for. What is no longer needed and cannot be seen now, its broker being down, is put back
    /// when it is seen again and still ours, for somebody may set it meanwhile; `blindly` puts it back all the same.
    pub(super) fn turn(
        &mut self,
        wanted: &Wanted,
        seen: &Observation,
        gone: &BTreeSet<TopicName>,
        (at, settle): (Duration, Duration),
        blindly: bool,
    ) -> ThrottleTurn {
        let mut turn = ThrottleTurn::default();
        self.take_up(wanted, seen, gone, &mut turn.events);
        let mut gathered = Gathered::default();
        let mut over = Vec::new();
        for (key, held) in &mut self.rates {
            let wants = wanted.rates.get(key).copied();
            let sight = see_rate(seen, *key);
            if sight == Seen::Not {
                held.want_unseen(wants);
            } else {
                held.want(wants);
            }
            if held.waits_for(&sight) && !blindly {
                continue;
            }
            match held.next(&sight, at, settle) {
                Next::Wait => {
                    turn.unsure |= wants.is_some() && !held.stands();
                    continue;
                }
                Next::Send(value) => {
                    gathered.rate(*key, to_setting(value), wants.is_some());
                    continue;
                }
                Next::Released => {}
                Next::TakenOver(value) => over.push((rate_name(*key), rate_text(value))),
            }
            gathered.ended_rates.push(*key);
        }
        for (key, held) in &mut self.lists {
            let wants = wanted.lists.get(key).map(|pairs| united(held.before(), pairs));
            let is_wanted = wants.is_some();
            held.want(wants);
            let sight = see_list(seen, key, gone);
            if held.waits_for(&sight) && !blindly {
                continue;
            }
            match held.next(&sight, at, settle) {
                Next::Wait => {
                    turn.unsure |= is_wanted && !held.stands();
                    continue;
                }
                Next::Send(value) => {
                    gathered.list(key, to_setting(value), is_wanted);
                    continue;
                }
                Next::Released => {}
                Next::TakenOver(value) => over.push((list_name(key), list_text(value.as_ref()))),
            }
            gathered.ended_lists.push(key.clone());
        }
        for key in &gathered.ended_rates {
            self.rates.remove(key);
        }
        for key in &gathered.ended_lists {
            self.lists.remove(key);
        }
        for (setting, value) in over {
            self.theirs.insert(setting.clone());
            turn.events.push(ExecutionEvent::ThrottleTakenOver { setting, value });
        }
        (turn.set, turn.restore) = gathered.commands();
        turn
    }

    /// Begins to hold what is wanted and not held yet, unless something of someone else's stands there that will do.
    fn take_up(
        &mut self,
        wanted: &Wanted,
        seen: &Observation,
        gone: &BTreeSet<TopicName>,
        events: &mut Vec<ExecutionEvent>,
    ) {
        for (key, rate) in &wanted.rates {
            let name = rate_name(*key);
            if self.rates.contains_key(key) || self.theirs.contains(&name) {
                continue;
            }
            match see_rate(seen, *key) {
                Seen::Value(Some(theirs)) if theirs <= *rate => {
                    self.theirs.insert(name.clone());
                    events.push(ExecutionEvent::ThrottleRespected {
                        setting: name,
                        value: rate_text(Some(theirs)),
                    });
                }
                Seen::Value(before) => {
                    self.rates.insert(*key, Held::new(before, *rate));
                }
                Seen::Not | Seen::Gone => {}
            }
        }
        for (key, pairs) in &wanted.lists {
            let name = list_name(key);
            if self.lists.contains_key(key) || self.theirs.contains(&name) {
                continue;
            }
            match see_list(seen, key, gone) {
                Seen::Value(Some(theirs @ (ThrottledReplicas::All | ThrottledReplicas::Other(_)))) => {
                    self.theirs.insert(name.clone());
                    let value = list_text(Some(&theirs));
                    events.push(ExecutionEvent::ThrottleRespected { setting: name, value });
                }
                Seen::Value(before) => {
                    let aim = united(before.as_ref(), pairs);
                    if before.as_ref() != Some(&aim) {
                        self.lists.insert(key.clone(), Held::new(before, aim));
                    }
                }
                Seen::Not | Seen::Gone => {}
            }
        }
    }

    /// Takes note of what came of a throttle command.
    pub(super) fn answered(&mut self, command: &Command, reply: Reply) {
        match command {
            Command::ThrottleBroker { broker, leader, follower, log_dirs } => {
                let rates =
                    [(RateOf::Leader, leader), (RateOf::Follower, follower), (RateOf::LogDirs, log_dirs)];
                for (of, setting) in rates {
                    if let (Some(held), false) =
                        (self.rates.get_mut(&(*broker, of)), *setting == Setting::Keep)
                    {
                        note(held, reply);
                    }
                }
            }
            Command::ThrottleTopic { topic, leader, follower } => {
                for (end, setting) in [(CopyEnd::Leader, leader), (CopyEnd::Follower, follower)] {
                    if let (Some(held), false) =
                        (self.lists.get_mut(&(topic.clone(), end)), *setting == Setting::Keep)
                    {
                        note(held, reply);
                    }
                }
            }
            _ => {}
        }
    }

    /// Commands that put everything back, whatever has been seen: for a way out on which nothing can be looked at.
    pub(super) fn restore(&self) -> Vec<Command> {
        let mut gathered = Gathered::default();
        for (key, held) in self.rates.iter().filter(|(_, held)| held.may_stand()) {
            gathered.rate(*key, to_setting(held.restore()), false);
        }
        for (key, held) in self.lists.iter().filter(|(_, held)| held.may_stand()) {
            gathered.list(key, to_setting(held.restore()), false);
        }
        gathered.commands().1
    }

    /// Forgets everything that was held: the commands of [`Self::restore`] were all taken.
    pub(super) fn forget(&mut self) {
        self.rates.clear();
        self.lists.clear();
    }

    /// What may still stand, with the commands that put it back.
    pub(super) fn leftovers(&self) -> Vec<Leftover> {
        let alter = "kafka-configs.sh --bootstrap-server \"$BOOTSTRAP\" --alter";
        let change = |key: &str, value: Option<String>| match value {
            Some(value) => format!("--add-config '{key}=[{value}]'"),
            None => format!("--delete-config {key}"),
        };
        let rates = self.rates.iter().filter(|(_, held)| held.may_stand()).map(|(key, held)| Leftover {
            what: rate_name(*key),
            command: format!(
                "{alter} --entity-type brokers --entity-name {} {}",
                key.0,
                change(key.1.key(), held.restore().map(|rate| rate.to_string()))
            ),
        });
        let lists = self.lists.iter().filter(|(_, held)| held.may_stand()).map(|(key, held)| Leftover {
            what: list_name(key),
            command: format!(
                "{alter} --entity-type topics --entity-name {} {}",
                key.0,
                change(key.1.list_key(), held.restore().map(|list| list.to_string()))
            ),
        });
        rates.chain(lists).collect()
    }
}

/// What came of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// The cluster took it.
    Accepted,
    /// The cluster refused it.
    Refused,
    /// Nobody knows.
    Lost,
}

fn note<V: Clone + PartialEq>(held: &mut Held<V>, reply: Reply) {
    match reply {
        Reply::Accepted => held.accepted(),
        Reply::Refused => held.refused(),
        Reply::Lost => held.lost(),
    }
}

fn to_setting<V>(value: Option<V>) -> Setting<V> {
    value.map_or(Setting::Clear, Setting::Set)
}

fn united(before: Option<&ThrottledReplicas>, pairs: &BTreeSet<(i32, BrokerId)>) -> ThrottledReplicas {
    match before {
        Some(ThrottledReplicas::Some(theirs)) => ThrottledReplicas::Some(theirs | pairs),
        _ => ThrottledReplicas::Some(pairs.clone()),
    }
}

fn see_rate(seen: &Observation, (broker, of): (BrokerId, RateOf)) -> Seen<u64> {
    match seen.brokers.get(&broker) {
        Some(found) if found.alive && !unseen(seen, GapKind::BrokerConfig, "broker", &broker.to_string()) => {
            Seen::Value(match of {
                RateOf::Leader => found.throttle.leader_bytes_per_s,
                RateOf::Follower => found.throttle.follower_bytes_per_s,
                RateOf::LogDirs => found.throttle.log_dirs_bytes_per_s,
            })
        }
        _ => Seen::Not,
    }
}

fn see_list(
    seen: &Observation,
    (topic, end): &(TopicName, CopyEnd),
    gone: &BTreeSet<TopicName>,
) -> Seen<ThrottledReplicas> {
    match seen.topics.get(topic) {
        _ if gone.contains(topic) => Seen::Gone,
        None if seen.has_gap(GapKind::Topics) => Seen::Not,
        None => Seen::Gone,
        Some(_) if unseen(seen, GapKind::TopicConfig, "topic", topic.as_str()) => Seen::Not,
        Some(found) => Seen::Value(match end {
            CopyEnd::Leader => found.throttle.leader.clone(),
            CopyEnd::Follower => found.throttle.follower.clone(),
        }),
    }
}

fn rate_name((broker, of): (BrokerId, RateOf)) -> String {
    format!("{} of broker {broker}", of.key())
}

fn list_name((topic, end): &(TopicName, CopyEnd)) -> String {
    format!("{} of topic {topic}", end.list_key())
}

fn rate_text(rate: Option<u64>) -> String {
    rate.map_or_else(|| "unset".to_owned(), |rate| format!("{rate} B/s"))
}

fn list_text(list: Option<&ThrottledReplicas>) -> String {
    list.map_or_else(|| "unset".to_owned(), ToString::to_string)
}

/// The rates of a broker to send, and whether any of them is wanted.
#[derive(Default)]
struct Rates {
    leader: Setting<u64>,
    follower: Setting<u64>,
    log_dirs: Setting<u64>,
    wanted: bool,
}

/// Settings to send, gathered into one command for each broker and topic.
#[derive(Default)]
struct Gathered {
    brokers: BTreeMap<BrokerId, Rates>,
    topics: BTreeMap<TopicName, (Setting<ThrottledReplicas>, Setting<ThrottledReplicas>, bool)>,
    ended_rates: Vec<(BrokerId, RateOf)>,
    ended_lists: Vec<(TopicName, CopyEnd)>,
}

impl Gathered {
    fn rate(&mut self, (broker, of): (BrokerId, RateOf), setting: Setting<u64>, wanted: bool) {
        let entry = self.brokers.entry(broker).or_default();
        match of {
            RateOf::Leader => entry.leader = setting,
            RateOf::Follower => entry.follower = setting,
            RateOf::LogDirs => entry.log_dirs = setting,
        }
        entry.wanted |= wanted;
    }

    fn list(
        &mut self,
        (topic, end): &(TopicName, CopyEnd),
        setting: Setting<ThrottledReplicas>,
        wanted: bool,
    ) {
        let entry = self.topics.entry(topic.clone()).or_default();
        match end {
            CopyEnd::Leader => entry.0 = setting,
            CopyEnd::Follower => entry.1 = setting,
        }
        entry.2 |= wanted;
    }

    /// The commands that set something, and those that only put something back.
    fn commands(self) -> (Vec<Command>, Vec<Command>) {
        let brokers = self.brokers.into_iter().map(|(broker, rates)| {
            let Rates { leader, follower, log_dirs, wanted } = rates;
            (Command::ThrottleBroker { broker, leader, follower, log_dirs }, wanted)
        });
        let topics = self.topics.into_iter().map(|(topic, (leader, follower, wanted))| {
            (Command::ThrottleTopic { topic, leader, follower }, wanted)
        });
        let (set, restore): (Vec<_>, Vec<_>) = brokers.chain(topics).partition(|(_, wanted)| *wanted);
        let bare =
            |commands: Vec<(Command, bool)>| commands.into_iter().map(|(command, _)| command).collect();
        (bare(set), bare(restore))
    }
}
