//! Plans other than moves from broker to broker, from a target to the end: other replication factors, other orders,
//! other log directories.

use std::cell::RefCell;
use std::rc::Rc;

use evenkeel::base::{BrokerId, TopicPartition};
use evenkeel::control::{Charge, NoJournal, Scope, World, drive, propose};
use evenkeel::edge::sim::{BrokerSpec, SimEvent, SimSpec, SimWorld, TopicSpec};
use evenkeel::execute::{Command, End, ExecuteSettings, Execution, Setting, ThrottleRate};
use evenkeel::goals::{Balance, Goal, GoalSet, Rule, Tier};
use evenkeel::model::{Assignment, ClusterModel, PartitionOrd, Resource};
use evenkeel::observe::Observation;
use evenkeel::plan::{Plan, PlanFile, PlanLimits, judge};
use evenkeel::solve::{Change, LogDirName, Operation, Request, Solution};

use crate::support::{MB, four_brokers, ids, orders, stands};

/// A plan that gives the two partitions these lists.
fn planned(seen: &Observation, operation: Operation, lists: [&[i32]; 2]) -> Plan {
    let model = ClusterModel::build(seen).unwrap();
    let ords = |list: &[i32]| list.iter().map(|id| model.broker(BrokerId(*id)).unwrap()).collect::<Vec<_>>();
    let target = Assignment::new(lists.into_iter().map(|list| (ords(list), ords(list).first().copied())));
    let change = |partition| Change { partition, reason: "asked for".to_owned() };
    let solution = Solution {
        target,
        verdicts: Vec::new(),
        out_of_reach: Vec::new(),
        changes: [PartitionOrd(0), PartitionOrd(1)].map(change).to_vec(),
        log_dir_moves: Vec::new(),
        refusals: Vec::new(),
    };
    let goals = GoalSet { name: "none".to_owned(), description: String::new(), goals: Vec::new() };
    let request = Request { operation, ..Request::default() };
    Plan::build(&model, &goals, &request, &solution, &PlanLimits::default())
}

/// Judges and runs a plan; a partition that has no leader at any moment fails the test.
fn run(world: &mut SimWorld, plan: &Plan) -> Vec<(Vec<i32>, Vec<i32>, Option<i32>)> {
    let seen = world.observe(&Scope::Full).unwrap();
    let read = PlanFile::parse(&plan.to_json()).unwrap();
    let judgement = judge(&seen, &read, &PlanLimits::default());
    assert!(judgement.is_ok(), "{judgement:?}");
    let leaderless = Rc::new(RefCell::new(Vec::new()));
    let found = Rc::clone(&leaderless);
    world.watch(move |cluster, _| {
        let without = (0..2).filter(|at| cluster.partition(&orders(*at)).unwrap().leader().is_none());
        found.borrow_mut().extend(without);
    });
    let throttle = ThrottleRate::BytesPerS(50 * MB);
    let settings = ExecuteSettings { throttle, ..ExecuteSettings::default() };
    let mut execution = Execution::new(plan, settings, world.now(), &seen).unwrap();
    let outcome = drive(world, Charge::unrecorded(&mut execution, &mut NoJournal), &mut |_| {});
    assert_eq!(outcome.end, End::Done, "{outcome}: {:?}", outcome.steps);
    assert!(leaderless.borrow().is_empty(), "without a leader: {leaderless:?}");
    let after = world.observe(&Scope::Full).unwrap();
    assert!(after.brokers.values().all(|broker| broker.throttle.is_clear()), "throttles are left");
    (0..2).map(|at| stands(world.cluster(), at)).collect()
}

fn factor(of: u8) -> Operation {
    Operation::SetReplicationFactor(vec![("orders".parse().unwrap(), of)])
}

