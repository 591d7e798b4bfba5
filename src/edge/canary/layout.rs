//! Where the replicas of the canary's partitions stand: a partition for each broker, led by it.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{BrokerId, RackId};

/// Replicas of a partition, where there are as many brokers: clients' records wait for as many.
const REPLICAS: usize = 3;

/// The lists of partitions to be made so that each of `brokers` is the preferred leader of one. `led` are those that
/// are already.
pub(super) fn missing(brokers: &BTreeMap<BrokerId, RackId>, led: &BTreeSet<BrokerId>) -> Vec<Vec<BrokerId>> {
    brokers.keys().filter(|broker| !led.contains(broker)).map(|broker| list(*broker, brokers)).collect()
}

/// A leader, and after it the next brokers: first those on racks that are not there yet.
fn list(leader: BrokerId, brokers: &BTreeMap<BrokerId, RackId>) -> Vec<BrokerId> {
    let after = brokers.range(leader..).skip(1).chain(brokers.range(..leader));
    let others: Vec<(BrokerId, &RackId)> = after.map(|(id, rack)| (*id, rack)).collect();
    let mut list = vec![leader];
    let mut racks: BTreeSet<&RackId> = brokers.get(&leader).into_iter().collect();
    for new_racks_only in [true, false] {
        for (id, rack) in &others {
            if list.len() < REPLICAS && !list.contains(id) && (!new_racks_only || racks.insert(rack)) {
                list.push(*id);
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brokers(racks: &[(i32, &str)]) -> BTreeMap<BrokerId, RackId> {
        racks.iter().map(|(id, rack)| (BrokerId(*id), RackId::from(*rack))).collect()
    }

    fn plain(lists: &[Vec<BrokerId>]) -> Vec<Vec<i32>> {
        lists.iter().map(|list| list.iter().map(|id| id.0).collect()).collect()
    }

    #[test]
    fn every_broker_leads_one_that_stands_on_as_many_racks_as_there_are() {
        let six = brokers(&[(1, "a"), (2, "a"), (3, "b"), (4, "b"), (5, "c"), (6, "c")]);
        let lists = missing(&six, &BTreeSet::new());
        assert_eq!(plain(&lists), [[1, 3, 5], [2, 3, 5], [3, 5, 1], [4, 5, 1], [5, 1, 3], [6, 1, 3]]);
        let led = [1, 2, 3, 4, 5].map(BrokerId).into();
        assert_eq!(plain(&missing(&six, &led)), [[6, 1, 3]], "a broker has joined");
    }

    #[test]
    fn fewer_racks_and_fewer_brokers_will_do() {
        let one_rack = brokers(&[(1, "a"), (2, "a"), (3, "a"), (4, "a")]);
        assert_eq!(plain(&missing(&one_rack, &BTreeSet::new()))[3], [4, 1, 2]);
        assert_eq!(plain(&missing(&brokers(&[(7, "a")]), &BTreeSet::new())), [[7]]);
    }
}
