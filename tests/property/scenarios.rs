//! Small clusters that anyone can follow by hand: what the solver does with each operation, and what it refuses.

use evenkeel::base::{BrokerId, Bytes, TopicName};
use evenkeel::goals::GoalSet;
use evenkeel::model::{ClusterModel, Resource, Sums};
use evenkeel::observe::{Capacity, Observation, Partition, SeenBroker, SeenTopic};
use evenkeel::plan::{Plan, PlanLimits};
use evenkeel::solve::{Operation, RefusalKind, Request, Solution, SolveError, solve};

const GB: u64 = 1_000_000_000;

/// Brokers 1 to `count` in turn on racks a, b and c, each with 1 TB of disk.
pub fn brokers(count: i32) -> Observation {
    let mut observation = Observation::default();
    for id in 1..=count {
        let rack = ["a", "b", "c"][usize::try_from((id - 1) % 3).unwrap()];
        let broker = SeenBroker {
            rack: Some(rack.into()),
            alive: true,
            capacity: Capacity { disk_bytes: Some(Bytes(1000 * GB)), ..Capacity::default() },
            ..SeenBroker::default()
        };
        observation.brokers.insert(BrokerId(id), broker);
    }
    observation
}

/// Adds a topic: the replicas and the size in GB of each partition.
pub fn topic(observation: &mut Observation, name: &str, partitions: &[(&[i32], u64)]) {
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
    let topic = SeenTopic { min_insync_replicas: Some(2), partitions, ..SeenTopic::default() };
    observation.topics.insert(TopicName::from(name), topic);
}

fn solved(observation: &Observation, operation: Operation) -> Result<(ClusterModel, Solution), SolveError> {
    let model = ClusterModel::build(observation).unwrap();
    let request = Request { operation, ..Request::default() };
    let solution = solve(&model, &GoalSet::shipped("disk-only").unwrap(), &request)?;
    Ok((model, solution))
}

/// The least bytes by the certificate of the plan.
fn bound(model: &ClusterModel, solution: &Solution) -> Bytes {
    let goals = GoalSet::shipped("disk-only").unwrap();
    let plan = Plan::build(model, &goals, &Request::default(), solution, &PlanLimits::default());
    plan.price.bytes_lower_bound.unwrap()
}

fn disks(model: &ClusterModel, solution: &Solution) -> Vec<f64> {
    let sums = Sums::new(model, &solution.target);
    #[expect(clippy::cast_precision_loss, reason = "a unit")]
    model.broker_ords().map(|broker| sums.get(broker, Resource::Disk) / GB as f64).collect()
}

/// Six brokers on three racks; brokers 1 to 3 hold everything, in partitions of very different sizes.
fn skewed() -> Observation {
    let mut observation = brokers(6);
    let sizes = [70, 41, 33, 29, 23, 17, 13, 11, 7, 5, 3, 2, 2, 1, 1];
    let rows: Vec<(&[i32], u64)> = sizes.iter().map(|size| (&[1, 2, 3][..], *size)).collect();
    topic(&mut observation, "t", &rows);
    observation
}

#[test]
fn six_brokers_come_within_the_band_for_few_bytes() {
    let (model, solution) = solved(&skewed(), Operation::Rebalance).unwrap();
    let disks = disks(&model, &solution);
    let mean = disks.iter().sum::<f64>() / 6.0;
    assert!(disks.iter().all(|disk| (disk / mean - 1.0).abs() <= 0.1), "{disks:?}");
    let moved: f64 = disks[3..].iter().sum();
    assert!(moved <= 3.0 * mean, "no broker gets more than it needs: {disks:?}");
    #[expect(clippy::cast_precision_loss, reason = "a bound")]
    let bound = bound(&model, &solution).0 as f64 / 1e9;
    assert!(bound <= moved && bound >= 0.85 * moved, "bound {bound}, moved {moved}");
}

#[test]
fn every_change_has_a_reason_with_numbers_and_leaders_come_first() {
    let (model, solution) = solved(&skewed(), Operation::Rebalance).unwrap();
    assert!(!solution.changes.is_empty());
    for change in &solution.changes {
        assert!(change.reason.contains("% over the mean of disk"), "{}", change.reason);
        let target = &solution.target;
        assert_eq!(target.leader(change.partition), target.replicas(change.partition).first().copied());
    }
    assert_eq!(model.partitions.len(), 15);
}

