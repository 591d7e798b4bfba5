//! Which steps may start, and in which order: waves ahead where the disks allow it, and the busiest brokers first.

use std::collections::BTreeMap;

use super::execution::Execution;
use super::fills::Pressing;
use super::sight::size_on_disk;
use super::step_run::{State, StepRun};
use super::throttle::RateOf;
use super::{StepEnd, start};
use crate::base::{BrokerId, Bytes};
use crate::observe::{Observation, Partition};
use crate::plan::{Backlog, Copying, Ready, Step, Traffic, by_urgency};

/// What the steps have taken off each broker, and where they still have to.
#[derive(Debug, Default)]
pub(super) struct Departures {
    left: BTreeMap<BrokerId, Bytes>,
    /// The first wave with a step that is not over and takes something off the broker.
    first_open: BTreeMap<BrokerId, usize>,
}

/// The steps that wait, in order, and what is on its way already.
#[derive(Debug)]
pub(super) struct Queue {
    /// Steps, with the copies that they would start.
    pub(super) waiting: Vec<(usize, Option<Copying>)>,
    pub(super) traffic: Traffic,
    pub(super) backlog: Backlog,
    /// Volumes that are about to fill.
    pub(super) pressing: Pressing,
}

impl Departures {
    /// What steps have taken off a broker.
    pub(super) fn left(&self, broker: BrokerId) -> Bytes {
        self.left.get(&broker).copied().unwrap_or_default()
    }
}

impl Execution {
    /// The last wave of which steps may be on their way. A wave that moves replicas between log directories runs
    /// alone: which directory of a broker has room is proven for that order only.
    pub(super) fn reach(&self) -> usize {
        if self.alone.contains(&self.course.wave) {
            return self.course.wave;
        }
        let next_alone = self.alone.range(self.course.wave..).next();
        next_alone.map_or(usize::MAX, |wave| wave - 1)
    }

    pub(super) fn departures(&self) -> Departures {
        let mut departures = Departures::default();
        for step in self.steps.iter().filter(|step| matches!(step.step, Step::Move(_))) {
            for (broker, bytes) in self.rooms.leaving(step.partition()) {
                if step.has_done() {
                    *departures.left.entry(*broker).or_default() += *bytes;
                } else if !step.is_settled() {
                    let first = departures.first_open.entry(*broker).or_insert(step.wave);
                    *first = (*first).min(step.wave);
                }
            }
        }
        departures
    }

    /// Whether the order of waves lets a step start now: what copies may go ahead of its wave where there is room for
    /// it and for all that comes before it; what changes leaders or directories waits for its wave.
    pub(super) fn is_its_turn(&self, step: &StepRun, departures: &Departures) -> bool {
        if step.wave <= self.course.wave {
            return true;
        }
        let mut added = step.added().peekable();
        !self.carried_on
            && matches!(step.step, Step::Move(_))
            && step.wave <= self.reach()
            && added.peek().is_some()
            && added.all(|broker| {
                let left = departures.left(broker);
                let earlier_have_left =
                    departures.first_open.get(&broker).is_none_or(|wave| *wave >= step.wave);
                self.rooms.may_start(broker, step.wave, left, earlier_have_left)
            })
    }

