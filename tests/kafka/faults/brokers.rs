//! Brokers and the controller go away while replicas move, and come back.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{hurry, start_moving};
use crate::support::lab::{Lab, Seen};

/// Broker 2, which gets all that broker 5 gives, is killed on the way.
pub fn a_broker_is_killed_and_comes_back(lab: &mut Lab) {
    // So slow that what Kafka lets through in a burst at the start is not all that is on its way.
    let running = start_moving(lab, &["remove-broker", "5"], "60kB");
    let moving = lab.look().moving();
    lab.kill(2);
    let killed = Instant::now();
    lab.wait_until("broker 2 is gone", Duration::from_secs(60), |seen| !seen.brokers.contains(&2));
    let under_replicated = |seen: &Seen| seen.partitions.values().any(|partition| partition.isr.len() < 3);
    assert!(under_replicated(&lab.look()) && !moving.is_empty(), "the kill did not bite: {moving:?}");
    sleep(Duration::from_secs(15).saturating_sub(killed.elapsed()));
    lab.start_broker(2);
    eprintln!("faults: broker 2 was away for {:.1?}", killed.elapsed());
    lab.wait_until("its replicas are in sync", Duration::from_secs(120), Seen::in_sync_but_for_moves);
    let screen = hurry(lab, running).expect_code(0);
    screen.expect_says("broker 2 is down").expect_says("going on");
    assert_eq!(lab.disk_bytes()[&5], 0, "broker 5 is not empty");
}

/// Nothing is decided while there is no controller, and data go on moving.
pub fn the_controller_is_killed_and_comes_back(lab: &mut Lab) {
    let running = start_moving(lab, &["add-broker", "5"], "300kB");
    lab.kill_controller();
    let killed = Instant::now();
    let before = lab.disk_bytes()[&5];
    sleep(Duration::from_secs(10));
    // What Kafka has let through in a burst at the start, it makes up for with a standstill of ten seconds.
    let mut after = lab.disk_bytes()[&5];
    while after <= before {
        assert!(
            killed.elapsed() < Duration::from_secs(30),
            "no data moved without a controller: {after} bytes"
        );
        sleep(Duration::from_secs(1));
        after = lab.disk_bytes()[&5];
    }
    eprintln!("faults: without a controller broker 5 went from {before} to {after} bytes");
    lab.restart_controller();
    eprintln!("faults: the controller was away for {:.1?}", killed.elapsed());
    hurry(lab, running).expect_code(0);
    assert!(lab.disk_bytes()[&5] > 3_000_000, "broker 5 got hardly anything");
}

/// A rolling patch: every broker is stopped in order and started again, one after the other.
pub fn all_brokers_are_restarted_in_turn(lab: &mut Lab) {
    lab.skew_again();
    let mut running = start_moving(lab, &["rebalance"], "60kB");
    for broker in 1..=6 {
        lab.stop(broker);
        lab.wait_until("it is gone", Duration::from_secs(60), |seen| !seen.brokers.contains(&broker));
        // Two looks of evenkeel's, at least.
        sleep(Duration::from_secs(2));
        lab.start_broker(broker);
        lab.wait_until("its replicas are in sync", Duration::from_secs(120), Seen::in_sync_but_for_moves);
        assert!(!running.has_ended(), "it ended before broker {broker} was back\n{}", running.wait());
    }
    let mut screen = hurry(lab, running).expect_code(0);
    for broker in 1..=6 {
        screen = screen.expect_says(&format!("broker {broker} is down"));
    }
    screen.expect_says("going on");
}
