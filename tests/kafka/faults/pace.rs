//! A rebalance at 1 MB/s on each broker, measured from outside.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::start;
use crate::support::lab::{Lab, Seen};

const RATE: u64 = 1_000_000;

/// What was measured, since the process was started.
#[derive(Debug, Default)]
struct Measured {
    first_move: Option<Duration>,
    last_move: Duration,
    last_throttle: Duration,
    end: Duration,
}

/// What may lie between the order and the first move, and between the last move and the last throttle, on a machine on
/// which six brokers, their clients and what looks at them share two processors.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Copying over the least time; the aim is 1.15.
const RATIO_MOST: f64 = 1.5;

pub fn a_throttled_rebalance_keeps_its_pace(lab: &mut Lab) {
    keeps_its_pace(lab);
}

/// The size at which Cruise Control was measured: three brokers take some 60 MB each, a minute at this rate.
pub fn a_large_throttled_rebalance_keeps_its_pace(lab: &mut Lab) {
    lab.skew_again();
    lab.add_topic("bulk", &vec![vec![1, 2, 3]; 12], 10_000_000);
    keeps_its_pace(lab);
    lab.delete_topic("bulk");
}

fn keeps_its_pace(lab: &Lab) {
    let before = lab.look();
    let sizes = sizes(lab, &before);
    let began = Instant::now();
    let mut running = start(lab, &["rebalance"], "1MB");
    let mut measured = Measured::default();
    while !running.has_ended() {
        if !lab.look().moving().is_empty() {
            measured.first_move.get_or_insert(began.elapsed());
            measured.last_move = began.elapsed();
        } else if measured.first_move.is_some() && !lab.throttle_rates().is_empty() {
            measured.last_throttle = began.elapsed();
        }
        sleep(Duration::from_millis(200));
    }
    measured.end = began.elapsed();
    eprintln!("{}", running.wait().expect_code(0));
    let bound = bound(&before, &lab.look(), &sizes);
    let first = measured.first_move.expect("a move was seen");
    let copied = measured.last_move.saturating_sub(first);
    eprintln!(
        "pace: a throttled rebalance at 1 MB/s, from outside (looks every 0.2 s; the machine's load counts)\n\
         pace:   process started -> first reassignment  {first:>8.2?}\n\
         pace:   first -> last reassignment             {copied:>8.2?}\n\
         pace:   last reassignment -> last throttle     {:>8.2?}\n\
         pace:   last reassignment -> end of process    {:>8.2?}\n\
         pace:   least time at this throttle            {bound:>8.2?}\n\
         pace:   copying over least time                {:>8.2} (aim: 1.15)",
        measured.last_throttle.saturating_sub(measured.last_move),
        measured.end.saturating_sub(measured.last_move),
        copied.as_secs_f64() / bound.as_secs_f64(),
    );
    assert!(first < AT_ONCE, "nothing moved for {first:.1?}");
    let cleared = measured.last_throttle.saturating_sub(measured.last_move);
    assert!(cleared < AT_ONCE, "a throttle stood for {cleared:.1?} after the last move");
    // At the end of a short one each look counts.
    let most = bound.mul_f64(RATIO_MOST) + Duration::from_secs(5);
    assert!(copied < most, "{copied:.1?} where {bound:.1?} is the least");
}

/// Bytes of each partition, from the folder of its leader.
fn sizes(lab: &Lab, seen: &Seen) -> BTreeMap<(String, i32), u64> {
    let of = |(topic, partition): &(String, i32), leader: i32| {
        let dirs = lab.log_dir_paths(leader).into_iter().map(|dir| dir.join(format!("{topic}-{partition}")));
        let files = dirs.filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten();
        let logs = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "log"));
        logs.filter_map(|log| log.metadata().ok()).map(|meta| meta.len()).sum()
    };
    seen.partitions.iter().map(|(key, partition)| (key.clone(), of(key, partition.leader))).collect()
}

/// What the busiest broker takes in or gives out, at the throttle.
fn bound(before: &Seen, after: &Seen, sizes: &BTreeMap<(String, i32), u64>) -> Duration {
    let (mut into, mut out) = (BTreeMap::<i32, u64>::new(), BTreeMap::<i32, u64>::new());
    for (key, was) in &before.partitions {
        let Some(is) = after.partitions.get(key) else { continue };
        for broker in is.replicas.iter().filter(|broker| !was.replicas.contains(broker)) {
            *into.entry(*broker).or_default() += sizes[key];
            *out.entry(was.leader).or_default() += sizes[key];
        }
    }
    let busiest = into.values().chain(out.values()).max().copied().unwrap_or_default();
    Duration::from_millis(busiest * 1_000 / RATE)
}
