//! What is checked after every event of an execution, and at its end.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use evenkeel::base::{BrokerId, RackId, TimestampMs, TopicName, TopicPartition};
use evenkeel::edge::sim::{ConfigChange, ConfigOwner, Fault, SimCluster, SimEvent, SimTopic};
use evenkeel::execute::{Command, End, Outcome, StepEnd, ThrottleRate};
use evenkeel::model::promises;
use evenkeel::observe::ThrottledReplicas;
use evenkeel::plan::{LogDirStep, Step};

use crate::meddler::Meddler;
use crate::scenario::Scenario;
use crate::trouble::Trouble;

/// What was seen to be wrong.
#[derive(Debug, Default)]
pub struct Watched {
    pub broken: Vec<String>,
    /// How many events the promises were checked after.
    pub checks: u64,
    /// Partitions to which a replica is being added.
    copying: BTreeSet<TopicPartition>,
    /// Lists that own copies have come to.
    reached: BTreeSet<(TopicPartition, Vec<BrokerId>)>,
    fenced_at: BTreeMap<BrokerId, TimestampMs>,
    /// Since when partitions have had replicas out of sync.
    lagging_since: BTreeMap<TopicPartition, TimestampMs>,
}

/// Partitions that someone else reassigns or whose topic someone deletes: not ours to answer for.
fn meddled_with(scenario: &Scenario) -> BTreeSet<TopicPartition> {
    let all = scenario.plan.steps().map(|step| step.partition().clone());
    all.filter(|name| {
        scenario.troubles().any(|trouble| match trouble {
            Trouble::Fault(_, Fault::ForeignReassign { partition, .. }) => partition == name,
            Trouble::Delete(_, topic) | Trouble::Recreate(_, topic) => *topic == name.topic,
            _ => false,
        })
    })
    .collect()
}

/// The partition that someone else reassigns.
fn reassigned(fault: &Fault) -> Option<TopicPartition> {
    match fault {
        Fault::ForeignReassign { partition, .. } => Some(partition.clone()),
        _ => None,
    }
}

/// Checks the promises after every event from now on.
pub fn watch(world: &mut Meddler, scenario: &Scenario) -> Rc<RefCell<Watched>> {
    let watched = Rc::new(RefCell::new(Watched::default()));
    let found = Rc::clone(&watched);
    let meddled = meddled_with(scenario);
    let foreign: BTreeSet<TopicPartition> = scenario.cluster_faults().filter_map(reassigned).collect();
    let foreign_config = scenario.cluster_faults().any(|fault| matches!(fault, Fault::ForeignConfig { .. }));
    let throttled = scenario.settings.throttle != ThrottleRate::Unlimited && !foreign_config;
    let racks: BTreeMap<BrokerId, RackId> = scenario
        .spec
        .brokers
        .iter()
        .map(|broker| (broker.id, broker.rack.clone().unwrap_or_else(|| broker.id.to_string().into())))
        .collect();
    let dir_bytes: BTreeMap<BrokerId, Vec<u64>> = scenario
        .spec
        .brokers
        .iter()
        .map(|broker| (broker.id, broker.log_dirs.iter().map(|dir| dir.total_bytes).collect()))
        .collect();
    let before: BTreeMap<TopicPartition, Vec<BrokerId>> = {
        let cluster = world.sim.cluster();
        let names = cluster.partition_names();
        names.map(|name| (name.clone(), cluster.partition(&name).unwrap().replicas().to_vec())).collect()
    };
    let seen = world.sim.cluster().observe(false, None);
    let ids = seen.topics.iter().filter_map(|(name, topic)| Some((name.clone(), topic.id?))).collect();
    let anew = scenario.troubles().filter_map(|trouble| match trouble {
        Trouble::Recreate(at, topic) => Some((topic.clone(), *at)),
        _ => None,
    });
    let made_anew = anew.collect();
    let known = Known { meddled, foreign, throttled, racks, dir_bytes, before, ids, made_anew };
    world.sim.watch(move |cluster, events| {
        let mut watched = found.borrow_mut();
        watched.checks += events.len() as u64;
        for event in events {
            known.check(cluster, event, &mut watched);
        }
    });
    watched
}

