//! Verdicts on log directories.

use super::*;
use crate::goals::test_cluster::{cluster, judge, named};
use crate::goals::{Scope, Side};
use crate::model::{ClusterModel, Sums};

/// Brokers 1 and 2, each with directories `/a` and `/b` of 1000 bytes; broker 1 holds three replicas of 100 bytes in
/// `/a` and one in `/b`, broker 2 one in each.
fn seen() -> ClusterModel {
    let lists: [&[i32]; 6] = [&[1], &[1], &[1], &[1], &[2], &[2]];
    let mut model = cluster(&[(1, "a"), (2, "b")], &[("t", &lists)]);
    let dir = |path: &str| LogDirRow {
        path: path.to_owned(),
        total_bytes: Some(1000.0),
        other_bytes: 0.0,
        online: true,
    };
    model.brokers.iter_mut().for_each(|broker| broker.log_dirs = vec![dir("/a"), dir("/b")]);
    model.replica_dirs = vec![0, 0, 0, 1, 0, 1];
    model
}

fn level(band: f64) -> Balance {
    Balance { scope: Scope::LogDir, ..Balance::of(Resource::Disk, band) }
}

fn limit(limit: Limit) -> Capacity {
    Capacity { resource: Resource::Disk, limit, scope: Scope::LogDir, survive: None }
}

fn balanced(model: &ClusterModel, rule: &Balance) -> Vec<String> {
    named(&judge(model, |standing| rule.verdict(standing)))
}

fn limited(model: &ClusterModel, rule: &Capacity) -> Vec<String> {
    named(&judge(model, |standing| rule.verdict(standing)))
}

#[test]
fn directories_are_level_around_the_mean_of_their_broker() {
    let model = seen();
    assert_eq!(
        balanced(&model, &level(0.1)),
        [
            "log directory 1:/a: disk 300 B is 50.0 % above the mean of 200 B, beyond 10 %",
            "log directory 1:/b: disk 100 B is 50.0 % below the mean of 200 B, beyond 10 %",
        ]
    );
    assert!(balanced(&model, &level(0.5)).is_empty());
    let above = Balance { side: Side::Above, ..level(0.1) };
    assert_eq!(balanced(&model, &above).len(), 1);
}

#[test]
fn a_larger_volume_carries_more_where_all_sizes_are_known() {
    let mut model = seen();
    model.brokers[0].log_dirs[0].total_bytes = Some(3000.0);
    assert!(balanced(&model, &level(0.01)).is_empty());
    model.brokers[0].log_dirs[1].total_bytes = None;
    assert_eq!(balanced(&model, &level(0.1)).len(), 2, "they weigh the same now");
}

#[test]
fn a_directory_stays_under_its_limit() {
    let mut model = seen();
    assert!(limited(&model, &limit(Limit::Share(0.3))).is_empty());
    model.brokers[0].log_dirs[0].other_bytes = 100.0;
    assert_eq!(
        limited(&model, &limit(Limit::Share(0.35))),
        [
            "log directory 1:/a: disk 300 B is over the limit of 250 B (35 % of its volume, less 100 B of other files)"
        ]
    );
    assert_eq!(
        limited(&model, &limit(Limit::Count(200.0))),
        ["log directory 1:/a: disk 300 B, at most 200 B"]
    );
}

#[test]
fn moves_between_directories_count_where_they_are_given() {
    let model = seen();
    let sums = Sums::new(&model, &model.placement);
    let loads = [vec![200.0, 200.0], vec![100.0, 100.0]];
    let standing = Standing {
        model: &model,
        assignment: &model.placement,
        sums: &sums,
        counts: &[true, true],
        dir_loads: Some(&loads),
    };
    assert_eq!(level(0.01).verdict(standing), Verdict::Met);
    assert_eq!(limit(Limit::Count(200.0)).verdict(standing), Verdict::Met);
}

#[test]
fn what_is_not_known_is_not_ready_and_what_is_wrong_elsewhere_is_said_all_the_same() {
    let mut model = seen();
    model.replica_dirs[4] = u8::MAX;
    assert_eq!(balanced(&model, &level(0.1)).len(), 2, "broker 1 is seen");
    assert_eq!(
        balanced(&model, &level(0.5)),
        ["not ready: which replica stands in which log directory of broker 2 is not known"]
    );
    model.brokers[1].alive = false;
    assert!(balanced(&model, &level(0.5)).is_empty(), "what is down is not judged");
    model.brokers[0].log_dirs[1].total_bytes = None;
    assert_eq!(
        limited(&model, &limit(Limit::Share(0.8))),
        ["not ready: the size of the log directories of broker 1 is not known"]
    );
    let bare = cluster(&[(1, "a")], &[("t", &[&[1]])]);
    assert!(balanced(&bare, &level(0.5))[0].starts_with("not ready"));
}

#[test]
fn a_directory_that_is_offline_is_asked_nothing() {
    let mut model = seen();
    model.brokers[0].log_dirs[0].online = false;
    assert!(balanced(&model, &level(0.1)).is_empty());
    assert!(limited(&model, &limit(Limit::Count(200.0))).is_empty());
}
