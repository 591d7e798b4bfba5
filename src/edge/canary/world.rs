//! [`CanaryWorld`]: a world whose looks, while something is carried out, carry what the canary measures.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::missing;
use super::run::Canary;
use crate::base::{BrokerId, Millis, TopicName};
use crate::config::KafkaClientSettings;
use crate::control::{CANARY_TOPIC as TOPIC, Scope, World, WorldError, all_but_looking};
use crate::observe::Observation;

/// Adds what the canary measures to the looks of an execution.
pub struct CanaryWorld<W> {
    inner: W,
    client: KafkaClientSettings,
    canary: Option<Canary>,
}

impl<W: World> CanaryWorld<W> {
    /// Wraps a world; the canary begins with the first look of an execution.
    pub fn new(inner: W, client: &KafkaClientSettings) -> Self {
        Self { inner, client: client.clone(), canary: None }
    }

    fn ask(&mut self, observation: &mut Observation) {
        if self.canary.as_ref().is_none_or(Canary::has_ended) {
            match Canary::start(&self.client) {
                Ok(canary) => self.canary = Some(canary),
                Err(error) => return tracing::warn!("the canary cannot begin: {error}"),
            }
        }
        let Some(canary) = &self.canary else { return };
        let topic = observation.topics.get(&TopicName::from(TOPIC));
        let partitions = || topic.into_iter().flat_map(|topic| &topic.partitions);
        let leaders: BTreeMap<i32, BrokerId> =
            partitions().filter_map(|partition| Some((partition.id, partition.leader?))).collect();
        let led: BTreeSet<BrokerId> =
            partitions().filter_map(|partition| partition.replicas.first().copied()).collect();
        let alive = observation.alive().map(|id| (id, observation.rack_of(id))).collect();
        // While a partition has no leader, what is there is not known well enough to add to it.
        let all_led = leaders.len() == partitions().count();
        let lists = if all_led { missing(&alive, &led) } else { Vec::new() };
        for (id, times) in canary.ask(leaders, lists) {
            if let Some(broker) = observation.brokers.get_mut(&id).filter(|broker| broker.alive) {
                broker.signals.latency.canary_p99_ms =
                    Millis::new(times.p99_now.as_secs_f64() * 1_000.0).ok();
            }
        }
    }
}

impl<W: World> World for CanaryWorld<W> {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        let mut observation = self.inner.observe(scope)?;
        match scope {
            Scope::Full => {}
            Scope::Execution(_) => self.ask(&mut observation),
        }
        Ok(observation)
    }

    all_but_looking!(self => self.inner);
}
