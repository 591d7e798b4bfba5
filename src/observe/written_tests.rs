//! Tests of the measure of what is written.

use super::*;
use crate::observe::Replica;

/// A look at topic `t`, whose partitions have these leaders, sizes and spans.
fn seen(at_s: u64, logs: &[(i32, u64, (i64, i64))]) -> (Observation, BTreeMap<TopicPartition, LogSpan>) {
    let partition = |(id, (leader, size, _)): (usize, &(i32, u64, (i64, i64)))| Partition {
        id: i32::try_from(id).unwrap(),
        replicas: vec![BrokerId(1), BrokerId(2)],
        leader: Some(BrokerId(*leader)),
        on_disk: [1, 2]
            .map(|broker| {
                // The other replica lags behind.
                let size = if broker == *leader { *size } else { *size / 2 };
                (BrokerId(broker), Replica { size_bytes: Some(Bytes(size)), ..Replica::default() })
            })
            .into(),
        ..Partition::default()
    };
    let topic =
        SeenTopic { partitions: logs.iter().enumerate().map(partition).collect(), ..SeenTopic::default() };
    let seen = Observation {
        taken_at: TimestampMs(at_s * 1000),
        topics: [(TopicName::from("t"), topic)].into(),
        ..Observation::default()
    };
    let spans = logs.iter().enumerate().map(|(id, (_, _, (start, end)))| {
        let which = TopicPartition::new("t", i32::try_from(id).unwrap());
        (which, LogSpan { start: *start, end: *end })
    });
    (seen, spans.collect())
}

fn rates(meter: &mut WriteMeter, at_s: u64, logs: &[(i32, u64, (i64, i64))]) -> Vec<Option<f64>> {
    let (mut seen, spans) = seen(at_s, logs);
    meter.look(&mut seen, &spans);
    let partitions = &seen.topics[&TopicName::from("t")].partitions;
    partitions.iter().map(|partition| partition.load.produce_bytes_per_s.map(BytesPerS::get)).collect()
}

#[test]
fn a_log_grows_by_what_is_written_to_it() {
    let mut meter = WriteMeter::default();
    assert!(meter.is_new());
    assert_eq!(rates(&mut meter, 100, &[(1, 1000, (0, 10)), (2, 500, (0, 5))]), [None, None]);
    assert!(!meter.is_new());
    let told = rates(&mut meter, 110, &[(1, 3000, (0, 12)), (2, 500, (0, 5))]);
    assert_eq!(told, [Some(200.0), Some(0.0)], "one is hot, the other is not written to");
    assert_eq!(
        rates(&mut meter, 111, &[(1, 9000, (0, 99)), (2, 500, (0, 5))]),
        told,
        "one second is no measure"
    );
}

#[test]
fn where_records_were_thrown_away_those_that_came_count() {
    let mut meter = WriteMeter::default();
    rates(&mut meter, 0, &[(1, 10_000, (0, 100)), (1, 10_000, (0, 100)), (1, 10_000, (0, 100))]);
    // The first has lost its oldest half and has 50 new records of 100 bytes; the second was compacted to a half of
    // itself; the third was cut back by a leader that had less.
    let told = rates(&mut meter, 10, &[(1, 10_000, (50, 150)), (1, 5_500, (0, 110)), (1, 9_000, (0, 90))]);
    assert_eq!(told, [Some(500.0), Some(50.0), Some(0.0)]);
}

#[test]
fn another_leader_with_more_on_its_disk_is_no_growth() {
    let mut meter = WriteMeter::default();
    rates(&mut meter, 0, &[(1, 1000, (0, 100)), (1, 1000, (0, 100))]);
    let told = rates(&mut meter, 10, &[(2, 1500, (0, 100)), (2, 1650, (0, 110))]);
    assert_eq!(told, [Some(0.0), Some(15.0)]);
}

#[test]
fn of_what_is_new_the_next_look_tells() {
    let mut meter = WriteMeter::default();
    rates(&mut meter, 0, &[(1, 1000, (0, 100))]);
    assert_eq!(rates(&mut meter, 10, &[(1, 1000, (0, 100)), (2, 700, (0, 7))]), [Some(0.0), None]);
    assert_eq!(rates(&mut meter, 200, &[(1, 1000, (0, 100)), (2, 2700, (0, 27))]), [Some(0.0), Some(10.0)]);
    // Made anew under the same name.
    let (mut anew, spans) = seen(210, &[(1, 300, (0, 3))]);
    anew.topics.get_mut(&TopicName::from("t")).unwrap().id = Some(Uuid::from_u128(7));
    meter.look(&mut anew, &spans);
    assert_eq!(anew.topics[&TopicName::from("t")].partitions[0].load.produce_bytes_per_s, None);
}

#[test]
fn a_minute_of_noise_is_lost_in_an_hour() {
    let mut meter = WriteMeter::default();
    let (mut size, mut end, mut told) = (0, 0, Vec::new());
    for minute in 0..200 {
        let grown = if minute == 199 { 600_000 } else { 6_000 };
        (size, end) = (size + grown, end + 1);
        told = rates(&mut meter, minute * 60, &[(1, size, (0, end))]);
    }
    let rate = told[0].unwrap();
    assert!(
        (200.0..=310.0).contains(&rate),
        "100 a second for an hour and a burst of 10,000 for a minute: {rate}"
    );
    assert!(meter.windows_s.len() <= WINDOWS_MOST);
    assert!(meter.topics.values().all(|topic| topic.partitions[0].windows.len() <= WINDOWS_MOST));
}

#[test]
fn what_metrics_tell_stays_and_a_clock_that_is_set_back_begins_anew() {
    let mut meter = WriteMeter::default();
    rates(&mut meter, 1000, &[(1, 1000, (0, 100))]);
    let (mut told, spans) = seen(1010, &[(1, 2000, (0, 200))]);
    let slot =
        &mut told.topics.get_mut(&TopicName::from("t")).unwrap().partitions[0].load.produce_bytes_per_s;
    *slot = BytesPerS::new(42.0).ok();
    meter.look(&mut told, &spans);
    let rate = told.topics[&TopicName::from("t")].partitions[0].load.produce_bytes_per_s;
    assert_eq!(rate.map(BytesPerS::get), Some(42.0));
    assert_eq!(rates(&mut meter, 500, &[(1, 3000, (0, 300))]), [None]);
    assert_eq!(rates(&mut meter, 510, &[(1, 4000, (0, 400))]), [Some(100.0)]);
}

#[test]
fn without_spans_growth_alone_counts() {
    let mut meter = WriteMeter::default();
    let none = BTreeMap::new();
    let (mut first, _) = seen(0, &[(1, 1000, (0, 100)), (1, 900, (0, 90))]);
    meter.look(&mut first, &none);
    let (mut second, _) = seen(10, &[(1, 2000, (0, 200)), (1, 500, (0, 90))]);
    meter.look(&mut second, &none);
    let partitions = &second.topics[&TopicName::from("t")].partitions;
    let rates: Vec<_> = partitions.iter().map(|p| p.load.produce_bytes_per_s.map(BytesPerS::get)).collect();
    assert_eq!(rates, [Some(100.0), Some(0.0)]);
}
