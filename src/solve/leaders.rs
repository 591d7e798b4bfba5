//! Leadership: free to move while data is not, so it is tried before data and again after it.

use super::problem::Freedom;
use super::queue::{Candidate, Queue};
use super::state::State;
use crate::model::{BrokerOrd, PartitionOrd};

/// Which partitions may get another leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leadership {
    /// All that may be touched.
    All,
    /// Only those whose replicas move anyway.
    OfMoved,
    /// Onto brokers that are to be filled, and those whose replicas move anyway.
    OntoFresh,
}

impl State<'_, '_> {
    /// Changes leaders until no change helps; says whether any changed.
    pub fn level_leaders(&mut self, scope: Leadership) -> bool {
        let candidates = self.problem.model.partition_ords().filter_map(|partition| {
            let (from, _, worth) = self.best_leader(scope, partition)?;
            Some(Candidate { worth, partition, from })
        });
        let mut queue = Queue::from_vec(candidates.collect());
        let mut changed = false;
        while let Some(mut candidate) = queue.pop() {
            let Some((from, to, worth)) = self.best_leader(scope, candidate.partition) else { continue };
            candidate.worth = worth;
            candidate.from = from;
            if queue.is_still_best(&candidate) {
                self.lead_for_goal(candidate.partition, from, to);
                changed = true;
            }
            // A partition may change leaders again when others have: its next offer is looked at in turn.
            if !queue.is_still_best(&candidate) {
                queue.push(candidate);
            }
        }
        changed
    }

    fn lead_for_goal(&mut self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) {
        let replication_factor = self.assignment.replicas(partition).len();
        let model = self.problem.model;
        let mut brings = model.load(partition, true, replication_factor);
        let following = model.load(partition, false, replication_factor);
        brings.iter_mut().zip(following).for_each(|(leading, following)| *leading -= following);
        let takes = brings.map(|amount| -amount);
        let cause = self.cause(from, &takes, to, &brings, false);
        self.apply_leader(partition, from, to, cause);
    }

    /// The leader now, the best other one, and what is gained by the change.
    fn best_leader(
        &mut self,
        scope: Leadership,
        partition: PartitionOrd,
    ) -> Option<(BrokerOrd, BrokerOrd, f64)> {
        let model = self.problem.model;
        let from = self.assignment.leader(partition)?;
        let free = self.problem.freedom[partition.index()];
        let moved = self.assignment.replicas(partition) != model.placement.replicas(partition);
        if free == Freedom::Held || (free == Freedom::OnlyOffLeaving && !moved) {
            return None;
        }
        if scope == Leadership::OfMoved && !moved {
            return None;
        }
        let (over, _) = self.is_beyond(from);
        let mut best: Option<(BrokerOrd, f64)> = None;
        for at in 0..self.assignment.replicas(partition).len() {
            let to = self.assignment.replicas(partition)[at];
            let onto_fresh = scope != Leadership::OntoFresh || moved || self.problem.roles.fresh[to.index()];
            if to == from || !self.problem.roles.counts[to.index()] || !onto_fresh {
                continue;
            }
            if !over && !self.is_beyond(to).1 {
                continue;
            }
            let Some(delta) = self.evaluate_leader(partition, from, to) else { continue };
            let gain = delta.gain();
            if delta.improves() && gain > 0.0 && best.is_none_or(|(_, best)| gain > best) {
                best = Some((to, gain));
            }
        }
        best.map(|(to, gain)| (from, to, gain))
    }
}
