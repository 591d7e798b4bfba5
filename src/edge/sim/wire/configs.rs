//! `DescribeConfigs` and `IncrementalAlterConfigs`.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::super::configs::{FOLLOWER_LIST, LEADER_LIST, MIN_ISR};
use super::super::{ConfigChange, ConfigOwner, Refusal, SimCluster};
use super::{Call, Node, text};
use crate::base::{BrokerId, TopicName};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Where a value comes from, as `DescribeConfigs` tells.
#[derive(Clone, Copy)]
#[repr(i8)]
enum Source {
    DynamicTopic = 1,
    DynamicBroker = 2,
    DynamicDefaultBroker = 3,
    StaticBroker = 4,
    Default = 5,
}

impl Call<'_> {
    /// Whose settings a request is about. As in Kafka a broker speaks for itself alone, the controller for all.
    fn owner(&self, kind: i8, name: &str) -> Result<ConfigOwner, Refusal> {
        let refuse = |words: String| Err(Refusal::new(ResponseError::InvalidRequest, words));
        match kind {
            TOPIC => Ok(ConfigOwner::Topic(TopicName::from(name))),
            BROKER if name.is_empty() => Ok(ConfigOwner::AllBrokers),
            BROKER => {
                let Ok(id) = name.parse().map(BrokerId) else {
                    return refuse(format!("Node id must be an integer, but it is: {name}"));
                };
                match self.node {
                    Node::Broker(here) if here != id => {
                        refuse(format!("Unexpected broker id, expected {here}, but received {name}"))
                    }
                    Node::Broker(_) | Node::Controller => Ok(ConfigOwner::Broker(id)),
                }
            }
            _ => refuse(format!("Unknown resource type {kind}")),
        }
    }

    pub(super) fn describe_configs(&self, request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
        let results = request.resources.iter().map(|resource| {
            let result = DescribeConfigsResult::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            let rows = self
                .owner(resource.resource_type, resource.resource_name.as_str())
                .and_then(|owner| rows(self.cluster, &owner));
            match rows {
                Err(refusal) => result
                    .with_error_code(refusal.error.code())
                    .with_error_message(Some(text(refusal.message))),
                Ok(rows) => {
                    let asked = |key: &str| match &resource.configuration_keys {
                        None => true,
                        Some(keys) => keys.iter().any(|wanted| wanted.as_str() == key),
                    };
                    let rows = rows.into_iter().filter(|(key, _)| asked(key));
                    let configs = rows.map(|(key, (value, source))| {
                        described(&key, value, source, request.include_synonyms)
                    });
                    result.with_configs(configs.collect())
                }
            }
        });
        DescribeConfigsResponse::default().with_results(results.collect())
    }

    pub(super) fn alter_configs(
        &mut self,
        request: &IncrementalAlterConfigsRequest,
    ) -> IncrementalAlterConfigsResponse {
        let responses = request.resources.iter().map(|resource| {
            let owner = self.owner(resource.resource_type, resource.resource_name.as_str());
            let (code, message) = self.attempt(|cluster| {
                cluster.alter_configs(&owner?, &wanted_changes(resource)?, request.validate_only)
            });
            AlterConfigsResourceResponse::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone())
                .with_error_code(code)
                .with_error_message(message)
        });
        let responses = responses.collect();
        IncrementalAlterConfigsResponse::default().with_responses(responses)
    }
}

fn wanted_changes(resource: &AlterConfigsResource) -> Result<BTreeMap<String, ConfigChange>, Refusal> {
    let invalid = |words: String| Refusal::new(ResponseError::InvalidRequest, words);
    let mut changes = BTreeMap::new();
    for config in &resource.configs {
        let key = config.name.as_str().to_owned();
        let value = || {
            let value = config.value.as_ref().map(|value| value.as_str().to_owned());
            value.ok_or_else(|| invalid(format!("Null value not supported for : {key}")))
        };
        let change = match config.config_operation {
            0 => ConfigChange::Set(value()?),
            1 => ConfigChange::Delete,
            2 => ConfigChange::Append(value()?),
            3 => ConfigChange::Subtract(value()?),
            other => return Err(invalid(format!("Unknown operations type {other}"))),
        };
        if changes.insert(key, change).is_some() {
            return Err(invalid("Error due to duplicate config keys".to_owned()));
        }
    }
    Ok(changes)
}

type Rows = BTreeMap<String, (String, Source)>;

/// All settings of something with their values: a few of Kafka's defaults, then what stands on it.
fn rows(cluster: &SimCluster, owner: &ConfigOwner) -> Result<Rows, Refusal> {
    let set = cluster.configs_of(owner)?;
    let mut rows = Rows::new();
    let mut put = |key: &str, value: &str, source: Source| {
        rows.insert(key.to_owned(), (value.to_owned(), source));
    };
    match owner {
        ConfigOwner::Topic(_) => {
            for (key, value) in [
                ("cleanup.policy", "delete"),
                ("retention.bytes", "-1"),
                ("retention.ms", "604800000"),
                ("segment.bytes", "1073741824"),
                ("unclean.leader.election.enable", "false"),
                (MIN_ISR, "1"),
                (LEADER_LIST, ""),
                (FOLLOWER_LIST, ""),
            ] {
                put(key, value, Source::Default);
            }
            for (key, value) in set {
                put(key, value, Source::DynamicTopic);
            }
        }
        ConfigOwner::AllBrokers => {
            for (key, value) in set {
                put(key, value, Source::DynamicDefaultBroker);
            }
        }
        ConfigOwner::Broker(id) => {
            let broker = &cluster.brokers[id];
            let dirs: Vec<&str> = broker.dirs.iter().map(|dir| dir.path.as_str()).collect();
            put("node.id", &id.to_string(), Source::StaticBroker);
            put("log.dirs", &dirs.join(","), Source::StaticBroker);
            let rebalances = cluster.auto_leader_rebalance.to_string();
            put("auto.leader.rebalance.enable", &rebalances, Source::StaticBroker);
            if let Some(rack) = &broker.rack {
                put("broker.rack", rack.as_str(), Source::StaticBroker);
            }
            for (key, value) in [(MIN_ISR, "1"), ("default.replication.factor", "1"), ("num.partitions", "1")]
            {
                put(key, value, Source::Default);
            }
            for (key, value) in &cluster.default_configs {
                put(key, value, Source::DynamicDefaultBroker);
            }
            for (key, value) in set {
                put(key, value, Source::DynamicBroker);
            }
        }
    }
    Ok(rows)
}

fn described(key: &str, value: String, source: Source, synonyms: bool) -> DescribeConfigsResourceResult {
    const LIST: i8 = 7;
    const STRING: i8 = 2;
    let value: StrBytes = text(value);
    let own = DescribeConfigsSynonym::default()
        .with_name(text(key))
        .with_value(Some(value.clone()))
        .with_source(source as i8);
    let list = matches!(key, LEADER_LIST | FOLLOWER_LIST | "cleanup.policy" | "log.dirs");
    DescribeConfigsResourceResult::default()
        .with_name(text(key))
        .with_value(Some(value))
        .with_read_only(matches!(source, Source::StaticBroker))
        .with_config_source(source as i8)
        .with_config_type(if list { LIST } else { STRING })
        .with_synonyms(if synonyms { vec![own] } else { Vec::new() })
}
