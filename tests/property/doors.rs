//! What is asserted of everything that is read from outside, one function for each kind: it is refused in a line of words that
//! repeats no secret, or it is read as what can be worked with, and read as the same once it was written again.
//!
//! The fuzz targets (`fuzz/`) call these with what libFuzzer makes, `parsers.rs` with files that it harms, and with the files
//! that fuzzing begins with and those that once went wrong.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use bytes::{Bytes, BytesMut};
use evenkeel::base::{BrokerId, BytesPerS, Cores, Millis, TimestampMs};
use evenkeel::config::{
    CapacitySettings, KafkaClientSettings, PrometheusSettings, Settings, parse_capacity_json,
};
use evenkeel::edge::kafka::read_answer;
use evenkeel::edge::metrics::{Scraped, read_answers, read_page, read_reports};
use evenkeel::goals::GoalSet;
use evenkeel::model::ClusterModel;
use evenkeel::observe::{BrokerMetrics, Observation, read_snapshot, write_snapshot};
use evenkeel::plan::{Plan, PlanError, PlanFile, PlanLimits, judge};
use evenkeel::solve::{Request as Wish, solve};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterReplicaLogDirsRequest, ApiKey, ApiVersionsRequest,
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeClusterRequest,
    DescribeConfigsRequest, DescribeLogDirsRequest, DescribeQuorumRequest, DescribeTopicPartitionsRequest,
    ElectLeadersRequest, EndTxnRequest, FetchRequest, IncrementalAlterConfigsRequest, ListOffsetsRequest,
    ListPartitionReassignmentsRequest, MetadataRequest, ProduceRequest, ResponseHeader,
    SaslAuthenticateRequest, SaslHandshakeRequest,
};
use kafka_protocol::protocol::{Encodable, Request};

/// What no error and no debug output may repeat.
const SECRET: &str = "right-horse-battery";

/// A cluster of four brokers, for what wants one.
const CLUSTER: &str = include_str!("../../fixtures/snapshots/small.json");

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn cluster() -> Observation {
    read_snapshot(CLUSTER.as_bytes()).expect("the fixture is a snapshot").0
}

/// Words for a person are a line of a length that can be read, and no letters that a terminal obeys.
fn assert_line(words: &str) {
    assert!(words.len() < 4_000, "{} bytes of words: {}...", words.len(), &text(&words.as_bytes()[..200]));
    assert!(!words.chars().any(char::is_control), "{words:?}");
}

fn assert_refusal(error: impl Display + Debug) {
    let words = error.to_string();
    assert_line(&words);
    assert!(!words.contains(SECRET) && !format!("{error:?}").contains(SECRET), "{words}");
}

fn assert_amounts(told: &BrokerMetrics) {
    let rates = told.topic_bytes_in_per_s.values().chain(told.topic_bytes_out_per_s.values()).copied();
    let of_all = [
        told.bytes_in_per_s,
        told.bytes_out_per_s,
        told.replication_in_per_s,
        told.replication_out_per_s,
        told.reassignment_in_per_s,
        told.reassignment_out_per_s,
    ];
    let rates = rates.chain(of_all.into_iter().flatten()).map(BytesPerS::get);
    let cores = [told.cpu_cores_used, told.cpu_cores].into_iter().flatten().map(Cores::get);
    let times = [told.produce_p99_ms, told.fetch_p99_ms].into_iter().flatten().map(Millis::get);
    for amount in rates.chain(cores).chain(times).chain(told.request_handler_idle_ratio) {
        assert!(amount.is_finite() && amount >= 0.0, "{amount}");
    }
    for topic in told.topic_bytes_in_per_s.keys().chain(told.topic_bytes_out_per_s.keys()) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        assert!((1..=249).contains(&topic.as_str().len()) && topic.as_str().chars().all(is_plain), "{topic}");
    }
}

fn assert_told(told: &Scraped, brokers: &BTreeMap<BrokerId, Option<String>>) {
    for (broker, metrics) in &told.metrics {
        assert!(brokers.contains_key(broker), "nobody asked for broker {broker}");
        assert_amounts(metrics);
    }
    for gap in &told.gaps {
        assert_line(&format!("{}: {}", gap.subject, gap.reason));
    }
}

/// The page of a metrics endpoint. What is there twice counts once, so that a page after itself tells the same.
pub fn scrape(bytes: &[u8]) {
    match read_page(bytes) {
        Ok((told, used)) => {
            assert_amounts(&told);
            assert!(used <= bytes.split(|byte| *byte == b'\n').count());
            let again = text(bytes);
            let twice =
                [bytes, again.trim_start_matches('\u{feff}').as_bytes()].join(&b"\n# and again\n"[..]);
            assert_eq!(read_page(&twice).map(|(told, used)| (told, used / 2)), Ok((told, used)));
        }
        Err(error) => assert_refusal(error),
    }
}

