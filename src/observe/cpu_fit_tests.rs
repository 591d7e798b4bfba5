//! Weights that are known come back, outliers do not move them, and data that cannot tell says so.

use proptest::prelude::*;

use super::*;

/// Numbers in 0..1 that a seed names.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 33).expect("31 bits")) / f64::from(1u32 << 31)
    }

    /// Between -1 and 1, mostly near 0.
    fn noise(&mut self) -> f64 {
        (0..4).map(|_| self.next()).sum::<f64>() / 2.0 - 1.0
    }
}

const TRUE: TrafficWeights = TrafficWeights { produce: 3e-8, consume: 0.8e-8, follow: 1.2e-8, serve: 1e-8 };
const BASE: f64 = 0.4;
const MB: f64 = 1e6;

/// A day of brokers whose leaders, followers and readers are no two alike; `copies` is the replication factor less one of what each
/// leads.
fn day(brokers: i32, seed: u64, noise: f64, copies: impl Fn(i32) -> f64) -> Vec<WorkRow> {
    let mut numbers = Numbers(seed);
    let of_broker: Vec<[f64; 3]> =
        (0..brokers).map(|_| [(); 3].map(|()| 0.4 + 1.2 * numbers.next())).collect();
    let mut rows = Vec::new();
    for window in 0..96 {
        let hour = f64::from(window) / 96.0 * std::f64::consts::TAU;
        let (writes, reads) = (20.0 + 12.0 * hour.sin(), 40.0 + 25.0 * (hour + 1.5).cos());
        for broker in 0..brokers {
            let [leads, follows, read] = of_broker[usize::try_from(broker).expect("small")];
            let mut vary = || 1.0 + 0.1 * numbers.noise();
            let clients_in = writes * leads * vary() * MB;
            let kinds = [
                clients_in,
                reads * read * vary() * MB,
                writes * 2.0 * follows * vary() * MB,
                clients_in * copies(broker),
            ];
            let cores =
                BASE + TRUE.by_kind().iter().zip(kinds).map(|(weight, amount)| weight * amount).sum::<f64>();
            let cores = cores * (1.0 + noise * numbers.noise());
            let [a, b, c, d] = kinds;
            rows.push(WorkRow {
                window: usize::try_from(window).expect("small"),
                broker: BrokerId(broker),
                work: [cores, a, b, c, d, 0.0, 0.0],
            });
        }
    }
    rows
}

fn near(told: f64, wanted: f64, within: f64) -> bool {
    (told - wanted).abs() <= within * wanted
}

/// What a leader's byte costs, with its followers'.
fn written(weights: TrafficWeights, copies: f64) -> f64 {
    weights.produce + copies * weights.serve
}

fn holds(fit: &CpuFit, copies: f64, within: f64) -> bool {
    near(written(fit.weights, copies), written(TRUE, copies), within)
        && near(fit.weights.consume, TRUE.consume, within)
        && near(fit.weights.follow, TRUE.follow, within)
        && near(fit.base_cores, BASE, 2.0 * within)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn weights_that_are_known_come_back(seed in any::<u64>(), brokers in 6..12i32) {
        let fit = fit(&day(brokers, seed, 0.03, |_| 2.0)).expect("it tells");
        prop_assert!(holds(&fit, 2.0, 0.08), "{fit:?}");
        prop_assert!(fit.median_off < 0.03 && fit.median_off < fit.static_median_off, "{fit:?}");
    }
}

#[test]
fn where_replication_factors_differ_even_the_followers_fetches_are_told_apart() {
    let fit = fit(&day(9, 7, 0.01, |broker| f64::from(broker % 3))).expect("it tells");
    assert!(near(fit.weights.produce, TRUE.produce, 0.05), "{fit:?}");
    assert!(near(fit.weights.serve, TRUE.serve, 0.05), "{fit:?}");
    assert!(holds(&fit, 2.0, 0.05), "{fit:?}");
}

