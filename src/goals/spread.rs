//! Rule `spread`: replicas of a partition over distinct values of a broker attribute.

use super::{Standing, Verdict, Violation};
use crate::model::promises::{best_rack_spread, rack_spread};

/// What replicas are spread over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// `broker.rack`.
    Rack,
    /// The machine that the broker runs on, by its advertised host name.
    Host,
}

/// Replicas of each partition stand on distinct racks; where there are fewer racks than replicas, as evenly as possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    /// What they are spread over.
    pub over: Attribute,
    /// The topics.
    pub topics: super::Topics,
}

impl Spread {
    /// Judges a placement: each partition against the best spread that the brokers that count allow.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        let model = standing.model;
        let per_rack = model.brokers_per_rack(|broker| standing.counts[broker.index()]);
        let rack_of = |broker: crate::model::BrokerOrd| {
            // The rack of a dead broker is known to be lost for now, but it comes back with the broker.
            Some(model.rack_of(broker))
        };
        let mut found = Vec::new();
        for partition in model.partition_ords() {
            let replicas = standing.assignment.replicas(partition);
            let spread = rack_spread(replicas, rack_of);
            let best = best_rack_spread(replicas.len(), &per_rack);
            if spread.is_worse_than(best) {
                let lacking = best.distinct_racks.saturating_sub(spread.distinct_racks);
                let text = format!("stands on {spread}; {best} can be had");
                #[expect(clippy::cast_precision_loss, reason = "a handful of racks")]
                let badness = lacking as f64;
                found.push((badness, Violation { subject: model.name(partition).to_string(), text }));
            }
        }
        Verdict::of(found)
    }
}
