//! Loads from the topic of Cruise Control's metrics reporter. The records are made here, byte by byte as the reporter's source
//! says, and sent as it sends them; that its own are read the same way, recorded ones show in the unit tests.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::Value;

use crate::on_the_newest_at_least;
use crate::support::cli::{Screen, evenkeel};
use crate::support::lab::Lab;

const TOPIC: &str = "__CruiseControlMetrics";

#[test]
fn the_topic_of_cruise_controls_reporter_tells_loads() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).brokers(3).start();
        lab.create_topic(TOPIC, &vec![vec![1, 2, 3]; 4]);
        // Each broker leads one partition, so that what a broker reports of the topic is what the partition gets.
        lab.create_topic("orders.eu", &[vec![1, 2, 3], vec![2, 3, 1], vec![3, 1, 2]]);
        lab.wait_until("the topics are there", Duration::from_secs(30), |seen| {
            seen.partitions.len() >= 7 && seen.all_in_sync()
        });
        let producer = producer(&lab);
        let now_ms = now_ms();
        report(&producer, &[1, 2, 3], now_ms - 75_000, 1.0);
        report(&producer, &[1, 2, 3], now_ms - 15_000, 100.0);
        // Of the last one, something may be on its way still.
        report(&producer, &[1], now_ms - 1_000, 7.0);
        let stray = BaseRecord::to(TOPIC).key("stray").payload(&b"no record"[..]);
        producer.send(stray).unwrap_or_else(|(error, _)| panic!("{error}"));
        producer.flush(Duration::from_secs(30)).expect("all is written in time");

        let screen = snapshot(&settings(&lab, TOPIC, "capacity.cpu-cores = 4.0"))
            .expect_says("1 records of topic __CruiseControlMetrics are none of a reporter's");
        let snapshot_seen = screen.json();
        for (partition, scale) in [(0, 100_000.0), (1, 200_000.0), (2, 300_000.0)] {
            let told = &partitions(&snapshot_seen, "orders.eu")[partition];
            assert!(is_near(&told["produce_bytes_per_s"], scale), "{told}\n{screen}");
            assert!(is_near(&told["consume_bytes_per_s"], 3.0 * scale), "{told}\n{screen}");
            assert!(told["leader_cpu_cores"].as_f64().is_some_and(|cores| cores > 0.0), "{told}");
        }
        let config = settings(&lab, TOPIC, "capacity.cpu-cores = 4.0");
        let words = [
            "propose",
            "--goals",
            "cruise-control",
            "--cluster",
            "lab",
            "--config",
            &config,
            "--format",
            "json",
        ];
        let proposal = evenkeel(&words).expect_code(0).json();
        let goals = proposal["goals"].as_array().expect("goals");
        for name in
            ["NetworkInboundUsageDistributionGoal", "CpuUsageDistributionGoal", "DiskUsageDistributionGoal"]
        {
            let goal = goals.iter().find(|goal| goal["goal"] == name).expect("the goal");
            assert!(goal["met_after"].is_boolean(), "{name} is not judged: {proposal:#}");
        }

        snapshot(&settings(&lab, TOPIC, "")).expect_says("give `capacity.cpu-cores`");
        snapshot(&settings(&lab, "nobodys", "")).expect_says("topic nobodys is not there");
    });
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_millis()).expect("a time of today")
}

/// A producer with the settings of the reporter's.
fn producer(lab: &Lab) -> ThreadedProducer<DefaultProducerContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", lab.bootstrap()).set("acks", "all").set("compression.type", "gzip");
    config.create().expect("a producer")
}

/// One report of each broker: broker `n` takes `n` times `scale` thousand bytes a second, all of it of one topic.
fn report(producer: &ThreadedProducer<DefaultProducerContext>, brokers: &[i32], time_ms: i64, scale: f64) {
    for broker in brokers {
        let rate = f64::from(*broker) * scale * 1_000.0;
        // Kafka's own registry, which the reporter reads, has underscores for dots.
        let topic = Some("orders_eu");
        for (class, kind, topic, value) in [
            (0, 0, None, rate),
            (0, 1, None, 3.0 * rate),
            (1, 2, topic, rate),
            (1, 3, topic, 3.0 * rate),
            (2, 4, topic, 1e6),
            (0, 6, None, rate),
            (0, 7, None, rate),
            (0, 19, None, 0.9),
            (0, 40, None, 0.1),
            (0, 5, None, 0.25),
        ] {
            let mut value_bytes = vec![class, 0, kind];
            value_bytes.extend(time_ms.to_be_bytes());
            value_bytes.extend(broker.to_be_bytes());
            if let Some(topic) = topic {
                value_bytes.extend(i32::try_from(topic.len()).expect("a short name").to_be_bytes());
                value_bytes.extend(topic.as_bytes());
            }
            if class == 2 {
                value_bytes.extend(0_i32.to_be_bytes());
            }
            value_bytes.extend(value.to_be_bytes());
            let key = topic.map_or_else(|| broker.to_string(), str::to_owned);
            let record = BaseRecord::to(TOPIC).key(&key).payload(&value_bytes).timestamp(time_ms);
            producer.send(record).unwrap_or_else(|(error, _)| panic!("{error}"));
        }
    }
}

fn settings(lab: &Lab, topic: &str, more: &str) -> String {
    let text = format!(
        "state-dir = {:?}\n[clusters.lab]\nbootstrap = {:?}\nmetrics.reporter-topic = {topic:?}\n{more}\n",
        lab.file("state").display().to_string(),
        lab.bootstrap(),
    );
    let file = lab.file("evenkeel.toml");
    fs::write(&file, text).expect("the lab's folder is writable");
    file.display().to_string()
}

fn snapshot(config: &str) -> Screen {
    evenkeel(&["snapshot", "--cluster", "lab", "--config", config, "-o", "-"]).expect_code(0)
}

fn partitions<'a>(snapshot: &'a Value, name: &str) -> &'a Vec<Value> {
    let topics = snapshot["topics"].as_array().expect("topics");
    let topic = topics.iter().find(|topic| topic["name"] == name).expect("the topic");
    topic["partitions"].as_array().expect("partitions")
}

fn is_near(told: &Value, expected: f64) -> bool {
    told.as_f64().is_some_and(|told| (told - expected).abs() < 1e-6 * expected)
}
