//! From pages to figures: recorded pages of exporters, counters, restarts, and readings that are no amounts.

use super::*;
use crate::base::{BytesPerS, Cores};
use crate::edge::metrics::{read_page, text};

const AGENT_0_16: &str = include_str!("../../../fixtures/metrics/jmx-agent-0.16.prom");
const AGENT_1_0: &str = include_str!("../../../fixtures/metrics/jmx-agent-1.0.prom");
const STRIMZI: &str = include_str!("../../../fixtures/metrics/rules-strimzi-1.0.prom");
const COMMUNITY_0_20: &str = include_str!("../../../fixtures/metrics/rules-community-0.20.prom");
const COMMUNITY_1_0: &str = include_str!("../../../fixtures/metrics/rules-community-1.0.prom");
const HELM: &str = include_str!("../../../fixtures/metrics/rules-helm-1.0.prom");
const NODE: &str = include_str!("../../../fixtures/metrics/node-exporter-1.5.prom");

/// A sheet of pages read `seconds` after `start`.
fn sheet(start: Instant, seconds: u64, pages: &[&str]) -> Sheet {
    let at = start + Duration::from_secs(seconds);
    let mut sheet = Sheet::new(at);
    for page in pages {
        sheet.add(&text::read(page.as_bytes()).unwrap_or_else(|error| panic!("{error}: {page}")), at);
    }
    sheet
}

/// Cores to a millionth, as differences of counters are.
fn cores(told: &BrokerMetrics) -> String {
    told.cpu_cores_used.map_or_else(|| "unknown".to_owned(), |used| format!("{:.6}", used.get()))
}

fn rate(amount: f64) -> BytesPerS {
    BytesPerS::new(amount).unwrap()
}

#[test]
fn an_agents_page_is_read_with_and_without_trailing_commas() {
    let (told, used) = read_page(AGENT_1_0.as_bytes()).unwrap();
    assert_eq!(used, 21);
    assert_eq!(told.bytes_in_per_s, Some(rate(1_223_749.033_560_808_3)));
    assert_eq!(told.bytes_out_per_s, Some(rate(0.0)));
    assert_eq!(told.replication_in_per_s, Some(rate(369_788.528_585_191_9)));
    assert_eq!(told.replication_out_per_s, Some(rate(2_447_459.708_562_817)));
    let topics: Vec<_> =
        told.topic_bytes_in_per_s.iter().map(|(topic, rate)| (topic.as_str(), rate.get())).collect();
    assert_eq!(topics, [("hot", 3_160_233.093_662_763_5), ("skew", 604_228.864_810_364_2)]);
    assert_eq!(told.cpu_cores, Cores::new(2.0).ok());
    assert_eq!(told.cpu_cores_used, None, "the JVM has not measured its load yet");
    assert_eq!(told.request_handler_idle_ratio, Some(0.960_918_060_420_865_9));

    let (told, _) = read_page(AGENT_0_16.as_bytes()).unwrap();
    assert_eq!(told.topic_bytes_in_per_s.keys().map(TopicName::as_str).collect::<Vec<_>>(), ["t1"]);
    assert_eq!(cores(&told), "0.284123");
}

/// Pages of a broker that some 2000 records of 500 bytes were written to and read from, as the rules of Strimzi, of the exporter's
/// own example and of Helm charts make exporters write them.
#[test]
fn the_rules_of_operators_and_charts_are_understood() {
    let start = Instant::now();
    for page in [STRIMZI, COMMUNITY_0_20, COMMUNITY_1_0] {
        let before = page.replace("1081326.0", "1080326.0").replace("1083766.0", "1082766.0");
        let before = before.replace("1081997.0", "1080997.0");
        let told = sheet(start, 10, &[page]).metrics(Some(&sheet(start, 0, &[&before])));
        let topic = TopicName::from("orders.eu");
        assert_eq!(told.topic_bytes_in_per_s[&topic], rate(100.0), "{page}");
        assert_eq!(told.topic_bytes_out_per_s[&topic], rate(100.0), "{page}");
        assert_eq!(
            (told.replication_in_per_s, told.reassignment_out_per_s),
            (Some(rate(0.0)), Some(rate(0.0)))
        );
        assert_eq!(told.cpu_cores_used, Cores::new(0.0).ok(), "by the agent's own counter");
        // Strimzi leaves the times of requests out.
        assert_eq!(told.produce_p99_ms.is_some(), page != STRIMZI);
    }
    let told = read_page(STRIMZI.as_bytes()).unwrap().0;
    assert_eq!(told.request_handler_idle_ratio, Some(0.989_098_753_708_559_5));

    let told = read_page(HELM.as_bytes()).unwrap().0;
    assert_eq!(told.bytes_in_per_s, Some(rate(40_839.835_163_466_734)), "`total_` is about all topics");
    assert_eq!(told.topic_bytes_in_per_s[&TopicName::from("orders.eu")], rate(101_503.118_036_390_66));
    assert_eq!(told.reassignment_in_per_s, Some(rate(0.0)));
    assert_eq!(told.produce_p99_ms.map(crate::base::Millis::get), Some(8.0));
    assert_eq!(told.fetch_p99_ms.map(crate::base::Millis::get), Some(46.0));
    assert_eq!(told.request_handler_idle_ratio, Some(0.964_201_208_351_87));
}

