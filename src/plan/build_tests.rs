//! What a plan makes of lists in another order, and of moves between log directories.

use super::*;
use crate::goals::test_cluster::cluster;
use crate::goals::{Balance, Capacity, Goal, Limit, Rule, Scope, Survive, Tier};
use crate::model::LogDirRow;
use crate::solve::solve;

fn plan(model: &ClusterModel, rule: Rule) -> Plan {
    let goals = vec![Goal { name: "goal".to_owned(), tier: Tier::Want(1), weight: 1.0, rule }];
    let goals = GoalSet { name: "test".to_owned(), description: String::new(), goals };
    let request = Request::default();
    let solution = solve(model, &goals, &request).unwrap();
    Plan::build(model, &goals, &request, &solution, &PlanLimits::default())
}

fn met(plan: &Plan) -> (Option<bool>, Option<bool>) {
    (plan.goals[0].met_before, plan.goals[0].met_after)
}

#[test]
fn another_order_of_a_list_is_a_step_that_copies_nothing() {
    // With rack a lost, broker 2 would lead four, and three are the most.
    let lists: [&[i32]; 6] = [&[1, 2, 3], &[1, 2, 3], &[2, 3, 1], &[2, 3, 1], &[3, 1, 2], &[3, 2, 1]];
    let model = cluster(&[(1, "a"), (2, "b"), (3, "c")], &[("t", &lists)]);
    let limit = Limit::Count(3.0);
    let survive = Some(Survive::AnyOneRack);
    let rule = Capacity { resource: Resource::Leaders, limit, scope: Scope::Broker, survive };
    let plan = plan(&model, Rule::Capacity(rule));
    assert_eq!(met(&plan), (Some(false), Some(true)));
    let moves: Vec<_> = plan.steps().filter_map(Step::as_move).collect();
    assert!(!moves.is_empty() && moves.len() == plan.steps().count());
    for step in moves {
        assert_eq!((step.stages.len(), step.added().count(), step.removed().count()), (1, 0, 0));
        assert_eq!(step.from[0], step.target()[0], "the leader stays");
    }
    assert_eq!((plan.price.bytes, plan.price.leader_changes), (Bytes::ZERO, 0));
}

#[test]
fn goals_on_log_directories_are_judged_by_the_moves_of_the_plan() {
    let mut model = cluster(&[(1, "a")], &[("t", &[&[1], &[1], &[1], &[1]])]);
    let dir = |path: &str| LogDirRow {
        path: path.to_owned(),
        total_bytes: Some(1000.0),
        other_bytes: 0.0,
        online: true,
    };
    model.brokers[0].log_dirs = vec![dir("/a"), dir("/b")];
    model.replica_dirs = vec![0, 0, 0, 1];
    let plan =
        plan(&model, Rule::Balance(Balance { scope: Scope::LogDir, ..Balance::of(Resource::Disk, 0.1) }));
    assert_eq!(plan.steps().filter_map(Step::as_log_dir).count(), 1);
    assert_eq!(met(&plan), (Some(false), Some(true)));
}
