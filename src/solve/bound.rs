//! A lower bound on the bytes that any plan must copy to reach the same disk bands: a linear program in which data
//! is a fluid.
//!
//! Each broker takes in and gives away bytes so that it ends within its bounds. Where partitions must keep one
//! replica on every rack, bytes stay in their rack; what may cross is bounded by the partitions that need not.
//! Replicas are indivisible in truth, and other goals ask for more: both only raise what a plan has to copy.

use good_lp::{Expression, Solution as _, SolverModel, Variable, clarabel, constraint, variable, variables};

use super::problem::Problem;
use crate::base::Bytes;
use crate::model::promises::rack_spread;
use crate::model::{BrokerOrd, ClusterModel, Resource, Sums};

/// Share of all data that is taken off: the program is solved to a far smaller tolerance, and the bound must not be
/// too high by a hair.
const SAFETY: f64 = 1e-6;

/// A broker in the program, all in bytes.
#[derive(Debug, Clone, Copy)]
struct Row {
    rack: usize,
    load: f64,
    low: f64,
    high: f64,
}

/// What may leave and enter a rack, in bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Crossing {
    out: f64,
    into: f64,
}

/// Least bytes that any plan must copy; `levelled` says whether this plan brings every disk within its band, and the
/// bound is on plans that do. `None` where sizes are not known, no fluid solution exists, or nothing is asked of disks.
pub(super) fn least_bytes(problem: &Problem, reached: &Sums, levelled: bool) -> Option<Bytes> {
    let model = problem.model;
    let asks_for_nothing = !levelled && !problem.roles.leaving.contains(&true);
    if !model.known[Resource::Disk.index()] || asks_for_nothing {
        return None;
    }
    let rows = rows(problem, reached, levelled);
    let crossings = crossings(problem);
    // Replicas that are not full ones shift loads when they move: by no more than this, taken thrice to cover what
    // it does to the broker left, to the broker entered and to the mean.
    let uneven: f64 = uneven_bytes(model);
    let least = solve_program(&rows, &crossings)?;
    let total: f64 = rows.iter().map(|row| row.load).sum();
    let least = least - SAFETY * (least + total) - 3.0 * uneven;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to at least 0")]
    Some(Bytes(least.max(0.0).floor() as u64))
}

fn uneven_bytes(model: &ClusterModel) -> f64 {
    if model.own_sizes.is_empty() {
        return 0.0;
    }
    let differences = model.partition_ords().map(|partition| {
        let full = model.partitions[partition.index()].size_bytes;
        let held = model.placement.replicas(partition).iter();
        held.map(|broker| (model.size_on(partition, *broker) - full).abs()).sum::<f64>()
    });
    differences.sum()
}

fn rows(problem: &Problem, reached: &Sums, levelled: bool) -> Vec<Row> {
    let model = problem.model;
    let mut loads = vec![0.0; model.brokers.len()];
    for partition in model.partition_ords() {
        for broker in model.placement.replicas(partition) {
            loads[broker.index()] += model.partitions[partition.index()].size_bytes;
        }
    }
    let roles = &problem.roles;
    let carried = |at: &usize| roles.counts[*at] || roles.leaving[*at];
    let total: f64 = (0..loads.len()).filter(carried).map(|at| loads[at]).sum();
    let mut rows: Vec<Row> = model
        .brokers
        .iter()
        .zip(&loads)
        .map(|(broker, load)| Row { rack: broker.rack.index(), load: *load, low: 0.0, high: f64::INFINITY })
        .collect();
    if levelled {
        for (_, rule) in problem.goals.balances().filter(|(_, rule)| rule.resource == Resource::Disk) {
            let bounds = rule.bounds(model, &roles.counts, total, rule.band);
            for (at, row) in rows.iter_mut().enumerate().filter(|(at, _)| roles.counts[*at]) {
                row.low = row.low.max(bounds.low[at]);
                row.high = row.high.min(bounds.high[at]);
            }
        }
    }
    // A must capacity counts where this plan brings it about.
    for limit in problem.limits.iter().filter(|limit| limit.resource == Resource::Disk.index()) {
        for (at, row) in rows.iter_mut().enumerate().filter(|(at, _)| roles.counts[*at]) {
            if reached.get(BrokerOrd::from(at), Resource::Disk) <= limit.most[at] {
                row.high = row.high.min(limit.most[at]);
            }
        }
    }
    for (at, row) in rows.iter_mut().enumerate().filter(|(at, _)| !roles.counts[*at]) {
        // What leaves is emptied as far as it may be; what is down stays as it is.
        let kept: f64 = if roles.leaving[at] { held_bytes(problem, at) } else { row.load };
        (row.low, row.high) = (kept, kept);
    }
    rows
}

