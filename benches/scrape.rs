//! How fast a broker's metrics page is read: a page of the size and the mix that a broker with two hundred topics
//! shows, where most lines are of no interest. Prints bytes per second.

use std::fmt::Write as _;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A page like a JMX exporter's: request quantiles, log sizes, and the traffic of 200 topics.
fn page() -> String {
    let mut page = String::new();
    let mut line = |name: &str, labels: &str, value: f64| {
        writeln!(page, "{name}{{{labels}}} {value:?}").expect("writing to a string does not fail");
    };
    for request in 0..80 {
        for name in ["TotalTimeMs", "LocalTimeMs", "RemoteTimeMs", "RequestQueueTimeMs", "ResponseSendTimeMs"]
        {
            for quantile in
                ["50thPercentile", "95thPercentile", "999thPercentile", "Mean", "Max", "Count", "StdDev"]
            {
                let metric = format!("kafka_network_RequestMetrics_{quantile}");
                line(&metric, &format!("name=\"{name}\",request=\"Request{request}\",version=\"9\","), 1.25);
            }
        }
    }
    for partition in 0..2000 {
        for name in ["Size", "LogEndOffset", "LogStartOffset", "NumLogSegments"] {
            let labels = format!(
                "name=\"{name}\",topic=\"topic-{}\",partition=\"{}\",",
                partition / 10,
                partition % 10
            );
            line("kafka_log_Log_Value", &labels, 1.048_576e6);
        }
    }
    for form in ["Count", "OneMinuteRate", "FiveMinuteRate", "FifteenMinuteRate", "MeanRate"] {
        for name in ["BytesInPerSec", "BytesOutPerSec", "MessagesInPerSec", "TotalFetchRequestsPerSec"] {
            let metric = format!("kafka_server_BrokerTopicMetrics_{form}");
            line(&metric, &format!("name=\"{name}\","), 123_456.789);
            for topic in 0..200 {
                line(&metric, &format!("name=\"{name}\",topic=\"topic-{topic}\","), 617.283_945);
            }
        }
    }
    page
}

fn read_page(criterion: &mut Criterion) {
    let page = page();
    let (told, _) = evenkeel::edge::metrics::read_page(page.as_bytes()).expect("the page is one of metrics");
    assert_eq!(told.topic_bytes_in_per_s.len(), 200);
    let mut group = criterion.benchmark_group("scrape");
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function("read a broker's page", |bencher| {
        bencher.iter(|| evenkeel::edge::metrics::read_page(std::hint::black_box(page.as_bytes())));
    });
    group.finish();
}

criterion_group!(benches, read_page);
criterion_main!(benches);
