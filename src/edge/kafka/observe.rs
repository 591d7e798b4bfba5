//! One look at the cluster: everything asked at once, put together, with a gap for each thing that was not told.
//!
//! The trap that this file exists to avoid: Kafka leaves topics that a client may not describe out of its answers
//! without a word. Brokers list the replicas on their disks whatever the client may see of topics, so a replica of
//! a topic that the metadata did not name gives it away; asked for by name, Kafka then says what it hid.

use std::collections::{BTreeMap, BTreeSet};

use tokio::task::JoinSet;

use super::AdminClient;
use super::acl::{Resource, Right};
use super::configs::BrokerConfig;
use super::error::KafkaError;
use super::hint::{grant_of, world_error};
use super::log_dirs::BrokerLogDirs;
use super::metadata::TopicList;
use super::topology::Topology;
use crate::base::{BrokerId, Bytes, TimestampMs, TopicName, TopicPartition};
use crate::control::{Scope, WorldError};
use crate::observe::{CONTROLLER, Gap, GapKind, Observation, Reassignment, SeenBroker};

/// Topics that a gap names before it only counts them.
const NAMED_IN_A_GAP: usize = 5;

/// What earlier looks taught and a later one cannot see by itself.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Racks and addresses of brokers that may be down by now.
    brokers: BTreeMap<BrokerId, SeenBroker>,
    /// Every topic ever seen: one that vanishes was deleted, or hidden from us.
    topics: BTreeSet<TopicName>,
    /// What was hidden when replicas were last listed in full.
    hidden: Vec<Gap>,
}

/// What the brokers answered, before it is put together.
struct Answers {
    topology: Topology,
    topics: TopicList,
    log_dirs: BTreeMap<BrokerId, Result<BrokerLogDirs, KafkaError>>,
    configs: BTreeMap<BrokerId, Result<BrokerConfig, KafkaError>>,
    reassignments: Result<BTreeMap<TopicPartition, Reassignment>, KafkaError>,
}

/// Looks at the cluster.
pub(super) async fn observe(
    client: &AdminClient,
    scope: &Scope,
    memory: &mut Memory,
    taken_at: TimestampMs,
) -> Result<Observation, KafkaError> {
    let only = match scope {
        Scope::Full => None,
        Scope::Execution(partitions) => Some(partitions.clone()),
    };
    let is_full = only.is_none();
    let mut answers = ask(client, only).await?;
    let mut gaps = Vec::new();
    let vanished: BTreeSet<TopicName> =
        memory.topics.iter().filter(|name| !answers.topics.topics.contains_key(*name)).cloned().collect();
    find_hidden(client, &mut answers, &vanished, &mut gaps, is_full, memory).await?;
    let mut seen = Observation {
        taken_at,
        cluster_id: answers.topology.cluster_id.clone(),
        kafka_version: client.release().await.or_else(|| protocol_release(&answers.configs)),
        // With `KRaft` brokers name each other at random: that is no controller, and no change of one.
        controller: if client.has_quorum().await { None } else { answers.topology.controller },
        brokers: BTreeMap::new(),
        topics: answers.topics.topics,
        reassignments: BTreeMap::new(),
        gaps,
        cpu_sharing: None,
        canary: None,
    };
    let say = |error: &KafkaError| reason(client, error);
    for (name, problem) in &answers.topics.unclear {
        if !answers.topics.denied.contains(name) {
            seen.gaps.push(gap(GapKind::Topics, name.as_str(), problem.clone()));
        }
    }
    match answers.reassignments {
        Ok(reassignments) => seen.reassignments = reassignments,
        // What may not be told by want of a right is no matter of the controller's.
        Err(error) => {
            let subject = if error.is_denial() { "" } else { CONTROLLER };
            seen.gaps.push(gap(GapKind::Reassignments, subject, say(&error)));
        }
    }
    add_brokers(&mut seen, &answers.topology, memory);
    add_log_dirs(&mut seen, answers.log_dirs, &say);
    add_broker_configs(&mut seen, answers.configs, &say);
    add_topic_configs(client, &mut seen).await?;
    memory.topics = seen.topics.keys().cloned().collect();
    Ok(seen)
}

