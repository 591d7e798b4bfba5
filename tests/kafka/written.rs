//! What clients write to and read of each partition, from Kafka's own protocol alone.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::on_each_version;
use crate::story::on;
use crate::support::lab::{Lab, Reading, Steady};

/// What is written to each partition of the topic, in bytes per second: one is hot.
const RATES: [usize; 6] = [40_000, 400_000, 40_000, 80_000, 40_000, 10_000];

/// Groups that nobody is in any more.
const LEFT: usize = 500;

/// The partition that two groups read.
const READ_TWICE: i32 = 3;

#[test]
fn without_metrics_logs_tell_what_is_written_and_groups_what_is_read() {
    on_each_version(|version| {
        let lab = Lab::builder(version).start();
        lab.load_skewed();
        lab.create_topic(
            "steady",
            &(0..6).map(|at| vec![1 + at % 6, 1 + (at + 1) % 6, 1 + (at + 2) % 6]).collect::<Vec<_>>(),
        );
        lab.wait_until("the topic is there", Duration::from_secs(30), |seen| {
            seen.partitions.keys().filter(|(topic, _)| topic == "steady").count() == 6 && seen.all_in_sync()
        });
        let steady = Steady::start(&lab, "steady", &RATES);
        // One group reads all; another one reads one partition once more, without joining.
        let billing = Reading::all(&lab, "billing", "steady", RATES.len());
        let audit = Reading::one(&lab, "audit", "steady", RATES.len(), READ_TWICE);
        lab.wait_until("both groups read", Duration::from_secs(60), |_| {
            billing.got().iter().all(|got| *got > 0) && audit.got().iter().any(|got| *got > 0)
        });
        // Kafka makes the topic of offsets for the first group; now it is there.
        lab.leave_groups(LEFT, "steady", 6);
        let got = || -> Vec<u64> {
            billing.got().iter().zip(audit.got()).map(|(one, other)| one + other).collect()
        };
        let (before, began) = (got(), Instant::now());

        // Commits come every five seconds and are looked at each second: that is how exact the times between them are.
        let snapshot = on(&lab, &["snapshot", "--load-window", "30s", "-o", "-"]).expect_code(0);
        assert!(snapshot.stderr.contains("logs are watched for 30 s"), "{snapshot}");
        let (after, seconds) = (got(), began.elapsed().as_secs_f64());
        assert!(seconds < 45.0, "groups without readers cost time: {seconds} s");
        let read = told(&snapshot.json(), "consume_bytes_per_s");
        for (partition, told) in read.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "millions")]
            let really = (after[partition] - before[partition]) as f64 / seconds;
            eprintln!("steady-{partition}: {told:.0} of {really:.0} bytes a second are read");
            assert!(
                (0.9..=1.1).contains(&(told / really)),
                "steady-{partition}: {told} of {really} bytes a second are read\n{snapshot}"
            );
        }
        assert!(read[3] > 1.8 * 80_000.0, "read twice: {read:?}");
        assert!(snapshot.stderr.contains(&format!("{} consumer groups committed", LEFT + 2)), "{snapshot}");
        let written = told(&snapshot.json(), "produce_bytes_per_s");
        for (partition, (told, really)) in written.iter().zip(RATES).enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "hundreds of thousands")]
            let share = told / really as f64;
            assert!(
                (0.9..=1.1).contains(&share),
                "steady-{partition}: {told} of {really} bytes a second\n{snapshot}"
            );
        }

        let began = Instant::now();
        let words = ["propose", "--goals", "cruise-control", "--load-window", "20s", "--format", "json"];
        let proposal = on(&lab, &words).expect_code(0).json();
        assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
        let judged = |name: &str| {
            let goals = proposal["goals"].as_array().expect("goals");
            goals.iter().find(|goal| goal["goal"] == name).is_some_and(|goal| goal["met_after"].is_boolean())
        };
        for name in [
            "DiskUsageDistributionGoal",
            "ReplicaDistributionGoal",
            "LeaderReplicaDistributionGoal",
            "NetworkInboundUsageDistributionGoal",
            "LeaderBytesInDistributionGoal",
            "NetworkOutboundUsageDistributionGoal",
        ] {
            assert!(judged(name), "{name} is not judged: {proposal:#}");
        }
        assert!(!judged("CpuUsageDistributionGoal"), "nothing tells of processors");
        drop((billing, audit, steady));
    });
}

/// Bytes per second of each partition of the topic.
fn told(snapshot: &Value, what: &str) -> Vec<f64> {
    let topics = snapshot["topics"].as_array().expect("topics");
    let steady = topics.iter().find(|topic| topic["name"] == "steady").expect("the topic");
    let partitions = steady["partitions"].as_array().expect("partitions");
    partitions.iter().map(|partition| partition[what].as_f64().unwrap_or(-1.0)).collect()
}
