//! What has to move whatever it costs: replicas off brokers that leave, replicas that crowd a rack or a host, and
//! replicas of topics that belong elsewhere.

use super::SolveError;
use super::problem::Freedom;
use super::reasons::Cause;
use super::state::State;
use crate::base::Bytes;
use crate::model::promises::evenest_counts;
use crate::model::{BrokerOrd, PartitionOrd, Resource};

/// Where more brokers than this could take a replica, those with most room on their disks are looked at.
const PLACES_MAX: usize = 24;

/// What it counts, when a rack is relieved, that a replica goes from a broker above its means to one below.
const TILT: f64 = 3.0;

/// How strictly a place for a replica is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// Every hard limit.
    Limits,
    /// Only that of the disk: traffic over its limit is reported and mended later; a full disk is not risked.
    Disk,
}

impl State<'_, '_> {
    /// Moves away what has to leave its broker, largest replicas first: the small ones fill what is left.
    pub fn drain(&mut self) -> Result<(), SolveError> {
        let model = self.problem.model;
        let mut going: Vec<(f64, PartitionOrd, BrokerOrd)> = Vec::new();
        let mut offer = |partition: PartitionOrd, from: BrokerOrd| {
            if self.problem.must_leave(partition, from) && self.problem.may_leave(partition, from) {
                going.push((self.bytes(partition), partition, from));
            }
        };
        for from in model.broker_ords().filter(|broker| self.problem.roles.leaving[broker.index()]) {
            self.on_broker[from.index()].iter().for_each(|partition| offer(*partition, from));
        }
        if self.problem.request.operation == super::Operation::FixOffline {
            for (partition, brokers) in &model.offline {
                for from in brokers {
                    offer(*partition, *from);
                }
            }
        }
        going.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (_, partition, from) in going {
            let within_limits = self.best_place(partition, from, Keeps::Limits);
            let Some(to) = within_limits.or_else(|| self.best_place(partition, from, Keeps::Disk)) else {
                return Err(self.no_room(partition, from));
            };
            self.apply_move(partition, from, to, Cause::Drain);
        }
        Ok(())
    }

    /// Moves replicas of topics to where they may stand. What finds no place is left, and its goal says so.
    pub fn mend_placement(&mut self) {
        if !self.problem.permits.bar_places() {
            return;
        }
        for partition in self.problem.model.partition_ords() {
            if self.problem.freedom[partition.index()] != Freedom::Free {
                continue;
            }
            let topic = self.problem.model.partitions[partition.index()].topic;
            for from in self.assignment.replicas(partition).to_vec() {
                if self.problem.permits.may_hold(topic, from) {
                    continue;
                }
                if let Some(to) = self.best_place(partition, from, Keeps::Limits) {
                    self.apply_move(partition, from, to, Cause::Placement);
                }
            }
        }
    }

    /// Moves replicas out of racks, and off hosts, that hold more of a partition than they need to.
    pub fn mend_spread(&mut self) {
        let (racks, hosts) = (self.problem.mends_spread, self.problem.keeps_hosts_apart);
        if !racks && !hosts {
            return;
        }
        let model = self.problem.model;
        let per_rack = self.problem.roles.brokers_per_rack(model);
        let mut per_host = vec![0; model.hosts.len()];
        let counted = model.broker_ords().filter(|broker| self.problem.roles.counts[broker.index()]);
        counted.for_each(|broker| per_host[model.host_of(broker).index()] += 1);
        let mut best = BestCounts { racks: Vec::new(), hosts: Vec::new() };
        // Where each partition had one replica on each rack, only what was changed since can be out of order.
        let only_touched = self.problem.racks_are_closed && !hosts;
        let partitions = if only_touched { self.touched() } else { model.partition_ords().collect() };
        for partition in partitions {
            if self.problem.freedom[partition.index()] != Freedom::Free {
                continue;
            }
            // Each turn empties the fullest rack (or host) by one.
            for _ in 0..self.assignment.replicas(partition).len() {
                let factor = self.assignment.replicas(partition).len();
                let by_rack = racks
                    && self.crowd(partition, |b| self.problem.rack_of(b).0)
                        > best.most(false, factor, &per_rack);
                let by_host = hosts
                    && self.crowd(partition, |b| model.host_of(b).0) > best.most(true, factor, &per_host);
                if !(by_rack || by_host) || !self.mend_partition(partition, by_rack) {
                    break;
                }
            }
        }
        if !self.racks_are_closed && !self.records.is_empty() {
            self.racks_are_closed = self.problem.roles.are_closed(model, &self.assignment);
        }
    }

