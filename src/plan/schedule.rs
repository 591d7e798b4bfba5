//! In which order copies start, and how long they take together: one rule for the forecast and for the executor.
//!
//! It is list scheduling. Nothing can be faster than the broker with most to receive or to send, so what that broker
//! takes part in starts first, large copies before small ones: then it is never idle while it has something to do,
//! and what is left for the end is small.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Seconds of copying that each broker still has before it, in each direction, at its throttle.
#[derive(Debug, Clone, Default)]
pub struct Backlog {
    /// What it has to receive.
    pub into: Vec<f64>,
    /// What it has to send.
    pub out: Vec<f64>,
}

impl Backlog {
    /// Nothing to do for so many brokers.
    pub fn new(brokers: usize) -> Self {
        Self { into: vec![0.0; brokers], out: vec![0.0; brokers] }
    }

    /// The longest of all.
    pub fn most(&self) -> f64 {
        self.into.iter().chain(&self.out).copied().fold(0.0, f64::max)
    }

    /// What an end (see [`ends_of`]) has before it.
    fn at(&self, end: usize) -> f64 {
        let brokers = self.into.len();
        if end < brokers { self.into[end] } else { self.out[end - brokers] }
    }
}

/// Who sends, where anybody does, and who receives.
pub(super) type Ends = (Option<usize>, usize);

/// The two ends of a copy as one number each: a broker as one that receives, or, above those, as one that sends.
pub(super) fn ends_of((source, onto): Ends, brokers: usize) -> impl Iterator<Item = usize> + Clone {
    [Some(onto), source.map(|source| brokers + source)].into_iter().flatten()
}

/// A copy that could start now.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Who it is, for the caller; of equals the lower one goes first.
    pub index: usize,
    /// It repairs: it goes before all others.
    pub repairs: bool,
    /// How soon a disk passes its limit that it takes load off, as [`super::Fill::presses`] has it: what takes load off a disk that is about to
    /// fill goes before all that does not.
    pub presses: Option<u8>,
    /// The broker that sends.
    pub source: Option<usize>,
    /// The broker that receives.
    pub onto: Option<usize>,
    /// Bytes that this copy and those that have to come after it in the same partition still take.
    pub chain_bytes: f64,
}

/// Backlogs this near to one another count as equal, as a share of the longest: there the size decides.
const ALIKE: f64 = 0.2;

/// What goes before all else, the lower first: repair, then what presses.
pub(super) type Claim = (bool, u8);

/// The longer and the shorter backlog of the two ends, the longest first.
pub(super) type Burden = (Reverse<u64>, Reverse<u64>);

/// What decides between equals: the larger chain, then the lower index.
pub(super) type Size = (Reverse<u64>, usize);

/// The place of a copy in the order in which copies start. Backlogs change at every moment; the other two do not.
pub(super) type Rank = (Claim, Burden, Size);

impl Ready {
    /// What goes before all else.
    pub(super) fn claim(&self) -> Claim {
        (!self.repairs, self.presses.unwrap_or(u8::MAX))
    }

    /// What decides between equals.
    pub(super) fn size(&self) -> Size {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for the order only")]
        let bytes = self.chain_bytes as u64;
        (Reverse(bytes), self.index)
    }
}

/// Backlogs as the order of copies counts them, by end.
#[derive(Debug)]
pub(super) struct Units {
    brokers: usize,
    of: Vec<u64>,
}

impl Units {
    /// As things stand now.
    pub fn of(backlog: &Backlog) -> Self {
        let alike_s = (backlog.most() * ALIKE).max(f64::MIN_POSITIVE);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of units")]
        let units = |seconds: &f64| (seconds / alike_s).round() as u64;
        Self { brokers: backlog.into.len(), of: backlog.into.iter().chain(&backlog.out).map(units).collect() }
    }

    /// The backlogs of the two ends of a copy.
    pub fn burden(&self, source: Option<usize>, onto: Option<usize>) -> Burden {
        let into = onto.map_or(0, |at| self.of[at]);
        let out = source.map_or(0, |at| self.of[self.brokers + at]);
        (Reverse(into.max(out)), Reverse(into.min(out)))
    }
}

/// Puts copies into the order in which they are to start.
pub fn by_urgency(ready: &mut [Ready], backlog: &Backlog) {
    let units = Units::of(backlog);
    ready.sort_by_cached_key(|copy| -> Rank {
        (copy.claim(), units.burden(copy.source, copy.onto), copy.size())
    });
}

