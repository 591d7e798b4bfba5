//! Settings that stand on topics and brokers: `min.insync.replicas` and replication throttles, read and changed.
//!
//! Only values that stand on the topic itself, or on the broker itself as dynamic configuration, count as
//! throttles: what a file or a cluster-wide default says is not ours to restore.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    ApiKey, DescribeConfigsRequest, DescribeConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;
use tokio::task::JoinSet;

use super::AdminClient;
use super::call::{Reply, Target};
use super::code::Code;
use super::crowd;
use super::error::{KafkaError, RequestProblem};
use super::retry::Patience;
use crate::base::{BrokerId, TopicName};
use crate::observe::{BrokerThrottle, ThrottledReplicas, TopicThrottle};

/// `leader.replication.throttled.rate`, on brokers.
pub const LEADER_RATE: &str = "leader.replication.throttled.rate";
/// `follower.replication.throttled.rate`, on brokers.
pub const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
/// `replica.alter.log.dirs.io.max.bytes.per.second`, on brokers.
pub const LOG_DIRS_RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";
/// `leader.replication.throttled.replicas`, on topics.
pub const LEADER_REPLICAS: &str = "leader.replication.throttled.replicas";
/// `follower.replication.throttled.replicas`, on topics.
pub const FOLLOWER_REPLICAS: &str = "follower.replication.throttled.replicas";
/// `min.insync.replicas`, on topics.
pub const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
const REPLICA_SELECTOR: &str = "replica.selector.class";
const PROTOCOL_VERSION: &str = "inter.broker.protocol.version";

pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
/// `ConfigSource` of the protocol: a value that stands on the topic, or on this broker as dynamic configuration.
const SOURCE_TOPIC: i8 = 1;
const SOURCE_BROKER: i8 = 2;
/// `OpType` of the protocol.
const SET: i8 = 0;
const DELETE: i8 = 1;

const TOPICS_PER_REQUEST: usize = 250;
const REQUESTS_AT_ONCE: usize = 4;
/// One broker must not hold up the look at all others for longer than this.
const DESCRIBE_LIMIT: Duration = Duration::from_secs(15);

/// What stands on a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicConfig {
    /// `min.insync.replicas` in force, wherever it comes from.
    pub min_insync_replicas: Option<u32>,
    /// Throttled replica lists.
    pub throttle: TopicThrottle,
}

/// What stands on a broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrokerConfig {
    /// Throttle rates that stand on the broker itself.
    pub throttle: BrokerThrottle,
    /// Whether a `replica.selector.class` is set: then consumers may read from followers.
    pub followers_serve: bool,
    /// `inter.broker.protocol.version`, such as `2.8-IV1`: what tells the release where there is no
    /// `metadata.version`. Gone from Kafka 4.0 on.
    pub protocol_version: Option<String>,
}

