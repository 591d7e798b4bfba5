//! A daemon that waits for leave: what it proposes, who approves, and what is carried out then.

use serde_json::{Value, json};

use crate::scene::{Running, Scene, json as result, said};

fn daemon(scene: &Scene, folder: &tempfile::TempDir) -> Running {
    let settings = folder.path().join("evenkeel.toml");
    let text = format!(
        "interval = \"1s\"\n[clusters.sim]\nbootstrap = \"{}\"\nmode = \"ask\"\nload-window = \"0s\"\ngoals = \"disk-only\"\n\
         execution.throttle = \"500MB\"\n",
        scene.first_address()
    );
    std::fs::write(&settings, text).expect("the settings can be written");
    scene.spawn(&["run", "--config", settings.to_str().expect("the path is UTF-8")])
}

/// Ends a daemon; returns its log.
fn end(daemon: Running) -> String {
    daemon.signal("INT");
    let output = daemon.wait();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    said(&output)
}

fn history(scene: &Scene) -> Value {
    result(&scene.evenkeel(&["history", "--format", "json"]))
}

#[test]
fn what_has_leave_is_carried_out_exactly_and_after_a_restart_too() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let asks = daemon(&scene, &folder);
    let status = scene.wait_until("a proposal", |status| status["proposed"].is_object());
    let id = status["proposed"]["plan"].as_str().expect("an id").to_owned();
    let shown = scene.says(0, &["status"]);
    assert!(shown.contains(&format!("it waits for leave: evenkeel plan approve {id}")), "{shown}");
    // Later looks make other plans: what waits stays the same, and nothing happens.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let status = scene.status();
    assert_eq!(status["proposed"]["plan"], id.as_str(), "{status}");
    assert_eq!((&status["execution"], &status["reassignments"]), (&Value::Null, &json!([])), "{status}");
    let log = end(asks);
    assert!(log.contains("it waits for leave"), "{log}");

    let shown = scene.says(0, &["plan", "show", &id]);
    assert!(shown.contains(&format!("Plan {id}: rebalance")) && shown.contains("Moves ("), "{shown}");
    let other = "0123456789abcdef0123456789abcdef";
    let refused = scene.says(3, &["plan", "approve", other]);
    assert!(refused.contains("does not wait for leave") && refused.contains(&id), "{refused}");
    scene.says(3, &["plan", "show", other]);
    for verb in ["approve", "show"] {
        let refused = scene.says(2, &["plan", verb, "nonsense"]);
        let told = refused.contains("neither a file that there is nor the id of a plan that waits for leave");
        assert!(told && refused.contains(&id), "{refused}");
    }
    let refused = scene.says(3, &["plan", "approve", &id, "--withdraw"]);
    assert!(refused.contains("has no leave that could be taken back"), "{refused}");
    let given = scene.says(0, &["plan", "approve", &id]);
    assert!(given.contains("has leave: copy ") && given.contains("No daemon looks after"), "{given}");
    let again = scene.says(0, &["plan", "approve", &id]);
    assert!(again.contains("has leave already"), "{again}");
    scene.says(0, &["plan", "approve", &id, "--withdraw"]);
    assert_eq!(scene.status()["approved"], json!([]));
    assert!(scene.says(0, &["history"]).contains("withdrawn by "));
    scene.says(0, &["plan", "approve", &id]);
    let status = scene.status();
    assert_eq!(status["approved"][0]["plan"], id.as_str(), "{status}");
    let shown = scene.says(0, &["status"]);
    assert!(shown.contains("has leave, given 2") && !shown.contains("it waits for leave"), "{shown}");
    assert_eq!(history(&scene)[0]["ended"], "waits");

    let acts = daemon(&scene, &folder);
    scene.wait_until("its end", |status| {
        status["approved"] == json!([]) && status["execution"].is_null() && status["proposed"].is_null()
    });
    let log = end(acts);
    assert!(log.contains("carrying out what was approved"), "{log}");
    scene.expect_clean();
    let history = history(&scene);
    assert_eq!(history.as_array().map(Vec::len), Some(1), "once: {history}");
    assert_eq!(history[0]["plan"], id.as_str(), "and no other: {history}");
    assert!(history[0]["approved"]["by"].as_str().is_some_and(|by| by.ends_with(": plan")), "{history}");
    assert!(history[0]["ended"].as_str().is_some_and(|ended| ended.starts_with("done")), "{history}");
    let name = history[0]["execution"].as_str().expect("a name");
    let events = scene.says(0, &["history", name]);
    assert!(events.contains("approved 2"), "{events}");
}

#[test]
fn a_plan_that_fits_no_more_is_void_and_another_has_no_leave() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let plan = &scene.plan_file(&folder);
    let fits = scene.says(0, &["plan", "diff", plan]);
    assert!(fits.contains("it fits: "), "{fits}");
    scene.says(0, &["plan", "approve", plan]);
    // An operator is faster, with another plan that leaves something to do.
    let faster =
        ["rebalance", "--goals", "disk-only", "--max-moves", "3", "--throttle", "500MB", "--execute"];
    scene.says(0, &faster);
    let void = scene.says(0, &["plan", "diff", plan]);
    assert!(void.contains("void, the cluster has changed"), "{void}");
    let asks = daemon(&scene, &folder);
    scene.wait_until("the end of the leave", |status| status["approved"] == json!([]));
    // What it proposes by then is another plan, and has none.
    scene.wait_until("a proposal", |status| status["proposed"].is_object());
    assert!(end(asks).contains("and void: "));
    let history = history(&scene);
    let void = history.as_array().into_iter().flatten().find(|row| row["execution"].is_null());
    let ended = void.and_then(|row| row["ended"].as_str()).expect("the leave is not forgotten");
    assert!(ended.starts_with("void: the cluster has changed"), "{ended}");
    assert_eq!(history.as_array().map(Vec::len), Some(2), "only the operator's was begun: {history}");
    let refused = scene.says(3, &["plan", "approve", plan]);
    assert!(refused.contains("the plan is void"), "{refused}");
    scene.expect_clean();
}
