//! The search for prices: from those of the fluid in steps along the subgradient, which is by how much each broker
//! would end beyond its bounds at the prices so far.

use super::frame::{Frame, Rows};
use super::relaxed::{evaluate, work};
use super::{fluid, relaxed};
use crate::base::Bytes;
use crate::model::Resource;

/// Most steps: later ones gain little.
const STEPS_MAX: usize = 60;

/// Weighings of a replica against a broker that a search may take. Large clusters, where all but the first prices
/// would cost more time than the plan, take fewer steps or none.
const WORK_MAX: usize = 1_500_000;

/// Steps without a better bound after which they become shorter.
const PATIENCE: usize = 5;

/// How much of the last direction is kept: prices of brokers that trade with each other would else swing.
const MEMORY: f64 = 0.6;

/// The best prices found, rounded as they are printed.
pub(super) fn search(frame: &Frame, moved: Bytes) -> Rows {
    let brokers = frame.model.brokers.len();
    let mut prices: Rows = vec![[0.0; Resource::COUNT]; brokers];
    let disk = Resource::Disk.index();
    if let Some(of_disk) = fluid::disk_prices(frame) {
        for (at, price) in of_disk.into_iter().enumerate().filter(|(at, _)| frame.counts[*at]) {
            prices[at][disk] = within_bounds(frame, at, disk, price);
        }
    }
    let mut best = (relaxed::evaluate(frame, &prices).bound, prices.clone());
    // Without prices, what has to move whatever the loads are.
    let none: Rows = vec![[0.0; Resource::COUNT]; brokers];
    let bare = evaluate(frame, &none).bound;
    if bare > best.0 {
        best = (bare, none);
    }
    climb(frame, moved.as_f64(), &mut best);
    let rounded: Rows = best.1.iter().map(|row| row.map(rounded)).collect();
    rounded
}

/// Steps along the subgradient, as long as the work allows.
fn climb(frame: &Frame, moved: f64, best: &mut (f64, Rows)) {
    let units = units(frame);
    let mut prices = best.1.clone();
    let mut direction: Rows = vec![[0.0; Resource::COUNT]; prices.len()];
    let (mut stride, mut since, mut spent) = (1.0, 0, 0);
    for _ in 0..STEPS_MAX {
        // What is moved is a bound from above: no prices prove more.
        if moved - best.0 <= 1e-4 * moved {
            return;
        }
        spent += work(frame, &prices);
        if spent > WORK_MAX {
            return;
        }
        let now = evaluate(frame, &prices);
        if now.bound > best.0 + 1e-5 * moved {
            since = 0;
        } else {
            since += 1;
        }
        if now.bound > best.0 {
            *best = (now.bound, prices.clone());
        }
        if since > PATIENCE {
            (stride, since) = (stride / 2.0, 0);
            prices.clone_from(&best.1);
            direction = vec![[0.0; Resource::COUNT]; prices.len()];
            if stride < 1e-3 {
                return;
            }
            continue;
        }
        let norm = turn(frame, &prices, &now.loads, &units, &mut direction);
        if norm <= 0.0 {
            return;
        }
        let length = stride * (moved - now.bound) / norm;
        for (at, row) in prices.iter_mut().enumerate() {
            for (resource, price) in row.iter_mut().enumerate() {
                let step = length * direction[at][resource] / units[resource];
                if step != 0.0 {
                    *price = stepped(frame, at, resource, *price, step);
                }
            }
        }
    }
}

/// Takes the new subgradient into the direction, in units of each resource; answers the square of its length.
fn turn(
    frame: &Frame,
    prices: &Rows,
    loads: &Rows,
    units: &[f64; Resource::COUNT],
    direction: &mut Rows,
) -> f64 {
    let mut norm = 0.0;
    for (at, row) in direction.iter_mut().enumerate().filter(|(at, _)| frame.counts[*at]) {
        for (resource, along) in row.iter_mut().enumerate() {
            let (price, load) = (prices[at][resource], loads[at][resource]);
            let (low, high) = (frame.low[at][resource], frame.high[at][resource]);
            let beyond = if price > 0.0 {
                load - high
            } else if price < 0.0 {
                load - low
            } else {
                (load - high).max(0.0) + (load - low).min(0.0)
            };
            *along = MEMORY * *along + (1.0 - MEMORY) * beyond / units[resource];
            norm += along.powi(2);
        }
    }
    norm
}

/// A price after a step. It stops at 0, where the other bound begins to count.
fn stepped(frame: &Frame, at: usize, resource: usize, price: f64, step: f64) -> f64 {
    let next = price + step;
    let next = if price * next < 0.0 { 0.0 } else { next };
    within_bounds(frame, at, resource, next)
}

/// A price only where there is a bound for it.
fn within_bounds(frame: &Frame, at: usize, resource: usize, price: f64) -> f64 {
    let has_bound =
        if price > 0.0 { frame.high[at][resource].is_finite() } else { frame.low[at][resource] > 0.0 };
    if has_bound { price } else { 0.0 }
}

/// The mean load of a broker in bytes of the mean broker's disk: so resources can be compared. A resource that weighs
/// nothing counts as 1.
fn units(frame: &Frame) -> [f64; Resource::COUNT] {
    let mut total = [0.0; Resource::COUNT];
    for at in (0..frame.low.len()).filter(|at| frame.counts[*at]) {
        for (resource, total) in total.iter_mut().enumerate() {
            let (low, high) = (frame.low[at][resource], frame.high[at][resource]);
            *total += if high.is_finite() { high.midpoint(low) } else { 0.0 };
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of brokers")]
    let brokers = frame.counts.iter().filter(|counts| **counts).count().max(1) as f64;
    total.map(|total| if total > 0.0 { total / brokers } else { 1.0 })
}

/// A price to six digits.
fn rounded(price: f64) -> f64 {
    if price == 0.0 || !price.is_finite() {
        return 0.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an exponent of ten")]
    let scale = 10f64.powi(5 - price.abs().log10().floor() as i32);
    if scale.is_finite() && scale > 0.0 { (price * scale).round() / scale } else { 0.0 }
}
