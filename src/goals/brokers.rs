//! [`Brokers`]: which brokers a goal is about.

use crate::base::{BrokerId, RackId};
use crate::model::{BrokerOrd, ClusterModel};

/// Brokers by id and by rack; a broker that either names is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brokers {
    /// Brokers by id.
    pub ids: Vec<BrokerId>,
    /// All brokers of these racks.
    pub racks: Vec<RackId>,
}

impl Brokers {
    /// Whether a broker is meant.
    pub fn contains(&self, model: &ClusterModel, broker: BrokerOrd) -> bool {
        let row = &model.brokers[broker.index()];
        self.ids.contains(&row.id) || self.racks.contains(&model.racks[row.rack.index()])
    }

    /// By broker: whether it is meant.
    pub fn mask(&self, model: &ClusterModel) -> Vec<bool> {
        let in_racks: Vec<bool> = model.racks.iter().map(|rack| self.racks.contains(rack)).collect();
        let mut mask: Vec<bool> = model.brokers.iter().map(|broker| in_racks[broker.rack.index()]).collect();
        for broker in self.ids.iter().filter_map(|id| model.broker(*id)) {
            mask[broker.index()] = true;
        }
        mask
    }

    /// The brokers in words: `brokers 1, 2 and racks az-a`.
    pub fn in_words(&self) -> String {
        let list = |noun: &str, names: Vec<String>| match names.len() {
            0 => None,
            1 => Some(format!("{noun} {}", names[0])),
            _ => Some(format!("{noun}s {}", names.join(", "))),
        };
        let ids = list("broker", self.ids.iter().map(ToString::to_string).collect());
        let racks = list("rack", self.racks.iter().map(ToString::to_string).collect());
        match (ids, racks) {
            (Some(ids), Some(racks)) => format!("{ids} and {racks}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "no broker".to_owned(),
        }
    }
}
