//! [`measure`]: how good a proposal is, in numbers that can be compared: bytes against the least, goals, and how level
//! brokers are.

use std::collections::BTreeMap;

use serde::Serialize;

use super::real;
use crate::base::Bytes;
use crate::model::{ClusterModel, Resource};
use crate::plan::Plan;

/// A proposal in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Brokers.
    pub brokers: usize,
    /// Partitions.
    pub partitions: usize,
    /// Replicas.
    pub replicas: usize,
    /// Replicas that are copied.
    pub replica_moves: usize,
    /// Bytes that are copied.
    pub bytes: Bytes,
    /// Least bytes that any plan reaching the same can do with; absent where that is not known.
    pub bytes_lower_bound: Option<Bytes>,
    /// How far the bytes are above the least, in percent of the least; absent where that is not known or nothing.
    pub gap_percent: Option<f64>,
    /// Partitions whose leader changes.
    pub leader_changes: usize,
    /// Steps of the plan.
    pub steps: usize,
    /// Forecast of the copying, in seconds.
    pub forecast_s: f64,
    /// Goals that are not met before, by name.
    pub violated_before: Vec<String>,
    /// Goals that are not met after, by name.
    pub violated_after: Vec<String>,
    /// Those of them for which only moves that the operation forbids would help.
    pub out_of_reach: Vec<String>,
    /// Goals that cannot be judged, by name.
    pub not_ready: Vec<String>,
    /// How far the forecast is above what the busiest broker needs, in percent of that.
    pub time_gap_percent: Option<f64>,
    /// By goal: how full the fullest broker is, and the least that it can be, from the certificate.
    pub balances: Vec<crate::solve::BalanceBound>,
    /// Utilisation of brokers by resource.
    pub utilisation: BTreeMap<&'static str, Spreads>,
}

/// How level brokers are in one resource, before and after. Loads are shares of the capacity in percent where all
/// capacities are known, else shares of the mean in percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spreads {
    /// Whether the numbers are shares of capacity; else of the mean load.
    pub of_capacity: bool,
    /// The fullest broker before.
    pub max_before: f64,
    /// The fullest broker after.
    pub max_after: f64,
    /// The mean after.
    pub mean_after: f64,
    /// Standard deviation over brokers before.
    pub deviation_before: f64,
    /// Standard deviation over brokers after.
    pub deviation_after: f64,
}

/// The resources that reports compare.
const COMPARED: [Resource; 4] = [Resource::Disk, Resource::NetworkIn, Resource::NetworkOut, Resource::Cpu];

/// Measures a plan.
pub fn measure(model: &ClusterModel, plan: &Plan) -> Measured {
    let named = |wrong: fn(&crate::plan::GoalOutcome) -> bool| {
        plan.goals.iter().filter(|goal| wrong(goal)).map(|goal| goal.goal.clone()).collect()
    };
    let price = &plan.price;
    let gap = price.bytes_lower_bound.filter(|least| least.0 > 0).map(|least| {
        let gap = 100.0 * (price.bytes.as_f64() / least.as_f64() - 1.0);
        (gap * 100.0).round() / 100.0
    });
    let replicas = model.partition_ords().map(|partition| model.placement.replicas(partition).len());
    Measured {
        brokers: model.brokers.len(),
        partitions: model.partitions.len(),
        replicas: replicas.sum(),
        replica_moves: price.replica_moves,
        bytes: price.bytes,
        bytes_lower_bound: price.bytes_lower_bound,
        gap_percent: gap,
        leader_changes: price.leader_changes,
        steps: plan.steps().count(),
        forecast_s: price.forecast_s,
        violated_before: named(|goal| goal.met_before == Some(false)),
        violated_after: named(|goal| goal.met_after == Some(false)),
        out_of_reach: named(|goal| goal.out_of_reach),
        not_ready: named(|goal| goal.met_after.is_none()),
        time_gap_percent: plan
            .certificate
            .as_ref()
            .and_then(|certificate| certificate.time.as_ref()?.gap_percent),
        balances: plan.certificate.as_ref().map_or_else(Vec::new, |certificate| certificate.balances.clone()),
        utilisation: COMPARED
            .into_iter()
            .filter_map(|resource| Some((resource.name(), spreads(model, plan, resource)?)))
            .collect(),
    }
}

/// Brokers that are alive, and that hold something before or after.
fn spreads(model: &ClusterModel, plan: &Plan, resource: Resource) -> Option<Spreads> {
    if !model.known[resource.index()] {
        return None;
    }
    let rows: Vec<_> = plan.brokers.iter().zip(&model.brokers).filter(|(row, _)| row.alive).collect();
    let capacity =
        |broker: &crate::model::Broker| broker.capacity[resource.index()].filter(|most| *most > 0.0);
    let of_capacity = rows.iter().all(|(_, broker)| capacity(broker).is_some());
    let loads = |after: bool| -> Vec<f64> {
        let load = |(row, broker): &(&crate::plan::BrokerLoads, &crate::model::Broker)| {
            let loads = if after { &row.after } else { &row.before };
            let load = loads.get(resource.name()).copied().unwrap_or(0.0);
            100.0 * load / capacity(broker).filter(|_| of_capacity).unwrap_or(1.0)
        };
        // A broker that ends empty leaves: it is not part of what is level in the end.
        let stays = |row: &&(&crate::plan::BrokerLoads, &crate::model::Broker)| {
            row.0.after.get(Resource::Replicas.name()).is_none_or(|held| *held > 0.0)
        };
        if after { rows.iter().filter(stays).map(load).collect() } else { rows.iter().map(load).collect() }
    };
    let (mut before, mut after) = (loads(false), loads(true));
    if !of_capacity {
        for loads in [&mut before, &mut after] {
            let mean = mean(loads).max(f64::MIN_POSITIVE);
            for load in loads.iter_mut() {
                *load = 100.0 * *load / mean;
            }
        }
    }
    Some(Spreads {
        of_capacity,
        max_before: tidy(before.iter().copied().fold(0.0, f64::max)),
        max_after: tidy(after.iter().copied().fold(0.0, f64::max)),
        mean_after: tidy(mean(&after)),
        deviation_before: tidy(deviation(&before)),
        deviation_after: tidy(deviation(&after)),
    })
}

fn mean(amounts: &[f64]) -> f64 {
    amounts.iter().sum::<f64>() / real(amounts.len().max(1))
}

/// Standard deviation of all brokers, not of a sample: there are no others.
fn deviation(amounts: &[f64]) -> f64 {
    let mean = mean(amounts);
    (amounts.iter().map(|amount| (amount - mean).powi(2)).sum::<f64>() / real(amounts.len().max(1))).sqrt()
}

fn tidy(percent: f64) -> f64 {
    (percent * 1000.0).round() / 1000.0
}