/// What was so at the start, and who else is at work.
struct Known {
    meddled: BTreeSet<TopicPartition>,
    foreign: BTreeSet<TopicPartition>,
    /// Whatever is copied has to be throttled.
    throttled: bool,
    racks: BTreeMap<BrokerId, RackId>,
    dir_bytes: BTreeMap<BrokerId, Vec<u64>>,
    before: BTreeMap<TopicPartition, Vec<BrokerId>>,
    ids: BTreeMap<TopicName, uuid::Uuid>,
    /// Topics that someone deletes and makes anew, and when.
    made_anew: BTreeMap<TopicName, Duration>,
}

impl Known {
    /// Checks the promises after an event.
    fn check(&self, cluster: &SimCluster, event: &SimEvent, watched: &mut Watched) {
        match event {
            SimEvent::Fenced(broker) => drop(watched.fenced_at.insert(*broker, cluster.now())),
            SimEvent::OutOfSync { partition, .. } => {
                watched.lagging_since.entry(partition.clone()).or_insert(cluster.now());
            }
            SimEvent::InSync { partition, .. } if lags(cluster, partition).is_none() => {
                watched.lagging_since.remove(partition);
            }
            SimEvent::Up(broker) => drop(watched.fenced_at.remove(broker)),
            SimEvent::LogDirOffline { broker, full: true, .. } => {
                watched.broken.push(format!("a disk of broker {broker} filled up"));
            }
            SimEvent::Reassigned(name) if !self.meddled.contains(name) => {
                watched.broken.extend(too_full(cluster, name, &self.dir_bytes));
                let copied = watched.copying.remove(name);
                let list = cluster.partition(name).map(|partition| partition.replicas().to_vec());
                let list = list.filter(|_| copied);
                if list.is_some_and(|list| !watched.reached.insert((name.clone(), list))) {
                    watched.broken.push(format!("{name} was moved twice"));
                }
            }
            SimEvent::ProduceRefused(name) if !self.meddled.contains(name) => {
                watched
                    .broken
                    .push(format!("{name} went under min ISR at {}", cluster.elapsed().as_millis()));
            }
            SimEvent::Reassigning(name)
                if !self.foreign.contains(name)
                    && !self.just_made_anew(cluster, &name.topic)
                    && cluster.topic(&name.topic).map(SimTopic::id) != self.ids.get(&name.topic).copied() =>
            {
                watched.broken.push(format!("{name} was moved, which is not the topic of the plan"));
            }
            SimEvent::Reassigning(name) if !self.meddled.contains(name) => {
                let bare = at_min_isr(cluster, name, &watched.lagging_since);
                watched.broken.extend(bare);
                if cluster.partition(name).is_some_and(|partition| !partition.adding().is_empty()) {
                    watched.copying.insert(name.clone());
                }
                let problems = began(cluster, name, &self.before, &self.racks, &watched.fenced_at);
                watched.broken.extend(problems);
                if self.throttled {
                    watched.broken.extend(unthrottled(cluster, name));
                }
            }
            _ => {}
        }
    }
}

impl Known {
    /// A look and the commands made of it take some milliseconds, and a reassignment names no topic id.
    fn just_made_anew(&self, cluster: &SimCluster, topic: &TopicName) -> bool {
        let now = cluster.elapsed();
        self.made_anew.get(topic).is_some_and(|at| now >= *at && now < *at + Duration::from_secs(1))
    }
}

/// A replica of the partition that is not in sync, and is not just being made.
fn lags(cluster: &SimCluster, name: &TopicPartition) -> Option<BrokerId> {
    let partition = cluster.partition(name)?;
    let mut replicas = partition.replicas().iter().copied();
    replicas.find(|broker| !partition.isr().contains(broker) && !partition.adding().contains(broker))
}

