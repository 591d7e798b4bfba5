//! What goals on single topics lack: partitions, brokers in a rack, room where a topic may stand.

use super::Lack;
use super::shortfall::{EPSILON, ceil, forced_copies, median, share_of};
use crate::goals::{
    Balance, Brokers, Capacity, Counted, Demand, GoalSet, Least, Minimum, Placement, Standing, Tier,
};
use crate::model::{BrokerOrd, PartitionOrd, Resource, TopicOrd};

/// Brokers that are added on trial at most, to find how many would do.
const TRIED_MAX: u32 = 1000;

/// A rack that has to hold, or can hold, other numbers of a topic's replicas than its brokers may: the worst of them.
/// Leaders can stand anywhere, and nothing is said of them.
pub(super) fn balance(standing: Standing<'_>, rule: &Balance) -> Option<Lack> {
    let model = standing.model;
    if rule.resource != Resource::Replicas {
        return None;
    }
    let brokers = standing.brokers().count();
    let mut worst: Option<(u32, Lack)> = None;
    for topic in rule.topics.of(model) {
        let of = OfRacks::new(standing, topic);
        let bounds = |more: u32| rule.topic_bounds(of.total, brokers + more as usize, rule.band);
        let (low, high) = bounds(0);
        for (rack, (must, can, held_by)) in of.racks.iter().enumerate() {
            let (must, can, held_by) = (*must, *can, *held_by);
            let (beyond, missing) = if must > high.saturating_mul(held_by) {
                let enough = |more: &u32| must <= bounds(*more).1.saturating_mul(held_by + more);
                (must - high.saturating_mul(held_by), (1..TRIED_MAX).find(enough).map(i64::from))
            } else if can < low.saturating_mul(held_by) {
                let enough = |more: &u32| can >= bounds(*more).0.saturating_mul(held_by);
                (low.saturating_mul(held_by) - can, (1..TRIED_MAX).find(enough).map(|more| -i64::from(more)))
            } else {
                continue;
            };
            if held_by > 0 && worst.as_ref().is_none_or(|(most, _)| beyond > *most) {
                let lack = Lack::TopicUneven {
                    topic: standing.model.topics[topic.index()].name.to_string(),
                    rack: model.racks[rack].clone(),
                    replicas: if must > high.saturating_mul(held_by) { must } else { can },
                    brokers: held_by,
                    bound: if must > high.saturating_mul(held_by) { high } else { low },
                    brokers_missing: missing.and_then(|missing| i32::try_from(missing).ok()),
                };
                worst = Some((beyond, lack));
            }
        }
    }
    worst.map(|(_, lack)| lack)
}

/// How many replicas of a topic racks hold.
struct OfRacks {
    /// By rack: how many have to stand there, how many can, and its brokers.
    racks: Vec<(u32, u32, u32)>,
    /// All replicas.
    total: u32,
}

impl OfRacks {
    fn new(standing: Standing<'_>, topic: TopicOrd) -> Self {
        let model = standing.model;
        let per_rack = model.brokers_per_rack(|broker| standing.counts[broker.index()]);
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let mut racks: Vec<(u32, u32, u32)> =
            per_rack.iter().map(|brokers| (0, 0, narrow(*brokers))).collect();
        let mut total = 0;
        let mut last = (0, Vec::new());
        for partition in model.partitions_of(topic) {
            let factor = standing.assignment.replicas(partition).len();
            total += narrow(factor);
            // The partitions of a topic are nearly always equally many times there.
            if last.0 != factor {
                last = (factor, forced_copies(factor, &per_rack));
            }
            for ((least, most, _), (must, can)) in racks.iter_mut().zip(&last.1) {
                *least += narrow(*must);
                *most += narrow(*can);
            }
        }
        Self { racks, total }
    }
}

