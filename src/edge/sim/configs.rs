//! Dynamic configuration of brokers and topics: the settings that matter here act, the others are kept and shown.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;

use super::state::Listed;
use super::{Refusal, SimCluster, SimEvent};
use crate::base::{BrokerId, TopicName};
use crate::observe::{BrokerThrottle, ThrottledReplicas, TopicThrottle};

pub(super) const LEADER_RATE: &str = "leader.replication.throttled.rate";
pub(super) const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
pub(super) const LOG_DIR_RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";
pub(super) const LEADER_LIST: &str = "leader.replication.throttled.replicas";
pub(super) const FOLLOWER_LIST: &str = "follower.replication.throttled.replicas";
pub(super) const MIN_ISR: &str = "min.insync.replicas";

/// Topic settings that Kafka has in every supported version; others are refused as Kafka refuses unknown ones.
const TOPIC_KEYS: [&str; 24] = [
    "cleanup.policy",
    "compression.type",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    FOLLOWER_LIST,
    "index.interval.bytes",
    LEADER_LIST,
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    MIN_ISR,
    "preallocate",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
    "local.retention.ms",
];

/// What `IncrementalAlterConfigs` does with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// Set it.
    Set(String),
    /// Remove it.
    Delete,
    /// Add these entries to a list.
    Append(String),
    /// Take these entries off a list.
    Subtract(String),
}

/// Whose settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigOwner {
    /// All brokers.
    AllBrokers,
    /// One broker, dead or alive.
    Broker(BrokerId),
    /// A topic.
    Topic(TopicName),
}

pub(super) fn check_topic_config(key: &str, value: &str) -> Result<(), Refusal> {
    let refuse = |words: String| Err(Refusal::new(ResponseError::InvalidConfig, words));
    if !TOPIC_KEYS.contains(&key) {
        return refuse(format!("Unknown topic config name: {key}"));
    }
    let list = matches!(key, LEADER_LIST | FOLLOWER_LIST);
    if list && matches!(ThrottledReplicas::parse(value), Some(ThrottledReplicas::Other(_))) {
        return refuse(format!(
            "Invalid value [{value}] for configuration {key}: Must be the literal '*' or a list of replicas in the \
             following format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."
        ));
    }
    if key == MIN_ISR && !value.parse::<i32>().is_ok_and(|count| count >= 1) {
        return refuse(format!("Invalid value {value} for configuration {key}: Value must be at least 1"));
    }
    Ok(())
}

fn check_broker_config(key: &str, value: &str) -> Result<(), Refusal> {
    let rate = matches!(key, LEADER_RATE | FOLLOWER_RATE | LOG_DIR_RATE);
    if rate && !value.parse::<i64>().is_ok_and(|rate| rate >= 0) {
        let words = format!("Invalid value {value} for configuration {key}: Value must be at least 0");
        return Err(Refusal::new(ResponseError::InvalidRequest, words));
    }
    Ok(())
}

fn edit_list(old: Option<&String>, entries: &str, add: bool) -> String {
    let old = old.map_or("", String::as_str);
    let mut list: Vec<&str> = old.split(',').filter(|entry| !entry.is_empty()).collect();
    for entry in entries.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        if add && !list.contains(&entry) {
            list.push(entry);
        } else if !add {
            list.retain(|kept| *kept != entry);
        }
    }
    list.join(",")
}

impl SimCluster {
    /// Changes settings; all of them or none.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, `INVALID_REQUEST` for a broker setting, `INVALID_CONFIG` for a topic setting.
    pub fn alter_configs(
        &mut self,
        owner: &ConfigOwner,
        changes: &BTreeMap<String, ConfigChange>,
        validate_only: bool,
    ) -> Result<(), Refusal> {
        let mut configs = self.configs_of(owner)?.clone();
        for (key, change) in changes {
            let value = match change {
                ConfigChange::Delete => {
                    configs.remove(key);
                    continue;
                }
                ConfigChange::Set(value) => value.clone(),
                ConfigChange::Append(entries) => edit_list(configs.get(key), entries, true),
                ConfigChange::Subtract(entries) => edit_list(configs.get(key), entries, false),
            };
            match owner {
                ConfigOwner::Topic(_) => check_topic_config(key, &value)?,
                ConfigOwner::AllBrokers | ConfigOwner::Broker(_) => check_broker_config(key, &value)?,
            }
            configs.insert(key.clone(), value);
        }
        if !validate_only {
            self.put_configs(owner, configs);
        }
        Ok(())
    }

