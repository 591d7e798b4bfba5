//! The independent judge: checks any plan, whoever made it, against a cluster as observed.
//!
//! It shares nothing with the solver and the planner but the promises. It knows no goals: a plan may be unwise and
//! still pass; it may not be unsafe.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::judge_log_dirs::LogDirs;
use super::rooms::Rooms;
use super::{KafkaReassignment, LogDirStep, Plan, PlanFile, PlanLimits, Step};
use crate::base::{BrokerId, RackId, TopicName, TopicPartition};
use crate::model::promises::{
    adds_only_to_live_brokers, any_broker_may_fail, best_rack_spread, gets_replication_factor,
    keeps_replication_factor, one_new_replica_at_a_time, one_replica_per_broker, rack_spread,
    shrinks_within_min_isr, spread_never_worse,
};
use crate::model::{Broken, Promise};
use crate::observe::{GapKind, Observation, Partition, SeenTopic};

/// What the judge found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[must_use]
pub struct Judgement {
    /// Promises that the plan would break.
    pub broken: Vec<Broken>,
    /// Where the cluster is not as the plan believes: with any of these the plan is void.
    pub stale: Vec<Stale>,
    /// What is no reason to refuse the plan, but worth knowing: what could not be checked, what stays imperfect.
    pub notes: Vec<String>,
    /// How many partitions the plan changes.
    pub partitions: usize,
    /// How many waves were gone through.
    pub waves: usize,
}

/// A partition that is not as the plan believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stale {
    /// The partition.
    pub partition: TopicPartition,
    /// The list that the plan starts from; empty where the plan does not say.
    pub expected: Vec<BrokerId>,
    /// What was found instead.
    pub found: String,
}

impl Judgement {
    /// Whether the plan may be carried out.
    pub fn is_ok(&self) -> bool {
        self.broken.is_empty() && self.stale.is_empty()
    }
}

/// Share of a disk up to which a plan in Kafka's own form may fill it. Nothing in such a plan can be held back until
/// there is room, so it is measured by what a disk can take, and not by the distance that waves keep from that.
const KAFKA_DISK_SHARE: f64 = 0.95;

/// What whoever asks allows a plan to do that breaks a promise else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leave {
    /// A plan in Kafka's own form, which cannot say what it wants, may give partitions another number of replicas.
    /// evenkeel's own plans name the topics for which that was asked.
    pub replication_factor: bool,
}

/// Judges a plan against a cluster as observed; nothing is allowed but what the plan itself names.
pub fn judge(observation: &Observation, plan: &PlanFile, limits: &PlanLimits) -> Judgement {
    judge_with(observation, plan, limits, Leave::default())
}

/// Judges a plan against a cluster as observed, with what is allowed to it.
pub fn judge_with(
    observation: &Observation,
    plan: &PlanFile,
    limits: &PlanLimits,
    leave: Leave,
) -> Judgement {
    match plan {
        PlanFile::Evenkeel(plan) => judge_plan(observation, plan, limits),
        PlanFile::Kafka(list) => {
            let mut judge = Judge::new(observation);
            judge.note_the_view();
            judge.found.notes.push(
                "kafka-reassign-partitions starts everything at once: both copies of all moves are counted, growth is not"
                    .to_owned(),
            );
            let share = limits.disk_limit_share.max(KAFKA_DISK_SHARE);
            let wave = kafka_wave(observation, list, leave);
            judge.note_factors(&wave);
            judge.weigh(&[wave], &PlanLimits { disk_limit_share: share, ..*limits }, false)
        }
    }
}

/// Judges a plan of evenkeel's own against a cluster as observed; nothing is allowed but what it names itself.
pub fn judge_plan(observation: &Observation, plan: &Plan, limits: &PlanLimits) -> Judgement {
    let mut judge = Judge::new(observation);
    judge.note_the_view();
    judge.check_plan(plan);
    judge.weigh(&evenkeel_waves(plan), limits, true)
}

/// What a plan does to one partition.
struct Change {
    partition: TopicPartition,
    /// The list that it starts from; `None` where the plan does not say.
    from: Option<Vec<BrokerId>>,
    /// The lists to go through; empty when only the leader changes.
    stages: Vec<Vec<BrokerId>>,
    /// Whether the stages are promised to add one replica at a time.
    one_at_a_time: bool,
    /// The replication factor that was asked for; `None` where it has to stay as it is.
    factor: Option<u8>,
}

impl Change {
    fn target(&self) -> Option<&[BrokerId]> {
        self.stages.last().map(Vec::as_slice)
    }
}

/// A wave: changes of replica lists and leaders, and moves between log directories.
struct JudgedWave<'a> {
    changes: Vec<Change>,
    log_dirs: Vec<&'a LogDirStep>,
}

