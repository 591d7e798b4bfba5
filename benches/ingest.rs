//! What one minute of a cluster with 90 brokers and 15,000 partitions costs of the processor: 90 pages of metrics read, shared out
//! over the partitions, and taken into the windows of loads and into the meter of logs. It should be less than a second:
//! `cargo bench --bench ingest` prints what each part takes, the best of some minutes, and ends with 1 where the sum is more.

mod fleet;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use evenkeel::base::{BrokerId, TopicPartition};
use evenkeel::edge::metrics::read_page;
use evenkeel::observe::{BrokerMetrics, LoadWindows, LogSpan, Observation, WriteMeter, attribute};
use rustix::time::{ClockId, clock_gettime};

/// What a minute may take.
const MOST: Duration = Duration::from_secs(1);

/// How many minutes are played: a window and a half, so that windows are closed as well.
const MINUTES: u64 = 22;

fn main() -> ExitCode {
    let seen = fleet::observation();
    let pages: BTreeMap<BrokerId, String> =
        seen.brokers.keys().map(|broker| (*broker, fleet::page(&seen, *broker))).collect();
    let bytes: usize = pages.values().map(String::len).sum();
    println!("{} brokers, {} partitions, {bytes} bytes of metrics", pages.len(), seen.partitions().count());
    let mut windows = LoadWindows::default();
    let mut meter = WriteMeter::default();
    let mut best = [Duration::MAX; 4];
    let mut least = Duration::MAX;
    for minute in 0..MINUTES {
        let mut look = seen.clone();
        look.taken_at.0 += minute * 60_000;
        let spans = spans(&look, minute);
        let mut metrics: BTreeMap<BrokerId, BrokerMetrics> = BTreeMap::new();
        let took = [
            cost(|| {
                metrics = pages
                    .iter()
                    .filter_map(|(broker, page)| Some((*broker, read_page(page.as_bytes()).ok()?.0)))
                    .collect();
            }),
            cost(|| meter.look(&mut look, &spans)),
            cost(|| attribute(&mut look, &metrics)),
            cost(|| drop(windows.look(&mut look))),
        ];
        assert_eq!(metrics.len(), pages.len());
        assert!(look.partitions().all(|(_, _, partition)| partition.load.leader_cpu_cores.is_some()));
        best = std::array::from_fn(|part| best[part].min(took[part]));
        least = least.min(took.iter().sum());
    }
    let names = ["pages read", "logs compared", "shared out", "taken into windows"];
    for (name, took) in names.iter().zip(best) {
        println!("  {name:<20} {:>8.1} ms", took.as_secs_f64() * 1e3);
    }
    #[expect(clippy::cast_precision_loss, reason = "for a person")]
    let megabytes_per_s = bytes as f64 / 1e6 / best[0].as_secs_f64();
    println!("  pages are read at {megabytes_per_s:.0} MB/s");
    println!(
        "one minute takes {:.3} s of the processor; {:.0} s are allowed",
        least.as_secs_f64(),
        MOST.as_secs_f64()
    );
    if least <= MOST { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Where logs begin and end, with a thousand records more each minute.
fn spans(look: &Observation, minute: u64) -> BTreeMap<TopicPartition, LogSpan> {
    let end = 1_000_000 + 1_000 * i64::try_from(minute).expect("a few minutes");
    look.partitions().map(|(which, ..)| (which, LogSpan { start: 0, end })).collect()
}

/// What something takes of the processor.
fn cost(mut work: impl FnMut()) -> Duration {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or_default(),
            u32::try_from(time.tv_nsec).unwrap_or_default(),
        )
    };
    let before = now();
    work();
    now().saturating_sub(before)
}
