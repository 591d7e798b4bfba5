//! [`Certificate`]: how far a proposal is from the best that there can be, with what a third party needs to check it.
//!
//! Bounds follow from the snapshot and the numbers in the certificate, never from the search: [`Certificate::recheck`]
//! computes them again from these alone. `balance` bounds how level brokers can be, `relaxed` how few bytes will do at
//! given prices, `fluid` and `prices` find good prices. Whatever the prices are, the bound that follows is true: good
//! prices only make it higher.

mod balance;
mod fluid;
mod frame;
mod prices;
mod relaxed;
mod text;

use serde::{Deserialize, Serialize};

use super::{Operation, Request};
use crate::base::{BrokerId, Bytes};
use crate::goals::GoalSet;
use crate::model::{Assignment, ClusterModel, Resource, Sums};
use frame::Frame;

pub use balance::{Argument, BalanceBound, Yardstick};

/// How far a proposal is from the best.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// What the bounds are about.
    pub terms: Terms,
    /// How level brokers are, goal by goal, and how level they can be.
    pub balances: Vec<BalanceBound>,
    /// Goals on loads that no bound is given for, by name: those on hosts, racks, topics and log directories.
    pub not_bounded: Vec<String>,
    /// Bytes moved, and the least; absent where sizes are not known, replication factors change, or nothing is asked
    /// that data would have to move for.
    pub bytes: Option<BytesBound>,
    /// Time of the copying, and the least for these moves; absent where nothing is copied between brokers.
    pub time: Option<TimeBound>,
}

/// What every placement that the bounds speak of keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Every partition stands on as many racks, and as evenly, as it can.
    pub keeps_spread: bool,
    /// Brokers that end empty, but for partitions that may not be touched.
    pub emptied: Vec<BrokerId>,
    /// No replica stays offline, but of partitions that may not be touched.
    pub offline_mended: bool,
    /// Replication factors change: of balance the bounds say only what the mean says.
    pub factors_change: bool,
}

/// Least bytes to move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BytesBound {
    /// Bytes that the plan copies between brokers.
    pub moved: Bytes,
    /// Least bytes that any plan which ends within the same bounds copies.
    pub least: Bytes,
    /// How far `moved` is above `least`, in percent of `least`; absent where `least` is 0.
    pub gap_percent: Option<f64>,
    /// Goals whose bounds count: those on the loads of brokers that the plan meets in the end, and of the others the
    /// bounds of those brokers that end inside.
    pub goals: Vec<String>,
    /// The price of ending beyond a bound, where it is not 0.
    pub prices: Vec<BoundPrice>,
    /// How `least` follows from the prices.
    pub formula: String,
}

/// The price of a load that is beyond a bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundPrice {
    /// The broker.
    pub broker: BrokerId,
    /// The resource.
    pub resource: Resource,
    /// Which bound.
    pub side: BoundSide,
    /// The bound, in units of the resource.
    pub bound: f64,
    /// Bytes for each unit beyond it; not negative.
    pub price: f64,
}

/// A side of a band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoundSide {
    /// No more than the bound.
    AtMost,
    /// No less than the bound.
    AtLeast,
}

/// Least time of the moves of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeBound {
    /// What the plan's waves take, in seconds.
    pub forecast_s: f64,
    /// What the busiest broker takes for its own bytes at the throttle, in seconds: each replica is copied from
    /// the leader that its partition has now.
    pub least_s: f64,
    /// How far the forecast is above the least, in percent of the least; absent where that is 0.
    pub gap_percent: Option<f64>,
    /// The busiest broker.
    pub broker: BrokerId,
    /// Whether it is busy receiving; else sending.
    pub receives: bool,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What a certificate is made for.
#[derive(Debug, Clone, Copy)]
pub struct Reached<'a> {
    /// Where everything stands in the end.
    pub placement: &'a Assignment,
    /// Its loads.
    pub sums: &'a Sums,
    /// Per goal of the set, in its order: whether it is met in the end.
    pub met: &'a [Option<bool>],
    /// Bytes copied between brokers.
    pub moved: Bytes,
}