#[test]
fn removing_only_empties_and_adding_only_fills() {
    let (_, levelled) = solved(&skewed(), Operation::Rebalance).unwrap();
    let mut observation = skewed();
    let model = ClusterModel::build(&observation).unwrap();
    let rows = &mut observation.topics.get_mut(&TopicName::from("t")).unwrap().partitions;
    for (partition, row) in model.partition_ords().zip(rows) {
        row.replicas =
            levelled.target.replicas(partition).iter().map(|b| model.brokers[b.index()].id).collect();
        row.isr.clone_from(&row.replicas);
        row.leader = row.replicas.first().copied();
    }
    let (model, removed) = solved(&observation, Operation::RemoveBrokers(vec![BrokerId(6)])).unwrap();
    let disks = disks(&model, &removed);
    assert!(disks[5] == 0.0);
    for change in &removed.changes {
        assert!(model.placement.holds(change.partition, model.broker(BrokerId(6)).unwrap()));
        assert!(
            change.reason.contains("broker 6 is to be emptied; broker 3 in the same rack"),
            "{}",
            change.reason
        );
    }

    let (model, added) = solved(&skewed(), Operation::AddBrokers(vec![BrokerId(4)])).unwrap();
    for change in &added.changes {
        let new: Vec<BrokerId> = added
            .target
            .replicas(change.partition)
            .iter()
            .filter(|broker| !model.placement.holds(change.partition, **broker))
            .map(|broker| model.brokers[broker.index()].id)
            .collect();
        assert_eq!(new, [BrokerId(4)]);
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_done() {
    let refuse = |operation| solved(&skewed(), operation).unwrap_err().to_string();
    assert_eq!(
        refuse(Operation::RemoveBrokers(vec![BrokerId(9)])),
        "broker 9 does not exist; there are 1 to 6"
    );
    assert_eq!(
        refuse(Operation::RemoveBrokers([1, 2, 4, 5].map(BrokerId).to_vec())),
        "2 live brokers would be left, but t-0 has 3 replicas: remove fewer, or add 1 first"
    );
    assert_eq!(
        refuse(Operation::RemoveBrokers([3, 6].map(BrokerId).to_vec())),
        "rack c would keep 0 live brokers: t-0 (replication factor 3) would lose rack spread; keep or add 1 more there"
    );
    assert_eq!(refuse(Operation::AddBrokers(vec![])), "no broker is named to add");

    let mut full = brokers(6);
    let lists: [(&[i32], u64); 4] =
        [(&[1, 2, 3], 400), (&[1, 2, 3], 300), (&[4, 5, 6], 400), (&[4, 5, 6], 300)];
    topic(&mut full, "t", &lists);
    let refused = solved(&full, Operation::RemoveBrokers(vec![BrokerId(6)])).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "disk of rack c would be 140 % full, and the limit is 80 %: 750 GB more capacity needed"
    );

    let mut dead = skewed();
    dead.brokers.get_mut(&BrokerId(6)).unwrap().alive = false;
    let refused = solved(&dead, Operation::AddBrokers(vec![BrokerId(6)])).unwrap_err();
    assert_eq!(refused, SolveError::DeadBroker(BrokerId(6)));

    let model = ClusterModel::build(&skewed()).unwrap();
    let request = Request { excluded_topics: vec!["T".parse().unwrap()], ..Request::default() };
    let refused = solve(&model, &GoalSet::shipped("disk-only").unwrap(), &request).unwrap_err();
    assert_eq!(refused.to_string(), "topic `T` does not exist; did you mean `t`?");
}

#[test]
fn a_dead_broker_holds_its_partitions_until_it_is_removed() {
    let mut observation = skewed();
    observation.brokers.get_mut(&BrokerId(3)).unwrap().alive = false;
    for partition in &mut observation.topics.get_mut(&TopicName::from("t")).unwrap().partitions {
        partition.isr.retain(|broker| *broker != BrokerId(3));
    }
    let (_, held) = solved(&observation, Operation::Rebalance).unwrap();
    assert!(held.changes.is_empty());
    let refusal = &held.refusals[0];
    assert_eq!((refusal.kind, refusal.reason.as_str()), (RefusalKind::PartitionHeld, "broker 3 is down"));
    assert!(refusal.mend.contains("remove-broker"));

    let (model, repaired) = solved(&observation, Operation::RemoveBrokers(vec![BrokerId(3)])).unwrap();
    assert_eq!(repaired.changes.len(), 15);
    let six = model.broker(BrokerId(6)).unwrap();
    assert!(model.partition_ords().all(|partition| repaired.target.holds(partition, six)));
}

#[test]
fn crowded_racks_are_mended_and_excluded_topics_stay() {
    let mut observation = brokers(6);
    topic(&mut observation, "broken", &[(&[1, 4, 3], 10)]);
    topic(&mut observation, "left-alone", &[(&[1, 4, 3], 10)]);
    let model = ClusterModel::build(&observation).unwrap();
    let request = Request { excluded_topics: vec!["left-alone".parse().unwrap()], ..Request::default() };
    let solution = solve(&model, &GoalSet::shipped("default").unwrap(), &request).unwrap();
    assert_eq!(solution.changes.len(), 1);
    assert!(solution.changes[0].reason.contains("rack b"), "{}", solution.changes[0].reason);
    assert_eq!(solution.verdicts[0].1.is_met(), Some(false), "the other one stays as it is");
    assert!(solution.refusals.iter().any(|refusal| refusal.kind == RefusalKind::GoalNotReady));
}

#[test]
fn a_rack_too_small_is_levelled_in_itself_and_named() {
    let mut observation = brokers(5);
    let rows: Vec<(&[i32], u64)> = (0..12).map(|_| (&[1, 2, 3][..], 10)).collect();
    topic(&mut observation, "t", &rows);
    let (model, solution) = solved(&observation, Operation::Rebalance).unwrap();
    let disks = disks(&model, &solution);
    assert_eq!(disks, [60.0, 60.0, 120.0, 60.0, 60.0]);
    let refusal = solution.refusals.iter().find(|refusal| refusal.subject == "goal disk-balance").unwrap();
    assert!(refusal.mend.contains("rack c"), "{}", refusal.mend);
}

#[test]
fn added_brokers_are_filled_within_their_band_in_replicas_and_bytes() {
    let mut observation = brokers(15);
    // Eleven full brokers, and one that came late and is half empty: adding others fills only those.
    let late = [0, 1, 2, 0, 1, 2, 3];
    let mut rows: Vec<([i32; 3], u64)> = Vec::new();
    for at in 0..240_usize {
        let nth = |nth: usize| 3 * i32::try_from(nth % 4).unwrap();
        let size = 1 + u64::try_from(at * 7 % 13).unwrap();
        rows.push(([1 + nth(at), 2 + nth(at / 4), 3 + 3 * late[at % 7]], size));
    }
    let rows: Vec<(&[i32], u64)> = rows.iter().map(|(replicas, size)| (&replicas[..], *size)).collect();
    topic(&mut observation, "t", &rows);
    let model = ClusterModel::build(&observation).unwrap();
    let goals = GoalSet::shipped("cruise-control").unwrap();
    let operation = Operation::AddBrokers([13, 14, 15].map(BrokerId).to_vec());
    let solution = solve(&model, &goals, &Request { operation, ..Request::default() }).unwrap();
    let (before, after) = (Sums::new(&model, &model.placement), Sums::new(&model, &solution.target));
    for broker in model.broker_ords() {
        let id = model.brokers[broker.index()].id;
        // 240 partitions with three replicas on fifteen brokers: 48 each, within 9 %.
        let (held, replicas) =
            (before.get(broker, Resource::Replicas), after.get(broker, Resource::Replicas));
        assert!(replicas <= 53.0, "{id} has {replicas}");
        assert!(replicas >= held.min(43.0), "{id} had {held} and has {replicas}");
        let mean = model.broker_ords().map(|b| after.get(b, Resource::Disk)).sum::<f64>() / 15.0;
        assert!(id < BrokerId(13) || after.get(broker, Resource::Disk) >= 0.91 * mean, "{id} is not filled");
    }
    let said = |refusal: &&evenkeel::solve::Refusal| refusal.subject == "goal ReplicaDistributionGoal";
    let reason = &solution.refusals.iter().find(said).expect("broker 12 stays half empty").reason;
    assert!(
        reason.contains("broker 12 was below before, and nothing but a must moves replicas onto it"),
        "{reason}"
    );
}

#[test]
fn what_leaves_a_broker_though_its_topic_is_excluded_is_led_by_none_that_is_not_to_begin_to_lead() {
    let mut observation = brokers(6);
    topic(&mut observation, "t", &[(&[1, 2, 3], 10)]);
    let model = ClusterModel::build(&observation).unwrap();
    let request = Request {
        operation: Operation::RemoveBrokers(vec![BrokerId(1)]),
        excluded_topics: vec!["t".parse().unwrap()],
        no_leaders_on: vec![BrokerId(4)],
        ..Request::default()
    };
    let solution = solve(&model, &GoalSet::shipped("disk-only").unwrap(), &request).unwrap();
    let partition = model.partition_ords().next().unwrap();
    let ids = |broker: &evenkeel::model::BrokerOrd| model.brokers[broker.index()].id;
    assert!(
        solution.target.replicas(partition).iter().map(ids).any(|id| id == BrokerId(4)),
        "the only one in rack a"
    );
    let leader = solution.target.leader(partition).as_ref().map(ids).unwrap();
    assert!(leader == BrokerId(2) || leader == BrokerId(3), "led by {leader}");
}