    /// How unevenly replicas stand: the most on one, and how many distinct ones fewer than replicas, as one number.
    fn crowd(&self, partition: PartitionOrd, place: impl Fn(BrokerOrd) -> u32) -> (usize, usize) {
        let replicas = self.assignment.replicas(partition);
        let (mut most, mut repeats) = (0, 0);
        for (at, broker) in replicas.iter().enumerate() {
            let here = place(*broker);
            most = most.max(replicas.iter().filter(|other| place(**other) == here).count());
            repeats += usize::from(replicas[..at].iter().any(|other| place(*other) == here));
        }
        (most, repeats)
    }

    fn mend_partition(&mut self, partition: PartitionOrd, by_rack: bool) -> bool {
        let mut best: Option<(usize, f64, BrokerOrd, BrokerOrd)> = None;
        let others = |state: &Self, from, at| {
            if by_rack {
                state.others_in_rack(partition, from, at)
            } else {
                state.others_on_host(partition, from, at)
            }
        };
        for from in self.assignment.replicas(partition).to_vec() {
            let crowd = others(self, from, from);
            if crowd == 0 {
                continue;
            }
            for to in self.problem.model.broker_ords() {
                let left = others(self, from, to);
                if left >= crowd || !self.is_legal(partition, from, to) {
                    continue;
                }
                let Some(delta) = self.evaluate_move(partition, from, to) else { continue };
                let (relief, gain) = (crowd - left, delta.gain() + TILT * self.tilt(partition, from, to));
                if best.is_none_or(|(r, g, ..)| relief > r || (relief == r && gain > g)) {
                    best = Some((relief, gain, from, to));
                }
            }
        }
        let Some((_, _, from, to)) = best else { return false };
        self.apply_move(partition, from, to, Cause::Spread);
        true
    }

    /// How much nearer to their means a move takes two brokers, all goals together. A replica that has to move for the
    /// sake of its racks is copied anyway: off a broker that has little to spare it would have to be replaced, while
    /// off a fuller one it saves another copy, long before either is beyond a bound.
    fn tilt(&self, partition: PartitionOrd, from: BrokerOrd, to: BrokerOrd) -> f64 {
        let load = self.load(partition, from, self.leads(partition, from));
        let above = |broker: BrokerOrd, term: &super::problem::Term| {
            self.sums.row(broker)[term.resource] - term.bounds.mean[broker.index()]
        };
        let terms = self.problem.terms.iter().filter(|term| term.bounds.mean[from.index()] > 0.0);
        terms
            .map(|term| {
                let nearer = term.scale * (above(from, term) - above(to, term));
                term.weight * term.scale * load[term.resource] * nearer
            })
            .sum()
    }

    /// The broker that best takes a replica which has to leave: racks first, then musts, then the rest.
    fn best_place(&self, partition: PartitionOrd, from: BrokerOrd, keeps: Keeps) -> Option<BrokerOrd> {
        let model = self.problem.model;
        // A replica that cannot serve protects nothing, so any rack is as good as its own.
        let serves = model.brokers[from.index()].alive && !super::problem::is_offline(model, partition, from);
        let bound = if serves { self.others_in_rack(partition, from, from) } else { usize::MAX };
        // Those with the fewest others beside them first; what fits nowhere there may stand with more.
        let most = bound.min(self.assignment.replicas(partition).len());
        (0..=most).find_map(|others| self.best_place_beside(others, partition, from, keeps))
    }