/// A move that begins although the partition has no replica in sync to spare, and does not repair that.
fn at_min_isr(
    cluster: &SimCluster,
    name: &TopicPartition,
    lagging_since: &BTreeMap<TopicPartition, TimestampMs>,
) -> Option<String> {
    let partition = cluster.partition(name)?;
    let lagging = lags(cluster, name)?;
    // A look and the commands made of it take some milliseconds.
    let seen = lagging_since.get(name).is_some_and(|since| cluster.now().since(*since).as_millis() > 1_000);
    let spare = partition.isr().len() > partition.min_isr();
    let moves = !partition.adding().is_empty() && !partition.removing().contains(&lagging);
    (seen && moves && !spare).then(|| format!("{name}: moved while only {:?} are in sync", partition.isr()))
}

/// What is wrong with a reassignment that has just begun.
fn began(
    cluster: &SimCluster,
    name: &TopicPartition,
    before: &BTreeMap<TopicPartition, Vec<BrokerId>>,
    racks: &BTreeMap<BrokerId, RackId>,
    fenced_at: &BTreeMap<BrokerId, TimestampMs>,
) -> Vec<String> {
    let mut broken = Vec::new();
    let Some(partition) = cluster.partition(name) else { return broken };
    let target: Vec<BrokerId> = partition
        .replicas()
        .iter()
        .copied()
        .filter(|broker| !partition.removing().contains(broker))
        .collect();
    let rack = |broker: BrokerId| racks.get(&broker).cloned();
    let checks = [
        promises::keeps_replication_factor(name, &before[name], &target),
        promises::one_replica_per_broker(name, &target),
        promises::spread_never_worse(name, &before[name], &target, rack),
    ];
    broken.extend(checks.into_iter().filter_map(Result::err).map(|broken| broken.to_string()));
    if partition.adding().len() > 1 {
        broken.push(format!("{name}: {} new replicas at once", partition.adding().len()));
    }
    // A look and the commands made of it take some milliseconds; what was fenced longer ago was seen.
    let down = |at: &TimestampMs| cluster.now().since(*at).as_millis() > 1_000;
    let repairs = partition.removing().iter().all(|broker| fenced_at.contains_key(broker));
    if !partition.adding().is_empty() && fenced_at.values().any(down) && !repairs {
        broken.push(format!("{name}: started while a broker was down"));
    }
    broken
}

/// Disks that passed the plan's limit of 90 % by the copy that has just ended. Clients may fill a disk further
/// while it runs, by a hundredth in these runs.
fn too_full(
    cluster: &SimCluster,
    name: &TopicPartition,
    dir_bytes: &BTreeMap<BrokerId, Vec<u64>>,
) -> Vec<String> {
    let used = cluster.used_bytes();
    let holders = cluster.partition(name).unwrap().replicas();
    let on_them = used.iter().filter(|((broker, _), _)| holders.contains(broker));
    on_them
        .filter(|((broker, dir), used)| **used > dir_bytes[broker][*dir] / 100 * 91)
        .map(|((broker, dir), used)| format!("{used} bytes on directory {dir} of broker {broker}, too many"))
        .collect()
}

/// What is no larger may be copied without a throttle: the most that a last stretch is, and what is written meanwhile.
const LAST_STRETCH_BYTES: f64 = 34e6;

/// A copy that begins before its throttle stands: at both ends, the rate and the list; or, where it is small, neither list.
fn unthrottled(cluster: &SimCluster, name: &TopicPartition) -> Vec<String> {
    let partition = cluster.partition(name).unwrap();
    let topic = cluster.topic(&name.topic).unwrap().configs();
    let ends = [
        ("leader", partition.leader().into_iter().collect::<Vec<_>>()),
        ("follower", partition.adding().to_vec()),
    ];
    let copies = !partition.adding().is_empty();
    let (mut broken, mut on_lists) = (Vec::new(), 0);
    for (end, brokers) in ends.into_iter().filter(|_| copies) {
        let list = topic.get(&format!("{end}.replication.throttled.replicas"));
        let list = list.and_then(|text| ThrottledReplicas::parse(text));
        for broker in brokers {
            let listed = matches!(&list, Some(ThrottledReplicas::Some(pairs)) if pairs.contains(&(name.partition, broker)));
            let rate = format!("{end}.replication.throttled.rate");
            let limited = cluster.broker(broker).is_some_and(|broker| broker.configs().contains_key(&rate));
            on_lists += usize::from(listed);
            if !(listed && limited) {
                broken.push(format!("{name}: copied without a throttle at its {end}, broker {broker}"));
            }
        }
    }
    if on_lists == 0 && partition.size_bytes() <= LAST_STRETCH_BYTES { Vec::new() } else { broken }
}

