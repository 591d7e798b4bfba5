//! What operators do with executions: carry on what was killed, pause, stop, change limits, look back.

use std::time::{Duration, Instant};

use evenkeel::base::{BrokerId, Millis};
use evenkeel::control::{Entry, ExecutionId, Journal as _, Record};
use evenkeel::edge::store::{ClusterDir, Holder, Lock, Role, SqliteJournal};
use evenkeel::observe::{CanaryTimes, EndToEnd};
use serde_json::Value;

use crate::scene::{Scene, said};

/// Slow enough that an execution lasts until it is disturbed, on a clock that runs two hundred times as fast.
const SLOWLY: [&str; 5] = ["rebalance", "--goals", "disk-only", "--throttle", "2MB"];

fn rebalance(scene: &Scene) -> crate::scene::Running {
    let running = scene.start(&[&SLOWLY[..], &["--execute"]].concat());
    scene.wait_until("a move in flight", |status| {
        status["reassignments"].as_array().is_some_and(|moves| !moves.is_empty())
            && status["execution"]["carried_out_by"].is_string()
    });
    running
}

fn is_unfinished(status: &Value) -> bool {
    status["execution"].is_object() && status["execution"]["carried_out_by"].is_null()
}

/// Kills a command in the middle of an execution. Returns the status by then.
fn left_unfinished(scene: &Scene) -> Value {
    let running = rebalance(scene);
    running.signal("KILL");
    drop(running.wait());
    scene.wait_until("an execution that nobody carries out", is_unfinished)
}

#[test]
fn what_was_killed_is_carried_on() {
    let scene = Scene::new();
    let status = left_unfinished(&scene);
    assert!(status["execution"]["throttles"].as_u64() > Some(0), "{status}");
    assert_ne!(status["throttles"], serde_json::json!([]), "throttles protect the clients: {status}");

    // Nothing else begins, and what is half done is told, with the way on.
    for words in [&["rebalance", "--execute"][..], &["rebalance"], &["remove-broker", "0", "--execute"]] {
        let refused = scene.says(3, words);
        assert!(refused.contains("is not finished"), "{refused}");
        assert!(refused.contains("evenkeel resume") && refused.contains("evenkeel stop"), "{refused}");
    }
    let refused = scene.says(3, &["pause"]);
    assert!(refused.contains("no process carries it out"), "{refused}");
    let shown = scene.says(0, &["resume"]);
    assert!(shown.contains("Nothing was changed") && shown.contains("NOT FINISHED"), "{shown}");
    assert!(is_unfinished(&scene.status()), "to show it changes nothing");

    // The throttle is that of the plan; a wider one ends the test sooner.
    let resumed = scene.start(&["resume", "--execute"]);
    scene.wait_until("a process", |status| status["execution"]["carried_out_by"].is_string());
    scene.says(0, &["limits", "--throttle", "500MB"]);
    let resumed = resumed.wait();
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    assert!(said(&resumed).contains("carrying on with plan"), "{}", said(&resumed));
    scene.expect_clean();
    let again = scene.says(0, &["resume", "--execute"]);
    assert!(again.contains("Nothing is left unfinished"), "{again}");

    let history = scene.evenkeel(&["history", "--format", "json"]);
    let history = crate::scene::json(&history);
    assert_eq!(history.as_array().map(Vec::len), Some(1), "{history}");
    assert!(history[0]["ended"].as_str().is_some_and(|ended| ended.starts_with("done: ")), "{history}");
    let name = history[0]["execution"].as_str().expect("a name");
    let events = scene.says(0, &["history", name]);
    for words in ["began", "carried on by", "limits, throttle 500", "request", "ended"] {
        assert!(events.contains(words), "`{words}` is missing: {events}");
    }
}

