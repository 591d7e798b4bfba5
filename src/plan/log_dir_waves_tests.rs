//! Waves between log directories: both copies count, and what arrives from elsewhere counts everywhere.

use super::*;
use crate::base::{BrokerId, Bytes};
use crate::model::PartitionOrd;
use crate::observe::{LogDir, Observation, Partition, Replica, SeenBroker, SeenTopic};

/// Broker 1 with six replicas of 100 bytes in `/a`, and `/b` of 1000 bytes with this much free; broker 2 is empty.
fn model(free: u64) -> ClusterModel {
    let mut seen = Observation::default();
    let dir = |path: &str, free| LogDir {
        path: path.to_owned(),
        total_bytes: Some(Bytes(1000)),
        usable_bytes: Some(Bytes(free)),
        online: true,
    };
    for id in [1, 2] {
        let log_dirs = vec![dir("/a", 400), dir("/b", free)];
        seen.brokers.insert(BrokerId(id), SeenBroker { alive: true, log_dirs, ..SeenBroker::default() });
    }
    let replica =
        Replica { size_bytes: Some(Bytes(100)), log_dir: Some("/a".to_owned()), ..Replica::default() };
    let partition = |id| Partition {
        id,
        replicas: vec![BrokerId(1)],
        leader: Some(BrokerId(1)),
        isr: vec![BrokerId(1)],
        on_disk: [(BrokerId(1), replica.clone())].into(),
        ..Partition::default()
    };
    let partitions = (0..6).map(partition).collect();
    seen.topics.insert("t".into(), SeenTopic { partitions, ..SeenTopic::default() });
    ClusterModel::build(&seen).unwrap()
}

fn moves(partitions: std::ops::Range<u32>) -> Vec<LogDirMove> {
    let step = |partition| LogDirMove {
        partition: PartitionOrd(partition),
        broker: BrokerOrd(0),
        from: "/a".to_owned(),
        to: "/b".to_owned(),
        bytes: Bytes(100),
        reason: String::new(),
    };
    partitions.map(step).collect()
}

/// Steps per wave, and how many were left out.
fn packed(model: &ClusterModel, reached: &Assignment, limits: &PlanLimits) -> (Vec<usize>, usize) {
    let packed = pack_log_dirs(model, &moves(0..6), reached, limits);
    (packed.waves.iter().map(|wave| wave.steps.len()).collect(), packed.refusals.len())
}

#[test]
fn a_broker_moves_only_so_much_at_once() {
    let model = model(1000);
    let limits = PlanLimits::default();
    assert_eq!(packed(&model, &model.placement, &limits), (vec![5, 1], 0));
    let few = PlanLimits { bytes_per_broker: Bytes(250), ..limits };
    assert_eq!(packed(&model, &model.placement, &few).0, [2, 2, 2]);
    let slow = PlanLimits { throttle_bytes_per_s: 100, ..few };
    let seconds = pack_log_dirs(&model, &moves(0..6), &model.placement, &slow).forecast_s;
    assert!((seconds - 6.0).abs() < 1e-9, "{seconds}");
}

#[test]
fn no_volume_passes_its_limit_and_what_does_not_fit_is_refused() {
    // 90 % of 1000 bytes, of which 600 are used: three fit.
    let model = model(400);
    let limits = PlanLimits::default();
    assert_eq!(packed(&model, &model.placement, &limits), (vec![3], 3));
    let refused = &pack_log_dirs(&model, &moves(0..6), &model.placement, &limits).refusals[0];
    assert!(refused.reason.contains("past 90 %") && refused.subject == "t-3", "{refused:?}");
}

#[test]
fn what_arrives_from_another_broker_may_land_in_any_directory() {
    let model = model(400);
    let lists = (0..6).map(|at| (vec![BrokerOrd(u32::from(at == 5))], None));
    // Partition 5 leaves broker 1: it frees `/a`, and it is not there to be moved any more.
    let left = Assignment::new(lists);
    let packed_after = pack_log_dirs(&model, &moves(0..5), &left, &PlanLimits::default());
    assert_eq!(packed_after.waves[0].steps.len(), 3);
    let onto_two = LogDirMove { broker: BrokerOrd(1), ..moves(0..1)[0].clone() };
    let full = PlanLimits { disk_limit_share: 0.75, ..PlanLimits::default() };
    // Broker 2 gets partition 5: 100 bytes more in either directory, so that not even one move has room.
    assert_eq!(pack_log_dirs(&model, &[onto_two], &left, &full).refusals.len(), 1);
}
