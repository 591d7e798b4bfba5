//! Waves: what goes first, and what never goes together.

use super::*;
use crate::base::BrokerId;
use crate::model::ClusterModel;
use crate::observe::{Capacity, Observation, Partition, SeenBroker, SeenTopic};
use crate::plan::MoveStep;

/// Four brokers with disks of 1000 bytes; ten partitions of 100 bytes on broker 1, led there.
fn observation() -> Observation {
    let mut observation = Observation::default();
    for id in 1..=4 {
        let capacity = Capacity { disk_bytes: Some(Bytes(1000)), ..Capacity::default() };
        let broker = SeenBroker { alive: true, capacity, ..SeenBroker::default() };
        observation.brokers.insert(BrokerId(id), broker);
    }
    let partition = |id| Partition {
        id,
        replicas: vec![BrokerId(1)],
        leader: Some(BrokerId(1)),
        isr: vec![BrokerId(1)],
        size_bytes: Some(Bytes(100)),
        ..Partition::default()
    };
    let partitions = (0..10).map(partition).collect();
    observation.topics.insert("t".into(), SeenTopic { partitions, ..SeenTopic::default() });
    observation
}

/// Moves partition `at` from broker 1 to the broker of this ordinal.
fn goes(model: &ClusterModel, at: u32, to: u32) -> Pending {
    let partition = PartitionOrd(at);
    let step = MoveStep {
        partition: model.name(partition),
        from: vec![BrokerId(1)],
        stages: vec![vec![model.brokers[to as usize].id]],
        size_bytes: Bytes(100),
        reason: String::new(),
    };
    Pending {
        step: Step::Move(step),
        partition,
        size: 100.0,
        added: vec![BrokerOrd(to)],
        removed: vec![(BrokerOrd(0), 100.0)],
        source: Some(BrokerOrd(0)),
        repairs: false,
    }
}

fn packed(observation: &Observation, moves: &[(u32, u32)], limits: PlanLimits) -> (Vec<usize>, usize, f64) {
    let model = ClusterModel::build(observation).unwrap();
    let sums = Sums::new(&model, &model.placement);
    let pending = moves.iter().map(|(at, to)| goes(&model, *at, *to)).collect::<Vec<_>>();
    let packed = pack(&model, &sums, &pending, &limits);
    let sizes = packed.waves.iter().map(|wave| wave.steps.len()).collect();
    (sizes, packed.left_over.len(), packed.forecast_s)
}

const MOVES: [(u32, u32); 6] = [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3)];

#[test]
fn a_broker_sends_and_receives_only_so_much_in_a_wave() {
    let limits = PlanLimits { throttle_bytes_per_s: 100, ..PlanLimits::default() };
    assert_eq!(packed(&observation(), &MOVES, limits), (vec![6], 0, 6.0), "600 bytes leave broker 1");
    let few = PlanLimits { bytes_per_broker: Bytes(200), ..limits };
    assert_eq!(packed(&observation(), &MOVES, few), (vec![2, 2, 2], 0, 6.0), "no wave waits for another");
    let little = PlanLimits { bytes_per_broker: Bytes(50), ..limits };
    assert_eq!(packed(&observation(), &MOVES, little).0, [1; 6], "what is larger goes alone");
}

#[test]
fn no_disk_passes_its_limit_on_the_way() {
    let limits = PlanLimits { disk_limit_share: 0.25, ..PlanLimits::default() };
    let (waves, left_over, _) = packed(&observation(), &MOVES, limits);
    assert_eq!(waves.iter().sum::<usize>(), 5, "250 bytes are room for two on each of brokers 2 to 4");
    assert_eq!(left_over, 1);
}

#[test]
fn room_that_a_wave_makes_is_used_by_the_next() {
    let mut observation = observation();
    let partitions = &mut observation.topics.get_mut(&"t".into()).unwrap().partitions;
    for partition in &mut partitions[6..] {
        partition.replicas = vec![BrokerId(2)];
        partition.leader = Some(BrokerId(2));
        partition.isr = vec![BrokerId(2)];
    }
    let model = ClusterModel::build(&observation).unwrap();
    let sums = Sums::new(&model, &model.placement);
    let mut leaves = goes(&model, 6, 2);
    leaves.removed = vec![(BrokerOrd(1), 100.0)];
    leaves.source = Some(BrokerOrd(1));
    let limits = PlanLimits { disk_limit_share: 0.45, ..PlanLimits::default() };
    let packed = pack(&model, &sums, &[goes(&model, 0, 1), leaves], &limits);
    let names: Vec<String> = packed.waves.iter().map(|wave| wave.steps[0].partition().to_string()).collect();
    assert_eq!(names, ["t-6", "t-0"], "broker 2 is full until one of its own has left");
}

#[test]
fn what_takes_load_off_a_disk_that_is_about_to_fill_goes_first() {
    let first = |written_per_s: f64, capacity: u64| {
        let mut observation = observation();
        // Broker 1 sends much and has all the room there is; partition 9 stands on broker 2.
        let large = Capacity { disk_bytes: Some(Bytes(100_000)), ..Capacity::default() };
        observation.brokers.get_mut(&BrokerId(1)).unwrap().capacity = large;
        let small = Capacity { disk_bytes: Some(Bytes(capacity)), ..Capacity::default() };
        observation.brokers.get_mut(&BrokerId(2)).unwrap().capacity = small;
        let partitions = &mut observation.topics.get_mut(&"t".into()).unwrap().partitions;
        for partition in partitions.iter_mut() {
            partition.load.produce_bytes_per_s = crate::base::BytesPerS::new(0.0).ok();
        }
        partitions[9].replicas = vec![BrokerId(2)];
        partitions[9].leader = Some(BrokerId(2));
        partitions[9].isr = vec![BrokerId(2)];
        partitions[9].load.produce_bytes_per_s = crate::base::BytesPerS::new(written_per_s).ok();
        let model = ClusterModel::build(&observation).unwrap();
        let sums = Sums::new(&model, &model.placement);
        let mut leaves = goes(&model, 9, 2);
        leaves.removed = vec![(BrokerOrd(1), 100.0)];
        leaves.source = Some(BrokerOrd(1));
        let others = (0..4).map(|at| goes(&model, at, 2));
        let limits =
            PlanLimits { throttle_bytes_per_s: 10, bytes_per_broker: Bytes(100), ..PlanLimits::default() };
        let all: Vec<Pending> = others.chain([leaves]).collect();
        let packed = pack(&model, &sums, &all, &limits);
        packed.waves[0].steps[0].partition().to_string()
    };
    assert_eq!(first(0.0, 1000), "t-0", "nothing is full: what most waits for goes first");
    assert_eq!(first(0.0, 105), "t-9", "100 bytes are over 90 % of 105");
    assert_eq!(
        first(3.0, 130),
        "t-9",
        "17 bytes are left, and 30 are written while a wave of ten seconds runs"
    );
    assert_eq!(first(1.0, 130), "t-0", "10 are written, and what comes after retention may take away");
}
