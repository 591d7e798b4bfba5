//! What goals lack, on clusters that can be followed by hand.

use evenkeel::base::{BrokerId, Bytes, TopicName};
use evenkeel::goals::{Counted, Goal, GoalSet, Least, Minimum, Rule, Standing, Tier, Topics, Verdict};
use evenkeel::model::{ClusterModel, Resource, Sums};
use evenkeel::observe::{Capacity, Observation, Partition, SeenBroker, SeenTopic};
use evenkeel::solve::{Lack, Request, Shortfall, forced_copies, forced_loads, shortfalls, solve};
use proptest::prelude::*;

use crate::clusters::live_cluster;

const GB: u64 = 1_000_000_000;

/// Brokers 0, 1, 2 ... with so many in each rack, each with 1 TB of disk; racks are called a, b, c ...
fn cluster(per_rack: &[usize]) -> Observation {
    let mut observation = Observation::default();
    let racks = per_rack.iter().zip(["a", "b", "c", "d"]).flat_map(|(n, rack)| std::iter::repeat_n(rack, *n));
    for (id, rack) in racks.enumerate() {
        let broker = SeenBroker {
            rack: Some(rack.into()),
            alive: true,
            capacity: Capacity { disk_bytes: Some(Bytes(1000 * GB)), ..Capacity::default() },
            ..SeenBroker::default()
        };
        observation.brokers.insert(BrokerId(i32::try_from(id).unwrap()), broker);
    }
    observation
}

fn topic(observation: &mut Observation, name: &str, partitions: &[(&[i32], u64)]) {
    let partition = |(at, (replicas, size)): (usize, &(&[i32], u64))| {
        let replicas: Vec<BrokerId> = replicas.iter().copied().map(BrokerId).collect();
        Partition {
            id: i32::try_from(at).unwrap(),
            leader: replicas.first().copied(),
            isr: replicas.clone(),
            replicas,
            size_bytes: Some(Bytes(size * GB)),
            ..Partition::default()
        }
    };
    let partitions = partitions.iter().enumerate().map(partition).collect();
    observation.topics.insert(TopicName::from(name), SeenTopic { partitions, ..SeenTopic::default() });
}

fn lacks(observation: &Observation, goals: &str) -> Vec<Shortfall> {
    let goals = GoalSet::parse(&format!("format = \"evenkeel-goals/1\"\nname = \"test\"\n{goals}")).unwrap();
    lacks_of(observation, &goals)
}

fn lacks_of(observation: &Observation, goals: &GoalSet) -> Vec<Shortfall> {
    let model = ClusterModel::build(observation).unwrap();
    let sums = Sums::new(&model, &model.placement);
    let counts: Vec<bool> = model.brokers.iter().map(|broker| broker.alive).collect();
    let standing = Standing {
        model: &model,
        assignment: &model.placement,
        sums: &sums,
        counts: &counts,
        dir_loads: None,
    };
    let verdicts: Vec<Verdict> = goals.goals.iter().map(|goal| goal.verdict(standing)).collect();
    shortfalls(standing, goals, &verdicts)
}

const DISK: &str =
    "[[goal]]\nname = \"disk\"\nrule = \"capacity\"\nresource = \"disk\"\nmax-share = 0.8\ntier = \"must\"\n";
const LEVEL: &str =
    "[[goal]]\nname = \"level\"\nrule = \"balance\"\nresource = \"disk\"\nband = 0.1\ntier = 1\n";

#[test]
fn copies_are_forced_by_racks_and_brokers() {
    assert_eq!(forced_copies(3, &[4, 4, 4]), [(1, 1); 3]);
    assert_eq!(forced_copies(2, &[4, 4, 4]), [(0, 1); 3]);
    assert_eq!(forced_copies(4, &[4, 4, 4]), [(1, 2); 3], "one rack has two, whichever");
    assert_eq!(forced_copies(3, &[2, 2]), [(1, 2); 2]);
    assert_eq!(forced_copies(5, &[1, 9, 1]), [(1, 1), (3, 3), (1, 1)]);
    assert_eq!(forced_copies(3, &[3, 0]), [(3, 3), (0, 0)], "a rack without brokers holds nothing");
}

#[test]
fn a_rack_too_small_for_its_copy_needs_brokers_or_disk() {
    let mut observation = cluster(&[2, 2, 1]);
    let lists: [(&[i32], u64); 3] = [(&[0, 2, 4], 500), (&[1, 3, 4], 500), (&[0, 2, 4], 200)];
    topic(&mut observation, "t", &lists);
    let found = lacks(&observation, DISK);
    // Rack c holds 1.2 TB; its broker may carry 800 GB. 400 GB over, which is 500 GB of capacity at 80 %.
    assert_eq!(found[0].mend, "rack c needs 1 more broker, or 500 GB more disk");
    assert!(found[0].reason.contains("rack c"), "{}", found[0].reason);
}

#[test]
fn a_cluster_too_small_is_not_the_fault_of_a_rack() {
    let mut observation = cluster(&[1, 1, 1]);
    topic(&mut observation, "t", &[(&[0, 1], 900), (&[1, 2], 900)]);
    let found = lacks(&observation, DISK);
    assert_eq!(found[0].mend, "the cluster needs 2 more brokers, or 1.50 TB more disk");
}

