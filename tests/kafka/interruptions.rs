//! Executions that do not reach their end: Ctrl-C, and a broker that dies on the way.

use std::time::Duration;

use crate::story::{BAND, on};
use crate::support::cli::Running;
use crate::support::lab::{Lab, Seen, Traffic, Watch, Who};
use crate::{newest_version, on_the_newest_at_least, on_the_oldest_at_least};

/// Slow enough that an execution lasts until it is interrupted.
const SLOW: &str = "300kB";

fn rebalance_slowly(lab: &Lab) -> Running {
    let words = ["rebalance", "--execute", "--yes", "--throttle", SLOW];
    let mut words: Vec<String> = words.iter().map(ToString::to_string).collect();
    words.extend(lab.cluster_words(Who::Evenkeel));
    let running = Running::start(&words);
    lab.wait_until("a reassignment is on its way", Duration::from_secs(60), |seen| {
        seen.partitions.values().any(|partition| partition.replicas.len() > 3)
    });
    running
}

#[test]
fn ctrl_c_leaves_a_clean_cluster() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).start();
        lab.load_skewed();
        lab.add_long_topic();
        let traffic = Traffic::start(&lab);
        let watch = Watch::start(&lab);
        let running = rebalance_slowly(&lab);
        running.interrupt();
        let screen = running.wait();
        eprintln!("{screen}");
        assert!(screen.code.is_some(), "it did not end by itself\n{screen}");
        let seen = lab.look();
        assert!(seen.all_in_sync(), "something is still on its way: {seen:?}");
        let listed = lab.kafka_tool("kafka-reassign-partitions", &["--list"]);
        assert!(listed.contains("No partition reassignments found"), "{listed}");
        assert_eq!(lab.throttle_settings(), Vec::<String>::new(), "throttles are left");
        let sightings = watch.stop();
        sightings.expect_clean();
        assert!(!sightings.throttles.is_empty(), "the moves were not throttled");
        traffic.stop().expect_clean();
    });
}

#[test]
fn a_broker_that_dies_on_the_way_costs_no_promise() {
    on_the_oldest_at_least(|version| {
        let mut lab = Lab::builder(version).start();
        lab.load_skewed();
        let traffic = Traffic::start(&lab);
        let watch = Watch::start(&lab);
        let running = rebalance_slowly(&lab);
        lab.kill(6);
        lab.wait_until("broker 6 is gone", Duration::from_secs(60), |seen| !seen.brokers.contains(&6));
        running.interrupt();
        let screen = running.wait();
        eprintln!("{screen}");
        lab.start_broker(6);
        lab.wait_until("all replicas are in sync", Duration::from_secs(120), Seen::all_in_sync);
        assert_eq!(lab.throttle_settings(), Vec::<String>::new(), "throttles are left");
        watch.stop().expect_clean();
        traffic.stop().expect_clean();
    });
}

#[test]
fn a_killed_evenkeel_is_carried_on_or_rolled_back() {
    let lab = Lab::builder(&newest_version()).start();
    lab.load_skewed();
    lab.add_long_topic();
    let traffic = Traffic::start(&lab);
    let watch = Watch::start(&lab);
    rebalance_slowly(&lab).kill();
    on(&lab, &["status"]).expect_code(0).expect_says("NOT FINISHED");
    assert!(!lab.throttle_settings().is_empty(), "throttles protect the clients while nobody is there");
    on(&lab, &["rebalance", "--execute", "--yes"]).expect_code(3).expect_says("is not finished");
    let mut words = vec!["resume".to_owned(), "--execute".to_owned()];
    words.extend(lab.cluster_words(Who::Evenkeel));
    let resumed = Running::start(&words);
    lab.wait_until("it is carried on", Duration::from_secs(60), |_| {
        let status = on(&lab, &["status", "--format", "json"]).json();
        status["execution"]["carried_out_by"].is_string()
    });
    on(&lab, &["limits", "--throttle", "20MB"]).expect_code(0);
    eprintln!("{}", resumed.wait().expect_code(0));
    lab.wait_until("all replicas are in sync", Duration::from_secs(60), Seen::all_in_sync);
    assert_eq!(lab.throttle_settings(), Vec::<String>::new(), "throttles are left");
    assert!(lab.disk_unevenness() <= BAND, "{:?}", lab.disk_bytes());

    lab.skew_again();
    rebalance_slowly(&lab).kill();
    eprintln!("{}", on(&lab, &["stop"]).expect_code(0));
    lab.wait_until("all replicas are in sync", Duration::from_secs(60), Seen::all_in_sync);
    assert_eq!(lab.throttle_settings(), Vec::<String>::new(), "throttles are left");
    let listed = lab.kafka_tool("kafka-reassign-partitions", &["--list"]);
    assert!(listed.contains("No partition reassignments found"), "{listed}");
    eprintln!("{}", on(&lab, &["history"]).expect_code(0).expect_says("stopped"));
    watch.stop().expect_clean();
    traffic.stop().expect_clean();
}