fn evenkeel_waves(plan: &Plan) -> Vec<JudgedWave<'_>> {
    let change = |step: &Step| {
        let (from, stages) = match step {
            Step::Move(step) => (step.from.clone(), step.stages.clone()),
            Step::Leader(step) => (step.replicas.clone(), Vec::new()),
            Step::LogDir(_) => return None,
        };
        let partition = step.partition().clone();
        let factor = plan.replication_factors.get(&partition.topic).copied();
        Some(Change { partition, from: Some(from), stages, one_at_a_time: true, factor })
    };
    let wave = |wave: &'_ super::Wave| wave.steps.iter().filter_map(change).collect();
    plan.waves
        .iter()
        .map(|of| JudgedWave {
            changes: wave(of),
            log_dirs: of.steps.iter().filter_map(Step::as_log_dir).collect(),
        })
        .collect()
}

fn kafka_wave(observation: &Observation, list: &KafkaReassignment, leave: Leave) -> JudgedWave<'static> {
    let rows = list.partitions.iter().map(|row| {
        let partition = TopicPartition { topic: row.topic.clone(), partition: row.partition };
        let resizes =
            observation.partition(&partition).is_some_and(|now| now.replicas.len() != row.replicas.len());
        // A list longer than any that Kafka takes is judged as one that keeps its length, and refused.
        let factor = u8::try_from(row.replicas.len()).ok().filter(|_| leave.replication_factor && resizes);
        Change { partition, from: None, stages: vec![row.replicas.clone()], one_at_a_time: false, factor }
    });
    // Kafka's own "current assignment" files name partitions that do not change: nothing to judge there.
    let changes = |change: &Change| {
        let now = observation.partition(&change.partition);
        now.is_none_or(|now| change.target() != Some(now.replicas.as_slice()))
    };
    JudgedWave { changes: rows.filter(changes).collect(), log_dirs: Vec::new() }
}

struct Judge<'a> {
    observation: &'a Observation,
    /// Live brokers on each rack.
    live_per_rack: Vec<usize>,
    found: Judgement,
    /// Replicas that have left a broker by the waves so far.
    left: BTreeSet<(TopicPartition, BrokerId)>,
    /// Replicas that moved between log directories by the waves so far.
    between_dirs: BTreeSet<(TopicPartition, BrokerId)>,
}

impl<'a> Judge<'a> {
    fn new(observation: &'a Observation) -> Self {
        let mut per_rack: BTreeMap<RackId, usize> = BTreeMap::new();
        for broker in observation.alive() {
            *per_rack.entry(observation.rack_of(broker)).or_default() += 1;
        }
        let live_per_rack = per_rack.into_values().collect();
        Self {
            observation,
            live_per_rack,
            found: Judgement::default(),
            left: BTreeSet::new(),
            between_dirs: BTreeSet::new(),
        }
    }

