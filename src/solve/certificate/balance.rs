//! How level brokers can be at all: for each goal on a load of each broker, the least that the fullest one can have.

use serde::{Deserialize, Serialize};

use super::frame::Frame;
use super::{Reached, check_gap, gap_percent};
use crate::base::{BrokerId, RackId};
use crate::goals::{Balance, Capacity, GoalSet, Limit, Per, Rule, Scope};
use crate::model::{BrokerOrd, PartitionOrd, Resource};
use crate::solve::forced_loads;

/// How level brokers are in a goal, and how level they can be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalanceBound {
    /// The goal.
    pub goal: String,
    /// The resource.
    pub resource: Resource,
    /// What loads are measured by.
    pub yardstick: Yardstick,
    /// The fullest broker's load over its yardstick.
    pub reached: f64,
    /// Which broker that is.
    pub fullest: BrokerId,
    /// The emptiest broker's load over its yardstick, where too little counts as well.
    pub reached_least: Option<f64>,
    /// What the fullest broker has at least, wherever replicas stand; a load over its yardstick.
    pub bound: f64,
    /// Why.
    pub argument: Argument,
    /// How far `reached` is above `bound`, in percent of `bound`.
    pub gap_percent: Option<f64>,
}

/// What a broker's load is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Yardstick {
    /// Its share of the whole load, by capacity where all capacities are known.
    Mean,
    /// Its share of its rack's load.
    RackMean,
    /// This share of its capacity, other files taken off.
    Capacity(f64),
    /// This number.
    Count(f64),
}

/// Why no placement does better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Argument {
    /// Not all can be below the mean.
    Mean,
    /// What has to stand on a rack, one copy of each partition or more, has to be shared by its brokers.
    Rack(RackId),
    /// A replica cannot be divided, and stands somewhere.
    Largest(String),
    /// Things that are counted cannot be divided: one broker has the mean, rounded up.
    Pigeonhole,
}

impl Argument {
    /// In a few words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Mean => "the mean".to_owned(),
            Self::Rack(rack) => format!("what has to stand on rack {rack}"),
            Self::Largest(partition) => format!("the largest replica, of {partition}"),
            Self::Pigeonhole => "whole numbers".to_owned(),
        }
    }
}

/// The bounds of all goals on loads of brokers, and the names of goals on loads that have none.
pub(super) fn bounds(
    frame: &Frame,
    goals: &GoalSet,
    reached: Reached<'_>,
) -> (Vec<BalanceBound>, Vec<String>) {
    let (mut rows, mut not_bounded) = (Vec::new(), Vec::new());
    let mut amounts = Amounts::new(frame);
    for goal in &goals.goals {
        let (resource, yardstick, both) = match &goal.rule {
            Rule::Balance(rule) => (rule.resource, of_balance(rule), rule.side == crate::goals::Side::Both),
            Rule::Capacity(rule) => (rule.resource, of_capacity(rule), false),
            _ => continue,
        };
        let row = yardstick.filter(|_| frame.model.known[resource.index()]).and_then(|yardstick| {
            let loads = |broker| reached.sums.get(broker, resource);
            let (bound, argument) = least(frame, &mut amounts, resource, yardstick)?;
            let ends = ends(frame, yardstick, resource, loads)?;
            Some(BalanceBound {
                goal: goal.name.clone(),
                resource,
                yardstick,
                reached: ends.most,
                fullest: frame.model.brokers[ends.fullest].id,
                reached_least: both.then_some(ends.least),
                gap_percent: gap_percent(ends.most, bound),
                bound,
                argument,
            })
        });
        match row {
            Some(row) => rows.push(row),
            None => not_bounded.push(goal.name.clone()),
        }
    }
    (rows, not_bounded)
}

fn of_balance(rule: &Balance) -> Option<Yardstick> {
    match (rule.scope, rule.per) {
        (Scope::Broker, Per::Cluster) => Some(Yardstick::Mean),
        (Scope::Broker, Per::Rack) => Some(Yardstick::RackMean),
        _ => None,
    }
}

fn of_capacity(rule: &Capacity) -> Option<Yardstick> {
    match &rule.limit {
        _ if rule.scope != Scope::Broker => None,
        Limit::Share(share) => Some(Yardstick::Capacity(*share)),
        Limit::Count(count) => Some(Yardstick::Count(*count)),
        Limit::CountByCores(_) => None,
    }
}

