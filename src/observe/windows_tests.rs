//! Means and peaks of loads that are known.

use super::*;
use crate::observe::{BrokerWork, Partition, SeenBroker, SeenTopic, WorkTraffic};

const MINUTE_MS: u64 = 60_000;

/// A look after so many minutes: topic `t` with one partition on brokers 1 and 2, led by 1.
fn look(minutes: u64, produce: Option<f64>) -> Observation {
    let load = PartitionLoad {
        produce_bytes_per_s: produce.map(|produce| BytesPerS::new(produce).expect("a rate")),
        ..PartitionLoad::default()
    };
    let replicas = vec![BrokerId(1), BrokerId(2)];
    let partition = Partition { leader: Some(BrokerId(1)), replicas, load, ..Partition::default() };
    Observation {
        taken_at: TimestampMs(1_700_000_000_000 + minutes * MINUTE_MS),
        topics: [("t".into(), SeenTopic { partitions: vec![partition], ..SeenTopic::default() })].into(),
        ..Observation::default()
    }
}

fn produced(seen: &Observation) -> Option<f64> {
    seen.topics[&TopicName::from("t")].partitions[0].load.produce_bytes_per_s.map(BytesPerS::get)
}

/// Looks every five minutes at what is produced then.
fn run(
    windows: &mut LoadWindows,
    minutes: std::ops::Range<u64>,
    produce: impl Fn(u64) -> f64,
) -> Vec<LoadWindow> {
    let mut closed = Vec::new();
    for minute in minutes.step_by(5) {
        closed.extend(windows.look(&mut look(minute, Some(produce(minute)))));
    }
    closed
}

fn told(windows: &mut LoadWindows, minutes: u64, produce: Option<f64>) -> Option<f64> {
    let mut seen = look(minutes, produce);
    windows.look(&mut seen);
    produced(&seen)
}

fn near(told: Option<f64>, wanted: f64) -> bool {
    told.is_some_and(|told| (told - wanted).abs() < wanted * 0.01)
}

#[test]
fn what_is_told_is_the_mean_of_an_hour() {
    let mut windows = LoadWindows::default();
    assert_eq!(told(&mut windows, 0, Some(100.0)), Some(100.0), "the first look is all there is");
    run(&mut windows, 5..60, |_| 100.0);
    let spike = told(&mut windows, 60, Some(1_300.0));
    assert!(near(spike, 192.3), "one of thirteen looks: {spike:?}");
    // Five quarters later nothing of that hour is told any more.
    run(&mut windows, 65..140, |_| 500.0);
    assert!(near(told(&mut windows, 140, Some(500.0)), 500.0));
}

#[test]
fn what_followers_send_goes_with_the_mean_of_what_leaders_send() {
    let rate = |rate: f64| BytesPerS::new(rate).ok();
    let read = |minutes: u64, leader: f64, follower: Option<f64>| {
        let mut seen = look(minutes, Some(10.0));
        let load = &mut seen.topics.get_mut(&TopicName::from("t")).expect("the topic").partitions[0].load;
        load.consume_bytes_per_s = rate(leader);
        load.follower_consume_bytes_per_s = follower.and_then(rate);
        seen
    };
    let mut windows = LoadWindows::default();
    for minute in (0..60).step_by(5) {
        windows.look(&mut read(minute, 100.0, Some(50.0)));
    }
    let mut burst = read(60, 1_300.0, Some(650.0));
    windows.look(&mut burst);
    let load = burst.topics[&TopicName::from("t")].partitions[0].load;
    assert!(near(load.consume_bytes_per_s.map(BytesPerS::get), 192.3), "{load:?}");
    assert!(near(load.follower_consume_bytes_per_s.map(BytesPerS::get), 96.15), "{load:?}");
    let mut silent = read(65, 0.0, Some(70.0));
    windows.look(&mut silent);
    let load = silent.topics[&TopicName::from("t")].partitions[0].load;
    assert_eq!(load.follower_consume_bytes_per_s, rate(70.0), "followers alone are read: as it was seen");
    let mut none = read(70, 100.0, None);
    windows.look(&mut none);
    assert_eq!(none.topics[&TopicName::from("t")].partitions[0].load.follower_consume_bytes_per_s, None);
}

#[test]
fn a_source_that_has_gone_is_not_covered_up_and_a_new_topic_begins_anew() {
    let mut windows = LoadWindows::default();
    run(&mut windows, 0..60, |_| 100.0);
    assert_eq!(told(&mut windows, 60, None), None);
    let mut other = look(65, Some(7.0));
    other.topics.get_mut(&TopicName::from("t")).expect("the topic").id = Some(Uuid::from_u128(1));
    windows.look(&mut other);
    assert_eq!(produced(&other), Some(7.0), "it has the name and not the past");
}

