//! Tests of the rule `balance`.

use super::*;
use crate::goals::Topics;
use crate::goals::test_cluster::{cluster, give, judge, named};
use crate::model::{HostOrd, RackOrd};

const FOUR: [(i32, &str); 4] = [(1, "a"), (2, "a"), (3, "b"), (4, "b")];
const ALL: [bool; 4] = [true; 4];

fn found(model: &ClusterModel, rule: &Balance) -> Vec<String> {
    named(&judge(model, |standing| rule.verdict(standing)))
}

/// Equal up to rounding.
fn same(one: &[f64], other: &[f64]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-9 || a.total_cmp(b).is_eq())
}

#[test]
fn bounds_follow_capacity_and_count_only_those_that_count() {
    let mut model = cluster(&FOUR, &[]);
    let rule = Balance::of(Resource::Disk, 0.1);
    let equal = rule.bounds(&model, &ALL, 400.0, 0.1);
    assert!(same(&equal.low, &[90.0; 4]) && same(&equal.high, &[110.0; 4]), "{equal:?}");
    give(&mut model, Resource::Disk, 1000.0);
    model.brokers[0].capacity[Resource::Disk.index()] = Some(3000.0);
    let counts = [true, true, true, false];
    let bounds = rule.bounds(&model, &counts, 500.0, 0.1);
    assert!(same(&bounds.mean, &[300.0, 100.0, 100.0, 0.0]), "{bounds:?}");
    assert!(same(&bounds.high, &[330.0, 110.0, 110.0, f64::INFINITY]), "{bounds:?}");
    assert!(same(&bounds.low, &[270.0, 90.0, 90.0, 0.0]), "{bounds:?}");
}

#[test]
fn counts_are_rounded_away_from_the_mean_and_whole_bounds_stay() {
    let model = cluster(&FOUR, &[]);
    let rule = Balance::of(Resource::Replicas, 0.1);
    let bounds = rule.bounds(&model, &ALL, 10.0, 0.1);
    assert!(same(&bounds.low, &[2.0; 4]) && same(&bounds.high, &[3.0; 4]), "{bounds:?}");
    let bounds = rule.bounds(&model, &ALL, 120.0, 0.1);
    assert!(same(&bounds.low, &[27.0; 4]) && same(&bounds.high, &[33.0; 4]), "{bounds:?}");
}

#[test]
fn side_gaps_and_floor_change_the_bounds() {
    let mut model = cluster(&FOUR, &[]);
    let rule = Balance::of(Resource::Disk, 0.1);
    let above = Balance { side: Side::Above, ..rule.clone() };
    assert!(same(&above.bounds(&model, &ALL, 400.0, 0.1).low, &[0.0; 4]));
    let wide = Balance { min_gap: Some(30.0), ..rule.clone() }.bounds(&model, &ALL, 400.0, 0.1);
    assert!(same(&wide.low, &[70.0; 4]) && same(&wide.high, &[130.0; 4]), "{wide:?}");
    let wider_than_the_mean = Balance { min_gap: Some(300.0), ..rule.clone() };
    assert!(same(&wider_than_the_mean.bounds(&model, &ALL, 400.0, 0.1).low, &[0.0; 4]));
    let narrow = Balance { max_gap: Some(5.0), ..rule.clone() }.bounds(&model, &ALL, 400.0, 0.1);
    assert!(same(&narrow.low, &[95.0; 4]) && same(&narrow.high, &[105.0; 4]), "{narrow:?}");

    let idle = Balance { floor_share: Some(0.2), ..rule };
    assert!(same(&idle.bounds(&model, &ALL, 400.0, 0.1).low, &[90.0; 4]), "capacities are not known");
    give(&mut model, Resource::Disk, 1000.0);
    let bounds = idle.bounds(&model, &ALL, 400.0, 0.1);
    assert!(same(&bounds.low, &[0.0; 4]) && same(&bounds.high, &[200.0; 4]), "{bounds:?}");
    let bounds = idle.bounds(&model, &ALL, 4000.0, 0.1);
    assert!(same(&bounds.low, &[900.0; 4]) && same(&bounds.high, &[1100.0; 4]), "{bounds:?}");
}

#[test]
fn each_rack_has_its_own_mean() {
    let mut model = cluster(&FOUR, &[("t", &[&[1], &[1], &[2], &[2], &[3], &[4]])]);
    let rule = Balance { per: Per::Rack, ..Balance::of(Resource::Disk, 0.1) };
    let bounds = rule.rack_bounds(&model, &ALL, &[400.0, 200.0], 0.1);
    assert!(same(&bounds.mean, &[200.0, 200.0, 100.0, 100.0]), "{bounds:?}");
    assert!(found(&model, &rule).is_empty());
    assert_eq!(found(&model, &Balance::of(Resource::Disk, 0.1)).len(), 4);
    // Capacities of one rack are known, those of the other are not: that rack weighs its brokers the same.
    model.brokers[0].capacity[Resource::Disk.index()] = Some(300.0);
    model.brokers[1].capacity[Resource::Disk.index()] = Some(100.0);
    model.brokers[2].capacity[Resource::Disk.index()] = Some(900.0);
    let bounds = rule.rack_bounds(&model, &ALL, &[400.0, 200.0], 0.1);
    assert!(same(&bounds.mean, &[300.0, 100.0, 100.0, 100.0]), "{bounds:?}");
    assert_eq!(
        found(&model, &rule),
        [
            "broker 2: disk 200 B is 100.0 % above the mean of 100 B, beyond 10 %",
            "broker 1: disk 200 B is 33.3 % below the mean of 300 B, beyond 10 %",
        ]
    );
}

