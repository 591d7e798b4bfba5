//! How long model, solver, planner and judge take on clusters of three sizes, 30, 90 and 300 brokers with 100, 167 and
//! 333 partitions to a broker, skewed as clusters get that have grown: the newest third of the brokers nearly empty.

#![expect(clippy::cast_precision_loss, reason = "loads of a made-up cluster")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use evenkeel::base::{BrokerId, Bytes, BytesPerS, Cores, RackId, TopicName};
use evenkeel::goals::GoalSet;
use evenkeel::model::ClusterModel;
use evenkeel::observe::{Capacity, Observation, Partition, PartitionLoad, SeenBroker, SeenTopic};
use evenkeel::plan::{Plan, PlanFile, PlanLimits, judge};
use evenkeel::solve::{Operation, Request, solve};

/// Numbers that look random and are always the same (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn cluster(brokers: u64, partitions: u64) -> Observation {
    let mut numbers = Numbers(brokers);
    let mut observation = Observation::default();
    let id = |at: u64| BrokerId(i32::try_from(at).expect("few brokers"));
    for at in 0..brokers {
        let capacity = Capacity {
            disk_bytes: Some(Bytes(2_000_000_000_000)),
            network_in_bytes_per_s: BytesPerS::new(250e6).ok(),
            network_out_bytes_per_s: BytesPerS::new(400e6).ok(),
            cpu_cores: Cores::new(8.0).ok(),
        };
        let rack = Some(RackId::from(format!("az-{}", at % 3)));
        let broker = SeenBroker { rack, alive: true, capacity, ..SeenBroker::default() };
        observation.brokers.insert(id(at), broker);
    }
    for topic in 0..partitions / 20 {
        // Old topics know only the first two thirds of the brokers.
        let known = if topic % 8 == 0 { brokers } else { brokers * 2 / 3 / 3 * 3 };
        let rows = (0..20).map(|at| {
            let replicas: Vec<BrokerId> =
                (0..3).map(|rack| id(numbers.below(known / 3) * 3 + (rack + at) % 3)).collect();
            let size =
                1_000_000_000 * (1 + numbers.below(8) * numbers.below(5) + numbers.below(30) / 29 * 20);
            let load = |per_gb: u64, most: u64| (size / 1_000_000_000 * per_gb + 1_000 * most) as f64;
            Partition {
                id: i32::try_from(at).expect("twenty"),
                leader: replicas.first().copied(),
                isr: replicas.clone(),
                replicas,
                size_bytes: Some(Bytes(size)),
                load: PartitionLoad {
                    produce_bytes_per_s: BytesPerS::new(load(20_000, numbers.below(40))).ok(),
                    consume_bytes_per_s: BytesPerS::new(load(30_000, numbers.below(60))).ok(),
                    leader_cpu_cores: Cores::new(load(1, numbers.below(20)) / 1e6).ok(),
                    follower_cpu_cores: Cores::new(load(1, 2) / 1e6).ok(),
                    ..PartitionLoad::default()
                },
                ..Partition::default()
            }
        });
        let partitions = rows.collect();
        let topic_row = SeenTopic { min_insync_replicas: Some(2), partitions, ..SeenTopic::default() };
        observation.topics.insert(TopicName::from(format!("t{topic:05}")), topic_row);
    }
    observation
}

fn benches(criterion: &mut Criterion) {
    let (request, limits) = (Request::default(), PlanLimits::default());
    let sizes = [
        ("30 brokers", 30, 3_000),
        ("90 brokers", 90, 15_000),
        ("300 brokers, 300,000 replicas", 300, 100_000),
    ];
    for (size, brokers, partitions) in sizes {
        let observation = cluster(brokers, partitions);
        let model = ClusterModel::build(&observation).expect("a sound cluster");
        let mut group = criterion.benchmark_group(size);
        group.sample_size(10);
        group.bench_function("model", |bench| bench.iter(|| ClusterModel::build(black_box(&observation))));
        for name in ["disk-only", "default", "cruise-control"] {
            let goals = GoalSet::shipped(name).expect("it is shipped");
            group.bench_function(format!("solve {name}"), |bench| {
                bench.iter(|| solve(black_box(&model), &goals, &request));
            });
        }
        let last: Vec<BrokerId> = model.brokers.iter().rev().take(3).map(|broker| broker.id).collect();
        let goals = GoalSet::shipped("cruise-control").expect("it is shipped");
        for (name, operation) in
            [("remove 3", Operation::RemoveBrokers(last.clone())), ("fill 3", Operation::AddBrokers(last))]
        {
            let request = Request { operation, ..Request::default() };
            group.bench_function(name, |bench| bench.iter(|| solve(black_box(&model), &goals, &request)));
        }
        let goals = GoalSet::shipped("default").expect("it is shipped");
        let solution = solve(&model, &goals, &request).expect("a rebalance is always possible");
        group.bench_function("plan", |bench| {
            bench.iter(|| Plan::build(black_box(&model), &goals, &request, &solution, &limits));
        });
        let plan = PlanFile::Evenkeel(Box::new(Plan::build(&model, &goals, &request, &solution, &limits)));
        group.bench_function("judge", |bench| {
            bench.iter(|| judge(black_box(&observation), &plan, &limits));
        });
        group.finish();
    }
}

criterion_group!(solve_benches, benches);
criterion_main!(solve_benches);