/// Asks everything that can be asked at once.
async fn ask(client: &AdminClient, only: Option<BTreeSet<TopicPartition>>) -> Result<Answers, KafkaError> {
    let topology = client.refresh_topology().await?;
    let (mut log_dirs, mut configs) = (JoinSet::new(), JoinSet::new());
    for (broker, _) in topology.alive() {
        let (one, other, only) = (client.clone(), client.clone(), only.clone());
        log_dirs.spawn(async move { (broker, one.describe_log_dirs(broker, only.as_ref()).await) });
        configs.spawn(async move { (broker, other.describe_broker_config(broker).await) });
    }
    let (topics, reassignments, log_dirs, configs) = tokio::join!(
        client.describe_topics(),
        client.list_reassignments(),
        log_dirs.join_all(),
        configs.join_all(),
    );
    Ok(Answers {
        topology,
        topics: topics?,
        log_dirs: log_dirs.into_iter().collect(),
        configs: configs.into_iter().collect(),
        reassignments,
    })
}

/// Finds topics that exist and that the metadata did not name.
async fn find_hidden(
    client: &AdminClient,
    answers: &mut Answers,
    vanished: &BTreeSet<TopicName>,
    gaps: &mut Vec<Gap>,
    is_full: bool,
    memory: &mut Memory,
) -> Result<(), KafkaError> {
    let mut suspects = vanished.clone();
    let mut unasked = false;
    for outcome in answers.log_dirs.values() {
        match outcome {
            Ok(found) => {
                let on_disk = found.replicas.keys().filter(|which| {
                    let topic = answers.topics.topics.get(&which.topic);
                    let index = usize::try_from(which.partition).unwrap_or(usize::MAX);
                    topic.is_none_or(|topic| index >= topic.partitions.len())
                });
                suspects.extend(on_disk.map(|which| which.topic.clone()));
            }
            Err(error) => unasked |= error.code().is_some_and(super::code::Code::is_denied),
        }
    }
    suspects.retain(|name| !answers.topics.unclear.contains_key(name));
    if !suspects.is_empty() {
        // Made or deleted between two questions, or hidden: asked by name, Kafka tells which.
        let named = client.describe_named_topics(&suspects).await?;
        answers.topics.topics.extend(named.topics);
        answers.topics.unclear.extend(named.unclear);
        answers.topics.denied.extend(named.denied);
    }
    let mut found = Vec::new();
    let grant = |operation, resource| grant(client, operation, resource);
    if !answers.topics.denied.is_empty() {
        let hidden = names(&answers.topics.denied);
        let grant = grant("Describe", Resource::Topic("*".to_owned()));
        let reason = format!("there are topics that the client may not describe ({hidden}); {grant}");
        found.push(gap(GapKind::Topics, "", reason));
    } else if unasked {
        let grant = grant("Describe", Resource::Cluster);
        let reason = format!(
            "Kafka leaves out topics that the client may not describe, and without the right Describe on Cluster brokers do not tell whose replicas they hold, so that the list of topics may be incomplete; {grant}"
        );
        found.push(gap(GapKind::Topics, "", reason));
    }
    // A look at some replicas only cannot say that what was hidden is hidden no more.
    if is_full || !found.is_empty() {
        memory.hidden.clone_from(&found);
    }
    gaps.extend(memory.hidden.iter().cloned());
    Ok(())
}

fn add_brokers(seen: &mut Observation, topology: &Topology, memory: &mut Memory) {
    for (id, broker) in topology.alive() {
        let found = SeenBroker {
            rack: broker.rack.clone(),
            host: Some(broker.address.host.clone()),
            port: Some(broker.address.port),
            alive: true,
            ..SeenBroker::default()
        };
        memory.brokers.insert(id, found.clone());
        seen.brokers.insert(id, found);
    }
    let holders: BTreeSet<BrokerId> = seen
        .topics
        .values()
        .flat_map(|topic| &topic.partitions)
        .flat_map(|partition| &partition.replicas)
        .copied()
        .collect();
    for id in holders {
        if seen.brokers.contains_key(&id) {
            continue;
        }
        // Down: its rack is known from Kafka 4.0 on, or when it was seen before.
        let mut found = memory.brokers.get(&id).cloned().unwrap_or_default();
        if let Some(registered) = topology.brokers.get(&id) {
            found.rack = registered.rack.clone().or(found.rack);
        }
        found.alive = false;
        seen.brokers.insert(id, found);
        let reason = "the broker is down".to_owned();
        seen.gaps.push(gap(GapKind::LogDirs, &id.to_string(), reason.clone()));
        seen.gaps.push(gap(GapKind::BrokerConfig, &id.to_string(), reason));
    }
}

