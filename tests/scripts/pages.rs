//! The daemon's own pages: a scrape over TCP of a daemon that looks after a simulated cluster.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use evenkeel::base::{Bytes, TimestampMs, TopicName};
use evenkeel::control::{Entry, Journal as _, Record};
use evenkeel::edge::store::{ClusterDir, Holder, Lock, Role, SqliteJournal};
use evenkeel::observe::TopicSizes;
use prometheus_parse::{Scrape, Value};

use crate::scene::{Scene, json, said, spec};

/// A daemon whose pages can be asked for. Dropping it kills it.
pub struct Daemon {
    child: Child,
    address: SocketAddr,
    _settings: tempfile::TempDir,
}

impl Daemon {
    /// Starts one that listens on any free port, and reads from its log which.
    pub fn start(scene: &Scene, text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let settings = folder.path().join("evenkeel.toml");
        std::fs::write(&settings, format!("metrics-listen = \"127.0.0.1:0\"\ninterval = \"1s\"\n{text}"))
            .expect("the settings can be written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args(["run", "--config"])
            .arg(&settings)
            .env("EVENKEEL_STATE_DIR", scene.state_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        let mut log = BufReader::new(child.stderr.take().expect("a log")).lines();
        let address = log.by_ref().find_map(|line| {
            let line = line.expect("the log is text");
            let (_, address) = line.split_once("metrics are at http://")?;
            address.trim().strip_suffix("/metrics").and_then(|address| address.parse().ok())
        });
        // Whoever writes into a pipe that nobody reads stands still.
        std::thread::spawn(move || log.for_each(drop));
        Self { child, address: address.expect("the log names the port"), _settings: folder }
    }

    /// Status and body of a page.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).expect("it can be asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        if path == "/metrics" {
            let kind = "content-type: text/plain; version=0.0.4; charset=utf-8";
            assert!(head.to_lowercase().contains(kind), "{head}");
        }
        (status, body.to_owned())
    }

