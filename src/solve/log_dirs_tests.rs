//! Directories of one broker: levelled, emptied, held back.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::base::{BrokerId, DigestBuilder, ModelId, TimestampMs};
use crate::goals::{Balance, Capacity, Goal, Rule};
use crate::model::{Broker, HostOrd, LogDirRow, PartitionRow, RackOrd, TopicOrd, TopicRow};
use crate::solve::Budget;

/// Broker 1 with directories of 1000 bytes each, and replicas of these sizes in them.
fn broker(dirs: &[(&str, &[f64])]) -> ClusterModel {
    let row = |(path, _): &(&str, &[f64])| LogDirRow {
        path: (*path).to_owned(),
        total_bytes: Some(1000.0),
        other_bytes: 0.0,
        online: true,
    };
    let sizes =
        dirs.iter().enumerate().flat_map(|(dir, (_, sizes))| sizes.iter().map(move |size| (dir, *size)));
    let partitions: Vec<PartitionRow> = (0..)
        .zip(sizes.clone())
        .map(|(id, (_, size_bytes))| PartitionRow {
            topic: TopicOrd(0),
            id,
            size_bytes,
            produce_bytes_per_s: 0.0,
            consume_bytes_per_s: 0.0,
            follower_consume_bytes_per_s: 0.0,
            leader_cpu_cores: 0.0,
            follower_cpu_cores: 0.0,
            health: Health::Healthy,
        })
        .collect();
    let broker = Broker {
        id: BrokerId(1),
        rack: RackOrd(0),
        host: HostOrd(0),
        alive: true,
        capacity: [None; Resource::COUNT],
        other_disk_bytes: 0.0,
        other_cpu_cores: 0.0,
        log_dirs: dirs.iter().map(row).collect(),
    };
    let topic = TopicRow {
        name: "t".into(),
        min_insync_replicas: 1,
        internal: false,
        first_partition: PartitionOrd(0),
        partition_count: u32::try_from(partitions.len()).unwrap(),
    };
    let list = || (vec![BrokerOrd(0)], Some(BrokerOrd(0)));
    ClusterModel {
        id: ModelId(DigestBuilder::new("test").finish()),
        cluster_id: None,
        observed_at: TimestampMs(0),
        brokers: vec![broker],
        racks: vec!["r".into()],
        hosts: vec!["h".to_owned()],
        topics: vec![topic],
        placement: Assignment::new(partitions.iter().map(|_| list())),
        partitions,
        own_sizes: Vec::new(),
        out_of_sync: BTreeMap::new(),
        offline: BTreeMap::new(),
        replica_dirs: sizes.map(|(dir, _)| u8::try_from(dir).unwrap()).collect(),
        changing_dirs: BTreeSet::new(),
        known: [true; Resource::COUNT],
    }
}

fn goals(rules: Vec<(Tier, Rule)>) -> GoalSet {
    let goal = |(tier, rule)| Goal { name: "dirs".to_owned(), tier, weight: 1.0, rule };
    let goals = rules.into_iter().map(goal).collect();
    GoalSet { name: "test".to_owned(), description: String::new(), goals }
}

fn none() -> GoalSet {
    goals(Vec::new())
}

fn level(band: f64) -> GoalSet {
    let rule = Balance { scope: Scope::LogDir, ..Balance::of(Resource::Disk, band) };
    goals(vec![(Tier::Want(1), Rule::Balance(rule))])
}

fn moved(model: &ClusterModel, goals: &GoalSet, request: &Request) -> Result<LogDirMoves, SolveError> {
    move_log_dirs(model, goals, request, &model.placement)
}

/// The moves as `partition: from to`.
fn words(found: &LogDirMoves) -> Vec<String> {
    found.moves.iter().map(|step| format!("{}: {} {}", step.partition.0, step.from, step.to)).collect()
}

fn remove(path: &str) -> Request {
    let name = LogDirName { broker: BrokerId(1), path: path.to_owned() };
    Request { operation: Operation::RemoveLogDirs(vec![name]), ..Request::default() }
}

#[test]
fn the_fullest_gives_to_the_emptiest_with_the_fewest_bytes() {
    let seen = broker(&[("/a", &[300.0, 100.0, 100.0, 50.0]), ("/b", &[150.0])]);
    let found = moved(&seen, &level(0.1), &Request::default()).unwrap();
    // The mean is 350: 200 have to go, less a tenth of the mean.
    assert_eq!(words(&found), ["1: /a /b", "2: /a /b"]);
    assert!(found.moves[0].reason.contains("57 % over"), "{}", found.moves[0].reason);
    assert!(found.refusals.is_empty());
    let model = &seen;
    assert_eq!(model.log_dir_bytes(BrokerOrd(0)), [550.0, 150.0]);
    assert_eq!(log_dir_loads(model, &model.placement, &found.moves), [[350.0, 350.0]]);
    let again = broker(&[("/a", &[300.0, 50.0]), ("/b", &[150.0, 100.0, 100.0])]);
    assert!(moved(&again, &level(0.1), &Request::default()).unwrap().moves.is_empty(), "level is left alone");
}

#[test]
fn where_no_single_move_helps_two_are_exchanged() {
    let seen = broker(&[("/a", &[300.0, 300.0]), ("/b", &[200.0, 200.0])]);
    let found = moved(&seen, &level(0.05), &Request::default()).unwrap();
    assert_eq!(found.moves.len(), 2, "{:?}", words(&found));
    assert!(found.moves.iter().any(|step| step.reason.contains("in exchange")));
}

