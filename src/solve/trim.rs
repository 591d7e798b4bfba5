//! Takes back what turned out needless: moves whose return hurts no goal, and moves of a large replica where a
//! smaller one does as well. What is taken back is never copied.

use std::collections::BTreeMap;

use super::delta::Delta;
use super::problem::{EPSILON, Freedom};
use super::reasons::Cause;
use super::state::State;
use crate::model::{BrokerOrd, PartitionOrd, Resource};

/// How many smaller replicas are tried for each large one.
const TRIES_MAX: usize = 12;

/// A replica that frees less than this share of its bytes is not worth looking at.
const WORTH_SHRINKING: f64 = 0.02;

/// What has to stay as well met as it is when something is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Every goal.
    All,
    /// The musts: where only they are the reason for moves beyond what was asked for.
    Musts,
}

impl Keeps {
    fn allows(self, delta: &Delta) -> bool {
        match self {
            Self::All => !delta.worsens_any(),
            Self::Musts => delta.tiers[0] <= EPSILON,
        }
    }
}

/// Replicas of a broker by size.
type BySize = Vec<(f64, PartitionOrd)>;

impl State<'_, '_> {
    /// The partitions that were changed, each once, in order.
    pub fn touched(&self) -> Vec<PartitionOrd> {
        let mut touched: Vec<PartitionOrd> = self.records.iter().map(|record| record.partition).collect();
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Bytes that are copied to get from home to the present placement.
    pub fn copied(&self) -> f64 {
        let away = |partition: &PartitionOrd| {
            let held = self.assignment.replicas(*partition).iter();
            held.filter(|broker| !self.is_home(*partition, **broker))
                .map(|_| self.bytes(*partition))
                .sum::<f64>()
        };
        self.touched().iter().map(away).sum()
    }

    /// Takes back needless moves and leader changes, largest first; says how many bytes need not be copied for it.
    pub fn trim(&mut self, keeps: Keeps) -> f64 {
        let model = self.problem.model;
        let touched = self.touched();
        let mut moved: Vec<(f64, PartitionOrd)> = touched
            .iter()
            .filter(|partition| {
                self.assignment.replicas(**partition) != model.placement.replicas(**partition)
            })
            .map(|partition| (self.bytes(*partition), *partition))
            .collect();
        moved.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut trimmed = 0.0;
        for (bytes, partition) in moved {
            while let Some((from, to)) = self.needless(partition, keeps) {
                self.apply_move(partition, from, to, Cause::Follows);
                trimmed += bytes;
            }
        }
        for partition in touched {
            self.trim_leader(partition, keeps);
        }
        trimmed
    }

    /// A replica of a partition that may as well go back to where it was.
    fn needless(&self, partition: PartitionOrd, keeps: Keeps) -> Option<(BrokerOrd, BrokerOrd)> {
        let model = self.problem.model;
        for home in model.placement.replicas(partition) {
            let gone = self.assignment.holds(partition, *home)
                || !self.problem.roles.counts[home.index()]
                || self.problem.must_leave(partition, *home);
            if gone {
                continue;
            }
            for from in self.assignment.replicas(partition) {
                if model.placement.holds(partition, *from) || !self.is_legal(partition, *from, *home) {
                    continue;
                }
                let delta = self.evaluate_move(partition, *from, *home);
                if delta.is_some_and(|delta| keeps.allows(&delta)) {
                    return Some((*from, *home));
                }
            }
        }
        None
    }

    fn trim_leader(&mut self, partition: PartitionOrd, keeps: Keeps) {
        let home = self.problem.model.placement.leader(partition);
        let (Some(home), Some(leader)) = (home, self.assignment.leader(partition)) else { return };
        if home == leader
            || !self.assignment.holds(partition, home)
            || !self.problem.roles.counts[home.index()]
            || !self.may_take_leadership(partition, leader, home)
        {
            return;
        }
        let delta = self.evaluate_leader(partition, leader, home);
        if delta.is_some_and(|delta| keeps.allows(&delta)) {
            self.apply_leader(partition, leader, home, Cause::Follows);
        }
    }

    /// Sends smaller replicas where larger ones were sent, as long as that hurts no goal; says how many bytes need not
    /// be copied for it.
    pub fn shrink(&mut self, keeps: Keeps) -> f64 {
        let model = self.problem.model;
        let mut moved: Vec<(f64, PartitionOrd, BrokerOrd, BrokerOrd)> = Vec::new();
        for partition in self.touched() {
            let (was, is) = (model.placement.replicas(partition), self.assignment.replicas(partition));
            // Replicas keep their places in the list, so the same place tells where each came from.
            for (home, now) in was.iter().zip(is).filter(|(home, now)| home != now) {
                if self.problem.roles.counts[home.index()] && !is.contains(home) && !was.contains(now) {
                    moved.push((self.bytes(partition), partition, *home, *now));
                }
            }
        }
        moved.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut at_home: BTreeMap<BrokerOrd, BySize> = BTreeMap::new();
        let mut shrunk = 0.0;
        for (size, partition, home, now) in moved {
            let spare = self.spare_bytes(home, now, keeps).min(size);
            if spare < WORTH_SHRINKING * size || spare <= self.problem.fixed_price {
                continue;
            }
            if self.assignment.holds(partition, now) && !self.assignment.holds(partition, home) {
                let by_size = at_home.entry(home).or_insert_with(|| self.by_size(home));
                let by_size = std::mem::take(by_size);
                shrunk += self.replace_by_smaller(partition, (size, spare), (home, now), &by_size, keeps);
                at_home.insert(home, by_size);
            }
        }
        shrunk
    }

    /// Bytes that could go back from one broker to another with all goals on disks as they are.
    fn spare_bytes(&self, home: BrokerOrd, now: BrokerOrd, keeps: Keeps) -> f64 {
        let disk = Resource::Disk.index();
        let mut spare = f64::INFINITY;
        let terms = self.problem.terms.iter().enumerate();
        for (at, _) in
            terms.filter(|(_, term)| term.resource == disk && (keeps == Keeps::All || term.tier == 0))
        {
            spare = spare.min(self.bounds_of(home)[at].1 - self.disk(home));
            spare = spare.min(self.disk(now) - self.bounds_of(now)[at].0);
        }
        spare
    }

    fn by_size(&self, broker: BrokerOrd) -> BySize {
        let model = self.problem.model;
        let free = |partition: &&PartitionOrd| self.problem.freedom[partition.index()] == Freedom::Free;
        let mut held: Vec<PartitionOrd> =
            self.on_broker[broker.index()].iter().filter(free).copied().collect();
        held.retain(|partition| model.placement.holds(*partition, broker));
        let mut by_size: BySize =
            held.into_iter().map(|partition| (self.bytes(partition), partition)).collect();
        by_size.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        by_size
    }

    fn replace_by_smaller(
        &mut self,
        large: PartitionOrd,
        (size, spare): (f64, f64),
        (home, now): (BrokerOrd, BrokerOrd),
        by_size: &BySize,
        keeps: Keeps,
    ) -> f64 {
        if !self.is_legal(large, now, home) {
            return 0.0;
        }
        // From the smallest that still does for the disks; a sample of them, and the first that does is the best.
        let first = by_size.partition_point(|(bytes, _)| *bytes < size - spare);
        let end = by_size.partition_point(|(bytes, _)| *bytes < size * (1.0 - WORTH_SHRINKING));
        let Some(smaller) = by_size.get(first..end) else { return 0.0 };
        let stride = smaller.len().div_ceil(TRIES_MAX).max(1);
        let found = smaller.iter().step_by(stride).find(|(_, small)| {
            if !self.assignment.holds(*small, home) || !self.is_legal(*small, home, now) {
                return false;
            }
            let (shift, cells) = self.shift_of_swap(*small, large, home, now);
            self.evaluate(&shift, &cells).is_some_and(|delta| keeps.allows(&delta))
        });
        let Some((bytes, small)) = found.copied() else { return 0.0 };
        let cause = self.records.iter().rev().find(|record| record.partition == large && record.to == now);
        let cause = cause.map_or(Cause::Follows, |record| record.cause);
        self.apply_move(large, now, home, Cause::Follows);
        self.apply_move(small, home, now, cause);
        size - bytes
    }
}