#[test]
fn a_replication_factor_grows_and_shrinks_again() {
    let mut world = SimWorld::new(&four_brokers()).unwrap();
    let most_at_once = Rc::new(RefCell::new(0));
    let seen_most = Rc::clone(&most_at_once);
    world.watch(move |cluster, events| {
        for name in events.iter().filter_map(|event| match event {
            SimEvent::Reassigning(name) => Some(name),
            _ => None,
        }) {
            let adding = cluster.partition(name).unwrap().adding().len();
            let most = *seen_most.borrow();
            *seen_most.borrow_mut() = most.max(adding);
        }
    });
    let seen = world.observe(&Scope::Full).unwrap();
    let grown = planned(&seen, factor(4), [&[1, 2, 3, 4], &[4, 1, 3, 2]]);
    assert_eq!(grown.replication_factors.get(&"orders".into()), Some(&4));
    assert_eq!((grown.price.replica_moves, grown.price.bytes.0), (2, 2_000 * MB));
    let stand = run(&mut world, &grown);
    assert_eq!(stand[0].0, [1, 2, 3, 4]);
    assert_eq!((&stand[1].0[..], stand[1].2), (&[4, 1, 3, 2][..], Some(4)));
    assert_eq!(*most_at_once.borrow(), 1);

    let seen = world.observe(&Scope::Full).unwrap();
    let shrunk = planned(&seen, factor(2), [&[2, 3], &[3, 1]]);
    assert_eq!(shrunk.price.bytes.0, 0, "nothing is copied");
    let stand = run(&mut world, &shrunk);
    assert_eq!(stand[0], (vec![2, 3], vec![2, 3], Some(2)), "leader 1 has gone");
    assert_eq!(stand[1], (vec![3, 1], vec![1, 3], Some(3)));
}

#[test]
fn fewer_replicas_than_min_isr_are_refused_with_a_mend() {
    let mut world = SimWorld::new(&four_brokers()).unwrap();
    let seen = world.observe(&Scope::Full).unwrap();
    let plan = planned(&seen, factor(1), [&[1], &[1]]);
    assert!(plan.is_empty && plan.refusals.len() == 2, "{:?}", plan.refusals);
    assert!(plan.refusals[0].mend.contains("min.insync.replicas"));
}

#[test]
fn a_length_that_was_not_asked_for_breaks_a_promise() {
    let mut world = SimWorld::new(&four_brokers()).unwrap();
    let seen = world.observe(&Scope::Full).unwrap();
    let mut plan = planned(&seen, factor(4), [&[1, 2, 3, 4], &[4, 1, 3, 2]]);
    plan.replication_factors.clear();
    plan.id = plan.content_id();
    let judgement = judge(&seen, &PlanFile::Evenkeel(Box::new(plan)), &PlanLimits::default());
    assert_eq!(judgement.broken.len(), 2, "{judgement:?}");
    assert!(judgement.broken[0].to_string().contains("replication factor 3 would become 4"));
}

#[test]
fn a_demoted_broker_leads_nothing_and_no_byte_moves() {
    let mut world = SimWorld::new(&four_brokers()).unwrap();
    let seen = world.observe(&Scope::Full).unwrap();
    let operation = Operation::Demote { brokers: ids(&[1]), log_dirs: Vec::new() };
    let plan = planned(&seen, operation, [&[2, 3, 1], &[3, 2, 1]]);
    assert_eq!((plan.price.bytes.0, plan.price.leader_changes), (0, 2));
    let kafka = plan.to_kafka();
    assert_eq!(kafka.lists()[&TopicPartition::new("orders", 0)], ids(&[2, 3, 1]));
    let stand = run(&mut world, &plan);
    assert_eq!((&stand[0].0[..], stand[0].2), (&[2, 3, 1][..], Some(2)));
    assert_eq!((&stand[1].0[..], stand[1].2), (&[3, 2, 1][..], Some(3)));
}

fn no_goals() -> GoalSet {
    GoalSet { name: "none".to_owned(), description: String::new(), goals: Vec::new() }
}

fn asks(operation: Operation) -> Request {
    Request { operation, ..Request::default() }
}

