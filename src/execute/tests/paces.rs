//! The pace of copies: what slows them down, what lets them go on, and what is told of it.

use std::time::Duration;

use super::desk::{Desk, GB, cluster, moves, name};
use crate::base::{BrokerId, BytesPerS, Millis};
use crate::execute::*;
use crate::observe::{BrokerLatency, BrokerTraffic, Capacity, Observation, Partition, Signals};

const MB: f64 = 1e6;

fn rate(bytes_per_s: f64) -> Option<BytesPerS> {
    BytesPerS::new(bytes_per_s).ok()
}

/// Brokers of 200 MB/s of which clients take 40, with a p99 of 2 ms.
fn measured() -> Observation {
    let mut seen = cluster();
    for broker in seen.brokers.values_mut() {
        broker.capacity = Capacity {
            network_in_bytes_per_s: rate(200.0 * MB),
            network_out_bytes_per_s: rate(200.0 * MB),
            ..Capacity::default()
        };
        broker.signals = Signals {
            traffic: BrokerTraffic {
                clients_in_bytes_per_s: rate(40.0 * MB),
                clients_out_bytes_per_s: rate(40.0 * MB),
                ..BrokerTraffic::default()
            },
            latency: BrokerLatency { produce_p99_ms: Millis::new(2.0).ok(), ..BrokerLatency::default() },
        };
    }
    seen
}

fn with_objective() -> ExecuteSettings {
    ExecuteSettings { latency_objective: Some(Duration::from_millis(20)), ..ExecuteSettings::default() }
}

/// A copy from broker 1 to broker 6, under way.
fn under_way(seen: Observation, settings: ExecuteSettings) -> Desk {
    let mut desk = Desk::with(seen, settings, vec![vec![moves("t-0", &[&[1, 2, 3], &[1, 2, 6]])]]);
    desk.turns(2);
    assert!(desk.seen.reassignments.contains_key(&name("t-0")));
    desk.come_up();
    desk
}

impl Desk {
    fn slow(&mut self, broker: i32, p99_ms: f64) {
        let broker = self.seen.brokers.get_mut(&BrokerId(broker)).expect("the broker");
        broker.signals.latency.canary_p99_ms = Millis::new(p99_ms).ok();
    }

    /// What broker 1 may send and broker 6 take, in MB/s.
    fn rates(&self) -> (u64, u64) {
        let throttle = |id| &self.seen.brokers[&BrokerId(id)].throttle;
        let mb = |rate: Option<u64>| rate.expect("a throttle") / 1_000_000;
        (mb(throttle(1).leader_bytes_per_s), mb(throttle(6).follower_bytes_per_s))
    }
}

#[test]
fn latency_of_either_end_halves_both_at_once_and_is_told_once() {
    let mut desk = under_way(measured(), with_objective());
    let (before, _) = desk.rates();
    assert!((80..=100).contains(&before), "half of 160 MB/s, or a few steps above: {before}");
    desk.slow(1, 25.0);
    desk.turn();
    assert_eq!(desk.rates(), (before / 2, before / 2));
    desk.turns(3);
    assert_eq!(desk.rates(), (before / 2, before / 2), "what that has brought is not known yet");
    desk.turns(3);
    assert_eq!(desk.rates(), (before / 4, before / 4), "it has not helped");
    let told = desk.events.iter().filter(|event| matches!(event, ExecutionEvent::SlowedDown { .. })).count();
    assert_eq!(told, 1, "{:?}", desk.events);
    assert!(
        desk.told("copies on broker 1, 6 were slowed down: p99 of broker 1 is 25 ms, the objective 20 ms")
    );
    let brake = desk.execution.progress().brake.expect("it is held back");
    assert_eq!(brake.to_string(), "p99 of broker 1 is 25 ms, the objective 20 ms");
    desk.turns(60);
    assert_eq!(desk.rates(), (5, 5), "never less than lets a move end");
}

#[test]
fn near_the_objective_nothing_changes_and_far_from_it_steps_are_small() {
    let mut desk = under_way(measured(), with_objective());
    desk.slow(6, 17.0);
    let before = desk.rates();
    assert!(desk.turns(60).is_empty(), "held");
    desk.slow(6, 3.0);
    desk.turns(5);
    let step = desk.rates().1 - before.1;
    assert!((6..=8).contains(&step), "a twentieth of 144 MB/s: {step}");
    desk.turns(200);
    assert_eq!(desk.rates(), (144, 144), "nine tenths of what clients leave");
    assert_eq!(desk.execution.progress().brake, Some(Brake::ClientTraffic { broker: BrokerId(1) }));
}

