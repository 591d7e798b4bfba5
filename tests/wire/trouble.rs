//! The client among brokers that die, refuse, lose answers and hand the controller's role around.

use std::collections::BTreeMap;

use evenkeel::base::{BrokerId, TopicPartition};
use evenkeel::control::{Scope, World};
use evenkeel::edge::kafka::LogEnd;
use evenkeel::edge::sim::{BrokerSpec, Fault, SimCluster, SimServer, SimSpec};
use evenkeel::execute::Command;
use kafka_protocol::ResponseError;

use crate::{connect, frozen};

fn a_move(server: &SimServer) -> (TopicPartition, Command) {
    let seen = server.with(|cluster| cluster.observe(false, None));
    let (name, _, partition) = seen.partitions().next().unwrap();
    let fresh = seen.brokers.keys().find(|broker| !partition.replicas.contains(broker)).unwrap();
    let list = [&[*fresh][..], &partition.replicas[1..]].concat();
    (name.clone(), Command::Reassign(BTreeMap::from([(name, list)])))
}

fn is_reassigning(server: &SimServer, which: &TopicPartition) -> bool {
    server.with(|cluster| cluster.partition(which).unwrap().is_reassigning())
}

#[test]
fn a_retriable_refusal_is_tried_again() {
    let server = frozen(SimCluster::new(&SimSpec::small(1)).unwrap());
    let mut world = connect(&server);
    let (which, command) = a_move(&server);
    let fault = Fault::RefuseRequests { count: 2, error: ResponseError::RequestTimedOut };
    server.with(|cluster| cluster.inject(fault));
    assert!(world.perform(&command).unwrap().refused.is_empty());
    assert!(is_reassigning(&server, &which));
}

#[test]
fn a_lost_answer_leaves_the_cluster_changed() {
    let server = frozen(SimCluster::new(&SimSpec::small(1)).unwrap());
    let mut world = connect(&server);
    let (which, command) = a_move(&server);
    server.with(|cluster| cluster.inject(Fault::LoseAnswers(1)));
    // Whether the client tries again or says that it does not know: the command was carried out, and may be again.
    drop(world.perform(&command));
    assert!(is_reassigning(&server, &which));
    assert!(world.perform(&command).unwrap().refused.is_empty());
}

#[test]
fn the_controller_is_followed_when_it_moves() {
    let mut spec = SimSpec::small(2);
    spec.forwards_to_controller = false;
    let server = frozen(SimCluster::new(&spec).unwrap());
    let mut world = connect(&server);
    let (which, command) = a_move(&server);
    assert!(world.perform(&command).unwrap().refused.is_empty());
    for controller in [3, 5, 0] {
        server.with(|cluster| cluster.inject(Fault::MoveController(BrokerId(controller))));
        let cancel = Command::CancelReassignments([which.clone()].into());
        assert!(world.perform(&cancel).unwrap().refused.is_empty(), "controller {controller}");
        assert!(!is_reassigning(&server, &which));
        assert!(world.perform(&command).unwrap().refused.is_empty(), "controller {controller}");
    }
}

/// Real brokers with `KRaft` name any living broker, another one each time. Whoever took that for a change of the
/// controller would never act.
#[test]
fn whom_brokers_name_with_kraft_is_no_controller() {
    let server = frozen(SimCluster::new(&SimSpec::small(2)).unwrap());
    let mut world = connect(&server);
    for named in [3, 5, 0] {
        server.with(|cluster| cluster.inject(Fault::MoveController(BrokerId(named))));
        assert_eq!(world.observe(&Scope::Full).unwrap().controller, None);
    }
}

#[test]
fn a_broker_that_dies_is_a_gap_and_its_return_is_seen() {
    let server = frozen(SimCluster::new(&SimSpec::small(3)).unwrap());
    let mut world = connect(&server);
    assert!(world.observe(&Scope::Full).unwrap().gaps.is_empty());
    server.with(|cluster| {
        cluster.kill_broker(BrokerId(2));
        cluster.advance(std::time::Duration::from_secs(10));
    });
    let seen = world.observe(&Scope::Full).unwrap();
    assert!(!seen.brokers[&BrokerId(2)].alive && seen.brokers[&BrokerId(2)].log_dirs.is_empty());
    assert!(seen.gaps.iter().all(|gap| gap.subject == "2") && !seen.gaps.is_empty());
    server.with(|cluster| {
        cluster.start_broker(BrokerId(2));
        cluster.advance(std::time::Duration::from_secs(10));
    });
    let seen = world.observe(&Scope::Full).unwrap();
    assert!(seen.brokers[&BrokerId(2)].alive && seen.gaps.is_empty(), "{:?}", seen.gaps);
}

#[test]
fn a_new_broker_is_found() {
    let mut server = frozen(SimCluster::new(&SimSpec::small(4)).unwrap());
    let mut world = connect(&server);
    server.add_broker(&BrokerSpec::new(6, "az-0", 1 << 40, 1 << 27)).unwrap();
    let seen = world.observe(&Scope::Full).unwrap();
    assert_eq!(seen.brokers.len(), 7);
    assert_eq!(seen.brokers[&BrokerId(6)].log_dirs.len(), 1);
    assert!(server.add_broker(&BrokerSpec::new(6, "az-0", 1, 1)).is_err());
}

#[test]
fn offsets_come_from_the_leaders_alone() {
    let server = frozen(SimCluster::new(&SimSpec::small(5)).unwrap());
    let world = connect(&server);
    let seen = server.with(|cluster| cluster.observe(false, None));
    let leaders: BTreeMap<_, _> =
        seen.partitions().map(|(name, _, partition)| (name, partition.leader.unwrap())).collect();
    let (ends, refused) = world.ask(world.client().list_offsets(&leaders, LogEnd::Latest)).unwrap();
    let (starts, _) = world.ask(world.client().list_offsets(&leaders, LogEnd::Earliest)).unwrap();
    assert!(refused.refused.is_empty());
    for (name, _, partition) in seen.partitions() {
        let held = partition.size_on(partition.leader.unwrap()).unwrap().0;
        assert_eq!(u64::try_from(ends[&name] - starts[&name]).unwrap(), held, "{name}");
    }
    let wrong: BTreeMap<_, _> =
        seen.partitions().map(|(name, _, partition)| (name, partition.replicas[2])).collect();
    let mistaken = wrong.iter().filter(|(name, broker)| leaders[name] != **broker).count();
    let (_, refused) = world.ask(world.client().list_offsets(&wrong, LogEnd::Latest)).unwrap();
    assert_eq!(refused.refused.len(), mistaken);
}

/// With a running clock, a move that takes minutes of virtual time is over in a moment of wall time.
#[test]
fn virtual_time_runs_with_the_wall_clock_times_a_factor() {
    let server = SimServer::start(SimCluster::new(&SimSpec::small(6)).unwrap(), 5_000.0).unwrap();
    let mut world = connect(&server);
    let (which, command) = a_move(&server);
    assert!(world.perform(&command).unwrap().refused.is_empty());
    while world.observe(&Scope::Full).unwrap().reassignments.contains_key(&which) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    server.set_speed(0.0).unwrap();
    let then = server.with(|cluster| cluster.elapsed());
    assert!(then > std::time::Duration::from_secs(1));
    assert_eq!(server.with(|cluster| cluster.elapsed()), then);
    assert!(server.set_speed(f64::NAN).is_err());
}
