//! Ctrl-C and SIGKILL at random moments, many times: afterwards nothing of it may stand.

use std::cmp::Reverse;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{expect_nothing_listed, start};
use crate::story::on;
use crate::support::cli::Running;
use crate::support::lab::{Lab, Seen, Who};

const RATE: &str = "200kB";

/// Random moments that a seed makes.
struct Dice(u64);

impl Dice {
    fn from_environment(story: u64) -> Self {
        let seed: u64 = std::env::var("EVENKEEL_SEED").ok().map_or(1, |seed| seed.parse().expect("a number"));
        eprintln!("faults: seed {seed}");
        Self(seed.wrapping_mul(1_000).wrapping_add(story))
    }

    /// A time between 0.2 and 8 seconds.
    fn moment(&mut self) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(200 + (self.0 >> 33) % 7_800)
    }
}

fn rounds() -> usize {
    std::env::var("EVENKEEL_ROUNDS").ok().map_or(6, |rounds| rounds.parse().expect("a number of rounds"))
}

/// A topic whose copies take long at this rate, on all brokers: what is small is copied in a moment.
fn add_long(lab: &Lab) {
    lab.add_topic("long", &[[1, 2, 6], [2, 6, 4], [3, 4, 5], [1, 5, 3]].map(Vec::from), 5_000_000);
}

/// Starts to empty a broker, another one in each round, or to fill the one that an earlier round has emptied. It
/// is one of the three that hold the most: to empty it takes longer than the longest moment.
fn start_round(lab: &Lab, before: &Seen, round: usize, emptied: Option<i32>) -> (Running, i32) {
    let held = |broker: &i32| before.partitions.values().filter(|p| p.replicas.contains(broker)).count();
    let mut brokers: Vec<i32> = (1..=6).collect();
    brokers.sort_by_key(|broker| Reverse(held(broker)));
    let broker = emptied.unwrap_or(brokers[round % 3]);
    let verb = if emptied.is_some() { "add-broker" } else { "remove-broker" };
    (start(lab, &[verb, &broker.to_string()], RATE), broker)
}

/// Ends the test unless nothing is on its way and no throttle stands. Replica lists are at rest when none is longer
/// than it should be; those that were on their way and did not come to their end stand in the order of before.
fn expect_at_rest(lab: &Lab, before: &Seen, moving: &[(String, i32)]) {
    let seen = lab.look();
    assert!(seen.moving().is_empty(), "still on their way: {:?}", seen.moving());
    assert_eq!(lab.throttle_rates(), Vec::<String>::new(), "rates are left");
    for key in moving {
        let (was, is) = (&before.partitions[key], &seen.partitions[key]);
        let same_set = was.replicas.iter().all(|broker| is.replicas.contains(broker));
        assert!(!same_set || was.replicas == is.replicas, "{key:?} is in another order: {was:?}, {is:?}");
    }
}

pub fn stops_at_random_moments(lab: &mut Lab) {
    let mut dice = Dice::from_environment(8);
    add_long(lab);
    let mut in_flight = 0;
    for round in 0..rounds() {
        let began = Instant::now();
        let before = lab.look();
        let (mut running, _) = start_round(lab, &before, round, None);
        let moment = dice.moment();
        sleep(moment);
        assert!(!running.has_ended(), "it ended by itself\n{}", running.wait());
        let moving = lab.look().moving();
        in_flight += usize::from(!moving.is_empty());
        running.interrupt();
        let screen = running.wait();
        assert!(!screen.to_string().contains("LEFT BEHIND"), "{screen}");
        expect_at_rest(lab, &before, &moving);
        let took = began.elapsed();
        eprintln!(
            "faults: stop {}: after {moment:.1?} with {} in flight: clean, {:?}, {took:.1?}",
            round + 1,
            moving.len(),
            screen.code
        );
    }
    assert!(in_flight > 0, "no stop hit a move");
    eprintln!("faults: {} of {0} stops left nothing, {in_flight} of them with moves in flight", rounds());
    expect_nothing_listed(lab);
    lab.delete_topic("long");
}

pub fn kills_at_random_moments(lab: &mut Lab) {
    let mut dice = Dice::from_environment(9);
    add_long(lab);
    let (mut in_flight, mut emptied) = (0, None);
    for round in 0..rounds() {
        let began = Instant::now();
        let before = lab.look();
        let (mut running, broker) = start_round(lab, &before, round, emptied);
        let moment = dice.moment();
        sleep(moment);
        assert!(!running.has_ended(), "it ended by itself\n{}", running.wait());
        running.kill();
        let moving = lab.look().moving();
        in_flight += usize::from(!moving.is_empty());
        let known = on(lab, &["status", "--format", "json"]).expect_code(0).json();
        let how = if !known["execution"].is_object() {
            // It was not so far yet: then nothing was done either, which is looked at below.
            assert!(moving.is_empty(), "what moves is not known: {known}");
            "it had not begun"
        } else if round % 2 == 0 {
            on(lab, &["status"]).expect_code(0).expect_says("NOT FINISHED");
            carry_on(lab);
            emptied = if emptied.is_some() { None } else { Some(broker) };
            "carried on"
        } else {
            on(lab, &["status"]).expect_code(0).expect_says("NOT FINISHED");
            eprintln!("{}", on(lab, &["stop", "--yes"]).expect_code(0));
            "rolled back"
        };
        expect_at_rest(lab, &before, &moving);
        let known = on(lab, &["status", "--format", "json"]).expect_code(0).json();
        assert!(!known["execution"].is_object(), "still unfinished: {known}");
        let took = began.elapsed();
        eprintln!(
            "faults: kill {}: after {moment:.1?} with {} in flight: {how}, {took:.1?}",
            round + 1,
            moving.len()
        );
    }
    assert!(in_flight > 0, "no kill hit a move");
    if let Some(broker) = emptied {
        let words = ["add-broker", &broker.to_string(), "--execute", "--yes", "--throttle", "20MB"];
        on(lab, &words).expect_code(0);
    }
    eprintln!("faults: {} of {0} kills left nothing, {in_flight} of them with moves in flight", rounds());
    expect_nothing_listed(lab);
    lab.delete_topic("long");
}

fn carry_on(lab: &Lab) {
    let mut words = vec!["resume".to_owned(), "--execute".to_owned(), "--yes".to_owned()];
    words.extend(lab.cluster_words(Who::Evenkeel));
    let mut resumed = Running::start(&words);
    let until = Instant::now() + Duration::from_secs(60);
    while !resumed.has_ended() {
        if on(lab, &["limits", "--throttle", "20MB"]).code == Some(0) {
            break;
        }
        assert!(Instant::now() < until, "nobody takes other limits");
        sleep(Duration::from_millis(200));
    }
    eprintln!("{}", resumed.wait().expect_code(0));
}