/// So many copies at least keep a broker's throttle full: one partition alone is fetched a megabyte at a time.
const COPIES_LEAST: usize = 2;

/// A broker that has copies for this long before it needs no other yet, in seconds at its throttle.
const AHEAD_S: f64 = 20.0;

/// It needs no other either where it has copies for so many looks: nothing new starts before the next one, and copies do
/// not end when they were expected to.
const LOOKS_AHEAD: f64 = 2.0;

/// A throttle counts as full from this share on.
const FULL: f64 = 0.8;

/// A copy gets at least so many times what clients write to its partition meanwhile, or it would not come to an end.
const OUTRUNS: f64 = 2.0;

/// A copy, as far as it matters for whether more should start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Copying {
    /// The broker that sends.
    pub source: Option<usize>,
    /// The broker that receives.
    pub onto: usize,
    /// Bytes that are still to be copied.
    pub lacking_bytes: f64,
    /// What clients write to the partition, in bytes per second.
    pub grows_per_s: f64,
    /// What the replicas in sync fetch of it from the broker that sends, in bytes per second: it comes off the throttle.
    pub fetched_per_s: f64,
}

/// The copies on their way.
///
/// More at once than keep a throttle full do not make anything faster, they only take longer each: meanwhile clients
/// write more that has to be copied too, and what in-sync replicas of the same partitions fetch comes off the throttle.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    brokers: usize,
    /// For how long a broker needs copies before it, in seconds at its throttle.
    ahead_s: f64,
    ends: Vec<End>,
    copies: Vec<Copying>,
}

/// One direction of one broker.
#[derive(Debug, Clone, Default)]
struct End {
    /// Bytes per second; infinite where there is no throttle.
    throttle: f64,
    copies: Vec<usize>,
    lacking_bytes: f64,
    /// What clients write to the partition that grows fastest.
    fastest_per_s: f64,
}

impl End {
    fn clear(&mut self, throttle: f64) {
        self.copies.clear();
        (self.throttle, self.lacking_bytes, self.fastest_per_s) = (throttle, 0.0, 0.0);
    }

    fn add(&mut self, index: usize, copy: &Copying) {
        self.copies.push(index);
        self.lacking_bytes += copy.lacking_bytes;
        self.fastest_per_s = self.fastest_per_s.max(copy.grows_per_s);
    }

    /// Whether one copy more would leave one of them with too little to outrun what is written.
    fn would_starve(&self, copy: &Copying, fetched_per_s: f64) -> bool {
        let share = (self.throttle - fetched_per_s) / count(self.copies.len() + 1);
        !self.copies.is_empty() && share < OUTRUNS * self.fastest_per_s.max(copy.grows_per_s)
    }
}

impl Copying {
    /// Who sends and who receives.
    pub(super) fn between(&self) -> Ends {
        (self.source, self.onto)
    }
}

impl Traffic {
    /// Nothing on its way; for each broker what it may receive and send, in bytes per second. Copies start every `look_s`
    /// seconds.
    pub fn new(look_s: f64, throttles: impl Iterator<Item = (f64, f64)>) -> Self {
        let end = |throttle| End { throttle, ..End::default() };
        let (mut ends, out): (Vec<End>, Vec<End>) =
            throttles.map(|(into, out)| (end(into), end(out))).unzip();
        let brokers = ends.len();
        ends.extend(out);
        Self { brokers, ahead_s: AHEAD_S.max(LOOKS_AHEAD * look_s), ends, copies: Vec::new() }
    }

    /// Nothing on its way any more, and these throttles: as new, without room being made anew.
    pub(super) fn clear(&mut self, throttles: impl Iterator<Item = (f64, f64)>) {
        self.copies.clear();
        let (into, out) = self.ends.split_at_mut(self.brokers);
        for ((into, out), throttles) in into.iter_mut().zip(out).zip(throttles) {
            into.clear(throttles.0);
            out.clear(throttles.1);
        }
    }

    /// Takes note of a copy.
    pub fn add(&mut self, copy: Copying) {
        let index = self.copies.len();
        self.copies.push(copy);
        for end in ends_of(copy.between(), self.brokers) {
            self.ends[end].add(index, &copy);
        }
        if let Some(source) = copy.source {
            let out = &mut self.ends[self.brokers + source];
            out.throttle = (out.throttle - copy.fetched_per_s).max(1.0);
        }
    }

