//! One look at a large cluster over the wire: 90 brokers, 15,000 partitions, by the real client from simulated brokers
//! in the same process. It should take a few seconds at most, and 200 MiB: the peak of the whole process, simulated
//! brokers included, is printed where the system tells it.

use criterion::{Criterion, criterion_group, criterion_main};
use evenkeel::config::KafkaClientSettings;
use evenkeel::control::{Scope, World};
use evenkeel::edge::kafka::{Clock, KafkaWorld, StopFlag};
use evenkeel::edge::sim::{SimCluster, SimServer, SimSpec};

fn snapshot_wire(criterion: &mut Criterion) {
    let cluster = SimCluster::new(&SimSpec::large(1)).expect("the preset is sound");
    let server = SimServer::start(cluster, 0.0).expect("there are free ports");
    let before = memory("VmRSS");
    let settings = KafkaClientSettings::plaintext(&server.bootstrap()).expect("the addresses are addresses");
    let mut world = KafkaWorld::connect(&settings, Clock::default(), StopFlag::default())
        .expect("the simulated brokers answer");
    let mut group = criterion.benchmark_group("snapshot over the wire");
    group.sample_size(10);
    group.bench_function("90 brokers, 15,000 partitions", |bencher| {
        bencher.iter(|| {
            let seen = world.observe(&Scope::Full).expect("the simulated brokers answer");
            assert_eq!((seen.partitions().count(), seen.gaps.len()), (15_000, 0));
            seen
        });
    });
    group.finish();
    println!("memory: {} before the first look, {} at the peak", before, memory("VmHWM"));
}

/// A line of Linux' account of this process, such as `VmHWM`, the largest resident set so far.
fn memory(key: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.map_or_else(|| "not told by this system".to_owned(), |line| line.trim().to_owned())
}

criterion_group!(benches, snapshot_wire);
criterion_main!(benches);
