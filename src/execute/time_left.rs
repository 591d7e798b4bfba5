//! How long the rest of an execution takes: what is still to be copied goes the course that a forecast goes, from
//! where it is. The speed of the moment says little: it is that of the copies that happen to run, and what waits for
//! one of them may go at many times that speed afterwards, or at a fraction.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::execution::Execution;
use super::start::full_size;
use super::step_run::{State, StepRun};
use super::throttle::RateOf;
use crate::base::{BrokerId, Bytes, BytesPerS};
use crate::observe::{Observation, Partition};
use crate::plan::{Chain, Course, Habits, MoveStep, Place, Step};

/// A course is reckoned in so many steps of time at most: finer than the answer has to be.
const STEPS_MOST: f64 = 200.0;

/// It is reckoned anew when that share of what was left has gone by: a large plan is not gone through at every look.
const ANEW_AFTER: f64 = 0.02;

/// What was reckoned, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Foreseen {
    at: Duration,
    left_s: f64,
}

impl Execution {
    /// Reckons how long the rest takes, unless that was done a moment ago. Without throttles nobody knows how fast the
    /// rest goes.
    pub(super) fn foresee(&mut self, seen: &Observation) {
        let at = self.at();
        let is_fresh = |last: Foreseen| (at.saturating_sub(last.at)).as_secs_f64() < ANEW_AFTER * last.left_s;
        if !self.pace.throttles() {
            self.foreseen = None;
        } else if !self.foreseen.is_some_and(is_fresh) {
            let left_s = self.moves_left_s(seen) + self.waves_left_s() + self.log_dir_moves_left_s();
            self.foreseen = Some(Foreseen { at, left_s });
        }
    }

    /// Time left in seconds: as foreseen, else what is left at the speed measured.
    pub(super) fn left_s(&self, left: Bytes, speed: Option<BytesPerS>) -> Option<f64> {
        match self.foreseen {
            Some(Foreseen { at, left_s }) => {
                Some((left_s - self.at().saturating_sub(at).as_secs_f64()).max(0.0))
            }
            None => speed.map(|speed| left.as_f64() / speed.get()),
        }
    }

    fn moves_left_s(&self, seen: &Observation) -> f64 {
        let departures = self.departures();
        let brokers: Vec<BrokerId> = seen.brokers.keys().copied().collect();
        let place = |broker: &BrokerId| Place {
            broker: *broker,
            throttle: self.throttle_of(*broker),
            left_bytes: departures.left(*broker).as_f64(),
            fill: self.fullest(*broker, seen),
        };
        let chains = self.steps.iter().filter_map(|step| self.chain(step, seen, &brokers)).collect();
        let habits = Habits {
            moves_per_broker: self.settings.moves_in_flight_per_broker,
            moves: self.settings.moves_in_flight,
            look_s: self.look_s(),
            steps_most: STEPS_MOST,
            strictly: self.carried_on,
        };
        Course::new(&self.rooms, brokers.iter().map(place).collect(), chains, habits).seconds()
    }

    /// What a step still copies; nothing where it copies nothing any more, or is being cancelled.
    fn chain(&self, step: &StepRun, seen: &Observation, brokers: &[BrokerId]) -> Option<Chain> {
        let Step::Move(planned) = &step.step else { return None };
        if step.is_settled() || matches!(step.state, State::Cancelling { .. }) {
            return None;
        }
        let partition = seen.partition(step.partition())?;
        let at = |id: BrokerId| brokers.binary_search(&id).ok();
        let copies: Vec<(Option<usize>, usize)> = copies_left(step, planned, partition)
            .filter_map(|(source, onto)| Some((source.and_then(at), at(onto)?)))
            .collect();
        let size = full_size(step, partition);
        let runs = matches!(step.state, State::Copying { .. } | State::Asked) && step.is_copying();
        let lacking = runs.then(|| step.lacking.unwrap_or(size).as_f64());
        let leaves = self.rooms.leaving(step.partition()).iter();
        let grows_per_s = self.pace.growth().of(step.partition(), partition);
        (!copies.is_empty()).then(|| Chain {
            wave: step.wave,
            repairs: !partition.offline.is_empty(),
            size_bytes: size.as_f64(),
            lacking_bytes: lacking,
            copies,
            leaves: leaves.filter_map(|(broker, bytes)| Some((at(*broker)?, bytes.as_f64()))).collect(),
            grows_per_s,
            fetched_per_s: grows_per_s * f64::from(super::queue::others(partition)),
        })
    }

    /// Waves of moves between log directories run one after the other; in each the broker with most to move decides.
    fn log_dir_moves_left_s(&self) -> f64 {
        let mut waves: BTreeMap<usize, BTreeMap<BrokerId, Between>> = BTreeMap::new();
        for step in self.steps.iter().filter(|step| !step.is_settled()) {
            let Step::LogDir(planned) = &step.step else { continue };
            let between = waves.entry(step.wave).or_default().entry(planned.broker).or_default();
            between.moves += 1;
            between.bytes += step.lacking.unwrap_or(planned.size_bytes);
        }
        let took = |(broker, between): (&BrokerId, &Between)| self.took_s(*broker, *between);
        waves.values().map(|brokers| brokers.iter().map(took).fold(0.0, f64::max)).sum()
    }

    /// Seconds that a broker's moves between its directories take: what the throttle lets through, and a look for
    /// each round of those that run at once.
    #[expect(clippy::cast_precision_loss, reason = "a rate, and a number of moves")]
    fn took_s(&self, broker: BrokerId, Between { moves, bytes }: Between) -> f64 {
        let rounds = moves.div_ceil(self.settings.moves_in_flight_per_broker.max(1)) as f64;
        let rate = self.pace.rate(broker, RateOf::LogDirs).map_or(f64::INFINITY, |rate| rate.max(1) as f64);
        (bytes.as_f64() / rate).max(rounds * self.look_s())
    }

    /// Seconds for the waves still to come that change leaders or orders: such a wave is over when a look shows it.
    fn waves_left_s(&self) -> f64 {
        let costs_a_look = |step: &&StepRun| {
            step.wave > self.course.wave
                && !step.is_settled()
                && step.step.as_log_dir().is_none()
                && step.added().next().is_none()
        };
        let waves: BTreeSet<usize> = self.steps.iter().filter(costs_a_look).map(|step| step.wave).collect();
        self.look_s() * f64::from(u32::try_from(waves.len()).unwrap_or(u32::MAX))
    }
}

/// What a broker moves between its directories in a wave.
#[derive(Debug, Clone, Copy, Default)]
struct Between {
    moves: usize,
    bytes: Bytes,
}

/// Who sends and who receives, copy after copy.
fn copies_left<'a>(
    step: &'a StepRun,
    planned: &'a MoveStep,
    partition: &'a Partition,
) -> impl Iterator<Item = (Option<BrokerId>, BrokerId)> {
    let stages = planned.stages.iter().skip(step.stage);
    let bases = std::iter::once(step.base()).chain(stages.clone().map(Vec::as_slice));
    stages.zip(bases).flat_map(move |(stage, base)| {
        // A leader that has left has handed over to the first of the list.
        let source = partition.leader.filter(|leader| base.contains(leader)).or(base.first().copied());
        stage.iter().copied().filter(|id| !base.contains(id)).map(move |onto| (source, onto))
    })
}
