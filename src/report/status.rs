//! [`StatusView`]: what a cluster looks like now, the shape behind `evenkeel status` as text and as JSON.

use serde::Serialize;

use super::KnownView;
use crate::ask::Outlook;
use crate::base::{BrokerId, Bytes, RackId, TimestampMs, TopicName, TopicPartition};
use crate::observe::{Absence, Gap, GapKind, Observation, SeenTopic};

/// What a cluster looks like now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusView {
    /// Always `evenkeel-status/1`; keys are only ever added within a number.
    pub format: &'static str,
    /// When it was seen.
    pub taken_at: TimestampMs,
    /// Kafka's cluster id.
    pub cluster_id: Option<String>,
    /// The version that the brokers run.
    pub kafka_version: Option<String>,
    /// The controller that clients are told of.
    pub controller: Option<BrokerId>,
    /// The brokers, by id.
    pub brokers: Vec<BrokerStatus>,
    /// How much there is.
    pub counts: TopicCounts,
    /// Partitions that are not as they should be, by name.
    pub unhealthy: Vec<PartitionStatus>,
    /// Reassignments in flight, whoever asked for them.
    pub reassignments: Vec<ReassignmentStatus>,
    /// Replication throttles that stand.
    pub throttles: Vec<ThrottleStatus>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// What was lacking at the daemon's last look, and since when; empty also where no daemon has looked.
    pub lacking: Vec<Absence>,
    /// When disks pass their limit; absent where nobody has remembered how large topics were.
    pub outlook: Option<Outlook>,
    /// What is known beside what can be seen: what runs, and which brokers were removed or demoted.
    #[serde(flatten)]
    pub known: KnownView,
}

/// A broker now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BrokerStatus {
    /// Its id.
    pub broker: BrokerId,
    /// Its rack, or one of its own where none is set.
    pub rack: RackId,
    /// Its advertised host.
    pub host: Option<String>,
    /// Whether it is alive.
    pub alive: bool,
    /// Replicas that stand on it.
    pub replicas: usize,
    /// Partitions that it leads.
    pub leaders: usize,
    /// Bytes of the replicas that stand on it; absent when some size is not known.
    pub disk_bytes: Option<Bytes>,
    /// Size of its volumes.
    pub disk_capacity_bytes: Option<Bytes>,
    /// Its log directories that Kafka cannot use.
    pub offline_log_dirs: Vec<String>,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TopicCounts {
    /// Topics.
    pub topics: usize,
    /// Partitions.
    pub partitions: usize,
    /// Replicas.
    pub replicas: usize,
}

/// A partition that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// The partition.
    pub partition: TopicPartition,
    /// Its leader; absent while it has none.
    pub leader: Option<BrokerId>,
    /// Its replicas, preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Its in-sync replicas.
    pub isr: Vec<BrokerId>,
    /// `min.insync.replicas`.
    pub min_insync_replicas: Option<u32>,
    /// Whether it has fewer in-sync replicas than `min.insync.replicas`: producers with `acks=all` are refused.
    pub under_min_isr: bool,
}

/// A reassignment in flight.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReassignmentStatus {
    /// The partition.
    pub partition: TopicPartition,
    /// Replicas that are being made.
    pub adding: Vec<BrokerId>,
    /// Replicas that will go.
    pub removing: Vec<BrokerId>,
    /// Bytes that the new replicas hold.
    pub copied_bytes: Option<Bytes>,
    /// Bytes that they will hold.
    pub total_bytes: Option<Bytes>,
}

/// A replication throttle that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ThrottleStatus {
    /// On what: `broker 3` or `topic orders`.
    pub subject: String,
    /// The setting.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// Whether nothing is being reassigned: then it is most likely left over and slows replication for nothing.
    pub leftover: bool,
}

impl StatusView {
    /// Draws the view from an observation.
    pub fn of(observation: &Observation) -> Self {
        let mut counts = TopicCounts { topics: observation.topics.len(), ..TopicCounts::default() };
        let mut unhealthy = Vec::new();
        for (name, topic, partition) in observation.partitions() {
            counts.partitions += 1;
            counts.replicas += partition.replicas.len();
            let in_sync = partition.isr.len();
            let min = topic.min_insync_replicas;
            let under_min_isr = min.is_some_and(|min| in_sync < min as usize);
            // While a reassignment runs the list holds replicas that are not yet in sync, as they should.
            let coming = observation.reassignments.get(&name).map_or(0, |moving| moving.adding.len());
            if partition.leader.is_none() || under_min_isr || in_sync + coming < partition.replicas.len() {
                unhealthy.push(PartitionStatus {
                    partition: name,
                    leader: partition.leader,
                    replicas: partition.replicas.clone(),
                    isr: partition.isr.clone(),
                    min_insync_replicas: min,
                    under_min_isr,
                });
            }
        }
        Self {
            format: "evenkeel-status/1",
            taken_at: observation.taken_at,
            cluster_id: observation.cluster_id.clone(),
            kafka_version: observation.kafka_version.clone(),
            controller: observation.controller,
            brokers: brokers(observation),
            counts,
            unhealthy,
            reassignments: reassignments(observation),
            throttles: throttles(observation),
            gaps: observation.gaps.clone(),
            lacking: Vec::new(),
            outlook: None,
            known: KnownView::default(),
        }
    }
}