#[test]
fn closed_windows_are_kept_and_taken_back() {
    let mut windows = LoadWindows::default();
    let closed = run(&mut windows, 0..120, |minute| if minute < 60 { 100.0 } else { 300.0 });
    assert_eq!(closed.len(), 7);
    let texts: Vec<String> =
        closed.iter().map(|window| serde_json::to_string(window).expect("JSON")).collect();
    let read: Vec<LoadWindow> =
        texts.iter().rev().map(|text| serde_json::from_str(text).expect("as written")).collect();
    let mut again = LoadWindows::default();
    again.take_back(read.clone(), look(120, None).taken_at);
    // Three looks at 100 and nine at 300 are an hour old at most, and this one.
    assert!(near(told(&mut again, 120, Some(300.0)), 253.8));
    let mut late = LoadWindows::default();
    late.take_back(read.clone(), look(2_000, None).taken_at);
    assert_eq!(late, LoadWindows::default(), "a day old");
    let mut early = LoadWindows::default();
    early.take_back(read, TimestampMs(0));
    assert_eq!(early, LoadWindows::default(), "from the future");
    let negative = texts[0].replace("100.0", "-1.0");
    assert!(serde_json::from_str::<LoadWindow>(&negative).is_err(), "{negative}");
}

#[test]
fn peaks_are_of_a_day_and_by_who_leads_now() {
    let mut windows = LoadWindows::default();
    run(&mut windows, 0..60, |_| 100.0);
    assert!(windows.peaks(&look(60, None)).is_empty(), "an hour tells nothing of peaks");
    // One window of twenty has a peak, and two at another time.
    run(&mut windows, 60..600, |minute| if (300..345).contains(&minute) { 900.0 } else { 100.0 });
    let peaks = windows.peaks(&look(600, None));
    let (one, two) = (peaks[&BrokerId(1)], peaks[&BrokerId(2)]);
    assert!(near(Some(one.network_in_bytes_per_s), 900.0), "{one:?}");
    assert!(near(Some(one.network_out_bytes_per_s), 900.0), "what its follower fetches: {one:?}");
    assert!(near(Some(two.network_in_bytes_per_s), 900.0), "{two:?}");
    assert!(two.network_out_bytes_per_s.abs() < 1e-9, "it leads nothing: {two:?}");
}

#[test]
fn what_is_unknown_in_between_does_not_count() {
    let mut windows = LoadWindows::default();
    windows.look(&mut look(0, None));
    windows.look(&mut look(5, Some(50.0)));
    assert_eq!(told(&mut windows, 10, Some(50.0)), Some(50.0));
    // A clock that was set back closes the window, and the looks before still count.
    assert!(near(told(&mut windows, 1, Some(80.0)), 57.5));
}

/// A look at three brokers whose leaders are written so much, in MB per second, and nobody reads; each follows the others.
fn working(minutes: u64, cores_of: impl Fn(f64, f64) -> f64) -> Observation {
    let mut seen = look(minutes, Some(1.0));
    let minute = f64::from(u32::try_from(minutes).expect("small"));
    // Were they in step, what is followed would be told by what is led.
    let written = [(0.0, 20.0), (0.6, 12.0), (1.5, 25.0)]
        .map(|(phase, height)| 30.0 + height * (minute / 200.0 + phase).sin());
    for (id, leads) in (0..).zip(written) {
        let follows = written.iter().sum::<f64>() - leads;
        let traffic = WorkTraffic {
            clients_in_bytes_per_s: leads * 1e6,
            replicas_in_bytes_per_s: follows * 1e6,
            replicas_out_bytes_per_s: 2.0 * leads * 1e6,
            ..WorkTraffic::default()
        };
        let work =
            BrokerWork { cores_used: Cores::new(cores_of(leads, follows)).ok(), traffic: Some(traffic) };
        seen.brokers.insert(BrokerId(id), SeenBroker { alive: true, work, ..SeenBroker::default() });
    }
    seen
}

#[test]
fn windows_tell_what_a_byte_costs_and_do_so_after_a_restart() {
    let mut windows = LoadWindows::default();
    assert!(matches!(windows.fit_cpu(), Err(NoFit::TooFew { windows: 0, .. })));
    let mut closed = Vec::new();
    for minute in (0..1_400).step_by(5) {
        closed
            .extend(windows.look(&mut working(minute, |leads, follows| 0.3 + 0.02 * leads + 0.01 * follows)));
    }
    let fit = windows.fit_cpu().expect("it tells");
    assert!(near(Some(fit.base_cores), 0.3) && near(Some(fit.weights.follow), 0.01e-6), "{fit:?}");
    let texts: Vec<String> =
        closed.iter().map(|window| serde_json::to_string(window).expect("JSON")).collect();
    let read: Vec<LoadWindow> =
        texts.iter().map(|text| serde_json::from_str(text).expect("as written")).collect();
    let mut again = LoadWindows::default();
    again.take_back(read, look(1_400, None).taken_at);
    assert_eq!(again.fit_cpu(), Ok(fit));
    // What was kept before brokers were in it is still read, and what cannot be is not.
    let mut old: serde_json::Value = serde_json::from_str(&texts[0]).expect("JSON");
    old.as_object_mut().expect("an object").remove("brokers").expect("it is there");
    assert!(serde_json::from_value::<LoadWindow>(old.clone()).is_ok());
    old["brokers"] = serde_json::json!({"1": {"looks": 3, "work": [-1.0, 0, 0, 0, 0, 0, 0]}});
    assert!(serde_json::from_value::<LoadWindow>(old).is_err());
}
