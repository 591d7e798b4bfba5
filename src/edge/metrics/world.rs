//! [`MeteredWorld`]: a world whose looks carry what the brokers' metrics tell.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::MetricsError;
use super::pulse::{Pulse, targets};
use super::reporter::Reporter;
use super::source::{Source as _, Sources};
use crate::base::TopicPartition;
use crate::config::{CapacitySettings, KafkaClientSettings, MetricsSettings};
use crate::control::{Scope, World, WorldError, all_but_looking};
use crate::observe::{GapKind, Observation, attribute};

/// How often sources are asked while an execution runs, unless something else is set.
const INTERVAL: Duration = Duration::from_secs(5);

/// Adds the metrics of the brokers to the looks of another world: loads to full ones, which wait for them, and to those
/// of an execution what brokers' clients feel and take just now, as it was told last.
pub struct MeteredWorld<W> {
    inner: W,
    sources: Arc<Mutex<Sources>>,
    pulse: Pulse,
}

impl<W: World> MeteredWorld<W> {
    /// Wraps a world; asks nothing yet.
    ///
    /// # Errors
    /// The client cannot be set up.
    pub fn new(inner: W, settings: &MetricsSettings) -> Result<Self, MetricsError> {
        let sources = Arc::new(Mutex::new(Sources::new(settings)?));
        Ok(Self { inner, pulse: Pulse::new(Arc::clone(&sources) as _, INTERVAL), sources })
    }

    /// Reads besides the topic of Cruise Control's metrics reporter, with the client and the capacities of the cluster.
    #[must_use]
    pub fn with_reporter_topic(
        self,
        topic: &str,
        client: &KafkaClientSettings,
        capacity: &CapacitySettings,
    ) -> Self {
        let reporter = Reporter::new(topic, client, capacity);
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(reporter);
        self
    }

    /// Asks so often while an execution runs.
    #[must_use]
    pub fn with_interval(mut self, interval: Option<Duration>) -> Self {
        self.pulse.set_interval(interval.unwrap_or(INTERVAL));
        self
    }

    /// Asks for all live brokers and shares what is told out over the partitions.
    fn enrich(&mut self, observation: &mut Observation) {
        let told = self.sources.lock().unwrap_or_else(PoisonError::into_inner).ask(&targets(observation));
        // That the inner world told of no loads at all is no longer so; from here each broker answers for itself.
        observation.gaps.retain(|gap| {
            !(matches!(gap.kind, GapKind::NetworkLoad | GapKind::CpuLoad) && gap.subject.is_empty())
        });
        observation.gaps.extend(told.gaps);
        attribute(observation, &told.metrics);
        self.pulse.full_look(observation, told.metrics);
    }
}

impl<W: World> World for MeteredWorld<W> {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        let mut observation = self.inner.observe(scope)?;
        match scope {
            Scope::Full => self.enrich(&mut observation),
            Scope::Execution(partitions) => {
                let partitions: Vec<TopicPartition> = partitions.iter().cloned().collect();
                self.pulse.look(&mut observation, &partitions);
            }
        }
        Ok(observation)
    }

    all_but_looking!(self => self.inner);
}

#[cfg(test)]
#[path = "world_tests.rs"]
mod tests;