#[test]
fn an_uneven_rack_is_named_with_what_makes_it_even() {
    let mut observation = cluster(&[2, 2, 1]);
    topic(&mut observation, "t", &[(&[0, 2, 4], 100), (&[1, 3, 4], 100)]);
    let found = lacks(&observation, LEVEL);
    // 200 GB in each rack, a mean of 120: rack c is 66.7 % above it, and one more broker there makes all even.
    let Lack::Uneven { brokers_missing, percent, .. } = found[0].lack else { panic!("{:?}", found[0]) };
    assert_eq!(brokers_missing, 1);
    assert!((percent - 66.666).abs() < 0.01, "{percent}");
    assert!(found[0].mend.starts_with("rack c needs 1 more broker, or "), "{}", found[0].mend);
}

#[test]
fn one_replica_can_be_too_large() {
    let mut observation = cluster(&[2, 2, 2]);
    topic(&mut observation, "t", &[(&[0, 2, 4], 900)]);
    topic(&mut observation, "u", &[(&[1, 3, 5], 100)]);
    let found = lacks(&observation, DISK);
    assert_eq!(found[0].reason, "one replica of t-0 has disk 900 GB, and a broker may carry 800 GB");
}

#[test]
fn a_topic_can_have_too_few_partitions() {
    let mut observation = cluster(&[2, 2, 2]);
    topic(&mut observation, "t", &[(&[0, 2, 4], 1), (&[1, 3, 5], 1)]);
    let model = ClusterModel::build(&observation).unwrap();
    let sums = Sums::new(&model, &model.placement);
    let standing = Standing {
        model: &model,
        assignment: &model.placement,
        sums: &sums,
        counts: &[true; 6],
        dir_loads: None,
    };
    let lacking = |of| {
        let rule = Rule::Minimum(Minimum { topics: Topics::default(), of, least: Least::Count(1) });
        let goal = Goal { name: "each".into(), tier: Tier::Must, weight: 1.0, rule };
        let goals = GoalSet { name: "each".into(), description: String::new(), goals: vec![goal] };
        shortfalls(standing, &goals, &[Verdict::Violated { count: 4, worst: Vec::new() }])
    };
    let leaders = lacking(Counted::Leaders);
    assert_eq!(leaders[0].reason, "topic t has 2 partitions: 6 brokers cannot each lead 1");
    assert_eq!(leaders[0].mend, "topic t needs 4 more partitions");
    assert_eq!(lacking(Counted::Replicas)[0].lack, Lack::NotForbidden, "6 replicas are one for each");
}

#[test]
fn brokers_without_a_rack_are_named() {
    let mut observation = cluster(&[2, 2]);
    observation.brokers.get_mut(&BrokerId(3)).unwrap().rack = None;
    topic(&mut observation, "t", &[(&[0, 1, 2], 1)]);
    let spread = "[[goal]]\nname = \"racks\"\nrule = \"spread\"\nover = \"rack\"\ntier = \"must\"\n";
    let found = lacks(&observation, spread);
    assert_eq!(found[0].mend, "set broker.rack on broker 3");
}

#[test]
fn what_nothing_forbids_is_said_to_be_free_or_held() {
    let mut observation = cluster(&[2, 2, 2]);
    topic(
        &mut observation,
        "t",
        &[(&[0, 2, 4], 100), (&[0, 2, 4], 100), (&[0, 2, 4], 100), (&[1, 3, 5], 200)],
    );
    assert_eq!(lacks(&observation, LEVEL)[0].lack, Lack::NotForbidden);
    let partition = &mut observation.topics.get_mut(&TopicName::from("t")).unwrap().partitions[0];
    partition.isr.pop();
    assert_eq!(lacks(&observation, LEVEL)[0].lack, Lack::Held { partitions: 1 });
    let found = lacks_of(&cluster(&[1]), &GoalSet::shipped("default").unwrap());
    assert!(found.iter().all(|lack| matches!(lack.lack, Lack::NotKnown { .. })), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Wherever replicas are spread as they can be, each rack holds at least what is said to be forced on it, and at
    /// most what is said to find room there.
    #[test]
    fn no_well_spread_placement_escapes_the_forced_loads(recipe in live_cluster()) {
        let model = ClusterModel::build(&recipe.observation()).unwrap();
        let goals = GoalSet::shipped("default").unwrap();
        let solution = solve(&model, &goals, &Request::default()).unwrap();
        prop_assume!(solution.verdicts[0].1.is_met() == Some(true));
        let sums = Sums::new(&model, &solution.target);
        let counts = vec![true; model.brokers.len()];
        for resource in Resource::ALL {
            for (rack, (least, most)) in forced_loads(&model, &counts, resource).into_iter().enumerate() {
                let of_rack = model.broker_ords().filter(|broker| model.rack_of(*broker).index() == rack);
                let held: f64 = of_rack.map(|broker| sums.get(broker, resource)).sum();
                let slack = 1e-9 * (held + 1.0);
                prop_assert!(least <= held + slack && held <= most + slack, "{:?}: {} of {}..{}", resource, held, least, most);
            }
        }
    }
}
