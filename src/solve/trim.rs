//! Takes back what turned out needless: moves whose return hurts no goal, and moves of a large replica where a
//! smaller one does as well. What is taken back is never copied.

use super::problem::Freedom;
use super::reasons::Cause;
use super::state::State;
use crate::model::{BrokerOrd, PartitionOrd};

/// A replica smaller than the other by more than this can hardly stand in for it.
const SMALLER_BY: f64 = 8.0;

/// How many smaller replicas are tried for each large one.
const TRIES_MAX: usize = 32;

impl State<'_, '_> {
    /// Takes back needless moves and leader changes, largest first; says whether anything was taken back.
    pub fn trim(&mut self) -> bool {
        let model = self.problem.model;
        let mut moved: Vec<(f64, PartitionOrd)> = model
            .partition_ords()
            .filter(|partition| self.assignment.replicas(*partition) != model.placement.replicas(*partition))
            .map(|partition| (self.bytes(partition), partition))
            .collect();
        moved.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut trimmed = false;
        for (_, partition) in moved {
            while let Some((from, to)) = self.needless(partition) {
                self.apply_move(partition, from, to, Cause::Follows);
                trimmed = true;
            }
        }
        for partition in model.partition_ords() {
            trimmed |= self.trim_leader(partition);
        }
        trimmed
    }

    /// A replica of a partition that may as well go back to where it was.
    fn needless(&mut self, partition: PartitionOrd) -> Option<(BrokerOrd, BrokerOrd)> {
        let model = self.problem.model;
        for at in 0..model.placement.replicas(partition).len() {
            let home = model.placement.replicas(partition)[at];
            if self.assignment.holds(partition, home) || !self.problem.roles.counts[home.index()] {
                continue;
            }
            for place in 0..self.assignment.replicas(partition).len() {
                let from = self.assignment.replicas(partition)[place];
                if model.placement.holds(partition, from) || !self.is_legal(partition, from, home) {
                    continue;
                }
                let delta = self.evaluate_move(partition, from, home);
                if delta.is_some_and(|delta| !delta.worsens_any()) {
                    return Some((from, home));
                }
            }
        }
        None
    }

    fn trim_leader(&mut self, partition: PartitionOrd) -> bool {
        let home = self.problem.model.placement.leader(partition);
        let (Some(home), Some(leader)) = (home, self.assignment.leader(partition)) else { return false };
        if home == leader
            || !self.assignment.holds(partition, home)
            || !self.problem.roles.counts[home.index()]
        {
            return false;
        }
        let delta = self.evaluate_leader(partition, leader, home);
        if delta.is_some_and(|delta| !delta.worsens_any()) {
            self.apply_leader(partition, leader, home, Cause::Follows);
            return true;
        }
        false
    }

    /// Sends smaller replicas where larger ones were sent, as long as that hurts no goal.
    pub fn shrink(&mut self) -> bool {
        let model = self.problem.model;
        let mut moved: Vec<(f64, PartitionOrd, BrokerOrd, BrokerOrd)> = Vec::new();
        for partition in model.partition_ords() {
            let (was, is) = (model.placement.replicas(partition), self.assignment.replicas(partition));
            // Replicas keep their places in the list, so the same place tells where each came from.
            for (home, now) in was.iter().zip(is).filter(|(home, now)| home != now) {
                if self.problem.roles.counts[home.index()] && !is.contains(home) && !was.contains(now) {
                    moved.push((self.bytes(partition), partition, *home, *now));
                }
            }
        }
        moved.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut shrunk = false;
        for (size, partition, home, now) in moved {
            if self.assignment.holds(partition, now) && !self.assignment.holds(partition, home) {
                shrunk |= self.replace_by_smaller(partition, size, home, now);
            }
        }
        shrunk
    }

    fn replace_by_smaller(
        &mut self,
        large: PartitionOrd,
        size: f64,
        home: BrokerOrd,
        now: BrokerOrd,
    ) -> bool {
        if !self.is_legal(large, now, home) {
            return false;
        }
        let model = self.problem.model;
        let mut smaller: Vec<(f64, PartitionOrd)> = self.on_broker[home.index()]
            .iter()
            .filter(|small| self.problem.freedom[small.index()] == Freedom::Free)
            .filter(|small| model.placement.holds(**small, home))
            .map(|small| (self.bytes(*small), *small))
            .filter(|(bytes, _)| *bytes < size && *bytes >= size / SMALLER_BY)
            .collect();
        smaller.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        // A sample of them, from the smallest up; the first that does is the best of the sample.
        let stride = smaller.len().div_ceil(TRIES_MAX).max(1);
        let mut best: Option<PartitionOrd> = None;
        for (_, small) in smaller.into_iter().step_by(stride) {
            if !self.is_legal(small, home, now) {
                continue;
            }
            let (leads, small_leads) = (self.leads(large, now), self.leads(small, home));
            let mut to_home = self.load(large, home, leads);
            to_home.iter_mut().zip(self.load(small, home, small_leads)).for_each(|(sum, out)| *sum -= out);
            let mut to_now = self.load(small, now, small_leads);
            to_now.iter_mut().zip(self.load(large, now, leads)).for_each(|(sum, out)| *sum -= out);
            let delta = self.evaluate(home, &to_home, now, &to_now);
            if delta.is_some_and(|delta| !delta.worsens_any()) {
                best = Some(small);
                break;
            }
        }
        let Some(small) = best else { return false };
        let cause = self.records.iter().rev().find(|record| record.partition == large && record.to == now);
        let cause = cause.map_or(Cause::Follows, |record| record.cause);
        self.apply_move(large, now, home, Cause::Follows);
        self.apply_move(small, home, now, cause);
        true
    }
}
