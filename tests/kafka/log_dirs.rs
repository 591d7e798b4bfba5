//! The log directories of a real broker, of which the lab's have two: levelled, emptied, under a throttle that is gone
//! afterwards.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::on_the_newest_at_least;
use crate::story::{State, on};
use crate::support::cli::Running;
use crate::support::lab::{Lab, Traffic, Watch, Who};

const GOALS: &str = "\
format = \"evenkeel-goals/1\"
name = \"log-dirs\"
description = \"The log directories of each broker are level.\"

[[goal]]
name = \"log-dir-balance\"
rule = \"balance\"
resource = \"disk\"
scope = \"log-dir\"
band = 0.2
tier = 1
";

/// The broker whose directories are skewed: it holds most replicas of its rack.
const BROKER: i32 = 1;

#[test]
fn log_directories_are_levelled_and_emptied() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).start();
        lab.load_skewed();
        skew_directories(&lab);
        let traffic = Traffic::start(&lab);
        a_stop_cancels_what_is_on_its_way(&lab);
        rebalance_levels_them(&lab);
        remove_log_dir_empties_one(&lab);
        traffic.stop().expect_clean();
    });
}

/// Moves all but a few replicas of the broker to its second directory, with Kafka's own tool.
fn skew_directories(lab: &Lab) {
    let second = lab.log_dir_bytes(BROKER)[1].0.clone();
    let on_it =
        lab.look().partitions.into_iter().filter(|(_, partition)| partition.replicas.contains(&BROKER));
    let partitions: Vec<_> = on_it
        .skip(5)
        .map(|((topic, index), partition)| {
            let dirs: Vec<&str> =
                partition.replicas.iter().map(|id| if *id == BROKER { second.as_str() } else { "any" }).collect();
            serde_json::json!({"topic": topic, "partition": index, "replicas": partition.replicas, "log_dirs": dirs})
        })
        .collect();
    let file = lab.file("skew-dirs.json");
    let text = serde_json::json!({"version": 1, "partitions": partitions}).to_string();
    fs::write(&file, text).expect("the lab's folder is writable");
    lab.reassign(&file);
    wait_until(lab, "the directories are skewed", |first, second| second > 5 * first);
}

fn wait_until(lab: &Lab, what: &str, is_so: impl Fn(u64, u64) -> bool) {
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        let dirs = lab.log_dir_bytes(BROKER);
        if is_so(dirs[0].1, dirs[1].1) {
            return;
        }
        assert!(Instant::now() < until, "waited in vain until {what}: {dirs:?}");
        thread::sleep(Duration::from_millis(200));
    }
}

fn a_stop_cancels_what_is_on_its_way(lab: &Lab) {
    let before = State::of(lab);
    let (second, full) = lab.log_dir_bytes(BROKER)[1].clone();
    let second = format!("{BROKER}:{second}");
    // Slow enough that it lasts until it is interrupted.
    let words = ["remove-log-dir", &second, "--execute", "--yes", "--throttle", "50kB"];
    let mut words: Vec<String> = words.iter().map(ToString::to_string).collect();
    words.extend(lab.cluster_words(Who::Evenkeel));
    let running = Running::start(&words);
    let until = Instant::now() + Duration::from_secs(60);
    while lab.future_replicas(BROKER) == 0 {
        assert!(Instant::now() < until, "nothing is on its way");
        thread::sleep(Duration::from_millis(50));
    }
    running.interrupt();
    let screen = running.wait().expect_code(1).expect_says("stopped");
    eprintln!("{screen}");
    wait_until(lab, "no replica is on its way", |_, _| lab.future_replicas(BROKER) == 0);
    assert!(lab.log_dir_bytes(BROKER)[1].1 * 2 > full, "what was cancelled has moved all the same");
    before.expect_unchanged(lab);
}

fn rebalance_levels_them(lab: &Lab) {
    let file = lab.file("log-dirs.toml");
    fs::write(&file, GOALS).expect("the lab's folder is writable");
    let goals = file.display().to_string();
    let before = State::of(lab);
    let plan = on(lab, &["propose", "--goals", &goals, "--format", "json"]).expect_code(0).json();
    assert_eq!(plan["price"]["bytes"], 0, "nothing has to cross the network: {}", plan["price"]);
    assert!(plan["price"]["log_dir_moves"].as_u64().is_some_and(|moves| moves > 3), "{}", plan["price"]);
    on(lab, &["propose", "--goals", &goals]).expect_code(0).expect_says("log directories");

    let watch = Watch::start(lab);
    let words = ["rebalance", "--goals", &goals, "--execute", "--yes", "--throttle", "2MB"];
    let screen = on(lab, &words).expect_code(0);
    eprintln!("{screen}");
    let sightings = watch.stop();
    sightings.expect_clean();
    // It begins with a fifth of it and comes up.
    let rate = format!("{BROKER} replica.alter.log.dirs.io.max.bytes.per.second=400000");
    assert!(sightings.throttles.contains(&rate), "not throttled: {:?}", sightings.throttles);
    // No replica has changed its broker, and no throttle is left.
    before.expect_unchanged(lab);
    wait_until(lab, "the directories are level", |first, second| first.abs_diff(second) * 4 < first + second);
    on(lab, &["rebalance", "--goals", &goals]).expect_code(0).expect_says("nothing to");
}

fn remove_log_dir_empties_one(lab: &Lab) {
    let before = State::of(lab);
    let first = format!("{BROKER}:{}", lab.log_dir_bytes(BROKER)[0].0);
    on(lab, &["remove-log-dir", "1:/nowhere", "--execute", "--yes"]).expect_code(3).expect_says("/nowhere");
    on(lab, &["remove-log-dir", &first]).expect_code(0).expect_says("Nothing was changed");
    on(lab, &["remove-log-dir", &first, "--execute", "--yes"]).expect_code(0);
    wait_until(lab, "the first directory is empty", |first, _| first == 0);
    before.expect_unchanged(lab);
}
