//! Every command does over the wire what it does in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use evenkeel::base::{BrokerId, TopicName, TopicPartition};
use evenkeel::control::{JournalError, Permit, World, WorldError};
use evenkeel::edge::kafka::NewTopic;
use evenkeel::edge::sim::{SimCluster, SimSpec, SimWorld};
use evenkeel::execute::{Answer, Command, Setting};
use evenkeel::observe::ThrottledReplicas;

use crate::{connect, frozen, timeless};

/// Carries commands out on two equal clusters, one by each face, and compares answers and what has become of them.
#[track_caller]
fn assert_same(cluster: &SimCluster, commands: &[Command]) -> Vec<Vec<String>> {
    let server = frozen(cluster.clone());
    // The listeners' addresses are part of the cluster.
    let mut in_memory = SimWorld::of(server.with(|cluster| cluster.clone()));
    let mut over_the_wire = connect(&server);
    let mut codes = Vec::new();
    for command in commands {
        let here = in_memory.perform(command).unwrap();
        let there = over_the_wire.perform(command).unwrap();
        let plain = |answer: &evenkeel::execute::Answer| -> Vec<(String, String)> {
            let refused = answer.refused.iter();
            refused.map(|refusal| (refusal.subject.clone(), refusal.code.clone())).collect()
        };
        let subjects = |mut refused: Vec<(String, String)>| {
            refused.sort();
            refused
        };
        assert_eq!(subjects(plain(&there)), subjects(plain(&here)), "{command:?}");
        // Whatever is due at this very moment is done, as it is before the next look over the wire.
        in_memory.sleep(std::time::Duration::ZERO);
        assert_eq!(server.with(|cluster| cluster.digest()), in_memory.cluster().digest(), "{command:?}");
        codes.push(here.refused.into_iter().map(|refusal| refusal.code).collect());
    }
    codes
}

fn cluster() -> (SimCluster, Vec<(TopicPartition, Vec<BrokerId>)>) {
    let cluster = SimCluster::new(&timeless(SimSpec::small(1))).unwrap();
    let lists = cluster.observe(false, None);
    let lists = lists.partitions().map(|(name, _, partition)| (name, partition.replicas.clone())).collect();
    (cluster, lists)
}

fn other_than(list: &[BrokerId]) -> BrokerId {
    (0..6).map(BrokerId).find(|broker| !list.contains(broker)).unwrap()
}

#[test]
fn reassigning_and_cancelling() {
    let (cluster, lists) = cluster();
    let moved = |list: &[BrokerId]| [&[other_than(list)][..], &list[1..]].concat();
    let all: BTreeMap<_, _> = lists.iter().map(|(name, list)| (name.clone(), moved(list))).collect();
    let mut wrong: BTreeMap<_, _> =
        all.iter().take(1).map(|(name, list)| (name.clone(), list.clone())).collect();
    wrong.insert(lists[1].0.clone(), vec![BrokerId(77)]);
    wrong.insert(lists[2].0.clone(), vec![BrokerId(1), BrokerId(1)]);
    wrong.insert(TopicPartition::new("nowhere", 3), vec![BrokerId(1)]);
    let some: BTreeSet<_> = lists.iter().step_by(3).map(|(name, _)| name.clone()).collect();
    let codes = assert_same(
        &cluster,
        &[
            Command::Reassign(wrong),
            Command::Reassign(all.clone()),
            Command::Reassign(all),
            Command::CancelReassignments(some.clone()),
            Command::CancelReassignments(some.iter().take(2).cloned().collect()),
        ],
    );
    let invalid = "INVALID_REPLICA_ASSIGNMENT";
    let mut refused = codes[0].clone();
    refused.sort();
    assert_eq!(refused, [invalid, invalid, "UNKNOWN_TOPIC_OR_PARTITION"]);
    assert_eq!((codes[1].len(), codes[2].len(), codes[3].len()), (0, 0, 0));
    assert_eq!(codes[4], ["NO_REASSIGNMENT_IN_PROGRESS"; 2]);
}

