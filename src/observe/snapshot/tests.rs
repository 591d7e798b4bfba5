//! Reading and writing snapshots: the places that errors name, the defaults, the round trip, and bytes that are no snapshot.

use std::io::Write as _;

use proptest::prelude::*;

use super::read::read_within;
use super::*;
use crate::base::{BrokerId, Bytes, TopicPartition};
use crate::observe::{GapKind, Observation, ThrottledReplicas};

const SMALL: &str = include_str!("../../../fixtures/snapshots/small.json");
const BUSY: &str = include_str!("../../../fixtures/snapshots/busy.json");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn read(text: &str) -> (Observation, Vec<String>) {
    read_snapshot(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// The error for the small snapshot with the first `from` replaced.
fn error_with(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "the fixture has no {from}");
    read_snapshot(SMALL.replacen(from, to, 1).as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_small_snapshot_is_read_with_its_defaults() {
    let (seen, warnings) = read(SMALL);
    assert_eq!(warnings, [] as [&str; 0]);
    assert_eq!(seen.taken_at.to_string(), "2026-11-23T15:00:00Z");
    assert_eq!(seen.brokers.len(), 4);
    let first = &seen.brokers[&BrokerId(0)];
    assert!(first.alive && first.log_dirs[0].online);
    assert_eq!(first.capacity.disk_bytes, Some(Bytes(3_000_000)), "the sum of its two volumes");
    assert!(!seen.brokers[&BrokerId(3)].alive);

    let orders = seen.partition(&TopicPartition::new("orders", 1)).unwrap();
    assert_eq!(orders.leader, Some(BrokerId(2)));
    assert_eq!(orders.isr, [BrokerId(2), BrokerId(0)]);
    assert_eq!(orders.full_size_bytes(), Some(Bytes(500_000)));

    let logs = seen.partition(&TopicPartition::new("logs", 0)).unwrap();
    assert_eq!(logs.isr, [BrokerId(1)], "broker 3 is dead");
    assert_eq!(logs.leader, Some(BrokerId(1)), "the first replica that can lead");
    assert_eq!(logs.offline, [BrokerId(3)]);
    let kinds: Vec<_> = seen.gaps.iter().map(|gap| gap.kind).collect();
    assert_eq!(kinds, [GapKind::TopicConfig, GapKind::NetworkLoad, GapKind::CpuLoad]);
    assert_eq!(seen.gaps[0].reason, "the snapshot does not tell the min.insync.replicas of 1 topics");
}

#[test]
fn what_is_in_flight_is_read_and_written() {
    let (seen, warnings) = read(BUSY);
    assert_eq!(warnings, [] as [&str; 0]);
    let row = &seen.reassignments[&TopicPartition::new("orders", 0)];
    assert_eq!(row.target(), [BrokerId(2), BrokerId(1)]);
    assert_eq!(seen.brokers[&BrokerId(0)].throttle.leader_bytes_per_s, Some(1_000_000));
    assert_eq!(seen.topics[&"orders".into()].throttle.leader, Some(ThrottledReplicas::All));
    let partition = seen.partition(&TopicPartition::new("orders", 0)).unwrap();
    assert_eq!(partition.leader, None);
    assert_eq!(partition.offline, [BrokerId(1)], "on an offline log directory");
    assert_eq!(partition.on_disk[&BrokerId(0)].future, Some(("/data/2".into(), Bytes(7))));
    assert_eq!(partition.size_on(BrokerId(3)), Some(Bytes(40)), "a stray copy");
    assert_eq!(seen.gaps.len(), 3, "{:?}", seen.gaps);

    let text = write_snapshot(&seen);
    assert_eq!(read(&text).0, seen);
    assert_eq!(write_snapshot(&read(&text).0), text);
}

#[test]
fn gzip_is_recognised_by_its_content() {
    let packed = gzip(SMALL.as_bytes());
    assert_eq!(read_snapshot(&packed), read_snapshot(SMALL.as_bytes()));
    let cut = read_snapshot(&packed[..packed.len() / 2]).unwrap_err();
    assert!(matches!(cut, SnapshotError::Gzip(_)), "{cut}");
}

#[test]
fn unpacking_is_bounded() {
    let packed = gzip(&vec![b' '; 100_000]);
    assert_eq!(read_within(&packed, 5000), Err(SnapshotError::TooLarge { limit_bytes: 5000 }));
    assert_eq!(read_within(&[b' '; 5001], 5000), Err(SnapshotError::TooLarge { limit_bytes: 5000 }));
}

#[test]
fn errors_name_the_place() {
    let cases = [
        (
            r#""replicas": [2, 0]"#,
            r#""replicas": [2, 99]"#,
            "topics[0].partitions[1].replicas[1]: broker 99 is not in brokers",
        ),
        (
            r#""replicas": [2, 0]"#,
            r#""replicas": [2, 2]"#,
            "topics[0].partitions[1].replicas[1]: broker 2 is there twice",
        ),
        (
            r#""replicas": [2, 0]"#,
            r#""replicas": []"#,
            "topics[0].partitions[1].replicas: is empty; a partition has at least one replica",
        ),
        (r#""leader": 2"#, r#""leader": 1"#, "topics[0].partitions[1].leader: broker 1 is not in replicas"),
        (
            r#""isr": [2, 0]"#,
            r#""isr": [2, 1]"#,
            "topics[0].partitions[1].isr[1]: broker 1 is not in replicas",
        ),
        (
            r#""id": 1, "replicas""#,
            r#""id": 2, "replicas""#,
            "topics[0].partitions: partition 1 is missing, though partition 2 is there",
        ),
        (
            r#""id": 1, "replicas""#,
            r#""id": 0, "replicas""#,
            "topics[0].partitions[1].id: partition 0 is there twice",
        ),
        (r#""id": 1, "replicas""#, r#""id": -1, "replicas""#, "topics[0].partitions[1].id: -1 is negative"),
        (r#""name": "logs""#, r#""name": "orders""#, "topics[1].name: topic `orders` is there twice"),
        (r#""name": "logs""#, r#""name": "a b""#, "topics[1].name: `a b` cannot be the name of a topic"),
        (r#""id": 3, "alive""#, r#""id": 2, "alive""#, "brokers[3].id: broker 2 is there twice"),
        (
            r#""path": "/data/2""#,
            r#""path": "/data/1""#,
            "brokers[0].log_dirs[1].path: `/data/1` is there twice",
        ),
        (
            r#""min_insync_replicas": 2"#,
            r#""min_insync_replicas": 0"#,
            "topics[0].min_insync_replicas: is 0; the least that Kafka knows is 1",
        ),
        (
            r#""replica_sizes_bytes": [500000, 400000]"#,
            r#""replica_sizes_bytes": [5]"#,
            "topics[0].partitions[1].replica_sizes_bytes: has 1 entries for 2 replicas",
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(error_with(from, to), expected);
    }
}

#[test]
fn wrong_types_and_numbers_name_the_place() {
    let cases = [
        (
            r#""cpu_cores": 8.0"#,
            r#""cpu_cores": -1"#,
            "brokers[1].capacity.cpu_cores: invalid value: integer `-1`, expected a number of cores that is at least 0",
        ),
        (
            r#""cpu_cores": 8.0"#,
            r#""cpu_cores": 1e999"#,
            "brokers[1].capacity.cpu_cores: number out of range",
        ),
        (r#""cpu_cores": 8.0"#, r#""cpu_cores": NaN"#, "brokers[1].capacity.cpu_cores: expected"),
        (
            r#""cpu_cores": 8.0"#,
            r#""cpu_cores": "8""#,
            "brokers[1].capacity.cpu_cores: invalid type: string \"8\"",
        ),
        (
            r#""disk_bytes": 2e6"#,
            r#""disk_bytes": 2e18"#,
            "brokers[1].capacity.disk_bytes: 2000000000000000000 bytes is beyond belief",
        ),
        (
            r#""disk_bytes": 2e6"#,
            r#""disk_bytes": -0.5"#,
            "brokers[1].capacity.disk_bytes: invalid value: floating point `-0.5`",
        ),
        (r#"{"id": 2, "rack""#, r#"{"rack""#, "brokers[2]: missing field `id`"),
        (r#""id": 1, "replicas""#, r#""id": "1", "replicas""#, "topics[0].partitions[1].id: invalid type"),
        (r#""id": 1, "replicas": [2, 0]"#, r#""id": 1"#, "topics[0].partitions[1]: missing field `replicas`"),
        (
            r#""replicas": [2, 0]"#,
            r#""replicas": [2, null]"#,
            "topics[0].partitions[1].replicas[1]: invalid type: null",
        ),
        (r#""name": "logs""#, r#""names": "logs""#, "topics[1]: missing field `name`"),
        (r#""brokers""#, r#""borkers""#, "the snapshot: missing field `brokers`"),
        (r#""format": "evenkeel-snapshot/1","#, "", "the snapshot: missing field `format`"),
        (
            r#""taken_at": "2026-11-23T15:00:00Z""#,
            r#""taken_at": "yesterday""#,
            "taken_at: `yesterday` is not an RFC 3339 time",
        ),
    ];
    for (from, to, expected) in cases {
        let error = error_with(from, to);
        assert!(error.starts_with(expected), "{error}\nis not\n{expected}");
    }
    let after = read_snapshot(format!("{SMALL}]").as_bytes()).unwrap_err();
    assert_eq!(after.to_string(), "the end: something follows the snapshot");
    let error = read_snapshot(b"").unwrap_err().to_string();
    assert!(error.starts_with("the snapshot: EOF while parsing"), "{error}");
}

#[test]
fn another_format_is_named_even_where_nothing_else_fits() {
    let other = read_snapshot(br#"{"format": "evenkeel-snapshot/2", "brokers": {}}"#).unwrap_err();
    assert_eq!(other, SnapshotError::OtherFormat("evenkeel-snapshot/2".into()));
    let other = error_with("evenkeel-snapshot/1", "kafka-cluster-snapshot/1");
    assert_eq!(
        other,
        "format: `kafka-cluster-snapshot/1` is not `evenkeel-snapshot/1`, the only format that this version reads"
    );
}

#[test]
fn unknown_keys_are_one_warning_for_each_kind() {
    let text = SMALL
        .replace(r#""rack":"#, r#""ratio": {"deep": [1, {"x": 2}]}, "rack":"#)
        .replace(r#""min_insync_replicas""#, r#""min_insync_replica""#)
        .replacen('{', r#"{"note": "by hand", "#, 1);
    let (_, warnings) = read(&text);
    assert_eq!(
        warnings,
        [
            "brokers[0].ratio (and 2 more like it): unknown key, ignored",
            "note: unknown key, ignored",
            "topics[0].min_insync_replica: unknown key, ignored; did you mean `min_insync_replicas`?",
        ]
    );
}

#[test]
fn a_flood_of_unknown_keys_is_a_few_warnings() {
    let flood: Vec<String> = (0..5000).map(|key| format!("\"k{key}\": 0, ")).collect();
    let flood = flood.concat();
    let (_, warnings) = read(&SMALL.replacen('{', &format!("{{{flood}"), 1));
    assert_eq!(warnings.len(), 21);
    assert_eq!(warnings[20], "the snapshot: 4980 unknown keys of other kinds, ignored");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_snapshot(&bytes);
        let _ = read_snapshot(&[&[0x1f, 0x8b], bytes.as_slice()].concat());
    }

    #[test]
    fn a_damaged_snapshot_is_refused_or_read_as_what_it_says(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = BUSY.as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok((seen, _)) = read_snapshot(&bytes) {
            prop_assert_eq!(read(&write_snapshot(&seen)).0, seen);
        }
    }
}