    /// What a copy gets whatever the others do: its share of the narrower of its ends.
    fn least_rate(&self, copy: usize) -> f64 {
        let share = |end: usize| self.ends[end].throttle / count(self.ends[end].copies.len());
        ends_of(self.copies[copy].between(), self.brokers).map(share).fold(f64::INFINITY, f64::min)
    }

    /// Whether an end (see [`ends_of`]) has what keeps its throttle full for a while.
    pub(super) fn is_busy(&self, end: usize) -> bool {
        let end = &self.ends[end];
        end.copies.len() >= COPIES_LEAST
            && end.lacking_bytes >= self.ahead_s * end.throttle
            && end.copies.iter().map(|copy| self.least_rate(*copy)).sum::<f64>() >= FULL * end.throttle
    }

    /// The ends whose copies share an end with a copy between these two, and those two.
    pub(super) fn neighbours(&self, between: Ends) -> impl Iterator<Item = usize> {
        let copies = ends_of(between, self.brokers).flat_map(|end| &self.ends[end].copies);
        copies.flat_map(|copy| ends_of(self.copies[*copy].between(), self.brokers))
    }

    /// Whether it would leave a copy, itself or another, with too little to come to an end.
    pub(super) fn would_starve(&self, copy: &Copying) -> bool {
        self.ends[copy.onto].would_starve(copy, 0.0)
            || copy
                .source
                .is_some_and(|source| self.ends[self.brokers + source].would_starve(copy, copy.fetched_per_s))
    }

    /// Whether a copy should start: when both its ends could do more or, where it `presses`, the one with the longer
    /// backlog; and in no case where others would not come to an end for it.
    pub fn wants(&self, copy: &Copying, backlog: &Backlog, presses: bool) -> bool {
        !self.would_starve(copy)
            && has_use(
                ends_of(copy.between(), self.brokers),
                presses,
                |end| backlog.at(end),
                |end| !self.is_busy(end),
            )
    }
}

/// The one of two ends of a copy with the longer backlog, of equals the one that receives.
pub(super) fn longer(one: usize, other: usize, backlog_s: impl Fn(usize) -> f64) -> usize {
    let (onto, source) = (one.min(other), one.max(other));
    if backlog_s(onto) >= backlog_s(source) { onto } else { source }
}

/// Whether a copy between these ends is of use: where both could do more or, where it `presses`, the one with the longer
/// backlog.
pub(super) fn has_use(
    mut ends: impl Iterator<Item = usize>,
    presses: bool,
    backlog_s: impl Fn(usize) -> f64,
    could_do_more: impl Fn(usize) -> bool,
) -> bool {
    // Where both could do more, so could the one with the longer backlog.
    if presses {
        ends.reduce(|one, other| longer(one, other, &backlog_s)).is_some_and(could_do_more)
    } else {
        ends.all(could_do_more)
    }
}

/// Max-min fair rates of flows between these ends when each broker receives at most what the first half of `room` says
/// and sends at most what the second half says: all flows get faster together until one of their ends is used up, those
/// stop there, the rest go on.
pub(super) fn rates(flows: &[Ends], mut room: Vec<f64>) -> Vec<f64> {
    let brokers = room.len() / 2;
    let ends = |flow: usize| ends_of(flows[flow], brokers);
    let mut open = vec![0; 2 * brokers];
    (0..flows.len()).flat_map(ends).for_each(|end| open[end] += 1);
    // The flows of an end stand side by side, up to where those of the next begin.
    let mut begins: Vec<usize> = open.clone();
    let mut sum = 0;
    for begins in &mut begins {
        sum += std::mem::replace(begins, sum);
    }
    let mut binds = vec![0; sum];
    let mut filled = begins.clone();
    for flow in 0..flows.len() {
        for end in ends(flow) {
            binds[filled[end]] = flow;
            filled[end] += 1;
        }
    }
    let mut rates: Vec<Option<f64>> = vec![None; flows.len()];
    let level = |room: f64, open: usize| Level(room / count(open));
    let busy = (0..2 * brokers).filter(|end| open[*end] > 0);
    let mut heap: BinaryHeap<Reverse<(Level, usize)>> =
        busy.map(|end| Reverse((level(room[end], open[end]), end))).collect();
    while let Some(Reverse((seen, end))) = heap.pop() {
        if open[end] == 0 {
            continue;
        }
        // Levels only rise while others are served, so one that has changed goes back to its place.
        let now = level(room[end], open[end]);
        if now > seen {
            heap.push(Reverse((now, end)));
            continue;
        }
        for at in binds[begins[end]..filled[end]].iter().copied() {
            if rates[at].is_none() {
                rates[at] = Some(now.0);
                for other in ends(at) {
                    room[other] = (room[other] - now.0).max(0.0);
                    open[other] -= 1;
                }
            }
        }
    }
    rates.into_iter().map(|rate| rate.unwrap_or(0.0)).collect()
}

