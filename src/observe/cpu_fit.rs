//! How [`CpuFit`] comes about: what a byte of each kind of traffic costs a cluster's brokers in processor time, and what they do without any.
//!
//! A broker's cores are taken for `base + sum of weight x traffic`, no weight below zero, and the least sum of absolute deviations
//! is looked for: a small linear program, which a broker that collects garbage or a window gone wild moves far less than squares
//! would. Rows are the windows of [`super::LoadWindows`], one for each broker.
//!
//! - Weights are taken only where the data can tell them apart. With one replication factor everywhere a leader's followers fetch in
//!   proportion to what it is written, so those two share a weight, in the proportion of the static weights; and so on in
//!   [`GROUPINGS`], from fine to coarse. What cannot even tell leading from following is no fit.
//! - Weights are taken only where they are better than the static ones, in windows that neither was fitted to.
//! - Copies that evenkeel or others have made are large, old and sent in bulk. Windows in which they are more than a few percent are
//!   left out; what they cost while they run is reckoned by the weights of replication and put on no partition.
//! - Brokers with other numbers of cores are in the same fit: a byte costs the same cores, however many there are. Where machines
//!   differ in speed the weights are those of most of them, and what a broker is off is shared out over its parts.

use std::collections::{BTreeMap, BTreeSet};

use good_lp::{
    Expression, Solution as _, SolverModel as _, Variable, clarabel, constraint, variable, variables,
};

use super::cpu_weights::{KINDS, ROWS_LEAST, STATIC, WINDOWS_LEAST};
use super::work::Work;
use super::{CpuFit, NoFit, TrafficWeights};
use crate::base::BrokerId;

/// Which kinds share a weight: by kind the number of the weight. From fine to coarse.
const GROUPINGS: [[usize; KINDS]; 3] = [[0, 1, 2, 3], [0, 1, 2, 0], [0, 0, 1, 0]];

/// More rows than this are drawn together, so that a fit takes a fraction of a second.
const ROWS_MOST: usize = 3_000;

/// A row with more copies than this share of all traffic is left out.
const COPIES_MOST: f64 = 0.05;

/// A row with so many times more of some traffic than 95 of 100 rows have would decide alone, and is left out.
const WILD: f64 = 5.0;

/// A kind that differs by less than this share from its mean is no different from a base.
const VARIATION_LEAST: f64 = 0.05;

/// A kind of which the others and the base tell all but this share of its variance is not told apart from them.
const OWN_VARIANCE_LEAST: f64 = 0.02;

/// What two standard errors of a weight may come to, as a share of all cores used.
const DOUBT_MOST: f64 = 0.1;

/// By how much of the static weights' deviation the fit has to be better.
const BETTER_BY: f64 = 0.05;

/// The half of the windows that is least off must be nearer than this share of what was measured.
const OFF_MOST: f64 = 0.2;

/// Fewer cores than this share of the mean count as this share of it.
const IDLE: f64 = 0.01;

/// No broker does as much of anything: bytes per second, or cores.
const IMPOSSIBLE: f64 = 1e15;

/// A broker's mean work in a window; windows are numbered by time.
#[derive(Debug, Clone, Copy)]
pub(super) struct WorkRow {
    pub window: usize,
    pub broker: BrokerId,
    pub work: Work,
}

/// What is fitted to: cores, and traffic by kind.
#[derive(Debug, Clone, Copy)]
struct Point {
    window: usize,
    cores: f64,
    kinds: [f64; KINDS],
}