#[test]
fn what_the_solver_answers_to_each_operation_is_carried_out() {
    let mut world = SimWorld::new(&four_brokers()).unwrap();
    let replicas = |world: &SimWorld| (0..2).map(|at| stands(world.cluster(), at)).collect::<Vec<_>>();

    let plan = carried_out(&mut world, &no_goals(), &asks(factor(4)));
    assert_eq!(plan.price.replica_moves, 2);
    assert!(replicas(&world).iter().all(|(list, isr, _)| list.len() == 4 && isr.len() == 4));

    carried_out(&mut world, &no_goals(), &asks(factor(3)));
    assert!(replicas(&world).iter().all(|(list, isr, _)| list.len() == 3 && isr.len() == 3));

    let leader = replicas(&world)[0].2.unwrap();
    let demote = Operation::Demote { brokers: ids(&[leader]), log_dirs: Vec::new() };
    let plan = carried_out(&mut world, &no_goals(), &asks(demote));
    assert_eq!(plan.price.bytes.0, 0);
    for (list, _, leads) in replicas(&world) {
        assert!(leads != Some(leader) && list.first() != Some(&leader), "{list:?} led by {leads:?}");
    }

    // Leadership drifts, and comes back to the first of each list.
    let lists: Vec<Vec<i32>> = replicas(&world).into_iter().map(|(list, ..)| list).collect();
    world.cluster_mut().restart_broker(BrokerId(lists[0][0]), std::time::Duration::from_secs(30));
    world.sleep(std::time::Duration::from_secs(120));
    let plan = carried_out(&mut world, &no_goals(), &asks(Operation::PreferredLeaders));
    assert!(!plan.is_empty && plan.price.bytes.0 == 0);
    for ((list, _, leads), before) in replicas(&world).into_iter().zip(&lists) {
        assert_eq!((list.first().copied(), &list), (leads, before));
    }

    // A broker dies for good: what stood on it goes where it can live.
    let dead = lists[0][1];
    world.cluster_mut().kill_broker(BrokerId(dead));
    world.sleep(std::time::Duration::from_secs(30));
    let plan = carried_out(&mut world, &no_goals(), &asks(Operation::FixOffline));
    assert!(plan.price.replica_moves > 0);
    for (list, isr, _) in replicas(&world) {
        assert!(!list.contains(&dead) && isr.len() == 3, "{list:?}, in sync {isr:?}");
    }
}

#[test]
fn replicas_in_a_demoted_log_directory_lead_nothing() {
    let mut world = SimWorld::new(&four_brokers()).unwrap();
    world.cluster_mut().move_log_dir(BrokerId(1), &orders(1), "/data/2").unwrap();
    world.sleep(std::time::Duration::from_secs(600));
    let name = LogDirName { broker: BrokerId(1), path: "/data/2".to_owned() };
    let demote = Operation::Demote { brokers: Vec::new(), log_dirs: vec![name] };
    carried_out(&mut world, &no_goals(), &asks(demote));
    let (kept, demoted) = (stands(world.cluster(), 0), stands(world.cluster(), 1));
    assert_eq!(kept.2, Some(1), "what stands in the other directory is left alone");
    assert!(demoted.2 != Some(1) && demoted.0.last() == Some(&1), "{demoted:?}");

    let unknown = LogDirName { broker: BrokerId(1), path: "/nowhere".to_owned() };
    let demote = asks(Operation::Demote { brokers: Vec::new(), log_dirs: vec![unknown] });
    let seen = world.observe(&Scope::Full).unwrap();
    let error = propose(&seen, &no_goals(), &demote, &PlanLimits::default()).unwrap_err().to_string();
    assert!(error.contains("the broker has /data/1, /data/2"), "{error}");
}

/// A goal set that only asks for level log directories.
fn level_dirs() -> GoalSet {
    let rule = Balance { scope: evenkeel::goals::Scope::LogDir, ..Balance::of(Resource::Disk, 0.1) };
    let goal =
        Goal { name: "log-dirs".to_owned(), tier: Tier::Want(1), weight: 1.0, rule: Rule::Balance(rule) };
    GoalSet { name: "log-dirs".to_owned(), description: String::new(), goals: vec![goal] }
}

/// One broker with two directories, nearly everything in the second: what moves, moves between these.
fn with_skewed_dirs() -> SimWorld {
    let mut spec = SimSpec::new(5);
    spec.brokers.push(BrokerSpec::new(0, "az-0", 200_000 * MB, 100 * MB).with_log_dirs(2));
    let mut topic = TopicSpec { min_insync_replicas: 1, ..TopicSpec::new("orders") };
    for at in 0..12 {
        topic = topic.with_partition(&[0], (1_000 + 100 * at) * MB);
    }
    spec.topics.push(topic);
    let mut world = SimWorld::new(&spec).unwrap();
    for at in 2..12 {
        world.cluster_mut().move_log_dir(BrokerId(0), &orders(at), "/data/2").unwrap();
    }
    world.sleep(std::time::Duration::from_secs(3_600));
    world
}

/// Bytes of the replicas in each directory of broker 0.
fn dirs_of_broker_0(world: &mut SimWorld) -> Vec<f64> {
    let model = ClusterModel::build(&world.observe(&Scope::Full).unwrap()).unwrap();
    model.log_dir_bytes(model.broker(BrokerId(0)).unwrap())
}

