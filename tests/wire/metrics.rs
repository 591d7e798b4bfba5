//! The simulated brokers' metrics pages, by the scraper that reads real ones.

use evenkeel::base::{BrokerId, BytesPerS, Cores};
use evenkeel::config::MetricsSettings;
use evenkeel::control::{Scope, World};
use evenkeel::edge::metrics::MeteredWorld;
use evenkeel::edge::sim::{SimCluster, SimSpec};
use evenkeel::observe::{GapKind, Observation};

use crate::{connect, frozen};

fn sum(seen: &Observation) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for (_, _, partition) in seen.partitions() {
        let load = partition.load;
        let followers =
            partition.replicas.iter().skip(1).map(|_| load.follower_cpu_cores.map_or(0.0, Cores::get));
        sums[0] += load.produce_bytes_per_s.map_or(0.0, BytesPerS::get);
        sums[1] += load.consume_bytes_per_s.map_or(0.0, BytesPerS::get);
        sums[2] += load.leader_cpu_cores.map_or(0.0, Cores::get) + followers.sum::<f64>();
        sums[3] += 1.0;
    }
    sums
}

#[test]
fn the_traffic_that_is_scraped_is_the_traffic_there_is() {
    let server = frozen(SimCluster::new(&SimSpec::small(1)).unwrap());
    let settings = MetricsSettings::of(vec![server.metrics_endpoint()]);
    let mut world = MeteredWorld::new(connect(&server), &settings).unwrap();
    let seen = world.observe(&Scope::Full).unwrap();
    assert!(!seen.has_gap(GapKind::NetworkLoad) && !seen.has_gap(GapKind::CpuLoad), "{:?}", seen.gaps);
    let truth = server.with(|cluster| cluster.observe(true, None));
    for (scraped, true_sum) in sum(&seen).into_iter().zip(sum(&truth)) {
        assert!((scraped - true_sum).abs() <= 0.01 * true_sum, "{:?} {:?}", sum(&seen), sum(&truth));
    }
}

#[test]
fn a_broker_that_is_down_has_no_page() {
    let mut cluster = SimCluster::new(&SimSpec::small(2)).unwrap();
    cluster.kill_broker(BrokerId(1));
    assert_eq!(cluster.metrics_page(BrokerId(1)), None);
    assert_eq!(cluster.metrics_page(BrokerId(77)), None);
    let page = cluster.metrics_page(BrokerId(0)).unwrap();
    assert!(page.contains("kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesInPerSec\",topic="));
}