/// Writes down what a canary measured `age` ago, as the execution does that it measured for. The simulated brokers take
/// no records, so a canary hears nothing there.
fn measured(scene: &Scene, status: &Value, age: Duration) {
    let dir = ClusterDir::of(scene.state_dir(), status["cluster_id"].as_str());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let at_ms = u64::try_from(now.saturating_sub(age).as_millis()).expect("not in a million years");
    let holder = Holder {
        pid: std::process::id(),
        by: "test".to_owned(),
        since: evenkeel::base::TimestampMs(at_ms),
        troubles: Vec::new(),
    };
    let lock = Lock::take(&dir, Role::Act, &holder).expect("nobody acts");
    let (mut journal, _) = SqliteJournal::open(&dir, lock).expect("the journal can be opened");
    let times = |p50: f64, p99: f64| EndToEnd {
        p50_ms: Millis::new(p50).expect("a time"),
        p99_ms: Millis::new(p99).expect("a time"),
    };
    let execution = status["execution"]["execution"].as_str().expect("an execution");
    let record = Record::Measured {
        execution: ExecutionId::from_text(execution),
        canary: CanaryTimes { all: times(3.1, 8.4), brokers: vec![(BrokerId(4), times(3.4, 12.0))] },
    };
    journal.append(&[Entry { at_ms, record }]).expect("it can be written down");
}

#[test]
fn the_status_shows_what_the_canary_measured_and_not_what_is_old() {
    let scene = Scene::new();
    let status = left_unfinished(&scene);
    assert_eq!(status["execution"]["canary"], Value::Null, "nothing was measured: {status}");
    assert!(!scene.says(0, &["status"]).contains("canary"));

    measured(&scene, &status, Duration::from_secs(3));
    let shown = scene.says(0, &["status"]);
    let line = "canary: records take p50 3.1 ms, p99 8.4 ms; slowest through broker 4: p99 12 ms; measured ";
    assert!(shown.contains(line), "{shown}");
    let canary = &scene.status()["execution"]["canary"];
    assert_eq!((&canary["p50_ms"], &canary["p99_ms"]), (&3.1.into(), &8.4.into()), "{canary}");
    assert_eq!((&canary["is_old"], &canary["brokers"][0]["broker"]), (&false.into(), &4.into()), "{canary}");
    assert!(canary["age_s"].as_u64() >= Some(3), "{canary}");

    measured(&scene, &status, Duration::from_secs(300));
    let shown = scene.says(0, &["status"]);
    assert!(shown.contains("the canary has measured nothing since 2"), "{shown}");
    assert!(!shown.contains("8.4 ms"), "old values are not shown as new: {shown}");
    let canary = &scene.status()["execution"]["canary"];
    assert_eq!(canary["is_old"], true, "{canary}");

    scene.says(0, &["stop", "--now"]);
    scene.expect_clean();
}

#[test]
fn what_was_killed_is_rolled_back() {
    let scene = Scene::new();
    left_unfinished(&scene);
    let stopped = scene.says(0, &["stop"]);
    assert!(stopped.contains("stopped"), "{stopped}");
    scene.expect_clean();
    let history = scene.says(0, &["history"]);
    assert!(history.contains("stopped"), "{history}");
    let again = scene.says(3, &["stop"]);
    assert!(again.contains("nothing is being carried out"), "{again}");
}

#[test]
fn an_operator_pauses_changes_limits_and_stops() {
    let scene = Scene::new();
    let running = rebalance(&scene);
    let refused = scene.says(3, &["rebalance", "--execute"]);
    assert!(refused.contains("another evenkeel is at work") && refused.contains("process "), "{refused}");
    let refused = scene.says(3, &["resume"]);
    assert!(refused.contains("is not paused"), "{refused}");

    let paused = scene.says(0, &["pause"]);
    assert!(paused.contains("Paused"), "{paused}");
    let status = scene.wait_until("the pause", |status| status["execution"]["paused"] == true);
    assert!(status["execution"]["carried_out_by"].is_string(), "{status}");
    scene.says(0, &["limits", "--throttle", "3MB", "--moves-per-broker", "2"]);
    let rate = |status: &Value| {
        status["throttles"].as_array().is_some_and(|all| all.iter().any(|one| one["value"] == "3000000"))
    };
    scene.wait_until("the new rate", rate);
    let going_on = scene.says(0, &["resume"]);
    assert!(going_on.contains("Going on"), "{going_on}");

    let stopped = scene.says(0, &["stop"]);
    assert!(stopped.contains("stopped"), "{stopped}");
    let output = running.wait();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("an operator has set other limits"), "{}", said(&output));
    scene.expect_clean();
}

