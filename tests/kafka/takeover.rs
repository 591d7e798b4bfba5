//! Two evenkeels on one cluster, each with a state directory of its own as on two machines: one acts, and when it is
//! suspended, killed or told to leave, the other carries on what it left. One boot, with traffic all the while.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::cli::{Running, Screen, evenkeel};
use crate::support::lab::{Lab, Seen, Traffic, Watch};

const NEWEST: &str = "4.4.0";

/// Slow enough that a drain lasts until it is disturbed.
const SLOW: &str = "100kB";

/// Work that was left is carried on within this.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn what_one_machine_leaves_another_carries_on() {
    let lab = Lab::builder(NEWEST).start();
    lab.load_skewed();
    let traffic = Traffic::start(&lab);
    let watch = Watch::start(&lab);
    let [a, b, c] = ["a", "b", "c"].map(|name| Machine { lab: &lab, name });
    one_that_is_suspended_is_succeeded_and_sends_nothing_more(&a, &b);
    one_that_is_killed_is_succeeded_by_a_daemon_and_that_by_another(&a, &b, &c);
    watch.stop().expect_clean();
    traffic.stop().expect_clean();
}

/// A machine: what it has written down, and nothing else, is its own.
struct Machine<'a> {
    lab: &'a Lab,
    name: &'static str,
}