fn add_log_dirs(
    seen: &mut Observation,
    log_dirs: BTreeMap<BrokerId, Result<BrokerLogDirs, KafkaError>>,
    say: &impl Fn(&KafkaError) -> String,
) {
    for (id, outcome) in log_dirs {
        let found = match outcome {
            Ok(found) => found,
            Err(error) => {
                seen.gaps.push(gap(GapKind::LogDirs, &id.to_string(), say(&error)));
                continue;
            }
        };
        for (which, replica) in found.replicas {
            let partitions = seen.topics.get_mut(&which.topic).map(|topic| &mut topic.partitions);
            let index = usize::try_from(which.partition).unwrap_or(usize::MAX);
            if let Some(partition) = partitions.and_then(|partitions| partitions.get_mut(index)) {
                partition.on_disk.insert(id, replica);
            }
        }
        let Some(broker) = seen.brokers.get_mut(&id) else { continue };
        let online = || found.dirs.iter().filter(|dir| dir.online);
        let sizes: Option<Vec<Bytes>> = online().map(|dir| dir.total_bytes).collect();
        broker.capacity.disk_bytes =
            sizes.filter(|sizes| !sizes.is_empty()).map(|sizes| sizes.into_iter().sum());
        if broker.capacity.disk_bytes.is_none() {
            let reason = if online().next().is_none() {
                "none of its log directories is online"
            } else {
                "the broker does not tell the size of its volumes (Kafka does from 3.3 on); give it in the settings"
            };
            seen.gaps.push(gap(GapKind::DiskCapacity, &id.to_string(), reason.to_owned()));
        }
        broker.log_dirs = found.dirs;
    }
}

fn add_broker_configs(
    seen: &mut Observation,
    configs: BTreeMap<BrokerId, Result<BrokerConfig, KafkaError>>,
    say: &impl Fn(&KafkaError) -> String,
) {
    for (id, outcome) in configs {
        match (outcome, seen.brokers.get_mut(&id)) {
            (Ok(config), Some(broker)) => {
                broker.throttle = config.throttle;
                broker.followers_serve = config.followers_serve;
            }
            (Ok(_), None) => {}
            (Err(error), _) => seen.gaps.push(gap(GapKind::BrokerConfig, &id.to_string(), say(&error))),
        }
    }
}

async fn add_topic_configs(client: &AdminClient, seen: &mut Observation) -> Result<(), KafkaError> {
    let wanted: BTreeSet<TopicName> = seen.topics.keys().cloned().collect();
    let found = client.describe_topic_configs(&wanted).await?;
    let mut failed: BTreeMap<String, BTreeSet<TopicName>> = BTreeMap::new();
    for name in wanted {
        match found.get(&name) {
            Some(Ok(config)) => {
                if let Some(topic) = seen.topics.get_mut(&name) {
                    topic.min_insync_replicas = config.min_insync_replicas;
                    topic.throttle = config.throttle.clone();
                }
            }
            // One reason for many topics is one gap.
            Some(Err(error)) => {
                let reason = match error {
                    KafkaError::Answered(answered) => {
                        let grant = answered.needs.as_ref().map(|right| grant_of(right, client.settings()));
                        format!("refused with {}; {}", answered.code, grant.unwrap_or_default())
                    }
                    other => other.to_string(),
                };
                failed.entry(reason).or_default().insert(name);
            }
            // Deleted while we looked.
            None => {
                seen.topics.remove(&name);
            }
        }
    }
    for (reason, topics) in failed {
        seen.gaps.push(gap(GapKind::TopicConfig, &names(&topics), reason));
    }
    Ok(())
}

/// The command that grants a right.
fn grant(client: &AdminClient, operation: &'static str, resource: Resource) -> String {
    grant_of(&Right { operation, resource }, client.settings())
}

/// The release by the oldest protocol that brokers speak among themselves: `2.8` for `2.8-IV1`.
fn protocol_release(configs: &BTreeMap<BrokerId, Result<BrokerConfig, KafkaError>>) -> Option<String> {
    let told = configs.values().filter_map(|config| config.as_ref().ok()?.protocol_version.as_deref());
    let release = |text: &str| Some(text.split('-').next()?.to_owned());
    let parts = |text: &String| text.split('.').filter_map(|part| part.parse().ok()).collect::<Vec<u32>>();
    told.filter_map(release).min_by_key(parts)
}

/// An error in the words of a gap: what happened, and the mend where one is known.
fn reason(client: &AdminClient, error: &KafkaError) -> String {
    let told: WorldError = world_error(error, client.settings());
    match told.hint() {
        "" => told.to_string(),
        hint => format!("{told}; {hint}"),
    }
}

fn gap(kind: GapKind, subject: &str, reason: String) -> Gap {
    Gap { kind, subject: subject.to_owned(), reason }
}

/// Names a few topics, and counts the rest.
fn names(topics: &BTreeSet<TopicName>) -> String {
    let shown: Vec<&str> = topics.iter().take(NAMED_IN_A_GAP).map(TopicName::as_str).collect();
    let more = topics.len() - shown.len();
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
