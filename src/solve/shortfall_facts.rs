//! What is said of several goals and takes a look at every partition: worked out once, when it is first asked for.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::shortfall::{forced_copies, real};
use crate::goals::Standing;
use crate::model::{ClusterModel, Health, PartitionOrd, Resource};

/// By [`Resource::index`]: the least and the most that has to stand, or can stand, in a rack.
type Forced = [(f64, f64); Resource::COUNT];

/// What goals that are not met have in common.
pub(super) struct Facts<'a> {
    standing: Standing<'a>,
    forced: OnceCell<Vec<Forced>>,
    largest: OnceCell<Option<[(PartitionOrd, f64); Resource::COUNT]>>,
    unhealthy: OnceCell<Vec<PartitionOrd>>,
}

impl<'a> Facts<'a> {
    pub fn new(standing: Standing<'a>) -> Self {
        Self { standing, forced: OnceCell::new(), largest: OnceCell::new(), unhealthy: OnceCell::new() }
    }

    pub fn model(&self) -> &'a ClusterModel {
        self.standing.model
    }

    /// By rack: [`forced_loads`].
    pub fn forced(&self, resource: Resource) -> impl Iterator<Item = (f64, f64)> {
        let of_all = || forced_loads_of_all(self.standing.model, self.standing.counts);
        self.forced.get_or_init(of_all).iter().map(move |of_rack| of_rack[resource.index()])
    }

    /// The partition of which one replica weighs most, the first of those that weigh the same.
    pub fn largest(&self, resource: Resource) -> Option<(PartitionOrd, f64)> {
        let Standing { model, assignment, .. } = self.standing;
        let largest = self.largest.get_or_init(|| {
            let weight = |partition| model.load(partition, true, assignment.replicas(partition).len());
            let first = model.partition_ords().next()?;
            let mut largest = weight(first).map(|load| (first, load));
            for partition in model.partition_ords() {
                for ((of, most), load) in largest.iter_mut().zip(weight(partition)) {
                    if load > *most {
                        (*of, *most) = (partition, load);
                    }
                }
            }
            Some(largest)
        });
        largest.as_ref().map(|largest| largest[resource.index()])
    }

    /// The partitions that cannot be moved freely.
    pub fn unhealthy(&self) -> &[PartitionOrd] {
        let model = self.standing.model;
        let ails = |partition: &PartitionOrd| model.partitions[partition.index()].health != Health::Healthy;
        self.unhealthy.get_or_init(|| model.partition_ords().filter(ails).collect())
    }
}

/// What has to stand in each rack at least, and what can at most, of a resource: for each partition its forced copies
/// times what a replica weighs. For the least what it weighs at least, so that it holds wherever leaders are.
pub fn forced_loads(model: &ClusterModel, counts: &[bool], resource: Resource) -> Vec<(f64, f64)> {
    let of_all = forced_loads_of_all(model, counts);
    of_all.into_iter().map(|of_rack| of_rack[resource.index()]).collect()
}

fn forced_loads_of_all(model: &ClusterModel, counts: &[bool]) -> Vec<Forced> {
    // By replication factor, in sum over its partitions: what a replica weighs at least, what one follower does, and what
    // the heavier of leader and follower does.
    let mut by_factor: BTreeMap<usize, [[f64; Resource::COUNT]; 3]> = BTreeMap::new();
    for partition in model.partition_ords() {
        let factor = model.placement.replicas(partition).len();
        let follower = model.load(partition, false, factor);
        let leader = model.load(partition, true, factor);
        let lightest = model.least_load(partition, factor);
        let [lightest_sum, followers, heaviest] =
            by_factor.entry(factor).or_insert([[0.0; Resource::COUNT]; 3]);
        for r in 0..Resource::COUNT {
            lightest_sum[r] += lightest[r];
            followers[r] += follower[r];
            heaviest[r] += leader[r].max(follower[r]);
        }
    }
    let per_rack = model.brokers_per_rack(|broker| counts[broker.index()]);
    let mut loads = vec![[(0.0, 0.0); Resource::COUNT]; per_rack.len()];
    for (factor, [lightest, followers, heaviest]) in by_factor {
        for (of_rack, (must, can)) in loads.iter_mut().zip(forced_copies(factor, &per_rack)) {
            for (r, (least, most)) in of_rack.iter_mut().enumerate() {
                *least += real(must) * lightest[r];
                if can > 0 {
                    *most += heaviest[r] + real(can - 1) * followers[r];
                }
            }
        }
    }
    loads
}
