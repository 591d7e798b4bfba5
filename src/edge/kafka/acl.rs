//! Which right each request needs, so that "denied" comes with the command that grants it.
//!
//! From Kafka's documentation of authorization by protocol, checked against a broker that denies by default.

use std::fmt;

use kafka_protocol::messages::ApiKey;

use super::code::Code;

/// What a right is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// The cluster as a whole.
    Cluster,
    /// One topic by name, or `*` for all.
    Topic(String),
    /// Every group: one by one they would be forgotten for the next group.
    Group,
}

/// A right that a request needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The operation, as `kafka-acls` names it.
    pub operation: &'static str,
    /// What it is about.
    pub resource: Resource,
}

impl fmt::Display for Right {
    /// As an operator says it: `Alter on Cluster`, `Describe on topic orders`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.resource {
            Resource::Cluster => write!(f, "{} on Cluster", self.operation),
            Resource::Topic(name) if name == "*" => {
                write!(f, "{} on every topic", self.operation)
            }
            Resource::Topic(name) => write!(f, "{} on topic {name}", self.operation),
            Resource::Group => write!(f, "{} on every group", self.operation),
        }
    }
}

impl Right {
    /// The right that was missing when `api` was refused with `code`; `topic` names the topic it was about.
    pub fn missing(api: ApiKey, code: Code, topic: Option<&str>) -> Option<Self> {
        if !code.is_denied() {
            return None;
        }
        let on_topic = code == Code::TOPIC_AUTHORIZATION_FAILED;
        let operation = match api {
            ApiKey::AlterPartitionReassignments
            | ApiKey::ElectLeaders
            | ApiKey::AlterReplicaLogDirs
            | ApiKey::CreatePartitions => "Alter",
            ApiKey::DescribeConfigs => "DescribeConfigs",
            ApiKey::IncrementalAlterConfigs => "AlterConfigs",
            ApiKey::CreateTopics => "Create",
            ApiKey::DeleteTopics => "Delete",
            _ => "Describe",
        };
        let resource = match code {
            Code::GROUP_AUTHORIZATION_FAILED => Resource::Group,
            _ if on_topic => Resource::Topic(topic.unwrap_or("*").to_owned()),
            _ => Resource::Cluster,
        };
        Some(Self { operation, resource })
    }

    /// The command that grants it. The principal is known when we log in by name; what a broker makes of a
    /// certificate is its own affair, so there it is left to be filled in.
    pub fn grant_command(&self, bootstrap: &str, user: Option<&str>) -> String {
        let principal = user.map_or_else(|| "'User:PRINCIPAL'".to_owned(), |user| format!("'User:{user}'"));
        let resource = match &self.resource {
            Resource::Cluster => "--cluster".to_owned(),
            // evenkeel needs its rights on every topic: one by one they would be forgotten for the next topic.
            Resource::Topic(_) => "--topic '*'".to_owned(),
            Resource::Group => "--group '*'".to_owned(),
        };
        format!(
            "kafka-acls --bootstrap-server {bootstrap} --add --allow-principal {principal} --operation {} {resource}",
            self.operation
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denied_requests_name_operation_and_resource() {
        let cluster = Code::CLUSTER_AUTHORIZATION_FAILED;
        let topic = Code::TOPIC_AUTHORIZATION_FAILED;
        let cases = [
            (ApiKey::AlterPartitionReassignments, cluster, None, "Alter on Cluster"),
            (ApiKey::ElectLeaders, cluster, None, "Alter on Cluster"),
            (ApiKey::AlterReplicaLogDirs, cluster, None, "Alter on Cluster"),
            (ApiKey::ListPartitionReassignments, cluster, None, "Describe on Cluster"),
            (ApiKey::DescribeLogDirs, cluster, None, "Describe on Cluster"),
            (ApiKey::DescribeConfigs, cluster, None, "DescribeConfigs on Cluster"),
            (ApiKey::DescribeConfigs, topic, Some("t"), "DescribeConfigs on topic t"),
            (ApiKey::IncrementalAlterConfigs, topic, Some("t"), "AlterConfigs on topic t"),
            (ApiKey::IncrementalAlterConfigs, cluster, None, "AlterConfigs on Cluster"),
            (ApiKey::Metadata, topic, None, "Describe on every topic"),
            (ApiKey::OffsetFetch, Code::GROUP_AUTHORIZATION_FAILED, None, "Describe on every group"),
        ];
        for (api, code, topic, expected) in cases {
            assert_eq!(
                Right::missing(api, code, topic).map(|right| right.to_string()).as_deref(),
                Some(expected)
            );
        }
        assert_eq!(Right::missing(ApiKey::Metadata, Code::NOT_CONTROLLER, None), None);
    }

    #[test]
    fn the_grant_is_a_command_to_copy() {
        let right = Right { operation: "Alter", resource: Resource::Cluster };
        assert_eq!(
            right.grant_command("b:9092", Some("evenkeel")),
            "kafka-acls --bootstrap-server b:9092 --add --allow-principal 'User:evenkeel' --operation Alter --cluster"
        );
        let right = Right { operation: "Describe", resource: Resource::Topic("t".to_owned()) };
        assert!(
            right
                .grant_command("b:9092", None)
                .ends_with("'User:PRINCIPAL' --operation Describe --topic '*'")
        );
    }
}