#[test]
fn clients_that_take_more_are_made_room_for_at_the_next_look() {
    let mut desk = under_way(measured(), ExecuteSettings::default());
    assert_eq!(desk.rates(), (80, 80));
    let busy = desk.seen.brokers.get_mut(&BrokerId(6)).expect("6");
    busy.signals.traffic.clients_in_bytes_per_s = rate(120.0 * MB);
    desk.turn();
    assert_eq!(desk.rates(), (80, 40));
    let busy = desk.seen.brokers.get_mut(&BrokerId(6)).expect("6");
    busy.signals.traffic.clients_in_bytes_per_s = rate(40.0 * MB);
    desk.turns(5);
    assert_eq!(desk.rates(), (80, 44), "and back by a twentieth");
}

#[test]
fn replicas_that_fall_behind_slow_copies_of_their_brokers_down() {
    let mut desk = under_way(measured(), ExecuteSettings::default());
    // Broker 2 follows broker 1, and no copy is the reason for what ails it.
    desk.partition(&name("u-0")).isr.retain(|broker| *broker != BrokerId(2));
    desk.turn();
    assert_eq!(desk.rates(), (40, 40));
    assert!(desk.told("copies on broker 1, 6 were slowed down: replicas of broker 1 are out of sync"));
}

#[test]
fn a_replica_that_is_made_is_not_out_of_sync_when_the_list_of_reassignments_is_newer_than_the_metadata() {
    let mut desk = under_way(measured(), ExecuteSettings::default());
    let before = desk.rates();
    // The controller has it as done, and the broker that was asked for metadata does not know yet.
    desk.seen.reassignments.remove(&name("t-0"));
    assert!(!desk.partition(&name("t-0")).isr.contains(&BrokerId(6)));
    desk.turn();
    assert_eq!(desk.rates(), before);
    assert!(!desk.told("out of sync"), "{:?}", desk.events);
}

#[test]
fn what_cannot_be_measured_is_told_and_never_makes_anything_faster() {
    let mut seen = measured();
    seen.brokers.get_mut(&BrokerId(6)).expect("6").signals.latency = BrokerLatency::default();
    let mut desk = under_way(seen, with_objective());
    desk.turns(60);
    assert_eq!(desk.rates().1, 80, "half of what clients leave");
    assert!(desk.told("copies on broker 6 were slowed down: the latency of broker 6 is not measured"));
}

#[test]
fn an_operators_rate_stays_and_an_objective_needs_a_throttle() {
    let fixed =
        ExecuteSettings { throttle: ThrottleRate::BytesPerS(30_000_000), ..ExecuteSettings::default() };
    let mut desk = under_way(measured(), fixed.clone());
    desk.slow(6, 500.0);
    assert!(desk.turns(60).is_empty(), "nobody has set an objective");
    let mut desk = under_way(measured(), ExecuteSettings { throttle: fixed.throttle, ..with_objective() });
    desk.turns(60);
    assert_eq!(desk.rates(), (30, 30));
    desk.slow(6, 500.0);
    desk.turns(2);
    assert_eq!(desk.rates(), (15, 15));
    let mut desk =
        under_way(measured(), ExecuteSettings { throttle: ThrottleRate::Unlimited, ..with_objective() });
    desk.slow(6, 500.0);
    desk.turns(2);
    assert!(desk.rates().1 <= 50, "{:?}", desk.rates());
}

#[test]
fn what_grows_too_fast_is_not_started_and_the_sum_is_kept_below_what_may_be_copied() {
    let mut seen = measured();
    let settings =
        ExecuteSettings { throttle: ThrottleRate::BytesPerS(100_000_000), ..ExecuteSettings::default() };
    for (index, produced) in [90.0, 20.0, 20.0].into_iter().enumerate() {
        let topic = seen.topics.get_mut(&"t".into()).expect("t");
        topic.partitions[index].load.produce_bytes_per_s = rate(produced * MB);
    }
    let steps = [0, 1, 2].map(|id| moves(&format!("t-{id}"), &[&[1, 2, 3], &[1, 2, 6]]));
    let mut desk = Desk::with(seen, settings, vec![steps.to_vec()]);
    desk.turns(2);
    assert!(desk.told(
        "t-0: dropped, it grows by 90.0 MB/s, faster than it may be copied: broker 1 may copy 100 MB/s"
    ));
    // Two replicas in sync and a new one fetch 20 MB/s each from the leader: one such copy is all that 100 MB/s bear.
    assert_eq!(desk.seen.reassignments.len(), 1);
    assert_eq!(desk.execution.progress().steps_pending, 1);
    assert_eq!(desk.run_out().done(), 2, "one after the other");
    assert_eq!(
        desk.seen.partition(&name("t-1")).and_then(Partition::full_size_bytes).map(|size| size.0),
        Some(GB)
    );
}