#[test]
fn electing() {
    let (mut cluster, lists) = cluster();
    cluster.restart_broker(BrokerId(0), std::time::Duration::from_secs(1));
    cluster.advance(std::time::Duration::from_secs(60));
    cluster.kill_broker(BrokerId(5));
    cluster.advance(std::time::Duration::from_secs(60));
    let all: BTreeSet<_> = lists.iter().map(|(name, _)| name.clone()).collect();
    let drifted = |cluster: &SimCluster| {
        let all = cluster.partitions();
        all.filter(|partition| partition.leader() != partition.replicas().first().copied()).count()
    };
    let before = drifted(&cluster);
    let codes = assert_same(&cluster, &[Command::ElectPreferredLeaders(all)]);
    assert!(!codes[0].is_empty() && codes[0].len() < before);
    assert!(codes[0].iter().all(|code| code == "PREFERRED_LEADER_NOT_AVAILABLE"), "{codes:?}");
}

#[test]
fn throttling() {
    let (cluster, lists) = cluster();
    let topic = lists[0].0.topic.clone();
    let list: ThrottledReplicas =
        ThrottledReplicas::Some(BTreeSet::from([(0, BrokerId(1)), (0, BrokerId(3)), (2, BrokerId(4))]));
    let keep = || Setting::Keep;
    let commands = [
        Command::ThrottleBroker {
            broker: BrokerId(1),
            leader: Setting::Set(5_000_000),
            follower: Setting::Set(6_000_000),
            log_dirs: Setting::Set(7_000_000),
        },
        Command::ThrottleBroker {
            broker: BrokerId(1),
            leader: Setting::Clear,
            follower: keep(),
            log_dirs: keep(),
        },
        Command::ThrottleTopic { topic: topic.clone(), leader: Setting::Set(list), follower: Setting::Clear },
        Command::ThrottleTopic {
            topic: topic.clone(),
            leader: Setting::Keep,
            follower: Setting::Set(ThrottledReplicas::All),
        },
        Command::ThrottleTopic { topic, leader: Setting::Clear, follower: Setting::Clear },
        Command::ThrottleTopic {
            topic: TopicName::from("nowhere"),
            leader: Setting::Clear,
            follower: Setting::Clear,
        },
    ];
    let codes = assert_same(&cluster, &commands);
    assert!(codes[..5].iter().all(Vec::is_empty), "{codes:?}");
    assert_eq!(codes[5], ["UNKNOWN_TOPIC_OR_PARTITION"]);
}

/// Only the controller takes settings for a broker that is down, on its own listener.
#[test]
fn throttling_a_dead_broker() {
    let (mut cluster, _) = cluster();
    cluster.kill_broker(BrokerId(2));
    cluster.advance(std::time::Duration::from_secs(10));
    let rate = |leader| Command::ThrottleBroker {
        broker: BrokerId(2),
        leader,
        follower: Setting::Keep,
        log_dirs: Setting::Keep,
    };
    let codes = assert_same(&cluster, &[rate(Setting::Set(1)), rate(Setting::Clear)]);
    assert_eq!(codes, [Vec::<String>::new(), Vec::new()]);
}

#[test]
fn moving_between_log_dirs() {
    let (cluster, lists) = cluster();
    let (name, list) = &lists[0];
    let to = |broker: BrokerId, path: &str| Command::MoveLogDirs {
        broker,
        moves: BTreeMap::from([(name.clone(), path.to_owned())]),
    };
    let codes = assert_same(
        &cluster,
        &[
            to(list[0], "/data/1"),
            to(list[0], "/data/2"),
            to(list[0], "/elsewhere"),
            to(other_than(list), "/data/2"),
        ],
    );
    assert_eq!(codes[..2], [Vec::<String>::new(), Vec::new()]);
    assert_eq!(codes[2], ["LOG_DIR_NOT_FOUND"]);
    assert_eq!(codes[3].len(), 1);
}

#[test]
fn topics_are_made_and_deleted() {
    let (cluster, _) = cluster();
    let server = frozen(cluster);
    let world = connect(&server);
    let name = TopicName::from("made");
    let lists: Vec<Vec<BrokerId>> = vec![vec![BrokerId(0), BrokerId(1)], vec![BrokerId(4), BrokerId(2)]];
    let topic = NewTopic { assignment: lists.clone(), ..NewTopic::default() };
    world.ask(world.client().create_topic(&name, &topic)).unwrap();
    let made = server.with(|cluster| cluster.observe(false, None)).topics[&name].clone();
    let found: Vec<_> = made.partitions.iter().map(|partition| partition.replicas.clone()).collect();
    assert_eq!(found, lists);
    let again = world.ask(world.client().create_topic(&name, &topic)).unwrap_err();
    assert!(again.to_string().contains("TOPIC_ALREADY_EXISTS"), "{again}");
    world.ask(world.client().delete_topic(&name)).unwrap();
    assert!(server.with(|cluster| cluster.topic(&name).is_none()));
}

