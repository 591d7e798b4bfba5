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
        check_tells_of_each_exporter(&lab, &url);
        let proposal =
            on(&lab, &["propose", "--metrics-url", &url, "--format", "json"]).expect_code(0).json();
        let before = &proposal["brokers"][0]["before"];
        assert!(before["network-in"].as_f64().is_some_and(|rate| rate > 0.0), "no network load: {before}");
        traffic.stop().expect_clean();
    });
}

/// Each exporter answers, and dates its answers, so that even the brokers' clocks can be told.
fn check_tells_of_each_exporter(lab: &Lab, url: &str) {
    let checkup = on(lab, &["check", "--metrics-url", url, "--format", "json"]).expect_code(0).json();
    let steps = checkup["steps"].as_array().expect("steps");
    for (name, lines) in
        [("metrics", "lines of use"), ("clocks", "all of 6 brokers that tell the time: within 5 s")]
    {
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
