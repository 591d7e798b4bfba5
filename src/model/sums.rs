//! [`Sums`]: the load of each broker under an assignment, kept up to date as replicas move.

use super::{Assignment, BrokerOrd, ClusterModel, PartitionOrd, Resource};

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
            for broker in replicas {
                let leads = leader == Some(*broker);
                sums.add(*broker, &model.load_on(partition, *broker, leads, replicas.len()), 1.0);
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

    fn add(&mut self, broker: BrokerOrd, load: &[f64; Resource::COUNT], sign: f64) {
        for (sum, amount) in self.rows[broker.index()].iter_mut().zip(load) {
            *sum += sign * amount;
        }
    }

    /// Accounts for a replica that goes from one broker to another.
    pub fn move_replica(
        &mut self,
        model: &ClusterModel,
        partition: PartitionOrd,
        replication_factor: usize,
        leads: bool,
        from: BrokerOrd,
        to: BrokerOrd,
    ) {
        self.add(from, &model.load_on(partition, from, leads, replication_factor), -1.0);
        self.add(to, &model.load_on(partition, to, leads, replication_factor), 1.0);
    }

    /// Accounts for leadership that goes from one replica to another.
    pub fn move_leader(
        &mut self,
        model: &ClusterModel,
        partition: PartitionOrd,
        replication_factor: usize,
        from: BrokerOrd,
        to: BrokerOrd,
    ) {
        let leading = model.load(partition, true, replication_factor);
        let following = model.load(partition, false, replication_factor);
        self.add(from, &leading, -1.0);
        self.add(from, &following, 1.0);
        self.add(to, &following, -1.0);
        self.add(to, &leading, 1.0);
    }
}
