//! `evenkeel check` on a simulated cluster, with and without metrics, and where there is no way in.

use std::fs;

use serde_json::Value;

use crate::scene::{Scene, json, said};

/// The verdict of a step.
fn verdict<'a>(checkup: &'a Value, name: &str) -> &'a str {
    let steps = checkup["steps"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["name"] == name);
    step.and_then(|step| step["verdict"].as_str()).unwrap_or_else(|| panic!("no {name} in {checkup:#}"))
}

fn goal<'a>(checkup: &'a Value, name: &str) -> &'a Value {
    let goals = checkup["goals"].as_array().expect("goals");
    goals.iter().find(|goal| goal["goal"] == name).unwrap_or_else(|| panic!("no {name} in {checkup:#}"))
}

#[test]
fn a_cluster_without_metrics_is_ready_and_says_what_waits() {
    let scene = Scene::new();
    let output = scene.evenkeel(&["check", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let checkup = json(&output);
    for (step, expected) in [
        ("connection", "ok"),
        ("tls", "not-needed"),
        ("sasl", "not-needed"),
        ("brokers", "ok"),
        ("clocks", "not-needed"),
        ("rights for a dry run", "ok"),
        ("rights to execute", "ok"),
        ("topics", "ok"),
        ("metrics", "not-needed"),
        ("canary", "not-needed"),
    ] {
        assert_eq!(verdict(&checkup, step), expected, "{step} in {checkup:#}");
    }
    // The simulated brokers take no transactions.
    assert_eq!(verdict(&checkup, "lease"), "warning", "{checkup:#}");
    assert_eq!(goal(&checkup, "disk-balance")["ready"], true, "{checkup:#}");
    assert_eq!(goal(&checkup, "cpu-balance")["ready"], false, "{checkup:#}");
    assert_eq!(checkup["conclusion"]["state"], "ready");
    let text = scene.says(0, &["check", "--mode", "act"]);
    for words in ["connection: ok", "rights to execute: ok", "not ready", "Ready to propose and to carry out"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[test]
fn metrics_endpoints_are_told_one_by_one() {
    let scene = Scene::new();
    let (there, nowhere) = (scene.metrics_endpoint(), "http://127.0.0.1:1/{id}");
    let output =
        scene.evenkeel(&["check", "--format", "json", "--metrics-url", &there, "--metrics-url", nowhere]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let checkup = json(&output);
    assert_eq!(verdict(&checkup, "metrics"), "warning", "{checkup:#}");
    let steps = checkup["steps"].as_array().expect("steps");
    let metrics = steps.iter().find(|step| step["name"] == "metrics").expect("the step");
    let seen: Vec<&str> =
        metrics["seen"].as_array().expect("lines").iter().filter_map(Value::as_str).collect();
    assert_eq!(seen.iter().filter(|line| line.contains("lines of use")).count(), 6, "{seen:#?}");
    assert_eq!(seen.iter().filter(|line| line.contains("http://127.0.0.1:1/")).count(), 6, "{seen:#?}");
}

#[test]
fn where_there_is_no_way_in_the_step_that_failed_is_named() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |words: &[&str]| {
        let mut running = vec!["check", "--format", "json"];
        running.extend(words);
        scene.spawn(&running).wait()
    };
    let nowhere = run(&["--bootstrap", "127.0.0.1:1,no-such-host.invalid:9092"]);
    assert_eq!(nowhere.status.code(), Some(4), "{}", said(&nowhere));
    let checkup = json(&nowhere);
    assert_eq!(verdict(&checkup, "connection"), "fails");
    for later in ["brokers", "versions", "rights for a dry run", "topics", "metrics", "lease"] {
        let verdict = verdict(&checkup, later);
        assert!(
            verdict == "not-tried" || (later == "metrics" && verdict == "not-needed"),
            "{later}: {verdict}"
        );
    }
    assert_eq!(checkup["conclusion"]["state"], "out-of-reach");
    let words = checkup.to_string();
    assert!(words.contains("cannot be resolved") && words.contains("refused"), "{words}");

    // The simulated brokers speak neither TLS nor SASL.
    for (properties, step, says) in [
        ("security.protocol=SSL\n", "tls", "speaks no TLS"),
        (
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=u\nsasl.password=hunter2\n",
            "sasl",
            "",
        ),
    ] {
        let file = folder.path().join("client.properties");
        fs::write(&file, properties).expect("writable");
        let file = file.display().to_string();
        let output = run(&["--bootstrap", &scene.first_address(), "--kafka-config", &file]);
        assert_eq!(output.status.code(), Some(4), "{}", said(&output));
        let checkup = json(&output);
        assert_eq!(verdict(&checkup, "connection"), "ok", "{checkup:#}");
        assert_eq!(verdict(&checkup, step), "fails", "{checkup:#}");
        assert!(checkup.to_string().contains(says), "{checkup:#}");
        assert!(!said(&output).contains("hunter2"));
    }
    // A broker that is down is no fault of the way in that there is.
    let missing = run(&["--bootstrap", &format!("127.0.0.1:1,{}", scene.first_address())]);
    assert_eq!(missing.status.code(), Some(0), "{}", said(&missing));
    assert_eq!(verdict(&json(&missing), "connection"), "warning");
}