/// Records of a metrics reporter, each behind a byte that tells its length. What was sent anew changes nothing.
pub fn reporter(bytes: &[u8]) {
    let mut records: Vec<&[u8]> = Vec::new();
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first() {
        let (record, after) = after.split_at(usize::from(*length).min(after.len()));
        records.push(record);
        rest = after;
    }
    let brokers = [1, 2].map(|id| (BrokerId(id), None)).into();
    let capacity = CapacitySettings { cpu_cores: Cores::new(8.0).ok(), ..CapacitySettings::default() };
    // The fixture's last report, and whatever is older.
    let now_ms = 1_798_000_000_000;
    let told = read_reports(records.iter().copied(), &brokers, &capacity, now_ms);
    assert_told(&told, &brokers);
    let twice = records.iter().chain(&records).copied();
    assert_eq!(read_reports(twice, &brokers, &capacity, now_ms).metrics, told.metrics);
}

/// What a Prometheus server answers, the same to each query: a byte that decides on the status, then the body.
pub fn prometheus(bytes: &[u8]) {
    let Some((status, body)) = bytes.split_first() else { return };
    let status = [200, 200, 200, 200, 401, 403, 404, 422, 429, 503, 302][usize::from(*status) % 11];
    let mut settings = PrometheusSettings::of("http://prometheus:9090").expect("an address");
    settings.labels = [("cluster".to_owned(), "prod".to_owned())].into();
    let brokers = [(BrokerId(1), Some("b1.example".to_owned())), (BrokerId(2), None)].into();
    let told = read_answers(&settings, &brokers, |_| (status, body.to_vec()));
    assert_told(&told, &brokers);
    assert_eq!(read_answers(&settings, &brokers, |_| (status, body.to_vec())), told);
}

/// A snapshot, gzipped or not.
pub fn snapshot(bytes: &[u8]) {
    match read_snapshot(bytes) {
        Ok((seen, warnings)) => {
            for warning in &warnings {
                assert_line(warning);
            }
            if let Err(error) = ClusterModel::build(&seen) {
                assert_refusal(error);
            }
            let (again, _) =
                read_snapshot(write_snapshot(&seen).as_bytes()).expect("what was written is read");
            assert_eq!(again, seen);
        }
        Err(error) => assert_refusal(error),
    }
}

/// A goal file. What it asks for is searched for on a small cluster, and what comes of that is a plan that may run.
pub fn goals(bytes: &[u8]) {
    match GoalSet::parse(&text(bytes)) {
        Ok(goals) => {
            for goal in &goals.goals {
                assert!(!goal.rule.in_words().is_empty());
            }
            std::iter::once(&goals.name).chain(goals.goals.iter().map(|goal| &goal.name)).for_each(|name| {
                assert!(!name.chars().any(char::is_control), "{name:?}");
            });
            let seen = cluster();
            let model = ClusterModel::build(&seen).expect("the fixture is sound");
            let wish = Wish::default();
            if let Ok(solution) = solve(&model, &goals, &wish) {
                let plan = Plan::build(&model, &goals, &wish, &solution, &PlanLimits::default());
                let plan = PlanFile::Evenkeel(Box::new(plan));
                let judgement = judge(&seen, &plan, &PlanLimits::default());
                assert!(judgement.is_ok(), "{:?} {:?}", judgement.broken, judgement.stale);
            }
        }
        Err(error) => assert_refusal(error),
    }
}

/// A settings file, with a password in an address behind it, where none may be.
pub fn settings(bytes: &[u8]) {
    let text = text(bytes);
    match Settings::parse(&text) {
        Ok(settings) => {
            assert_eq!(Settings::parse(&text).as_ref(), Ok(&settings));
            for cluster in settings.clusters.values() {
                let now = TimestampMs(1_798_000_000_000);
                let windows = &cluster.execution.windows;
                let opens_at = windows.opens_at(now);
                assert!(!windows.is_open(now) || opens_at.is_none_or(|at| at >= now));
                let capacity = cluster.capacity.of(BrokerId(1));
                let rates = [capacity.network_in, capacity.network_out].into_iter().flatten();
                assert!(rates.map(BytesPerS::get).all(|rate| rate.is_finite() && rate >= 0.0));
            }
        }
        Err(error) => {
            assert_line(&error.to_string());
            assert!(error.line <= text.matches('\n').count() + 1);
        }
    }
    let planted =
        format!("{text}\n\n[clusters.planted.metrics.prometheus]\nurl = \"http://me:{SECRET}@p:9090\"\n");
    if !text.contains(SECRET) {
        assert_refusal(Settings::parse(&planted).expect_err("no password stands in an address"));
    }
}

/// Client properties: a byte that decides which secret stands behind them, then their text.
pub fn properties(bytes: &[u8]) {
    let Some((which, properties)) = bytes.split_first() else { return };
    let properties = text(properties);
    let planted = [
        format!("sasl.password={SECRET}"),
        format!("ssl.key.password={SECRET}"),
        format!("ssl.keystore.key={SECRET}"),
        format!("ssl.keystore.password={SECRET}"),
        format!("sasl.oauthbearer.client.secret={SECRET}"),
        format!("sasl.jaas.config=org.apache.kafka.X required username=\"me\" password=\"{SECRET}\";"),
        format!("some.other.secret={SECRET}"),
    ];
    // An empty line, so that a line that goes on in the next one ends.
    let text = format!("{properties}\n\n{}\n", planted[usize::from(*which) % planted.len()]);
    match KafkaClientSettings::parse(&text, Some("b:9092")) {
        Ok((settings, warnings)) => {
            for warning in &warnings {
                assert_line(&warning.to_string());
            }
            let told = format!("{settings:?} {warnings:?}");
            // What names an address or a file may be called anything.
            assert!(properties.contains(SECRET) || !told.contains(SECRET), "{told}");
        }
        Err(error) => {
            let told = format!("{error} {error:?}");
            assert!(!told.contains(SECRET), "{told}");
        }
    }
}

