//! Rule `spread`: replicas of a partition over distinct values of a broker attribute.

use super::{Standing, Topics, Verdict, Violation};
use crate::model::promises::{RackSpread, best_rack_spread};
use crate::model::{BrokerOrd, ClusterModel};

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
    pub topics: Topics,
}

impl Attribute {
    /// The position of a broker's rack or host.
    fn of(self, model: &ClusterModel, broker: BrokerOrd) -> usize {
        match self {
            Self::Rack => model.rack_of(broker).index(),
            Self::Host => model.host_of(broker).index(),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Rack => "rack",
            Self::Host => "host",
        }
    }
}

impl Spread {
    /// Judges a placement: each partition against the best spread that the brokers that count allow. The measure is
    /// that of [`crate::model::promises::rack_spread`], with hosts for racks where the rule says so.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        let model = standing.model;
        // The rack of a dead broker is known to be lost for now, but it comes back with the broker.
        let domain: Vec<usize> = model.broker_ords().map(|broker| self.over.of(model, broker)).collect();
        let domains = domain.iter().max().map_or(0, |last| last + 1);
        let mut brokers_per_domain = vec![0; domains];
        for broker in standing.brokers() {
            brokers_per_domain[domain[broker.index()]] += 1;
        }
        let mut best = Best { brokers_per_domain, by_factor: Vec::new() };
        // How many replicas of the partition at hand stand on each domain; all 0 between two partitions.
        let mut counts = vec![0_u16; domains];
        let mut found = Vec::new();
        for partition in self.topics.of(model).flat_map(|topic| model.partitions_of(topic)) {
            let replicas = standing.assignment.replicas(partition);
            let (mut distinct, mut largest) = (0, 0);
            for broker in replicas {
                let count = &mut counts[domain[broker.index()]];
                distinct += usize::from(*count == 0);
                *count += 1;
                largest = largest.max(*count);
            }
            for broker in replicas {
                counts[domain[broker.index()]] = 0;
            }
            let spread = RackSpread {
                distinct_racks: distinct,
                left_without_worst_rack: replicas.len() - usize::from(largest),
            };
            let best = best.of(replicas.len());
            if spread.is_worse_than(best) {
                let lacking = best.distinct_racks.saturating_sub(spread.distinct_racks);
                #[expect(clippy::cast_precision_loss, reason = "a handful of racks")]
                found.push((lacking as f64, (partition, spread, best)));
            }
        }
        Verdict::worst_of(found, |(partition, spread, best)| Violation {
            subject: model.name(partition).to_string(),
            text: format!("stands on {}; {} can be had", self.show(spread), self.show(best)),
        })
    }

    fn show(&self, spread: RackSpread) -> String {
        let noun = self.over.noun();
        let RackSpread { distinct_racks, left_without_worst_rack } = spread;
        format!("{distinct_racks} {noun}s, {left_without_worst_rack} replicas left without the worst {noun}")
    }

    /// The rule in words.
    pub fn in_words(&self) -> String {
        let noun = self.over.noun();
        let whose = self.topics.in_words().map_or_else(String::new, |topics| format!(" of {topics}"));
        format!("replicas of a partition{whose} on distinct {noun}s, or as evenly as can be")
    }
}

/// The best spread for each replication factor, worked out once.
struct Best {
    brokers_per_domain: Vec<usize>,
    by_factor: Vec<Option<RackSpread>>,
}

impl Best {
    fn of(&mut self, replication_factor: usize) -> RackSpread {
        if self.by_factor.len() <= replication_factor {
            self.by_factor.resize(replication_factor + 1, None);
        }
        let best = &mut self.by_factor[replication_factor];
        *best.get_or_insert_with(|| best_rack_spread(replication_factor, &self.brokers_per_domain))
    }
}

#[cfg(test)]
#[path = "spread_tests.rs"]
mod tests;
