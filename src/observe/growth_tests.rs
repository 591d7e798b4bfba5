//! Growth of topics whose sizes are known, with moves, gaps and jumps.

use super::*;
use crate::base::BrokerId;
use crate::observe::{Partition, Replica, SeenTopic};

const HOUR_MS: u64 = 3_600_000;

/// A look `hours` after the beginning, with one partition for each topic on broker 1.
fn look(hours: u64, sizes: &[(&str, u64)]) -> Observation {
    let topic = |(name, bytes): &(&str, u64)| {
        let replica = Replica { size_bytes: Some(Bytes(*bytes)), ..Replica::default() };
        let partition = Partition {
            replicas: vec![BrokerId(1)],
            leader: Some(BrokerId(1)),
            on_disk: [(BrokerId(1), replica)].into(),
            ..Partition::default()
        };
        (TopicName::from(*name), SeenTopic { partitions: vec![partition], ..SeenTopic::default() })
    };
    Observation {
        taken_at: TimestampMs(1_700_000_000_000 + hours * HOUR_MS),
        topics: sizes.iter().map(topic).collect(),
        ..Observation::default()
    }
}

/// Looks every two hours at a topic of this size.
fn history(hours: u64, size: impl Fn(u64) -> u64) -> SizeHistory {
    let mut history = SizeHistory::default();
    for hour in (0..hours).step_by(2) {
        history.take(TopicSizes::of(&look(hour, &[("t", size(hour))])).expect("sizes"));
    }
    history
}

fn growth(history: &SizeHistory, seen: &Observation, holds: &[(&str, u64)]) -> Growth {
    let names: Vec<(TopicName, Bytes)> =
        holds.iter().map(|(name, bytes)| (TopicName::from(*name), Bytes(*bytes))).collect();
    let tides = history.tell(seen).expect("enough is known");
    tides.growth(names.iter().map(|(name, bytes)| (name, *bytes)))
}

fn near(growth: f64, wanted: f64) -> bool {
    (growth - wanted).abs() <= wanted.abs() * 0.01 + 1.0
}

#[test]
fn a_disk_grows_as_its_share_of_its_topics_does() {
    let history = history(48, |hour| 1_000_000 + hour * 10_000);
    let now = look(48, &[("t", 1_480_000)]);
    let all = growth(&history, &now, &[("t", 1_480_000)]);
    assert!(near(all.bytes_a_day, 240_000.0) && near(all.low_bytes_a_day, 240_000.0), "{all:?}");
    // Half of it stands elsewhere since a minute ago: that is no fall.
    let half = growth(&history, &now, &[("t", 740_000)]);
    assert!(near(half.bytes_a_day, 120_000.0), "{half:?}");
    assert!(near(growth(&history, &now, &[]).bytes_a_day, 0.0), "an empty disk does not grow");
}

#[test]
fn tides_and_one_bad_look_widen_the_range_and_move_the_middle_little() {
    // Retention takes away at night what came by day, but for 100 kB a day.
    let tide = |hour: u64| 10_000_000 + hour * 100_000 / 24 + if hour % 24 < 12 { 400_000 } else { 0 };
    let with = |bad: Option<u64>| {
        let size = |hour| if Some(hour) == bad { 20_000_000 } else { tide(hour) };
        growth(&history(240, size), &look(240, &[("t", tide(240))]), &[("t", tide(240))])
    };
    let steady = with(None);
    assert!((60_000.0..140_000.0).contains(&steady.bytes_a_day), "{steady:?}");
    assert!(steady.low_bytes_a_day < steady.bytes_a_day && steady.bytes_a_day < steady.high_bytes_a_day);
    let bad = with(Some(100));
    assert!((bad.bytes_a_day - steady.bytes_a_day).abs() < 20_000.0, "{bad:?} beside {steady:?}");
}

#[test]
fn too_short_a_time_and_sizes_that_are_not_known_tell_nothing() {
    let short = history(5, |_| 1_000_000);
    assert_eq!(short.tell(&look(5, &[("t", 1_000_000)])), None);
    assert!(short.tell(&look(6, &[("t", 1_000_000)])).is_some());
    let mut unknown = look(6, &[("t", 1_000_000)]);
    unknown.topics.get_mut(&TopicName::from("t")).expect("the topic").partitions[0].on_disk.clear();
    assert_eq!(TopicSizes::of(&unknown), None);
    assert_eq!(TopicSizes::of(&Observation::default()), None, "nothing was seen");
}

#[test]
fn new_and_small_topics_go_with_the_others() {
    let mut history = SizeHistory::default();
    for hour in (0..24).step_by(2) {
        let dust = 100 + hour * 10;
        let looked = look(hour, &[("big", 10_000_000), ("dust", dust)]);
        let sizes = TopicSizes::of(&looked).expect("sizes");
        assert_eq!((sizes.topics.len(), sizes.others), (1, Bytes(dust)));
        history.take(sizes);
    }
    let now = look(24, &[("big", 10_000_000), ("dust", 340), ("new", 5_000_000)]);
    let dust = growth(&history, &now, &[("dust", 340)]);
    assert!(dust.bytes_a_day > 0.0, "others grew by what is new: {dust:?}");
    assert!(near(growth(&history, &now, &[("big", 10_000_000)]).bytes_a_day, 0.0));
}

#[test]
fn what_is_ahead_is_what_grows_and_never_less_than_today() {
    let mut history = SizeHistory::default();
    for hour in (0..48).step_by(2) {
        let sizes = [
            ("grows", 1_000_000 + hour * 10_000),
            ("shrinks", 9_000_000 - hour * 10_000),
            ("young", 1_000 + hour * 100_000),
        ];
        history.take(TopicSizes::of(&look(hour, &sizes)).expect("sizes"));
    }
    let now = look(48, &[("grows", 1_480_000), ("shrinks", 8_520_000), ("young", 4_801_000)]);
    let ahead = history.ahead(&now, Duration::from_secs(7 * 86_400)).expect("enough is known");
    let size = |name: &str| {
        ahead.topics[&TopicName::from(name)].partitions[0].size_on(BrokerId(1)).expect("a size").as_f64()
    };
    assert!(near(size("grows"), 1_480_000.0 + 7.0 * 240_000.0), "{}", size("grows"));
    assert!(near(size("shrinks"), 8_520_000.0), "a plan must hold today, too: {}", size("shrinks"));
    assert!(near(size("young"), 4_801_000.0 * GROWTH_MOST), "{}", size("young"));
    assert_eq!(history.ahead(&look(2, &[("grows", 1)]), Duration::from_secs(1)), None, "too little is known");
}

#[test]
fn two_weeks_are_kept_and_no_look_twice() {
    let history = history(24 * 30, |hour| hour);
    assert_eq!(history.len(), 168);
    let last = look(24 * 30 - 2, &[("t", 1)]);
    assert!(!history.is_due(last.taken_at));
    assert!(history.is_due(TimestampMs(last.taken_at.0 + 2 * HOUR_MS)));
    let since = history.since().expect("the first");
    assert!(last.taken_at.since(since) < Duration::from_secs(14 * 86_400));
    let slots: std::collections::BTreeSet<u64> = history.looks.values().map(TopicSizes::slot).collect();
    assert_eq!(slots.len(), 168, "each has a place of its own");
}
