//! A rebalance on brokers whose network is as slow as a small machine's: clients' latency stays under its objective, and most
//! of what clients leave is used.

#![expect(clippy::cast_precision_loss, reason = "bytes of a test")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::cli::{Running, evenkeel};
use crate::support::lab::{Lab, Shape, Traffic, is_inside};

const NEWEST: &str = "4.4.0";

/// What each broker can send.
const NETWORK_BYTES_PER_S: u64 = 12_000_000;

/// For the canary's records there and back, on two processors that seven JVMs share.
const OBJECTIVE_MS: f64 = 400.0;

/// The least share of what clients leave that copies use once they have come up to it.
const USED_LEAST: f64 = 0.8;

/// Kafka lets through in one second what it held back in another.
const STRETCH: Duration = Duration::from_secs(5);

#[test]
fn a_slow_network_is_used_and_clients_do_not_wait() {
    if !is_inside("shaped::a_slow_network_is_used_and_clients_do_not_wait", NEWEST) {
        return;
    }
    let lab = Lab::builder(NEWEST).slow_network().start();
    let lists: Vec<Vec<i32>> = (0..12).map(|at| [[1, 2, 3], [2, 3, 1], [3, 1, 2]][at % 3].to_vec()).collect();
    lab.add_topic("bulk", &lists, 45_000_000);
    let traffic = Traffic::start(&lab);
    let shape = lab.shape(NETWORK_BYTES_PER_S);
    let at_rest = busiest(&Sent::now(&shape), &Sent::after(&shape, STRETCH));

    let config = settings(&lab);
    let words = ["rebalance", "--execute", "--yes", "-v", "--cluster", "lab", "--config", &config];
    let mut running = Running::start(&words);
    let (mut sent, mut p99s_ms) = (Vec::new(), Vec::new());
    while !running.has_ended() {
        sent.push(Sent::after(&shape, Duration::from_secs(1)));
        p99s_ms.extend(canary_p99_ms(&config));
    }
    let screen = running.wait();
    eprintln!("{screen}");
    screen.expect_code(0);
    let all = mostly_sent(&sent);
    let used = (all - at_rest) / (NETWORK_BYTES_PER_S as f64 - at_rest);
    let worst_ms = p99s_ms.iter().copied().fold(0.0, f64::max);
    eprintln!(
        "shaped: a broker sends {:.1} MB/s at most, {:.1} at rest and {:.1} while copies are long under way: {used:.2} of the \
         headroom; the canary's p99 over half a minute is {worst_ms:.0} ms at most, of {OBJECTIVE_MS}, in {} looks",
        NETWORK_BYTES_PER_S as f64 / 1e6,
        at_rest / 1e6,
        all / 1e6,
        p99s_ms.len()
    );
    traffic.stop().expect_clean();
    assert!(p99s_ms.len() > 5, "the canary was seen {} times", p99s_ms.len());
    assert!(worst_ms < OBJECTIVE_MS, "clients waited: {p99s_ms:?}");
    assert!(used >= USED_LEAST, "{used:.2} of the headroom were used");
}

/// What each broker had sent at a moment.
struct Sent {
    at: Instant,
    bytes: BTreeMap<i32, u64>,
}

impl Sent {
    fn now(shape: &Shape) -> Self {
        Self { at: Instant::now(), bytes: shape.sent_bytes() }
    }

    fn after(shape: &Shape, wait: Duration) -> Self {
        std::thread::sleep(wait);
        Self::now(shape)
    }

    fn total(&self) -> u64 {
        self.bytes.values().sum()
    }
}

/// What the broker that sent most has sent between two moments, in bytes per second.
fn busiest(first: &Sent, last: &Sent) -> f64 {
    let most = last.bytes.iter().map(|(id, bytes)| bytes - first.bytes[id]).max();
    most.expect("there are brokers") as f64 / (last.at - first.at).as_secs_f64()
}

/// What the busiest broker sends in most stretches of some five seconds while copies are long under way: they have come up to
/// their rate and do not run out yet, and what begins and ends meanwhile is a small part, as it is with copies of gigabytes.
fn mostly_sent(sent: &[Sent]) -> f64 {
    let [first, .., last] = sent else { panic!("{} looks are no measure", sent.len()) };
    let (start, all) = (first.total(), last.total() - first.total());
    let until = |percent: u64| sent.partition_point(|look| look.total() - start < all * percent / 100);
    let long = &sent[until(25)..until(85)];
    let after = |from: &Sent| long.iter().find(|to| to.at - from.at >= STRETCH).map(|to| busiest(from, to));
    let mut rates: Vec<f64> = long.iter().filter_map(after).collect();
    assert!(rates.len() > 3, "{} stretches are no measure", rates.len());
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn settings(lab: &Lab) -> String {
    let file = lab.file("shaped.toml");
    let text = format!(
        "state-dir = \"state\"\n[clusters.lab]\nbootstrap = \"{}\"\ngoals = \"disk-only\"\n\
         capacity.network-out = \"{}MB/s\"\ncapacity.network-in = \"1GB/s\"\n\
         [clusters.lab.execution]\nlatency-objective = \"{OBJECTIVE_MS}ms\"\nadjust-interval = \"1s\"\n",
        lab.bootstrap(),
        NETWORK_BYTES_PER_S / 1_000_000
    );
    std::fs::write(&file, text).expect("the lab's folder is writable");
    file.display().to_string()
}

/// What the canary measured, as `status` tells it.
fn canary_p99_ms(config: &str) -> Option<f64> {
    let words = ["status", "--cluster", "lab", "--config", config, "--format", "json"];
    let status = evenkeel(&words).expect_code(0).json();
    status["execution"]["canary"]["p99_ms"].as_f64()
}
