//! Which throttles have to stand, and at which pace: what the ledger is asked for.

use super::StopMode;
use super::execution::Execution;
use super::home_stretch::{Flows, is_home};
use super::pace::{Copies, whole};
use super::step_run::{State, StepRun};
use super::throttle::{CopyEnd, RateOf, Wanted};
use super::{ExecutionEvent, StepEnd};
use crate::base::{BrokerId, TopicPartition};
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

    /// Whether throttles that cannot be seen are put back on the word of the cluster: when all else has ended and a
    /// part of the time for cleaning up has gone by, or nothing is waited for.
    pub(super) fn puts_back_unseen(&self) -> bool {
        let waited = |since| self.lived.at.saturating_sub(since);
        self.course.stop == Some(StopMode::Now)
            || self.clean_up_since.is_some_and(|since| waited(since) >= self.settings.clean_up_patience / 2)
    }

    /// The throttles that have to stand now: rates on everyone who takes part in what may be on its way, lists
    /// of exactly the replicas that send and of those that are made and are not about to be in sync.
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
                && let Some(rate) = self.pace.rate(step.broker, RateOf::LogDirs)
                && is_alive(&step.broker)
            {
                wanted.rates.insert((step.broker, RateOf::LogDirs), rate);
            }
        }
        let copies = |step: &&StepRun| left(step) && step.added().next().is_some();
        let copies: Vec<&StepRun> = self.steps.iter().filter(copies).collect();
        let flows = self.flows(&copies, seen);
        for step in copies {
            for broker in step.base().iter().copied().filter(is_alive) {
                if let Some(rate) = self.sending_rate(broker, &flows) {
                    wanted.rates.insert((broker, RateOf::Leader), rate);
                }
            }
            for broker in step.added().filter(is_alive) {
                if let Some(rate) = self.pace.rate(broker, RateOf::Follower) {
                    let rate = whole(flows.takes_at_most(broker, rate));
                    wanted.rates.insert((broker, RateOf::Follower), rate);
                }
            }
            if step.is_in_flight() && self.pace.throttles() {
                let TopicPartition { topic, partition } = step.partition();
                let far = step.added().filter(|receiver| !self.is_home(step, *receiver, seen));
                let ends = [(step.base().to_vec(), CopyEnd::Leader), (far.collect(), CopyEnd::Follower)];
                for (brokers, end) in ends.into_iter().filter(|(brokers, _)| !brokers.is_empty()) {
                    let list = wanted.lists.entry((topic.clone(), end)).or_default();
                    list.extend(brokers.iter().map(|broker| (*partition, *broker)));
                }
            }
        }
        wanted
    }

    /// Whether a copy is limited at its sender only, for it may end before the next look.
    fn is_home(&self, step: &StepRun, receiver: BrokerId, seen: &Observation) -> bool {
        let rate = self.pace.rate(receiver, RateOf::Follower);
        rate.is_some_and(|rate| is_home(step, receiver, rate, seen))
    }

    /// What is copied between which brokers now.
    fn flows(&self, copies: &[&StepRun], seen: &Observation) -> Flows {
        let mut flows = Flows::default();
        for step in copies.iter().filter(|step| step.is_in_flight()) {
            let Some(sender) = seen.partition(step.partition()).and_then(|partition| partition.leader) else {
                continue;
            };
            for receiver in step.added() {
                flows.add(sender, receiver, self.is_home(step, receiver, seen));
            }
        }
        flows
    }

    /// The rate of a leader's throttle: its own pace, and no more than its receivers may take; but always what is
    /// written to the copies meanwhile, or they would never end.
    fn sending_rate(&self, broker: BrokerId, flows: &Flows) -> Option<u64> {
        let rate = self.pace.rate(broker, RateOf::Leader)?;
        let at_most = flows.sends_at_most(broker, |receiver| self.pace.rate(receiver, RateOf::Follower));
        Some(at_most.map_or(rate, |at_most| rate.min(whole(at_most + self.pace.floor_of_sending(broker)))))
    }
}
