//! Leadership that is stuck: a change that would break another goal is made all the same, what it breaks is mended by
//! further changes, and all of it stays only if the whole is better. Leadership costs no bytes, so this goes before
//! exchanges of data.

use super::leaders::Leadership;
use super::state::State;
use crate::model::{BrokerOrd, PartitionOrd, Resource};

/// How many first changes are tried for a broker, those that harm least first.
const TRIED_MAX: usize = 6;

/// How many changes may mend what the first one breaks.
const MENDS_MAX: usize = 8;

/// How many partitions of a broker are looked at.
const SAMPLE: usize = 128;

/// With more brokers stuck than this share of all, it is the goals that cannot be met.
const STUCK_MAX: f64 = 0.12;

impl State<'_, '_> {
    /// Unsticks every broker that leads too much, or too little, of something; says whether anything changed.
    pub fn unstick_leaders(&mut self, scope: Leadership) -> bool {
        let mut made = false;
        let stuck: Vec<BrokerOrd> = self.problem.model.broker_ords().filter(|b| self.is_stuck(*b)).collect();
        #[expect(clippy::cast_precision_loss, reason = "numbers of brokers")]
        if stuck.len() as f64 > STUCK_MAX * self.problem.model.brokers.len() as f64 + 2.0 {
            return false;
        }
        for broker in stuck {
            while self.is_stuck(broker) && self.unstick(scope, broker) {
                made = true;
            }
        }
        made
    }

    /// Whether a broker is beyond a bound in something that goes with leadership.
    fn is_stuck(&self, broker: BrokerOrd) -> bool {
        let with_leadership =
            [Resource::Leaders, Resource::LeaderBytesIn, Resource::NetworkOut, Resource::Cpu]
                .map(Resource::index);
        let (over, under) = self.beyond(broker);
        let mut terms = self.problem.terms.iter().enumerate();
        self.problem.roles.counts[broker.index()]
            && terms.any(|(at, term)| {
                with_leadership.contains(&term.resource) && (over | under) & (1 << (at & 63)) != 0
            })
    }

    /// Changes of leadership from and to a broker, those that harm least first.
    fn changes_of(
        &self,
        scope: Leadership,
        broker: BrokerOrd,
    ) -> Vec<(f64, PartitionOrd, BrokerOrd, BrokerOrd)> {
        let mut changes = Vec::new();
        let held = &self.on_broker[broker.index()];
        let stride = held.len().div_ceil(SAMPLE).max(1);
        let first = self.records.len() % stride;
        for partition in held.iter().skip(first).step_by(stride) {
            let Some(from) = self.assignment.leader(*partition) else { continue };
            for to in self.assignment.replicas(*partition) {
                let ours = *to != from && (from == broker || *to == broker);
                if !ours || !self.may_change_leader(scope, *partition, from, *to) {
                    continue;
                }
                if let Some(delta) = self.evaluate_leader(*partition, from, *to) {
                    changes.push((delta.sum, *partition, from, *to));
                }
            }
        }
        changes.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then((x.1, x.3).cmp(&(y.1, y.3))));
        changes
    }

    fn unstick(&mut self, scope: Leadership, broker: BrokerOrd) -> bool {
        for (_, partition, from, to) in self.changes_of(scope, broker).into_iter().take(TRIED_MAX) {
            let start = self.records.len();
            let Some(mut total) = self.evaluate_leader(partition, from, to) else { continue };
            let cause = self.cause(&self.shift_of_leader(partition, from, to), false);
            self.apply_leader(partition, from, to, cause);
            // Whoever was changed last may now be beyond a bound, and hands it on.
            let mut touched = vec![from, to];
            for _ in 0..MENDS_MAX {
                if total.improves() {
                    return true;
                }
                let Some((delta, partition, from, to)) = self.best_mend(scope, &touched) else { break };
                total = total.plus(&delta);
                let cause = self.cause(&self.shift_of_leader(partition, from, to), false);
                self.apply_leader(partition, from, to, cause);
                touched.extend([from, to]);
                touched.sort_unstable();
                touched.dedup();
            }
            if total.improves() {
                return true;
            }
            self.undo_leaders(start);
        }
        false
    }

    /// The change that helps the touched brokers most.
    fn best_mend(
        &self,
        scope: Leadership,
        touched: &[BrokerOrd],
    ) -> Option<(super::delta::Delta, PartitionOrd, BrokerOrd, BrokerOrd)> {
        let beyond = touched.iter().filter(|broker| self.is_stuck(**broker));
        let best = beyond.filter_map(|broker| self.changes_of(scope, *broker).first().copied());
        let (sum, partition, from, to) = best.min_by(|x, y| x.0.total_cmp(&y.0))?;
        if sum >= 0.0 {
            return None;
        }
        Some((self.evaluate_leader(partition, from, to)?, partition, from, to))
    }

    /// Takes back the changes of leadership since a moment.
    fn undo_leaders(&mut self, start: usize) {
        while self.records.len() > start {
            let Some(record) = self.records.pop() else { return };
            self.apply_leader(record.partition, record.to, record.from, record.cause);
            self.records.pop();
        }
    }
}