/// What each broker is measured by when `total`, or by rack `per_rack`, is spread over those that count.
fn yardsticks(frame: &Frame, resource: Resource, yardstick: Yardstick, per_rack: &[f64]) -> Vec<f64> {
    let (model, counts) = (frame.model, &frame.counts);
    let limit = match yardstick {
        Yardstick::Mean => {
            return Balance::of(resource, 0.0).bounds(model, counts, per_rack.iter().sum(), 0.0).mean;
        }
        Yardstick::RackMean => {
            return Balance::of(resource, 0.0).rack_bounds(model, counts, per_rack, 0.0).mean;
        }
        Yardstick::Capacity(share) => Limit::Share(share),
        Yardstick::Count(count) => Limit::Count(count),
    };
    let rule = Capacity { resource, limit, scope: Scope::Broker, survive: None };
    let limits = model.brokers.iter().zip(counts);
    limits
        .map(|(broker, counts)| if *counts { rule.limit_of(broker).unwrap_or(f64::INFINITY) } else { 0.0 })
        .collect()
}

/// What a placement comes to.
struct Ends {
    most: f64,
    least: f64,
    fullest: usize,
    /// The smallest yardstick.
    unit: f64,
}

/// How level loads are; `None` where nothing is loaded.
fn ends(
    frame: &Frame,
    yardstick: Yardstick,
    resource: Resource,
    load: impl Fn(BrokerOrd) -> f64,
) -> Option<Ends> {
    let mut per_rack = vec![0.0; frame.model.racks.len()];
    let counted = || frame.model.broker_ords().filter(|broker| frame.counts[broker.index()]);
    for broker in counted() {
        per_rack[frame.model.rack_of(broker).index()] += load(broker);
    }
    let yardsticks = yardsticks(frame, resource, yardstick, &per_rack);
    let mut ends = Ends { most: -1.0, least: f64::INFINITY, fullest: 0, unit: f64::INFINITY };
    for broker in counted().filter(|broker| yardsticks[broker.index()] > 0.0) {
        let ratio = load(broker) / yardsticks[broker.index()];
        ends.least = ends.least.min(ratio);
        ends.unit = ends.unit.min(yardsticks[broker.index()]);
        if ratio > ends.most {
            (ends.most, ends.fullest) = (ratio, broker.index());
        }
    }
    (ends.most > 0.0).then(|| Ends { most: tidy(ends.most), least: tidy(ends.least), ..ends })
}

/// Ratios to nine digits after the point: what is left off is less than loads are known to.
fn tidy(ratio: f64) -> f64 {
    (ratio * 1e9).round() / 1e9
}

/// What there is of each resource, added up once for all goals on it.
pub(super) struct Amounts {
    by_resource: [Option<Amount>; Resource::COUNT],
    is_whole: bool,
}

/// What there is of a resource. Whatever may differ from placement to placement is taken so that bounds end lower.
#[derive(Clone)]
struct Amount {
    total: f64,
    /// What bytes on disk may be off, since followers differ from leaders.
    uneven: f64,
    /// Of the replicas that have to stand somewhere, the heaviest.
    largest: (f64, Option<PartitionOrd>),
    /// By rack, what has to stand there; empty where racks need not be kept apart.
    forced: Vec<f64>,
}

impl Amounts {
    pub fn new(frame: &Frame) -> Self {
        Self { by_resource: [const { None }; Resource::COUNT], is_whole: frame.is_whole() }
    }

    fn of(&mut self, frame: &Frame, resource: Resource) -> &Amount {
        self.by_resource[resource.index()].get_or_insert_with(|| amount(frame, resource))
    }
}

fn amount(frame: &Frame, resource: Resource) -> Amount {
    let model = frame.model;
    let (at, is_disk) = (resource.index(), resource == Resource::Disk);
    let (mut total, mut uneven, mut largest) = (0.0, 0.0, (0.0, None));
    for partition in model.partition_ords() {
        let replicas = model.placement.replicas(partition);
        let follower = model.load(partition, false, replicas.len())[at];
        let leader = model.load(partition, true, replicas.len())[at];
        let leads = model.placement.leader(partition).is_some();
        let followers = real(replicas.len()) - if leads { 1.0 } else { 0.0 };
        total += followers * follower + if leads { leader } else { 0.0 };
        let mut weight = if leads { leader } else { 0.0 }.max(if followers > 0.0 { follower } else { 0.0 });
        if is_disk && !model.own_sizes.is_empty() {
            for size in replicas.iter().map(|broker| model.size_on(partition, *broker)) {
                uneven += (size - follower).abs();
                weight = weight.min(size);
            }
        }
        if weight > largest.0 {
            largest = (weight, Some(partition));
        }
    }
    let forced = if frame.terms.keeps_spread {
        forced_loads(model, &frame.counts, resource).into_iter().map(|(least, _)| least).collect()
    } else {
        Vec::new()
    };
    Amount { total, uneven, largest, forced }
}

