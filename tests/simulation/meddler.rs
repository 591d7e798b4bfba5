//! [`Meddler`]: the simulated world, with things going wrong at their times.

use std::time::Duration;

use evenkeel::base::TimestampMs;
use evenkeel::control::{Scope, World, WorldError};
use evenkeel::edge::sim::SimWorld;
use evenkeel::execute::{Answer, Command};
use evenkeel::observe::Observation;

use crate::scenario::{Scenario, Trouble};

pub struct Meddler {
    pub sim: SimWorld,
    blind: Vec<(Duration, Duration)>,
    deletions: Vec<(Duration, evenkeel::base::TopicName)>,
    began: Duration,
    pub start_at: TimestampMs,
}

impl Meddler {
    pub fn new(scenario: &Scenario) -> Self {
        let mut sim = SimWorld::new(&scenario.spec).unwrap();
        let (mut blind, mut deletions) = (Vec::new(), Vec::new());
        for trouble in &scenario.faults {
            match trouble {
                Trouble::Fault(at, fault) => sim.cluster_mut().inject_after(*at, fault.clone()),
                Trouble::Blind(at, long) => blind.push((*at, *at + *long)),
                Trouble::Delete(at, topic) => deletions.push((*at, topic.clone())),
            }
        }
        for stop in &scenario.stops {
            sim.stop_after(*stop);
        }
        let began = sim.cluster().elapsed();
        let start_at = sim.now();
        Self { sim, blind, deletions, began, start_at }
    }

    /// A full look, whatever goes wrong.
    pub fn look(&mut self) -> Observation {
        self.sim.cluster().observe(true, None)
    }

    pub fn time(&self) -> TimestampMs {
        self.sim.now()
    }

    fn lived(&self) -> Duration {
        self.sim.cluster().elapsed().saturating_sub(self.began)
    }

    fn meddle(&mut self) -> Result<(), WorldError> {
        let now = self.lived();
        let due: Vec<_> = self.deletions.iter().filter(|(at, _)| *at <= now).cloned().collect();
        self.deletions.retain(|(at, _)| *at > now);
        for (_, topic) in due {
            // Gone already, or with a reassignment on: what Kafka says of it does not matter here.
            let deleted = self.sim.cluster_mut().delete_topic(&topic);
            drop(deleted);
        }
        if self.blind.iter().any(|(from, to)| (*from..*to).contains(&now)) {
            return Err(WorldError::unreachable("the cable is out"));
        }
        Ok(())
    }
}

impl World for Meddler {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        self.meddle()?;
        self.sim.observe(scope)
    }

    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError> {
        self.meddle()?;
        self.sim.perform(command)
    }

    fn now(&self) -> TimestampMs {
        self.sim.now()
    }

    fn sleep(&mut self, duration: Duration) {
        self.sim.sleep(duration);
    }

    fn stop_requests(&self) -> u32 {
        self.sim.stop_requests()
    }
}
