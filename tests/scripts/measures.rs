//! `evenkeel report`: what it measures depends on the machine, so that its numbers are read and not its screen.

use std::process::Command;

use serde_json::Value;

fn report(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .arg("report")
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the binary can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("stdout is UTF-8")
}

const FILES: [&str; 2] = ["fixtures/snapshots/skewed-6.json", "fixtures/snapshots/level-3.json"];

#[test]
fn one_object_for_each_snapshot() {
    let rows: Value =
        serde_json::from_str(&report(&[FILES[0], FILES[1], "--goals", "disk-only", "--format", "json"]))
            .expect("stdout is JSON");
    let rows = rows.as_array().expect("a list");
    assert_eq!(rows.len(), 2);
    let stages: Vec<&str> = rows[0]["stages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|stage| stage["stage"].as_str())
        .collect();
    assert_eq!(stages, ["read", "model", "solve", "plan", "judge", "check certificate"]);
    let skewed = &rows[0]["measured"];
    assert_eq!(skewed["violated_before"], serde_json::json!(["disk-balance"]));
    let disk = &skewed["utilisation"]["disk"];
    assert!(disk["deviation_after"].as_f64() < disk["deviation_before"].as_f64(), "{disk}");
    assert!(skewed["bytes"].as_u64() >= skewed["bytes_lower_bound"].as_u64(), "{skewed}");
    assert_eq!(rows[1]["measured"]["bytes"], 0, "a level cluster needs nothing");
}

#[test]
fn one_table_for_each_snapshot() {
    let text = report(&[FILES[0], FILES[1], "--goals", "disk-only"]);
    for words in ["skewed-6.json\n", "level-3.json\n", "peak memory", "bytes to move", "Utilisation in %"] {
        assert!(text.contains(words), "`{words}` is missing:\n{text}");
    }
}
