//! The wire client itself, request by request, against real brokers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use evenkeel::base::{BrokerId, Bytes, RackId, TopicName, TopicPartition};
use evenkeel::config::KafkaClientSettings;
use evenkeel::control::{Scope, World, WorldError};
use evenkeel::edge::kafka::{Clock, KafkaWorld, LogEnd, NewTopic, StopFlag};
use evenkeel::execute::{Command, Setting};
use evenkeel::observe::{BrokerThrottle, GapKind, Observation, ThrottledReplicas};

use crate::on_each_version;
use crate::support::lab::{Lab, Who};

pub fn connect(
    bootstrap: &str,
    properties: &BTreeMap<&'static str, String>,
) -> Result<KafkaWorld, WorldError> {
    let lines: Vec<String> = properties.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let (settings, warnings) =
        KafkaClientSettings::parse(&lines.join("\n"), Some(bootstrap)).expect("right settings");
    assert_eq!(warnings, []);
    KafkaWorld::connect(&settings, Clock::default(), StopFlag::default())
}

fn plain(lab: &Lab) -> KafkaWorld {
    connect(&lab.bootstrap(), &lab.client_settings(Who::Evenkeel)).unwrap_or_else(|error| panic!("{error}"))
}

fn look(world: &mut KafkaWorld) -> Observation {
    world.observe(&Scope::Full).unwrap_or_else(|error| panic!("{error}; {}", error.hint()))
}

/// Looks until the cluster is as wanted; ends the test when that takes too long.
fn look_until(world: &mut KafkaWorld, what: &str, is_so: impl Fn(&Observation) -> bool) -> Observation {
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        let seen = look(world);
        if is_so(&seen) {
            return seen;
        }
        assert!(Instant::now() < until, "waited in vain until {what}; last look: {seen:?}");
        world.sleep(Duration::from_millis(200));
    }
}