    /// The waiting steps in the order in which they are to start, and what is on its way.
    pub(super) fn queue(&self, seen: &Observation) -> Queue {
        let reach = self.reach();
        let brokers: Vec<BrokerId> = seen.brokers.keys().copied().collect();
        let at = |id: BrokerId| brokers.binary_search(&id).ok();
        let mut backlog = Backlog::new(brokers.len());
        let mut traffic = Traffic::new(self.look_s(), brokers.iter().map(|broker| self.throttle_of(*broker)));
        let (mut queue, mut ready, mut copies) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (index, step) in self.steps.iter().enumerate().filter(|(_, step)| !step.is_settled()) {
            let waits = step.wave <= reach && matches!(step.state, State::Waiting { .. });
            let partition = seen.partition(step.partition());
            let (Step::Move(planned), Some(partition)) = (&step.step, partition) else {
                queue.extend(waits.then_some((index, None)));
                continue;
            };
            let source = partition.leader.and_then(at);
            let size = start::full_size(step, partition);
            let mut chain = Bytes::ZERO;
            for broker in step.still_added(planned) {
                let there = if step.is_copying() { size_on_disk(partition, broker) } else { Bytes::ZERO };
                let lacks = size.saturating_sub(there);
                chain += lacks;
                if let Some(onto) = at(broker) {
                    backlog.into[onto] += lacks.as_f64() / self.rate_of(broker).1;
                }
                if let Some((source, leader)) = source.zip(partition.leader) {
                    backlog.out[source] += lacks.as_f64() / self.rate_of(leader).0;
                }
            }
            let added = step.added().next();
            let there =
                added.filter(|_| step.is_copying()).map_or(Bytes::ZERO, |id| size_on_disk(partition, id));
            let grows_per_s = self.rooms.written_per_s(step.partition());
            let copy = added.and_then(at).map(|onto| Copying {
                source,
                onto,
                lacking_bytes: size.saturating_sub(there).as_f64(),
                grows_per_s,
                fetched_per_s: grows_per_s * f64::from(others(partition)),
            });
            if let Some(copy) = copy.filter(|_| step.is_copying()) {
                traffic.add(copy);
            }
            match copy {
                _ if !waits => {}
                None => queue.push((index, None)),
                Some(copy) => {
                    let (repairs, chain_bytes) = (!partition.offline.is_empty(), chain.as_f64());
                    let onto = Some(copy.onto);
                    ready.push(Ready { index, repairs, presses: None, source, onto, chain_bytes });
                    copies.insert(index, copy);
                }
            }
        }
        let pressing = self.pressing(seen, self.rest_s(&backlog));
        let relieves = |index: usize| self.relieves(&self.steps[index], seen, &pressing);
        for ready in &mut ready {
            ready.presses = relieves(ready.index);
        }
        by_urgency(&mut ready, &backlog);
        queue.sort_by_cached_key(|(index, _)| relieves(*index).unwrap_or(u8::MAX));
        queue.extend(ready.into_iter().map(|ready| (ready.index, copies.remove(&ready.index))));
        Queue { waiting: queue, traffic, backlog, pressing }
    }

    /// Seconds that what is left takes at least; without throttles as measured.
    fn rest_s(&self, backlog: &Backlog) -> f64 {
        if self.pace.throttles() {
            return backlog.most();
        }
        self.progress().left_s.unwrap_or(0.0)
    }

    /// What a broker may receive and send, in bytes per second.
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub(super) fn throttle_of(&self, broker: BrokerId) -> (f64, f64) {
        let rate = |of| self.pace.rate(broker, of).map_or(f64::INFINITY, |rate| rate as f64);
        (rate(RateOf::Follower), rate(RateOf::Leader))
    }

    /// What a broker may send and receive, in bytes per second; without throttles all count alike.
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn rate_of(&self, broker: BrokerId) -> (f64, f64) {
        let rate = |of| self.pace.rate(broker, of).unwrap_or(1).max(1) as f64;
        (rate(RateOf::Leader), rate(RateOf::Follower))
    }
}

/// Replicas in sync beside the leader.
pub(super) fn others(partition: &Partition) -> u32 {
    u32::try_from(partition.isr.len().saturating_sub(1)).unwrap_or(u32::MAX)
}

impl StepRun {
    /// Whether its replicas stand where it should bring them.
    fn has_done(&self) -> bool {
        match &self.state {
            State::Ended(end) | State::Leading { then: end, .. } | State::Ordering { then: end, .. } => {
                *end == StepEnd::Done
            }
            _ => false,
        }
    }

    /// Replicas that the current stage and those after it make.
    fn still_added<'a>(&'a self, planned: &'a crate::plan::MoveStep) -> impl Iterator<Item = BrokerId> {
        let base = self.base();
        let stages = planned.stages.iter().skip(self.stage);
        let bases = std::iter::once(base).chain(stages.clone().map(Vec::as_slice));
        stages.zip(bases).flat_map(|(stage, base)| stage.iter().copied().filter(|id| !base.contains(id)))
    }
}