#[test]
fn nothing_new_starts_outside_of_the_hours() {
    let scene = Scene::new();
    // The one minute of the day that is farthest from now.
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let minute = (now / 60 + 12 * 60) % (24 * 60);
    let to = (minute + 1) % (24 * 60);
    let clock = |minute: u64| format!("{:02}:{:02}", minute / 60, minute % 60);
    let window = format!("{}-{}", clock(minute), clock(to));
    let dry = scene.says(0, &[&SLOWLY[..], &["--window", &window]].concat());
    assert!(dry.contains("Outside of the hours that are set: what is carried out starts at"), "{dry}");
    let running = scene.start(&[&SLOWLY[..], &["--window", &window, "--execute"]].concat());
    scene.wait_until("an execution", |status| status["execution"].is_object());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(scene.status()["reassignments"], serde_json::json!([]), "nothing moves");
    scene.says(0, &["stop"]);
    drop(running.wait());
    scene.expect_clean();
}

#[test]
fn brokers_that_were_removed_stay_empty() {
    let scene = Scene::new();
    scene.says(0, &["remove-broker", "0", "--throttle", "500MB", "--execute"]);
    let status = scene.status();
    assert_eq!(status["removed_brokers"], serde_json::json!([0]), "{status}");
    let dry = scene.says(0, &["rebalance", "--throttle", "500MB", "--execute"]);
    assert!(dry.contains("broker 0 was removed: nothing moves onto it"), "{dry}");
    assert_eq!(scene.status()["brokers"][0]["replicas"], 0, "it was left empty");
    scene.says(0, &["demote-broker", "4", "--execute"]);
    assert_eq!(scene.status()["demoted_brokers"], serde_json::json!([4]));
    scene.says(0, &["add-broker", "0,4", "--throttle", "500MB", "--execute"]);
    let status = scene.status();
    assert_eq!(status["removed_brokers"], serde_json::json!([]), "{status}");
    assert_eq!(status["demoted_brokers"], serde_json::json!([]), "{status}");
    assert!(status["brokers"][0]["replicas"].as_u64() > Some(0), "{status}");
}

fn daemon(scene: &Scene, folder: &tempfile::TempDir, mode: &str) -> crate::scene::Running {
    daemon_with(scene, folder, mode, "disk-only")
}

fn daemon_with(scene: &Scene, folder: &tempfile::TempDir, mode: &str, goals: &str) -> crate::scene::Running {
    let settings = folder.path().join("evenkeel.toml");
    let text = format!(
        "interval = \"1s\"\n[clusters.sim]\nbootstrap = \"{}\"\nmode = \"{mode}\"\nload-window = \"0s\"\ngoals = \"{goals}\"\n\
         execution.throttle = \"2MB\"\n",
        scene.first_address()
    );
    std::fs::write(&settings, text).expect("the settings can be written");
    scene.spawn(&["run", "--config", settings.to_str().expect("the path is UTF-8")])
}

