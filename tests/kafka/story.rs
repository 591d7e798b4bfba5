//! The whole loop, told once and run for every way to connect: look, propose, level, shrink, grow, while a
//! producer and a consumer run and a watcher looks on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::support::cli::{Screen, evenkeel};
use crate::support::lab::{Lab, Seen, Sightings, Traffic, Watch, Who};

/// Every broker's disk must end this close to the mean, as a share of it.
pub const BAND: f64 = 0.10;

/// Runs `evenkeel VERB ...` on the lab's cluster, as evenkeel's own user.
pub fn on(lab: &Lab, words: &[&str]) -> Screen {
    let mut all: Vec<String> = words.iter().map(ToString::to_string).collect();
    all.extend(lab.cluster_words(Who::Evenkeel));
    evenkeel(&all)
}

/// Everything that a refused command must leave as it was: placement with its order, leaders and throttles.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    replicas: BTreeMap<(String, i32), Vec<i32>>,
    throttles: Vec<String>,
}

impl State {
    pub fn of(lab: &Lab) -> Self {
        // Topics of Kafka's own, and evenkeel's, are made when somebody first needs them.
        let partitions = lab.look().partitions.into_iter().filter(|((topic, _), _)| !topic.starts_with("__"));
        let replicas = partitions.map(|(key, partition)| (key, partition.replicas)).collect();
        Self { replicas, throttles: lab.throttle_settings() }
    }

    /// Ends the test unless the cluster is as it was.
    pub fn expect_unchanged(&self, lab: &Lab) {
        assert_eq!(*self, Self::of(lab), "something was changed that should not have been");
    }
}

/// Tells the whole story on a fresh, skewed cluster.
pub fn tell(mut lab: Lab) {
    lab.load_skewed();
    let traffic = Traffic::start(&lab);
    a_proposal_says_what_why_and_how_much(&lab);
    kafkas_own_tool_takes_a_proposal(&lab);
    lab.skew_again();
    lab.add_long_topic();
    rebalance_levels_the_disks(&lab);
    remove_broker_empties_it(&mut lab);
    add_broker_fills_it(&mut lab);
    traffic.stop().expect_clean();
}

fn watched(lab: &Lab, words: &[&str]) -> Sightings {
    let watch = Watch::start(lab);
    let screen = on(lab, words).expect_code(0);
    let sightings = watch.stop();
    sightings.expect_clean();
    eprintln!("{screen}");
    sightings
}

/// The texts of all steps' reasons.
fn reasons(plan: &Value) -> Vec<&str> {
    let waves = plan["waves"].as_array().expect("waves");
    let steps = waves.iter().flat_map(|wave| wave["steps"].as_array().expect("steps"));
    steps.map(|step| step["reason"].as_str().expect("a reason")).collect()
}

fn a_proposal_says_what_why_and_how_much(lab: &Lab) {
    let before = State::of(lab);
    let text = on(lab, &["propose"]).expect_code(0);
    eprintln!("{text}");
    let plan = on(lab, &["propose", "--format", "json"]).expect_code(0).json();
    assert_eq!(plan["format"], "evenkeel-plan/1");
    let on_disk = lab.disk_bytes();
    for broker in plan["brokers"].as_array().expect("brokers") {
        let id = i32::try_from(broker["broker"].as_i64().expect("an id")).expect("an id");
        let told = broker["before"]["disk"].as_f64().expect("a disk load before");
        #[expect(clippy::cast_precision_loss, reason = "tens of megabytes")]
        let really = on_disk[&id] as f64;
        assert!((told / really - 1.0).abs() < 0.05, "broker {id} holds {really} bytes, told were {told}");
        assert!(broker["after"]["disk"].as_f64().is_some(), "no disk load after: {broker}");
    }
    assert_eq!(plan["brokers"].as_array().map(Vec::len), Some(6));
    assert!(plan["price"]["bytes"].as_u64().expect("bytes to move") > 1_000_000, "{}", plan["price"]);
    assert!(plan["goals"].as_array().expect("goals").iter().any(|goal| goal["met_before"] == false));
    let reasons = reasons(&plan);
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| reason.len() > 10), "{reasons:?}");

    for word in ["before", "after", "bytes to move", "rack-0", "rack-2", "not met", "met"] {
        assert!(text.stdout.contains(word), "`{word}` is not on the screen\n{text}");
    }
    // The columns are narrow, so that a long reason may be broken: its first words must be there.
    let start: String = reasons[0].split(' ').take(2).collect::<Vec<_>>().join(" ");
    assert!(text.stdout.contains(&start), "the reason `{start}...` is not on the screen\n{text}");
    before.expect_unchanged(lab);
}

