//! Tests of the rule `placement`.

use super::*;
use crate::base::BrokerId;
use crate::goals::test_cluster::{cluster, judge, named};

const FOUR: [(i32, &str); 4] = [(1, "a"), (2, "a"), (3, "b"), (4, "b")];

fn ids(ids: &[i32]) -> Brokers {
    Brokers { ids: ids.iter().copied().map(BrokerId).collect(), racks: Vec::new() }
}

fn rack(rack: &str) -> Brokers {
    Brokers { ids: Vec::new(), racks: vec![rack.into()] }
}

fn rule(demand: Demand) -> Placement {
    Placement { topics: Topics { only: vec!["t.*".parse().unwrap()], except: Vec::new() }, demand }
}

#[test]
fn on_and_off_name_partition_and_broker() {
    let model = cluster(&FOUR, &[("other", &[&[3, 4]]), ("t", &[&[1, 2], &[1, 3]])]);
    let on = rule(Demand::On(rack("a")));
    assert_eq!(
        named(&judge(&model, |standing| on.verdict(standing))),
        ["t-1: has a replica on broker 3, not one of rack a"]
    );
    let off = rule(Demand::Off(ids(&[1, 99])));
    assert_eq!(
        named(&judge(&model, |standing| off.verdict(standing))),
        [
            "t-0: has a replica on broker 1, one of brokers 1, 99",
            "t-1: has a replica on broker 1, one of brokers 1, 99"
        ]
    );
    assert_eq!(judge(&model, |standing| rule(Demand::Off(ids(&[4]))).verdict(standing)), Verdict::Met);
    assert_eq!(judge(&model, |standing| rule(Demand::Hold).verdict(standing)), Verdict::Met);
}

#[test]
fn a_topic_stands_within_the_set_that_holds_most_bytes() {
    let mut model = cluster(
        &FOUR,
        &[("t1", &[&[1, 2], &[3, 1]]), ("t2", &[&[3, 4]]), ("t3", &[&[1, 2], &[3, 4], &[3, 4]])],
    );
    model.partitions[3].size_bytes = 1000.0;
    let within = rule(Demand::WithinOneOf(vec![rack("a"), rack("b")]));
    let set = |topic| within.set_of(&model, &model.placement, TopicOrd(topic));
    assert_eq!((set(0), set(1), set(2)), (Some(0), Some(1), Some(0)));
    let found = named(&judge(&model, |standing| within.verdict(standing)));
    assert_eq!(
        found,
        [
            "topic t3: has a replica of t3-1 on broker 3, outside the set that holds most of it (rack a)",
            "topic t1: has a replica of t1-1 on broker 3, outside the set that holds most of it (rack a)",
        ]
    );
}

#[test]
fn ties_go_to_more_replicas_then_to_the_first_set() {
    let mut model = cluster(&FOUR, &[("t", &[&[3, 4, 1]])]);
    model.partitions[0].size_bytes = 0.0;
    let within = rule(Demand::WithinOneOf(vec![rack("a"), rack("b")]));
    assert_eq!(within.set_of(&model, &model.placement, TopicOrd(0)), Some(1));
    let within = rule(Demand::WithinOneOf(vec![ids(&[1, 3, 4]), ids(&[1, 2, 3, 4])]));
    assert_eq!(within.set_of(&model, &model.placement, TopicOrd(0)), Some(0));
    assert_eq!(judge(&model, |standing| within.verdict(standing)), Verdict::Met);
    assert_eq!(rule(Demand::Hold).set_of(&model, &model.placement, TopicOrd(0)), None);
    let other = cluster(&FOUR, &[("x", &[&[1]])]);
    assert_eq!(within.set_of(&other, &other.placement, TopicOrd(0)), None, "not about this topic");
}

#[test]
fn words() {
    let words = rule(Demand::WithinOneOf(vec![ids(&[1, 2]), rack("b")])).in_words();
    assert_eq!(words, "each of topics `t.*` within one of (brokers 1, 2), (rack b)");
    assert_eq!(rule(Demand::Hold).in_words(), "topics `t.*` where they are");
}