#[test]
fn what_is_wild_does_not_move_them() {
    let mut rows = day(8, 3, 0.02, |_| 2.0);
    let calm = fit(&rows).expect("it tells");
    // A broker that collects garbage for two hours, a window with traffic that cannot be, and one that counts nothing.
    for row in rows.iter_mut().filter(|row| row.broker == BrokerId(2) && (40..48).contains(&row.window)) {
        row.work[0] *= 4.0;
    }
    for row in rows.iter_mut().filter(|row| row.window == 70) {
        row.work[1] *= 1e4;
        row.work[4] *= 1e4;
    }
    for row in rows.iter_mut().filter(|row| row.window == 71) {
        row.work[0] = 0.0;
    }
    let wild = fit(&rows).expect("it still tells");
    assert!(holds(&wild, 2.0, 0.06), "{wild:?}");
    assert!(near(written(wild.weights, 2.0), written(calm.weights, 2.0), 0.03), "{wild:?}");
    assert_eq!(wild.left_out, 8, "the traffic that cannot be");
}

#[test]
fn copies_are_kept_out_and_too_little_says_so() {
    let mut rows = day(6, 5, 0.02, |_| 2.0);
    // Copies cost less a byte than other replication, and would draw its weight down.
    for row in rows.iter_mut().filter(|row| (10..60).contains(&row.window)) {
        row.work[5] = 80.0 * MB;
        row.work[0] += 0.1;
    }
    let told = fit(&rows).expect("what is left is enough");
    assert!(holds(&told, 2.0, 0.06) && told.left_out == 300 && told.windows == 46, "{told:?}");
    rows.retain(|row| row.window < 60);
    let seven: Vec<WorkRow> = rows.iter().copied().filter(|row| row.window < 7).collect();
    assert_eq!(fit(&seven), Err(NoFit::TooFew { windows: 7, rows: 42, left_out: 0 }));
    assert_eq!(fit(&[]), Err(NoFit::TooFew { windows: 0, rows: 0, left_out: 0 }));
}

#[test]
fn what_cannot_be_told_apart_is_not() {
    // All brokers follow what they lead, twice, and read it.
    let mut rows = day(8, 1, 0.01, |_| 2.0);
    for row in &mut rows {
        let [cores, clients_in, ..] = &mut row.work;
        let written = *clients_in;
        *cores = BASE + 6e-8 * written;
        row.work[2] = 2.0 * written;
        row.work[3] = 2.0 * written;
    }
    assert_eq!(fit(&rows), Err(NoFit::Alike));
    // The same everywhere and always.
    for row in &mut rows {
        row.work = [1.0, 10.0 * MB, 20.0 * MB, 20.0 * MB, 20.0 * MB, 0.0, 0.0];
    }
    assert_eq!(fit(&rows), Err(NoFit::Alike));
    for row in &mut rows {
        row.work = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    }
    assert_eq!(fit(&rows), Err(NoFit::Alike), "nothing flows");
}

#[test]
fn processors_that_do_something_else_are_told_from_those_that_serve_traffic() {
    let mut numbers = Numbers(11);
    let mut rows = day(8, 2, 0.01, |_| 2.0);
    for row in &mut rows {
        row.work[0] = 0.2 + 6.0 * numbers.next();
    }
    let told = fit(&rows);
    assert!(
        matches!(told, Err(NoFit::Unsure { .. } | NoFit::FarOff { .. } | NoFit::NotBetter { .. })),
        "{told:?}"
    );
    // The static weights are the truth: nothing is gained.
    let mut rows = day(8, 2, 0.0, |_| 2.0);
    for row in &mut rows {
        let noise = 1.0 + 0.02 * numbers.noise();
        row.work[0] =
            noise * 5e-8 * STATIC.by_kind().iter().zip(&row.work[1..]).map(|(w, x)| w * x).sum::<f64>();
    }
    let told = fit(&rows);
    assert!(matches!(told, Err(NoFit::NotBetter { .. })), "{told:?}");
}

#[test]
fn readers_that_are_not_there_cost_nothing_and_hide_nothing() {
    let mut rows = day(8, 4, 0.01, |_| 2.0);
    for row in &mut rows {
        row.work[0] -= TRUE.consume * row.work[2];
        row.work[2] = 0.0;
    }
    let fit = fit(&rows).expect("it tells");
    assert!(near(fit.weights.follow, TRUE.follow, 0.06) && fit.weights.consume > 0.0, "{fit:?}");
}

#[test]
fn a_large_cluster_is_drawn_together() {
    let rows = day(200, 9, 0.03, |_| 2.0);
    assert!(draw_together(&rows).len() <= ROWS_MOST);
    let fit = fit(&rows).expect("it tells");
    assert!(holds(&fit, 2.0, 0.06), "{fit:?}");
}
