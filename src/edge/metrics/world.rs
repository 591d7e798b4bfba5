//! [`MeteredWorld`]: a world whose looks carry the loads that the brokers' metrics tell.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{MetricsError, Scraper};
use crate::base::TimestampMs;
use crate::config::MetricsSettings;
use crate::control::{Scope, World, WorldError};
use crate::execute::{Answer, Command};
use crate::observe::{GapKind, Observation, attribute};

/// Adds the metrics of the brokers to every full look of another world.
pub struct MeteredWorld<W> {
    inner: W,
    scraper: Scraper,
}

impl<W: World> MeteredWorld<W> {
    /// Wraps a world; asks nothing yet.
    ///
    /// # Errors
    /// The client cannot be set up.
    pub fn new(inner: W, settings: &MetricsSettings) -> Result<Self, MetricsError> {
        Ok(Self { inner, scraper: Scraper::new(settings)? })
    }
}

impl<W: World> World for MeteredWorld<W> {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        let mut observation = self.inner.observe(scope)?;
        // An execution looks at sizes and in-sync replicas, every few seconds; loads are a proposal's matter.
        if *scope == Scope::Full {
            enrich(&mut observation, &mut self.scraper);
        }
        Ok(observation)
    }

    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError> {
        self.inner.perform(command)
    }

    fn now(&self) -> TimestampMs {
        self.inner.now()
    }

    fn sleep(&mut self, duration: Duration) {
        self.inner.sleep(duration);
    }

    fn stop_requests(&self) -> u32 {
        self.inner.stop_requests()
    }

    fn is_leaving(&self) -> bool {
        self.inner.is_leaving()
    }
}

/// Asks the endpoints of all live brokers and shares what they tell out over the partitions.
fn enrich(observation: &mut Observation, scraper: &mut Scraper) {
    let alive = observation.brokers.iter().filter(|(_, broker)| broker.alive);
    let targets: BTreeMap<_, _> = alive.map(|(id, broker)| (*id, broker.host.clone())).collect();
    let told = scraper.scrape_all(&targets);
    // That the inner world told of no loads at all is no longer so; from here each broker answers for itself.
    observation.gaps.retain(|gap| {
        !(matches!(gap.kind, GapKind::NetworkLoad | GapKind::CpuLoad) && gap.subject.is_empty())
    });
    observation.gaps.extend(told.gaps);
    attribute(observation, &told.metrics);
}

#[cfg(test)]
#[path = "world_tests.rs"]
mod tests;
