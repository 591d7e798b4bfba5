//! What happens when brokers, disks and networks fail, and when other tools meddle.

use std::collections::BTreeSet;

use evenkeel::base::BrokerId;
use evenkeel::control::{Scope, World, WorldError};
use evenkeel::edge::sim::{Fault, SimEvent, SimWorld};
use evenkeel::execute::Command;
use evenkeel::observe::GapKind;

use crate::support::{MB, cluster, four_brokers, ids, orders, seconds, stands};

#[test]
fn a_dead_leader_is_followed_by_an_in_sync_replica_once_the_session_ends() {
    let mut cluster = cluster(&four_brokers());
    cluster.kill_broker(BrokerId(1));
    cluster.advance(seconds(8));
    assert_eq!(stands(&cluster, 0), (vec![1, 2, 3], vec![1, 2, 3], Some(1)));
    cluster.advance(seconds(2));
    assert_eq!(stands(&cluster, 0), (vec![1, 2, 3], vec![2, 3], Some(2)));
    assert_eq!(stands(&cluster, 1), (vec![1, 3, 2], vec![2, 3], Some(3)));

    // It comes back, has missed nothing, and does not take leadership by itself.
    cluster.start_broker(BrokerId(1));
    cluster.advance(seconds(7));
    assert_eq!(stands(&cluster, 0), (vec![1, 2, 3], vec![1, 2, 3], Some(2)));
    cluster.elect_preferred(&orders(0)).unwrap();
    assert_eq!(stands(&cluster, 0).2, Some(1));
}

#[test]
fn a_broker_that_returns_catches_up_with_what_was_produced_meanwhile() {
    let mut spec = four_brokers();
    spec.topics[0].partitions[0].produce_bytes_per_s = 10 * MB;
    spec.topics[0].partitions[0].retention_bytes = 100_000 * MB;
    let mut cluster = cluster(&spec);
    cluster.restart_broker(BrokerId(2), seconds(83) + std::time::Duration::from_millis(500));
    cluster.advance(seconds(90));
    assert_eq!(stands(&cluster, 0).1, [1, 3]);
    // 900 MB behind, 90 MB/s of network left on the leader's side less what another follower takes, 10 MB/s to chase.
    cluster.advance(seconds(10));
    assert_eq!(stands(&cluster, 0).1, [1, 3]);
    cluster.advance(seconds(3));
    assert_eq!(stands(&cluster, 0).1, [1, 2, 3]);
}

#[test]
fn the_last_in_sync_replica_is_kept_and_nobody_else_may_lead() {
    let mut spec = four_brokers();
    spec.topics[0].partitions[0].produce_bytes_per_s = MB;
    let mut cluster = cluster(&spec);
    for id in [2, 3, 1] {
        cluster.kill_broker(BrokerId(id));
        cluster.advance(seconds(10));
    }
    assert_eq!(stands(&cluster, 0), (vec![1, 2, 3], vec![1], None));
    assert!(cluster.take_events().contains(&SimEvent::ProduceRefused(orders(0))));
    cluster.start_broker(BrokerId(2));
    cluster.advance(seconds(60));
    assert_eq!(stands(&cluster, 0), (vec![1, 2, 3], vec![1], None));
    cluster.start_broker(BrokerId(1));
    cluster.advance(seconds(60));
    assert_eq!(stands(&cluster, 0), (vec![1, 2, 3], vec![1, 2], Some(1)));
}

#[test]
fn a_full_disk_goes_offline_and_its_replicas_with_it() {
    let mut spec = four_brokers();
    spec.brokers[1].log_dirs[0].total_bytes = 1_100 * MB;
    spec.brokers[1].log_dirs[1].total_bytes = 1_100 * MB;
    spec.topics[0].partitions[0].produce_bytes_per_s = 10 * MB;
    spec.topics[0].partitions[0].retention_bytes = 5_000 * MB;
    let mut cluster = cluster(&spec);
    cluster.advance(seconds(60));
    let events = cluster.take_events();
    let offline = |event: &&SimEvent| matches!(event, SimEvent::LogDirOffline { full: true, .. });
    assert_eq!(events.iter().filter(offline).count(), 1);
    assert_eq!(stands(&cluster, 0).1, [1, 3]);
    let seen = cluster.observe(true, None);
    assert_eq!(seen.partition(&orders(0)).unwrap().offline, ids(&[2]));
    assert_eq!(seen.brokers[&BrokerId(2)].log_dirs.iter().filter(|dir| !dir.online).count(), 1);
}

