//! What has to move whatever it costs: replicas off brokers that leave, and replicas that crowd a rack.

use super::SolveError;
use super::problem::Freedom;
use super::reasons::Cause;
use super::state::State;
use crate::base::Bytes;
use crate::model::promises::evenest_counts;
use crate::model::{BrokerOrd, PartitionOrd, Resource};

impl State<'_, '_> {
    /// Empties the brokers that leave, largest replicas first: the small ones fill what is left.
    pub fn drain(&mut self) -> Result<(), SolveError> {
        let model = self.problem.model;
        let mut going: Vec<(f64, PartitionOrd, BrokerOrd)> = Vec::new();
        for from in model.broker_ords().filter(|broker| self.problem.roles.leaving[broker.index()]) {
            for partition in &self.on_broker[from.index()] {
                if self.problem.may_leave(*partition, from) {
                    going.push((self.bytes(*partition), *partition, from));
                }
            }
        }
        going.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (_, partition, from) in going {
            let within_limits = self.best_place(partition, from, true, true);
            // Traffic over its limit is reported and mended later; a disk over its limit is not risked.
            let Some(to) = within_limits.or_else(|| self.best_place(partition, from, true, false)) else {
                return Err(self.no_room(partition, from));
            };
            self.apply_move(partition, from, to, Cause::Drain);
        }
        Ok(())
    }

    /// Moves replicas out of racks that hold more of a partition than they need to.
    pub fn mend_spread(&mut self) {
        let per_rack = self.problem.roles.brokers_per_rack(self.problem.model);
        for partition in self.problem.model.partition_ords() {
            if self.problem.freedom[partition.index()] != Freedom::Free {
                continue;
            }
            // Each turn empties the fullest rack by one.
            for _ in 0..self.assignment.replicas(partition).len() {
                if self.is_spread(partition, &per_rack) || !self.mend_partition(partition) {
                    break;
                }
            }
        }
    }

    fn is_spread(&self, partition: PartitionOrd, brokers_per_rack: &[usize]) -> bool {
        let model = self.problem.model;
        let replicas = self.assignment.replicas(partition);
        let mut counts = vec![0; model.racks.len()];
        for broker in replicas {
            counts[model.rack_of(*broker).index()] += 1;
        }
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts == evenest_counts(replicas.len(), brokers_per_rack)
    }

    fn mend_partition(&mut self, partition: PartitionOrd) -> bool {
        let mut best: Option<(usize, f64, BrokerOrd, BrokerOrd)> = None;
        for from in self.assignment.replicas(partition).to_vec() {
            let crowd = self.others_in_rack(partition, from, from);
            for to in self.problem.model.broker_ords() {
                if !self.is_legal(partition, from, to) {
                    continue;
                }
                let left = self.others_in_rack(partition, from, to);
                if left >= crowd {
                    continue;
                }
                let Some(delta) = self.evaluate_move(partition, from, to) else { continue };
                let (relief, gain) = (crowd - left, delta.gain());
                if best.is_none_or(|(r, g, ..)| relief > r || (relief == r && gain > g)) {
                    best = Some((relief, gain, from, to));
                }
            }
        }
        let Some((_, _, from, to)) = best else { return false };
        self.apply_move(partition, from, to, Cause::Spread);
        true
    }

    /// The broker that best takes a replica which has to leave: racks first, then musts, then the rest.
    fn best_place(
        &mut self,
        partition: PartitionOrd,
        from: BrokerOrd,
        keeps_disk: bool,
        keeps_limits: bool,
    ) -> Option<BrokerOrd> {
        let model = self.problem.model;
        let leads = self.leads(partition, from);
        let takes = self.load(partition, from, leads).map(|amount| -amount);
        // A dead replica protects nothing, so any rack is as good as its own.
        let bound = if model.brokers[from.index()].alive {
            self.others_in_rack(partition, from, from)
        } else {
            usize::MAX
        };
        let mut best: Option<(usize, f64, BrokerOrd)> = None;
        for to in model.broker_ords() {
            if !self.problem.roles.counts[to.index()] || self.assignment.holds(partition, to) {
                continue;
            }
            let others = self.others_in_rack(partition, from, to);
            if others > bound || best.is_some_and(|(least, ..)| others > least) {
                continue;
            }
            let brings = self.load(partition, to, leads);
            let delta = if keeps_limits {
                self.evaluate(from, &takes, to, &brings)
            } else if keeps_disk && self.passes_disk_limit(to, brings[Resource::Disk.index()]) {
                None
            } else {
                Some(self.penalty_change(from, &takes, to, &brings))
            };
            let Some(delta) = delta else { continue };
            let gain = delta.gain();
            if best.is_none_or(|(least, most, _)| others < least || gain > most) {
                best = Some((others, gain, to));
            }
        }
        best.map(|(.., to)| to)
    }

    fn passes_disk_limit(&self, broker: BrokerOrd, more: f64) -> bool {
        let disk = Resource::Disk;
        self.problem
            .limits
            .iter()
            .filter(|limit| limit.resource == disk.index())
            .any(|limit| more > 0.0 && self.sums.get(broker, disk) + more > limit.most[broker.index()])
    }

    fn no_room(&self, partition: PartitionOrd, from: BrokerOrd) -> SolveError {
        let model = self.problem.model;
        let others: Vec<String> = self
            .assignment
            .replicas(partition)
            .iter()
            .filter(|broker| **broker != from)
            .map(|broker| model.brokers[broker.index()].id.to_string())
            .collect();
        let size = model.size(partition);
        let reason = if size == Bytes::ZERO {
            format!("it stands on {} too, and every other broker would break rack spread", others.join(", "))
        } else {
            format!(
                "its other replicas stand on {}, and every broker that rack spread allows would pass its disk limit",
                others.join(", ")
            )
        };
        SolveError::NoRoom {
            partition: model.name(partition),
            size,
            broker: model.brokers[from.index()].id,
            reason,
        }
    }
}