fn done(world: &mut KafkaWorld, command: &Command) {
    let answer = world.perform(command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert_eq!(answer.refused, [], "{command:?}");
}

fn refusals(world: &mut KafkaWorld, command: &Command) -> Vec<(String, String)> {
    let answer = world.perform(command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    answer.refused.into_iter().map(|refused| (refused.subject, refused.code)).collect()
}

fn brokers(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

fn partition(topic: &str, index: i32) -> TopicPartition {
    TopicPartition::new(topic, index)
}

#[test]
fn every_request_is_understood_by_real_brokers() {
    on_each_version(|version| {
        let mut lab = Lab::builder(version).start();
        lab.load_skewed();
        let mut world = plain(&lab);
        // Kafka tells the size of volumes from 3.3 on, and the way round a dead broker from 3.9 on.
        let is_older_than = |major, minor| release_of(version) < (major, minor);
        what_is_seen(&lab, &mut world, version, is_older_than(3, 3));
        topics_are_made_and_deleted(&mut world);
        throttles_are_set_and_cleared(&lab, &mut world);
        // One answer of a fetch passes whatever the throttle, and must not be all.
        lab.fill("orders", 2, 4_000_000);
        a_reassignment_is_seen_cancelled_and_done(&mut world);
        leaders_are_elected(&mut world);
        replicas_change_their_log_dirs(&mut world);
        a_dead_broker_is_seen_as_such(&mut lab, &mut world, is_older_than(3, 9));
    });
}

fn release_of(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().expect("a version"));
    (parts.next().expect("a major version"), parts.next().expect("a minor version"))
}

/// What is missing, but for the sizes of volumes.
fn gaps(seen: &Observation) -> Vec<(GapKind, &str)> {
    let told = seen.gaps.iter().filter(|gap| gap.kind != GapKind::DiskCapacity);
    told.map(|gap| (gap.kind, gap.subject.as_str())).collect()
}

fn what_is_seen(lab: &Lab, world: &mut KafkaWorld, version: &str, without_volumes: bool) {
    let seen = look(world);
    assert_eq!(gaps(&seen), []);
    assert_eq!(seen.gaps.len(), if without_volumes { 6 } else { 0 });
    assert_eq!(seen.brokers.keys().copied().collect::<Vec<_>>(), brokers(&[1, 2, 3, 4, 5, 6]));
    let release = seen.kafka_version.clone().unwrap_or_default();
    assert!(version.starts_with(&release) && !release.is_empty(), "{release} for {version}");
    for (id, broker) in &seen.brokers {
        assert_eq!(broker.rack.as_ref().map(RackId::as_str), Some(lab.rack_of(id.0)));
        assert!(broker.alive && broker.throttle.is_clear());
        assert_eq!(broker.log_dirs.len(), 2);
        assert!(broker.log_dirs.iter().all(|dir| dir.online));
        assert_eq!(broker.capacity.disk_bytes.is_none(), without_volumes);
        assert!(without_volumes || broker.log_dirs.iter().all(|dir| dir.total_bytes > dir.usable_bytes));
    }
    let by_librdkafka = lab.look();
    let all: Vec<_> = seen.partitions().collect();
    assert_eq!(all.len(), by_librdkafka.partitions.len());
    for (which, topic, found) in all {
        let theirs = &by_librdkafka.partitions[&(which.topic.as_str().to_owned(), which.partition)];
        assert_eq!(found.replicas, brokers(&theirs.replicas), "{which}");
        assert_eq!(found.leader, Some(BrokerId(theirs.leader)), "{which}");
        assert_eq!(found.isr.iter().map(|id| id.0).collect::<BTreeSet<_>>(), theirs.isr, "{which}");
        assert_eq!(topic.min_insync_replicas, Some(2));
        assert!(topic.id.is_some());
        for replica in &found.replicas {
            let on_disk = &found.on_disk[replica];
            assert!(on_disk.log_dir.is_some() && on_disk.future.is_none());
            assert!(
                on_disk.size_bytes > Some(Bytes::ZERO) || which.topic.as_str().starts_with("__"),
                "{which}"
            );
        }
    }
    let disk = lab.disk_bytes();
    let sum = |id: i32| {
        seen.partitions()
            .filter_map(|(_, _, found)| found.on_disk.get(&BrokerId(id))?.size_bytes)
            .sum::<Bytes>()
    };
    for (id, bytes) in disk {
        let told = sum(id).0;
        // The folders hold indexes besides the segments that Kafka counts.
        assert!(told > 0 && told <= bytes, "broker {id}: {told} told, {bytes} on disk");
    }
    let one = partition("orders", 3);
    let some = world.observe(&Scope::Execution(BTreeSet::from([one.clone()]))).expect("a look");
    let sized: Vec<_> = some
        .partitions()
        .filter(|(_, _, found)| !found.on_disk.is_empty())
        .map(|(which, ..)| which)
        .collect();
    assert_eq!(sized, [one]);
    assert_eq!(some.partitions().count(), seen.partitions().count());
    assert_eq!(gaps(&some), []);
}

fn topics_are_made_and_deleted(world: &mut KafkaWorld) {
    let name = TopicName::from("made");
    let topic = NewTopic {
        assignment: vec![brokers(&[1, 2, 3]), brokers(&[4, 5, 6])],
        configs: BTreeMap::from([("min.insync.replicas".to_owned(), "1".to_owned())]),
    };
    world.ask(world.client().create_topic(&name, &topic)).expect("made");
    let again = world.ask(world.client().create_topic(&name, &topic)).expect_err("it is there already");
    assert!(
        matches!(&again, WorldError::Refused { code: Some(code), .. } if code == "TOPIC_ALREADY_EXISTS"),
        "{again:?}"
    );
    let seen = look_until(world, "the topic is there", |seen| {
        seen.topics.get(&name).is_some_and(|topic| topic.partitions.iter().all(|part| part.isr.len() == 3))
    });
    assert_eq!(seen.topics[&name].min_insync_replicas, Some(1));
    assert_eq!(seen.topics[&name].partitions[1].replicas, brokers(&[4, 5, 6]));
    let leaders: BTreeMap<_, _> =
        (0..2).map(|index| (partition("made", index), BrokerId(1 + 3 * index))).collect();
    let (ends, refused) = world.ask(world.client().list_offsets(&leaders, LogEnd::Latest)).expect("offsets");
    assert!(refused.refused.is_empty());
    assert_eq!(ends.into_values().collect::<Vec<_>>(), [0, 0]);
    world.ask(world.client().delete_topic(&name)).expect("deleted");
    look_until(world, "the topic is gone", |seen| !seen.topics.contains_key(&name));
}

fn throttles_are_set_and_cleared(lab: &Lab, world: &mut KafkaWorld) {
    lab.set_config("brokers", "2", "leader.replication.throttled.rate=777");
    let rates = |leader, follower, log_dirs| BrokerThrottle {
        leader_bytes_per_s: leader,
        follower_bytes_per_s: follower,
        log_dirs_bytes_per_s: log_dirs,
    };
    look_until(world, "the other's throttle is seen", |seen| {
        seen.brokers[&BrokerId(2)].throttle == rates(Some(777), None, None)
    });
    let (keep, clear) = (Setting::Keep, Setting::Clear);
    let broker = BrokerId(2);
    let set = Command::ThrottleBroker {
        broker,
        leader: keep.clone(),
        follower: Setting::Set(1_000),
        log_dirs: Setting::Set(2_000),
    };
    done(world, &set);
    done(world, &set);
    let topic = TopicName::from("orders");
    let list = ThrottledReplicas::Some(BTreeSet::from([(0, BrokerId(1)), (3, BrokerId(2))]));
    done(
        world,
        &Command::ThrottleTopic {
            topic: topic.clone(),
            leader: Setting::Set(list.clone()),
            follower: Setting::Set(ThrottledReplicas::All),
        },
    );
    let seen = look_until(world, "the throttles are seen", |seen| {
        seen.brokers[&broker].throttle == rates(Some(777), Some(1_000), Some(2_000))
            && seen.topics[&topic].throttle.follower.is_some()
    });
    assert_eq!(seen.topics[&topic].throttle.leader, Some(list));
    assert_eq!(seen.topics[&topic].throttle.follower, Some(ThrottledReplicas::All));
    assert!(seen.brokers[&BrokerId(3)].throttle.is_clear());
    done(
        world,
        &Command::ThrottleBroker {
            broker,
            leader: clear.clone(),
            follower: clear.clone(),
            log_dirs: clear.clone(),
        },
    );
    let clear_topic =
        Command::ThrottleTopic { topic: topic.clone(), leader: Setting::Clear, follower: Setting::Clear };
    done(world, &clear_topic);
    done(world, &clear_topic);
    look_until(world, "no throttle is left", |seen| {
        seen.brokers.values().all(|broker| broker.throttle.is_clear())
            && seen.topics[&topic].throttle == evenkeel::observe::TopicThrottle::default()
    });
    assert_eq!(lab.throttle_settings(), Vec::<String>::new());
    let absent = Command::ThrottleTopic {
        topic: TopicName::from("absent"),
        leader: Setting::Clear,
        follower: Setting::Keep,
    };
    assert_eq!(
        refusals(world, &absent),
        [("topic absent".to_owned(), "UNKNOWN_TOPIC_OR_PARTITION".to_owned())]
    );
}

fn a_reassignment_is_seen_cancelled_and_done(world: &mut KafkaWorld) {
    let which = partition("orders", 2);
    let before = look(world).partition(&which).expect("it is there").replicas.clone();
    let other = brokers(&[1, 2, 3, 4, 5, 6])
        .into_iter()
        .find(|id| !before.contains(id))
        .expect("a broker without it");
    let target = vec![before[0], before[1], other];
    // Slow enough to be seen on its way.
    let slow = |world: &mut KafkaWorld, rate: &Setting<u64>| {
        for broker in brokers(&[1, 2, 3, 4, 5, 6]) {
            done(
                world,
                &Command::ThrottleBroker {
                    broker,
                    leader: rate.clone(),
                    follower: rate.clone(),
                    log_dirs: Setting::Keep,
                },
            );
        }
        let list = match rate {
            Setting::Set(_) => Setting::Set(ThrottledReplicas::All),
            _ => Setting::Clear,
        };
        done(
            world,
            &Command::ThrottleTopic { topic: which.topic.clone(), leader: list.clone(), follower: list },
        );
    };
    slow(world, &Setting::Set(1_000));
    look_until(world, "the brokers have taken the throttle up", |seen| {
        let is_slow =
            |broker: &evenkeel::observe::SeenBroker| broker.throttle.follower_bytes_per_s == Some(1_000);
        seen.brokers.values().all(is_slow) && seen.topics[&which.topic].throttle.follower.is_some()
    });
    let reassign = Command::Reassign(BTreeMap::from([(which.clone(), target.clone())]));
    done(world, &reassign);
    done(world, &reassign);
    let seen =
        look_until(world, "the reassignment is on its way", |seen| seen.reassignments.contains_key(&which));
    let found = &seen.reassignments[&which];
    assert_eq!(
        (found.target(), &found.adding, &found.removing),
        (target.clone(), &vec![other], &vec![before[2]])
    );
    let cancel = Command::CancelReassignments(BTreeSet::from([which.clone()]));
    done(world, &cancel);
    let is_back = |seen: &Observation| {
        seen.reassignments.is_empty()
            && seen.partition(&which).is_some_and(|part| !part.replicas.contains(&other))
    };
    look_until(world, "the reassignment is cancelled", is_back);
    let code = |code: &str| [(which.to_string(), code.to_owned())];
    assert_eq!(refusals(world, &cancel), code("NO_REASSIGNMENT_IN_PROGRESS"));
    let wrong = Command::Reassign(BTreeMap::from([(which.clone(), brokers(&[1, 2, 99]))]));
    assert_eq!(refusals(world, &wrong), code("INVALID_REPLICA_ASSIGNMENT"));
    let absent = Command::Reassign(BTreeMap::from([(partition("absent", 0), brokers(&[1, 2, 3]))]));
    assert_eq!(refusals(world, &absent), [("absent-0".to_owned(), "UNKNOWN_TOPIC_OR_PARTITION".to_owned())]);
    slow(world, &Setting::Clear);
    done(world, &reassign);
    look_until(world, "the reassignment is done", |seen| {
        seen.reassignments.is_empty()
            && seen.partition(&which).is_some_and(|part| part.replicas == target && part.isr.len() == 3)
    });
}

fn leaders_are_elected(world: &mut KafkaWorld) {
    let which = partition("orders", 1);
    let mut list = look(world).partition(&which).expect("it is there").replicas.clone();
    list.rotate_left(1);
    done(world, &Command::Reassign(BTreeMap::from([(which.clone(), list.clone())])));
    look_until(world, "the list is rotated", |seen| {
        seen.partition(&which).is_some_and(|part| part.replicas == list)
    });
    let elect = Command::ElectPreferredLeaders(BTreeSet::from([which.clone()]));
    done(world, &elect);
    look_until(world, "the first replica leads", |seen| {
        seen.partition(&which).is_some_and(|part| part.leader == Some(list[0]))
    });
    // Not needed any more, which is no refusal.
    done(world, &elect);
    let absent = Command::ElectPreferredLeaders(BTreeSet::from([partition("absent", 0)]));
    assert_eq!(refusals(world, &absent), [("absent-0".to_owned(), "UNKNOWN_TOPIC_OR_PARTITION".to_owned())]);
}

fn replicas_change_their_log_dirs(world: &mut KafkaWorld) {
    let which = partition("audit", 2);
    let seen = look(world);
    let found = seen.partition(&which).expect("it is there");
    let broker = found.replicas[0];
    let from = found.on_disk[&broker].log_dir.clone().expect("a directory");
    let to = seen.brokers[&broker]
        .log_dirs
        .iter()
        .map(|dir| &dir.path)
        .find(|path| **path != from)
        .expect("another");
    let moves =
        |to: &str| Command::MoveLogDirs { broker, moves: BTreeMap::from([(which.clone(), to.to_owned())]) };
    done(world, &moves(to));
    look_until(world, "the replica is in the other directory", |seen| {
        let replica = seen.partition(&which).and_then(|part| part.on_disk.get(&broker));
        replica.is_some_and(|replica| replica.log_dir.as_ref() == Some(to) && replica.future.is_none())
    });
    assert_eq!(refusals(world, &moves("/nowhere")), [(which.to_string(), "LOG_DIR_NOT_FOUND".to_owned())]);
}

fn a_dead_broker_is_seen_as_such(lab: &mut Lab, world: &mut KafkaWorld, no_way_round: bool) {
    let dead = BrokerId(5);
    let clear = Command::ThrottleBroker {
        broker: dead,
        leader: Setting::Clear,
        follower: Setting::Clear,
        log_dirs: Setting::Keep,
    };
    done(
        world,
        &Command::ThrottleBroker {
            broker: dead,
            leader: Setting::Set(5_000),
            follower: Setting::Set(5_000),
            log_dirs: Setting::Keep,
        },
    );
    lab.kill(5);
    let seen = look_until(world, "broker 5 is down", |seen| !seen.brokers[&dead].alive);
    assert_eq!(seen.brokers[&dead].rack.as_ref().map(RackId::as_str), Some(lab.rack_of(5)));
    assert_eq!(gaps(&seen), [(GapKind::LogDirs, "5"), (GapKind::BrokerConfig, "5")]);
    assert!(seen.partitions().any(|(_, _, part)| part.offline == [dead]));
    if no_way_round {
        match world.perform(&clear) {
            Err(WorldError::Unreachable { hint, .. }) => assert!(hint.contains("start broker 5"), "{hint}"),
            other => panic!("{other:?}"),
        }
    } else {
        done(world, &clear);
    }
    lab.start_broker(5);
    let seen =
        look_until(world, "broker 5 is back", |seen| seen.brokers[&dead].alive && gaps(seen).is_empty());
    assert_eq!(seen.brokers[&dead].throttle.is_clear(), !no_way_round);
    done(world, &clear);
    look_until(world, "no throttle is left", |seen| seen.brokers[&dead].throttle.is_clear());
}