/// A capacity file of Cruise Control's.
pub fn capacities(bytes: &[u8]) {
    match parse_capacity_json(&text(bytes)) {
        Ok(all) => {
            for broker in [-1, 0, 1, i32::MAX].map(BrokerId) {
                let capacity = all.of(broker);
                let rates = [capacity.network_in, capacity.network_out].into_iter().flatten();
                assert!(rates.map(BytesPerS::get).all(|rate| rate.is_finite() && rate > 0.0));
                assert!(capacity.cpu_cores.is_none_or(|cores| cores.get().is_finite() && cores.get() > 0.0));
            }
        }
        Err(error) => assert_refusal(error),
    }
}

/// A plan file of either kind, with the id that its content stands for: else nothing but ids would be refused. Whatever it asks
/// for, the judge has an answer.
pub fn plan(bytes: &[u8]) {
    let mut text = text(bytes);
    if let Err(PlanError::NotItsId { claimed, content }) = PlanFile::parse(&text) {
        text = text.replacen(&claimed.to_string(), &content.to_string(), 1);
    }
    match PlanFile::parse(&text) {
        Ok(plan) => {
            let judgement = judge(&cluster(), &plan, &PlanLimits::default());
            assert!(judgement.waves <= judgement.partitions.max(1) + bytes.len());
            match &plan {
                PlanFile::Evenkeel(whole) => {
                    assert_eq!(Plan::from_json(&whole.to_json()).as_ref(), Ok(&**whole));
                    assert_eq!(whole.content_id(), whole.id);
                }
                PlanFile::Kafka(list) => {
                    assert_eq!(list.lists().len(), list.partitions.len(), "each partition is named once");
                    let written = serde_json::to_string(list).expect("a list serializes");
                    assert_eq!(PlanFile::parse(&written), Ok(plan.clone()));
                }
            }
        }
        Err(error) => assert_refusal(error),
    }
}

/// The answer of a broker: a byte each for its kind and its version, then the frame, under correlation id 1.
pub fn answer(bytes: &[u8]) {
    is_whole_answer(bytes);
}

/// Whether that is an answer as Kafka sends it.
pub fn is_whole_answer(bytes: &[u8]) -> bool {
    let [kind, version, frame @ ..] = bytes else { return false };
    let frame = Bytes::copy_from_slice(frame);
    let reread = KINDS[usize::from(*kind) % KINDS.len()];
    reread(frame, i16::from(*version))
}

/// The kinds that are asked for. Seeds name them by their place: new ones come last.
const KINDS: [fn(Bytes, i16) -> bool; 21] = [
    reread::<ApiVersionsRequest>,
    reread::<MetadataRequest>,
    reread::<DescribeClusterRequest>,
    reread::<DescribeTopicPartitionsRequest>,
    reread::<DescribeLogDirsRequest>,
    reread::<AlterReplicaLogDirsRequest>,
    reread::<ListPartitionReassignmentsRequest>,
    reread::<AlterPartitionReassignmentsRequest>,
    reread::<ElectLeadersRequest>,
    reread::<DescribeConfigsRequest>,
    reread::<IncrementalAlterConfigsRequest>,
    reread::<ListOffsetsRequest>,
    reread::<CreateTopicsRequest>,
    reread::<DeleteTopicsRequest>,
    reread::<SaslHandshakeRequest>,
    reread::<SaslAuthenticateRequest>,
    reread::<DescribeQuorumRequest>,
    reread::<FetchRequest>,
    reread::<ProduceRequest>,
    reread::<EndTxnRequest>,
    reread::<CreatePartitionsRequest>,
];

/// Reads an answer, and what that answer is as bytes; whether it is one.
fn reread<R: Request>(frame: Bytes, version: i16) -> bool
where
    R::Response: PartialEq + Debug,
{
    let ours = R::VERSIONS;
    let version = ours.min + version % (ours.max - ours.min + 1);
    match read_answer::<R>(frame, version, 1) {
        Ok(read) => {
            let api = ApiKey::try_from(R::KEY).expect("a kind that is known");
            let mut written = BytesMut::new();
            let header = ResponseHeader::default().with_correlation_id(1);
            header.encode(&mut written, api.response_header_version(version)).expect("a header");
            read.encode(&mut written, version).expect("what was read can be written");
            let again = read_answer::<R>(written.freeze(), version, 1);
            assert_eq!(again.as_ref(), Ok(&read));
            true
        }
        Err(error) => {
            assert_refusal(error);
            false
        }
    }
}