/// Whether it was given up because the cluster, or the journal, stayed out of reach.
pub fn is_abandoned(outcome: &Outcome) -> bool {
    matches!(&outcome.end, End::Failed { reason } if reason.contains("cannot be seen") || reason.contains("written down"))
}

/// What is wrong when it is over.
pub fn at_the_end(world: &Meddler, scenario: &Scenario, outcome: &Outcome, watched: &Watched) -> Vec<String> {
    let mut wrong = Vec::new();
    let cluster = world.sim.cluster();
    let meddled = meddled_with(scenario);
    let abandoned = is_abandoned(outcome);
    let hurried = scenario.stops.len() > 1;
    if outcome.left.is_empty() {
        wrong.extend(throttles(world, scenario, watched));
    } else if !abandoned && !hurried {
        wrong.push(format!("left behind: {:#?}", outcome.left));
    }
    let ends: BTreeMap<_, _> = outcome.steps.iter().cloned().collect();
    for step in scenario.moves() {
        let name = &step.partition;
        let (Some(partition), false) = (cluster.partition(name), meddled.contains(name)) else { continue };
        let end = &ends[name];
        if partition.is_reassigning() && !abandoned && !(hurried && matches!(end, StepEnd::Failed { .. })) {
            wrong.push(format!("{name} is still being reassigned, the step {end}"));
        }
        let list = partition.replicas();
        if *end == StepEnd::Done && list != step.target() {
            wrong.push(format!("{name} is said to be done, and stands on {list:?}"));
        }
        let in_order = list == step.from || step.stages.iter().any(|stage| stage == list);
        if !partition.is_reassigning() && !in_order && !abandoned && !hurried {
            wrong.push(format!("{name} stands on {list:?}, which is no list of the plan; the step {end}"));
        }
        let leads = partition.leader() == list.first().copied();
        let is_healthy = watched.fenced_at.is_empty() && partition.isr().len() == list.len();
        let quiet = scenario.troubles().next().is_none();
        if *end == StepEnd::Done && !leads && is_healthy && quiet && !hurried {
            wrong.push(format!("{name}: {:?} leads {list:?}", partition.leader()));
        }
    }
    if !abandoned && !hurried {
        wrong.extend(log_dirs(world, scenario, &ends));
    }
    let stopped = scenario.stops.len() + scenario.requests.len() > 0;
    if scenario.troubles().next().is_none() && !stopped && !scenario.tight && outcome.end != End::Done {
        wrong.push(format!("nothing went wrong, and yet: {:?}", outcome.end));
    }
    wrong
}

/// Replicas that are not in the log directory that the end of their step says, or are still on their way.
fn log_dirs(world: &Meddler, scenario: &Scenario, ends: &BTreeMap<TopicPartition, StepEnd>) -> Vec<String> {
    let seen = world.sim.cluster().observe(false, None);
    let meddled = meddled_with(scenario);
    let mut wrong = Vec::new();
    for step in scenario.plan.steps().filter_map(Step::as_log_dir) {
        let LogDirStep { partition, broker, from, to, .. } = step;
        if meddled.contains(partition) {
            continue;
        }
        let now = seen.partition(partition);
        // What is gone, or on a broker or a disk that is down, cannot be seen.
        let Some(replica) = now.and_then(|now| now.on_disk.get(broker)) else { continue };
        let end = &ends[partition];
        if replica.future.is_some() && !matches!(end, StepEnd::Failed { .. }) {
            wrong.push(format!("{partition} on broker {broker} is still moving, the step {end}"));
        }
        let path = replica.log_dir.as_ref();
        if path != Some(to) && (*end == StepEnd::Done || path != Some(from)) {
            wrong.push(format!("{partition} on broker {broker} is in {path:?}, the step {end}"));
        }
    }
    wrong
}

