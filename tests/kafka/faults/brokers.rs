//! Brokers and the controller go away while replicas move, and come back.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{hurry, start_moving};
use crate::story::on;
use crate::support::lab::{Lab, Seen};

/// Broker 2, which gets all that broker 5 gives, is killed on the way.
pub fn a_broker_is_killed_and_comes_back(lab: &mut Lab) {
    // So large and so slow that all of it is on its way all the time: what is small is copied in a moment, and then
    // nothing more begins until the rate has made up for it.
    lab.add_topic("slow", &vec![vec![1, 5, 6]; 4], 4_000_000);
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
    lab.delete_topic("slow");
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

/// A stop that cannot be carried out says so, soon, and is carried out when there is a controller again.
pub fn a_stop_without_a_controller_says_so(lab: &mut Lab) {
    lab.add_topic("slow", &vec![vec![1, 5, 6]; 4], 4_000_000);
    let running = start_moving(lab, &["remove-broker", "5"], "60kB");
    lab.kill_controller();
    let killed = Instant::now();
    let screen = on(lab, &["stop", "--yes"]).expect_code(4);
    eprintln!("{screen}");
    screen.expect_says("its controller does not answer").expect_says("what was asked stands");
    assert!(killed.elapsed() < Duration::from_secs(150), "it took {:.1?} to say so", killed.elapsed());
    assert!(!lab.throttle_rates().is_empty(), "what goes on copying has no throttle any more");
    lab.restart_controller();
    let screen = running.wait();
    eprintln!("faults: stopped {:.1?} after the controller was killed: {screen}", killed.elapsed());
    assert!(!screen.to_string().contains("LEFT BEHIND"), "{screen}");
    screen.expect_code(1).expect_says("stopped");
    lab.delete_topic("slow");
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