#[test]
fn a_daemon_that_is_told_to_leave_leaves_and_the_next_one_carries_on() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let first = daemon(&scene, &folder, "act");
    let moving = |status: &Value| {
        status["reassignments"].as_array().is_some_and(|moves| !moves.is_empty())
            && status["execution"]["carried_out_by"].is_string()
    };
    scene.wait_until("a move in flight", moving);
    let second = daemon(&scene, &folder, "act").wait();
    assert_eq!(second.status.code(), Some(3), "{}", said(&second));
    assert!(said(&second).contains("another evenkeel is at work"), "{}", said(&second));

    let asked = Instant::now();
    first.signal("TERM");
    let left = first.wait();
    assert!(asked.elapsed() < Duration::from_secs(10), "it took {:?}", asked.elapsed());
    assert_eq!(left.status.code(), Some(0), "{}", said(&left));
    let status = scene.status();
    assert!(is_unfinished(&status), "{status}");
    assert_ne!(status["throttles"], serde_json::json!([]), "throttles protect the clients: {status}");

    // In whatever mode it is started next, what the daemon itself had begun is carried on.
    let next = daemon(&scene, &folder, "propose");
    scene.wait_until("the next daemon", |status| status["execution"]["carried_out_by"].is_string());
    scene.says(0, &["limits", "--throttle", "500MB"]);
    scene.wait_until("its end", |status| status["execution"].is_null());
    next.signal("INT");
    let ended = next.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    assert!(said(&ended).contains("carrying on what was begun"), "{}", said(&ended));
    scene.expect_clean();
}

#[test]
fn a_daemon_that_only_proposes_leaves_what_others_began() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let running = rebalance(&scene);
    running.signal("KILL");
    drop(running.wait());
    let daemon = daemon(&scene, &folder, "propose");
    scene.wait_until("a daemon", |status| status["daemon"].is_string());
    std::thread::sleep(Duration::from_secs(2));
    assert!(is_unfinished(&scene.status()));
    daemon.signal("INT");
    let told = said(&daemon.wait());
    assert!(told.contains("is not finished") && told.contains("evenkeel resume"), "{told}");
    scene.says(0, &["stop", "--now"]);
    scene.expect_clean();
}

/// Writes a goal file of its own: the shipped one, with something replaced.
fn goals(folder: &tempfile::TempDir, from: &str, to: &str) {
    let shipped = include_str!("../../goals/disk-only.toml");
    assert!(shipped.contains(from), "{from}");
    std::fs::write(folder.path().join("own.toml"), shipped.replacen(from, to, 1)).expect("it can be written");
}

#[test]
fn a_daemon_rereads_its_goals_and_says_what_is_wrong_with_them() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("a folder can be made");
    // With a band this wide the cluster is level.
    goals(&folder, "band = 0.1", "band = 0.9");
    let daemon = daemon_with(&scene, &folder, "act", "own.toml");
    scene.wait_until("a daemon", |status| status["daemon"].is_string());
    goals(&folder, "band = 0.1", "bnd = 0.1");
    let status = scene.wait_until("a trouble", |status| status["daemon_troubles"] != serde_json::json!([]));
    let trouble = status["daemon_troubles"].to_string();
    assert!(trouble.contains("own.toml") && trouble.contains("line"), "{trouble}");
    assert!(trouble.contains("did you mean `band`?"), "{trouble}");
    let text = scene.says(0, &["status"]);
    assert!(text.contains("the daemon goes by what was so before"), "{text}");
    std::thread::sleep(Duration::from_secs(3));
    assert!(scene.status()["execution"].is_null(), "nothing is done by goals that cannot be read");

    // Mended, it asks for something: that is carried out without a restart.
    goals(&folder, "band = 0.1", "band = 0.1");
    scene.wait_until("a move in flight", |status| status["reassignments"] != serde_json::json!([]));
    assert_eq!(scene.status()["daemon_troubles"], serde_json::json!([]));

    // Changed under way, it makes way: what is in flight is finished, the rest is planned anew.
    goals(&folder, "band = 0.1", "band = 0.9");
    scene.says(0, &["limits", "--throttle", "500MB"]);
    scene.wait_until("its end", |status| status["execution"].is_null());
    scene.expect_clean();
    daemon.signal("INT");
    let told = said(&daemon.wait());
    assert_eq!(told.matches("did you mean `band`?").count(), 1, "told once: {told}");
    assert!(told.contains("the goals have changed: from now on plans are made by them"), "{told}");
    assert!(told.contains("steps that have not begun are dropped and planned anew"), "{told}");
    assert!(told.contains("the goals have changed, and what is left is planned anew"), "{told}");
}
