//! Reports: which one counts, what of it, and what is said of the rest.

use super::super::super::names::Flow;
use super::super::record::tests::{RECORDED, bytes};
use super::*;

fn record(time_ms: i64, kind: Kind, topic: Option<&str>, value: f64) -> Record {
    Record { kind: Some(kind), time_ms, broker: BrokerId(1), topic: topic.map(TopicName::from), value }
}

const IN: Kind = Kind::Flow(Flow::In);

#[test]
fn the_last_whole_report_counts() {
    let mut reports = Reports::default();
    assert!(reports.last(BrokerId(1), 0).is_none() && !reports.has_reported(BrokerId(1)));
    reports.take(record(60_000, IN, Some("gone"), 1.0));
    assert!(reports.last(BrokerId(1), 62_000).is_none(), "more of it may be on its way");
    assert!(reports.last(BrokerId(1), 70_000).is_some());
    reports.take(record(120_000, IN, Some("new"), 2.0));
    assert_eq!(reports.last(BrokerId(1), 121_000).map(|(time, _)| time), Some(60_000));
    let (time, report) = reports.last(BrokerId(1), 130_000).unwrap();
    assert_eq!(time, 120_000);
    let topics = report.figures(None).metrics().topic_bytes_in_per_s;
    assert_eq!(
        topics.keys().map(TopicName::as_str).collect::<Vec<_>>(),
        ["new"],
        "what it does not hold is no more"
    );
    for time in [180_000, 240_000, 300_000] {
        reports.take(record(time, IN, None, 3.0));
    }
    reports.take(record(60_000, IN, None, 9.0));
    assert_eq!(
        reports.brokers[&BrokerId(1)].keys().copied().collect::<Vec<_>>(),
        [180_000, 240_000, 300_000]
    );
}

#[test]
fn what_is_no_amount_or_said_in_two_ways_counts_for_nothing() {
    let mut reports = Reports::default();
    for value in [5.0, 5.0] {
        reports.take(record(0, Kind::Flow(Flow::Out), None, value));
    }
    reports.take(record(0, IN, None, 1.0));
    reports.take(record(0, IN, Some("a"), f64::NAN));
    reports.take(record(0, Kind::CpuUse, None, 0.5));
    reports.take(record(0, Kind::CpuUse, None, 0.25));
    let (_, report) = reports.last(BrokerId(1), 60_000).unwrap();
    let told = report.figures(Some(8.0)).metrics();
    assert_eq!((told.bytes_in_per_s, told.cpu_cores_used), (None, None));
    assert_eq!(told.bytes_out_per_s.map(crate::base::BytesPerS::get), Some(5.0), "sent anew");
    let troubles: Vec<_> = report.troubles().collect();
    assert_eq!(
        troubles,
        [
            (GapKind::NetworkLoad, "its bytesin is said to be NaN, which is no amount".to_owned()),
            (GapKind::CpuLoad, "its processor load is said to be 0.5 and 0.25".to_owned()),
        ]
    );
}

#[test]
fn a_real_report_becomes_the_load_of_a_broker() {
    let mut reports = Reports::default();
    RECORDED.lines().for_each(|line| reports.add(&bytes(line)));
    reports.add(&[9, 9, 9]);
    reports.add(&[]);
    assert_eq!(reports.unreadable, Some((2, RecordError::Class(9))));
    let (time, report) = reports.last(BrokerId(1), i64::MAX).unwrap();
    assert!(time > 1_700_000_000_000);
    assert!(report.knows_cpu() && report.troubles().next().is_none());
    let told = report.figures(Some(2.0)).metrics();
    assert!(told.topic_bytes_in_per_s[&TopicName::from("orders_eu")].get() > 10_000.0);
    assert!(told.bytes_in_per_s.is_some() && told.bytes_out_per_s.is_some());
    assert!(told.replication_in_per_s.is_some() && told.replication_out_per_s.is_some());
    assert!(told.cpu_cores_used.is_some_and(|cores| cores.get() > 0.0 && cores.get() < 2.0));
    assert!(told.request_handler_idle_ratio.is_some());
}
