//! Records as the reporter writes them (recorded), and bytes that are none.

use proptest::prelude::*;

use super::*;

/// What the reporter of Cruise Control 2.5 on Kafka 4.3.1 wrote, each record once: two reports of broker 1.
pub(in crate::edge::metrics) const RECORDED: &str =
    include_str!("../../../../fixtures/metrics/cruise-control-reporter.hex");

pub(in crate::edge::metrics) fn bytes(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// A record as the layout says, made by other means than it is read.
fn written(class: u8, kind: u8, topic: Option<&str>, value: f64) -> Vec<u8> {
    let mut bytes = vec![class, 0, kind];
    bytes.extend(1_732_900_000_123_i64.to_be_bytes());
    bytes.extend(7_i32.to_be_bytes());
    if let Some(topic) = topic {
        bytes.extend(i32::try_from(topic.len()).unwrap().to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    if class == 2 {
        bytes.extend(3_i32.to_be_bytes());
    }
    bytes.extend(value.to_be_bytes());
    bytes
}

#[test]
fn records_of_the_real_reporter_are_read() {
    let records: Vec<Record> = RECORDED.lines().map(|line| read(&bytes(line)).unwrap()).collect();
    assert!(records.len() > 100, "{}", records.len());
    assert!(records.iter().all(|record| record.broker == BrokerId(1)));
    let found = |kind, topic: Option<&str>| {
        let is_it = |record: &&Record| {
            record.kind == Some(kind) && record.topic.as_ref().map(TopicName::as_str) == topic
        };
        records.iter().filter(is_it).map(|record| record.value).collect::<Vec<_>>()
    };
    // Dots of topics are underscores there: Kafka's own metrics registry writes them so.
    let orders = found(Kind::Flow(Flow::In), Some("orders_eu"));
    assert!(!orders.is_empty() && orders.iter().all(|rate| *rate > 10_000.0), "{orders:?}");
    assert_eq!(found(Kind::Flow(Flow::In), None).len(), 2);
    assert!(found(Kind::CpuUse, None).iter().all(|share| (0.0..=1.0).contains(share)));
    assert!(found(Kind::HandlerIdle, None).iter().all(|share| (0.0..=1.1).contains(share)));
}

#[test]
fn every_class_is_read_and_bytes_of_another_form_are_refused() {
    let broker = written(0, 6, None, 1.5);
    let record = Record {
        kind: Some(Kind::Flow(Flow::ReplicationIn)),
        time_ms: 1_732_900_000_123,
        broker: BrokerId(7),
        topic: None,
        value: 1.5,
    };
    assert_eq!(read(&broker), Ok(record.clone()));
    let topic = Record { kind: Some(Kind::Flow(Flow::Out)), topic: Some("a.b".into()), ..record.clone() };
    assert_eq!(read(&written(1, 3, Some("a.b"), 1.5)), Ok(topic.clone()));
    assert_eq!(read(&written(2, 4, Some("a.b"), 1.5)), Ok(Record { kind: None, ..topic }));
    assert_eq!(
        read(&written(0, 200, None, 1.5)),
        Ok(Record { kind: None, ..record }),
        "from a newer reporter"
    );

    assert_eq!(read(&[]), Err(RecordError::TooShort));
    assert_eq!(read(&broker[..broker.len() - 1]), Err(RecordError::TooShort));
    assert_eq!(read(&[broker.clone(), vec![0]].concat()), Err(RecordError::TooLong));
    assert_eq!(read(&written(3, 0, None, 1.0)), Err(RecordError::Class(3)));
    assert_eq!(read(&[0, 1, 0]), Err(RecordError::Version(1)));
    assert_eq!(read(&written(0, 2, None, 1.0)), Err(RecordError::Scope(2)));
    assert_eq!(read(&written(1, 2, Some(""), 1.0)), Err(RecordError::Topic));
    assert_eq!(read(&written(1, 2, Some("a b"), 1.0)), Err(RecordError::Topic));
    for length in [-1, i32::MIN, i32::MAX] {
        let mut wrong = written(1, 2, Some("abc"), 1.0);
        wrong[15..19].copy_from_slice(&length.to_be_bytes());
        let expected = if length < 0 { RecordError::Topic } else { RecordError::TooShort };
        assert_eq!(read(&wrong), Err(expected));
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_record_is_too_odd(class in 0_u8..4, kind in 0_u8..70, cut in 0_usize..60, byte in any::<u8>()) {
        let mut bytes = written(class, kind, (class > 0).then_some("orders"), f64::from(byte));
        if let Some(place) = bytes.get_mut(cut) {
            *place = byte;
        }
        if let Ok(record) = read(&bytes) {
            prop_assert!(record.topic.is_some() == (bytes[0] > 0));
        }
        bytes.truncate(cut);
        let _ = read(&bytes);
    }

    #[test]
    fn what_is_written_is_read(kind in prop::sample::select(vec![0_u8, 1, 5, 6, 7, 19, 40]), value in any::<f64>()) {
        let read = read(&written(0, kind, None, value)).unwrap();
        prop_assert_eq!(read.value.to_bits(), value.to_bits());
        prop_assert_eq!(read.kind.is_none(), kind == 40);
    }
}