/// Bytes on a leaving broker that may not be touched now.
fn held_bytes(problem: &Problem, broker: usize) -> f64 {
    let model = problem.model;
    let stays = model.partition_ords().filter(|partition| {
        let mut held = model.placement.replicas(*partition).iter();
        held.any(|on| on.index() == broker && !problem.may_leave(*partition, *on))
    });
    stays.map(|partition| model.partitions[partition.index()].size_bytes).sum()
}

/// What may cross rack borders: replicas of partitions that are not one to a rack, or have fewer replicas than racks.
fn crossings(problem: &Problem) -> Vec<Crossing> {
    let model = problem.model;
    let per_rack = problem.roles.brokers_per_rack(model);
    let racks = problem.roles.rack_count(model);
    let mut crossings = vec![Crossing::default(); model.racks.len()];
    for partition in model.partition_ords() {
        let replicas = model.placement.replicas(partition);
        let alive = |broker: BrokerOrd| model.brokers[broker.index()].alive.then(|| model.rack_of(broker));
        if replicas.len() == racks && rack_spread(replicas, alive).distinct_racks == racks {
            continue;
        }
        let size = model.partitions[partition.index()].size_bytes;
        for broker in replicas {
            crossings[model.rack_of(*broker).index()].out += size;
        }
        for (crossing, brokers) in crossings.iter_mut().zip(&per_rack) {
            #[expect(clippy::cast_precision_loss, reason = "at most 255 replicas")]
            let most = replicas.len().min(*brokers) as f64;
            crossing.into += size * most;
        }
    }
    crossings
}

/// Sum of what all brokers take in, at its least, in bytes.
fn solve_program(rows: &[Row], crossings: &[Crossing]) -> Option<f64> {
    // Numbers near 1 keep the interior point solver exact.
    let unit = rows.iter().map(|row| row.load).fold(0.0, f64::max).max(1.0);
    let mut vars = variables!();
    let flows: Vec<(Variable, Variable)> = rows
        .iter()
        .map(|row| (vars.add(variable().min(0.0)), vars.add(variable().min(0.0).max(row.load / unit))))
        .collect();
    let borders: Vec<(Variable, Variable)> = crossings
        .iter()
        .map(|crossing| {
            let into = vars.add(variable().min(0.0).max(crossing.into / unit));
            (into, vars.add(variable().min(0.0).max(crossing.out / unit)))
        })
        .collect();
    let copied: Expression = flows.iter().map(|(into, _)| *into).sum();
    let mut program = vars.minimise(copied.clone()).using(clarabel);
    // Inside the rack bytes are kept: what its brokers take in is what they give away and what crosses its border.
    let mut balance = vec![Expression::from(0.0); crossings.len()];
    for (row, (into, out)) in rows.iter().zip(&flows) {
        let after = Expression::from(row.load / unit) + *into - *out;
        program = program.with(constraint!(after.clone() >= row.low / unit));
        if row.high.is_finite() {
            program = program.with(constraint!(after <= row.high / unit));
        }
        balance[row.rack] += *into - *out;
    }
    let mut crossing = Expression::from(0.0);
    for (balance, (into, out)) in balance.into_iter().zip(&borders) {
        program = program.with(constraint!(balance == *into - *out));
        crossing += *into - *out;
    }
    program = program.with(constraint!(crossing == 0.0));
    let solution = program.solve().ok()?;
    let least = solution.eval(copied) * unit;
    least.is_finite().then_some(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(rack: usize, load: f64, low: f64, high: f64) -> Row {
        Row { rack, load, low, high }
    }

    fn least(rows: &[Row], crossing: f64) -> f64 {
        let racks = rows.iter().map(|row| row.rack + 1).max().unwrap();
        solve_program(rows, &vec![Crossing { out: crossing, into: crossing }; racks]).unwrap()
    }

    #[test]
    fn closed_racks_need_the_larger_of_excess_and_lack_each() {
        let rows = [
            row(0, 150.0, 90.0, 110.0), // 40 over
            row(0, 60.0, 90.0, 110.0),  // 30 under
            row(1, 80.0, 90.0, 110.0),  // 10 under
            row(1, 105.0, 90.0, 110.0),
        ];
        assert!((least(&rows, 0.0) - 50.0).abs() < 1e-3);
    }

    #[test]
    fn what_may_cross_racks_is_used() {
        let rows = [row(0, 150.0, 90.0, 110.0), row(1, 50.0, 90.0, 110.0)];
        assert!((least(&rows, 1000.0) - 40.0).abs() < 1e-3);
        assert!(
            solve_program(&rows, &[Crossing::default(); 2]).is_none(),
            "nothing may cross: no plan exists"
        );
    }

    #[test]
    fn a_drain_costs_what_stands_there() {
        let rows = [row(0, 70.0, 0.0, 0.0), row(0, 50.0, 0.0, f64::INFINITY)];
        assert!((least(&rows, 0.0) - 70.0).abs() < 1e-3);
    }
}
