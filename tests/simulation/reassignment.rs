//! Reassignments and elections, as Kafka's controller does them.

use evenkeel::base::TopicPartition;
use evenkeel::edge::sim::SimEvent;
use kafka_protocol::ResponseError;

use crate::support::{cluster, four_brokers, ids, orders, seconds, stands, time_to_finish};

#[test]
fn it_is_listed_target_first_and_ends_when_the_new_replica_is_in_sync() {
    let mut cluster = cluster(&four_brokers());
    cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
    assert_eq!(stands(&cluster, 0), (vec![4, 2, 3, 1], vec![1, 2, 3], Some(1)));
    let partition = cluster.partition(&orders(0)).unwrap();
    assert_eq!((partition.adding(), partition.removing()), (&ids(&[4])[..], &ids(&[1])[..]));

    let took = time_to_finish(&mut cluster);
    // 1 GB through 100 MB/s.
    assert!((9.9..10.2).contains(&took), "took {took} s");
    // The old leader is gone; the first in-sync replica of the list leads.
    assert_eq!(stands(&cluster, 0), (vec![4, 2, 3], vec![2, 3, 4], Some(4)));
    assert!(cluster.take_events().contains(&SimEvent::Reassigned(orders(0))));
}

#[test]
fn it_waits_for_all_of_several_new_replicas() {
    let mut cluster = cluster(&four_brokers());
    cluster.reassign(&orders(0), &ids(&[4])).unwrap();
    assert_eq!(stands(&cluster, 0).0, [4, 1, 2, 3]);
    cluster.advance(seconds(11));
    assert_eq!(stands(&cluster, 0), (vec![4], vec![4], Some(4)));

    cluster.reassign(&orders(0), &ids(&[4, 1, 2])).unwrap();
    assert_eq!(cluster.partition(&orders(0)).unwrap().adding(), ids(&[1, 2]));
    // Both copies leave broker 4, so each gets half of its network.
    cluster.advance(seconds(19));
    assert!(cluster.partition(&orders(0)).unwrap().is_reassigning());
    cluster.advance(seconds(2));
    assert_eq!(stands(&cluster, 0), (vec![4, 1, 2], vec![1, 2, 4], Some(4)));
}

#[test]
fn another_order_of_the_same_brokers_is_no_reassignment_and_moves_no_leader() {
    let mut cluster = cluster(&four_brokers());
    cluster.reassign(&orders(0), &ids(&[3, 2, 1])).unwrap();
    assert_eq!(stands(&cluster, 0), (vec![3, 2, 1], vec![1, 2, 3], Some(1)));
    assert!(!cluster.partition(&orders(0)).unwrap().is_reassigning());

    cluster.elect_preferred(&orders(0)).unwrap();
    assert_eq!(stands(&cluster, 0).2, Some(3));
    let again = cluster.elect_preferred(&orders(0)).unwrap_err();
    assert_eq!(again.error, ResponseError::ElectionNotNeeded);
}

#[test]
fn removing_replicas_alone_is_done_at_once() {
    let mut cluster = cluster(&four_brokers());
    cluster.reassign(&orders(0), &ids(&[2, 3])).unwrap();
    assert_eq!(stands(&cluster, 0), (vec![2, 3], vec![2, 3], Some(2)));
}

/// As seen on real brokers: 1,2,3 -> 4,2,3, cancelled, is 2,3,1; and 1,3,2 -> 3,4,1 is 3,1,2.
#[test]
fn a_cancelled_reassignment_comes_back_in_another_order() {
    let mut cluster = cluster(&four_brokers());
    cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
    cluster.reassign(&orders(1), &ids(&[3, 4, 1])).unwrap();
    cluster.advance(seconds(3));
    cluster.cancel_reassignment(&orders(0)).unwrap();
    cluster.cancel_reassignment(&orders(1)).unwrap();
    assert_eq!(stands(&cluster, 0), (vec![2, 3, 1], vec![1, 2, 3], Some(1)));
    assert_eq!(stands(&cluster, 1), (vec![3, 1, 2], vec![1, 2, 3], Some(1)));
    let again = cluster.cancel_reassignment(&orders(0)).unwrap_err();
    assert_eq!(again.error, ResponseError::NoReassignmentInProgress);

    // What was copied so far stays on the disk until the delete delay has passed.
    let on_four = |cluster: &evenkeel::edge::sim::SimCluster| -> u64 {
        let used = cluster.used_bytes();
        used.iter().filter(|((broker, _), _)| broker.0 == 4).map(|(_, bytes)| bytes).sum()
    };
    assert!(on_four(&cluster) > 200_000_000);
    cluster.advance(seconds(61));
    assert_eq!(on_four(&cluster), 0);
}

