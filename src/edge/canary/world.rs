//! [`CanaryWorld`]: a world whose looks, while something is carried out, carry what the canary measures.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::layout::missing;
use super::run::Canary;
use super::window::Measured;
use crate::base::{BrokerId, Millis, TopicName};
use crate::config::KafkaClientSettings;
use crate::control::{CANARY_TOPIC as TOPIC, Scope, World, WorldError, all_but_looking};
use crate::observe::{CanaryTimes, EndToEnd, Observation};

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
        add(observation, &canary.ask(leaders, lists));
    }
}

/// Writes into a look what was measured; of a broker that is down only what its records add to the whole.
fn add(observation: &mut Observation, measured: &Measured) {
    let mut brokers = Vec::new();
    for (id, times) in &measured.brokers {
        if let Some(broker) = observation.brokers.get_mut(id).filter(|broker| broker.alive) {
            broker.signals.latency.canary_p99_ms = millis(times.p99_now);
            brokers.extend(end_to_end((times.p50, times.p99)).map(|times| (*id, times)));
        }
    }
    let all = measured.all.and_then(end_to_end);
    observation.canary = all.map(|all| CanaryTimes { all, brokers });
}

fn millis(time: Duration) -> Option<Millis> {
    Millis::new(time.as_secs_f64() * 1_000.0).ok()
}

fn end_to_end((p50, p99): (Duration, Duration)) -> Option<EndToEnd> {
    Some(EndToEnd { p50_ms: millis(p50)?, p99_ms: millis(p99)? })
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

#[cfg(test)]
mod tests {
    use super::super::window::Times;
    use super::*;
    use crate::observe::SeenBroker;

    #[test]
    fn people_are_told_of_half_a_minute_and_the_pace_of_ten_seconds() {
        let ms = Duration::from_millis;
        let broker = |alive| SeenBroker { alive, ..SeenBroker::default() };
        let mut seen = Observation {
            brokers: [(BrokerId(1), broker(true)), (BrokerId(2), broker(false))].into(),
            ..Observation::default()
        };
        let times = Times { p50: ms(4), p99: ms(9), p99_now: ms(30) };
        let brokers = [(BrokerId(1), times), (BrokerId(2), times)].into();
        add(&mut seen, &Measured { brokers, all: Some((ms(5), ms(12))) });
        let signals = seen.brokers[&BrokerId(1)].signals.latency;
        assert_eq!(signals.canary_p99_ms.map(Millis::get), Some(30.0));
        let told = seen.canary.as_ref().expect("it was measured");
        assert_eq!((told.all.p50_ms.get(), told.all.p99_ms.get()), (5.0, 12.0));
        assert_eq!(told.brokers.len(), 1, "who is down has no latency: {told:?}");
        assert_eq!((told.brokers[0].1.p50_ms.get(), told.brokers[0].1.p99_ms.get()), (4.0, 9.0));
        add(&mut seen, &Measured::default());
        assert_eq!(seen.canary, None, "what is no longer measured is not told");
    }
}
