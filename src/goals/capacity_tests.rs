//! Tests of the rule `capacity`.

use super::*;
use crate::goals::test_cluster::{cluster, give, judge, named};
use crate::model::{ClusterModel, HostOrd, PartitionOrd};

const FOUR: [(i32, &str); 4] = [(1, "a"), (2, "a"), (3, "b"), (4, "c")];

fn rule(resource: Resource, limit: Limit) -> Capacity {
    Capacity { resource, limit, scope: Scope::Broker, survive: None }
}

fn found(model: &ClusterModel, rule: &Capacity) -> Vec<String> {
    named(&judge(model, |standing| rule.verdict(standing)))
}

#[test]
fn brokers_over_their_share_are_named_worst_first() {
    let mut model = cluster(&FOUR, &[("t", &[&[1, 3], &[1, 3], &[1, 4]])]);
    give(&mut model, Resource::Disk, 200.0);
    model.brokers[2].other_disk_bytes = 10.0;
    assert_eq!(
        found(&model, &rule(Resource::Disk, Limit::Share(0.8))),
        [
            "broker 1: disk 300 B is over the limit of 160 B (80 % of capacity)",
            "broker 3: disk 200 B is over the limit of 150 B (80 % of capacity, less 10 B of other files)",
        ]
    );
}

#[test]
fn what_a_processor_does_for_no_replica_counts_against_its_limit() {
    let mut model = cluster(&FOUR, &[("t", &[&[1, 3], &[1, 3]])]);
    give(&mut model, Resource::Cpu, 4.0);
    for row in &mut model.partitions {
        (row.leader_cpu_cores, row.follower_cpu_cores) = (1.5, 0.0);
    }
    let share = rule(Resource::Cpu, Limit::Share(0.75));
    assert_eq!(found(&model, &share), Vec::<String>::new(), "3 of 3 cores");
    model.brokers[0].other_cpu_cores = 0.5;
    assert_eq!(
        found(&model, &share),
        [
            "broker 1: cpu 3.00 cores is over the limit of 2.50 cores (75 % of capacity, less 0.50 cores that no replica causes)"
        ]
    );
}

#[test]
fn what_is_missing_is_told_by_kind() {
    let mut model = cluster(&FOUR, &[("t", &[&[1, 3]])]);
    let missing =
        |model: &ClusterModel, rule: &Capacity| match judge(model, |standing| rule.verdict(standing)) {
            Verdict::NotReady { lacks, .. } => lacks,
            other => panic!("{other:?}"),
        };
    let by_cores = rule(Resource::Replicas, Limit::CountByCores(vec![(2.0, 1.0), (8.0, 3.0)]));
    assert_eq!(missing(&model, &by_cores), Missing::Capacity(Resource::Cpu));
    assert_eq!(
        Missing::Capacity(Resource::Cpu).mend(),
        "say it under `[capacity]` in the settings: `cpu-cores = 8`"
    );
    let disk = rule(Resource::Disk, Limit::Share(0.8));
    give(&mut model, Resource::Disk, 200.0);
    model.brokers[3].capacity[Resource::Disk.index()] = None;
    assert_eq!(missing(&model, &disk), Missing::Capacity(Resource::Disk));
    model.known[Resource::Disk.index()] = false;
    assert_eq!(missing(&model, &disk), Missing::Load(Resource::Disk));
}

#[test]
fn unknown_capacity_is_not_ready_but_hides_no_violation() {
    let mut model = cluster(&FOUR, &[("t", &[&[1, 3]])]);
    give(&mut model, Resource::Disk, 200.0);
    model.brokers[3].capacity[Resource::Disk.index()] = None;
    let share = rule(Resource::Disk, Limit::Share(0.8));
    assert_eq!(found(&model, &share), ["not ready: the disk capacity of broker 4 is not known"]);
    model.brokers[0].capacity[Resource::Disk.index()] = Some(100.0);
    assert_eq!(found(&model, &share).len(), 1);
}