fn brokers(observation: &Observation) -> Vec<BrokerStatus> {
    let mut statuses: std::collections::BTreeMap<BrokerId, BrokerStatus> = observation
        .brokers
        .iter()
        .map(|(id, seen)| {
            let offline = seen.log_dirs.iter().filter(|dir| !dir.online).map(|dir| dir.path.clone());
            let status = BrokerStatus {
                broker: *id,
                rack: observation.rack_of(*id),
                host: seen.host.clone(),
                alive: seen.alive,
                replicas: 0,
                leaders: 0,
                disk_bytes: Some(Bytes::ZERO),
                disk_capacity_bytes: seen.capacity.disk_bytes,
                offline_log_dirs: offline.collect(),
            };
            (*id, status)
        })
        .collect();
    for (_, _, partition) in observation.partitions() {
        for broker in &partition.replicas {
            let Some(status) = statuses.get_mut(broker) else { continue };
            status.replicas += 1;
            status.disk_bytes = match (status.disk_bytes, partition.size_on(*broker)) {
                (Some(sum), Some(size)) => Some(sum + size),
                _ => None,
            };
        }
        if let Some(status) = partition.leader.and_then(|leader| statuses.get_mut(&leader)) {
            status.leaders += 1;
        }
    }
    statuses.into_values().collect()
}

fn reassignments(observation: &Observation) -> Vec<ReassignmentStatus> {
    let status = |(name, moving): (&TopicPartition, &crate::observe::Reassignment)| {
        let seen = observation.partition(name);
        let copied = |partition: &crate::observe::Partition| {
            // A replica that no broker reports yet holds nothing.
            let held = |broker| partition.on_disk.get(broker).and_then(|replica| replica.size_bytes);
            moving.adding.iter().map(|broker| held(broker).unwrap_or(Bytes::ZERO)).sum::<Bytes>()
        };
        let parts = moving.adding.len() as u64;
        let total = seen
            .and_then(crate::observe::Partition::full_size_bytes)
            .map(|size| Bytes(size.0.saturating_mul(parts)));
        ReassignmentStatus {
            partition: name.clone(),
            adding: moving.adding.clone(),
            removing: moving.removing.clone(),
            copied_bytes: seen.map(copied),
            total_bytes: total,
        }
    };
    observation.reassignments.iter().map(status).collect()
}

fn throttles(observation: &Observation) -> Vec<ThrottleStatus> {
    let leftover = observation.reassignments.is_empty() && !observation.has_gap(GapKind::Reassignments);
    let mut found = Vec::new();
    let mut add = |subject: &str, key, value: Option<String>| {
        if let Some(value) = value {
            found.push(ThrottleStatus { subject: subject.to_owned(), key, value, leftover });
        }
    };
    for (id, broker) in &observation.brokers {
        let subject = format!("broker {id}");
        let rate = |rate: Option<u64>| rate.map(|rate| rate.to_string());
        let throttle = &broker.throttle;
        add(&subject, "leader.replication.throttled.rate", rate(throttle.leader_bytes_per_s));
        add(&subject, "follower.replication.throttled.rate", rate(throttle.follower_bytes_per_s));
        add(&subject, "replica.alter.log.dirs.io.max.bytes.per.second", rate(throttle.log_dirs_bytes_per_s));
    }
    let lists = |topic: &SeenTopic| {
        let text = |list: &Option<crate::observe::ThrottledReplicas>| list.as_ref().map(ToString::to_string);
        (text(&topic.throttle.leader), text(&topic.throttle.follower))
    };
    for (name, topic) in &observation.topics {
        let (leader, follower): (Option<String>, Option<String>) = lists(topic);
        let subject = topic_subject(name);
        add(&subject, "leader.replication.throttled.replicas", leader);
        add(&subject, "follower.replication.throttled.replicas", follower);
    }
    found
}

fn topic_subject(name: &TopicName) -> String {
    format!("topic {name}")
}
