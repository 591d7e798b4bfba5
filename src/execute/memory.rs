//! [`Memory`]: what an execution must not forget, so that one that was killed goes on where it stopped.
//!
//! It is a map of small facts. A store need keep only the last value of each key, and writes only what has changed
//! since it last wrote. The facts are made durable before the commands that they are about go out, so that whatever
//! may stand in the cluster is known to whoever takes over.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::held::HeldMemory;
use super::step_memory::StepMemory;
use super::throttle::{CopyEnd, RateOf};
use super::{StepEnd, StopMode, ThrottleRate};
use crate::base::{BrokerId, Bytes, TopicName};
use crate::observe::ThrottledReplicas;

/// What an execution must not forget beside its plan and its settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    start: Start,
    course: Course,
    steps: BTreeMap<usize, StepMemory>,
    rates: BTreeMap<(BrokerId, RateOf), HeldMemory<u64>>,
    lists: BTreeMap<(TopicName, CopyEnd), HeldMemory<ThrottledReplicas>>,
    theirs: BTreeSet<String>,
}

/// What was so when the execution began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Brokers that have to be there.
    pub(super) needed: BTreeSet<BrokerId>,
    /// The topics of the plan, by their ids: a topic of the same name made later is another one.
    pub(super) topic_ids: BTreeMap<TopicName, Uuid>,
}

/// What was asked of an execution, and how far it is as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The wave whose steps start now.
    pub(super) wave: usize,
    /// The stop that was asked for.
    pub(super) stop: Option<StopMode>,
    /// The goals have changed: what has not begun is dropped, and what is in flight is finished.
    #[serde(default)]
    pub(super) other_goals: bool,
    /// Why it gives up.
    pub(super) failure: Option<String>,
    /// An operator has paused it.
    pub(super) paused: bool,
    /// The throttle that an operator has set since the start.
    pub(super) throttle: Option<ThrottleRate>,
    /// The moves at once on a broker that an operator has set since the start.
    pub(super) moves_in_flight_per_broker: Option<usize>,
}

/// One fact of a [`Memory`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fact")]
pub enum Fact {
    /// What was so at the start.
    Start(Start),
    /// What was asked of it.
    Course(Course),
    /// How far a step is.
    Step {
        /// Its place in the plan, from 0, counted through all waves.
        index: usize,
        /// How far it is; absent when it is untouched again.
        memory: Option<StepMemory>,
    },
    /// A throttle rate that it may have changed.
    Rate {
        /// The broker.
        broker: BrokerId,
        /// Which of its rates.
        of: RateOf,
        /// What stood there and what was sent; absent when nothing of ours stands there any more.
        held: Option<HeldMemory<u64>>,
    },
    /// A throttled replica list that it may have changed.
    List {
        /// The topic.
        topic: TopicName,
        /// Which of its lists.
        end: CopyEnd,
        /// What stood there and what was sent; absent when nothing of ours stands there any more.
        held: Option<HeldMemory<ThrottledReplicas>>,
    },
    /// Settings that belong to others.
    Theirs {
        /// Their names.
        settings: BTreeSet<String>,
    },
}

impl Fact {
    /// The key under which a store keeps the last value only.
    pub fn key(&self) -> String {
        match self {
            Self::Start(_) => "start".to_owned(),
            Self::Course(_) => "course".to_owned(),
            Self::Step { index, .. } => format!("step/{index}"),
            Self::Rate { broker, of, .. } => format!("rate/{broker}/{}", of.key()),
            Self::List { topic, end, .. } => format!("list/{topic}/{}", end.list_key()),
            Self::Theirs { .. } => "theirs".to_owned(),
        }
    }
}

