//! What goals on hosts, single topics, places and the loss of a rack lack.

use super::*;
use crate::goals::test_cluster::{cluster, give};
use crate::goals::{Brokers, Counted, Demand, Least, Minimum, Placement, Survive, Tier, Topics};
use crate::model::{HostOrd, Sums};
use crate::solve::{Request, solve};

/// Two racks, the second with one broker only.
const THREE: [(i32, &str); 3] = [(1, "a"), (2, "a"), (3, "b")];

fn set(rules: Vec<(Tier, Rule)>) -> GoalSet {
    let goal = |(at, (tier, rule))| Goal { name: format!("goal-{at}"), tier, weight: 1.0, rule };
    let goals = rules.into_iter().enumerate().map(goal).collect();
    GoalSet { name: "test".to_owned(), description: String::new(), goals }
}

fn one(rule: Rule) -> GoalSet {
    set(vec![(Tier::Want(1), rule)])
}

/// Reasons and mends of what the placement as it is lacks.
fn lacks_of(model: &ClusterModel, goals: &GoalSet) -> Vec<(String, String)> {
    let sums = Sums::new(model, &model.placement);
    let counts = vec![true; model.brokers.len()];
    let standing =
        Standing { model, assignment: &model.placement, sums: &sums, counts: &counts, dir_loads: None };
    let verdicts: Vec<Verdict> = goals.goals.iter().map(|goal| goal.verdict(standing)).collect();
    shortfalls(standing, goals, &verdicts).into_iter().map(|found| (found.reason, found.mend)).collect()
}

fn disk(limit: Limit, scope: Scope, survive: Option<Survive>) -> Rule {
    Rule::Capacity(Capacity { resource: Resource::Disk, limit, scope, survive })
}

#[test]
fn hosts_lack_what_their_brokers_lack_together() {
    let mut model = cluster(&THREE, &[("t", &[&[1, 3], &[2, 3], &[1, 3], &[2, 3]])]);
    give(&mut model, Resource::Disk, 300.0);
    model.brokers[1].host = HostOrd(0);
    let found = lacks_of(&model, &one(disk(Limit::Share(1.0), Scope::Host, None)));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, "rack b needs 1 more broker, or 100 B more disk");
}

#[test]
fn the_loss_of_a_rack_is_reckoned_with() {
    let mut model = cluster(&THREE, &[("t", &[&[1, 3], &[2, 3], &[1, 3]])]);
    give(&mut model, Resource::Disk, 400.0);
    let found = lacks_of(&model, &one(disk(Limit::Share(0.8), Scope::Broker, Some(Survive::AnyOneRack))));
    assert!(found[0].0.starts_with("with rack a lost the brokers of the other racks may carry"), "{found:?}");
    // 600 bytes have to fit on broker 3, which may carry 320.
    assert_eq!(found[0].1, "the racks beside a need 1 more broker, or 350 B more disk");
    let leaders = Rule::Capacity(Capacity {
        resource: Resource::Leaders,
        limit: Limit::Count(2.0),
        scope: Scope::Broker,
        survive: Some(Survive::AnyOneRack),
    });
    assert_eq!(
        lacks_of(&model, &one(leaders))[0].1,
        "the racks beside a need 1 more broker, or fewer leaders"
    );
}

#[test]
fn a_topic_lacks_brokers_in_a_rack() {
    let model = cluster(&THREE, &[("t", &[&[1, 3], &[2, 3], &[1, 3], &[2, 3]])]);
    let balance =
        Balance { per: Per::Topic, topics: Topics::default(), ..Balance::of(Resource::Replicas, 0.1) };
    let found = lacks_of(&model, &one(Rule::Balance(balance)));
    assert_eq!(found[0].0, "4 replicas of topic t have to stand in rack b, and its 1 broker may hold 3 each");
    assert_eq!(found[0].1, "rack b needs 1 more broker, or a wider band");
}

#[test]
fn a_topic_lacks_partitions_for_a_rack_of_many_brokers() {
    let brokers = [(1, "a"), (2, "a"), (3, "a"), (4, "b")];
    let model = cluster(&brokers, &[("t", &[&[1, 4], &[2, 4]])]);
    let (topics, of, least) = (Topics::default(), Counted::Replicas, Least::Count(1));
    let found = lacks_of(&model, &one(Rule::Minimum(Minimum { topics, of, least })));
    assert_eq!(
        found[0].1, "topic t needs 1 more partition",
        "rack a holds one copy of each, and has 3 brokers"
    );
}

#[test]
fn a_topic_lacks_room_where_it_may_stand() {
    let mut model = cluster(&THREE, &[("t", &[&[1, 3], &[2, 3], &[1, 3], &[2, 3]])]);
    give(&mut model, Resource::Disk, 300.0);
    let demand = Demand::On(Brokers {
        ids: vec![crate::base::BrokerId(1), crate::base::BrokerId(2)],
        racks: Vec::new(),
    });
    let place = Rule::Placement(Placement { topics: Topics::default(), demand });
    let goals = set(vec![(Tier::Must, disk(Limit::Share(0.8), Scope::Broker, None)), (Tier::Want(1), place)]);
    let found = lacks_of(&model, &goals);
    let last = found.last().unwrap();
    assert_eq!(
        last.0,
        "the 2 brokers where its topics may stand may carry disk 480 B, and the topics bring 800 B"
    );
    assert_eq!(last.1, "2 more brokers where it may stand, or 400 B more disk there");
}

#[test]
fn a_proposal_says_what_is_lacking_in_numbers() {
    let mut model = cluster(&THREE, &[("t", &[&[1, 3], &[2, 3], &[1, 3], &[2, 3]])]);
    give(&mut model, Resource::Disk, 300.0);
    let goals = one(disk(Limit::Share(1.0), Scope::Broker, None));
    let solution = solve(&model, &goals, &Request::default()).unwrap();
    let refusal = solution.refusals.iter().find(|refusal| refusal.subject == "goal goal-0").unwrap();
    assert_eq!(refusal.mend, "rack b needs 1 more broker, or 100 B more disk");
    assert!(refusal.reason.contains("what has to stand in rack b is more disk"), "{}", refusal.reason);
}
