//! How fast what comes from outside is read, of a cluster with 90 brokers and 15,000 partitions: a broker's whole metrics page, a
//! Prometheus server's answer about all brokers, a minute of Cruise Control's reporters, and a snapshot. Prints bytes or records
//! per second.

mod fleet;
#[path = "fleet/others.rs"]
mod others;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use evenkeel::base::BrokerId;
use evenkeel::config::{CapacitySettings, PrometheusSettings};
use evenkeel::edge::metrics::{read_answers, read_page, read_reports};
use evenkeel::observe::{read_snapshot, write_snapshot};

fn parse(criterion: &mut Criterion) {
    let seen = fleet::observation();
    let brokers: BTreeMap<BrokerId, Option<String>> =
        others::hosts(&seen).into_iter().map(|(broker, host)| (broker, Some(host))).collect();
    let mut group = criterion.benchmark_group("parse");
    group.sample_size(20);

    let page = fleet::page(&seen, BrokerId(1));
    let (told, _) = read_page(page.as_bytes()).expect("the page is one of metrics");
    assert!(told.topic_bytes_in_per_s.len() > 50 && told.cpu_cores_used.is_some());
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function("a broker's page of metrics", |bencher| {
        bencher.iter(|| read_page(black_box(page.as_bytes())));
    });

    let settings = PrometheusSettings::of("http://prometheus:9090").expect("an address");
    let flow = others::flow_answer(&seen).into_bytes();
    let empty = br#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
    let answer =
        |query: &str| (200, if query.contains("(bytesinpersec)") { flow.clone() } else { empty.to_vec() });
    let told = read_answers(&settings, &brokers, answer);
    assert_eq!(told.metrics.len(), brokers.len());
    group.throughput(Throughput::Bytes(flow.len() as u64));
    group.bench_function("a Prometheus server's answer about 90 brokers", |bencher| {
        bencher.iter(|| read_answers(&settings, &brokers, answer));
    });

    let now_ms = 1_798_000_000_000;
    let records = others::reports(&seen, now_ms - 20_000);
    let capacity = CapacitySettings::default();
    let read = || read_reports(records.iter().map(Vec::as_slice), &brokers, &capacity, now_ms);
    assert_eq!(read().metrics.len(), brokers.len());
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("records of 90 reporters", |bencher| bencher.iter(read));

    let snapshot = write_snapshot(&seen);
    group.throughput(Throughput::Bytes(snapshot.len() as u64));
    group.bench_function("a snapshot", |bencher| {
        bencher.iter(|| read_snapshot(black_box(snapshot.as_bytes())));
    });
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