/// Fits weights to a day's rows.
///
/// # Errors
/// Static weights have to do.
pub(super) fn fit(rows: &[WorkRow]) -> Result<CpuFit, NoFit> {
    let all = rows.len();
    let rows = usable(rows);
    let left_out = all - rows.len();
    let (windows, brokers) =
        (distinct(rows.iter().map(|row| row.window)), distinct(rows.iter().map(|row| row.broker)));
    if windows < WINDOWS_LEAST || rows.len() < ROWS_LEAST {
        return Err(NoFit::TooFew { windows, rows: rows.len(), left_out });
    }
    let points = draw_together(&rows);
    let (seen, unseen): (Vec<Point>, Vec<Point>) = points.iter().partition(|point| point.window % 3 != 2);
    let mut why = NoFit::Alike;
    for grouping in GROUPINGS {
        let design = match Design::of(&points, grouping) {
            Ok(design) => design,
            Err(undecided) => {
                why = undecided;
                continue;
            }
        };
        let judged = design.least_deviations(&seen).ok_or(NoFit::NotSolved)?;
        let doubt = design.doubt(&judged, &points);
        if doubt > DOUBT_MOST {
            why = NoFit::Unsure { doubt };
            continue;
        }
        let scale = static_scale(&seen);
        let by_fit = Deviations::of(&unseen, design.mean_cores, |point| judged.cores(point));
        let by_static = Deviations::of(&unseen, design.mean_cores, |point| scale * weighed(STATIC, point));
        if by_fit.mean > (1.0 - BETTER_BY) * by_static.mean {
            return Err(NoFit::NotBetter { fit_off: by_fit.mean, static_off: by_static.mean });
        }
        if by_fit.median > OFF_MOST {
            return Err(NoFit::FarOff { median_off: by_fit.median });
        }
        let Line { weights, base } = design.least_deviations(&points).ok_or(NoFit::NotSolved)?;
        let fit = CpuFit {
            weights,
            base_cores: base,
            windows,
            brokers,
            left_out,
            median_off: by_fit.median,
            p95_off: by_fit.p95,
            static_median_off: by_static.median,
        };
        return if fit.is_sound() { Ok(fit) } else { Err(NoFit::NotSolved) };
    }
    Err(why)
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<BTreeSet<T>>().len()
}

/// The rows without those in which copies were made, and without those that are wild.
fn usable(rows: &[WorkRow]) -> Vec<WorkRow> {
    let calm = rows.iter().filter(|row| {
        let [_, traffic @ .., copies_in, copies_out] = row.work;
        row.work.iter().all(|amount| *amount < IMPOSSIBLE)
            && copies_in + copies_out <= COPIES_MOST * traffic.iter().sum::<f64>()
    });
    let calm: Vec<WorkRow> = calm.copied().collect();
    let most: Vec<f64> = (1..=KINDS)
        .map(|kind| {
            let amounts = calm.iter().map(|row| row.work[kind]).filter(|amount| *amount > 0.0).collect();
            WILD * quantile(amounts, 0.95)
        })
        .collect();
    let is_tame = |row: &WorkRow| most.iter().zip(&row.work[1..]).all(|(most, amount)| amount <= most);
    calm.into_iter().filter(is_tame).collect()
}

/// Windows one after the other drawn together into means, so that there are not too many; three are left at least, since one in three
/// is kept for judging.
fn draw_together(rows: &[WorkRow]) -> Vec<Point> {
    let windows: BTreeSet<usize> = rows.iter().map(|row| row.window).collect();
    let ranks: BTreeMap<usize, usize> =
        windows.iter().enumerate().map(|(rank, window)| (*window, rank)).collect();
    let step = rows.len().div_ceil(ROWS_MOST).clamp(1, (windows.len() / 3).max(1));
    let mut means: BTreeMap<(usize, BrokerId), (f64, Work)> = BTreeMap::new();
    for row in rows {
        let (count, sums) = means.entry((ranks[&row.window] / step, row.broker)).or_insert((0.0, [0.0; 7]));
        *count += 1.0;
        sums.iter_mut().zip(row.work).for_each(|(sum, amount)| *sum += amount);
    }
    let point = |((window, _), (count, sums)): ((usize, BrokerId), (f64, Work))| {
        let [cores, clients_in, clients_out, replicas_in, replicas_out, ..] = sums.map(|sum| sum / count);
        Point { window, cores, kinds: [clients_in, clients_out, replicas_in, replicas_out] }
    };
    means.into_iter().map(point).collect()
}

fn weighed(weights: TrafficWeights, point: &Point) -> f64 {
    weights.by_kind().iter().zip(point.kinds).map(|(weight, amount)| weight * amount).sum()
}

