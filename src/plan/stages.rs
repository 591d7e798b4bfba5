//! From one replica list to another, one new replica at a time, with rack spread never worse on the way.

use crate::model::promises::{rack_spread, spread_kept};
use crate::model::{BrokerOrd, ClusterModel};

/// The lists to go through; the last one is `target`. Each adds at most one replica to the one before, in exchange
/// for one that goes where the lists are equally long. `None` when no order keeps rack spread.
pub(super) fn stages(
    model: &ClusterModel,
    from: &[BrokerOrd],
    leader: Option<BrokerOrd>,
    target: &[BrokerOrd],
) -> Option<Vec<Vec<BrokerOrd>>> {
    if from.len() != target.len() {
        return resized(model, from, leader, target);
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
        put_first(&mut list, first);
        stages.push(list.clone());
    }
}

/// The lists to go through to another replication factor: first everything that comes, one at a time and rack by
/// rack; then everything that goes at once. Until the last moment nothing is lost, neither copies nor spread. A
/// leader that goes is not the first of the last list but one: who shall lead is, so that it leads before.
fn resized(
    model: &ClusterModel,
    from: &[BrokerOrd],
    leader: Option<BrokerOrd>,
    target: &[BrokerOrd],
) -> Option<Vec<Vec<BrokerOrd>>> {
    let alive = |broker: BrokerOrd| model.brokers[broker.index()].alive;
    let rack = |broker: BrokerOrd| alive(broker).then(|| model.rack_of(broker));
    let (kept, becomes) = (spread_kept(from, target.len(), rack), rack_spread(target, rack));
    if becomes.is_worse_than(kept) {
        return None;
    }
    let mut list = from.to_vec();
    let mut stages: Vec<Vec<BrokerOrd>> = Vec::new();
    loop {
        let crowd = |broker: &BrokerOrd| {
            let others = list.iter().filter(|other| alive(**other));
            others.filter(|other| model.rack_of(**other) == model.rack_of(*broker)).count()
        };
        let coming = target.iter().copied().enumerate().filter(|(_, broker)| !list.contains(broker));
        let Some((_, into)) = coming.min_by_key(|(place, broker)| (crowd(broker), *place)) else { break };
        list.push(into);
        put_first(&mut list, target.first().copied());
        stages.push(list.clone());
    }
    let goes = |broker: &BrokerOrd| !target.contains(broker);
    if !list.iter().any(goes) {
        // Nothing goes: the last list that grows is the target, in its order.
        stages.pop();
    } else if stages.is_empty() && leader.as_ref().is_some_and(goes) {
        put_first(&mut list, target.first().copied());
        stages.push(list);
    }
    stages.push(target.to_vec());
    Some(stages)
}

/// Brings a broker to the front of a list that holds it; the others keep their order.
fn put_first(list: &mut [BrokerOrd], broker: Option<BrokerOrd>) {
    if let Some(at) = broker.and_then(|broker| list.iter().position(|held| *held == broker)) {
        list[..=at].rotate_right(1);
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

    fn through<const N: usize, const M: usize>(
        from: [u32; N],
        leader: u32,
        target: [u32; M],
    ) -> Option<Vec<Vec<u32>>> {
        let (from, target) = (from.map(BrokerOrd), target.map(BrokerOrd));
        let stages = stages(&model(), &from, Some(BrokerOrd(leader)), &target)?;
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
    fn a_list_grows_by_one_at_a_time_rack_by_rack() {
        assert_eq!(through([0, 1], 0, [0, 1, 2]).unwrap(), [[0, 1, 2]]);
        // The rack that has none yet comes before one that has.
        assert_eq!(through([0, 1], 0, [0, 1, 4, 2]).unwrap(), [vec![0, 1, 2], vec![0, 1, 4, 2]]);
    }

    #[test]
    fn a_list_shrinks_at_once_and_a_leader_that_goes_hands_over_before() {
        assert_eq!(through([0, 1, 2], 0, [0, 2]).unwrap(), [[0, 2]]);
        assert_eq!(through([0, 1, 2], 0, [2, 1]).unwrap(), [vec![2, 0, 1], vec![2, 1]]);
        assert_eq!(through([0, 3, 1], 0, [0, 3]), None, "both in one rack, and two racks could be had");
    }

    #[test]
    fn what_comes_is_there_before_what_goes_goes() {
        let lists = through([0, 1], 0, [4, 3, 2]).unwrap();
        assert_eq!(lists, [vec![0, 1, 2], vec![4, 0, 1, 2], vec![4, 0, 1, 2, 3], vec![4, 3, 2]]);
    }

    #[test]
    fn a_worse_spread_has_no_way() {
        assert_eq!(through([0, 1, 2], 0, [0, 1, 4]), None);
    }
}
