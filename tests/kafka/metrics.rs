//! Loads from the brokers' JMX exporters.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::on_the_newest_at_least;
use crate::story::on;
use crate::support::lab::{Lab, Traffic};

#[test]
fn the_exporters_tell_the_load_of_each_partition() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).metrics().start();
        lab.load_skewed();
        let traffic = Traffic::start(&lab);
        let url = Lab::metrics_url();
        let until = Instant::now() + Duration::from_secs(90);
        // The exporters' one-minute rates begin at zero.
        let loads = loop {
            let screen = on(&lab, &["snapshot", "--metrics-url", &url, "-o", "-"]).expect_code(0);
            let loads = loads(&screen.json());
            if loads.iter().all(|(produce, consume)| *produce > 0.0 && *consume > 0.0) {
                break loads;
            }
            assert!(Instant::now() < until, "some partitions have no load: {loads:?}\n{screen}");
        };
        assert_eq!(loads.len(), 60);
        processor_time_adds_up(&lab, &url);
        check_tells_of_each_exporter(&lab, &url);
        let proposal =
            on(&lab, &["propose", "--metrics-url", &url, "--format", "json"]).expect_code(0).json();
        let before = &proposal["brokers"][0]["before"];
        assert!(before["network-in"].as_f64().is_some_and(|rate| rate > 0.0), "no network load: {before}");
        traffic.stop().expect_clean();
    });
}

/// What the replicas of each broker are counted for is what its exporter measured within 1 %, or a gap says that it is not; and
/// people are told what that rests on.
fn processor_time_adds_up(lab: &Lab, url: &str) {
    let snapshot = on(lab, &["snapshot", "--metrics-url", url, "-o", "-"]).expect_code(0).json();
    let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let partitions: Vec<Value> =
        rows(&snapshot["topics"]).iter().flat_map(|topic| rows(&topic["partitions"])).collect();
    let sharing = rows(&snapshot["cpu_sharing"]["brokers"]);
    assert_eq!(sharing.len(), 6, "{}", snapshot["cpu_sharing"]);
    for row in &sharing {
        let (broker, measured) = (&row["broker"], row["measured_cores"].as_f64().unwrap_or_default());
        assert!(measured > 0.0, "a broker that serves clients does something: {row}");
        let on_it = partitions.iter().filter(|row| rows(&row["replicas"]).contains(broker));
        let part = |row: &Value| {
            let leads = row["leader"] == *broker;
            row[if leads { "leader_cpu_cores" } else { "follower_cpu_cores" }].as_f64().unwrap_or_default()
        };
        let parts: f64 = on_it.map(part).sum();
        let subject = format!("broker {broker}");
        let is_told = rows(&snapshot["gaps"])
            .iter()
            .any(|gap| gap["kind"] == "cpu-load" && gap["subject"] == subject.as_str());
        let off = (parts - measured).abs() / measured;
        println!(
            "broker {broker}: parts {parts:.4} of {measured:.4} cores, off by {:.3} %, told: {is_told}",
            100.0 * off
        );
        assert!(off <= 0.01 || is_told, "{parts} of {row}");
    }
    let topics = rows(&snapshot["topics"]);
    let ours = topics.iter().find(|topic| topic["internal"] != true).expect("a topic of the lab");
    let basis = &ours["partitions"][0]["load_basis"];
    assert_eq!(basis["cpu"], "static-weights", "one look tells no weights: {basis}");
    let name = format!("{}-0", ours["name"].as_str().expect("a name"));
    let told = on(lab, &["explain", &name, "--metrics-url", url, "--format", "json"]).expect_code(0).json();
    let grounds: Vec<Value> = rows(&told["grounds"]).iter().map(|ground| ground["load"].clone()).collect();
    assert_eq!(grounds, ["produce", "consume", "cpu"], "{:#}", told["grounds"]);
}

/// Each exporter answers, and dates its answers, so that even the brokers' clocks can be told.
fn check_tells_of_each_exporter(lab: &Lab, url: &str) {
    let checkup = on(lab, &["check", "--metrics-url", url, "--format", "json"]).expect_code(0).json();
    let steps = checkup["steps"].as_array().expect("steps");
    for (name, lines) in [
        ("metrics", "lines of use"),
        ("loads", "within 1 %"),
        ("clocks", "all of 6 brokers that tell the time: within 5 s"),
    ] {
        let step = steps.iter().find(|step| step["name"] == name).expect("a step");
        assert_eq!(step["verdict"], "ok", "{step:#}");
        assert!(step["seen"].to_string().contains(lines), "{step:#}");
    }
    let goals = checkup["goals"].as_array().expect("goals");
    let balance = goals.iter().find(|goal| goal["goal"] == "network-in-balance").expect("a goal");
    assert_eq!(balance["ready"], true, "{balance:#}");
}

/// Bytes written and read per second, of each partition of the lab's topics.
fn loads(snapshot: &Value) -> Vec<(f64, f64)> {
    let topics = snapshot["topics"].as_array().expect("topics");
    let ours = topics.iter().filter(|topic| topic["internal"] != true);
    let partitions = ours.flat_map(|topic| topic["partitions"].as_array().expect("partitions"));
    let rate = |partition: &Value, key: &str| partition[key].as_f64().unwrap_or_default();
    partitions
        .map(|partition| (rate(partition, "produce_bytes_per_s"), rate(partition, "consume_bytes_per_s")))
        .collect()
}
