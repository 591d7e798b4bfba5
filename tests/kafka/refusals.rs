//! Requests that must be refused, with a clear reason, and must change nothing.

use std::fs;

use crate::story::{State, on};
use crate::support::cli::evenkeel;
use crate::support::lab::{Lab, Seen};
use crate::{on_the_newest_at_least, story};

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).start();
        lab.load_skewed();
        let before = State::of(&lab);
        nobody_at_the_address(&lab);
        brokers_that_do_not_exist(&lab);
        removals_that_cannot_hold(&lab);
        files_that_are_wrong(&lab);
        before.expect_unchanged(&lab);
        a_plan_for_a_cluster_that_has_changed(&lab);
    });
}

fn nobody_at_the_address(lab: &Lab) {
    let address = lab.nobodys_address();
    evenkeel(&["rebalance", "--execute", "--yes", "--bootstrap", &address])
        .expect_code(4)
        .expect_says(&address);
    evenkeel(&["snapshot", "--bootstrap", "no-such-host.invalid:9092"])
        .expect_code(4)
        .expect_says("no-such-host");
}

fn brokers_that_do_not_exist(lab: &Lab) {
    for verb in ["remove-broker", "add-broker"] {
        on(lab, &[verb, "99", "--execute", "--yes"]).expect_code(3).expect_says("broker 99");
    }
    on(lab, &["propose", "--remove-broker", "99"]).expect_code(3).expect_says("broker 99");
}

fn removals_that_cannot_hold(lab: &Lab) {
    on(lab, &["remove-broker", "3,6", "--execute", "--yes"]).expect_code(3).expect_says("rack");
    on(lab, &["remove-broker", "2,3,5,6", "--execute", "--yes"]).expect_code(3).expect_says("replica");
    let config = lab.file("small-disks.toml");
    let bootstrap = lab.bootstrap();
    let text = format!("[clusters.lab]\nbootstrap = \"{bootstrap}\"\ncapacity.disk = \"30MB\"\n");
    fs::write(&config, text).expect("the lab's folder is writable");
    let path = config.display().to_string();
    let words = ["remove-broker", "6", "--execute", "--yes", "--cluster", "lab", "--config", &path];
    evenkeel(&words).expect_code(3).expect_says("disk");
}

fn files_that_are_wrong(lab: &Lab) {
    let write = |name: &str, text: &str| {
        let file = lab.file(name);
        fs::write(&file, text).expect("the lab's folder is writable");
        file.display().to_string()
    };
    let snapshot = r#"{"format": "evenkeel-snapshot/1", "brokers": [{"id": 1}], "topics": [
        {"name": "t", "partitions": [{"id": 0, "replicas": [1, 99]}]}]}"#;
    let file = write("bad-snapshot.json", snapshot);
    evenkeel(&["propose", "--snapshot", &file])
        .expect_code(2)
        .expect_says("topics[0].partitions[0].replicas[1]");
    let file = write("no-snapshot.json", "{\"format\": ");
    evenkeel(&["propose", "--snapshot", &file]).expect_code(2).expect_says(&file);

    let goals = write("bad-goals.toml", "[[goal]]\nname = \"x\"\nrule = \"spraed\"\n");
    on(lab, &["rebalance", "--execute", "--yes", "--goals", &goals]).expect_code(2).expect_says(&goals);

    let text = format!("[clusters.lab]\nbootstrp = \"{}\"\n", lab.bootstrap());
    let config = write("bad-config.toml", &text);
    let words = ["rebalance", "--execute", "--yes", "--cluster", "lab", "--config", &config];
    evenkeel(&words).expect_code(2).expect_says("bootstrp").expect_says("did you mean `bootstrap`");
    let config = write("no-config.toml", "[clusters.lab\n");
    let words = ["rebalance", "--execute", "--yes", "--cluster", "lab", "--config", &config];
    evenkeel(&words).expect_code(2).expect_says(&config);

    let client = write("bad-client.properties", "security.protocl=PLAINTEXT\n");
    on(lab, &["rebalance", "--execute", "--yes", "--kafka-config", &client])
        .expect_code(2)
        .expect_says("security.protocol");
}

/// A partition that a plan moves, with its replicas on the other broker of each rack: brokers 1 to 3 stand in the racks
/// of brokers 4 to 6.
fn moved_elsewhere(plan: &str) -> (String, i32, Vec<i32>) {
    let text = fs::read_to_string(plan).expect("the plan was written");
    let plan: serde_json::Value = serde_json::from_str(&text).expect("a plan is JSON");
    let waves = plan["waves"].as_array().expect("waves").iter();
    let mut steps = waves.flat_map(|wave| wave["steps"].as_array().expect("steps"));
    let step = steps.find(|step| step["kind"] == "move").expect("a skewed lab has something to move");
    let other = |broker: &serde_json::Value| match broker.as_i64().expect("a broker id") {
        id @ ..=3 => i32::try_from(id + 3).expect("a small number"),
        id => i32::try_from(id - 3).expect("a small number"),
    };
    let replicas = step["from"].as_array().expect("a list").iter().map(other).collect();
    let partition = step["partition"]["partition"].as_i64().expect("an index");
    let topic = step["partition"]["topic"].as_str().expect("a name").to_owned();
    (topic, i32::try_from(partition).expect("a small number"), replicas)
}

fn a_plan_for_a_cluster_that_has_changed(lab: &Lab) {
    let plan = lab.file("plan.json").display().to_string();
    on(lab, &["propose", "--format", "json", "-o", &plan]).expect_code(0);
    let moved = lab.reassignment_file("one.json", &[moved_elsewhere(&plan)]);
    lab.reassign(&moved);
    let before = State::of(lab);
    on(lab, &["apply", &plan, "--execute", "--yes"]).expect_code(3).expect_says("changed");
    before.expect_unchanged(lab);

    // A fresh plan is not refused: the same door lets it through.
    on(lab, &["propose", "--format", "json", "-o", &plan]).expect_code(0);
    on(lab, &["apply", &plan, "--execute", "--yes"]).expect_code(0);
    lab.wait_until("all replicas are in sync", std::time::Duration::from_secs(30), Seen::all_in_sync);
    let unevenness = lab.disk_unevenness();
    assert!(unevenness <= story::BAND, "{unevenness:.3} off the mean: {:?}", lab.disk_bytes());
}
