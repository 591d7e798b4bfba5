//! Log directories of one broker, of any number and fill: levelling never makes them less level, emptying empties or
//! is refused, and the judge, which propose asks, agrees with every plan.

use evenkeel::base::{BrokerId, Bytes};
use evenkeel::control::{ProposeError, propose};
use evenkeel::goals::{Balance, Goal, GoalSet, Rule, Scope, Tier};
use evenkeel::model::{BrokerOrd, ClusterModel, Resource};
use evenkeel::observe::{LogDir, Observation, Partition, Replica, SeenBroker, SeenTopic};
use evenkeel::plan::{Plan, PlanLimits};
use evenkeel::solve::{LogDirName, Operation, Request};
use proptest::prelude::*;

const BAND: f64 = 0.1;

/// A broker whose directories have these sizes, with replicas as pairs of directory and size.
fn broker(totals: &[u64], replicas: &[(usize, u64)]) -> Observation {
    let path = |dir: usize| format!("/data/{}", dir % totals.len());
    let mut seen = Observation::default();
    let log_dirs = totals.iter().enumerate().map(|(dir, total)| {
        let used: u64 =
            replicas.iter().filter(|(of, _)| of % totals.len() == dir).map(|(_, size)| size).sum();
        LogDir {
            path: path(dir),
            total_bytes: Some(Bytes(*total)),
            usable_bytes: Some(Bytes(total.saturating_sub(used))),
            online: true,
        }
    });
    let log_dirs = log_dirs.collect();
    seen.brokers.insert(BrokerId(1), SeenBroker { alive: true, log_dirs, ..SeenBroker::default() });
    let partitions = (0..).zip(replicas).map(|(id, (dir, size))| {
        let replica =
            Replica { size_bytes: Some(Bytes(*size)), log_dir: Some(path(*dir)), ..Replica::default() };
        Partition {
            id,
            replicas: vec![BrokerId(1)],
            leader: Some(BrokerId(1)),
            isr: vec![BrokerId(1)],
            on_disk: [(BrokerId(1), replica)].into(),
            ..Partition::default()
        }
    });
    let partitions = partitions.collect();
    seen.topics.insert("t".into(), SeenTopic { partitions, ..SeenTopic::default() });
    seen
}

/// The cluster when a plan has been carried out.
fn carried_out(seen: &Observation, plan: &Plan) -> Observation {
    let mut after = seen.clone();
    for step in plan.steps() {
        let step = step.as_log_dir().expect("one broker: nothing else can move");
        let partitions = &mut after.topics.get_mut(&step.partition.topic).unwrap().partitions;
        let partition = &mut partitions[usize::try_from(step.partition.partition).unwrap()];
        let replica = partition.on_disk.get_mut(&step.broker).unwrap();
        assert_eq!(replica.log_dir.as_ref(), Some(&step.from));
        replica.log_dir = Some(step.to.clone());
    }
    after
}

/// Bytes by which the directories are out of the band in all.
fn beyond(seen: &Observation) -> f64 {
    let model = ClusterModel::build(seen).unwrap();
    let loads = model.log_dir_bytes(BrokerOrd(0));
    let totals: Vec<f64> = model.brokers[0].log_dirs.iter().map(|dir| dir.total_bytes.unwrap()).collect();
    let (used, whole) = (loads.iter().sum::<f64>(), totals.iter().sum::<f64>());
    let of_dir = |(load, total): (&f64, &f64)| {
        ((load - used * total / whole).abs() - BAND * used * total / whole).max(0.0)
    };
    loads.iter().zip(&totals).map(of_dir).sum()
}

fn level() -> GoalSet {
    let rule = Balance { scope: Scope::LogDir, ..Balance::of(Resource::Disk, BAND) };
    let goal = Goal { name: "dirs".to_owned(), tier: Tier::Want(1), weight: 1.0, rule: Rule::Balance(rule) };
    GoalSet { name: "dirs".to_owned(), description: String::new(), goals: vec![goal] }
}

fn clusters() -> impl Strategy<Value = Observation> {
    let totals = prop::collection::vec(20_000_u64..60_000, 1..5);
    let replicas = prop::collection::vec((0_usize..5, 0_u64..900), 1..40);
    (totals, replicas).prop_map(|(totals, replicas)| broker(&totals, &replicas))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn levelling_never_makes_directories_less_level(seen in clusters()) {
        let made = || propose(&seen, &level(), &Request::default(), &PlanLimits::default()).unwrap().plan;
        let plan = made();
        prop_assert_eq!(plan.to_json(), made().to_json(), "the same look gives the same plan");
        let (before, now) = (beyond(&seen), carried_out(&seen, &plan));
        prop_assert!(beyond(&now) <= before + 1.0, "{} before, {} after", before, beyond(&now));
        if before < 0.5 {
            prop_assert!(plan.is_empty, "what is level is left alone");
        }
        let again = propose(&now, &level(), &Request::default(), &PlanLimits::default()).unwrap().plan;
        prop_assert!(again.price.log_dir_bytes <= plan.price.log_dir_bytes, "it does not come to rest");
    }

    #[test]
    fn a_directory_is_emptied_or_that_is_refused(seen in clusters()) {
        let name = LogDirName { broker: BrokerId(1), path: "/data/0".to_owned() };
        let request = Request { operation: Operation::RemoveLogDirs(vec![name]), ..Request::default() };
        match propose(&seen, &level(), &request, &PlanLimits::default()) {
            Ok(made) => {
                let now = carried_out(&seen, &made.plan);
                let left = ClusterModel::build(&now).unwrap().log_dir_bytes(BrokerOrd(0))[0];
                prop_assert!(left < 1.0 || !made.plan.refusals.is_empty(), "{} bytes are left", left);
            }
            Err(ProposeError::Solve(refusal)) => {
                prop_assert!(seen.brokers[&BrokerId(1)].log_dirs.len() == 1, "{}", refusal);
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