    /// Goes through the waves. `counts_growth` is whether disks also have to hold what clients write meanwhile.
    fn weigh(mut self, waves: &[JudgedWave<'_>], limits: &PlanLimits, counts_growth: bool) -> Judgement {
        self.found.waves = waves.len();
        let mut rooms = Rooms::new(self.observation, limits, counts_growth);
        let mut dirs = LogDirs::new(self.observation, limits);
        let mut seen = BTreeSet::new();
        for wave in waves {
            let mut sound = Vec::new();
            for change in &wave.changes {
                if !seen.insert(change.partition.clone()) {
                    let detail = "the plan names it twice";
                    self.found.broken.push(Broken::new(Promise::PlanIsCurrent, &change.partition, detail));
                } else if let Some((topic, partition)) = self.current(change) {
                    self.check_change(change, topic, partition);
                    sound.push((change, partition));
                }
            }
            let copies = sound.iter().filter_map(|(change, partition)| Some((*partition, change.target()?)));
            self.found.broken.extend(rooms.judge(copies));
            for (change, partition) in &sound {
                self.goes_elsewhere(change, partition, &mut dirs);
            }
            self.check_log_dirs(&wave.log_dirs, &mut dirs);
        }
        seen.extend(self.between_dirs.iter().map(|(partition, _)| partition.clone()));
        self.found.partitions = seen.len();
        self.found.notes.extend(rooms.notes());
        self.found
    }

    fn alive(&self, broker: BrokerId) -> bool {
        self.observation.brokers.get(&broker).is_some_and(|seen| seen.alive)
    }

    fn live_rack(&self, broker: BrokerId) -> Option<RackId> {
        self.alive(broker).then(|| self.observation.rack_of(broker))
    }

    fn note_the_view(&mut self) {
        let down: Vec<String> = self
            .observation
            .brokers
            .iter()
            .filter(|(_, seen)| !seen.alive)
            .map(|(id, _)| id.to_string())
            .collect();
        if !down.is_empty() {
            let ids = down.join(", ");
            self.found
                .notes
                .push(format!("broker {ids} is down: until it is back, nothing but repair will start"));
        }
        if self.observation.has_gap(GapKind::Topics) {
            let note = "not every topic may have been seen: disks may hold more than was counted";
            self.found.notes.push(note.to_owned());
        }
    }

    /// Whether the plan is for this cluster, and is what its id says.
    fn check_plan(&mut self, plan: &Plan) {
        if plan.content_id() != plan.id {
            let detail = "its content is not what its id stands for: it was changed after it was made";
            self.found.broken.push(Broken::new(Promise::PlanIsCurrent, format!("plan {}", plan.id), detail));
        }
        if let (Some(planned), Some(seen)) = (&plan.cluster_id, &self.observation.cluster_id)
            && planned != seen
        {
            let detail = format!("it is for cluster {planned}, and this is {seen}");
            self.found.broken.push(Broken::new(Promise::PlanIsCurrent, format!("plan {}", plan.id), detail));
        }
        for (topic, factor) in &plan.replication_factors {
            self.note_min_isr(topic, *factor);
        }
    }

    fn note_min_isr(&mut self, topic: &TopicName, factor: u8) {
        let least = self.observation.topics.get(topic).and_then(|topic| topic.min_insync_replicas);
        if least.is_some_and(|least| u32::from(factor) <= least) {
            self.found.notes.push(format!(
                "topic {topic} will have {factor} replicas and needs as many in sync: the loss of any one broker will stop its writes"
            ));
        }
    }

    /// Notes which topics get another number of replicas, and whether all of their partitions do.
    fn note_factors(&mut self, wave: &JudgedWave) {
        let mut changed: BTreeMap<(&TopicName, u8), usize> = BTreeMap::new();
        for change in &wave.changes {
            if let Some(factor) = change.factor {
                *changed.entry((&change.partition.topic, factor)).or_default() += 1;
            }
        }
        for ((topic, factor), partitions) in changed {
            let all = self.observation.topics.get(topic).map_or(0, |topic| topic.partitions.len());
            self.found.notes.push(format!(
                "topic {topic}: {partitions} of {all} partitions will have {factor} replicas, as was allowed"
            ));
            self.note_min_isr(topic, factor);
        }
    }

    /// The partition, when it is as the plan believes.
    fn current(&mut self, change: &Change) -> Option<(&'a SeenTopic, &'a Partition)> {
        let name = &change.partition;
        let found = match (self.observation.topics.get(&name.topic), self.observation.partition(name)) {
            (Some(_), Some(_)) if self.observation.reassignments.contains_key(name) => {
                "a reassignment runs already".to_owned()
            }
            (Some(_), Some(now)) if change.from.as_ref().is_some_and(|from| *from != now.replicas) => {
                format!("replicas {}", list(&now.replicas))
            }
            (Some(topic), Some(now)) => return Some((topic, now)),
            _ => "no such partition".to_owned(),
        };
        let expected = change.from.clone().unwrap_or_default();
        self.found.stale.push(Stale { partition: name.clone(), expected, found });
        None
    }

    fn check_change(&mut self, change: &Change, topic: &SeenTopic, now: &Partition) {
        let mut broken = Vec::new();
        let mut list = &now.replicas;
        for stage in &change.stages {
            if change.factor.is_none() {
                broken.extend(keeps_replication_factor(&change.partition, list, stage).err());
            }
            broken.extend(one_replica_per_broker(&change.partition, stage).err());
            broken.extend(
                adds_only_to_live_brokers(&change.partition, list, stage, |broker| self.alive(broker)).err(),
            );
            // What came on the way to another factor may go again: what counts is what was there at first.
            let base = if stage.len() < list.len() { &now.replicas } else { list };
            broken.extend(
                spread_never_worse(&change.partition, base, stage, |broker| self.live_rack(broker)).err(),
            );
            if change.one_at_a_time {
                broken.extend(one_new_replica_at_a_time(&change.partition, list, stage).err());
            }
            broken.extend(self.check_isr(change, topic, now, stage));
            list = stage;
        }
        if let (Some(factor), Some(target)) = (change.factor, change.target()) {
            let asked = usize::from(factor);
            broken.extend(gets_replication_factor(&change.partition, &now.replicas, target, asked).err());
        }
        broken.extend(self.check_repair(change, topic, now));
        self.note_spread(change);
        // Several stages may break the same promise in the same way; once is enough.
        broken.dedup();
        self.found.broken.extend(broken);
    }

    /// Notes what a change does to the volumes of log directories.
    fn goes_elsewhere(&mut self, change: &Change, now: &Partition, dirs: &mut LogDirs) {
        let target = change.target().unwrap_or(&now.replicas);
        for broker in target.iter().filter(|broker| !now.replicas.contains(broker)) {
            dirs.arrives(*broker, now.full_size_bytes().unwrap_or_default());
        }
        for broker in now.replicas.iter().filter(|broker| !target.contains(broker)) {
            self.left.insert((change.partition.clone(), *broker));
            dirs.leaves(*broker, now);
        }
    }

    /// Checks the moves between log directories of a wave.
    fn check_log_dirs(&mut self, steps: &[&LogDirStep], dirs: &mut LogDirs) {
        let mut sound = Vec::new();
        for step in steps {
            let key = (step.partition.clone(), step.broker);
            let now = self.observation.partition(&step.partition);
            let found = match now {
                None => Some("no such partition".to_owned()),
                Some(_) if self.observation.reassignments.contains_key(&step.partition) => {
                    Some("a reassignment runs already".to_owned())
                }
                Some(now) => LogDirs::stale(step, now),
            };
            let gone = self.left.contains(&key);
            if gone || !self.between_dirs.insert(key) {
                let what = if gone { "leaves that broker by the same plan" } else { "is named there twice" };
                let detail = format!("its replica on broker {} {what}", step.broker);
                self.found.broken.push(Broken::new(Promise::PlanIsCurrent, &step.partition, detail));
            } else if let Some(found) = found {
                let partition = step.partition.clone();
                self.found.stale.push(Stale { partition, expected: vec![step.broker], found });
            } else if let Some(now) = now {
                self.found.broken.extend(dirs.check(step));
                sound.push((*step, now));
            }
        }
        self.found.broken.extend(dirs.wave(&sound));
    }

    /// The replicas that are in sync.
    fn in_sync(&self, now: &Partition) -> BTreeSet<BrokerId> {
        let serves = |broker: &BrokerId| {
            now.isr.contains(broker) && !now.offline.contains(broker) && self.alive(*broker)
        };
        now.replicas.iter().copied().filter(serves).collect()
    }

    /// A stage ends when its new replicas are in sync; those that were and stay count as well.
    fn check_isr(
        &self,
        change: &Change,
        topic: &SeenTopic,
        now: &Partition,
        stage: &[BrokerId],
    ) -> Option<Broken> {
        let in_sync = self.in_sync(now);
        let then = stage.iter().filter(|broker| in_sync.contains(broker) || !now.replicas.contains(broker));
        let (before, then) = (in_sync.len(), then.count());
        let least = topic.min_insync_replicas.unwrap_or(1);
        if change.factor.is_some() && stage.len() < now.replicas.len() {
            return shrinks_within_min_isr(&change.partition, before, then, least).err();
        }
        any_broker_may_fail(&change.partition, before, then, least).err()
    }

    /// A partition at or below min ISR, with replicas that ail, is left alone unless they are what goes.
    fn check_repair(&self, change: &Change, topic: &SeenTopic, now: &Partition) -> Option<Broken> {
        let in_sync = self.in_sync(now);
        let target = change.target()?;
        let copies = target.iter().any(|broker| !now.replicas.contains(broker));
        let least = topic.min_insync_replicas.unwrap_or(1) as usize;
        let ailing = || now.replicas.iter().filter(|broker| !in_sync.contains(broker));
        if copies && now.leader.is_none() {
            let detail = "it has no leader: there is nothing to copy from";
            return Some(Broken::new(Promise::MinIsr, &change.partition, detail));
        }
        if ailing().next().is_none()
            || in_sync.len() > least
            || ailing().all(|broker| !target.contains(broker))
        {
            return None;
        }
        let detail = format!(
            "{} of {} replicas are in sync and min.insync.replicas is {least}: it may only be repaired",
            in_sync.len(),
            now.replicas.len()
        );
        Some(Broken::new(Promise::MinIsr, &change.partition, detail))
    }

    fn note_spread(&mut self, change: &Change) {
        let Some(target) = change.target() else { return };
        let spread = rack_spread(target, |broker| self.live_rack(broker));
        let best = best_rack_spread(target.len(), &self.live_per_rack);
        if spread.is_worse_than(best) {
            let partition = &change.partition;
            self.found.notes.push(format!("{partition} ends on {spread}; {best} could be had"));
        }
    }
}

/// A replica list as people write it.
fn list(replicas: &[BrokerId]) -> String {
    let texts: Vec<String> = replicas.iter().map(ToString::to_string).collect();
    format!("[{}]", texts.join(","))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