/// The scale of the static weights with the least sum of absolute deviations: a weighted median.
fn static_scale(points: &[Point]) -> f64 {
    let mut ratios: Vec<(f64, f64)> = points
        .iter()
        .map(|point| (point.cores, weighed(STATIC, point)))
        .filter(|(_, weight)| *weight > 0.0)
        .map(|(cores, weight)| (cores / weight, weight))
        .collect();
    ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
    let half = ratios.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    ratios
        .iter()
        .find(|(_, weight)| {
            below += weight;
            below >= half
        })
        .map_or(0.0, |(ratio, _)| *ratio)
}

/// What weights say of cores.
#[derive(Debug, Clone, Copy)]
struct Line {
    weights: TrafficWeights,
    base: f64,
}

impl Line {
    fn cores(&self, point: &Point) -> f64 {
        self.base + weighed(self.weights, point)
    }
}

/// How far what is said is from what was measured.
struct Deviations {
    /// Of all, as a share of the mean of what was measured.
    mean: f64,
    /// Of each, as a share of what was measured there.
    median: f64,
    p95: f64,
}

impl Deviations {
    fn of(points: &[Point], mean_cores: f64, says: impl Fn(&Point) -> f64) -> Self {
        let off = |point: &Point| (says(point) - point.cores).abs();
        // What is next to nothing is off by many times itself, and no matter.
        let least = IDLE * mean_cores;
        let shares: Vec<f64> = points.iter().map(|point| off(point) / point.cores.max(least)).collect();
        Self {
            mean: points.iter().map(off).sum::<f64>() / (real(points.len()) * mean_cores),
            median: quantile(shares.clone(), 0.5),
            p95: quantile(shares, 0.95),
        }
    }
}