fn carried_out(world: &mut SimWorld, goals: &GoalSet, request: &Request) -> Plan {
    let seen = world.observe(&Scope::Full).unwrap();
    let plan = propose(&seen, goals, request, &PlanLimits::default()).unwrap().plan;
    let settings =
        ExecuteSettings { throttle: ThrottleRate::BytesPerS(80 * MB), ..ExecuteSettings::default() };
    let mut execution = Execution::new(&plan, settings, world.now(), &seen).unwrap();
    let outcome = drive(world, Charge::unrecorded(&mut execution, &mut NoJournal), &mut |_| {});
    assert_eq!(outcome.end, End::Done, "{outcome}: {:?}", outcome.steps);
    plan
}

#[test]
fn log_directories_are_levelled_and_emptied_under_a_throttle() {
    let mut world = with_skewed_dirs();
    let before = dirs_of_broker_0(&mut world);
    assert!(before[1] > 3.0 * before[0], "the directories are not skewed: {before:?}");
    let plan = carried_out(&mut world, &level_dirs(), &Request::default());
    assert!(plan.price.log_dir_moves > 0 && plan.price.bytes.0 == 0, "{:?}", plan.price);
    assert!(
        plan.price.log_dir_bytes.as_f64() < before[1] - before[0],
        "more was moved than half the difference"
    );
    let after = dirs_of_broker_0(&mut world);
    assert!((after[0] - after[1]).abs() < 0.1 * (after[0] + after[1]), "not level: {after:?}");
    let rates = world.commands().iter().filter_map(|(_, command)| match command {
        Command::ThrottleBroker { log_dirs: Setting::Set(rate), .. } => Some(*rate),
        _ => None,
    });
    let rates: Vec<u64> = rates.collect();
    assert_eq!(rates.iter().max(), Some(&(80 * MB)), "it comes up to the whole rate: {rates:?}");
    assert!(world.observe(&Scope::Full).unwrap().brokers.values().all(|broker| broker.throttle.is_clear()));

    let again = propose(
        &world.observe(&Scope::Full).unwrap(),
        &level_dirs(),
        &Request::default(),
        &PlanLimits::default(),
    );
    assert!(again.unwrap().plan.is_empty, "what is level is left alone");

    let name = LogDirName { broker: BrokerId(0), path: "/data/2".to_owned() };
    let request = Request { operation: Operation::RemoveLogDirs(vec![name]), ..Request::default() };
    let plan = carried_out(&mut world, &level_dirs(), &request);
    assert_eq!(plan.operation, "empty log directories 0:/data/2");
    assert!(dirs_of_broker_0(&mut world)[1] < 1.0);
}

#[test]
fn the_judge_finds_moves_between_directories_that_cannot_be() {
    let mut world = with_skewed_dirs();
    let seen = world.observe(&Scope::Full).unwrap();
    let plan = propose(&seen, &level_dirs(), &Request::default(), &PlanLimits::default()).unwrap().plan;
    let spoilt = |how: &dyn Fn(&mut evenkeel::plan::LogDirStep)| {
        let mut plan = plan.clone();
        for step in plan.waves.iter_mut().flat_map(|wave| &mut wave.steps).take(1) {
            if let evenkeel::plan::Step::LogDir(step) = step {
                how(step);
            }
        }
        plan.id = plan.content_id();
        judge(&seen, &PlanFile::Evenkeel(Box::new(plan)), &PlanLimits::default())
    };
    assert!(spoilt(&|_| {}).is_ok());
    assert!(spoilt(&|step| step.to = "/nowhere".to_owned()).broken[0].to_string().contains("does not exist"));
    assert!(!spoilt(&|step| step.to = step.from.clone()).broken.is_empty());
    assert!(spoilt(&|step| step.from = "/data/9".to_owned()).stale[0].found.contains("/data/"));
    assert!(!spoilt(&|step| step.broker = BrokerId(7)).stale.is_empty());
    let full = PlanLimits { disk_limit_share: 0.05, ..PlanLimits::default() };
    let judgement = judge(&seen, &PlanFile::Evenkeel(Box::new(plan.clone())), &full);
    let over = judgement.broken.iter().any(|broken| broken.to_string().contains("pass the disk limit"));
    assert!(over, "{judgement:?}\n{plan:?}");
    assert_eq!(plan.to_kafka().partitions, [], "Kafka's own tool cannot be told of them");
}
