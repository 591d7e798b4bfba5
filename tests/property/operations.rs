//! Every operation, with every restriction and budget, for every shipped goal set: what a plan keeps whatever it is for.

use std::collections::BTreeMap;

use evenkeel::base::{BrokerId, Bytes};
use evenkeel::goals::GoalSet;
use evenkeel::observe::Observation;
use evenkeel::plan::{Plan, Step};
use evenkeel::solve::{Budget, Operation, Request, SolveError};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::clusters::{Recipe, any_cluster, small_loads};
use crate::{Proposed, judged, propose};

/// A request before it is known which brokers there are.
#[derive(Debug, Clone)]
pub struct Wish {
    operation: usize,
    named: Vec<Index>,
    pub also_rebalance: bool,
    pub only_topics: bool,
    pub excluded_topics: bool,
    only_onto: Vec<Index>,
    not_onto: Vec<Index>,
    no_leaders_on: Vec<Index>,
    pub budget: Budget,
    factor: u8,
    goals: Index,
    seed: u64,
}

fn some_brokers(weight: u32) -> impl Strategy<Value = Vec<Index>> {
    prop_oneof![
        8 => Just(Vec::new()),
        weight => proptest::collection::vec(any::<Index>(), 1..4),
    ]
}

fn budget() -> impl Strategy<Value = Budget> {
    let bytes = || proptest::option::weighted(0.15, (0u64..400_000_000_000).prop_map(Bytes));
    (bytes(), proptest::option::weighted(0.15, 0u64..30), bytes())
        .prop_map(|(bytes, moves, bytes_per_broker)| Budget { bytes, moves, bytes_per_broker })
}

/// Any operation with any restrictions.
pub fn wish() -> impl Strategy<Value = Wish> {
    let what = (0usize..8, proptest::collection::vec(any::<Index>(), 1..3), any::<bool>(), 1u8..=5);
    let topics = (proptest::bool::weighted(0.15), proptest::bool::weighted(0.15));
    let places = (some_brokers(1), some_brokers(2), some_brokers(2));
    (what, topics, places, budget(), any::<Index>(), any::<u64>()).prop_map(
        |((operation, named, also_rebalance, factor), topics, places, budget, goals, seed)| Wish {
            operation,
            named,
            also_rebalance,
            only_topics: topics.0,
            excluded_topics: topics.1,
            only_onto: places.0,
            not_onto: places.1,
            no_leaders_on: places.2,
            budget,
            factor,
            goals,
            seed,
        },
    )
}

impl Wish {
    fn brokers(observation: &Observation, of: &[Index]) -> Vec<BrokerId> {
        let ids: Vec<BrokerId> = observation.brokers.keys().copied().collect();
        let mut named: Vec<BrokerId> = of.iter().map(|index| *index.get(&ids)).collect();
        named.sort_unstable();
        named.dedup();
        named
    }

    /// The request for a cluster.
    pub fn request(&self, observation: &Observation) -> Request {
        let brokers = |of: &[Index]| Self::brokers(observation, of);
        let named = brokers(&self.named);
        let operation = match self.operation {
            0 => Operation::Rebalance,
            1 => Operation::AddBrokers(named),
            2 => Operation::RemoveBrokers(named),
            3 => Operation::Demote { brokers: named, log_dirs: Vec::new() },
            4 => Operation::FixOffline,
            5 => Operation::SetReplicationFactor(vec![("t0".parse().unwrap(), self.factor)]),
            6 => Operation::SetReplicationFactor(vec![(".*".parse().unwrap(), self.factor)]),
            _ => Operation::PreferredLeaders,
        };
        let topic = |is_on: bool| if is_on { vec!["t0".parse().unwrap()] } else { Vec::new() };
        Request {
            operation,
            also_rebalance: self.also_rebalance,
            only_topics: topic(self.only_topics),
            excluded_topics: topic(self.excluded_topics),
            only_onto: brokers(&self.only_onto),
            not_onto: brokers(&self.not_onto),
            no_leaders_on: brokers(&self.no_leaders_on),
            budget: self.budget,
            seed: self.seed,
        }
    }