#[test]
fn a_reassignment_onto_a_dead_broker_never_ends() {
    let mut cluster = cluster(&four_brokers());
    cluster.kill_broker(ids(&[4])[0]);
    cluster.advance(seconds(10));
    cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
    cluster.advance(seconds(86_400));
    assert!(cluster.partition(&orders(0)).unwrap().is_reassigning());
    assert_eq!(stands(&cluster, 0), (vec![4, 2, 3, 1], vec![1, 2, 3], Some(1)));

    let refused = cluster.elect_preferred(&orders(0)).unwrap_err();
    assert_eq!(refused.error, ResponseError::PreferredLeaderNotAvailable);

    cluster.start_broker(ids(&[4])[0]);
    let took = time_to_finish(&mut cluster);
    assert!((16.4..16.8).contains(&took), "boot of 6.5 s and 10 s of copying took {took} s");
}

/// Read off the controllers' code: up to 4.2 every replica of the target must be in sync, from 4.3 on only new ones.
#[test]
fn whether_it_waits_for_a_dead_replica_that_stays_depends_on_the_version() {
    for (version, ends) in [("3.9.1", false), ("4.2.0", false), ("4.3.1", true), ("4.10.0", true)] {
        let mut spec = four_brokers();
        spec.kafka_version = version.to_owned();
        let mut cluster = cluster(&spec);
        cluster.kill_broker(ids(&[3])[0]);
        cluster.advance(seconds(10));
        cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
        cluster.advance(seconds(100));
        assert!(stands(&cluster, 0).1.contains(&4));
        assert_eq!(cluster.partition(&orders(0)).unwrap().is_reassigning(), !ends, "{version}");
        // A smaller replication factor is reached only when all that stay are in sync.
        cluster.reassign(&orders(1), &ids(&[3])).unwrap();
        cluster.advance(seconds(100));
        assert!(cluster.partition(&orders(1)).unwrap().is_reassigning(), "{version}");
    }
}

#[test]
fn asking_twice_for_the_same_changes_nothing() {
    let mut cluster = cluster(&four_brokers());
    cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
    cluster.advance(seconds(5));
    cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
    let partition = cluster.partition(&orders(0)).unwrap();
    assert_eq!((partition.adding(), partition.removing()), (&ids(&[4])[..], &ids(&[1])[..]));
    let took = time_to_finish(&mut cluster);
    assert!((4.9..5.2).contains(&took), "took another {took} s");
}

#[test]
fn another_target_on_the_way_replaces_the_first() {
    let mut spec = four_brokers();
    spec.brokers.push(evenkeel::edge::sim::BrokerSpec::new(5, "az-2", 1 << 40, 100_000_000));
    let mut cluster = cluster(&spec);
    cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
    cluster.advance(seconds(5));
    cluster.reassign(&orders(0), &ids(&[5, 2, 3])).unwrap();
    let partition = cluster.partition(&orders(0)).unwrap();
    assert_eq!(partition.replicas(), ids(&[5, 2, 3, 1, 4]));
    assert_eq!((partition.adding(), partition.removing()), (&ids(&[5])[..], &ids(&[1, 4])[..]));
    cluster.advance(seconds(60));
    assert_eq!(stands(&cluster, 0), (vec![5, 2, 3], vec![2, 3, 5], Some(5)));
}

#[test]
fn wrong_lists_and_names_are_refused_with_kafkas_codes() {
    let mut cluster = cluster(&four_brokers());
    let invalid = ResponseError::InvalidReplicaAssignment;
    for list in [&[][..], &[1, 1, 2], &[1, 2, 99]] {
        assert_eq!(cluster.reassign(&orders(0), &ids(list)).unwrap_err().error, invalid);
    }
    let unknown = ResponseError::UnknownTopicOrPartition;
    assert_eq!(cluster.reassign(&orders(2), &ids(&[1])).unwrap_err().error, unknown);
    assert_eq!(cluster.elect_preferred(&TopicPartition::new("none", 0)).unwrap_err().error, unknown);
    assert_eq!(cluster.cancel_reassignment(&orders(-1)).unwrap_err().error, unknown);
    assert!(cluster.take_events().is_empty());
}