/// A topic with too few partitions: for all brokers, or for those of a rack that holds at most so many copies of each.
pub(super) fn minimum(standing: Standing<'_>, rule: &Minimum) -> Option<Lack> {
    let model = standing.model;
    let Least::Count(least) = rule.least else { return None };
    let brokers = u32::try_from(standing.brokers().count()).unwrap_or(u32::MAX);
    let per_rack = model.brokers_per_rack(|broker| standing.counts[broker.index()]);
    let wanted = u64::from(brokers) * u64::from(least);
    let lacking = rule.topics.of(model).filter_map(|topic| {
        let row = &model.topics[topic.index()];
        let partitions = u64::from(row.partition_count);
        let replicas = standing.assignment.replicas(row.first_partition).len();
        let factor = if rule.of == Counted::Leaders { 1 } else { replicas as u64 };
        let whole = wanted.saturating_sub(partitions * factor).div_ceil(factor.max(1));
        let of_rack = |(brokers, (_, can)): (&usize, (usize, usize))| {
            let can = if rule.of == Counted::Leaders { can.min(1) } else { can };
            let wanted = *brokers as u64 * u64::from(least);
            if can == 0 { 0 } else { wanted.div_ceil(can as u64).saturating_sub(partitions) }
        };
        let racks = per_rack.iter().zip(forced_copies(replicas, &per_rack)).map(of_rack).max();
        let missing = whole.max(racks.unwrap_or(0));
        (missing > 0).then_some((missing, row))
    });
    let (missing, topic) = lacking.max_by_key(|(missing, _)| *missing)?;
    Some(Lack::TopicTooSmall {
        topic: topic.name.to_string(),
        leaders: rule.of == Counted::Leaders,
        partitions: topic.partition_count,
        brokers,
        least,
        partitions_missing: u32::try_from(missing).unwrap_or(u32::MAX),
    })
}

/// Topics that have too few brokers, or too little room, where they may stand.
pub(super) fn placement(standing: Standing<'_>, goals: &GoalSet, rule: &Placement) -> Option<Lack> {
    let model = standing.model;
    let allowed = |set: &Brokers, inside: bool| -> Vec<BrokerOrd> {
        standing.brokers().filter(|broker| set.contains(model, *broker) == inside).collect()
    };
    let places: Vec<Vec<BrokerOrd>> = match &rule.demand {
        Demand::On(set) => vec![allowed(set, true)],
        Demand::Off(set) => vec![allowed(set, false)],
        Demand::WithinOneOf(sets) => sets.iter().map(|set| allowed(set, true)).collect(),
        Demand::Hold => return None,
    };
    let most = places.iter().map(Vec::len).max().unwrap_or(0);
    let meant = |partition: &PartitionOrd| {
        rule.topics.matches(&model.topics[model.partitions[partition.index()].topic.index()].name)
    };
    let factor = |partition: PartitionOrd| standing.assignment.replicas(partition).len();
    let too_many = |partition: &PartitionOrd| meant(partition) && factor(*partition) > most;
    if let Some(partition) = model.partition_ords().find(too_many) {
        return Some(Lack::TooFewBrokers {
            partition: model.name(partition).to_string(),
            replication_factor: factor(partition),
            brokers: most,
        });
    }
    let [place] = places.as_slice() else { return None };
    let partitions: Vec<PartitionOrd> = model.partition_ords().filter(meant).collect();
    room(standing, goals, place, &partitions)
}

/// What the partitions lack on the brokers on which alone they may stand, by the capacities that must hold: the
/// resource that lacks most of its limit.
fn room(
    standing: Standing<'_>,
    goals: &GoalSet,
    place: &[BrokerOrd],
    partitions: &[PartitionOrd],
) -> Option<Lack> {
    let model = standing.model;
    let musts = goals.capacities().filter(|(goal, rule)| {
        goal.tier == Tier::Must && is_fixed(rule) && model.known[rule.resource.index()]
    });
    let lacking = musts.filter_map(|(_, rule)| {
        let limit = |broker: &BrokerOrd| rule.limit_of(&model.brokers[broker.index()]);
        let limits = place.iter().map(limit).collect::<Option<Vec<f64>>>()?;
        let loads = partitions.iter().map(|partition| {
            let replicas = standing.assignment.replicas(*partition).len();
            let copies = u32::try_from(replicas).unwrap_or(u32::MAX);
            f64::from(copies) * model.load(*partition, false, replicas)[rule.resource.index()]
        });
        let (load, most) = (loads.sum::<f64>(), limits.iter().sum::<f64>());
        let over = load - most;
        let lack = || Lack::TooSmallWhereAllowed {
            brokers: place.len(),
            resource: rule.resource,
            load,
            room: most,
            brokers_missing: ceil(over / median(limits.clone()).max(f64::MIN_POSITIVE)),
            capacity_missing: over / share_of(rule),
        };
        (over > EPSILON * load.max(1.0)).then(|| (over / most.max(f64::MIN_POSITIVE), lack()))
    });
    lacking.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, lack)| lack)
}

/// Whether every replica brings the same load wherever it stands and whoever leads.
fn is_fixed(rule: &Capacity) -> bool {
    matches!(rule.resource, Resource::Disk | Resource::NetworkIn | Resource::Replicas)
}