#[test]
fn without_a_goal_or_for_another_operation_nothing_changes() {
    let seen = broker(&[("/a", &[300.0, 100.0, 100.0, 50.0]), ("/b", &[])]);
    assert!(moved(&seen, &none(), &Request::default()).unwrap().moves.is_empty());
    let leaders = Request { operation: Operation::PreferredLeaders, ..Request::default() };
    assert!(moved(&seen, &level(0.1), &leaders).unwrap().moves.is_empty());
}

#[test]
fn a_directory_over_its_limit_is_relieved() {
    let rule =
        Capacity { resource: Resource::Disk, limit: Limit::Share(0.8), scope: Scope::LogDir, survive: None };
    let limit = goals(vec![(Tier::Must, Rule::Capacity(rule))]);
    let seen = broker(&[("/a", &[500.0, 100.0, 250.0]), ("/b", &[600.0]), ("/c", &[700.0])]);
    let found = moved(&seen, &limit, &Request::default()).unwrap();
    assert_eq!(words(&found), ["1: /a /b"], "50 are too much, and 100 is the least that helps");
    let musts = Request { operation: Operation::RemoveBrokers(vec![BrokerId(9)]), ..Request::default() };
    assert_eq!(
        words(&moved(&seen, &limit, &musts).unwrap()),
        ["1: /a /b"],
        "a must holds for every operation"
    );
}

#[test]
fn a_directory_is_emptied_onto_the_others() {
    let seen = broker(&[("/a", &[300.0, 100.0]), ("/b", &[200.0]), ("/c", &[])]);
    let found = moved(&seen, &none(), &remove("/a")).unwrap();
    assert_eq!(words(&found), ["0: /a /c", "1: /a /b"], "each to where it is emptiest");
    assert!(found.moves[0].reason.contains("is to be emptied"));
    let excluded = Request { excluded_topics: vec!["t".parse().unwrap()], ..remove("/a") };
    assert_eq!(
        moved(&seen, &none(), &excluded).unwrap().moves.len(),
        2,
        "what is removed moves all the same"
    );
}

#[test]
fn what_cannot_be_emptied_is_refused_with_what_is_there_and_what_is_missing() {
    let mut seen = broker(&[("/a", &[700.0]), ("/b", &[600.0])]);
    let refused = |seen: &ClusterModel, path| moved(seen, &none(), &remove(path)).unwrap_err().to_string();
    assert!(refused(&seen, "/a").contains("lack 300 B"), "{}", refused(&seen, "/a"));
    assert!(refused(&seen, "/x").contains("no log directory 1:/x; the broker has /a, /b"));
    let mut unknown = remove("/a");
    unknown.operation =
        Operation::RemoveLogDirs(vec![LogDirName { broker: BrokerId(9), path: "/a".to_owned() }]);
    let error = moved(&seen, &none(), &unknown).unwrap_err().to_string();
    assert!(error.contains("broker 9 does not exist"), "{error}");
    seen.brokers[0].log_dirs[0].online = false;
    assert!(refused(&seen, "/a").contains("offline"));
    let mut unseen = broker(&[("/a", &[100.0]), ("/b", &[100.0])]);
    unseen.replica_dirs[1] = u8::MAX;
    assert!(refused(&unseen, "/a").contains("some replicas of broker 1 stand"));
    let found = moved(&unseen, &level(0.1), &Request::default()).unwrap();
    assert!(
        found.moves.is_empty() && found.refusals[0].subject.ends_with("broker 1"),
        "{:?}",
        found.refusals
    );
    let one = broker(&[("/a", &[700.0])]);
    assert!(refused(&one, "/a").contains("lack 700 B"), "there is no other: {}", refused(&one, "/a"));
}

#[test]
fn held_replicas_and_budgets_are_kept() {
    let mut seen = broker(&[("/a", &[300.0, 100.0]), ("/b", &[])]);
    seen.changing_dirs.insert((PartitionOrd(0), BrokerOrd(0)));
    let found = moved(&seen, &none(), &remove("/a")).unwrap();
    assert_eq!(words(&found), ["1: /a /b"]);
    assert!(found.refusals[0].reason.contains("moves between log directories already"));

    let seen = broker(&[("/a", &[300.0, 100.0, 100.0, 50.0]), ("/b", &[150.0])]);
    let bytes = Some(Bytes(100));
    let small = Request { budget: Budget { bytes, ..Budget::default() }, ..Request::default() };
    assert_eq!(moved(&seen, &level(0.1), &small).unwrap().moves.len(), 1);
    let one = Request { budget: Budget { moves: Some(1), ..Budget::default() }, ..remove("/a") };
    let found = moved(&seen, &none(), &one).unwrap();
    assert_eq!((found.moves.len(), found.refusals.len()), (1, 3));
    assert!(found.refusals[0].reason.contains("budget"), "{:?}", found.refusals[0]);
}

#[test]
fn a_goal_on_directories_is_met_by_the_moves_that_are_found_for_it() {
    let seen = broker(&[("/a", &[300.0, 100.0, 100.0, 50.0]), ("/b", &[150.0])]);
    let goals = level(0.1);
    let solution = crate::solve::solve(&seen, &goals, &Request::default()).unwrap();
    assert_eq!(solution.verdicts[0].0.is_met(), Some(false));
    assert_eq!(solution.verdicts[0].1.is_met(), Some(true), "{:?}", solution.verdicts[0].1);
}
