//! From one replica list to another, one new replica at a time, with rack spread never worse on the way.

use crate::model::{BrokerOrd, ClusterModel};

/// The lists to go through; the last one is `target`. Each adds at most one replica to the one before, in exchange
/// for one that goes. `None` when no order keeps rack spread, or the lists differ in length.
pub(super) fn stages(
    model: &ClusterModel,
    from: &[BrokerOrd],
    leader: Option<BrokerOrd>,
    target: &[BrokerOrd],
) -> Option<Vec<Vec<BrokerOrd>>> {
    if from.len() != target.len() {
        return None;
    }
    let mut list = from.to_vec();
    let mut stages = Vec::new();
    loop {
        let going: Vec<BrokerOrd> = list.iter().copied().filter(|broker| !target.contains(broker)).collect();
        let coming: Vec<BrokerOrd> = target.iter().copied().filter(|broker| !list.contains(broker)).collect();
        if going.len() <= 1 {
            if let (Some(out), Some(into)) = (going.first(), coming.first()) {
                worsening(model, &list, *out, *into)?;
            }
            stages.push(target.to_vec());
            return Some(stages);
        }
        // Dead replicas first, for that is the repair; the leader last, for everything is copied from it.
        let (out, into) = going
            .iter()
            .flat_map(|out| coming.iter().map(move |into| (*out, *into)))
            .filter_map(|(out, into)| {
                let crowding = worsening(model, &list, out, into)?;
                let alive = model.brokers[out.index()].alive;
                Some(((alive, leader == Some(out), crowding, out, into), (out, into)))
            })
            .min_by_key(|(key, _)| *key)
            .map(|(_, pair)| pair)?;
        let place = list.iter().position(|broker| *broker == out)?;
        list[place] = into;
        // Whoever leads in the end leads as soon as it can; until then the leader stays.
        let first = target.first().filter(|first| list.contains(first)).copied();
        let first = first.or(leader.filter(|leader| list.contains(leader)));
        if let Some(at) = first.and_then(|first| list.iter().position(|broker| *broker == first)) {
            list[..=at].rotate_right(1);
        }
        stages.push(list.clone());
    }
}

/// How much more crowded racks are when `into` replaces `out` (0 or less); `None` when spread would get worse.
/// A dead replica protects nothing, so replacing it cannot make anything worse.
fn worsening(model: &ClusterModel, list: &[BrokerOrd], out: BrokerOrd, into: BrokerOrd) -> Option<isize> {
    let others = |rack| {
        let alive = |broker: &&BrokerOrd| model.brokers[broker.index()].alive && **broker != out;
        list.iter().filter(alive).filter(|broker| model.rack_of(**broker) == rack).count()
    };
    let (left, entered) = (others(model.rack_of(out)), others(model.rack_of(into)));
    let change = entered.cast_signed() - left.cast_signed();
    (change <= 0 || !model.brokers[out.index()].alive).then_some(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BrokerId;
    use crate::observe::{Observation, SeenBroker};

    /// Brokers 0 to 8 on racks 0, 1, 2, 0, 1, 2, ...; broker 8 is down.
    fn model() -> ClusterModel {
        let mut observation = Observation::default();
        for id in 0..9 {
            let rack = Some(format!("r{}", id % 3).into());
            let broker = SeenBroker { rack, alive: id != 8, ..SeenBroker::default() };
            observation.brokers.insert(BrokerId(id), broker);
        }
        ClusterModel::build(&observation).unwrap()
    }

    fn through(from: [u32; 3], leader: u32, target: [u32; 3]) -> Option<Vec<Vec<u32>>> {
        let ords = |list: [u32; 3]| list.map(BrokerOrd);
        let stages = stages(&model(), &ords(from), Some(BrokerOrd(leader)), &ords(target))?;
        Some(stages.into_iter().map(|stage| stage.into_iter().map(|broker| broker.0).collect()).collect())
    }

    #[test]
    fn one_replica_at_a_time_in_its_own_rack_and_the_leader_last() {
        assert_eq!(through([0, 1, 2], 0, [3, 4, 2]).unwrap(), [[0, 4, 2], [3, 4, 2]]);
        assert_eq!(through([0, 1, 2], 1, [5, 4, 3]).unwrap(), [[1, 3, 2], [5, 1, 3], [5, 4, 3]]);
    }

    #[test]
    fn a_new_order_is_one_stage() {
        assert_eq!(through([0, 1, 2], 1, [1, 0, 2]).unwrap(), [[1, 0, 2]]);
    }

    #[test]
    fn dead_replicas_go_first() {
        assert_eq!(through([0, 1, 8], 0, [3, 1, 2]).unwrap(), [[0, 1, 2], [3, 1, 2]]);
    }

    #[test]
    fn a_worse_spread_has_no_way() {
        assert_eq!(through([0, 1, 2], 0, [0, 1, 4]), None);
    }
}
