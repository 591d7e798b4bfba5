//! Commands against a simulated cluster that speaks Kafka's protocol: what is shown varies with time, so these look
//! for what must be there.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use evenkeel::edge::sim::{BrokerSpec, SimCluster, SimServer, SimSpec, TopicSpec};
use serde_json::Value;

/// Simulated time runs fast enough for an execution to take seconds, and slow enough for the executor's patience,
/// which goes by the wall clock.
const SPEED: f64 = 200.0;

/// Six brokers in three racks, of which the first three hold nearly everything.
fn cluster() -> SimServer {
    let mut spec = SimSpec::new(3);
    spec.brokers = (0..6)
        .map(|id| BrokerSpec::new(id, &format!("az-{}", id % 3), 100_000_000_000, 1_250_000_000))
        .collect();
    let mut topic = TopicSpec::new("orders");
    for at in 0..24 {
        let mut replicas = if at < 20 { [0, 1, 2] } else { [3, 4, 5] };
        replicas.rotate_left(at % 3);
        topic = topic.with_partition(&replicas, 1_000_000_000);
    }
    spec.topics = vec![topic];
    let cluster = SimCluster::new(&spec).expect("the cluster is right");
    SimServer::start(cluster, SPEED).expect("loopback ports can be had")
}

fn evenkeel(bootstrap: &str, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(words)
        .args(["--bootstrap", bootstrap])
        .output()
        .expect("the binary can be started")
}

fn said(output: &Output) -> String {
    format!(
        "exit {:?}\n{}\n{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

#[test]
fn a_cluster_out_of_reach_is_exit_code_4_and_names_the_address() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    let address = free.local_addr().expect("it has an address").to_string();
    drop(free);
    let output = evenkeel(&address, &["status"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&address), "{}", said(&output));
    assert!(output.stdout.is_empty(), "errors do not go to stdout");
}

#[test]
fn an_operator_levels_empties_and_looks() {
    let server = cluster();
    let bootstrap = server.bootstrap();

    let dry = evenkeel(&bootstrap, &["rebalance"]);
    assert_eq!(dry.status.code(), Some(0), "{}", said(&dry));
    assert!(said(&dry).contains("Nothing was changed"), "{}", said(&dry));
    let status = json(&evenkeel(&bootstrap, &["status", "--format", "json"]));
    assert_eq!(status["reassignments"].as_array().map(Vec::len), Some(0), "a dry run moves nothing");

    let run = evenkeel(&bootstrap, &["rebalance", "--throttle", "500MB", "--execute"]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    let again = evenkeel(&bootstrap, &["remove-broker", "0", "--throttle", "500MB", "--execute"]);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));

    let status = json(&evenkeel(&bootstrap, &["status", "--format", "json"]));
    assert_eq!(status["brokers"][0]["replicas"], 0, "broker 0 is empty: {status}");
    assert_eq!(status["throttles"].as_array().map(Vec::len), Some(0), "no throttle is left: {status}");
    assert_eq!(status["unhealthy"].as_array().map(Vec::len), Some(0), "all is in sync: {status}");
}

#[test]
fn questions_are_answered_on_a_live_cluster() {
    let server = cluster();
    let bootstrap = server.bootstrap();
    let answer = |words: &[&str]| {
        let output = evenkeel(&bootstrap, words);
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
    let server = cluster();
    let bootstrap = server.bootstrap();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let plan = folder.path().join("plan.json");
    let plan = plan.to_str().expect("the path is UTF-8");
    let made = evenkeel(&bootstrap, &["propose", "--goals", "disk-only", "--format", "json", "-o", plan]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));

    // A plan that was changed by hand is not the plan that was approved.
    let changed = folder.path().join("changed.json");
    let text = std::fs::read_to_string(plan).expect("the plan was written");
    std::fs::write(&changed, text.replacen("\"seed\": 0", "\"seed\": 7", 1)).expect("it can be written");
    let changed = changed.to_str().expect("the path is UTF-8");
    let refused = evenkeel(&bootstrap, &["apply", changed, "--execute"]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));

    let dry = evenkeel(&bootstrap, &["apply", plan]);
    assert_eq!(dry.status.code(), Some(0), "{}", said(&dry));
    let run = evenkeel(&bootstrap, &["apply", plan, "--throttle", "500MB", "--execute"]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));

    // The same plan a second time: the cluster has changed since.
    let void = evenkeel(&bootstrap, &["apply", plan, "--execute"]);
    assert_eq!(void.status.code(), Some(3), "{}", said(&void));
    assert!(said(&void).contains("changed"), "{}", said(&void));
}

#[test]
fn the_daemon_looks_once_and_changes_nothing_unless_it_may() {
    let server = cluster();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let run = |mode: &str| {
        let settings = folder.path().join("evenkeel.toml");
        let first = server.bootstrap();
        let first = first.split(',').next().expect("there are brokers");
        let text = format!(
            "[clusters.sim]\nbootstrap = \"{first}\"\nmode = \"{mode}\"\nexecution.throttle = \"500MB\"\n"
        );
        std::fs::write(&settings, text).expect("the settings can be written");
        once(&settings)
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

fn once(settings: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["run", "--once", "--config"])
        .arg(settings)
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
