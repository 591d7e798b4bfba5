//! Leadership: free to move while data is not, so it is tried before data and again after it.

use super::problem::Freedom;
use super::queue::{Candidate, Queue};
use super::reasons::Cause;
use super::state::State;
use crate::goals::Counted;
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
        let candidates = self.partitions_to_lead(scope).into_iter().filter_map(|partition| {
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
                let cause = self.cause(&self.shift_of_leader(candidate.partition, from, to), false);
                let cause = if cause == Cause::Follows { Cause::Topic } else { cause };
                self.apply_leader(candidate.partition, from, to, cause);
                changed = true;
            }
            // A partition may change leaders again when others have: its next offer is looked at in turn.
            if !queue.is_still_best(&candidate) {
                queue.push(candidate);
            }
        }
        changed
    }

    /// The partitions that may get another leader: where only a few may, not all are looked through.
    fn partitions_to_lead(&self, scope: Leadership) -> Vec<PartitionOrd> {
        let model = self.problem.model;
        if scope == Leadership::All {
            let counts_leaders = self.problem.topic_terms.iter().any(|term| term.of == Counted::Leaders);
            let any_beyond = model.broker_ords().any(|broker| self.is_beyond(broker) != (false, false));
            return if any_beyond || counts_leaders { model.partition_ords().collect() } else { Vec::new() };
        }
        let mut partitions = self.touched();
        if scope == Leadership::OntoFresh {
            let fresh = model.broker_ords().filter(|broker| self.problem.roles.fresh[broker.index()]);
            partitions.extend(fresh.flat_map(|broker| self.on_broker[broker.index()].iter().copied()));
            partitions.sort_unstable();
            partitions.dedup();
        }
        partitions
    }

    /// The leader now, the best other one, and what is gained by the change.
    fn best_leader(&self, scope: Leadership, partition: PartitionOrd) -> Option<(BrokerOrd, BrokerOrd, f64)> {
        let from = self.assignment.leader(partition)?;
        let wants = self.is_beyond(from).0 || self.leads_too_many(partition, from);
        let mut best: Option<(BrokerOrd, f64)> = None;
        for to in self.assignment.replicas(partition) {
            let to = *to;
            if to == from || !(wants || self.is_beyond(to).1 || self.leads_too_few(partition, to)) {
                continue;
            }
            if !self.may_change_leader(scope, partition, from, to) {
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

    pub(super) fn may_change_leader(
        &self,
        scope: Leadership,
        partition: PartitionOrd,
        from: BrokerOrd,
        to: BrokerOrd,
    ) -> bool {
        if !self.problem.roles.counts[to.index()] || !self.may_take_leadership(partition, from, to) {
            return false;
        }
        let moved = || self.is_moved(partition);
        self.is_leadership_free(partition, to)
            && match scope {
                Leadership::All => true,
                Leadership::OfMoved => moved(),
                Leadership::OntoFresh => self.problem.roles.fresh[to.index()] || moved(),
            }
    }

    fn is_moved(&self, partition: PartitionOrd) -> bool {
        self.assignment.replicas(partition) != self.problem.model.placement.replicas(partition)
    }

    /// Whether a partition may get another leader. One that moves only off brokers that leave takes its leadership
    /// along, so once it has moved another replica may take over, if it can.
    fn is_leadership_free(&self, partition: PartitionOrd, to: BrokerOrd) -> bool {
        match self.problem.freedom[partition.index()] {
            Freedom::Held => false,
            Freedom::OnlyOffLeaving => self.is_moved(partition) && !self.is_unfit_to_lead(partition, to),
            Freedom::Free => true,
        }
    }

    /// Whether a replica is out of sync: it could not take over.
    fn is_unfit_to_lead(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        self.problem.model.out_of_sync.get(&partition).is_some_and(|ailing| ailing.contains(&broker))
    }

    fn leads_too_many(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        let topic = self.problem.model.partitions[partition.index()].topic;
        let terms = self.problem.topic_terms.iter().filter(|term| term.of == Counted::Leaders);
        terms.into_iter().any(|term| self.counts.get(topic, broker, term.of) > term.bounds[topic.index()].1)
    }

    fn leads_too_few(&self, partition: PartitionOrd, broker: BrokerOrd) -> bool {
        let topic = self.problem.model.partitions[partition.index()].topic;
        let terms = self.problem.topic_terms.iter().filter(|term| term.of == Counted::Leaders);
        terms.into_iter().any(|term| self.counts.get(topic, broker, term.of) < term.bounds[topic.index()].0)
    }

    /// Takes leadership off brokers that should not lead, where another replica may: for demotion, and for goals on
    /// who leads. What cannot be done without passing a limit is left.
    pub fn mend_leaders(&mut self, unfit: impl Fn(&Self, PartitionOrd, BrokerOrd) -> bool, cause: Cause) {
        for partition in self.problem.model.partition_ords() {
            if self.problem.freedom[partition.index()] == Freedom::Held {
                continue;
            }
            let Some(from) = self.assignment.leader(partition) else { continue };
            if !unfit(self, partition, from) {
                continue;
            }
            let mut best: Option<(BrokerOrd, f64)> = None;
            for to in self.assignment.replicas(partition) {
                let may = *to != from
                    && self.is_leadership_free(partition, *to)
                    && self.problem.roles.counts[to.index()]
                    && !unfit(self, partition, *to)
                    && self.problem.may_lead(partition, *to);
                if !may {
                    continue;
                }
                let Some(delta) = self.evaluate_leader(partition, from, *to) else { continue };
                if best.is_none_or(|(_, gain)| delta.gain() > gain) {
                    best = Some((*to, delta.gain()));
                }
            }
            if let Some((to, _)) = best {
                self.apply_leader(partition, from, to, cause);
            }
        }
    }
}