/// A change of one setting: a value, or none to remove it.
pub type Change = (&'static str, Option<String>);

impl AdminClient {
    /// What stands on these topics. A topic that is gone by now is left out.
    ///
    /// # Errors
    /// No broker answers. That a topic may not be described is told topic by topic.
    pub async fn describe_topic_configs(
        &self,
        topics: &BTreeSet<TopicName>,
    ) -> Result<BTreeMap<TopicName, Result<TopicConfig, KafkaError>>, KafkaError> {
        let names: Vec<TopicName> = topics.iter().cloned().collect();
        let mut found = BTreeMap::new();
        let mut batches = names.chunks(TOPICS_PER_REQUEST).map(<[TopicName]>::to_vec);
        let mut running = JoinSet::new();
        loop {
            while running.len() < REQUESTS_AT_ONCE
                && let Some(batch) = batches.next()
            {
                let client = self.clone();
                running.spawn(async move { client.describe_topic_batch(&batch).await });
            }
            match crowd::next(&mut running).await {
                None => return Ok(found),
                Some(outcome) => found.extend(outcome?),
            }
        }
    }

    async fn describe_topic_batch(
        &self,
        names: &[TopicName],
    ) -> Result<Vec<(TopicName, Result<TopicConfig, KafkaError>)>, KafkaError> {
        let keys = [MIN_INSYNC_REPLICAS, LEADER_REPLICAS, FOLLOWER_REPLICAS];
        let resources = names.iter().map(|name| resource(TOPIC, name.as_str(), &keys)).collect();
        let reply = self.describe_configs(Target::Any, self.patience(), resources).await?;
        let mut found = Vec::new();
        for result in &reply.answer.results {
            let name = TopicName::from(&*result.resource_name);
            match Code(result.error_code) {
                Code::UNKNOWN_TOPIC_OR_PARTITION => {}
                Code::NONE => found.push((name, Ok(topic_config(&result.configs)))),
                code => {
                    let error = resource_error(&reply, result, code);
                    found.push((name, Err(error)));
                }
            }
        }
        Ok(found)
    }

    /// One setting of a topic, wherever it comes from; `None` where it has no value.
    ///
    /// # Errors
    /// No broker answers, or we may not ask.
    pub async fn topic_setting(
        &self,
        topic: &TopicName,
        key: &'static str,
    ) -> Result<Option<String>, KafkaError> {
        let resources = vec![resource(TOPIC, topic.as_str(), &[key])];
        let reply = self.describe_configs(Target::Any, self.patience(), resources).await?;
        let Some(result) = reply.answer.results.first() else { return Ok(None) };
        match Code(result.error_code) {
            Code::NONE => {
                let found = result.configs.iter().find(|config| &*config.name == key);
                Ok(found.and_then(|config| config.value.as_deref()).map(str::to_owned))
            }
            code => Err(resource_error(&reply, result, code)),
        }
    }

    /// What stands on a broker, asked of that broker.
    ///
    /// # Errors
    /// The broker does not answer in time, or we may not ask.
    pub async fn describe_broker_config(&self, broker: BrokerId) -> Result<BrokerConfig, KafkaError> {
        let keys = [LEADER_RATE, FOLLOWER_RATE, LOG_DIRS_RATE, REPLICA_SELECTOR, PROTOCOL_VERSION];
        let resources = vec![resource(BROKER, &broker.to_string(), &keys)];
        let per_try = self.patience().per_try.min(DESCRIBE_LIMIT);
        let patience = Patience { per_try, overall: DESCRIBE_LIMIT, tries: 2 };
        let reply = self.describe_configs(Target::Broker(broker), patience, resources).await?;
        let mut found = BrokerConfig::default();
        for result in &reply.answer.results {
            if !Code(result.error_code).is_ok() {
                return Err(resource_error(&reply, result, Code(result.error_code)));
            }
            for config in &result.configs {
                let own = config.value.as_deref().filter(|_| config.config_source == SOURCE_BROKER);
                let rate = own.and_then(|value| value.parse().ok());
                match &*config.name {
                    LEADER_RATE => found.throttle.leader_bytes_per_s = rate,
                    FOLLOWER_RATE => found.throttle.follower_bytes_per_s = rate,
                    LOG_DIRS_RATE => found.throttle.log_dirs_bytes_per_s = rate,
                    REPLICA_SELECTOR => found.followers_serve = config.value.as_deref().is_some_and(selects),
                    PROTOCOL_VERSION => found.protocol_version = config.value.as_deref().map(str::to_owned),
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    async fn describe_configs(
        &self,
        target: Target,
        patience: Patience,
        resources: Vec<DescribeConfigsResource>,
    ) -> Result<Reply<DescribeConfigsResponse>, KafkaError> {
        let make = |_| DescribeConfigsRequest::default().with_resources(resources.clone());
        self.call::<DescribeConfigsRequest, _>(target, patience, make, |_| Code::NONE).await
    }

    /// Changes settings of topics, all that one request holds in one. There is an answer for each: the controller does
    /// not answer, or refuses this one.
    pub async fn alter_topic_configs(
        &self,
        changes: BTreeMap<TopicName, Vec<Change>>,
    ) -> BTreeMap<TopicName, Result<(), KafkaError>> {
        let changes: Vec<(TopicName, Vec<Change>)> = changes.into_iter().collect();
        let mut done = BTreeMap::new();
        for batch in changes.chunks(TOPICS_PER_REQUEST) {
            let resources = batch.iter().map(|(topic, changes)| altered(TOPIC, topic.as_str(), changes));
            let asked = self.alter_configs(Target::Controller, self.patience(), resources.collect()).await;
            for (topic, _) in batch {
                let one = match &asked {
                    Ok(reply) => check_altered(reply, TOPIC, topic.as_str()),
                    Err(error) => Err(error.clone()),
                };
                done.insert(topic.clone(), one);
            }
        }
        done
    }

    /// Changes dynamic settings of a broker. Brokers take changes only for themselves; for one that is down, the
    /// active `KRaft` controller takes them, if its listener can be reached.
    ///
    /// # Errors
    /// Neither the broker nor the controller can be reached, or the change is refused.
    pub async fn alter_broker_config(&self, broker: BrokerId, changes: &[Change]) -> Result<(), KafkaError> {
        let name = broker.to_string();
        let resource = altered(BROKER, &name, changes);
        let settings = self.settings();
        // A living broker answers soon; a dead one must not use up the patience that the way round it needs.
        let patience = Patience { tries: 3, overall: settings.call_timeout / 2, ..self.patience() };
        let asked = self.alter_configs(Target::Broker(broker), patience, vec![resource.clone()]).await;
        let direct = asked.and_then(|reply| check_altered(&reply, BROKER, &name));
        let is_away = |error: &KafkaError| match error {
            KafkaError::NoSuchBroker(_) | KafkaError::Connect(_) => true,
            KafkaError::Request { problem, .. } => {
                matches!(problem, RequestProblem::TimedOut(_) | RequestProblem::Broken(_))
            }
            _ => false,
        };
        match direct {
            Err(error) if is_away(&error) => self.alter_by_controller(broker, resource, error).await,
            other => other,
        }
    }

    async fn alter_by_controller(
        &self,
        broker: BrokerId,
        resource: AlterConfigsResource,
        direct: KafkaError,
    ) -> Result<(), KafkaError> {
        let around = async {
            let made = alter_request(std::slice::from_ref(&resource));
            let limit = self.settings().connect_timeout;
            let mut last = None;
            for controller in self.controllers().await? {
                let answer =
                    self.call_once::<IncrementalAlterConfigsRequest, _>(&controller, limit, &made).await;
                match answer.and_then(|reply| check_altered(&reply, BROKER, &resource.resource_name)) {
                    Ok(()) => return Ok(()),
                    Err(error) => last = Some(error),
                }
            }
            Err(last.unwrap_or(KafkaError::NoSuchBroker(broker)))
        };
        around.await.map_err(|around| KafkaError::BrokerAway {
            broker,
            direct: Box::new(direct),
            around: Box::new(around),
        })
    }

    async fn alter_configs(
        &self,
        target: Target,
        patience: Patience,
        resources: Vec<AlterConfigsResource>,
    ) -> Result<Reply<IncrementalAlterConfigsResponse>, KafkaError> {
        let made = alter_request(&resources);
        self.call::<IncrementalAlterConfigsRequest, _>(target, patience, made, code_of_all).await
    }
}

/// What an answer says of all that was asked: a code that may pass only where nothing was changed. Else each thing has its
/// own: what was changed must not count as refused because something beside it was.
fn code_of_all(answer: &IncrementalAlterConfigsResponse) -> Code {
    let codes = || answer.responses.iter().map(|response| Code(response.error_code));
    if codes().all(Code::is_retriable) { codes().next().unwrap_or(Code::NONE) } else { Code::NONE }
}

fn alter_request(
    resources: &[AlterConfigsResource],
) -> impl Fn(i16) -> IncrementalAlterConfigsRequest + Sync {
    move |_| IncrementalAlterConfigsRequest::default().with_resources(resources.to_vec())
}

/// What came of the change of one of the things that were to be changed.
fn check_altered(
    reply: &Reply<IncrementalAlterConfigsResponse>,
    kind: i8,
    name: &str,
) -> Result<(), KafkaError> {
    let api = ApiKey::IncrementalAlterConfigs;
    let (subject, topic) = subject_of(kind, name);
    let mut responses = reply.answer.responses.iter();
    let about = responses
        .find(|response| (response.resource_type, &*response.resource_name) == (kind, name))
        .ok_or_else(|| reply.malformed(api, format!("it says nothing of {subject}")))?;
    match Code(about.error_code) {
        Code::NONE => Ok(()),
        code => {
            let words = about.error_message.as_deref().unwrap_or_default();
            Err(reply.error(api, &subject, topic, code, words))
        }
    }
}

fn subject_of(resource_type: i8, name: &str) -> (String, Option<&str>) {
    if resource_type == TOPIC {
        (format!("topic {name}"), Some(name))
    } else {
        (format!("broker {name}"), None)
    }
}

fn resource_error(
    reply: &Reply<DescribeConfigsResponse>,
    result: &DescribeConfigsResult,
    code: Code,
) -> KafkaError {
    let (subject, topic) = subject_of(result.resource_type, &result.resource_name);
    let words = result.error_message.as_deref().unwrap_or_default();
    reply.error(ApiKey::DescribeConfigs, &subject, topic, code, words)
}

fn resource(kind: i8, name: &str, keys: &[&'static str]) -> DescribeConfigsResource {
    let keys = keys.iter().map(|key| StrBytes::from_static_str(key)).collect();
    DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(StrBytes::from_string(name.to_owned()))
        .with_configuration_keys(Some(keys))
}

fn altered(kind: i8, name: &str, changes: &[Change]) -> AlterConfigsResource {
    let configs = changes.iter().map(|(key, value)| {
        AlterableConfig::default()
            .with_name(StrBytes::from_static_str(key))
            .with_config_operation(if value.is_some() { SET } else { DELETE })
            .with_value(value.clone().map(StrBytes::from_string))
    });
    AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(StrBytes::from_string(name.to_owned()))
        .with_configs(configs.collect())
}

/// Whether a replica selector of this name leads consumers to other replicas than the leader.
fn selects(class: &str) -> bool {
    !class.is_empty() && !class.ends_with(".LeaderSelector")
}

fn topic_config(configs: &[DescribeConfigsResourceResult]) -> TopicConfig {
    let mut found = TopicConfig::default();
    for config in configs {
        let value = config.value.as_deref();
        let list =
            || value.filter(|_| config.config_source == SOURCE_TOPIC).and_then(ThrottledReplicas::parse);
        match &*config.name {
            MIN_INSYNC_REPLICAS => found.min_insync_replicas = value.and_then(|value| value.parse().ok()),
            LEADER_REPLICAS => found.throttle.leader = list(),
            FOLLOWER_REPLICAS => found.throttle.follower = list(),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;

    use super::*;

    #[test]
    fn what_was_changed_is_not_asked_for_again_for_the_sake_of_what_was_not() {
        let all = |codes: &[Code]| {
            let one = |code: &Code| AlterConfigsResourceResponse::default().with_error_code(code.0);
            let responses = codes.iter().map(one).collect();
            code_of_all(&IncrementalAlterConfigsResponse::default().with_responses(responses))
        };
        let (passing, lasting) = (Code::NOT_CONTROLLER, Code::UNKNOWN_TOPIC_OR_PARTITION);
        assert_eq!(all(&[passing, passing]), passing);
        assert_eq!(all(&[passing, Code::NONE]), Code::NONE);
        assert_eq!(all(&[lasting, passing]), Code::NONE);
        assert_eq!(all(&[]), Code::NONE);
    }

    #[test]
    fn a_selector_of_leaders_leads_nobody_to_followers() {
        assert!(selects("org.apache.kafka.common.replica.RackAwareReplicaSelector"));
        assert!(!selects("org.apache.kafka.common.replica.LeaderSelector"));
        assert!(!selects(""));
    }
}
