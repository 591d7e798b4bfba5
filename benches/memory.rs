//! What a daemon remembers of a cluster of a million replicas (333,334 partitions in 10,000 topics, replication factor 3): a day of
//! windows of loads, an hour of what was written to each log, two weeks of sizes. It should stay under 1 GiB, also after a
//! restart: `cargo bench --bench memory` prints the resident set as Linux tells it, and ends with 1 where it is more.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::process::{Command, ExitCode, Stdio};

use evenkeel::base::{BrokerId, Bytes, BytesPerS, Cores, TimestampMs, TopicName, TopicPartition};
use evenkeel::observe::{
    LoadWindow, LoadWindows, LogSpan, Observation, Partition, PartitionLoad, Replica, SeenBroker, SeenTopic,
    SizeHistory, TopicSizes, WriteMeter,
};

const PARTITIONS: usize = 333_334;
const TOPICS: usize = 10_000;
const BROKERS: usize = 300;

/// What all of it may take.
const MOST_MIB: f64 = 1_024.0;

const MINUTE_MS: u64 = 60_000;

/// The argument with which this program calls itself.
const RESTARTED: &str = "restarted";

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == RESTARTED) {
        return take_back();
    }
    let mut seen = cluster();
    let before = resident_mib();
    println!("the cluster itself: {before:.0} MiB resident");

    let mut windows = LoadWindows::default();
    let mut kept: Vec<String> = Vec::new();
    let mut meter = WriteMeter::default();
    let mut sizes = SizeHistory::default();
    let spans: BTreeMap<TopicPartition, LogSpan> =
        seen.partitions().map(|(which, ..)| (which, LogSpan { start: 0, end: 1 })).collect();
    let ours = resident_mib();
    // A look each five minutes, for a day and an open window.
    for look in 0..(24 * 12 + 2) {
        seen.taken_at = TimestampMs(look * 5 * MINUTE_MS);
        grow(&mut seen);
        meter.look(&mut seen, &spans);
        if let Some(closed) = windows.look(&mut seen)
            && kept.is_empty()
        {
            kept.push(serde_json::to_string(&closed).expect("a window serializes"));
        }
    }
    let day = resident_mib();
    println!("a day of windows and an hour of logs: {:.0} MiB", day - ours);
    for look in 200..368 {
        seen.taken_at = TimestampMs(look * 120 * MINUTE_MS);
        sizes.take(TopicSizes::of(&seen).expect("all sizes are known"));
    }
    let all = resident_mib() - ours;
    println!("two weeks of sizes: {:.0} MiB", resident_mib() - day);
    println!("together: {all:.0} MiB; {MOST_MIB:.0} are allowed");

    let again = restarted(&kept[0]);
    assert_eq!(sizes.len(), 168);
    println!("at the peak: {:.0} MiB resident, the cluster and this bench's own included", mib("VmHWM"));
    if all < MOST_MIB && again < MOST_MIB { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the windows of a day take in a process of their own, which reads them as a daemon does at its start.
fn restarted(window: &str) -> f64 {
    let program = std::env::current_exe().expect("this program is a file");
    let mut child = Command::new(program)
        .arg(RESTARTED)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program runs once more");
    child.stdin.take().expect("piped").write_all(window.as_bytes()).expect("it reads");
    let told = child.wait_with_output().expect("it ends").stdout;
    let told = String::from_utf8(told).expect("it prints text");
    println!("the windows after a restart: {} MiB", told.trim());
    told.trim().parse().expect("it prints a number")
}

fn take_back() -> ExitCode {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("a window comes");
    let before = mib("VmRSS");
    let read = |at: u64| {
        let mut window: LoadWindow = serde_json::from_str(&text).expect("what was written is read");
        window.begun_at = TimestampMs(at * 15 * MINUTE_MS);
        window
    };
    let mut windows = LoadWindows::default();
    windows.take_back((0..96).map(read).collect(), TimestampMs(95 * 15 * MINUTE_MS));
    println!("{:.0}", mib("VmRSS") - before);
    drop(windows);
    ExitCode::SUCCESS
}

fn cluster() -> Observation {
    let mut seen = Observation::default();
    for id in 0..BROKERS {
        seen.brokers.insert(broker(id), SeenBroker { alive: true, ..SeenBroker::default() });
    }
    let load = PartitionLoad {
        produce_bytes_per_s: BytesPerS::new(1e5).ok(),
        consume_bytes_per_s: BytesPerS::new(2e5).ok(),
        leader_cpu_cores: Cores::new(0.01).ok(),
        follower_cpu_cores: Cores::new(0.002).ok(),
        ..PartitionLoad::default()
    };
    for at in 0..PARTITIONS {
        let name = TopicName::from(format!("team-{}.events.{:05}", at % TOPICS % 40, at % TOPICS).as_str());
        let topic = seen.topics.entry(name).or_insert_with(SeenTopic::default);
        let replicas: Vec<BrokerId> = (0..3).map(|copy| broker((at + copy * 100) % BROKERS)).collect();
        // As many large topics as are remembered one by one at most.
        let size = if at % TOPICS < 900 { 100_000_000 } else { 1_000_000 };
        let replica = Replica { size_bytes: Some(Bytes(size)), ..Replica::default() };
        topic.partitions.push(Partition {
            id: i32::try_from(topic.partitions.len()).expect("few"),
            leader: Some(replicas[0]),
            isr: replicas.clone(),
            on_disk: [(replicas[0], replica)].into(),
            replicas,
            load,
            ..Partition::default()
        });
    }
    seen
}

fn broker(id: usize) -> BrokerId {
    BrokerId(i32::try_from(id).expect("few"))
}

fn grow(seen: &mut Observation) {
    for partition in seen.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
        for replica in partition.on_disk.values_mut() {
            replica.size_bytes = replica.size_bytes.map(|size| Bytes(size.0 + 1_000));
        }
    }
}

fn resident_mib() -> f64 {
    mib("VmRSS")
}

/// A line of Linux' account of this process.
fn mib(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells what a process takes");
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let kib: f64 = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).expect("in kB");
    kib / 1024.0
}