fn kafkas_own_tool_takes_a_proposal(lab: &Lab) {
    let file = lab.file("proposal.json");
    let path = file.display().to_string();
    on(lab, &["propose", "--format", "kafka", "-o", &path]).expect_code(0);
    let text = fs::read_to_string(&file).expect("the proposal was written");
    let proposal: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(proposal["version"], 1);
    let partitions = proposal["partitions"].as_array().expect("partitions");
    assert!(!partitions.is_empty(), "a skewed cluster leaves something to do");
    let after = lab.reassign(&file);
    let said = lab.kafka_tool("kafka-reassign-partitions", &["--reassignment-json-file", &path, "--verify"]);
    let complete = said.lines().filter(|line| line.contains("is completed")).count();
    assert_eq!(complete, partitions.len(), "not all is complete:\n{said}");
    for entry in partitions {
        let topic = entry["topic"].as_str().expect("a topic").to_owned();
        let partition = i32::try_from(entry["partition"].as_i64().expect("a number")).expect("an index");
        let wanted: Vec<i32> = serde_json::from_value(entry["replicas"].clone()).expect("a replica list");
        assert_eq!(after.partitions[&(topic, partition)].replicas, wanted);
    }
    expect_level(lab);
}

fn expect_level(lab: &Lab) {
    let unevenness = lab.disk_unevenness();
    assert!(unevenness <= BAND, "a broker's disk is {unevenness:.3} off the mean: {:?}", lab.disk_bytes());
}

fn expect_preferred_leaders(seen: &Seen) {
    let others: Vec<_> =
        seen.partitions.iter().filter(|(_, partition)| partition.leader != partition.replicas[0]).collect();
    assert!(others.is_empty(), "not led by their first replica: {others:?}");
}

fn rebalance_levels_the_disks(lab: &Lab) {
    assert!(lab.disk_unevenness() > 0.4, "the cluster is not skewed: {:?}", lab.disk_bytes());
    lab.set_config("brokers", "2", "leader.replication.throttled.rate=123456789");
    lab.set_config("topics", "audit", "follower.replication.throttled.replicas=[0:1,0:2]");
    let foreign = lab.throttle_settings();
    assert_eq!(foreign.len(), 2, "{foreign:?}");

    let sightings = watched(lab, &["rebalance", "--execute", "--yes", "--throttle", "1MB"]);
    let after =
        lab.wait_until("all replicas are in sync", std::time::Duration::from_secs(30), Seen::all_in_sync);
    expect_level(lab);
    expect_preferred_leaders(&after);
    let followers = sightings.throttles.iter().filter(|rate| rate.contains("follower.replication"));
    assert!(followers.count() >= 1, "the moves were not throttled: {:?}", sightings.throttles);
    assert_eq!(lab.throttle_settings(), foreign, "throttles are not as they were");

    let again = State::of(lab);
    on(lab, &["rebalance", "--execute", "--yes"]).expect_code(0).expect_says("nothing to");
    again.expect_unchanged(lab);
}

/// Ends the test when a replica ever stood where it stood neither before nor after: a detour.
fn expect_no_detours(sightings: &Sightings, before: &Seen, after: &Seen) {
    let (before, after) = (before.placement(), after.placement());
    for (partition, ever) in &sightings.ever_on {
        let (Some(before), Some(after)) = (before.get(partition), after.get(partition)) else { continue };
        let detours: BTreeSet<_> =
            ever.iter().filter(|id| !before.contains(id) && !after.contains(id)).collect();
        assert!(
            detours.is_empty(),
            "{partition:?} was on {detours:?} on its way from {before:?} to {after:?}"
        );
    }
}

fn remove_broker_empties_it(lab: &mut Lab) {
    let before = lab.look();
    let held: BTreeSet<_> = before
        .partitions
        .iter()
        .filter(|(_, partition)| partition.replicas.contains(&6))
        .map(|(key, _)| key)
        .collect();
    assert!(!held.is_empty(), "broker 6 is empty already");
    let sightings = watched(lab, &["remove-broker", "6", "--execute", "--yes"]);
    let after = lab.look();
    for (key, partition) in &after.partitions {
        assert!(!partition.replicas.contains(&6), "{key:?} still has a replica on broker 6: {partition:?}");
        if Seen::is_evenkeels(&key.0) {
            continue;
        }
        let kept =
            before.placement()[key].iter().filter(|id| **id != 6).all(|id| partition.replicas.contains(id));
        assert!(kept, "{key:?} lost more than its replica on broker 6: {partition:?}");
        let moved = before.placement()[key] != after.placement()[key];
        assert_eq!(moved, held.contains(key), "{key:?} had no replica on broker 6 and was moved");
    }
    expect_no_detours(&sightings, &before, &after);
    lab.wait_until_empty(6);
    // As an operator would: an empty broker is taken out of service.
    lab.stop(6);
}

fn add_broker_fills_it(lab: &mut Lab) {
    lab.start_broker(7);
    let before = lab.look();
    let sightings = watched(lab, &["add-broker", "7", "--execute", "--yes"]);
    let after = lab.look();
    let mut gained = 0;
    for (key, was) in before.placement() {
        let is = &after.placement()[&key];
        let new: Vec<_> = is.difference(&was).collect();
        assert!(new.is_empty() || new == [&7], "{key:?} moved to another broker than 7: {was:?} to {is:?}");
        gained += new.len();
    }
    assert!(gained >= 10, "only {gained} replicas were moved to broker 7");
    expect_no_detours(&sightings, &before, &after);
    expect_level(lab);
}
