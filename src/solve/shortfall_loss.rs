//! Limits that have to hold with any one rack lost: whether the other racks can bear it at all.

use super::Lack;
use super::shortfall::{EPSILON, brokers_of, ceil, median, share_of};
use crate::goals::{Capacity, Standing};
use crate::model::{BrokerOrd, ClusterModel};

/// For the rack whose loss is worst: what the brokers of the others lack, however replicas stand and whoever leads.
/// `None` where they could bear it, or some limit is not known.
pub(super) fn after_loss(standing: Standing<'_>, rule: &Capacity) -> Option<Lack> {
    let model = standing.model;
    let racks: Vec<usize> =
        (0..model.racks.len()).filter(|rack| brokers_of(standing, *rack).next().is_some()).collect();
    if racks.len() < 2 {
        return None;
    }
    let limit = |broker: BrokerOrd| rule.limit_of(&model.brokers[broker.index()]);
    let load = least_load(standing, rule);
    let mut worst: Option<(f64, usize, Vec<f64>)> = None;
    for rack in racks {
        let others = standing.brokers().filter(|broker| model.rack_of(*broker).index() != rack);
        let limits = others.map(limit).collect::<Option<Vec<f64>>>()?;
        let over = load - limits.iter().sum::<f64>();
        if over > EPSILON * load.max(1.0) && worst.as_ref().is_none_or(|(most, ..)| over > *most) {
            worst = Some((over, rack, limits));
        }
    }
    let (over, rack, limits) = worst?;
    Some(Lack::TooSmallWithoutRack {
        rack: model.racks[rack].clone(),
        resource: rule.resource,
        brokers_missing: ceil(over / median(limits).max(f64::MIN_POSITIVE)),
        capacity_missing: over / share_of(rule),
    })
}

/// What is to be borne at least whichever rack is lost. What goes with leadership: each partition that has more than
/// one replica is led by somebody, and those are never all in one rack. The rest is made anew.
fn least_load(standing: Standing<'_>, rule: &Capacity) -> f64 {
    let model = standing.model;
    if !rule.follows_leaders() {
        return standing.brokers().map(|broker| standing.sums.get(broker, rule.resource)).sum();
    }
    let led = |model: &ClusterModel, partition, replicas: usize| {
        if replicas > 1 { model.load(partition, true, replicas)[rule.resource.index()] } else { 0.0 }
    };
    // A follower's processor is left out: it may have been in the rack that is lost.
    let loads = model
        .partition_ords()
        .map(|partition| led(model, partition, standing.assignment.replicas(partition).len()));
    loads.sum()
}
