//! Which throttles have to stand, and at which pace: what the ledger is asked for.

use super::StopMode;
use super::execution::Execution;
use super::pace::{Copies, Pace};
use super::start::full_size;
use super::step_run::{State, StepRun};
use super::throttle::{CopyEnd, RateOf, Wanted};
use super::{ExecutionEvent, StepEnd};
use crate::base::{BrokerId, Bytes, TopicPartition};
use crate::observe::Observation;
use crate::plan::Step;

impl Execution {
    /// Lets the pace follow what was measured, and gives up what grows faster than it may be copied.
    pub(super) fn set_pace(&mut self, seen: &Observation) {
        if !self.pace.throttles() {
            return;
        }
        let mut copies = Copies::default();
        for step in self.steps.iter().filter(|step| matches!(step.state, State::Copying { .. })) {
            copies.add(step, seen, self.pace.growth());
        }
        let at = self.at();
        let told: Vec<ExecutionEvent> = self.pace.look(at, seen, &copies);
        self.events.extend(told);
        for (partition, reason) in self.pace.outgrown(at, &copies) {
            let is_it = |step: &&mut StepRun| {
                matches!(step.state, State::Copying { .. }) && *step.partition() == partition
            };
            let why = reason.to_string();
            for step in self.steps.iter_mut().filter(is_it) {
                let then = StepEnd::Dropped { reason: reason.clone() };
                step.cancel(then, &why, at, &mut self.events);
            }
        }
    }

    /// Takes copies that have come near to their end off the throttle.
    pub(super) fn see_home(&mut self, seen: &Observation) {
        let copying = |step: &&mut StepRun| matches!(step.state, State::Copying { .. }) && !step.last_stretch;
        for step in self.steps.iter_mut().filter(copying) {
            let Some(lacking) = step.lacking else { continue };
            if let Some(ends) = step.last_ends(seen, &self.pace, lacking) {
                step.last_stretch = true;
                self.pace.spend(ends, lacking);
            }
        }
    }

    /// Whether all that a copy lacks, begun or not, is a last stretch.
    fn is_home(&self, step: &StepRun, seen: &Observation) -> bool {
        if matches!(step.state, State::Waiting { .. }) {
            let size = seen.partition(step.partition()).map(|partition| full_size(step, partition));
            return size.is_some_and(|size| step.last_ends(seen, &self.pace, size).is_some());
        }
        step.last_stretch
    }

    /// Whether throttles that cannot be seen are put back on the word of the cluster: when all else has ended and a
    /// part of the time for cleaning up has gone by, or nothing is waited for.
    pub(super) fn puts_back_unseen(&self) -> bool {
        let waited = |since| self.lived.at.saturating_sub(since);
        self.course.stop == Some(StopMode::Now)
            || self.clean_up_since.is_some_and(|since| waited(since) >= self.settings.clean_up_patience / 2)
    }

    /// The throttles that have to stand now: rates on everyone who takes part in what may be on its way, lists
    /// of exactly the replicas that send and those that are made, but for copies on their last stretch.
    pub(super) fn wanted(&self, seen: &Observation) -> Wanted {
        let mut wanted = Wanted::default();
        if self.course.stop == Some(StopMode::Now) {
            return wanted;
        }
        let is_alive = |id: &BrokerId| seen.brokers.get(id).is_some_and(|broker| broker.alive);
        let reach = self.reach();
        let left = |step: &&StepRun| step.wave <= reach && !step.is_settled();
        for step in self.steps.iter().filter(left) {
            if let Step::LogDir(step) = &step.step
                && let Some(rate) = self.pace.throttle(step.broker, RateOf::LogDirs)
                && is_alive(&step.broker)
            {
                wanted.rates.insert((step.broker, RateOf::LogDirs), rate);
            }
        }
        let listed =
            |step: &&StepRun| left(step) && step.added().next().is_some() && !self.is_home(step, seen);
        for step in self.steps.iter().filter(listed) {
            let (base, added): (Vec<_>, Vec<_>) = (step.base().to_vec(), step.added().collect());
            for (brokers, end) in [(&base, CopyEnd::Leader), (&added, CopyEnd::Follower)] {
                for broker in brokers.iter().filter(|broker| is_alive(broker)) {
                    if let Some(rate) = self.pace.throttle(*broker, end.into()) {
                        wanted.rates.insert((*broker, end.into()), rate);
                    }
                }
                if step.is_in_flight() && self.pace.throttles() {
                    let TopicPartition { topic, partition } = step.partition();
                    let list = wanted.lists.entry((topic.clone(), end)).or_default();
                    list.extend(brokers.iter().map(|broker| (*partition, *broker)));
                }
            }
        }
        wanted
    }
}

impl StepRun {
    /// Who sends what the running or next stage copies, and who takes it, where what it lacks is a last stretch. What
    /// nobody knows the size of is none.
    pub(super) fn last_ends(
        &self,
        seen: &Observation,
        pace: &Pace,
        lacking: Bytes,
    ) -> Option<(BrokerId, BrokerId)> {
        let partition = seen.partition(self.partition())?;
        partition.full_size_bytes()?;
        let onto = self.added().next().filter(|_| matches!(self.step, Step::Move(_)))?;
        Some((partition.leader?, onto)).filter(|ends| pace.is_last_stretch(*ends, lacking))
    }
}
