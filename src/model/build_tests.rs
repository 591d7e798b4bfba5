//! Tests of the model: what it is built from, and what it refuses.

use super::*;
use crate::base::TopicName;
use crate::observe::{Basis, LogDir, Replica, SeenTopic};

/// Three live brokers on racks a, b and c, and one topic of two partitions with sizes 100 and 50.
fn small() -> Observation {
    let mut observation = Observation::default();
    for (id, rack) in [(1, "a"), (2, "b"), (3, "c")] {
        let broker = SeenBroker { rack: Some(rack.into()), alive: true, ..SeenBroker::default() };
        observation.brokers.insert(BrokerId(id), broker);
    }
    let ids: Vec<BrokerId> = [1, 2, 3].map(BrokerId).to_vec();
    let partition = |id, size| Partition {
        id,
        replicas: ids.clone(),
        leader: Some(BrokerId(1)),
        isr: ids.clone(),
        size_bytes: Some(Bytes(size)),
        ..Partition::default()
    };
    let topic = SeenTopic {
        min_insync_replicas: Some(2),
        partitions: vec![partition(0, 100), partition(1, 50)],
        ..SeenTopic::default()
    };
    observation.topics.insert(TopicName::from("t"), topic);
    observation
}

fn first(observation: &mut Observation) -> &mut Partition {
    &mut observation.topics.get_mut(&TopicName::from("t")).unwrap().partitions[0]
}

#[test]
fn healthy_cluster_becomes_a_model() {
    let model = ClusterModel::build(&small()).unwrap();
    assert_eq!(model.brokers.len(), 3);
    assert_eq!(model.racks.len(), 3);
    assert_eq!(model.partitions[0].health, Health::Healthy);
    assert!(model.known[Resource::Disk.index()] && !model.known[Resource::NetworkIn.index()]);
    assert!(model.own_sizes.is_empty(), "all replicas are full");
    assert_eq!(model.id, ClusterModel::build(&small()).unwrap().id);
    let mut other = small();
    first(&mut other).size_bytes = Some(Bytes(101));
    assert_ne!(model.id, ClusterModel::build(&other).unwrap().id);
    let mut later = small();
    later.taken_at.0 += 1;
    assert_eq!(model.id, ClusterModel::build(&later).unwrap().id, "time is not content");
    let mut busy = small();
    first(&mut busy).load.basis.cpu = Some(Basis::FittedWeights);
    assert_eq!(model.id, ClusterModel::build(&busy).unwrap().id, "nor is what a load rests on");
    busy.brokers.get_mut(&BrokerId(1)).unwrap().other_cpu_cores = Cores::new(0.5).ok();
    let busy = ClusterModel::build(&busy).unwrap();
    assert_ne!(model.id, busy.id);
    assert!((busy.brokers[0].other(Resource::Cpu) - 0.5).abs() < 1e-9);
}

#[test]
fn followers_send_what_consumers_read_from_them() {
    let rate = |rate: f64| crate::base::BytesPerS::new(rate).ok();
    let mut seen = small();
    let load = &mut first(&mut seen).load;
    (load.produce_bytes_per_s, load.consume_bytes_per_s) = (rate(10.0), rate(40.0));
    let plain = ClusterModel::build(&seen).unwrap();
    first(&mut seen).load.follower_consume_bytes_per_s = rate(7.0);
    let model = ClusterModel::build(&seen).unwrap();
    assert_ne!(model.id, plain.id);
    let out = |model: &ClusterModel, leads| {
        model.load(PartitionOrd(0), leads, 3)[Resource::NetworkOut.index()].round()
    };
    assert_eq!([out(&model, true), out(&model, false)].map(|out| out.to_string()), ["60", "7"]);
    assert_eq!([out(&plain, true), out(&plain, false)].map(|out| out.to_string()), ["60", "0"]);
}

#[test]
fn trouble_is_seen() {
    let mut dead = small();
    dead.brokers.get_mut(&BrokerId(3)).unwrap().alive = false;
    let model = ClusterModel::build(&dead).unwrap();
    assert_eq!(model.partitions[0].health, Health::Degraded);
    assert_eq!(model.out_of_sync[&PartitionOrd(0)], [BrokerOrd(2)]);

    let mut leaderless = small();
    first(&mut leaderless).leader = None;
    assert_eq!(ClusterModel::build(&leaderless).unwrap().partitions[0].health, Health::Leaderless);

    let mut moving = small();
    moving.reassignments.insert(TopicPartition::new("t", 0), Reassignment::default());
    assert_eq!(ClusterModel::build(&moving).unwrap().partitions[0].health, Health::Reassigning);
}

#[test]
fn own_sizes_volumes_and_strays_count() {
    let mut observation = small();
    let log_dirs = vec![
        LogDir {
            total_bytes: Some(Bytes(1000)),
            usable_bytes: Some(Bytes(700)),
            online: true,
            ..LogDir::default()
        },
        LogDir { total_bytes: Some(Bytes(500)), usable_bytes: None, online: false, ..LogDir::default() },
    ];
    observation.brokers.get_mut(&BrokerId(2)).unwrap().log_dirs = log_dirs;
    let replica = Replica { size_bytes: Some(Bytes(90)), ..Replica::default() };
    first(&mut observation).on_disk.insert(BrokerId(2), replica);
    let model = ClusterModel::build(&observation).unwrap();
    assert_eq!(
        model.brokers[1].capacity[Resource::Disk.index()],
        Some(1000.0),
        "offline volumes hold nothing"
    );
    assert!((model.brokers[1].other_disk_bytes - 210.0).abs() < 1e-9);
    assert!((model.size_on(PartitionOrd(0), BrokerOrd(1)) - 90.0).abs() < 1e-9);
    assert!((model.size_on(PartitionOrd(1), BrokerOrd(1)) - 50.0).abs() < 1e-9);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    assert_eq!(ClusterModel::build(&Observation::default()), Err(ModelError::NoBrokers));
    let refused = |change: &dyn Fn(&mut Partition)| {
        let mut observation = small();
        change(first(&mut observation));
        ClusterModel::build(&observation).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&|partition| partition.replicas[1] = BrokerId(9)),
        "partition t-0 has a replica on broker 9, which is not among the brokers seen"
    );
    assert!(refused(&|partition| partition.replicas[1] = BrokerId(1)).contains("names broker 1 twice"));
    assert!(refused(&|partition| partition.replicas.clear()).contains("empty"));
    assert!(refused(&|partition| partition.id = 7).contains("partition 7 was seen where 0 should be"));
}