#[test]
fn nothing_in_recorded_pages_is_lost() {
    for page in [AGENT_0_16, AGENT_1_0, NODE, STRIMZI, COMMUNITY_0_20, COMMUNITY_1_0, HELM] {
        let read = text::read(page.as_bytes()).unwrap();
        let samples = page.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(read.readings.len() + read.others, samples);
        assert_eq!(sheet(Instant::now(), 0, &[page]).faults, Faults::default());
    }
}

#[test]
fn processor_time_comes_from_the_process_and_else_from_the_machine() {
    let start = Instant::now();
    let later = AGENT_1_0.replace("ProcessCpuTime 1.537E10", "ProcessCpuTime 2.037E10");
    let before = sheet(start, 0, &[AGENT_1_0]);
    assert!(before.wants_another(), "two looks at the counter tell what the load does not");
    assert_eq!(cores(&sheet(start, 10, &[&later]).metrics(Some(&before))), "0.500000");

    let node_later =
        NODE.replace("user\"} 1624.29", "user\"} 1629.29").replace("idle\"} 331.32", "idle\"} 336.32");
    let before = sheet(start, 0, &[NODE]);
    assert!(before.wants_another());
    let told = sheet(start, 10, &[&node_later]).metrics(Some(&before));
    assert_eq!(cores(&told), "0.500000");
    assert_eq!(told.cpu_cores, Cores::new(2.0).ok());

    // The exporter's own processor time, which its page shows too, is not the broker's.
    let both = sheet(start, 0, &[NODE, "process_cpu_seconds_total 0"]);
    let after = sheet(start, 10, &[&node_later, "process_cpu_seconds_total 9"]).metrics(Some(&both));
    assert_eq!(cores(&after), "0.500000");
}

#[test]
fn network_devices_have_the_speed_that_they_say_and_no_other() {
    let start = Instant::now();
    let page = "node_network_speed_bytes{device=\"bond0\"} 2.5e+09\n\
                node_network_speed_bytes{device=\"eth2\"} -125000\n\
                node_network_speed_bytes{device=\"eth3\"} 0\n\
                node_network_speed_bytes{device=\"lo\"} NaN\n\
                node_network_speed_bytes 7\n\
                node_network_speed_bytes{device=\"bond0\"} 1\n";
    let sheet = sheet(start, 0, &[page]);
    let told = sheet.metrics(None);
    assert_eq!(told.links, BTreeMap::from([("bond0".to_owned(), rate(2.5e9))]));
    let faults = &sheet.faults;
    assert_eq!((faults.not_an_amount.count, faults.odd_labels.count, faults.twice.count), (1, 1, 1));
}

#[test]
fn counters_of_two_looks_make_rates() {
    let start = Instant::now();
    let page = |all: u32, a: u32| {
        format!(
            "kafka_server_brokertopicmetrics_bytesin_total {all}\n\
             kafka_server_brokertopicmetrics_bytesin_total{{topic=\"a\"}} {a}\n"
        )
    };
    let first = sheet(start, 0, &[&page(1000, 1000)]);
    assert!(first.wants_another());
    assert_eq!(first.metrics(None), BrokerMetrics::default());
    let fresh = "kafka_server_brokertopicmetrics_bytesin_total{topic=\"b\"} 50\n";
    let second = sheet(start, 10, &[&(page(1550, 1500) + fresh)]);
    let told = second.metrics(Some(&first));
    assert_eq!(told.bytes_in_per_s, Some(rate(55.0)));
    assert_eq!(told.topic_bytes_in_per_s, [("a".into(), rate(50.0)), ("b".into(), rate(5.0))].into());

    let restarted = sheet(start, 20, &[&page(30, 20)]);
    assert_eq!(restarted.metrics(Some(&second)).topic_bytes_in_per_s, [("a".into(), rate(2.0))].into());
    let too_near = Sheet { at: second.at + Duration::from_millis(1), ..second.clone() };
    assert_eq!(too_near.metrics(Some(&second)).bytes_in_per_s, None);
}

#[test]
fn pages_of_one_look_have_times_of_their_own() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let page = |count: u32| {
        text::read(format!("kafka_server_brokertopicmetrics_bytesin_total {count}\n").as_bytes()).unwrap()
    };
    let other = text::read(NODE.as_bytes()).unwrap();
    let (mut first, mut second) = (Sheet::new(at(9)), Sheet::new(at(14)));
    // The look waited for a slow page, and the next one did not.
    first.add(&page(0), at(1));
    first.add(&other, at(9));
    second.add(&page(1300), at(14));
    assert_eq!(second.metrics(Some(&first)).bytes_in_per_s, Some(rate(100.0)));
}

#[test]
fn readings_that_are_no_amounts_are_told() {
    let page = "\
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesInPerSec\"} 10
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesInPerSec\"} 11
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesOutPerSec\"} NaN
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesOutPerSec\",topic=\"a\"} -1
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesInPerSec\",topic=\"a b\"} 1
java_lang_OperatingSystem_ProcessCpuLoad -1
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesInPerSec\"
";
    let sheet = sheet(Instant::now(), 0, &[page]);
    assert_eq!(
        sheet.faults.words(),
        "lines that cannot be read: 1, the first is line 7; \
         lines that are NaN, infinite or negative: 3, the first is line 3; \
         lines that are there twice, and the first one counts: 1, the first is line 2; \
         lines that have labels that name no topic or core: 1, the first is line 5"
    );
    let told = sheet.metrics(None);
    assert_eq!((told.bytes_in_per_s, told.bytes_out_per_s), (Some(rate(10.0)), None));
    assert_eq!(told.cpu_cores_used, None);
}
