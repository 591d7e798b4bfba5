//! [`Copies`]: who copies what from whom, and how fast that grows meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use super::super::step_run::StepRun;
use crate::base::{BrokerId, BytesPerS, TopicPartition};
use crate::observe::{Observation, Partition};
use crate::plan::Step;

/// What producers wrote to the plan's partitions when that was last seen, in bytes per second.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::execute) struct Growth(BTreeMap<TopicPartition, f64>);

impl Growth {
    /// Takes note of what a look tells; a look that does not tell changes nothing.
    pub(super) fn note(&mut self, seen: &Observation, names: impl Iterator<Item = TopicPartition>) {
        for name in names {
            let told = seen.partition(&name).and_then(|partition| partition.load.produce_bytes_per_s);
            if let Some(told) = told {
                self.0.insert(name, told.get());
            }
        }
    }

    /// What is written to a partition; 0 where nobody knows.
    pub(in crate::execute) fn of(&self, name: &TopicPartition, partition: &Partition) -> f64 {
        let told = partition.load.produce_bytes_per_s.map(BytesPerS::get);
        told.or_else(|| self.0.get(name).copied()).unwrap_or(0.0)
    }
}

/// One copy's share of what a broker's throttle has to let through while it grows, in bytes per second.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::execute) struct Share {
    pub(super) partition: TopicPartition,
    pub(super) grows: f64,
    pub(super) needs: f64,
    /// It is under the throttle.
    pub(super) listed: bool,
}

/// What a broker does in copies that are under way.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Part {
    /// What it sends, what it takes, and what moves between its log directories.
    pub(super) shares: [Vec<Share>; 3],
    /// Whom it sends to, and from whom it takes.
    pub(super) to: BTreeSet<BrokerId>,
    pub(super) from: BTreeSet<BrokerId>,
}

pub(super) const SENDS: usize = 0;
pub(super) const TAKES: usize = 1;
pub(super) const BETWEEN_DIRS: usize = 2;

impl Part {
    /// What a throttle has to let through at least, in bytes per second.
    pub(super) fn needs(&self, lane: usize) -> f64 {
        self.shares[lane].iter().map(|share| share.needs).sum()
    }

    /// Whether any copy is under the throttle.
    pub(super) fn has_listed(&self, lane: usize) -> bool {
        self.shares[lane].iter().any(|share| share.listed)
    }
}

/// Who copies what from whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::execute) struct Copies(pub(super) BTreeMap<BrokerId, Part>);

impl Copies {
    /// Whether a broker's replica of a partition is what is being copied.
    pub(super) fn makes(&self, partition: &TopicPartition, broker: BrokerId) -> bool {
        let part = self.0.get(&broker);
        part.is_some_and(|part| part.shares[TAKES].iter().any(|share| share.partition == *partition))
    }

    /// Adds the running stage of a step, or the one that it would start with.
    pub(in crate::execute) fn add(&mut self, step: &StepRun, seen: &Observation, growth: &Growth) {
        let name = step.partition();
        let Some(partition) = seen.partition(name) else { return };
        let grows = growth.of(name, partition);
        let listed = !step.last_stretch;
        let share = |needs: f64| Share { partition: name.clone(), grows, needs, listed };
        if let Step::LogDir(step) = &step.step {
            self.0.entry(step.broker).or_default().shares[BETWEEN_DIRS].push(share(grows));
            return;
        }
        let added: Vec<BrokerId> = step.added().collect();
        for broker in &added {
            let part = self.0.entry(*broker).or_default();
            part.shares[TAKES].push(share(grows));
            part.from.extend(partition.leader);
        }
        let Some(leader) = partition.leader.filter(|_| !added.is_empty()) else { return };
        // The leader's list names the partition, and all that its followers fetch uses the rate up, in sync or not.
        let in_sync = partition.isr.iter().filter(|broker| **broker != leader && !added.contains(broker));
        let fetch = u32::try_from(in_sync.count() + added.len()).unwrap_or(u32::MAX);
        let part = self.0.entry(leader).or_default();
        part.shares[SENDS].push(share(grows * f64::from(fetch)));
        part.to.extend(added);
    }
}
