//! How long the copying of a plan takes: a [`Course`] from its beginning, at the throttle assumed.

use super::course::{Chain, Course, Habits, Place};
use super::rooms::{Rooms, WaveSums};
use super::schedule::count;
use super::waves::{Pending, throttle};
use super::{PlanLimits, Step};
use crate::base::Bytes;
use crate::model::{BrokerOrd, ClusterModel, Sums};

/// The cluster is looked at about once a second.
const LOOK_S: f64 = 1.0;

/// A plan of days is reckoned in steps of that share of the least that it can take.
const LOOKS: f64 = 2_000.0;

/// Copies that the executor has on the way at once, over all brokers.
const IN_FLIGHT: usize = 500;

/// Seconds that the waves take at the throttle assumed.
pub(super) fn forecast(
    model: &ClusterModel,
    sums: &Sums,
    waves: &[Vec<&Pending>],
    limits: &PlanLimits,
) -> f64 {
    let mut rooms = Rooms::of_model(model, sums, limits);
    let mut chains = Vec::new();
    for (wave, steps) in waves.iter().enumerate() {
        rooms.push(&wave_sums(model, steps));
        chains.extend(steps.iter().filter_map(|pending| chain(model, wave, pending)));
    }
    let throttle = throttle(limits);
    let place =
        |broker| Place { broker, throttle: (throttle, throttle), left_bytes: 0.0, fill: rooms.fill(broker) };
    let places = model.brokers.iter().map(|broker| place(broker.id)).collect();
    let habits = Habits {
        moves_per_broker: limits.moves_per_broker,
        moves: IN_FLIGHT,
        look_s: LOOK_S,
        steps_most: LOOKS,
        strictly: false,
    };
    Course::new(&rooms, places, chains, habits).seconds()
}

/// The copies of a step; nothing where it makes none.
fn chain(model: &ClusterModel, wave: usize, pending: &Pending) -> Option<Chain> {
    let Step::Move(step) = &pending.step else { return None };
    let mut copies = Vec::new();
    let mut base = &step.from;
    let mut source = pending.source;
    for stage in &step.stages {
        let source_id = source.map(|source| model.brokers[source.index()].id);
        // A leader that has left has handed over to the first of the list.
        if source_id.is_some_and(|id| !base.contains(&id)) {
            source = base.first().and_then(|id| model.broker(*id));
        }
        let added = stage.iter().filter(|id| !base.contains(id)).filter_map(|id| model.broker(*id));
        copies.extend(added.map(|onto| (source.map(BrokerOrd::index), onto.index())));
        base = stage;
    }
    let grows_per_s = model.partitions[pending.partition.index()].produce_bytes_per_s;
    let followers = model.placement.replicas(pending.partition).len().saturating_sub(1);
    (!copies.is_empty()).then(|| Chain {
        wave,
        repairs: pending.repairs,
        size_bytes: pending.size,
        lacking_bytes: None,
        copies,
        leaves: pending.removed.iter().map(|(broker, bytes)| (broker.index(), *bytes)).collect(),
        grows_per_s,
        fetched_per_s: grows_per_s * count(followers),
    })
}

fn wave_sums(model: &ClusterModel, steps: &[&Pending]) -> WaveSums {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "built from `Bytes`")]
    let whole = |bytes: f64| Bytes(bytes as u64);
    let id = |broker: &BrokerOrd| model.brokers[broker.index()].id;
    let mut sums = WaveSums::default();
    for pending in steps {
        for broker in &pending.added {
            *sums.arrives.entry(id(broker)).or_default() += whole(pending.size);
            if let Some(source) = &pending.source {
                *sums.sent.entry(id(source)).or_default() += whole(pending.size);
            }
        }
        for (broker, bytes) in &pending.removed {
            *sums.leaves.entry(id(broker)).or_default() += whole(*bytes);
        }
    }
    sums
}