    /// The goal set.
    pub fn goals(&self) -> GoalSet {
        let names: Vec<&str> = GoalSet::shipped_names().collect();
        GoalSet::shipped(self.goals.get::<&str>(&names)).unwrap()
    }

    /// The plan, with what led to it; `None` where the request is refused for a reason that a request can have.
    fn proposed(&self, observation: &Observation) -> Result<Option<Proposed>, TestCaseError> {
        match propose(observation, &self.goals(), &self.request(observation)) {
            Ok(proposed) => Ok(Some(proposed)),
            Err(
                SolveError::TooFewBrokers { .. }
                | SolveError::RackSpread { .. }
                | SolveError::DiskTooSmall { .. }
                | SolveError::NoRoom { .. }
                | SolveError::NoReceivers
                | SolveError::DeadBroker(_)
                | SolveError::FactorTooLarge { .. }
                | SolveError::FactorBelowMinIsr { .. },
            ) => Ok(None),
            Err(other) => Err(TestCaseError::fail(other.to_string())),
        }
    }
}

/// What a plan does to the list of each partition that it touches: before, and after.
fn lists(observation: &Observation, plan: &Plan) -> Vec<(String, u64, Vec<BrokerId>, Vec<BrokerId>)> {
    let row = |step: &Step| {
        let now = observation.partition(step.partition()).unwrap();
        let after = match step {
            Step::Move(step) => step.target().to_vec(),
            Step::Leader(step) => step.replicas.clone(),
            Step::LogDir(_) => return None,
        };
        let size = now.size_bytes.unwrap().0;
        Some((step.partition().to_string(), size, now.replicas.clone(), after))
    };
    plan.steps().filter_map(row).collect()
}

/// Restrictions of a request that a plan could break.
fn broken_restriction(observation: &Observation, request: &Request, plan: &Plan) -> Option<String> {
    let removed: &[BrokerId] = match &request.operation {
        Operation::RemoveBrokers(removed) => removed,
        _ => &[],
    };
    for (name, _, before, after) in lists(observation, plan) {
        let mut added = after.iter().filter(|broker| !before.contains(broker));
        let bad = added.find(|broker| {
            (!request.only_onto.is_empty() && !request.only_onto.contains(broker))
                || request.not_onto.contains(broker)
                || removed.contains(broker)
                || !observation.brokers[broker].alive
        });
        if let Some(bad) = bad {
            return Some(format!("{name} goes onto broker {bad}"));
        }
        let topic = name.starts_with("t0-");
        let is_meant =
            (!topic || request.excluded_topics.is_empty()) && (topic || request.only_topics.is_empty());
        let is_offline = request.operation == Operation::FixOffline
            && before.iter().any(|broker| !observation.brokers[broker].alive);
        // To name a topic for another replication factor is to mean it.
        let is_resized = matches!(&request.operation, Operation::SetReplicationFactor(rows)
            if rows[0].0.matches(&name_of(&name).topic));
        if !is_meant && !is_offline && !is_resized && !before.iter().any(|broker| removed.contains(broker)) {
            return Some(format!("{name} is touched, and its topic is not meant: {before:?} {after:?}"));
        }
    }
    None
}

/// A budget that a plan passes.
fn broken_budget(observation: &Observation, budget: Budget, plan: &Plan) -> Option<String> {
    let (mut bytes, mut moves) = (0, 0);
    let (mut into, mut out) = (BTreeMap::new(), BTreeMap::new());
    for step in plan.steps() {
        let Step::Move(step) = step else { continue };
        let now = observation.partition(&step.partition).unwrap();
        let size = now.size_bytes.unwrap().0;
        for broker in step.added() {
            bytes += size;
            moves += 1;
            *into.entry(broker).or_insert(0) += size;
            *out.entry(now.leader.unwrap()).or_insert(0) += size;
        }
    }
    let most = into.values().chain(out.values()).copied().max().unwrap_or(0);
    let passed = budget.bytes.is_some_and(|limit| bytes > limit.0)
        || budget.moves.is_some_and(|limit| moves > limit)
        || budget.bytes_per_broker.is_some_and(|limit| most > limit.0);
    passed.then(|| format!("{bytes} bytes, {moves} moves, {most} of one broker, for {budget:?}"))
}

