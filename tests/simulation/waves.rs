//! Steps of later waves start early where there is room for them, and wait where there is none.

use evenkeel::base::{Bytes, TopicPartition};
use evenkeel::control::{Charge, NoJournal, Scope, World, drive};
use evenkeel::edge::sim::{BrokerSpec, SimSpec, SimWorld, TopicSpec};
use evenkeel::execute::{End, ExecuteSettings, Execution, ThrottleRate};
use evenkeel::plan::{MoveStep, PlanFile, Rooms, Step, Wave, judge};

use crate::scenario::plan;
use crate::support::{MB, ids, orders};

/// Brokers 1 to 4 with 10 GB each; broker 2 is two thirds full.
fn spec() -> SimSpec {
    let mut spec = SimSpec::new(7);
    spec.brokers = (1..=4).map(|id| BrokerSpec::new(id, "a", 10_000 * MB, 100 * MB)).collect();
    let topic = TopicSpec { min_insync_replicas: 1, ..TopicSpec::new("orders") };
    spec.topics.push(
        topic
            .with_partition(&[2], 5_000 * MB)
            .with_partition(&[1], 4_000 * MB)
            .with_partition(&[1], 1_000 * MB)
            .with_partition(&[2], 1_500 * MB),
    );
    spec
}

fn goes(partition: i32, from: i32, to: i32, size: u64) -> Step {
    Step::Move(MoveStep {
        partition: orders(partition),
        from: ids(&[from]),
        stages: vec![ids(&[to])],
        size_bytes: Bytes(size * MB),
        reason: "test".to_owned(),
    })
}

#[test]
fn what_has_room_goes_ahead_of_its_wave_and_what_has_none_waits() {
    let first = Wave { steps: vec![goes(0, 2, 3, 5_000)] };
    // Broker 2 has room for partition 1 only when partition 0 has left; broker 4 has room for partition 2 at once.
    let second = Wave { steps: vec![goes(1, 1, 2, 4_000), goes(2, 1, 4, 1_000)] };
    let plan = plan(vec![first, second]);
    let mut world = SimWorld::new(&spec()).unwrap();
    let seen = world.observe(&Scope::Full).unwrap();
    let judgement = judge(&seen, &PlanFile::Evenkeel(Box::new(plan.clone())), &plan.limits);
    assert!(judgement.is_ok(), "{judgement:?}");
    let rooms = Rooms::of(&seen, &plan);
    let two = ids(&[2])[0];
    assert!(!rooms.may_start(two, 1, Bytes::ZERO, false), "5 + 1.5 + 4 of 9 GB");
    assert!(rooms.may_start(two, 1, Bytes(5_000 * MB), false), "it has left");
    assert!(rooms.may_start(two, 1, Bytes::ZERO, true), "whatever came of it, the wave is over");
    assert!(rooms.may_start(ids(&[4])[0], 1, Bytes::ZERO, false));

    let settings =
        ExecuteSettings { throttle: ThrottleRate::BytesPerS(50 * MB), ..ExecuteSettings::default() };
    let mut execution = Execution::new(&plan, settings, world.now(), &seen).unwrap();
    let outcome = drive(&mut world, Charge::unrecorded(&mut execution, &mut NoJournal), &mut |_| {});
    assert_eq!(outcome.end, End::Done, "{outcome}");
    let asked = |name: &TopicPartition| {
        world.commands().iter().find_map(|(at, command)| match command {
            evenkeel::execute::Command::Reassign(lists) => lists.contains_key(name).then_some(*at),
            _ => None,
        })
    };
    let [zero, one, two] = [0, 1, 2].map(|partition| asked(&orders(partition)).unwrap());
    assert!(two.since(zero).as_secs() < 5, "broker 4 does not wait for broker 2");
    assert!(one.since(zero).as_secs() >= 100, "5 GB at 50 MB/s have to go first");
}