    /// One scrape, by name and labels; each must be there once.
    fn scrape(&self) -> BTreeMap<String, f64> {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, 200, "{body}");
        let scrape = Scrape::parse(body.lines().map(|line| Ok(line.to_owned()))).expect("it can be read");
        let mut all = BTreeMap::new();
        for sample in scrape.samples {
            let labels: BTreeMap<&String, &String> = sample.labels.iter().collect();
            let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let name = format!("{}{{{}}}", sample.metric, labels.join(","));
            let (Value::Gauge(value) | Value::Counter(value)) = sample.value else {
                panic!("{name} is {:?}", sample.value)
            };
            assert_eq!(all.insert(name.clone(), value), None, "{name} is there twice");
        }
        all
    }

    /// Scrapes until it is as it should be.
    pub fn wait_until(
        &self,
        what: &str,
        is_so: impl Fn(&BTreeMap<String, f64>) -> bool,
    ) -> BTreeMap<String, f64> {
        let began = Instant::now();
        loop {
            let scrape = self.scrape();
            if is_so(&scrape) {
                return scrape;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{what} does not come: {scrape:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn cluster(scene: &Scene, name: &str, mode: &str, throttle: &str) -> String {
    format!(
        "[clusters.{name}]\nbootstrap = \"{}\"\nmode = \"{mode}\"\nload-window = \"0s\"\ngoals = \"disk-only\"\n\
         execution.throttle = \"{throttle}\"\n",
        scene.first_address()
    )
}

#[test]
fn a_scrape_tells_what_is_seen_proposed_and_carried_out() {
    let scene = Scene::new();
    let daemon = Daemon::start(&scene, &cluster(&scene, "sim", "act", "2MB"));
    let of = |scrape: &BTreeMap<String, f64>, name: &str| scrape.get(&format!("evenkeel_{name}")).copied();
    let running = "execution_running{cluster=sim}";
    let moving = daemon.wait_until("an execution that copies", |scrape| {
        of(scrape, running) == Some(1.0)
            && of(scrape, "execution_steps{cluster=sim,state=in-flight}") > Some(0.0)
            && of(scrape, "broker_throttle_bytes_per_second{broker=0,cluster=sim,direction=leader}").is_some()
    });
    assert_eq!(daemon.get("/readyz"), (200, "ok\n".to_owned()));
    assert_eq!(daemon.get("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(daemon.get("/elsewhere").0, 404);
    let version = format!("build_info{{version={}}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(of(&moving, &version), Some(1.0));
    assert_eq!(of(&moving, "mode_info{cluster=sim,mode=act}"), Some(1.0));
    assert!(of(&moving, "observation_age_seconds{cluster=sim}") < Some(60.0), "{moving:#?}");
    assert_eq!(of(&moving, "observation_gaps{cluster=sim,kind=topics}"), Some(0.0));
    assert_eq!(of(&moving, "broker_up{broker=5,cluster=sim}"), Some(1.0));
    // Twenty gigabytes of a hundred, and two thirds of that for copies.
    let full = of(&moving, "broker_disk_used_ratio{broker=0,cluster=sim}").expect("broker 0");
    assert!((0.15..0.25).contains(&full), "{full}");
    assert_eq!(of(&moving, "broker_disk_size_bytes{broker=0,cluster=sim}"), Some(1e11));
    assert_eq!(
        of(&moving, "broker_throttle_bytes_per_second{broker=0,cluster=sim,direction=leader}"),
        Some(2e6)
    );
    assert_eq!(of(&moving, "execution_paused{cluster=sim}"), Some(0.0));
    let (copied, left) = (
        of(&moving, "execution_copied_bytes{cluster=sim}").expect("bytes"),
        of(&moving, "execution_remaining_bytes{cluster=sim}").expect("bytes"),
    );
    assert!(copied + left > 1e9 && left > 0.0, "{copied} {left}");
    assert_eq!(of(&moving, "proposal_outcome{cluster=sim,outcome=begun}"), Some(1.0));
    assert!(of(&moving, "goals_met_ratio{cluster=sim}") < Some(1.0), "{moving:#?}");
    assert_eq!(of(&moving, "lease_held{cluster=sim}"), Some(0.0), "the simulated cluster gives none");
    assert_eq!(of(&moving, "canary_latency_seconds{cluster=sim,quantile=0.5}"), None, "there is no canary");

    // What an operator does shows too.
    scene.says(0, &["pause"]);
    daemon.wait_until("the pause", |scrape| of(scrape, "execution_paused{cluster=sim}") == Some(1.0));
    scene.says(0, &["limits", "--throttle", "500MB"]);
    scene.says(0, &["resume"]);
    let level = daemon.wait_until("its end", |scrape| {
        of(scrape, running) == Some(0.0)
            && of(scrape, "proposal_outcome{cluster=sim,outcome=level}") == Some(1.0)
    });
    assert_eq!(of(&level, "executions_total{cluster=sim,end=done}"), Some(1.0));
    assert_eq!(of(&level, "goals_met_ratio{cluster=sim}"), Some(1.0));
    assert_eq!(of(&level, "execution_remaining_bytes{cluster=sim}"), None);
    assert!(!level.keys().any(|name| name.starts_with("evenkeel_broker_throttle")), "{level:#?}");
    assert_eq!(of(&level, "errors_total{cluster=sim,kind=command}"), Some(0.0));
}

/// Writes down what a daemon that has run for four days would have, of topics: what they hold now, and by how much that has
/// grown each hour.
fn remember_four_days(scene: &Scene, topics: &[(&str, u64, u64)]) {
    let status = scene.status();
    let dir = ClusterDir::of(scene.state_dir(), status["cluster_id"].as_str());
    let now: TimestampMs = status["taken_at"].as_str().expect("a time").parse().expect("a time");
    let by = Holder { pid: std::process::id(), by: "a test".to_owned(), since: now, troubles: Vec::new() };
    let lock = Lock::take(&dir, Role::Act, &by).expect("nobody acts");
    let (mut journal, _) = SqliteJournal::open(&dir, lock).expect("it can be made");
    let entry = |hours: u64| {
        let at = TimestampMs(now.0 - hours * 3_600_000);
        let then =
            |(name, now, an_hour): &(&str, u64, u64)| (TopicName::from(*name), Bytes(now - hours * an_hour));
        let topics = topics.iter().map(then).collect();
        let sizes = Box::new(TopicSizes { at, topics, others: Bytes::ZERO });
        Entry { at_ms: at.0, record: Record::Sizes { sizes } }
    };
    journal.append(&(1..=48).rev().map(|steps| entry(steps * 2)).collect::<Vec<_>>()).expect("it is written");
}

#[test]
fn a_disk_that_grows_is_told_in_days() {
    let scene = Scene::new();
    remember_four_days(&scene, &[("orders", 24_000_000_000, 250_000_000)]);
    let daemon = Daemon::start(&scene, &cluster(&scene, "sim", "watch", "none"));
    // Broker 0 holds 20 of the 24 GB; 60 GB are left to its limit of 80 %.
    let name = "evenkeel_disk_limit_in_seconds{broker=0,cluster=sim,estimate=likely,scope=broker}";
    let told = daemon.wait_until("the forecast", |scrape| scrape.contains_key(name));
    let days = told[name] / 86_400.0;
    assert!((11.8..=12.2).contains(&days), "{days}");
    let grows = told["evenkeel_disk_growth_bytes_per_second{cluster=sim,rack=az-0,scope=rack}"] * 86_400.0;
    assert!((5.9e9..=6.1e9).contains(&grows), "{grows}");
    let status = scene.says(0, &["status"]);
    assert!(
        status.contains("Disks to come") && status.contains("the limit is 80 % of each disk"),
        "{status}"
    );
    let row = status.lines().find(|line| line.trim_start().starts_with("broker 0 ")).expect("its row");
    assert!(row.contains("12 days") && row.contains("5.00 GB"), "{status}");
    let proposal = scene.says(0, &["propose", "--goals", "disk-only"]);
    assert!(proposal.contains("passes its disk limit in 12 days"), "{proposal}");
}

#[test]
fn plans_look_ahead_where_it_is_known_how_topics_grow() {
    let scene = Scene::of(&spec(&[("still", 6, 6), ("grows", 0, 6)]));
    let words = ["propose", "--goals", "disk-only", "--plan-for", "7d"];
    let refused = scene.says(3, &words);
    assert!(refused.contains("how large topics will be in 7 days is not known yet"), "{refused}");
    // Each holds 6 GB; in a week one of them holds 13.
    remember_four_days(&scene, &[("still", 6_000_000_000, 0), ("grows", 6_000_000_000, 1_000_000_000 / 24)]);
    let today = scene.says(0, &["propose", "--goals", "disk-only"]);
    assert!(today.contains("There is nothing to do"), "{today}");
    let ahead = scene.says(0, &words);
    assert!(ahead.contains("grows-") && !ahead.contains("There is nothing to do"), "{ahead}");
    assert!(ahead.contains("Levelled for the sizes of topics in 7 days, at their growth since"), "{ahead}");
    // What it costs is told in bytes of today.
    let plan = json(&scene.evenkeel(&[&words[..], &["--format", "json"]].concat()));
    let moves = plan["price"]["replica_moves"].as_u64().expect("moves");
    assert_eq!(plan["price"]["bytes"].as_u64(), Some(moves * 1_000_000_000), "{plan:#}");
}

#[test]
fn clusters_have_their_own_label_and_one_out_of_reach_is_told() {
    let scene = Scene::new();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    let nobody = free.local_addr().expect("it has an address");
    drop(free);
    let text = cluster(&scene, "here", "watch", "none")
        + &format!("[clusters.gone]\nbootstrap = \"{nobody}\"\nmode = \"watch\"\nload-window = \"0s\"\n");
    let daemon = Daemon::start(&scene, &text);
    let scrape = daemon.wait_until("both", |scrape| {
        scrape.contains_key("evenkeel_broker_up{broker=0,cluster=here}")
            && scrape["evenkeel_errors_total{cluster=gone,kind=look}"] > 0.0
    });
    assert!(!scrape.contains_key("evenkeel_observation_age_seconds{cluster=gone}"), "it was never seen");
    assert_eq!(scrape.get("evenkeel_errors_total{cluster=here,kind=look}"), Some(&0.0));
    let (status, body) = daemon.get("/readyz");
    assert_eq!((status, body.as_str()), (503, "gone: the last look failed; the log says why\n"));
    assert_eq!(daemon.get("/healthz").0, 200, "a restart would not mend it");
}

#[test]
fn a_port_that_is_taken_is_an_error_at_the_start() {
    let scene = Scene::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    let address = taken.local_addr().expect("it has an address");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let settings = folder.path().join("evenkeel.toml");
    let text = format!("metrics-listen = \"{address}\"\n{}", cluster(&scene, "sim", "watch", "none"));
    std::fs::write(&settings, text).expect("the settings can be written");
    let settings = settings.to_str().expect("the path is UTF-8");
    let refused = scene.spawn(&["run", "--config", settings]).wait();
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(
        said(&refused).contains(&format!("metrics-listen: cannot listen on {address}: ")),
        "{}",
        said(&refused)
    );
    // A single look serves nothing, and so needs no port.
    let once = scene.spawn(&["run", "--once", "--config", settings]).wait();
    assert_eq!(once.status.code(), Some(0), "{}", said(&once));
}
