//! Loads from a real Prometheus server that scrapes real JMX exporters, of two kinds: they are what direct scrapes tell, and what
//! was really sent. Then the server is gone.

use std::fs;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde_json::Value;

use crate::on_the_newest_at_least;
use crate::story::on;
use crate::support::cli::{Screen, evenkeel};
use crate::support::lab::{Lab, Prometheus, Reading, Steady, Traffic};

/// What is written to each partition of the topic, in bytes per second; each broker leads one.
const RATES: [usize; 6] = [50_000, 75_000, 50_000, 150_000, 50_000, 100_000];

/// These show nothing but counters, under the names of the usual rules, the others Kafka's own rates under every bean's name.
const COUNTING: [i32; 3] = [2, 4, 6];

#[test]
fn a_prometheus_server_tells_the_load_of_each_partition() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).metrics().counting(&COUNTING).start();
        let lists: Vec<Vec<i32>> =
            (0..6).map(|at| (0..3).map(|next| 1 + (at + next) % 6).collect()).collect();
        lab.create_topic("read", &lists);
        let is_there = |topic: &str| {
            lab.wait_until("the topic is there", Duration::from_secs(30), |seen| {
                seen.partitions.keys().filter(|(name, _)| name == topic).count() == 6 && seen.all_in_sync()
            })
        };
        is_there("read");
        let traffic = Traffic::start(&lab);
        lab.create_topic("steady", &lists);
        is_there("steady");
        let steady = Steady::start(&lab, "steady", &RATES);
        let mut racks: Vec<&str> = (1..=6).map(|broker| lab.rack_of(broker)).collect();
        racks.sort_unstable();
        racks.dedup();
        assert_eq!(racks.len(), 3, "each partition has a replica in each rack: {racks:?}");
        let readers: Vec<Reading> =
            racks.iter().map(|rack| Reading::in_rack(&lab, rack, "steady", RATES.len())).collect();
        let mut prometheus = lab.prometheus();
        let config = settings(&lab, &prometheus);
        wait_until_steady(&lab);
        let began = (Instant::now(), ends(&lab));
        // The rates of counters are taken over so long, and a server that has just begun would take zeros in.
        std::thread::sleep(Duration::from_secs(20));

        let (before, server, after) = looks(&lab, &config);
        let sent = since(&began, &(Instant::now(), ends(&lab)));
        for (partition, sent) in sent.into_iter().enumerate() {
            let (before, server, after) =
                (before["steady"][partition], server["steady"][partition], after["steady"][partition]);
            eprintln!(
                "steady-{partition}: sent {sent}, scraped {before:?}, server {server:?}, scraped {after:?}"
            );
            let is_counting = COUNTING.contains(&lists[partition][0]);
            // Kafka's own rates are means of the last minutes: they begin at zero, and rise from one look to the next.
            within("bytes in", (before.0, after.0), server.0, if is_counting { 0.10 } else { 0.05 });
            if is_counting {
                within("what was sent", (sent, sent), server.0, 0.05);
            }
            assert!(server.2 > 0.0, "the leader of steady-{partition} takes no processor time");
        }
        let written: Vec<f64> = server["steady"].iter().map(|row| row.0).collect();
        followers_are_told_apart(&readers, &written, &config);
        for partition in 0..6 {
            let (before, server, after) =
                (before["read"][partition], server["read"][partition], after["read"][partition]);
            within("bytes out", (before.1, after.1), server.1, 0.15);
        }
        assert_judged(&propose(&config, "json"), true);

        let unnamed = on(&lab, &["snapshot", "--prometheus-url", prometheus.url(), "-o", "-"]).expect_code(0);
        unnamed.expect_says("it wants to know who asks (401)");
        prometheus.stop();
        propose(&config, "text").expect_says("network load of broker 1").expect_says("Connection refused");
        assert_judged(&propose(&config, "json"), false);
        drop(readers);
        drop(steady);
        traffic.stop().expect_clean();
    });
}

/// Consumers in three racks read all that is written, each from the replica in its rack: so a leader sends them as much
/// as is written, and each follower too.
fn followers_are_told_apart(readers: &[Reading], written: &[f64], config: &str) {
    for reader in readers {
        assert!(reader.got().iter().all(|bytes| *bytes > 0), "a consumer reads nothing: {:?}", reader.got());
    }
    let words = ["snapshot", "--cluster", "lab", "--config", config, "-o", "-"];
    let snapshot = evenkeel(&words).expect_code(0).json();
    let topics = snapshot["topics"].as_array().expect("topics");
    let steady = topics.iter().find(|topic| topic["name"] == "steady").expect("the topic");
    let rate = |partition: &Value, key: &str| partition[key].as_f64().unwrap_or(-1.0);
    for (partition, written) in steady["partitions"].as_array().expect("partitions").iter().zip(written) {
        let leader = rate(partition, "consume_bytes_per_s");
        let follower = rate(partition, "follower_consume_bytes_per_s");
        eprintln!("steady: {written} written, {leader} read from the leader, {follower} from each follower");
        // All of it is known well; what each sends of it is fitted, from brokers that were not asked in one moment.
        within("read in all", (3.0 * written, 3.0 * written), leader + 2.0 * follower, 0.15);
        within("read from the leader", (*written, *written), leader, 0.35);
        within("read from a follower", (*written, *written), follower, 0.35);
    }
    let told = snapshot["gaps"].to_string();
    assert!(!told.contains("consumers that read from followers"), "nothing of it is left over: {told}");
}

