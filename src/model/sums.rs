//! [`Sums`]: the load of each broker under an assignment, kept up to date as replicas move.

use super::{Assignment, BrokerOrd, ClusterModel, Resource};

/// Load of each broker by [`Resource::index`]. Disk is what replicas take; [`super::Broker::other_disk_bytes`] is apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Sums {
    rows: Vec<[f64; Resource::COUNT]>,
}

impl Sums {
    /// Adds up the loads of an assignment.
    pub fn new(model: &ClusterModel, assignment: &Assignment) -> Self {
        let mut sums = Self { rows: vec![[0.0; Resource::COUNT]; model.brokers.len()] };
        for partition in model.partition_ords() {
            let replicas = assignment.replicas(partition);
            let leader = assignment.leader(partition);
            let mut loads = [false, true].map(|leads| model.load(partition, leads, replicas.len()));
            for broker in replicas {
                let load = &mut loads[usize::from(leader == Some(*broker))];
                if !model.own_sizes.is_empty() {
                    load[Resource::Disk.index()] = model.size_on(partition, *broker);
                }
                sums.add(*broker, load);
            }
        }
        sums
    }

    /// The load of a broker.
    pub fn get(&self, broker: BrokerOrd, resource: Resource) -> f64 {
        self.rows[broker.index()][resource.index()]
    }

    /// The whole row of a broker.
    pub fn row(&self, broker: BrokerOrd) -> &[f64; Resource::COUNT] {
        &self.rows[broker.index()]
    }

    /// Adds to (or, with negative amounts, takes from) a broker.
    pub fn add(&mut self, broker: BrokerOrd, load: &[f64; Resource::COUNT]) {
        let row = &mut self.rows[broker.index()];
        for r in 0..Resource::COUNT {
            row[r] += load[r];
        }
    }
}
