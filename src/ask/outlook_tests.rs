//! When disks of a small cluster pass their limit.

use super::*;
use crate::base::TimestampMs;
use crate::observe::{LogDir, Partition, Replica, SeenTopic, TopicSizes};

const HOUR_MS: u64 = 3_600_000;

/// Broker 1 has two log directories of 1 GB, broker 2 one of 2 GB of unknown free space. Topic `t` has a partition in the
/// first directory of broker 1, and one on broker 2; `still` stands in the second directory.
fn look(hours: u64, t_bytes: u64) -> Observation {
    let dir = |path: &str, used: u64| LogDir {
        path: path.to_owned(),
        total_bytes: Some(Bytes(1_000_000_000)),
        usable_bytes: Some(Bytes(1_000_000_000 - used)),
        online: true,
    };
    let mut seen =
        Observation { taken_at: TimestampMs(1_700_000_000_000 + hours * HOUR_MS), ..Observation::default() };
    let mut one = SeenBroker { alive: true, rack: Some("a".into()), ..SeenBroker::default() };
    one.log_dirs = vec![dir("/d1", t_bytes + 100_000_000), dir("/d2", 300_000_000)];
    let mut two = SeenBroker { alive: true, rack: Some("b".into()), ..SeenBroker::default() };
    two.capacity.disk_bytes = Some(Bytes(2_000_000_000));
    let dead = SeenBroker::default();
    seen.brokers = [(BrokerId(1), one), (BrokerId(2), two), (BrokerId(3), dead)].into();
    let partition = |id: i32, broker: i32, bytes: u64, dir: Option<&str>| Partition {
        id,
        replicas: vec![BrokerId(broker)],
        leader: Some(BrokerId(broker)),
        on_disk: [(
            BrokerId(broker),
            Replica { size_bytes: Some(Bytes(bytes)), log_dir: dir.map(str::to_owned), future: None },
        )]
        .into(),
        ..Partition::default()
    };
    let topic = |partitions| SeenTopic { partitions, ..SeenTopic::default() };
    seen.topics.insert(
        "t".into(),
        topic(vec![partition(0, 1, t_bytes, Some("/d1")), partition(1, 2, t_bytes, None)]),
    );
    seen.topics.insert("still".into(), topic(vec![partition(0, 1, 300_000_000, Some("/d2"))]));
    seen
}

/// Sizes every two hours for four days, growing by 24 MB a day and partition up to 400 MB.
fn history(hours: u64) -> SizeHistory {
    let mut history = SizeHistory::default();
    for hour in (0..hours).step_by(2) {
        let bytes = 400_000_000 - (hours - hour) * 1_000_000;
        history.take(TopicSizes::of(&look(hour, bytes)).expect("sizes"));
    }
    history
}

fn of<'a>(outlook: &'a Outlook, disk: &Disk) -> &'a DiskOutlook {
    outlook.disks.iter().find(|found| found.disk == *disk).unwrap_or_else(|| panic!("{disk:?}: {outlook:#?}"))
}

#[test]
fn brokers_directories_and_racks_are_told_apart_soonest_first() {
    let outlook = outlook(&look(96, 400_000_000), &history(96), 0.8);
    assert_eq!(outlook.confidence, Confidence::Good);
    let dir = Disk::LogDir { broker: BrokerId(1), log_dir: "/d1".to_owned() };
    let first = of(&outlook, &dir);
    // 300 of 800 MB are left, at 24 MB a day.
    assert_eq!((first.used_bytes, first.limit_bytes), (Bytes(500_000_000), Bytes(800_000_000)));
    assert_eq!(first.days, Some(12.5), "{first:?}");
    assert_eq!(outlook.disks[0].disk, dir, "the soonest comes first");
    let still = of(&outlook, &Disk::LogDir { broker: BrokerId(1), log_dir: "/d2".to_owned() });
    assert_eq!((still.days, still.grows_bytes_a_day), (None, 0.0));
    // Both directories together: 800 of 1,600 MB.
    assert_eq!(of(&outlook, &Disk::Broker { broker: BrokerId(1) }).days, Some(33.3));
    // Its own replicas are all that is known of its disk: 400 of 1,600 MB.
    let two = of(&outlook, &Disk::Broker { broker: BrokerId(2) });
    assert_eq!((two.used_bytes, two.days), (Bytes(400_000_000), Some(50.0)));
    assert_eq!(of(&outlook, &Disk::Rack { rack: "b".into() }).days, Some(50.0));
    let dead = Disk::Broker { broker: BrokerId(3) };
    assert!(outlook.disks.iter().all(|found| found.disk != dead), "a broker that is down has no outlook");
}

#[test]
fn a_disk_beyond_its_limit_is_beyond_it_now_and_a_short_time_is_said_to_be_short() {
    let outlook = outlook(&look(12, 400_000_000), &history(12), 0.4);
    assert_eq!(outlook.confidence, Confidence::Low);
    let dir = Disk::LogDir { broker: BrokerId(1), log_dir: "/d1".to_owned() };
    assert_eq!(of(&outlook, &dir).days, Some(0.0));
    let none = super::outlook(&look(2, 400_000_000), &history(2), 0.4);
    assert_eq!((none.confidence, none.disks.len()), (Confidence::None, 0));
    assert!(none.known_since.is_some());
}

#[test]
fn directories_that_share_a_volume_count_as_one() {
    let mut seen = look(96, 400_000_000);
    let dirs = &mut seen.brokers.get_mut(&BrokerId(1)).expect("the broker").log_dirs;
    dirs[1].usable_bytes = dirs[0].usable_bytes;
    let outlook = outlook(&seen, &history(96), 0.8);
    let one = of(&outlook, &Disk::Broker { broker: BrokerId(1) });
    // 500 of 800 MB are used, and not of twice that.
    assert_eq!((one.limit_bytes, one.days), (Bytes(800_000_000), Some(12.5)), "{one:?}");
    let has_dirs = outlook.disks.iter().any(|disk| matches!(disk.disk, Disk::LogDir { .. }));
    assert!(!has_dirs, "{outlook:#?}");
}

#[test]
fn the_limit_is_that_of_the_tightest_goal_on_disks() {
    let goals = |text: &str| GoalSet::parse(text).expect("goals");
    let goal = |name: &str, resource: &str, limit: f64| {
        format!(
            "[[goal]]\nname = \"{name}\"\ntier = \"must\"\nrule = \"capacity\"\nresource = \"{resource}\"\nmax-share = {limit}\n"
        )
    };
    let head = "format = \"evenkeel-goals/1\"\nname = \"x\"\ndescription = \"y\"\n";
    let both = format!("{head}{}{}", goal("a", "disk", 0.85), goal("b", "network-in", 0.5));
    assert!((disk_limit_share(&goals(&both)) - 0.85).abs() < 1e-9);
    let none = format!("{head}{}", goal("b", "network-in", 0.5));
    assert!((disk_limit_share(&goals(&none)) - 1.0).abs() < 1e-9);
}
