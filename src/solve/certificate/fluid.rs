//! First prices: a linear program in which data on disk is a fluid. Its dual values are the prices.
//!
//! Each broker takes in and gives away bytes so that it ends within its bounds. Where partitions must keep one
//! replica on every rack, bytes stay in their rack; what may cross is bounded by the partitions that need not.

use good_lp::constraint::ConstraintReference;
use good_lp::solvers::{DualValues, SolutionWithDual};
use good_lp::{Expression, SolverModel, Variable, clarabel, constraint, variable, variables};

use super::frame::Frame;
use crate::model::Resource;

/// A broker in the program, all in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    rack: usize,
    load: f64,
    low: f64,
    high: f64,
}

/// What may leave and enter a rack, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Crossing {
    out: f64,
    into: f64,
}

/// A price for each broker, in bytes for each byte beyond its bound: positive for bytes above the most, negative for
/// bytes below the least. `None` where no fluid fits.
pub(super) fn disk_prices(frame: &Frame) -> Option<Vec<f64>> {
    let (rows, crossings) = program(frame);
    solve(&rows, &crossings)
}

fn program(frame: &Frame) -> (Vec<Row>, Vec<Crossing>) {
    let model = frame.model;
    let disk = Resource::Disk.index();
    let mut rows: Vec<Row> = (0..model.brokers.len())
        .map(|at| Row {
            rack: model.brokers[at].rack.index(),
            load: 0.0,
            low: frame.low[at][disk],
            high: frame.high[at][disk],
        })
        .collect();
    let mut kept = vec![0.0; rows.len()];
    let mut crossings = vec![Crossing::default(); model.racks.len()];
    for partition in model.partition_ords() {
        let replicas = model.placement.replicas(partition);
        let size = model.partitions[partition.index()].size_bytes;
        let closed = frame.stands(partition).closed;
        for broker in replicas {
            rows[broker.index()].load += size;
            if !frame.must_leave(partition, *broker) {
                kept[broker.index()] += size;
            }
            if !closed {
                crossings[model.rack_of(*broker).index()].out += size;
            }
        }
        if !closed {
            for (crossing, brokers) in crossings.iter_mut().zip(&frame.per_rack) {
                #[expect(clippy::cast_precision_loss, reason = "at most 255 replicas")]
                let most = replicas.len().min(*brokers) as f64;
                crossing.into += size * most;
            }
        }
    }
    for (at, row) in rows.iter_mut().enumerate().filter(|(at, _)| !frame.counts[*at]) {
        // What leaves is emptied as far as it may be; what is down takes nothing.
        (row.low, row.high) = if frame.emptied[at] { (kept[at], kept[at]) } else { (0.0, row.load) };
    }
    (rows, crossings)
}

fn solve(rows: &[Row], crossings: &[Crossing]) -> Option<Vec<f64>> {
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
    let mut program = vars.minimise(copied).using(clarabel);
    // Inside the rack bytes are kept: what its brokers take in is what they give away and what crosses its border.
    let mut balance = vec![Expression::from(0.0); crossings.len()];
    let mut bounds: Vec<(ConstraintReference, Option<ConstraintReference>)> = Vec::with_capacity(rows.len());
    for (row, (into, out)) in rows.iter().zip(&flows) {
        let after = Expression::from(row.load / unit) + *into - *out;
        let least = program.add_constraint(constraint!(after.clone() >= row.low / unit));
        let most =
            row.high.is_finite().then(|| program.add_constraint(constraint!(after <= row.high / unit)));
        bounds.push((least, most));
        balance[row.rack] += *into - *out;
    }
    let mut crossing = Expression::from(0.0);
    for (balance, (into, out)) in balance.into_iter().zip(&borders) {
        program.add_constraint(constraint!(balance == *into - *out));
        crossing += *into - *out;
    }
    program.add_constraint(constraint!(crossing == 0.0));
    let mut solution = program.solve().ok()?;
    let duals = solution.compute_dual();
    let price = |(least, most): &(ConstraintReference, Option<ConstraintReference>)| {
        let of = |bound: &ConstraintReference| duals.dual(bound.clone()).abs();
        let (under, over) = (of(least), most.as_ref().map_or(0.0, of));
        // Near 0 and 1 what is off is the solver's.
        let price = over - under;
        if (price.abs() - price.abs().round()).abs() < 1e-4 { price.round() } else { price }
    };
    let prices: Vec<f64> = bounds.iter().map(price).collect();
    prices.iter().all(|price| price.is_finite()).then_some(prices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(rack: usize, load: f64, low: f64, high: f64) -> Row {
        Row { rack, load, low, high }
    }

    fn prices(rows: &[Row], crossing: f64) -> Option<Vec<f64>> {
        let racks = rows.iter().map(|row| row.rack + 1).max().unwrap();
        solve(rows, &vec![Crossing { out: crossing, into: crossing }; racks])
    }

    #[test]
    fn closed_racks_price_the_larger_of_excess_and_lack() {
        let rows = [
            row(0, 150.0, 90.0, 110.0), // 40 over
            row(0, 60.0, 90.0, 110.0),  // 30 under
            row(1, 80.0, 90.0, 110.0),  // 10 under
            row(1, 105.0, 90.0, 110.0),
        ];
        let prices = prices(&rows, 0.0).unwrap();
        let right = [1.0, 0.0, -1.0, 0.0];
        assert!(prices.iter().zip(right).all(|(price, right)| (price - right).abs() < 1e-3), "{prices:?}");
    }

    #[test]
    fn where_nothing_may_cross_there_is_no_fluid_plan() {
        let rows = [row(0, 150.0, 90.0, 110.0), row(1, 50.0, 90.0, 110.0)];
        assert!(prices(&rows, 1000.0).is_some());
        assert!(prices(&rows, 0.0).is_none());
    }
}