/// The value that so many of all stay at or below (nearest rank); 0 of none.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank"
    )]
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.max(1) - 1).copied().unwrap_or(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn real(count: usize) -> f64 {
    count as f64
}

/// Which kinds share a weight, with what is needed to tell how sure weights can be.
struct Design {
    grouping: [usize; KINDS],
    /// Means of the columns and of cores: numbers near 1 keep the interior point solver exact.
    means: Vec<f64>,
    mean_cores: f64,
    /// By column: its standard deviation as a share of its mean, and by what its variance is inflated since others tell it.
    spread: Vec<f64>,
    inflation: Vec<f64>,
}

impl Design {
    /// Whether the data can tell these weights apart.
    fn of(points: &[Point], grouping: [usize; KINDS]) -> Result<Self, NoFit> {
        // What nobody does tells nothing of its cost, which is reckoned in proportion to another's.
        let is_idle = |kind: usize| points.iter().all(|point| point.kinds[kind] <= 0.0);
        let first = (0..KINDS).find(|kind| !is_idle(*kind)).ok_or(NoFit::Alike)?;
        let mut told: Vec<usize> =
            (0..KINDS).filter(|kind| !is_idle(*kind)).map(|kind| grouping[kind]).collect();
        told.sort_unstable();
        told.dedup();
        let place = |kind: usize| {
            let group = if is_idle(kind) { grouping[first] } else { grouping[kind] };
            told.iter().position(|known| *known == group).unwrap_or(0)
        };
        let grouping = [0, 1, 2, 3].map(place);
        let columns = told.len();
        let count = real(points.len());
        let values = |column: usize| points.iter().map(move |point| amount(grouping, point, column));
        let means: Vec<f64> = (0..columns).map(|column| values(column).sum::<f64>() / count).collect();
        let mean_cores = points.iter().map(|point| point.cores).sum::<f64>() / count;
        let moment = |one: usize, other: usize| {
            let both = values(one).zip(values(other));
            both.map(|(a, b)| (a / means[one] - 1.0) * (b / means[other] - 1.0)).sum::<f64>() / count
        };
        let spread: Vec<f64> = (0..columns).map(|column| moment(column, column).sqrt()).collect();
        let varies = spread.iter().all(|spread| *spread >= VARIATION_LEAST);
        if !varies || mean_cores <= 0.0 {
            return Err(NoFit::Alike);
        }
        let alike: Vec<Vec<f64>> = (0..columns)
            .map(|one| (0..columns).map(|other| moment(one, other) / (spread[one] * spread[other])).collect())
            .collect();
        let inflation = diagonal_of_inverse(alike).ok_or(NoFit::Alike)?;
        if inflation.iter().any(|inflation| *inflation > 1.0 / OWN_VARIANCE_LEAST) {
            return Err(NoFit::Alike);
        }
        Ok(Self { grouping, means, mean_cores, spread, inflation })
    }

    /// The least sum of absolute deviations. `None` where the solver finds none.
    fn least_deviations(&self, points: &[Point]) -> Option<Line> {
        let mut vars = variables!();
        let weights: Vec<Variable> = self.means.iter().map(|_| vars.add(variable().min(0.0))).collect();
        let base = vars.add(variable().min(0.0));
        let off: Vec<(Variable, Variable)> =
            points.iter().map(|_| (vars.add(variable().min(0.0)), vars.add(variable().min(0.0)))).collect();
        let sum: Expression = off.iter().map(|(over, under)| *over + *under).sum();
        let mut program = vars.minimise(sum).using(clarabel);
        for (point, (over, under)) in points.iter().zip(&off) {
            let mut said = Expression::from(base) + *over - *under;
            for (column, weight) in weights.iter().enumerate() {
                said.add_mul(amount(self.grouping, point, column) / self.means[column], *weight);
            }
            program.add_constraint(constraint!(said == point.cores / self.mean_cores));
        }
        let solution = program.solve().ok()?;
        let value = |of: Variable| solution.value(of).max(0.0) * self.mean_cores;
        let by_column: Vec<f64> =
            weights.iter().zip(&self.means).map(|(weight, mean)| value(*weight) / mean).collect();
        let mut by_kind = STATIC.by_kind();
        for (weight, column) in by_kind.iter_mut().zip(self.grouping) {
            *weight *= by_column[column];
        }
        Some(Line { weights: TrafficWeights::of_kinds(by_kind), base: value(base) })
    }

    /// Two standard errors of the weight that is told worst, as what they come to of all cores used. The scatter is drawn from the
    /// median deviation, which what is wild does not move.
    fn doubt(&self, line: &Line, points: &[Point]) -> f64 {
        let off = points.iter().map(|point| (line.cores(point) - point.cores).abs()).collect();
        let scatter = NORMAL * quantile(off, 0.5) / self.mean_cores;
        let error = |(spread, inflation): (&f64, &f64)| {
            scatter * LEAST_DEVIATIONS_COST * (inflation / real(points.len())).sqrt() / spread
        };
        2.0 * self.spread.iter().zip(&self.inflation).map(error).fold(0.0, f64::max)
    }
}

/// A normal distribution's standard deviation over its median absolute deviation.
const NORMAL: f64 = 1.4826;

/// Standard errors of least absolute deviations over those of least squares, where deviations are normal: the root of pi over 2.
const LEAST_DEVIATIONS_COST: f64 = 1.2533;

/// A column of a point: the kinds that share a weight, in the proportion of the static weights.
fn amount(grouping: [usize; KINDS], point: &Point, column: usize) -> f64 {
    let parts = STATIC.by_kind().into_iter().zip(point.kinds).zip(grouping);
    parts.filter(|(_, at)| *at == column).map(|((weight, amount), _)| weight * amount).sum()
}

/// The diagonal of the inverse of a small matrix; `None` where it has none.
fn diagonal_of_inverse(mut matrix: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let size = matrix.len();
    for (at, row) in matrix.iter_mut().enumerate() {
        row.extend((0..size).map(|column| if column == at { 1.0 } else { 0.0 }));
    }
    for at in 0..size {
        let pivot =
            (at..size).max_by(|one, other| matrix[*one][at].abs().total_cmp(&matrix[*other][at].abs()))?;
        matrix.swap(at, pivot);
        let head = matrix[at][at];
        if head.abs() < 1e-9 {
            return None;
        }
        matrix[at].iter_mut().for_each(|value| *value /= head);
        let row = matrix[at].clone();
        for (_, other) in matrix.iter_mut().enumerate().filter(|(index, _)| *index != at) {
            let factor = other[at];
            other.iter_mut().zip(&row).for_each(|(value, pivot)| *value -= factor * pivot);
        }
    }
    Some((0..size).map(|at| matrix[at][size + at]).collect())
}

#[cfg(test)]
#[path = "cpu_fit_tests.rs"]
mod tests;
