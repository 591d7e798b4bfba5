//! What clients write to each partition, from Kafka's own protocol alone.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::on_each_version;
use crate::story::on;
use crate::support::lab::{Lab, Steady};

/// What is written to each partition of the topic, in bytes per second: one is hot.
const RATES: [usize; 6] = [40_000, 400_000, 40_000, 80_000, 40_000, 10_000];

#[test]
fn without_metrics_the_logs_tell_what_is_written() {
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
        std::thread::sleep(Duration::from_secs(3));

        let snapshot = on(&lab, &["snapshot", "--load-window", "20s", "-o", "-"]).expect_code(0);
        assert!(snapshot.stderr.contains("logs are watched for 20 s"), "{snapshot}");
        for (partition, (told, really)) in told(&snapshot.json()).iter().zip(RATES).enumerate() {
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
        for name in ["DiskUsageDistributionGoal", "ReplicaDistributionGoal", "LeaderReplicaDistributionGoal"]
        {
            assert!(judged(name), "{name} is not judged: {proposal:#}");
        }
        for name in ["NetworkInboundUsageDistributionGoal", "LeaderBytesInDistributionGoal"] {
            assert!(judged(name), "{name} is about what is written, and is not judged: {proposal:#}");
        }
        assert!(!judged("CpuUsageDistributionGoal"), "nothing tells of processors");
        drop(steady);
    });
}

/// Bytes written per second to each partition of the topic.
fn told(snapshot: &Value) -> Vec<f64> {
    let topics = snapshot["topics"].as_array().expect("topics");
    let steady = topics.iter().find(|topic| topic["name"] == "steady").expect("the topic");
    let partitions = steady["partitions"].as_array().expect("partitions");
    partitions.iter().map(|partition| partition["produce_bytes_per_s"].as_f64().unwrap_or(-1.0)).collect()
}