    /// The best place beside so many other replicas in the rack.
    fn best_place_beside(
        &self,
        others: usize,
        partition: PartitionOrd,
        from: BrokerOrd,
        keeps: Keeps,
    ) -> Option<BrokerOrd> {
        let model = self.problem.model;
        let may = |to: &BrokerOrd| {
            self.others_in_rack(partition, from, *to) == others
                && self.problem.may_receive(partition, *to)
                && !self.assignment.holds(partition, *to)
                && (!self.leads(partition, from) || self.may_take_leadership(partition, from, *to))
        };
        let place = |to: BrokerOrd| {
            let hosts =
                if self.problem.keeps_hosts_apart { self.others_on_host(partition, from, to) } else { 0 };
            let capacity = model.brokers[to.index()].capacity[Resource::Disk.index()];
            (hosts, self.disk(to) / capacity.unwrap_or(1.0).max(1.0), to)
        };
        let mut places: Vec<Place> = model.broker_ords().filter(may).map(place).collect();
        let mut rest = &mut places[..];
        while !rest.is_empty() {
            let (now, later) = first_places(rest);
            let mut best: Option<(f64, BrokerOrd)> = None;
            for (.., to) in now {
                let Some(delta) = self.weigh_place(partition, from, *to, keeps) else { continue };
                let gain = delta.gain();
                if best.is_none_or(|(most, _)| gain > most) {
                    best = Some((gain, *to));
                }
            }
            if let Some((_, to)) = best {
                return Some(to);
            }
            rest = later;
        }
        None
    }

    fn weigh_place(
        &self,
        partition: PartitionOrd,
        from: BrokerOrd,
        to: BrokerOrd,
        keeps: Keeps,
    ) -> Option<super::delta::Delta> {
        if keeps == Keeps::Limits {
            return self.evaluate_move(partition, from, to);
        }
        let shift = self.shift_of_move(partition, from, to);
        let passes = self.passes_disk_limit(to, shift.to_b[Resource::Disk.index()]);
        (!passes).then(|| self.penalty_change(&shift, &[self.cell(partition, from, to)]))
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

/// A place for a replica: how many others of its partition stand on the host, how full the disk is, and the broker.
type Place = (usize, f64, BrokerOrd);

/// The [`PLACES_MAX`] first places, or those of them that have as few others on the host as the first; and the rest, in
/// no order: with a thousand brokers it is seldom needed.
fn first_places(places: &mut [Place]) -> (&[Place], &mut [Place]) {
    let order = |x: &Place, y: &Place| x.0.cmp(&y.0).then(x.1.total_cmp(&y.1)).then(x.2.cmp(&y.2));
    if places.len() > PLACES_MAX {
        places.select_nth_unstable_by(PLACES_MAX - 1, order);
    }
    let count = places.len().min(PLACES_MAX);
    places[..count].sort_unstable_by(order);
    let hosts = places[0].0;
    let alike = places[..count].partition_point(|place| place.0 == hosts);
    let (now, later) = places.split_at_mut(alike);
    (now, later)
}

/// The best that can be had for each replication factor, worked out once each.
struct BestCounts {
    racks: Vec<Option<(usize, usize)>>,
    hosts: Vec<Option<(usize, usize)>>,
}

impl BestCounts {
    fn most(&mut self, hosts: bool, factor: usize, brokers_per_place: &[usize]) -> (usize, usize) {
        let known = if hosts { &mut self.hosts } else { &mut self.racks };
        if known.len() <= factor {
            known.resize(factor + 1, None);
        }
        *known[factor].get_or_insert_with(|| {
            let counts = evenest_counts(factor, brokers_per_place);
            let distinct = counts.iter().filter(|count| **count > 0).count();
            (counts.first().copied().unwrap_or(0), factor - distinct)
        })
    }
}