impl Machine<'_> {
    fn words(&self, words: &[&str]) -> Vec<String> {
        let state_dir = self.lab.file(&format!("machine-{}", self.name)).display().to_string();
        let mut all: Vec<String> = words.iter().map(ToString::to_string).collect();
        all.extend(["--bootstrap".to_owned(), self.lab.bootstrap(), "--state-dir".to_owned(), state_dir]);
        all
    }

    fn run(&self, words: &[&str]) -> Screen {
        evenkeel(&self.words(words))
    }

    fn start(&self, words: &[&str]) -> Running {
        Running::start(&self.words(words))
    }

    fn status(&self) -> Value {
        self.run(&["status", "--format", "json"]).expect_code(0).json()
    }

    /// Looks until it is so, and tells how long that took.
    fn wait_until(&self, what: &str, at_most: Duration, is_so: impl Fn(&Value) -> bool) -> Duration {
        let began = Instant::now();
        loop {
            let status = self.status();
            if is_so(&status) {
                eprintln!("takeover: {what}: after {:.1?}", began.elapsed());
                return began.elapsed();
            }
            let known = (&status["lease"], &status["execution"]);
            assert!(began.elapsed() < at_most, "waited {at_most:?} in vain for: {what}; {known:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Begins to empty a broker, and returns once a replica is on its way.
    fn drain_slowly(&self, broker: &str) -> Running {
        let words = ["remove-broker", broker, "--execute", "--yes", "--throttle", SLOW];
        let running = self.start(&words);
        self.lab.wait_until("a reassignment is on its way", Duration::from_secs(60), |seen| {
            seen.partitions.values().any(|partition| partition.replicas.len() > 3)
        });
        running
    }

    /// A daemon that has nothing to do of its own.
    fn daemon(&self) -> Running {
        let file = self.lab.file(&format!("machine-{}.toml", self.name));
        let text = format!(
            "interval = \"2s\"\nstate-dir = \"machine-{}\"\n[clusters.lab]\nbootstrap = \"{}\"\nmode = \"act\"\nload-window = \"0s\"\n\
             goals = \"quick-fix\"\nlease = \"required\"\n",
            self.name,
            self.lab.bootstrap()
        );
        std::fs::write(&file, text).expect("the lab's folder is writable");
        let state_dir = self.lab.file(&format!("machine-{}", self.name)).display().to_string();
        let words = ["run", "--config", &file.display().to_string(), "--state-dir", &state_dir];
        let daemon = Running::start(&words);
        self.wait_until("a daemon looks", Duration::from_secs(30), |status| status["daemon"].is_string());
        // By now it has listened for the holder's next sign of life.
        std::thread::sleep(Duration::from_secs(6));
        daemon
    }
}

fn holds(status: &Value, verb: &str) -> bool {
    status["lease"]["holder"].as_str().is_some_and(|holder| holder.contains(&format!("`{verb}`")))
}

fn carries_out(status: &Value, verb: &str) -> bool {
    holds(status, verb) && status["execution"]["carried_out_by"].is_string()
}

/// Nothing is on its way, no throttle stands, and the broker holds nothing.
fn expect_drained(lab: &Lab, broker: i32) {
    let seen = lab.wait_until("all replicas are in sync", Duration::from_secs(60), Seen::all_in_sync);
    let left = seen.partitions.iter().filter(|(_, partition)| partition.replicas.contains(&broker)).count();
    assert_eq!(left, 0, "broker {broker} is not empty");
    assert_eq!(lab.throttle_settings(), Vec::<String>::new(), "throttles are left");
    let listed = lab.kafka_tool("kafka-reassign-partitions", &["--list"]);
    assert!(listed.contains("No partition reassignments found"), "{listed}");
}

fn one_that_is_suspended_is_succeeded_and_sends_nothing_more(a: &Machine<'_>, b: &Machine<'_>) {
    let first = a.drain_slowly("6");
    let pid = format!("process {}", first.pid());
    let refused = b.run(&["remove-broker", "5", "--execute", "--yes"]).expect_code(3);
    eprintln!("{refused}");
    refused
        .expect_says("another evenkeel holds the lease")
        .expect_says("`remove-broker` on")
        .expect_says(&pid);
    let status = b.status();
    assert!(carries_out(&status, "remove-broker"), "{} {}", status["lease"], status["execution"]);
    b.run(&["status"]).expect_says("the lease is held by `remove-broker`");
    b.run(&["pause"]).expect_code(3).expect_says("carried out elsewhere").expect_says(&pid);

    first.signal("STOP");
    let second = b.start(&["resume", "--execute"]);
    b.wait_until("one that is suspended is succeeded", TAKEN_OVER_WITHIN, |status| {
        carries_out(status, "resume")
    });
    let since = b.status()["lease"]["since"].as_str().expect("a time").to_owned();
    first.signal("CONT");
    let told = first.wait().expect_code(1);
    eprintln!("{told}");
    told.expect_says("another evenkeel has taken over").expect_says("`resume` on");
    // It may have noted down what it was told before, and nothing that it was about to send.
    let execution = b.status()["execution"]["execution"].as_str().expect("still at work").to_owned();
    let events = a.run(&["history", &execution, "--format", "json"]).expect_code(0).json();
    let sent = |event: &&Value| event["kind"] == "command" && event["at"].as_str() > Some(since.as_str());
    let events = events.as_array().expect("events");
    assert!(events.iter().any(|event| event["kind"] == "command"), "{events:?}");
    assert_eq!(events.iter().find(sent), None, "sent after another had taken over");

    b.run(&["limits", "--throttle", "20MB"]).expect_code(0);
    eprintln!("{}", second.wait().expect_code(0));
    expect_drained(a.lab, 6);
    // Each machine learns of what the other has done.
    for machine in [a, b] {
        let status = machine.status();
        assert_eq!(status["removed_brokers"], serde_json::json!([6]), "{}", machine.name);
        assert!(status["execution"].is_null() && status["lease"].is_null(), "{status}");
    }
}

fn one_that_is_killed_is_succeeded_by_a_daemon_and_that_by_another(
    a: &Machine<'_>,
    b: &Machine<'_>,
    c: &Machine<'_>,
) {
    let first = a.drain_slowly("5");
    // A pause outlives its process, and so the drain outlasts two of them.
    a.run(&["pause"]).expect_code(0);
    let second = b.daemon();
    assert!(holds(&b.status(), "remove-broker"), "a daemon beside a holder that lives does nothing");
    first.kill();
    b.wait_until("one that is killed is succeeded", TAKEN_OVER_WITHIN, |status| carries_out(status, "run"));
    let third = c.daemon();
    second.signal("TERM");
    let left = Instant::now();
    let second = second.wait().expect_code(0);
    c.wait_until("one that leaves is succeeded", Duration::from_secs(15), |status| {
        // A lock of this machine and not only a sign of life in the topic: those are told with the verb in quotes.
        let here = status["execution"]["carried_out_by"].as_str().is_some_and(|by| !by.contains('`'));
        here && carries_out(status, "run")
    });
    eprintln!("takeover: {:.1?} after it was told to leave", left.elapsed());
    let status = c.status();
    assert_eq!(status["execution"]["paused"], true, "the pause was forgotten: {}", status["execution"]);
    c.run(&["resume"]).expect_code(0).expect_says("Going on");
    eprintln!("{second}");
    second
        .expect_says("standing by")
        .expect_says("no sign of life")
        .expect_says("carrying on what was begun");
    c.run(&["limits", "--throttle", "20MB"]).expect_code(0);
    c.wait_until("its end", Duration::from_secs(60), |status| status["execution"].is_null());
    third.signal("TERM");
    eprintln!("{}", third.wait().expect_code(0).expect_says("carrying on what was begun"));
    expect_drained(a.lab, 5);
    let status = a.status();
    assert_eq!(status["removed_brokers"], serde_json::json!([5, 6]), "{status}");
    // What is over elsewhere is in nobody's way here.
    a.run(&["elect-leaders", "--execute", "--yes"]).expect_code(0);
}