/// The throttles of several brokers and topics, one of them absent.
fn throttles(cluster: &SimCluster) -> Vec<Command> {
    let seen = cluster.observe(false, None);
    let rates = seen.brokers.keys().map(|broker| Command::ThrottleBroker {
        broker: *broker,
        leader: Setting::Set(5_000_000 + u64::from(broker.0.unsigned_abs())),
        follower: Setting::Set(6_000_000),
        log_dirs: Setting::Keep,
    });
    let names = seen.topics.keys().take(4).cloned().chain([TopicName::from("nowhere")]);
    let lists = names.map(|topic| Command::ThrottleTopic {
        topic,
        leader: Setting::Set(ThrottledReplicas::All),
        follower: Setting::Clear,
    });
    // As a turn puts them: brokers first. Then some that change nothing.
    let nothing = Command::ThrottleTopic {
        topic: TopicName::from("idle"),
        leader: Setting::Keep,
        follower: Setting::Keep,
    };
    rates.chain(lists).chain([nothing]).collect()
}

#[test]
fn several_at_once_do_what_they_do_one_by_one() {
    let (cluster, _) = cluster();
    let server = frozen(cluster.clone());
    let mut in_memory = SimWorld::of(server.with(|cluster| cluster.clone()));
    let mut over_the_wire = connect(&server);
    let commands = throttles(&cluster);
    let there = over_the_wire.perform_all(&commands, &Permit::for_ever());
    let here = in_memory.perform_all(&commands, &Permit::for_ever());
    let codes = |answers: Vec<Result<Answer, WorldError>>| -> Vec<Vec<String>> {
        let answers = answers.into_iter().map(Result::unwrap);
        answers.map(|answer| answer.refused.into_iter().map(|refusal| refusal.code).collect()).collect()
    };
    let there = codes(there);
    assert_eq!(there.len(), commands.len());
    assert_eq!(there[commands.len() - 2], ["UNKNOWN_TOPIC_OR_PARTITION"], "in their order: {there:?}");
    assert_eq!(there.concat().len(), 1, "{there:?}");
    assert_eq!(there[..commands.len() - 1], codes(here)[..commands.len() - 1]);
    in_memory.sleep(std::time::Duration::ZERO);
    let throttles = |cluster: &SimCluster| {
        let seen = cluster.observe(false, None);
        let rates: Vec<_> = seen.brokers.values().map(|broker| broker.throttle).collect();
        let lists: Vec<_> = seen.topics.values().map(|topic| topic.throttle.clone()).collect();
        (rates, lists)
    };
    assert_eq!(server.with(|cluster| throttles(cluster)), throttles(in_memory.cluster()));
}

/// A process that is suspended in the middle of a group has its permit asked again when it wakes.
#[test]
fn what_loses_its_permit_in_the_middle_of_a_group_does_not_leave() {
    let (cluster, _) = cluster();
    let commands = throttles(&cluster);
    for allowed in 0..=6 {
        let server = frozen(cluster.clone());
        let mut over_the_wire = connect(&server);
        let before = server.with(|cluster| cluster.digest());
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let permit = Permit::by(move || {
            let lost = counted.fetch_add(1, Ordering::SeqCst) >= allowed;
            if lost { Err(JournalError::Fenced("the other".to_owned())) } else { Ok(()) }
        });
        let answers = over_the_wire.perform_all(&commands, &permit);
        let withheld = WorldError::Withheld(JournalError::Fenced("the other".to_owned()));
        let sent = answers.iter().take(6).filter(|answer| answer.is_ok()).count();
        let topics = answers[6..11].iter().filter(|answer| answer.is_ok()).count();
        assert!(topics == 0 || topics == 5, "one request holds them all: {answers:?}");
        assert_eq!(sent + topics / 5, allowed, "{answers:?}");
        assert!(answers.iter().all(|answer| answer.as_ref().err().is_none_or(|error| *error == withheld)));
        assert_eq!(asked.load(Ordering::SeqCst), 7, "each request asked, and none twice");
        let throttled = server.with(|cluster| {
            let seen = cluster.observe(false, None);
            seen.brokers.values().filter(|broker| !broker.throttle.is_clear()).count()
        });
        assert_eq!(throttled, sent);
        assert_eq!(allowed == 0, server.with(|cluster| cluster.digest()) == before);
        // Its connections are of use as before.
        assert_eq!(over_the_wire.perform(&commands[0]).unwrap(), Answer::default());
    }
}
