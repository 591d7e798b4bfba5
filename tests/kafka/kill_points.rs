//! SIGKILL of the real program at each named point of an execution, on real brokers: the drain is carried on to its
//! end, or rolled back, and nothing is left behind.

use std::time::{Duration, Instant};

use evenkeel::control::KillPoint;

use crate::story::on;
use crate::support::cli::{Running, Screen};
use crate::support::lab::{Lab, Seen, Traffic, Watch, Who};
use crate::{is_full_proof, newest_version};

/// Fast enough that a drain takes seconds, slow enough that it has to be throttled.
const RATE: &str = "2MB";

fn dying_at(lab: &Lab, point: KillPoint, words: &[&str]) -> Running {
    let mut all: Vec<String> = words.iter().map(ToString::to_string).collect();
    all.extend(lab.cluster_words(Who::Evenkeel));
    Running::start_with(&all, &[("EVENKEEL_KILL_AT", &point.to_string())])
}

/// Whether it died at the point; otherwise it ended by itself, for it never came there.
fn died(screen: &Screen, point: KillPoint) -> bool {
    let said = screen.stderr.contains(&format!("dying at {point}"));
    assert_eq!(said, screen.code.is_none(), "{screen}");
    said
}

fn expect_nothing_left(lab: &Lab) {
    lab.wait_until("all replicas are in sync", Duration::from_secs(60), Seen::all_in_sync);
    assert_eq!(lab.throttle_settings(), Vec::<String>::new(), "throttles are left");
    let moving = lab.look().partitions.into_iter().filter(|(_, partition)| partition.replicas.len() > 3);
    assert_eq!(moving.count(), 0, "something is still on its way");
}

/// A drain of broker 6 and its way back in turn, each killed at another point and carried on.
#[test]
fn a_drain_killed_at_any_point_is_carried_on() {
    let lab = Lab::builder(&newest_version()).start();
    lab.load_skewed();
    // Large enough to be under a throttle before their last stretch, and so much in all that one at least goes each time.
    lab.add_topic("long", &[[1, 2, 6], [1, 2, 3], [2, 1, 3]].map(Vec::from), 12_000_000);
    let traffic = Traffic::start(&lab);
    let watch = Watch::start(&lab);
    let drain = ["remove-broker", "6", "--execute", "--yes", "--throttle", RATE];
    let back = ["add-broker", "6", "--execute", "--yes", "--throttle", RATE];
    let (mut met, mut never) = (Vec::new(), Vec::new());
    let mut drains = true;
    // Cancels come with a stop, moves between log directories and requests not at all in a drain: see below, and the
    // simulation.
    let elsewhere = ["cancel", "move-log-dirs", "stop-request", "request"];
    let points = KillPoint::all().into_iter();
    let points = points.filter(|point| !elsewhere.iter().any(|other| point.to_string().ends_with(other)));
    // All of them take minutes: every run takes some of each moment and of each kind of command.
    let all = is_full_proof();
    for (_, point) in points.enumerate().filter(|(at, _)| all || at % 3 == 0) {
        let began = Instant::now();
        let words = if drains { drain } else { back };
        let screen = dying_at(&lab, point, &words).wait();
        if died(&screen, point) {
            match point {
                // A command looks once more before it begins where its last look is not fresh: then nothing has begun, and it
                // can be given again.
                KillPoint::FirstLook | KillPoint::Look => {
                    let has_begun = on(&lab, &["status"]).expect_code(0).stdout.contains("NOT FINISHED");
                    on(&lab, if has_begun { &["resume", "--execute"] } else { &words }).expect_code(0);
                }
                KillPoint::AfterEnd => drop(on(&lab, &["status"]).expect_code(0)),
                _ => {
                    on(&lab, &["status"]).expect_code(0).expect_says("not finished");
                    on(&lab, &["resume", "--execute"]).expect_code(0);
                }
            }
            met.push(point);
        } else {
            screen.expect_code(0);
            never.push(point);
        }
        expect_nothing_left(&lab);
        let on_six =
            lab.look().partitions.values().filter(|partition| partition.replicas.contains(&6)).count();
        assert_eq!(on_six == 0, drains, "{point}: {on_six} replicas on broker 6");
        eprintln!("{:<28} {:>5.1} s", point.to_string(), began.elapsed().as_secs_f64());
        drains = !drains;
    }
    watch.stop().expect_clean();
    traffic.stop().expect_clean();
    // Who should lead leads by itself where the lists are made so: an election may not be needed.
    let unexpected: Vec<_> = never.iter().filter(|point| !point.to_string().contains("elect")).collect();
    assert!(unexpected.is_empty(), "a drain does not come to {unexpected:?}");
    assert!(met.len() >= if all { 20 } else { 6 }, "died at {} points only", met.len());
}

/// Ctrl-C cancels what is under way; the process is killed in the middle of that, and another one ends it.
#[test]
fn a_stop_killed_at_any_point_is_carried_on() {
    let lab = Lab::builder(&newest_version()).start();
    lab.load_skewed();
    // Kafka lets ten seconds' worth of a new rate through at once, a megabyte of each partition at least: only what is
    // larger than that is still on its way when it is to be cancelled.
    lab.add_topic("long", &[[1, 2, 6], [2, 6, 1], [1, 2, 6], [2, 6, 1]].map(Vec::from), 12_000_000);
    let traffic = Traffic::start(&lab);
    let watch = Watch::start(&lab);
    let slow = ["remove-broker", "6", "--execute", "--yes", "--throttle", "300kB"];
    let points = KillPoint::all().into_iter();
    let of_a_stop = |point: &KillPoint| {
        let text = point.to_string();
        text.ends_with("cancel") || text == "stop-request"
    };
    let all = is_full_proof();
    for (_, point) in points.filter(of_a_stop).enumerate().filter(|(at, _)| all || at % 3 == 2) {
        let running = dying_at(&lab, point, &slow);
        lab.wait_until("a reassignment is on its way", Duration::from_secs(60), |seen| {
            seen.partitions.values().any(|partition| partition.replicas.len() > 3)
        });
        running.interrupt();
        let screen = running.wait();
        assert!(died(&screen, point), "{point}\n{screen}");
        on(&lab, &["stop"]).expect_code(0);
        expect_nothing_left(&lab);
    }
    watch.stop().expect_clean();
    traffic.stop().expect_clean();
}