impl Certificate {
    /// Certifies what a plan reaches. The time is for the planner to add.
    pub fn new(model: &ClusterModel, goals: &GoalSet, request: &Request, reached: Reached<'_>) -> Self {
        let mut terms = Terms::asked(model, request, reached.placement);
        let mut met = reached.met.to_vec();
        if terms.leave_something(model, reached.placement) {
            // Then the bounds are on plans that leave it, too. Whether goals are met was judged without the brokers that were
            // to be emptied, and says nothing of all of them.
            if !terms.emptied.is_empty() {
                met.iter_mut().flatten().for_each(|met| *met = false);
            }
            terms.emptied.clear();
            terms.offline_mended = false;
        }
        terms.keeps_spread = frame::keeps_spread(goals, &met);
        let reached = Reached { met: &met, ..reached };
        let mut frame = Frame::new(model, &terms);
        let (balances, not_bounded) = balance::bounds(&frame, goals, reached);
        let names = frame.bound_by(goals, reached);
        let asks = !names.is_empty() || frame.forces_moves();
        let bytes = (asks && model.known[Resource::Disk.index()] && !terms.factors_change).then(|| {
            let prices = prices::search(&frame, reached.moved);
            let printed = frame.printed(&prices);
            let least = relaxed::least(&frame, &prices);
            BytesBound {
                moved: reached.moved,
                least,
                gap_percent: gap_percent(reached.moved.as_f64(), least.as_f64()),
                goals: names,
                prices: printed,
                formula: text::FORMULA.to_owned(),
            }
        });
        Self { terms, balances, not_bounded, bytes, time: None }
    }

    /// Computes every bound again from the snapshot and what is printed, and compares. `load` tells loads in the end
    /// as the plan states them; rounded numbers will do.
    ///
    /// # Errors
    /// What does not hold, in words.
    pub fn recheck(
        &self,
        model: &ClusterModel,
        load: impl Fn(BrokerId, Resource) -> Option<f64>,
    ) -> Result<(), String> {
        let mut frame = Frame::new(model, &self.terms);
        let mut amounts = balance::Amounts::new(&frame);
        for row in &self.balances {
            balance::recheck(&frame, &mut amounts, row, &load)?;
        }
        let Some(bytes) = &self.bytes else { return Ok(()) };
        let prices = frame.read_prices(&bytes.prices)?;
        for row in &bytes.prices {
            let ends = load(row.broker, row.resource);
            let beyond = ends.is_none_or(|ends| match row.side {
                BoundSide::AtMost => ends > row.bound + ROUNDED * (row.bound.abs() + 1e3),
                BoundSide::AtLeast => ends < row.bound - ROUNDED * (row.bound.abs() + 1e3),
            });
            if beyond {
                return Err(format!(
                    "the plan itself does not end within the bound of {} on broker {}",
                    row.resource.show_named(row.bound),
                    row.broker
                ));
            }
        }
        let least = relaxed::least(&frame, &prices);
        // The last bit of a sum may fall differently on another machine.
        if bytes.least.0.abs_diff(least.0) > 1 + bytes.least.0 / 1_000_000_000 {
            return Err(format!(
                "its prices prove that at least {least} must move, and it says {}",
                bytes.least
            ));
        }
        check_gap("bytes", bytes.gap_percent, gap_percent(bytes.moved.as_f64(), bytes.least.as_f64()))
    }
}

/// Loads in a plan file are rounded to three digits after the point: of a bound, by no more than this.
const ROUNDED: f64 = 1e-6;

/// How far an amount is above the least, in percent with three digits; `None` where the least is nothing.
pub fn gap_percent(reached: f64, least: f64) -> Option<f64> {
    (least > 0.0).then(|| (1e5 * (reached / least - 1.0)).round() / 1e3)
}

/// Compares a gap with what it should be.
///
/// # Errors
/// They differ.
pub fn check_gap(what: &str, stated: Option<f64>, right: Option<f64>) -> Result<(), String> {
    let same = match (stated, right) {
        (Some(stated), Some(right)) => (stated - right).abs() <= 2e-3 + 1e-6 * right.abs(),
        (None, None) => true,
        _ => false,
    };
    let show = |gap: Option<f64>| gap.map_or_else(|| "none".to_owned(), |gap| format!("{gap:.3} %"));
    if same {
        Ok(())
    } else {
        Err(format!("the gap of {what} is {}, and it says {}", show(right), show(stated)))
    }
}

impl Terms {
    /// What was asked for, goals aside.
    fn asked(model: &ClusterModel, request: &Request, placement: &Assignment) -> Self {
        let factor = |of: &Assignment, partition| of.replicas(partition).len();
        let mut terms = Self {
            factors_change: model
                .partition_ords()
                .any(|partition| factor(&model.placement, partition) != factor(placement, partition)),
            ..Self::default()
        };
        match &request.operation {
            Operation::RemoveBrokers(ids) => terms.emptied.clone_from(ids),
            Operation::FixOffline => terms.offline_mended = true,
            _ => {}
        }
        terms.emptied.sort_unstable();
        terms.emptied.dedup();
        terms
    }

    /// Whether something that was asked to leave stays where it is.
    fn leave_something(&self, model: &ClusterModel, placement: &Assignment) -> bool {
        if self.emptied.is_empty() && !self.offline_mended {
            return false;
        }
        let frame = Frame::new(model, self);
        let stays = |partition| {
            placement.replicas(partition).iter().any(|broker| frame.must_leave(partition, *broker))
        };
        model.partition_ords().any(stays)
    }
}
