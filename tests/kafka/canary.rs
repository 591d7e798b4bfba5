//! The canary on real brokers: every broker is measured, one that hangs shows, and a rebalance keeps an objective by it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use evenkeel::base::BrokerId;
use evenkeel::config::KafkaClientSettings;
use evenkeel::control::{CANARY_TOPIC, Scope, World};
use evenkeel::edge::canary::CanaryWorld;
use evenkeel::edge::kafka::{Clock, KafkaWorld, StopFlag};

use crate::support::cli::Running;
use crate::support::lab::{Lab, Security, Who};

const NEWEST: &str = "4.4.0";

type Measured = BTreeMap<BrokerId, f64>;

/// Looks once a second until what is measured will do.
fn look_until(
    world: &mut CanaryWorld<KafkaWorld>,
    what: &str,
    at_most: Duration,
    will_do: impl Fn(&Measured) -> bool,
) -> Measured {
    let until = Instant::now() + at_most;
    loop {
        // A broker that hangs may keep a look from ending in time.
        let seen = world.observe(&Scope::Execution(BTreeSet::new()));
        let brokers = seen.map(|seen| seen.brokers).unwrap_or_default();
        let measured: Measured = brokers
            .into_iter()
            .filter_map(|(id, broker)| Some((id, broker.signals.latency.canary_p99_ms?.get())))
            .collect();
        if will_do(&measured) {
            eprintln!("canary: {what}: {measured:?}");
            return measured;
        }
        assert!(Instant::now() < until, "{what}: {measured:?}");
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn every_broker_is_measured_and_an_objective_is_kept_by_it() {
    let mut lab = Lab::builder(NEWEST).security(Security::Plaintext).start();
    lab.load_skewed();
    let (client, _) = KafkaClientSettings::parse("request.timeout.ms=1500", Some(&lab.bootstrap()))
        .expect("right settings");
    let kafka = KafkaWorld::connect(&client, Clock::default(), StopFlag::default()).expect("connected");
    let mut world = CanaryWorld::new(kafka, &client);
    look_until(&mut world, "all six are measured", Duration::from_secs(90), |measured| measured.len() == 6);
    look_until(&mut world, "at rest", Duration::from_secs(60), |measured| {
        measured.len() == 6 && measured.values().all(|p99_ms| *p99_ms < 500.0)
    });
    lab.suspend(4);
    look_until(&mut world, "broker 4 hangs", Duration::from_secs(20), |measured| {
        measured.get(&BrokerId(4)).is_some_and(|p99_ms| *p99_ms > 1_000.0)
    });
    lab.wake(4);
    look_until(&mut world, "and has come back", Duration::from_secs(120), |measured| {
        measured.len() == 6 && measured.values().all(|p99_ms| *p99_ms < 500.0)
    });
    drop(world);

    let words =
        ["rebalance", "--execute", "--yes", "-v", "--throttle", "200kB", "--latency-objective", "800ms"];
    let mut words: Vec<String> = words.iter().map(ToString::to_string).collect();
    words.extend(lab.cluster_words(Who::Evenkeel));
    let screen = Running::start(&words).wait();
    eprintln!("{screen}");
    screen.expect_code(0).expect_says("p99_ms");
    assert_eq!(lab.throttle_settings(), Vec::<String>::new(), "throttles are left");
    let topic = lab.look().partitions.keys().filter(|(topic, _)| topic == CANARY_TOPIC).count();
    assert_eq!(topic, 6, "a partition for each broker");
}
