//! Limits that hold with a rack lost.

use super::*;
use crate::goals::test_cluster::{cluster, give};
use crate::goals::{GoalSet, Limit, Survive};
use crate::solve::{Operation, Request, Solution, solve};

const THREE: [(i32, &str); 3] = [(1, "a"), (2, "b"), (3, "c")];

fn goals(resource: Resource, limit: Limit, tier: Tier) -> GoalSet {
    let survive = Some(Survive::AnyOneRack);
    let rule = Rule::Capacity(Capacity { resource, limit, scope: Scope::Broker, survive });
    let goal = Goal { name: "survives".to_owned(), tier, weight: 1.0, rule };
    GoalSet { name: "test".to_owned(), description: String::new(), goals: vec![goal] }
}

fn solved(model: &ClusterModel, goals: &GoalSet) -> Solution {
    solve(model, goals, &Request::default()).unwrap()
}

fn met(solution: &Solution) -> (Option<bool>, Option<bool>) {
    (solution.verdicts[0].0.is_met(), solution.verdicts[0].1.is_met())
}

#[test]
fn the_order_of_lists_is_changed_where_that_alone_mends_it() {
    // Eight leaders, at most four to a broker: with any rack lost the other two have to share them evenly. Rack a takes
    // four with it, and all of them go to broker 2, which leads two already.
    let lists: [&[i32]; 8] =
        [&[1, 2, 3], &[1, 2, 3], &[1, 2, 3], &[1, 2, 3], &[2, 3, 1], &[2, 3, 1], &[3, 2, 1], &[3, 2, 1]];
    let model = cluster(&THREE, &[("t", &lists)]);
    let goals = goals(Resource::Leaders, Limit::Count(4.0), Tier::Must);
    let solution = solved(&model, &goals);
    assert_eq!(met(&solution), (Some(false), Some(true)), "{:?}", solution.verdicts[0].1);
    assert_eq!(solution.changes.len(), 2);
    for change in &solution.changes {
        let list = solution.target.replicas(change.partition);
        assert_eq!(list, [BrokerOrd(0), BrokerOrd(2), BrokerOrd(1)]);
        assert_eq!(
            change.reason,
            "with rack a lost broker 2 would carry more leaders than it may; broker 3 has room"
        );
    }
    let leads = |partition| solution.target.leader(partition) == model.placement.leader(partition);
    assert!(model.partition_ords().all(leads), "nobody else leads");
}

#[test]
fn where_nothing_can_mend_it_nothing_is_changed() {
    let model = cluster(&[(1, "a"), (2, "b")], &[("t", &[&[1, 2], &[1, 2], &[2, 1], &[2, 1]])]);
    let solution = solved(&model, &goals(Resource::Leaders, Limit::Count(3.0), Tier::Must));
    assert_eq!(met(&solution), (Some(false), Some(false)));
    assert_eq!(solution.target, model.placement);
    assert_eq!(solution.refusals.len(), 1);
}

#[test]
fn a_replica_moves_where_no_order_and_no_leader_help() {
    // Broker 3 takes over both; broker 4, in the same rack, leads nothing.
    let mut model = cluster(&[(1, "a"), (3, "b"), (4, "b")], &[("t", &[&[1, 3], &[1, 3]])]);
    give(&mut model, Resource::Cpu, 10.0);
    let goals = goals(Resource::Cpu, Limit::Share(0.41), Tier::Want(1));
    let loose = solved(&model, &goals);
    assert_eq!(met(&loose), (Some(true), Some(true)));
    give(&mut model, Resource::Cpu, 7.5);
    model.brokers[0].capacity[Resource::Cpu.index()] = Some(20.0);
    let solution = solved(&model, &goals);
    assert_eq!(met(&solution), (Some(false), Some(true)), "{:?}", solution.verdicts[0].1);
    assert_eq!(solution.changes.len(), 1);
    let holds = |broker| model.partition_ords().filter(|p| solution.target.holds(*p, broker)).count();
    assert_eq!((holds(BrokerOrd(1)), holds(BrokerOrd(2))), (1, 1));
}

#[test]
fn only_a_must_is_mended_by_operations_that_do_not_level() {
    let lists: [&[i32]; 4] = [&[1, 2, 3], &[1, 2, 3], &[2, 3, 1], &[3, 2, 1]];
    let model = cluster(&THREE, &[("t", &lists)]);
    let mends = |tier| {
        let request = Request { operation: Operation::FixOffline, ..Request::default() };
        let limit = Limit::Count(2.0);
        let solution = solve(&model, &goals(Resource::Leaders, limit, tier), &request).unwrap();
        met(&solution).1
    };
    assert_eq!((mends(Tier::Must), mends(Tier::Want(1))), (Some(true), Some(false)));
}
