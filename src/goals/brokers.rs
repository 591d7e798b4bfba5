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
}
