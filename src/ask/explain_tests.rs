//! Explanations on clusters that can be followed by hand.

use super::*;
use crate::ask::test_clusters::{cluster, topic};
use crate::plan::PlanLimits;
use crate::solve::solve;

fn explained(observation: &crate::observe::Observation, name: &str, request: &Request) -> Explanation {
    let model = ClusterModel::build(observation).expect("the cluster is sound");
    let goals = GoalSet::shipped("disk-only").expect("it is shipped");
    let solution = solve(&model, &goals, request).expect("it can be carried out");
    let plan = Plan::build(&model, &goals, request, &solution, &PlanLimits::default());
    let partition = find_partition(&model, &name.parse().expect("a partition")).expect("it is there");
    let proposal = Explained {
        model: &model,
        seen: observation,
        goals: &goals,
        request,
        solution: &solution,
        plan: &plan,
    };
    explain(proposal, partition)
}

#[test]
fn a_level_cluster_says_what_speaks_against_each_broker() {
    let mut observation = cluster(&[2, 2, 2]);
    topic(&mut observation, "t", &[(&[0, 2, 4], 100), (&[1, 3, 5], 100)]);
    let view = explained(&observation, "t-0", &Request::default());
    let Fate::Stays { replicas, .. } = &view.fate else { panic!("{:?}", view.fate) };
    let first = &replicas[0];
    assert_eq!(first.broker, BrokerId(0));
    // The other broker of the rack holds the other partition: both on one is out of the band.
    assert_eq!((first.obstacles[0].same_rack, first.obstacles[0].kind), (true, "worse"));
    assert_eq!(first.obstacles[0].brokers, [BrokerId(1)]);
    assert_eq!(first.obstacles[0].goal.as_deref(), Some("disk-balance"));
    assert!(first.obstacles[0].text.contains("would be 100.0 %"), "{}", first.obstacles[0].text);
    // Those of other racks would put two replicas in one rack.
    assert_eq!((first.obstacles[1].same_rack, first.obstacles[1].kind), (false, "breaks-must"));
    assert_eq!(first.obstacles[1].brokers, [BrokerId(3), BrokerId(5)]);
    let share = &view.replicas[0].shares[0];
    assert_eq!((share.resource, share.of_load, share.of_capacity), ("disk", 1.0, Some(0.1)));
}

#[test]
fn a_move_names_its_reason_and_the_goal_that_gains() {
    let mut observation = cluster(&[2, 2, 2]);
    topic(&mut observation, "t", &[(&[0, 2, 4], 100), (&[0, 2, 4], 100)]);
    let moved = ["t-0", "t-1"].map(|name| explained(&observation, name, &Request::default()));
    let changes = moved.iter().find(|view| matches!(view.fate, Fate::Changes { .. }));
    let Some(Fate::Changes { from, to, effects, reason, bytes, .. }) = changes.map(|view| &view.fate) else {
        panic!("{moved:?}")
    };
    assert_ne!(from, to);
    assert!(bytes.0 > 0 && !reason.is_empty());
    assert!(effects.iter().any(|effect| effect.goal == "disk-balance" && effect.gains), "{effects:?}");
}

#[test]
fn what_may_not_be_touched_says_why() {
    let mut observation = cluster(&[2, 2, 2]);
    topic(&mut observation, "t", &[(&[0, 2, 4], 100), (&[1, 3, 5], 100)]);
    let request = Request { excluded_topics: vec!["t".parse().expect("a pattern")], ..Request::default() };
    let view = explained(&observation, "t-0", &request);
    assert!(
        matches!(&view.fate, Fate::Held { reason, .. } if reason.contains("excluded")),
        "{:?}",
        view.fate
    );
    let partition = &mut observation.topics.values_mut().next().expect("a topic").partitions[0];
    partition.isr.pop();
    let view = explained(&observation, "t-0", &Request::default());
    assert!(
        matches!(&view.fate, Fate::Held { reason, .. } if reason.contains("broker 4")),
        "{:?}",
        view.fate
    );
    assert!(!view.replicas[2].in_sync);
}

#[test]
fn a_misspelt_name_gets_the_nearest() {
    let mut observation = cluster(&[1, 1]);
    topic(&mut observation, "orders", &[(&[0, 1], 1)]);
    let model = ClusterModel::build(&observation).expect("the cluster is sound");
    let find =
        |name: &str| find_partition(&model, &name.parse().expect("a partition")).expect_err("not there");
    assert_eq!(find("oders-0").hint().as_deref(), Some("did you mean `orders`?"));
    assert_eq!(find("orders-7").to_string(), "topic `orders` has partitions 0 to 0, and no 7");
    assert_eq!(find("something-0").hint(), None);
}

#[test]
fn what_loads_rest_on_is_told_where_it_is_known() {
    use crate::observe::{AddsUp, Basis, CpuSharing, LoadBasis, NoFit};
    let mut observation = cluster(&[2, 2, 2]);
    topic(&mut observation, "t", &[(&[0, 2, 4], 100), (&[1, 3, 5], 100)]);
    assert_eq!(explained(&observation, "t-0", &Request::default()).grounds, [], "nobody said");
    let first = &mut observation.topics.get_mut(&"t".into()).expect("the topic").partitions[0];
    let cpu = Some(Basis::StaticWeights);
    first.load.basis = LoadBasis { produce: Some(Basis::SharedBySize), consume: None, cpu };
    let by = SharedBy::StaticWeights { why: NoFit::Alike };
    let row = |id: i32, parts_cores| AddsUp {
        broker: BrokerId(id),
        measured_cores: 1.0,
        parts_cores,
        other_cores: 0.0,
        copies_cores: 0.0,
    };
    observation.cpu_sharing = Some(CpuSharing { by, brokers: vec![row(0, 1.0), row(2, 0.75), row(3, 0.5)] });
    let view = explained(&observation, "t-0", &Request::default());
    let told: Vec<(&str, Basis)> = view.grounds.iter().map(|ground| (ground.load, ground.basis)).collect();
    assert_eq!(told, [("produce", Basis::SharedBySize), ("cpu", Basis::StaticWeights)]);
    let cpu = &view.grounds[1].words;
    assert!(cpu.contains("static weights") && cpu.contains("the data cannot tell"), "{cpu}");
    assert!(
        cpu.contains("broker 2: its parts add up to 0.25 cores less") && !cpu.contains("broker 3"),
        "{cpu}"
    );
    assert_eq!(explained(&observation, "t-1", &Request::default()).grounds, []);
}
