//! [`Window`]: the records of the last half minute, and what their times come to. No clock is read here.
//!
//! Of each partition one record is under way at most: a broker answers the requests of a connection one after the other, so
//! that ten a second, each of which takes more than a tenth of one, would queue up behind each other to seconds of which
//! nobody else's records know. A record that is not sent for that counts as if it had come back with the one that it waited
//! for: a stall weighs as much as it lasts (what is known as coordinated omission left a stall with a single sample).

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::base::BrokerId;

/// What is told to people goes by this time.
const LONG: Duration = Duration::from_secs(30);

/// What the pace goes by: a hundred records, so that the second worst counts, and a spike that is over is soon forgotten.
const SHORT: Duration = Duration::from_secs(10);

/// A record that has not come back for so long counts as one that took as long as that: a broker that hangs shows at once.
const OVERDUE: Duration = Duration::from_millis(200);

/// Records of a broker below which nothing is told.
const FEWEST: usize = 20;

/// The consumer begins at the end of a log: what was written before it did so does not come back.
const UNREAD: Duration = Duration::from_secs(1);

/// A record on its way or back.
#[derive(Debug, Clone)]
struct Sent {
    at: Instant,
    leader: BrokerId,
    /// When further ones were due, which have not been sent.
    due: Vec<Instant>,
}

impl Sent {
    /// Since when whoever writes to this broker has waited, each of them.
    fn since(&self) -> impl Iterator<Item = Instant> {
        std::iter::once(self.at).chain(self.due.iter().copied())
    }
}

/// The records of the last half minute.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// By partition and number.
    under_way: BTreeMap<(i32, u64), Sent>,
    back: BTreeMap<BrokerId, VecDeque<(Instant, Duration)>>,
    /// Partitions of which something has come back: before that, the consumer may not have begun to read.
    reads: std::collections::BTreeSet<i32>,
}

/// What was measured so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Measured {
    /// By the broker that leads; those of which too little is known are absent.
    pub brokers: BTreeMap<BrokerId, Times>,
    /// p50 and p99 over the last half minute of what these have in all.
    pub all: Option<(Duration, Duration)>,
}

/// What the records of a broker took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    /// Over the last half minute.
    pub p50: Duration,
    pub p99: Duration,
    /// Over the last ten seconds.
    pub p99_now: Duration,
}

impl Window {
    pub(super) fn sent(&mut self, partition: i32, number: u64, leader: BrokerId, at: Instant) {
        self.under_way.insert((partition, number), Sent { at, leader, due: Vec::new() });
    }

    /// Whether the next record of a partition waits for the one before it; then it counts, too. What has been away for
    /// [`LONG`] is lost; before the first has come back, what has been away for [`UNREAD`] may never come.
    pub(super) fn waits(&mut self, partition: i32, at: Instant) -> bool {
        let patience = if self.reads.contains(&partition) { LONG } else { UNREAD };
        let last = self.under_way.range_mut((partition, 0)..=(partition, u64::MAX)).next_back();
        let last = last.filter(|(_, sent)| at.saturating_duration_since(sent.at) < patience);
        last.map(|(_, sent)| sent.due.push(at)).is_some()
    }

    pub(super) fn came_back(&mut self, partition: i32, number: u64, at: Instant) {
        if self.reads.insert(partition) {
            // What was sent before the first came back waited for connections, or will never come: that is no measure.
            self.under_way.retain(|(of, _), _| *of != partition);
            return;
        }
        let Some(sent) = self.under_way.remove(&(partition, number)) else { return };
        let back = self.back.entry(sent.leader).or_default();
        back.extend(sent.since().map(|since| (at, at.saturating_duration_since(since))));
    }

    /// Forgets what is too old.
    pub(super) fn forget(&mut self, now: Instant) {
        let is_old = |at: Instant| now.saturating_duration_since(at) > LONG;
        for times in self.back.values_mut() {
            while times.front().is_some_and(|(at, _)| is_old(*at)) {
                times.pop_front();
            }
        }
        self.back.retain(|_, times| !times.is_empty());
        // What has not come back by then was lost: for twice as long it counts as the slowest of all.
        self.under_way.retain(|_, sent| now.saturating_duration_since(sent.at) <= LONG * 2);
    }

    /// What the records took, as far as there are enough.
    pub(super) fn measured(&self, now: Instant) -> Measured {
        let (mut long, mut short) = (self.took(now, LONG), self.took(now, SHORT));
        long.retain(|broker, _| short.get(broker).is_some_and(|short| short.len() >= FEWEST));
        let mut all: Vec<Duration> = long.values().flatten().copied().collect();
        let told = long.iter_mut().filter_map(|(broker, long)| {
            let short = short.get_mut(broker)?;
            let (p50, p99) = (percentile(long, 50)?, percentile(long, 99)?);
            Some((*broker, Times { p50, p99, p99_now: percentile(short, 99)? }))
        });
        let brokers = told.collect();
        Measured { brokers, all: percentile(&mut all, 50).zip(percentile(&mut all, 99)) }
    }

    /// The times of the records that came back `within` this time, and the ages of those that are overdue.
    fn took(&self, now: Instant, within: Duration) -> BTreeMap<BrokerId, Vec<Duration>> {
        let mut took: BTreeMap<BrokerId, Vec<Duration>> = BTreeMap::new();
        for (broker, times) in &self.back {
            let recent = times.iter().filter(|(at, _)| now.saturating_duration_since(*at) <= within);
            took.entry(*broker).or_default().extend(recent.map(|(_, took)| *took));
        }
        for ((partition, _), sent) in &self.under_way {
            let ages = sent.since().map(|since| now.saturating_duration_since(since));
            if self.reads.contains(partition) {
                took.entry(sent.leader).or_default().extend(ages.filter(|age| *age >= OVERDUE));
            }
        }
        took
    }
}