fn check_all(recipe: &Recipe, wish: &Wish) -> Result<(), TestCaseError> {
    let observation = recipe.observation();
    let request = wish.request(&observation);
    let Some(proposed) = wish.proposed(&observation)? else { return Ok(()) };
    let plan = &proposed.plan;
    let judgement = judged(&observation, plan);
    prop_assert!(judgement.is_ok(), "{}: {judgement:#?}", plan.operation);
    let again = wish.proposed(&observation)?.expect("it was not refused before");
    prop_assert_eq!(plan.to_json(), again.plan.to_json(), "the same look gives the same plan");
    let broken = broken_restriction(&observation, &request, plan);
    prop_assert!(broken.is_none(), "{}: {:?}", plan.operation, broken);
    let passed = broken_budget(&observation, request.budget, plan);
    prop_assert!(passed.is_none(), "{}: {:?}", plan.operation, passed);
    for (name, _, before, after) in lists(&observation, plan) {
        let (old, new) = (observation.partition(&name_of(&name)).unwrap().leader, after.first().copied());
        let begins = new.filter(|new| old != Some(*new) && request.no_leaders_on.contains(new));
        // A broker that holds the only replica is no choice.
        prop_assert!(
            begins.is_none() || after.len() == 1,
            "{name} {before:?} {after:?} is led by {begins:?}"
        );
    }
    let moves_data = !matches!(request.operation, Operation::PreferredLeaders | Operation::Demote { .. });
    prop_assert!(moves_data || request.also_rebalance || plan.price.bytes.0 == 0, "{}", plan.operation);
    Ok(())
}

fn name_of(text: &str) -> evenkeel::base::TopicPartition {
    let (topic, partition) = text.rsplit_once('-').unwrap();
    evenkeel::base::TopicPartition::new(topic, partition.parse().unwrap())
}

/// Where no limit is near and rack spread is as it should be, no must forces anything.
fn check_reach(recipe: &Recipe, wish: &Wish) -> Result<(), TestCaseError> {
    let observation = recipe.observation();
    let request = wish.request(&observation);
    let Some(proposed) = wish.proposed(&observation)? else { return Ok(()) };
    let plan = &proposed.plan;
    let musts_hold = plan.goals.iter().filter(|goal| goal.tier == "must").all(|g| g.met_before == Some(true));
    for (name, _, before, after) in lists(&observation, plan) {
        let mut added = after.iter().filter(|broker| !before.contains(broker));
        match &request.operation {
            Operation::AddBrokers(named) if !request.also_rebalance && musts_hold => {
                prop_assert!(added.all(|broker| named.contains(broker)), "{name}: {before:?} to {after:?}");
            }
            Operation::RemoveBrokers(named) => {
                prop_assert!(!added.any(|broker| named.contains(broker)), "{name}: {before:?} to {after:?}");
                let stood = before.iter().any(|broker| named.contains(broker));
                prop_assert!(
                    stood || request.also_rebalance || !musts_hold,
                    "{name} has nothing on {named:?}: {before:?} to {after:?}"
                );
            }
            Operation::FixOffline if !request.also_rebalance && musts_hold => {
                let ails = before.iter().any(|broker| !observation.brokers[broker].alive);
                prop_assert!(ails, "{name}: {before:?} to {after:?}");
            }
            Operation::SetReplicationFactor(rows) if rows[0].0.matches(&name_of(&name).topic) => {
                let to = usize::from(rows[0].1);
                prop_assert!(
                    after.len() == to || after.len() == before.len(),
                    "{name}: {before:?} to {after:?}"
                );
            }
            _ => {}
        }
        let resizes = matches!(request.operation, Operation::SetReplicationFactor(_));
        prop_assert!(resizes || after.len() == before.len(), "{name}: {before:?} to {after:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_operation_keeps_the_promises_the_restrictions_and_the_budget(recipe in any_cluster(), wish in wish()) {
        check_all(&recipe, &wish)?;
    }

    #[test]
    fn an_operation_does_what_it_is_for_and_no_more(recipe in any_cluster(), wish in wish()) {
        check_reach(&small_loads(recipe), &wish)?;
    }
}