/// A rate that can be compared.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Level(f64);

impl Eq for Level {}

impl PartialOrd for Level {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Level {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn count(of: usize) -> f64 {
    of as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(source: usize, onto: usize, lacking_bytes: f64) -> Copying {
        Copying { source: Some(source), onto, lacking_bytes, ..Copying::default() }
    }

    #[test]
    fn what_one_copy_cannot_use_the_others_get() {
        let flows = [(Some(0), 1), (Some(0), 2)];
        // Broker 0 sends 100; broker 1 takes 10.
        assert_eq!(rates(&flows, vec![100.0, 10.0, 100.0, 100.0, 100.0, 100.0]), [10.0, 90.0]);
    }

    #[test]
    fn the_busiest_come_first_and_there_the_largest() {
        let ready = |index, source, onto, chain_bytes| Ready {
            index,
            repairs: index == 3,
            presses: (index == 4).then_some(2),
            source: Some(source),
            onto: Some(onto),
            chain_bytes,
        };
        let mut all = [
            ready(0, 0, 1, 9.0),
            ready(1, 0, 2, 1.0),
            ready(2, 0, 2, 5.0),
            ready(3, 1, 0, 1.0),
            ready(4, 1, 0, 1.0),
        ];
        let backlog = Backlog { into: vec![1.0, 50.0, 100.0], out: vec![20.0, 1.0, 0.0] };
        by_urgency(&mut all, &backlog);
        assert_eq!(
            all.map(|ready| ready.index),
            [3, 4, 2, 1, 0],
            "a repair, then what a full disk waits for, then what broker 2 receives"
        );
    }

    #[test]
    fn a_full_throttle_takes_no_more_copies_and_one_that_runs_dry_does() {
        let throttles = || [(10.0, 10.0); 5].into_iter();
        let backlog = Backlog { into: vec![0.0; 5], out: vec![9.0, 0.0, 0.0, 0.0, 0.0] };
        let mut traffic = Traffic::new(1.0, throttles());
        traffic.add(copy(0, 1, 1e6));
        assert!(traffic.wants(&copy(0, 2, 1e6), &backlog, false), "one alone may be slow for other reasons");
        traffic.add(copy(0, 2, 1e6));
        assert!(!traffic.wants(&copy(0, 3, 1e6), &backlog, true), "broker 0 has what it can send");
        let mut traffic = Traffic::new(1.0, throttles());
        traffic.add(copy(0, 1, 10.0));
        traffic.add(copy(0, 2, 10.0));
        assert!(traffic.wants(&copy(0, 3, 1e6), &backlog, false), "both are there in seconds");
        let minute = |look_s: f64| {
            let mut traffic = Traffic::new(look_s, throttles());
            traffic.add(copy(0, 1, 300.0));
            traffic.add(copy(0, 2, 300.0));
            traffic.wants(&copy(0, 3, 1e6), &backlog, false)
        };
        assert!(!minute(1.0), "a minute's worth is before it");
        assert!(minute(40.0), "who looks every 40 s needs more than a minute's worth");
    }

    #[test]
    fn a_copy_outruns_what_is_written() {
        let backlog = Backlog::new(3);
        let mut traffic = Traffic::new(1.0, [(10.0, 10.0); 3].into_iter());
        let busy = Copying { grows_per_s: 3.0, fetched_per_s: 2.0, ..copy(0, 1, 1e6) };
        assert!(traffic.wants(&busy, &backlog, false), "alone it has all there is");
        traffic.add(busy);
        assert!(!traffic.wants(&copy(0, 2, 1e6), &backlog, true), "half of 8 is less than twice 3");
    }
}
