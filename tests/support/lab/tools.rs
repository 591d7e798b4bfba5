//! Kafka's own tools, as an operator uses them: the second opinion on everything that evenkeel says or leaves behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigEntry, ConfigSource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use super::{Lab, PASSWORD, Seen};

impl Lab {
    /// Runs one of Kafka's tools over the lab's own listener; returns what it printed. Ends the test when it fails.
    pub fn kafka_tool(&self, tool: &str, words: &[&str]) -> String {
        let java = self.tools.java(true);
        let output = Command::new(&java[0])
            .args(&java[1..])
            .arg(self.tools.class_of(tool))
            .args(["--bootstrap-server", &self.internal_bootstrap()])
            .args(words)
            .output()
            .expect("java starts");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool} {words:?} failed:\n{stdout}\n{stderr}");
        stdout
    }

    /// Kafka takes one credential of a user per request.
    pub(super) fn add_scram_users(&self) {
        for (user, digest) in [("evenkeel", "256"), ("evenkeel", "512"), ("traffic", "512")] {
            let credential = format!("SCRAM-SHA-{digest}=[password={PASSWORD}]");
            self.set_config("users", user, &credential);
        }
    }

    /// Lets a user do these operations on the cluster and on every topic.
    pub fn allow(&self, user: &str, on_cluster: &[&str], on_topics: &[&str]) {
        let principal = format!("User:{user}");
        for (operations, resource) in [(on_cluster, vec!["--cluster"]), (on_topics, vec!["--topic", "*"])] {
            if operations.is_empty() {
                continue;
            }
            let mut words = vec!["--add", "--allow-principal", &principal];
            for operation in operations {
                words.extend(["--operation", operation]);
            }
            words.extend(resource);
            self.kafka_tool("kafka-acls", &words);
        }
    }

    /// Sets dynamic settings of a broker, topic or user (`brokers`, `topics`, `users`), as a person would.
    pub fn set_config(&self, kind: &str, name: &str, settings: &str) {
        let words = ["--alter", "--add-config", settings, "--entity-type", kind, "--entity-name", name];
        self.kafka_tool("kafka-configs", &words);
    }

    /// Every throttle that stands among the dynamic settings of the running brokers and of all topics, as librdkafka
    /// sees them: a tool of Kafka's own would start two virtual machines for it.
    pub fn throttle_settings(&self) -> Vec<String> {
        let admin: AdminClient<DefaultClientContext> =
            self.internal_config().create().expect("an admin client");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(20)));
        let mut found = Vec::new();
        let mut ask = |resources: &[ResourceSpecifier<'_>]| {
            let answers = runtime.block_on(admin.describe_configs(resources, &options));
            for answer in answers.expect("the settings can be asked for") {
                let config = answer.expect("whoever is asked answers");
                let is_throttle = |entry: &&ConfigEntry| {
                    let name = &entry.name;
                    (name.contains("throttled.") || name.starts_with("replica.alter.log.dirs.io"))
                        && matches!(entry.source, ConfigSource::DynamicBroker | ConfigSource::DynamicTopic)
                };
                let standing = config.entries.iter().filter(is_throttle);
                found.extend(standing.map(|entry| format!("{:?} {}", config.specifier, entry.name)));
            }
        };
        // Each broker answers for itself.
        for broker in self.running() {
            ask(&[ResourceSpecifier::Broker(broker)]);
        }
        let seen = self.look();
        let topics: BTreeSet<&String> = seen.partitions.keys().map(|(topic, _)| topic).collect();
        let topics: Vec<_> = topics.into_iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
        ask(&topics);
        found
    }

    /// Gives partitions these replica lists with Kafka's own tool, and waits until all is done and in sync.
    pub fn reassign(&self, plan: &Path) -> Seen {
        let file = plan.display().to_string();
        self.kafka_tool("kafka-reassign-partitions", &["--reassignment-json-file", &file, "--execute"]);
        self.wait_until("the reassignment is done", Duration::from_secs(180), Seen::all_in_sync)
    }

    /// Writes replica lists in the format of `kafka-reassign-partitions`.
    pub fn reassignment_file(&self, name: &str, lists: &[(String, i32, Vec<i32>)]) -> PathBuf {
        let partitions: Vec<_> = lists
            .iter()
            .map(|(topic, partition, replicas)| {
                serde_json::json!({"topic": topic, "partition": partition, "replicas": replicas})
            })
            .collect();
        let file = self.file(name);
        let text = serde_json::json!({"version": 1, "partitions": partitions}).to_string();
        fs::write(&file, text).expect("the lab's folder is writable");
        file
    }
}