/// The least that the fullest broker can have, and why. With `T` the whole load, `y` the yardstick of a broker: not all
/// can be below `T / sum of y`, nor those of a rack below what has to stand there over the sum of `y` there; one of
/// `n` brokers has `ceil(T / n)` things; the largest replica stands on some broker.
fn least(
    frame: &Frame,
    amounts: &mut Amounts,
    resource: Resource,
    yardstick: Yardstick,
) -> Option<(f64, Argument)> {
    let model = frame.model;
    let is_whole = amounts.is_whole;
    let amount = amounts.of(frame, resource);
    let is_mean = matches!(yardstick, Yardstick::Mean | Yardstick::RackMean);
    // With replicas on brokers that are down, what the others carry is not known beforehand.
    if amount.total <= 0.0 || (!is_mean && !is_whole) {
        return None;
    }
    let racks = model.racks.len().max(1);
    let y =
        yardsticks(frame, resource, yardstick, &vec![(amount.total + amount.uneven) / real(racks); racks]);
    let whole: f64 = y.iter().sum();
    if !whole.is_finite() || whole <= 0.0 {
        return None;
    }
    let mean = if is_mean { 1.0 } else { (amount.total - amount.uneven) / whole };
    let mut best = (tidy_down(mean).max(if is_mean { 1.0 } else { 0.0 }), Argument::Mean);
    if yardstick == Yardstick::RackMean || !is_whole {
        return Some(best);
    }
    let mut better = |bound: f64, argument: &dyn Fn() -> Argument| {
        // By less than a hair no other reason is needed.
        if bound > best.0 * (1.0 + 1e-6) {
            best = (tidy_down(bound), argument());
        }
    };
    let most = y.iter().copied().fold(0.0, f64::max);
    if resource.is_count() {
        let brokers = frame.per_rack.iter().sum::<usize>();
        better(up(amount.total / real(brokers.max(1))) / most, &|| Argument::Pigeonhole);
    }
    if let (weight, Some(partition)) = amount.largest {
        better(weight / most, &|| Argument::Largest(model.name(partition).to_string()));
    }
    let counted = amount.forced.iter().enumerate().filter(|(rack, _)| frame.per_rack[*rack] > 0);
    for (rack, least) in counted {
        let of_rack: f64 = model
            .broker_ords()
            .filter(|broker| model.rack_of(*broker).index() == rack)
            .map(|broker| y[broker.index()])
            .sum();
        better((least - amount.uneven) / of_rack, &|| Argument::Rack(model.racks[rack].clone()));
    }
    Some(best)
}

/// Rounded up, but for the last bits of a quotient.
fn up(number: f64) -> f64 {
    (number - 1e-9).ceil()
}

fn tidy_down(ratio: f64) -> f64 {
    // Nothing is the least of nothing, and not a little less.
    (((ratio - 1e-9) * 1e9).floor() / 1e9).max(0.0)
}

fn real(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

/// Computes one row again.
pub(super) fn recheck(
    frame: &Frame,
    amounts: &mut Amounts,
    row: &BalanceBound,
    load: &impl Fn(BrokerId, Resource) -> Option<f64>,
) -> Result<(), String> {
    let model = frame.model;
    let bound = least(frame, amounts, row.resource, row.yardstick)
        .map(|(bound, _)| bound)
        .ok_or_else(|| format!("there is no bound for {}", row.goal))?;
    if (bound - row.bound).abs() > 1e-6 * bound {
        return Err(format!(
            "of {} the fullest broker has at least {bound:.6}, and it says {:.6}",
            row.goal, row.bound
        ));
    }
    let of = |broker: BrokerOrd| load(model.brokers[broker.index()].id, row.resource).unwrap_or(f64::NAN);
    let ends = ends(frame, row.yardstick, row.resource, of);
    let (most, unit) = ends.map_or((f64::NAN, 1.0), |ends| (ends.most, ends.unit));
    // Loads in a plan are rounded to three digits after the point.
    let off = (most - row.reached).abs();
    if off.is_nan() || off > 1e-6 * row.reached + 2e-3 / unit {
        return Err(format!(
            "of {} the fullest broker ends with {most:.6}, and it says {:.6}",
            row.goal, row.reached
        ));
    }
    check_gap(&row.goal, row.gap_percent, gap_percent(row.reached, row.bound))
}