/// Throttle settings at the end: as at the start, but for what someone else did meanwhile.
fn throttles(world: &Meddler, scenario: &Scenario, watched: &Watched) -> Vec<String> {
    let cluster = world.sim.cluster();
    let mut wrong = Vec::new();
    // With a topic that is made anew go the settings of the old one, whoever made them.
    let anew = |owner: &ConfigOwner| {
        scenario.troubles().any(|trouble| {
            matches!((trouble, owner), (Trouble::Recreate(_, topic), ConfigOwner::Topic(name)) if topic == name)
        })
    };
    let planned = scenario.faults.iter().filter_map(|trouble| match trouble {
        Trouble::Fault(at, fault) => Some((at, fault)),
        _ => None,
    });
    let all = planned.chain(world.struck.iter().map(|(at, fault)| (at, fault)));
    let configs = all.filter_map(|(at, fault)| match fault {
        Fault::ForeignConfig { owner, key, change } => Some((*at, owner, key, change)),
        _ => None,
    });
    let mut faults: Vec<_> = configs.collect();
    faults.sort_by_key(|(at, ..)| *at);
    let brokers = cluster.brokers().map(|(id, broker)| (ConfigOwner::Broker(id), broker.configs().clone()));
    let topics: BTreeSet<_> = cluster.partition_names().map(|name| name.topic).collect();
    let topics = topics.into_iter().filter_map(|name| {
        let configs = cluster.topic(&name)?.configs().clone();
        Some((ConfigOwner::Topic(name), configs))
    });
    for (owner, configs) in brokers.chain(topics) {
        let mut expected: BTreeMap<String, String> = BTreeMap::new();
        for (at, whose, key, change) in &faults {
            // What was to happen after the end has not happened.
            if **whose == owner && *at <= cluster.elapsed() {
                match change {
                    ConfigChange::Set(value) => drop(expected.insert((*key).clone(), value.clone())),
                    _ => drop(expected.remove(*key)),
                }
            }
        }
        let is_throttle = |key: &str| key.contains("throttled") || key.contains("alter.log.dirs");
        let found: BTreeMap<String, String> =
            configs.into_iter().filter(|(key, _)| is_throttle(key)).collect();
        // Kafka cannot set a value only if it is still what was seen: who comes between a look and the command made
        // of it is overwritten unseen.
        let raced =
            faults.iter().any(|(at, whose, ..)| **whose == owner && changed_just_after(world, &owner, *at));
        // Nor can the settings of a broker be seen that is down for good: what we set there is put back all the same,
        // so that nothing of it is left, and whoever sets something else meanwhile is overwritten.
        let is_down = matches!(&owner, ConfigOwner::Broker(id) if watched.fenced_at.contains_key(id));
        let anew = anew(&owner) && found.is_empty();
        let excused = anew || raced || (is_down && found.is_empty());
        if found != expected && !excused {
            wrong.push(format!("{owner:?} has {found:?}, expected {expected:?}"));
        }
    }
    wrong
}

/// Whether a throttle of `owner` was changed by a command within a tenth of a second of `at`.
fn changed_just_after(world: &Meddler, owner: &ConfigOwner, at: Duration) -> bool {
    world.sim.commands().iter().any(|(sent_at, command)| {
        let changes = match command {
            Command::ThrottleBroker { broker, .. } => *owner == ConfigOwner::Broker(*broker),
            Command::ThrottleTopic { topic, .. } => *owner == ConfigOwner::Topic(topic.clone()),
            _ => false,
        };
        let since = sent_at.since(world.start_at).saturating_sub(at);
        changes && sent_at.since(world.start_at) >= at && since < Duration::from_millis(100)
    })
}
