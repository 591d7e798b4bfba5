//! Scenarios on a cluster that can be followed by hand.

use super::*;
use crate::ask::test_clusters::{GB, cluster, topic};
use crate::model::{ClusterModel, Resource, Sums};
use crate::observe::Replica;

fn seen() -> Observation {
    let mut observation = cluster(&[2, 1]);
    topic(&mut observation, "orders", &[(&[0, 2], 100), (&[2, 1], 50)]);
    topic(&mut observation, "clicks", &[(&[1, 2], 30)]);
    observation
}

#[test]
fn new_brokers_get_new_ids_and_the_median_capacity_of_their_rack() {
    let mut observation = seen();
    observation.brokers.get_mut(&BrokerId(1)).expect("it is there").capacity.disk_bytes =
        Some(Bytes(3000 * GB));
    let new = |rack: &str, count| NewBrokers { count, rack: rack.into() };
    let scenario = Scenario { add: vec![new("a", 2), new("z", 1)], ..Scenario::default() };
    let changed = scenario.apply(&observation).expect("it can be");
    let disk = |id: i32| changed.brokers[&BrokerId(id)].capacity.disk_bytes;
    assert_eq!(changed.brokers.len(), 6);
    assert_eq!((disk(3), disk(4)), (Some(Bytes(2000 * GB)), Some(Bytes(2000 * GB))), "between 1 and 3 TB");
    assert_eq!(disk(5), Some(Bytes(1000 * GB)), "a new rack takes the median of all");
    assert_eq!(changed.rack_of(BrokerId(5)).as_str(), "z");
    assert_eq!(changed.brokers[&BrokerId(3)].capacity.cpu_cores, None, "what is not known stays so");
}

#[test]
fn a_lost_broker_hands_its_leadership_to_the_first_in_sync() {
    let scenario = Scenario { lose_racks: vec!["b".into()], ..Scenario::default() };
    let changed = scenario.apply(&seen()).expect("it can be");
    assert!(!changed.brokers[&BrokerId(2)].alive);
    let partitions = &changed.topics[&"orders".into()].partitions;
    assert_eq!(partitions[0].leader, Some(BrokerId(0)));
    assert_eq!((partitions[1].leader, partitions[1].isr.clone()), (Some(BrokerId(1)), vec![BrokerId(1)]));
    assert_eq!(partitions[1].offline, [BrokerId(2)]);
}

#[test]
fn scaling_leaves_other_files_and_capacities_alone() {
    let mut observation = seen();
    let broker = observation.brokers.get_mut(&BrokerId(0)).expect("it is there");
    broker.capacity.disk_bytes = None;
    broker.log_dirs = vec![LogDir {
        path: "/d".to_owned(),
        total_bytes: Some(Bytes(500 * GB)),
        usable_bytes: Some(Bytes(360 * GB)),
        online: true,
    }];
    let orders = observation.topics.get_mut(&"orders".into()).expect("it is there");
    let replica = Replica { size_bytes: Some(Bytes(100 * GB)), log_dir: Some("/d".to_owned()), future: None };
    orders.partitions[0].on_disk.insert(BrokerId(0), replica);
    for factor in [0.5, 1.0, 3.0, 20.0] {
        let scenario = Scenario { scale: Some(factor), ..Scenario::default() };
        let model = ClusterModel::build(&scenario.apply(&observation).expect("it can be")).expect("sound");
        let sums = Sums::new(&model, &model.placement);
        let broker = model.broker(BrokerId(0)).expect("it is there");
        assert_eq!(whole_bytes(sums.get(broker, Resource::Disk)), whole_bytes(factor * 1e11));
        assert_eq!(whole_bytes(model.brokers[0].other_disk_bytes), Bytes(40 * GB), "times {factor}");
        assert_eq!(model.brokers[0].capacity[0].map(whole_bytes), Some(Bytes(500 * GB)), "times {factor}");
    }
    let only =
        Scenario { scale_topics: vec![("cl.*".parse().expect("a pattern"), 2.0)], ..Scenario::default() };
    let changed = only.apply(&observation).expect("it can be");
    assert_eq!(changed.topics[&"clicks".into()].partitions[0].size_bytes, Some(Bytes(60 * GB)));
    assert_eq!(changed.topics[&"orders".into()].partitions[0].size_bytes, Some(Bytes(100 * GB)));
}

#[test]
fn what_cannot_be_is_named_with_a_hint() {
    let wrong = |scenario: Scenario| scenario.apply(&seen()).expect_err("it cannot be");
    let rack = wrong(Scenario { lose_racks: vec!["bb".into()], ..Scenario::default() });
    assert_eq!(
        (rack.to_string().as_str(), rack.hint()),
        ("rack `bb` does not exist in this cluster", "did you mean `b`?")
    );
    let broker = wrong(Scenario { remove: vec![BrokerId(9)], ..Scenario::default() });
    assert_eq!(broker, ScenarioError::UnknownBroker(BrokerId(9)));
    let topics = vec![("order".parse().expect("a pattern"), 2.0)];
    let topic = wrong(Scenario { scale_topics: topics, ..Scenario::default() });
    assert_eq!(topic.hint(), "did you mean `orders`?");
    let all = Scenario { lose_racks: vec!["a".into()], remove: vec![BrokerId(2)], ..Scenario::default() };
    assert_eq!(wrong(all), ScenarioError::NothingLeft);
}

#[test]
fn growth_compounds_by_thirty_days() {
    assert!((growth_factor(10.0, 60) - 1.21).abs() < 1e-12);
    assert!((growth_factor(10.0, 0) - 1.0).abs() < 1e-12);
}