/// The settings of an evenkeel that knows the server alone.
fn settings(lab: &Lab, prometheus: &Prometheus) -> String {
    let text = format!(
        "state-dir = {:?}\n[clusters.lab]\nbootstrap = {:?}\n[clusters.lab.metrics.prometheus]\nurl = {:?}\n\
         username = \"evenkeel\"\npassword-file = {:?}\nlabels = {{ cluster = \"lab\" }}\nmax-age = \"20s\"\n",
        lab.file("state").display().to_string(),
        lab.bootstrap(),
        prometheus.url(),
        prometheus.password_file(),
    );
    let file = lab.file("evenkeel.toml");
    fs::write(&file, text).expect("the lab's folder is writable");
    file.display().to_string()
}

type Loads = std::collections::BTreeMap<String, Vec<(f64, f64, f64)>>;

/// The ends of the topic's partitions.
fn ends(lab: &Lab) -> Vec<i64> {
    let mut config = ClientConfig::new();
    let consumer: BaseConsumer =
        config.set("bootstrap.servers", lab.bootstrap()).create().expect("a client of librdkafka");
    let end = |partition| {
        consumer.fetch_watermarks("steady", partition, Duration::from_secs(30)).expect("an end").1
    };
    (0..6).map(end).collect()
}

/// What was written to each partition between two moments, in bytes per second.
#[expect(clippy::cast_precision_loss, reason = "thousands of records")]
fn since(before: &(Instant, Vec<i64>), after: &(Instant, Vec<i64>)) -> Vec<f64> {
    let seconds = (after.0 - before.0).as_secs_f64();
    before
        .1
        .iter()
        .zip(&after.1)
        .map(|(from, to)| (to - from) as f64 * Steady::RECORD as f64 / seconds)
        .collect()
}

/// Waits until the producer has made up for what it could not write at first.
#[expect(clippy::cast_precision_loss, reason = "hundreds of thousands")]
fn wait_until_steady(lab: &Lab) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let began = (Instant::now(), ends(lab));
        std::thread::sleep(Duration::from_secs(2));
        let rates = since(&began, &(Instant::now(), ends(lab)));
        let is_near = |(told, rate): (&f64, usize)| (told / rate as f64 - 1.0).abs() < 0.1;
        if rates.iter().zip(RATES).all(is_near) {
            return;
        }
        assert!(Instant::now() < until, "the producer does not come to {RATES:?} but to {rates:?}");
    }
}

/// What the endpoints tell, then the server, then the endpoints again.
fn looks(lab: &Lab, config: &str) -> (Loads, Loads, Loads) {
    let scraped = || {
        let url = Lab::metrics_url();
        loads(&on(lab, &["snapshot", "--metrics-url", &url, "-o", "-"]).expect_code(0).json())
    };
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let before = scraped();
        let server =
            evenkeel(&["snapshot", "--cluster", "lab", "--config", config, "-o", "-"]).expect_code(0);
        let told = loads(&server.json());
        let is_known =
            |(produce, consume, cpu): &(f64, f64, f64)| *produce >= 0.0 && *consume >= 0.0 && *cpu >= 0.0;
        if told.values().flatten().all(is_known) {
            return (before, told, scraped());
        }
        assert!(Instant::now() < until, "some partitions have no load: {told:?}\n{server}");
    }
}

/// Bytes written and read per second and cores of the leader, of each partition of the lab's topics; what is not known is -1.
fn loads(snapshot: &Value) -> Loads {
    let topics = snapshot["topics"].as_array().expect("topics").iter();
    let number = |partition: &Value, key: &str| partition[key].as_f64().unwrap_or(-1.0);
    let row = |partition: &Value| {
        (
            number(partition, "produce_bytes_per_s"),
            number(partition, "consume_bytes_per_s"),
            number(partition, "leader_cpu_cores"),
        )
    };
    let rows = |topic: &Value| topic["partitions"].as_array().expect("partitions").iter().map(row).collect();
    topics
        .filter(|topic| topic["internal"] != true)
        .map(|topic| (topic["name"].as_str().expect("a name").to_owned(), rows(topic)))
        .collect()
}

/// Whether an amount lies between two others, a part of them more or less left aside.
fn within(what: &str, (one, other): (f64, f64), told: f64, part: f64) {
    let (least, most) = (one.min(other) * (1.0 - part), one.max(other) * (1.0 + part));
    assert!((least..=most).contains(&told), "{what}: {told} is not within {least} and {most}");
}

fn propose(config: &str, format: &str) -> Screen {
    let words =
        ["propose", "--goals", "cruise-control", "--cluster", "lab", "--config", config, "--format", format];
    evenkeel(&words).expect_code(0)
}

/// Goals on disks and topology are judged; those on what clients do, only where loads are known.
fn assert_judged(screen: &Screen, knows_loads: bool) {
    let proposal = screen.json();
    let judged = |name: &str| {
        let goals = proposal["goals"].as_array().expect("goals");
        goals.iter().find(|goal| goal["goal"] == name).is_some_and(|goal| goal["met_after"].is_boolean())
    };
    for name in ["DiskUsageDistributionGoal", "ReplicaDistributionGoal", "LeaderReplicaDistributionGoal"] {
        assert!(judged(name), "{name} is not judged\n{screen}");
    }
    for name in [
        "NetworkInboundUsageDistributionGoal",
        "NetworkOutboundUsageDistributionGoal",
        "LeaderBytesInDistributionGoal",
    ] {
        assert_eq!(judged(name), knows_loads, "{name}\n{screen}");
    }
}