    /// The settings that stand on something.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, or `INVALID_REQUEST` for a broker that never was.
    pub fn configs_of(&self, owner: &ConfigOwner) -> Result<&BTreeMap<String, String>, Refusal> {
        match owner {
            ConfigOwner::AllBrokers => Ok(&self.default_configs),
            ConfigOwner::Broker(id) => self.brokers.get(id).map(|broker| &broker.configs).ok_or_else(|| {
                Refusal::new(ResponseError::InvalidRequest, format!("No broker with id {id} found."))
            }),
            ConfigOwner::Topic(name) => self.topics.get(name).map(|topic| &topic.configs).ok_or_else(|| {
                let words = format!("The topic '{name}' does not exist.");
                Refusal::new(ResponseError::UnknownTopicOrPartition, words)
            }),
        }
    }

    fn put_configs(&mut self, owner: &ConfigOwner, configs: BTreeMap<String, String>) {
        let whose = match owner {
            ConfigOwner::AllBrokers => {
                self.default_configs = configs;
                "all brokers".to_owned()
            }
            ConfigOwner::Broker(id) => {
                if let Some(broker) = self.brokers.get_mut(id) {
                    broker.configs = configs;
                }
                format!("broker {id}")
            }
            ConfigOwner::Topic(name) => {
                if let Some(topic) = self.topics.get_mut(name) {
                    topic.configs = configs;
                }
                self.refresh_topic(name);
                format!("topic {name}")
            }
        };
        if !matches!(owner, ConfigOwner::Topic(_)) {
            self.refresh_brokers();
        }
        self.events.push(SimEvent::Configured(whose));
        self.shares_stale = true;
    }

    /// Lets broker settings act: the broker's own, else those for all brokers.
    fn refresh_brokers(&mut self) {
        for broker in self.brokers.values_mut() {
            let rate = |key: &str| {
                broker
                    .configs
                    .get(key)
                    .or_else(|| self.default_configs.get(key))
                    .and_then(|value| value.parse().ok())
            };
            broker.throttle = BrokerThrottle {
                leader_bytes_per_s: rate(LEADER_RATE),
                follower_bytes_per_s: rate(FOLLOWER_RATE),
                log_dirs_bytes_per_s: rate(LOG_DIR_RATE),
            };
        }
    }

    /// Lets topic settings act.
    pub(super) fn refresh_topic(&mut self, name: &TopicName) {
        let Some(topic) = self.topics.get_mut(name) else { return };
        let list = |key: &str| topic.configs.get(key).and_then(|value| ThrottledReplicas::parse(value));
        topic.throttle = TopicThrottle { leader: list(LEADER_LIST), follower: list(FOLLOWER_LIST) };
        let min_isr = topic.configs.get(MIN_ISR).and_then(|value| value.parse().ok()).unwrap_or(1);
        let (throttle, partitions) = (topic.throttle.clone(), topic.partitions.clone());
        for pid in partitions {
            let partition = &mut self.partitions[pid];
            let leader_list = Listed::of(throttle.leader.as_ref(), partition.id);
            let follower_list = Listed::of(throttle.follower.as_ref(), partition.id);
            let now = (min_isr, &leader_list, &follower_list);
            if now != (partition.min_isr, &partition.leader_list, &partition.follower_list) {
                partition.min_isr = min_isr;
                partition.leader_list = leader_list;
                partition.follower_list = follower_list;
                self.recharge(pid);
            }
        }
    }
}
