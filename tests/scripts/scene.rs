//! A simulated cluster that speaks Kafka's protocol, an operator in front of it, and a place for their journal.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use evenkeel::edge::sim::{BrokerSpec, SimCluster, SimServer, SimSpec, TopicSpec};
use serde_json::Value;

/// Simulated time runs fast enough for an execution to take seconds, and slow enough for the executor's patience,
/// which goes by the wall clock.
const SPEED: f64 = 200.0;

/// Six brokers in three racks, and topics by name: how many of their partitions stand on the first three, and how many there
/// are. Each has a gigabyte.
pub fn spec(topics: &[(&str, usize, usize)]) -> SimSpec {
    let mut spec = SimSpec::new(3);
    spec.brokers = (0..6)
        .map(|id| BrokerSpec::new(id, &format!("az-{}", id % 3), 100_000_000_000, 1_250_000_000))
        .collect();
    let topic = |(name, low, all): &(&str, usize, usize)| {
        let mut topic = TopicSpec::new(name);
        for at in 0..*all {
            let mut replicas = if at < *low { [0, 1, 2] } else { [3, 4, 5] };
            replicas.rotate_left(at % 3);
            topic = topic.with_partition(&replicas, 1_000_000_000);
        }
        topic
    };
    spec.topics = topics.iter().map(topic).collect();
    spec
}

/// Runs a command to its end.
pub fn evenkeel(state_dir: &Path, bootstrap: &str, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .env("EVENKEEL_LOAD_WINDOW", "0s")
        .args(words)
        .args(["--bootstrap", bootstrap])
        .env("EVENKEEL_STATE_DIR", state_dir)
        .output()
        .expect("the binary can be started")
}

/// All that it said.
pub fn said(output: &Output) -> String {
    format!(
        "exit {:?}\n{}\n{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Its result as JSON.
pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

/// A cluster of its own, with a state directory of its own.
pub struct Scene {
    server: SimServer,
    state: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Self {
        Self::of(&spec(&[("orders", 20, 24)]))
    }

    /// A cluster that is like this.
    pub fn of(spec: &SimSpec) -> Self {
        let cluster = SimCluster::new(spec).expect("the cluster is right");
        let server = SimServer::start(cluster, SPEED).expect("loopback ports can be had");
        Self { server, state: tempfile::tempdir().expect("a folder can be made") }
    }

    /// One broker's address.
    pub fn first_address(&self) -> String {
        self.server.bootstrap().split(',').next().expect("there are brokers").to_owned()
    }

    /// Where the brokers' metrics pages are.
    pub fn metrics_endpoint(&self) -> String {
        self.server.metrics_endpoint()
    }

    /// Where the journal is kept.
    pub fn state_dir(&self) -> &Path {
        self.state.path()
    }

    /// Runs a command to its end.
    pub fn evenkeel(&self, words: &[&str]) -> Output {
        evenkeel(self.state.path(), &self.first_address(), words)
    }

    /// Runs a command that has to end with this code. Returns all that it said.
    pub fn says(&self, code: i32, words: &[&str]) -> String {
        let output = self.evenkeel(words);
        assert_eq!(output.status.code(), Some(code), "evenkeel {words:?}: {}", said(&output));
        said(&output)
    }

    /// What `evenkeel status` tells.
    pub fn status(&self) -> Value {
        json(&self.evenkeel(&["status", "--format", "json"]))
    }

    /// A plan that levels disks, in a file of this folder. Returns its path.
    pub fn plan_file(&self, folder: &tempfile::TempDir) -> String {
        let path = folder.path().join("plan.json");
        let path = path.to_str().expect("the path is UTF-8").to_owned();
        self.says(0, &["propose", "--goals", "disk-only", "--format", "json", "-o", &path]);
        path
    }

    /// Starts a command. Dropping what is returned kills it.
    pub fn start(&self, words: &[&str]) -> Running {
        self.spawn(&[words, &["--bootstrap", &self.first_address()]].concat())
    }

    /// Starts a command without naming the cluster.
    pub fn spawn(&self, words: &[&str]) -> Running {
        let child = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .env("EVENKEEL_LOAD_WINDOW", "0s")
            .args(words)
            .env("EVENKEEL_STATE_DIR", self.state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Running(Some(child.expect("the binary can be started")))
    }

    /// Looks at the status until it is as it should be.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.status();
            if is_so(&status) {
                return status;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{what} does not come: {status}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Ends the test unless nothing is under way, out of sync or throttled any more.
    pub fn expect_clean(&self) {
        let status =
            self.wait_until("a cluster in sync", |status| status["unhealthy"] == serde_json::json!([]));
        assert_eq!(status["throttles"], serde_json::json!([]), "no throttle is left: {status}");
        assert_eq!(status["reassignments"], serde_json::json!([]), "nothing is in flight: {status}");
        assert_eq!(status["execution"], Value::Null, "nothing is unfinished: {status}");
    }
}

/// A command at work. Dropping it kills it.
pub struct Running(Option<Child>);

impl Running {
    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let child = self.0.as_ref().expect("it runs");
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "kill", name, &child.id().to_string()])
            .status();
        assert!(sent.expect("sh starts").success(), "it was gone before the signal came");
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Output {
        let child = self.0.take().expect("it runs");
        child.wait_with_output().expect("it can be waited for")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