/// The least time that so many in a hundred do not pass (nearest rank).
fn percentile(times: &mut [Duration], percent: usize) -> Option<Duration> {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn told(window: &Window, now: Instant) -> BTreeMap<BrokerId, Times> {
        window.measured(now).brokers
    }

    /// Ten records a second for so long, of which each takes `took`.
    fn run(window: &mut Window, from: Instant, seconds: u32, numbers: u64, took: Duration) -> Instant {
        for (tick, number) in (0..seconds * 10).zip(numbers..) {
            let at = from + MS * 100 * tick;
            window.sent(0, number, BrokerId(7), at);
            window.came_back(0, number, at + took);
        }
        from + MS * 1_000 * seconds
    }

    #[test]
    fn the_second_worst_of_a_hundred_counts_and_spikes_are_forgotten() {
        let start = Instant::now();
        let mut window = Window::default();
        assert!(told(&window, start).is_empty(), "too few to tell anything");
        let then = run(&mut window, start, 30, 0, MS * 4);
        let times = told(&window, then)[&BrokerId(7)];
        assert_eq!(times, Times { p50: MS * 4, p99: MS * 4, p99_now: MS * 4 });
        window.sent(0, 1_000, BrokerId(7), then);
        window.came_back(0, 1_000, then + MS * 90);
        assert_eq!(
            told(&window, then + MS * 100)[&BrokerId(7)].p99_now,
            MS * 4,
            "one slow record proves nothing"
        );
        let then = run(&mut window, then, 1, 2_000, MS * 50);
        window.forget(then);
        let times = told(&window, then)[&BrokerId(7)];
        assert_eq!((times.p50, times.p99, times.p99_now), (MS * 4, MS * 50, MS * 50));
        let then = run(&mut window, then, 11, 3_000, MS * 4);
        let times = told(&window, then)[&BrokerId(7)];
        assert_eq!((times.p99, times.p99_now), (MS * 50, MS * 4), "people are told of it for longer");
    }

    #[test]
    fn what_does_not_come_back_counts_as_long_as_it_is_gone() {
        let start = Instant::now();
        let mut window = Window::default();
        for number in 0..50 {
            window.sent(0, number, BrokerId(7), start);
        }
        assert!(told(&window, start + MS * 5_000).is_empty(), "the consumer may not have begun to read");
        window.came_back(0, 50, start);
        let then = run(&mut window, start, 3, 100, MS * 4);
        assert_eq!(
            told(&window, then)[&BrokerId(7)].p99_now,
            MS * 4,
            "what came before it began does not count"
        );
        for number in 0..5 {
            window.sent(0, 500 + number, BrokerId(7), then + MS * 100 * u32::try_from(number).unwrap());
        }
        let times = told(&window, then + MS * 3_000);
        assert_eq!(times[&BrokerId(7)].p99_now, MS * 3_000);
        window.forget(then + MS * 61_000);
        assert!(told(&window, then + MS * 61_000).is_empty(), "nothing is known of it any more");
    }

    #[test]
    fn a_record_waits_for_the_one_before_it_and_a_stall_weighs_as_much_as_it_lasts() {
        let start = Instant::now();
        let mut window = Window::default();
        window.sent(0, 0, BrokerId(7), start);
        assert!(window.waits(0, start + MS * 100));
        assert!(!window.waits(0, start + UNREAD), "the first may never come back");
        window.came_back(0, 0, start);
        let then = run(&mut window, start, 10, 1, MS * 4);
        window.sent(0, 1_000, BrokerId(7), then);
        for tick in 1..10 {
            assert!(window.waits(0, then + MS * 100 * tick));
            assert!(!window.waits(1, then), "another partition does not wait");
        }
        let times = told(&window, then + MS * 950)[&BrokerId(7)];
        assert_eq!(times.p99_now, MS * 950, "overdue ones count while they wait");
        window.came_back(0, 1_000, then + MS * 950);
        assert!(!window.waits(0, then + MS * 1_000));
        let times = told(&window, then + MS * 1_000)[&BrokerId(7)];
        assert_eq!(
            (times.p50, times.p99, times.p99_now),
            (MS * 4, MS * 850, MS * 850),
            "all ten of the stall count"
        );
        // Each of them takes longer than the time between two: they do not queue up.
        let (mut at, mut number) = (then + MS * 1_000, 2_000);
        for _ in 0..100 {
            window.sent(0, number, BrokerId(7), at);
            assert!(window.waits(0, at + MS * 100));
            window.came_back(0, number, at + MS * 180);
            (at, number) = (at + MS * 200, number + 1);
        }
        assert_eq!(told(&window, at)[&BrokerId(7)].p99_now, MS * 180);
        window.sent(0, 3_000, BrokerId(7), at);
        assert!(!window.waits(0, at + LONG), "it is lost");
    }

    #[test]
    fn all_records_together_are_told_too_and_not_the_mean_of_brokers() {
        let start = Instant::now();
        let mut window = Window::default();
        assert_eq!(window.measured(start).all, None);
        for (number, tick) in (0..300).zip(0_u32..) {
            let at = start + MS * 100 * tick;
            for (partition, took) in [(0, 4), (1, 4), (2, 50)] {
                window.sent(partition, number, BrokerId(partition), at);
                window.came_back(partition, number, at + MS * took);
            }
        }
        let measured = window.measured(start + MS * 30_000);
        assert_eq!(measured.brokers.len(), 3);
        assert_eq!(measured.all, Some((MS * 4, MS * 50)));
    }
}
