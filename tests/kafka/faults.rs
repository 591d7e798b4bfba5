//! Executions that cannot hurt: everything that goes wrong on a real cluster while evenkeel moves replicas, one story
//! after the other on one cluster of the newest version, with a producer, a consumer and a watcher at work.
//!
//! `EVENKEEL_STORIES` names the stories to tell, parted by commas, or `all`; otherwise those are told that fit into the
//! time of every run. `EVENKEEL_ROUNDS` says how often those with random moments are told (a full proof: 20),
//! `EVENKEEL_SEED` which moments. Needs root, which mounts volumes.

mod brokers;
mod disks;
mod hands;
mod pace;
mod rounds;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::newest_version;
use crate::story::on;
use crate::support::cli::{Running, Screen};
use crate::support::lab::{Lab, Seen, Traffic, Watch, Who};

/// The broker with less room than the others.
const SMALL: i32 = 6;
const SMALL_BYTES: u64 = 120_000_000;
const OTHER_BYTES: u64 = 400_000_000;

/// A story: its name, and what happens.
type Story = (&'static str, fn(&mut Lab));

const STORIES: [Story; 12] = [
    ("pace", pace::a_throttled_rebalance_keeps_its_pace),
    ("large", pace::a_large_throttled_rebalance_keeps_its_pace),
    ("kill", brokers::a_broker_is_killed_and_comes_back),
    ("controller", brokers::the_controller_is_killed_and_comes_back),
    ("headless", brokers::a_stop_without_a_controller_says_so),
    ("rolling", brokers::all_brokers_are_restarted_in_turn),
    ("topic", hands::a_topic_is_deleted),
    ("hands", hands::others_reassign_and_cancel),
    ("log-dir", disks::a_log_directory_fails),
    ("full", disks::a_small_volume_fills),
    ("stops", rounds::stops_at_random_moments),
    ("kills", rounds::kills_at_random_moments),
];

/// Stories in which producers wait for what has failed, whatever evenkeel does.
const HURT_BY_THEMSELVES: [&str; 6] = ["kill", "controller", "headless", "rolling", "log-dir", "full"];

/// Whoever waits for longer waits for a replica that does not fetch, and not for a busy machine. Without the last stretch on
/// no list it is 5 to 22 s.
const STALL: Duration = Duration::from_secs(5);

/// The stories of every run.
const ALWAYS: &str = "kill,controller,topic,hands,stops";

#[test]
fn an_execution_cannot_hurt() {
    let wanted = std::env::var("EVENKEEL_STORIES").unwrap_or_else(|_| ALWAYS.to_owned());
    let wanted = if wanted == "all" { String::new() } else { wanted };
    let wanted: Vec<&str> = wanted.split(',').filter(|name| !name.is_empty()).collect();
    for (name, _) in STORIES.iter().filter(|(name, _)| !wanted.is_empty() && !wanted.contains(name)) {
        eprintln!("faults: {name} is NOT told in this run; EVENKEEL_STORIES=all tells every story");
    }
    let known = |name: &&str| STORIES.iter().any(|(story, _)| story == name);
    assert!(wanted.iter().all(known), "EVENKEEL_STORIES names a story that there is not: {wanted:?}");
    let started = Instant::now();
    let small = Lab::builder(&newest_version()).small_disk(SMALL, SMALL_BYTES);
    let builder = (1..SMALL).fold(small, |builder, broker| builder.small_disk(broker, OTHER_BYTES));
    let mut lab = builder.start();
    lab.load_skewed();
    eprintln!("faults: the cluster stands after {:.1?}", started.elapsed());
    let mut failed = Vec::new();
    for (name, story) in STORIES.into_iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name)) {
        if catch_unwind(AssertUnwindSafe(|| tell(&mut lab, name, story))).is_err() {
            eprintln!("faults: {name} FAILED");
            failed.push(name);
            put_right(&mut lab);
        }
    }
    eprintln!("faults: all took {:.1?}", started.elapsed());
    assert!(failed.is_empty(), "these stories failed: {failed:?}");
}

/// After a story that failed: the next one wants a cluster that is well.
fn put_right(lab: &mut Lab) {
    if !lab.controller_runs() {
        lab.restart_controller();
    }
    for broker in 1..=6 {
        if !lab.running().contains(&broker) {
            lab.start_broker(broker);
        }
    }
    eprintln!("{}", on(lab, &["stop", "--yes"]));
    lab.wait_until("all replicas are in sync", Duration::from_secs(120), Seen::all_in_sync);
}

/// Tells a story under traffic and a watcher, and looks whether the cluster is as clean as before it.
fn tell(lab: &mut Lab, name: &str, story: fn(&mut Lab)) {
    eprintln!("faults: --- {name}");
    let started = Instant::now();
    let traffic = Traffic::start(lab);
    let watch = Watch::start(lab);
    story(lab);
    let told = started.elapsed();
    expect_clean_end(lab);
    let sightings = watch.stop();
    sightings.expect_clean();
    let report = traffic.stop();
    report.expect_clean();
    if !HURT_BY_THEMSELVES.contains(&name) {
        let slowest = report.slowest_ack;
        assert!(slowest < STALL, "a record waited {slowest:.1?} for its acknowledgement: {:?}", report.waits);
    }
    eprintln!("faults: {name} took {told:.1?}, with all looks afterwards {:.1?}", started.elapsed());
}

/// No reassignment is listed, no throttle setting is left, all replicas are in sync.
fn expect_clean_end(lab: &Lab) {
    lab.wait_until("all replicas are in sync", Duration::from_secs(120), Seen::all_in_sync);
    expect_nothing_listed(lab);
    assert_eq!(lab.throttle_settings(), Vec::<String>::new(), "throttles are left");
}

fn expect_nothing_listed(lab: &Lab) {
    let listed = lab.kafka_tool("kafka-reassign-partitions", &["--list"]);
    assert!(listed.contains("No partition reassignments found"), "{listed}");
}

/// Starts a command that changes the cluster at this throttle.
fn start(lab: &Lab, words: &[&str], rate: &str) -> Running {
    let mut all: Vec<String> = words.iter().map(ToString::to_string).collect();
    all.extend(["--execute", "--yes", "--throttle", rate].map(ToOwned::to_owned));
    all.extend(lab.cluster_words(Who::Evenkeel));
    Running::start(&all)
}

/// The same, and waits until replicas are on their way.
fn start_moving(lab: &Lab, words: &[&str], rate: &str) -> Running {
    let mut running = start(lab, words, rate);
    let until = Instant::now() + Duration::from_secs(60);
    while lab.look().moving().is_empty() {
        assert!(!running.has_ended(), "it ended before anything moved");
        assert!(Instant::now() < until, "nothing is on its way");
        std::thread::sleep(Duration::from_millis(100));
    }
    running
}

/// Lets what is carried out go fast from now on, and waits for its end.
fn hurry(lab: &Lab, mut running: Running) -> Screen {
    if !running.has_ended() {
        let screen = on(lab, &["limits", "--throttle", "20MB"]);
        // It may have come to its end just now.
        assert!(screen.code == Some(0) || running.has_ended(), "{screen}");
    }
    let screen = running.wait();
    eprintln!("{screen}");
    screen
}

/// The other broker of the same rack.
fn sibling(broker: i32) -> i32 {
    if broker > 3 { broker - 3 } else { broker + 3 }
}