#[test]
fn counts_by_cores() {
    let mut model = cluster(&FOUR, &[("t", &[&[1, 3], &[1, 3], &[1, 4], &[3, 1]])]);
    let by_cores = rule(Resource::Replicas, Limit::CountByCores(vec![(2.0, 1.0), (8.0, 3.0)]));
    assert!(found(&model, &by_cores)[0].contains("the number of cores of broker 1, 2, 3, 4 is not known"));
    give(&mut model, Resource::Cpu, 8.0);
    assert_eq!(found(&model, &by_cores), ["broker 1: 4 replicas, at most 3 replicas"]);
    model.brokers[3].capacity[Resource::Cpu.index()] = Some(1.0);
    assert_eq!(found(&model, &by_cores).len(), 1, "below the first row the first counts");
}

#[test]
fn hosts_and_racks_are_taken_in_sum() {
    let mut model = cluster(&FOUR, &[("t", &[&[1], &[1], &[1], &[2], &[2], &[3], &[3]])]);
    give(&mut model, Resource::Disk, 300.0);
    let of = |scope| Capacity { scope, ..rule(Resource::Disk, Limit::Share(0.8)) };
    assert_eq!(found(&model, &of(Scope::Broker)).len(), 1, "broker 1 has 300 of 240");
    assert_eq!(
        found(&model, &of(Scope::Rack)),
        ["rack a: disk 500 B is over the limit of 480 B (80 % of capacity)"]
    );
    model.brokers[1].host = HostOrd(2);
    model.brokers[2].host = HostOrd(2);
    assert_eq!(
        found(&model, &of(Scope::Host)),
        ["host h1: disk 300 B is over the limit of 240 B (80 % of capacity)"],
        "brokers 2 and 3 have 400 of 480 together"
    );
}

fn surviving(resource: Resource, limit: Limit) -> Capacity {
    Capacity { survive: Some(Survive::AnyOneRack), ..rule(resource, limit) }
}

#[test]
fn leadership_goes_to_the_next_live_replica_when_a_rack_is_lost() {
    let mut model = cluster(&FOUR, &[("t", &[&[1, 2, 3], &[2, 3, 4], &[3, 4], &[4, 3]])]);
    let leaders = surviving(Resource::Leaders, Limit::Count(2.0));
    assert_eq!(found(&model, &leaders), ["broker 3: with rack a lost 3 leaders, at most 2 leaders"]);
    model.offline.insert(PartitionOrd(1), vec![BrokerOrd(2)]);
    assert!(found(&model, &leaders).is_empty(), "broker 4 takes one of them");
    assert!(found(&model, &rule(Resource::Leaders, Limit::Count(2.0))).is_empty());
}

#[test]
fn what_a_new_leader_bears_is_the_difference_to_following() {
    let mut model = cluster(&FOUR, &[("t", &[&[1, 3], &[2, 3]])]);
    give(&mut model, Resource::Cpu, 10.0);
    // Broker 3 follows twice with one core each, and leads twice with two each when rack a is lost.
    assert_eq!(
        found(&model, &surviving(Resource::Cpu, Limit::Share(0.3))),
        ["broker 3: with rack a lost cpu 4.00 cores is over the limit of 3.00 cores (30 % of capacity)"]
    );
    assert!(found(&model, &surviving(Resource::Cpu, Limit::Share(0.4))).is_empty());
}

#[test]
fn data_have_to_fit_on_the_other_racks_in_sum() {
    let mut model = cluster(&FOUR, &[("t", &[&[1, 3], &[2, 4], &[3, 4]])]);
    give(&mut model, Resource::Disk, 300.0);
    assert_eq!(
        found(&model, &surviving(Resource::Disk, Limit::Share(0.8))),
        ["the cluster: with rack a lost disk 600 B would not fit on the rest, which takes at most 480 B"]
    );
    give(&mut model, Resource::Disk, 400.0);
    assert!(found(&model, &surviving(Resource::Disk, Limit::Share(0.8))).is_empty());
}

#[test]
fn words() {
    let words = surviving(Resource::Disk, Limit::Share(0.8)).in_words();
    assert_eq!(words, "disk of a broker at most 80 % of its capacity, also with any one rack lost");
    let words = rule(Resource::Replicas, Limit::CountByCores(vec![(2.0, 1000.0), (8.0, 2000.0)])).in_words();
    assert_eq!(words, "replicas of a broker at most 1000 from 2 cores, 2000 from 8 cores");
}