#[test]
fn a_slow_disk_slows_the_copy() {
    let mut cluster = cluster(&four_brokers());
    cluster.inject(Fault::SlowDisk { broker: BrokerId(4), factor: 0.02 });
    cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
    let took = crate::support::time_to_finish(&mut cluster);
    assert!((99.0..101.0).contains(&took), "took {took} s");
}

#[test]
fn other_tools_may_meddle_at_a_set_time() {
    let mut cluster = cluster(&four_brokers());
    let fault = Fault::ForeignReassign { partition: orders(1), replicas: ids(&[4, 1, 2]) };
    cluster.inject_after(seconds(30), fault);
    cluster.advance(seconds(29));
    assert!(cluster.observe(true, None).reassignments.is_empty());
    cluster.advance(seconds(2));
    let seen = cluster.observe(true, None);
    assert_eq!(seen.reassignments[&orders(1)].target(), ids(&[4, 1, 2]));
}

#[test]
fn a_lost_answer_may_hide_that_the_command_was_carried_out() {
    let mut world = SimWorld::new(&four_brokers()).unwrap();
    world.cluster_mut().inject(Fault::LoseAnswers(1));
    let command = Command::Reassign([(orders(0), ids(&[4, 2, 3]))].into());
    let lost = world.perform(&command).unwrap_err();
    assert!(matches!(lost, WorldError::Unreachable { .. }));
    assert!(world.observe(&Scope::Full).unwrap().reassignments.contains_key(&orders(0)));
    assert!(world.perform(&command).unwrap().refused.is_empty());
}

#[test]
fn a_broker_that_does_not_answer_is_a_gap_and_then_dead() {
    let mut world = SimWorld::new(&four_brokers()).unwrap();
    world.cluster_mut().kill_broker(BrokerId(3));
    let seen = world.observe(&Scope::Full).unwrap();
    assert!(seen.brokers[&BrokerId(3)].alive && seen.has_gap(GapKind::LogDirs));
    world.sleep(seconds(10));
    let seen = world.observe(&Scope::Full).unwrap();
    assert!(!seen.brokers[&BrokerId(3)].alive && seen.has_gap(GapKind::LogDirs));
    let partition = seen.partition(&orders(0)).unwrap();
    assert_eq!((partition.offline.clone(), partition.isr.clone()), (ids(&[3]), ids(&[1, 2])));
    assert!(!partition.on_disk.contains_key(&BrokerId(3)));
}

#[test]
fn an_execution_scope_tells_only_the_sizes_asked_for() {
    let mut world = SimWorld::new(&four_brokers()).unwrap();
    let seen = world.observe(&Scope::Execution(BTreeSet::from([orders(1)]))).unwrap();
    assert!(seen.partition(&orders(0)).unwrap().on_disk.is_empty());
    assert_eq!(seen.partition(&orders(1)).unwrap().on_disk.len(), 3);
}

#[test]
fn commands_name_what_kafka_refuses() {
    let mut world = SimWorld::new(&four_brokers()).unwrap();
    let lists = [(orders(0), ids(&[4, 2, 3])), (orders(1), ids(&[99]))].into();
    let answer = world.perform(&Command::Reassign(lists)).unwrap();
    assert_eq!(answer.refused.len(), 1);
    assert_eq!(answer.refused[0].partition, Some(orders(1)));
    assert_eq!(answer.refused[0].code, "INVALID_REPLICA_ASSIGNMENT");
    let answer = world.perform(&Command::CancelReassignments([orders(1)].into())).unwrap();
    assert_eq!(answer.refused[0].code, "NO_REASSIGNMENT_IN_PROGRESS");
    // The right leader leads already: nothing was to be done, and that is no refusal.
    assert!(world.perform(&Command::ElectPreferredLeaders([orders(1)].into())).unwrap().refused.is_empty());
}

#[test]
fn a_wait_ends_when_a_person_asks_to_stop() {
    let mut world = SimWorld::new(&four_brokers()).unwrap();
    world.stop_after(seconds(100));
    world.sleep(seconds(3_600));
    assert_eq!((world.cluster().elapsed(), world.stop_requests()), (seconds(100), 1));
    world.sleep(seconds(10));
    assert_eq!(world.cluster().elapsed(), seconds(110));
}