/// What of two maps differs, as facts made by `fact`.
fn changed<K: Ord + Clone, V: PartialEq + Clone>(
    before: &BTreeMap<K, V>,
    now: &BTreeMap<K, V>,
    fact: impl Fn(K, Option<V>) -> Fact,
) -> Vec<Fact> {
    let gone = before.keys().filter(|key| !now.contains_key(*key)).map(|key| fact(key.clone(), None));
    let other = now.iter().filter(|(key, value)| before.get(*key) != Some(*value));
    other.map(|(key, value)| fact(key.clone(), Some(value.clone()))).chain(gone).collect()
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

impl Memory {
    /// The facts that lead from `before` to this memory.
    pub fn facts_since(&self, before: &Self) -> Vec<Fact> {
        let mut facts = Vec::new();
        if self.start != before.start {
            facts.push(Fact::Start(self.start.clone()));
        }
        if self.course != before.course {
            facts.push(Fact::Course(self.course.clone()));
        }
        facts.extend(changed(&before.steps, &self.steps, |index, memory| Fact::Step { index, memory }));
        facts.extend(changed(&before.rates, &self.rates, |(broker, of), held| Fact::Rate {
            broker,
            of,
            held,
        }));
        facts.extend(changed(&before.lists, &self.lists, |(topic, end), held| Fact::List {
            topic,
            end,
            held,
        }));
        if self.theirs != before.theirs {
            facts.push(Fact::Theirs { settings: self.theirs.clone() });
        }
        facts
    }

    /// Takes a fact in: the last one of each key counts.
    pub fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Start(start) => self.start = start,
            Fact::Course(course) => self.course = course,
            Fact::Step { index, memory } => put(&mut self.steps, index, memory),
            Fact::Rate { broker, of, held } => put(&mut self.rates, (broker, of), held),
            Fact::List { topic, end, held } => put(&mut self.lists, (topic, end), held),
            Fact::Theirs { settings } => self.theirs = settings,
        }
    }

    /// Whether nothing of the execution may stand in the cluster: no throttle of ours, and no step under way.
    pub fn is_clean(&self) -> bool {
        self.rates.is_empty() && self.lists.is_empty() && !self.steps.values().any(StepMemory::may_run)
    }
}

/// How far an execution was when something was written down last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Steps that were seen done.
    pub done: usize,
    /// Steps that ended another way: dropped, stopped, failed.
    pub given_up: usize,
    /// Steps that may be under way.
    pub under_way: usize,
    /// Bytes copied by stages that were over.
    pub copied: Bytes,
    /// Throttle settings that may stand.
    pub throttles: usize,
    /// Whether an operator has paused it.
    pub paused: bool,
    /// Whether it was stopping.
    pub stop: Option<StopMode>,
}

impl Memory {
    /// How far the execution was.
    pub fn tally(&self) -> Tally {
        let ends = self.steps.values().filter_map(StepMemory::end);
        let done = ends.clone().filter(|end| **end == StepEnd::Done).count();
        Tally {
            done,
            given_up: ends.count() - done,
            under_way: self.steps.values().filter(|step| step.may_run()).count(),
            copied: self.steps.values().map(StepMemory::copied).sum(),
            throttles: self.rates.len() + self.lists.len(),
            paused: self.course.paused,
            stop: self.course.stop,
        }
    }
}

impl super::Execution {
    /// What must not be forgotten, as of now.
    pub fn memory(&self) -> Memory {
        let steps = self.steps.iter().enumerate();
        let (rates, lists, theirs) = self.throttles.memory();
        Memory {
            start: self.start.clone(),
            course: self.course.clone(),
            steps: steps.filter_map(|(index, step)| Some((index, step.memory()?))).collect(),
            rates,
            lists,
            theirs,
        }
    }

    /// Takes up what another process of evenkeel, which was killed, had done of the same plan.
    pub(super) fn recall(&mut self, memory: Memory) {
        let Memory { start, course, steps, rates, lists, theirs } = memory;
        self.throttles.recall(rates, lists, theirs);
        for (index, memory) in steps {
            if let Some(step) = self.steps.get_mut(index) {
                step.recall(memory);
            }
        }
        for step in &mut self.steps {
            step.topic_id = start.topic_ids.get(&step.partition().topic).copied();
        }
        self.start = start;
        self.course = course;
    }
}