#[test]
fn hosts_and_racks_are_levelled_in_sum() {
    let mut model = cluster(&FOUR, &[("t", &[&[1], &[2], &[2], &[2], &[3], &[3], &[4], &[4]])]);
    assert_eq!(found(&model, &Balance::of(Resource::Disk, 0.1)).len(), 2);
    let racks = Balance { scope: Scope::Rack, ..Balance::of(Resource::Disk, 0.1) };
    assert!(found(&model, &racks).is_empty());
    model.brokers[3].rack = RackOrd(0);
    assert_eq!(
        found(&model, &racks),
        Vec::<String>::new(),
        "three brokers carry 6, one carries 2: the mean goes by brokers"
    );
    let hosts = Balance { scope: Scope::Host, ..Balance::of(Resource::Disk, 0.1) };
    model.brokers[1].host = HostOrd(0);
    assert!(found(&model, &hosts).is_empty(), "brokers 1 and 2 share a host and carry 4 together");
    model.brokers[1].host = HostOrd(2);
    assert_eq!(
        found(&model, &hosts),
        [
            "host h1: disk 100 B is 50.0 % below the mean of 200 B, beyond 10 %",
            "host h3: disk 500 B is 25.0 % above the mean of 400 B, beyond 10 %",
        ]
    );
}

/// As in `goals/cruise-control.toml`.
fn topic_rule() -> Balance {
    Balance {
        per: Per::Topic,
        min_gap: Some(2.0),
        max_gap: Some(40.0),
        ..Balance::of(Resource::Replicas, 1.8)
    }
}

#[test]
fn topic_bounds_are_those_of_cruise_control() {
    let rule = topic_rule();
    assert_eq!(rule.topic_bounds(30, 30, 1.8), (0, 3), "1 + max(1.8, 2)");
    assert_eq!(rule.topic_bounds(90, 30, 1.8), (0, 9), "3 + 5.4, rounded up");
    assert_eq!(rule.topic_bounds(3000, 30, 1.8), (60, 140), "100 and a gap of 40");
    assert_eq!(rule.topic_bounds(100, 30, 1.8), (0, 10), "3.33 + 6, rounded up");
    assert_eq!(rule.topic_bounds(5, 0, 1.8), (0, 14), "no broker: nothing to divide by");
    let tight = Balance { min_gap: None, max_gap: None, ..rule };
    assert_eq!(tight.topic_bounds(300, 30, 0.1), (9, 11), "whole bounds stay");
    assert_eq!(Balance { side: Side::Above, ..tight }.topic_bounds(300, 30, 0.1), (0, 11));
}

#[test]
fn topics_are_levelled_one_by_one() {
    let crowded: &[&[i32]] = &[&[1], &[1], &[1], &[1], &[2]];
    let model = cluster(&FOUR, &[("a", crowded), ("b", crowded), ("c", &[&[3, 4]])]);
    assert_eq!(
        found(&model, &topic_rule()),
        Vec::<String>::new(),
        "1.25 and a gap of 2.25, rounded up: 4 may stand together"
    );
    let rule = Balance { min_gap: None, max_gap: None, band: 0.1, ..topic_rule() };
    let some = Topics { only: vec!["a|c".parse().unwrap()], except: Vec::new() };
    let rule = Balance { topics: some, ..rule };
    let all = found(&model, &rule);
    assert_eq!(
        all,
        [
            "broker 1: has 4 replicas of topic a, at most 2",
            "broker 3: has 0 replicas of topic a, at least 1",
            "broker 4: has 0 replicas of topic a, at least 1",
        ]
    );
    let leaders = Balance { resource: Resource::Leaders, ..rule };
    assert_eq!(found(&model, &leaders)[0], "broker 1: has 4 leaders of topic a, at most 2");
}

#[test]
fn text_names_the_bound_where_the_band_does_not() {
    let model = cluster(&FOUR, &[("t", &[&[1], &[1], &[2], &[3], &[4]])]);
    let rule = Balance { min_gap: Some(20.0), ..Balance::of(Resource::Disk, 0.1) };
    assert_eq!(
        found(&model, &rule),
        [
            "broker 1: disk 200 B is 60.0 % above the mean of 125 B; at most 145 B",
            "broker 2: disk 100 B is 20.0 % below the mean of 125 B; at least 105 B",
            "broker 3: disk 100 B is 20.0 % below the mean of 125 B; at least 105 B",
            "broker 4: disk 100 B is 20.0 % below the mean of 125 B; at least 105 B",
        ]
    );
    let above = Balance { side: Side::Above, ..rule };
    assert_eq!(found(&model, &above).len(), 1);
}

#[test]
fn means_of_counts_are_not_rounded_to_whole_ones() {
    let model = cluster(&FOUR, &[("t", &[&[1], &[1], &[1], &[1], &[2], &[3]])]);
    assert_eq!(
        found(&model, &Balance::of(Resource::Replicas, 0.125))[0],
        "broker 1: 4 replicas is 166.7 % above the mean of 1.5 replicas, beyond 12.5 %"
    );
}

#[test]
fn words() {
    assert_eq!(
        topic_rule().in_words(),
        "replicas of each topic on each broker within 180 % of the mean of the topic, or within 2 replicas, \
         but never beyond 40 replicas"
    );
    let above = Balance { side: Side::Above, per: Per::Rack, ..Balance::of(Resource::Disk, 0.1) };
    assert_eq!(above.in_words(), "disk of each broker at most 10 % above the mean of its rack");
}
