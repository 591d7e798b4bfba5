//! Tests of the rule `minimum`.

use super::*;
use crate::goals::test_cluster::{cluster, judge, named};

fn rule(pattern: &str, of: Counted, least: Least) -> Minimum {
    Minimum { topics: Topics { only: vec![pattern.parse().unwrap()], except: Vec::new() }, of, least }
}

const THREE: [(i32, &str); 3] = [(1, "a"), (2, "b"), (3, "c")];

#[test]
fn brokers_that_lead_too_few_are_named() {
    let model = cluster(&THREE, &[("other", &[&[1]]), ("t", &[&[1, 2], &[1, 3], &[2, 1]])]);
    let leaders = rule("t", Counted::Leaders, Least::Count(1));
    assert_eq!(
        named(&judge(&model, |standing| leaders.verdict(standing))),
        ["broker 3: leads 0 partitions of topic t, at least 1"]
    );
    let replicas = rule("t", Counted::Replicas, Least::Count(1));
    assert_eq!(judge(&model, |standing| replicas.verdict(standing)), Verdict::Met);
    let replicas = rule("t", Counted::Replicas, Least::Count(2));
    assert_eq!(
        named(&judge(&model, |standing| replicas.verdict(standing))),
        ["broker 3: holds 1 partitions of topic t, at least 2"]
    );
}

#[test]
fn a_topic_that_is_too_small_is_one_finding_with_its_mend() {
    let model = cluster(&THREE, &[("t", &[&[1, 2], &[2, 3]])]);
    let leaders = rule("t", Counted::Leaders, Least::Count(2));
    assert_eq!(
        named(&judge(&model, |standing| leaders.verdict(standing))),
        ["topic t: has 2 partitions, too few for each of 3 brokers to lead 2: it needs 4 more partitions"]
    );
    let replicas = rule("t", Counted::Replicas, Least::Count(2));
    assert_eq!(
        named(&judge(&model, |standing| replicas.verdict(standing))),
        ["topic t: has 4 replicas, too few for each of 3 brokers to hold 2: it needs 2 more replicas"]
    );
}

#[test]
fn an_even_share_is_rounded_down() {
    let model = cluster(&THREE, &[("t", &[&[1, 2], &[2, 3]])]);
    let leaders = rule("t", Counted::Leaders, Least::EvenShare);
    assert_eq!(judge(&model, |standing| leaders.verdict(standing)), Verdict::Met, "2 over 3 brokers is 0");
    let model = cluster(&THREE, &[("t", &[&[1], &[1], &[1], &[2]])]);
    assert_eq!(
        named(&judge(&model, |standing| leaders.verdict(standing))),
        ["broker 3: leads 0 partitions of topic t, at least 1"]
    );
}

#[test]
fn brokers_that_do_not_count_need_nothing_and_what_they_hold_can_be_had() {
    let mut model = cluster(&THREE, &[("t", &[&[1], &[3]])]);
    model.brokers[2].alive = false;
    let leaders = rule("t", Counted::Leaders, Least::Count(1));
    assert_eq!(
        named(&judge(&model, |standing| leaders.verdict(standing))),
        ["broker 2: leads 0 partitions of topic t, at least 1"]
    );
}

#[test]
fn no_topic_is_no_demand() {
    let model = cluster(&THREE, &[("t", &[&[1]])]);
    let none = Minimum { topics: Topics::none(), of: Counted::Leaders, least: Least::Count(1) };
    assert_eq!(judge(&model, |standing| none.verdict(standing)), Verdict::Met);
    assert_eq!(none.in_words(), "each broker leads at least 1 partition of no topic");
}
