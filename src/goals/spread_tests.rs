//! Tests of the rule `spread`.

use super::*;
use crate::goals::test_cluster::{cluster, judge, named};
use crate::model::HostOrd;

fn over(over: Attribute) -> Spread {
    Spread { over, topics: Topics::default() }
}

const SIX: [(i32, &str); 6] = [(1, "a"), (2, "a"), (3, "b"), (4, "b"), (5, "c"), (6, "c")];

#[test]
fn two_replicas_on_a_rack_are_found() {
    let model = cluster(&SIX, &[("t", &[&[1, 3, 5], &[1, 2, 5], &[1, 2]])]);
    let found = named(&judge(&model, |standing| over(Attribute::Rack).verdict(standing)));
    assert_eq!(
        found,
        [
            "t-1: stands on 2 racks, 1 replicas left without the worst rack; \
             3 racks, 2 replicas left without the worst rack can be had",
            "t-2: stands on 1 racks, 0 replicas left without the worst rack; \
             2 racks, 1 replicas left without the worst rack can be had",
        ]
    );
}

#[test]
fn more_replicas_than_racks_stand_as_evenly_as_they_can() {
    let model = cluster(&SIX, &[("t", &[&[1, 2, 3, 4, 5], &[1, 2, 3, 4]])]);
    let found = named(&judge(&model, |standing| over(Attribute::Rack).verdict(standing)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("t-1: stands on 2 racks"), "{found:?}");
}

#[test]
fn racks_without_brokers_that_count_are_not_asked_for() {
    let mut model = cluster(&SIX, &[("t", &[&[1, 3, 4]])]);
    assert_eq!(judge(&model, |standing| over(Attribute::Rack).verdict(standing)).is_met(), Some(false));
    model.brokers[4].alive = false;
    model.brokers[5].alive = false;
    assert_eq!(judge(&model, |standing| over(Attribute::Rack).verdict(standing)), Verdict::Met);
}

#[test]
fn hosts_and_some_topics() {
    let mut model = cluster(&SIX, &[("a", &[&[1, 3]]), ("b", &[&[1, 3]])]);
    assert_eq!(judge(&model, |standing| over(Attribute::Host).verdict(standing)), Verdict::Met);
    model.brokers[2].host = HostOrd(0);
    let found = named(&judge(&model, |standing| over(Attribute::Host).verdict(standing)));
    assert_eq!(found.len(), 2);
    assert!(found[0].contains("1 hosts, 0 replicas left without the worst host"), "{found:?}");
    let only = Spread {
        over: Attribute::Host,
        topics: Topics { only: vec!["b".parse().unwrap()], except: Vec::new() },
    };
    let found = named(&judge(&model, |standing| only.verdict(standing)));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("b-0"), "{found:?}");
    assert_eq!(
        only.in_words(),
        "replicas of a partition of topics `b` on distinct hosts, or as evenly as can be"
    );
}
