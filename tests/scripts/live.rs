//! Commands against a simulated cluster that speaks Kafka's protocol: what is shown varies with time, so these look
//! for what must be there.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use crate::scene::{Scene, evenkeel, json, said};

#[test]
fn a_cluster_out_of_reach_is_exit_code_4_and_names_the_address() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    let address = free.local_addr().expect("it has an address").to_string();
    drop(free);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let output = evenkeel(folder.path(), &address, &["status"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&address), "{}", said(&output));
    assert!(output.stdout.is_empty(), "errors do not go to stdout");
}

#[test]
fn an_operator_levels_empties_and_looks() {
    let scene = Scene::new();

    let dry = scene.evenkeel(&["rebalance"]);
    assert_eq!(dry.status.code(), Some(0), "{}", said(&dry));
    assert!(said(&dry).contains("Nothing was changed"), "{}", said(&dry));
    let status = json(&scene.evenkeel(&["status", "--format", "json"]));
    assert_eq!(status["reassignments"].as_array().map(Vec::len), Some(0), "a dry run moves nothing");

    let run = scene.evenkeel(&["rebalance", "--throttle", "500MB", "--execute"]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    let again = scene.evenkeel(&["remove-broker", "0", "--throttle", "500MB", "--execute"]);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));

    let status = json(&scene.evenkeel(&["status", "--format", "json"]));
    assert_eq!(status["brokers"][0]["replicas"], 0, "broker 0 is empty: {status}");
    assert_eq!(status["throttles"].as_array().map(Vec::len), Some(0), "no throttle is left: {status}");
    assert_eq!(status["unhealthy"].as_array().map(Vec::len), Some(0), "all is in sync: {status}");
}

#[test]
fn questions_are_answered_on_a_live_cluster() {
    let scene = Scene::new();
    let answer = |words: &[&str]| {
        let output = scene.evenkeel(words);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        json(&output)
    };
    let goals = ["--goals", "disk-only", "--format", "json"];
    let explained = answer(&[&["explain", "orders-0"], &goals[..]].concat());
    assert_eq!(explained["replicas"][0]["broker"], 0, "{explained}");
    let lost = answer(&[&["what-if", "--lose-broker", "5"], &goals[..]].concat());
    assert_eq!(lost["loss"]["copies"], 4, "orders-20 to orders-23 have a replica on broker 5: {lost}");
    let sized = answer(&[&["right-size", "--growth", "10"], &goals[..]].concat());
    assert_eq!(sized["horizons"].as_array().map(Vec::len), Some(3), "today, in 30 and in 90 days: {sized}");
}

#[test]
fn a_plan_is_applied_as_it_is_or_not_at_all() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let plan = &scene.plan_file(&folder);

    // A plan that was changed by hand is not the plan that was approved.
    let changed = folder.path().join("changed.json");
    let text = std::fs::read_to_string(plan).expect("the plan was written");
    std::fs::write(&changed, text.replacen("\"seed\": 0", "\"seed\": 7", 1)).expect("it can be written");
    let changed = changed.to_str().expect("the path is UTF-8");
    let refused = scene.evenkeel(&["apply", changed, "--execute"]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));

    let dry = scene.evenkeel(&["apply", plan]);
    assert_eq!(dry.status.code(), Some(0), "{}", said(&dry));
    let run = scene.evenkeel(&["apply", plan, "--throttle", "500MB", "--execute"]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));

    // The same plan a second time: the cluster has changed since.
    let void = scene.evenkeel(&["apply", plan, "--execute"]);
    assert_eq!(void.status.code(), Some(3), "{}", said(&void));
    assert!(said(&void).contains("changed"), "{}", said(&void));
}

#[test]
fn the_daemon_looks_once_and_changes_nothing_unless_it_may() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let run = |mode: &str| {
        let settings = folder.path().join("evenkeel.toml");
        let first = scene.first_address();
        let text = format!(
            "[clusters.sim]\nbootstrap = \"{first}\"\nmode = \"{mode}\"\nload-window = \"0s\"\nexecution.throttle = \"500MB\"\n"
        );
        std::fs::write(&settings, text).expect("the settings can be written");
        once(&scene, &settings)
    };
    let proposed = run("propose");
    assert_eq!(proposed.status.code(), Some(0), "{}", said(&proposed));
    assert!(said(&proposed).contains("proposed and not carried out"), "{}", said(&proposed));
    let acted = run("act");
    assert_eq!(acted.status.code(), Some(0), "{}", said(&acted));
    assert!(said(&acted).contains("carrying out"), "{}", said(&acted));
    let after = run("act");
    assert!(!said(&after).contains("carrying out"), "what is level is left alone: {}", said(&after));
}

fn once(scene: &Scene, settings: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["run", "--once", "--config"])
        .arg(settings)
        .env("EVENKEEL_STATE_DIR", scene.state_dir())
        .output()
        .expect("the binary can be started")
}

#[test]
fn a_proposal_and_its_file_and_the_judge_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let run = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args(words)
            .arg("--snapshot")
            .arg(root.join("fixtures/snapshots/skewed-6.json"))
            .current_dir(folder.path())
            .output();
        output.expect("the binary can be started")
    };
    let text = run(&["propose", "--exit-code"]);
    assert_eq!(text.status.code(), Some(5), "{}", said(&text));
    for words in ["before → after", "bytes to move", "not met", "above the mean", "Nothing was changed"] {
        assert!(said(&text).contains(words), "`{words}` is missing: {}", said(&text));
    }
    let plan = json(&run(&["propose", "--format", "json"]));
    let id = plan["id"].as_str().expect("a plan has an id");
    assert!(said(&text).contains(id), "text and file are of one plan");
    assert_eq!(run(&["propose", "--format", "json", "-o", "plan.json"]).status.code(), Some(0));
    let judged = run(&["judge", "--plan", "plan.json"]);
    assert_eq!(judged.status.code(), Some(0), "{}", said(&judged));
    assert!(said(&judged).contains("may be carried out"), "{}", said(&judged));
}

#[test]
fn the_same_snapshot_goals_and_seed_give_the_same_bytes() {
    let snapshot = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/snapshots/skewed-6.json");
    let propose = || {
        let output = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args(["propose", "--format", "json", "--seed", "11", "--snapshot"])
            .arg(&snapshot)
            .output()
            .expect("the binary can be started");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        output.stdout
    };
    assert_eq!(propose(), propose());
}
