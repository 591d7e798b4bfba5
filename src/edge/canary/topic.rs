//! The canary's topic: made where it is absent, and given more partitions when brokers have joined.

use std::time::Duration;

use crate::base::{BrokerId, TopicName};
use crate::config::KafkaClientSettings;
use crate::control::CANARY_TOPIC as TOPIC;
use crate::edge::kafka::{AdminClient, Code, KafkaError, NewTopic};
use crate::edge::librdkafka::Right;

const PATIENCE: Duration = Duration::from_secs(15);

/// Makes partitions with these replicas; `before` are there already.
///
/// # Errors
/// In words, with the right to grant where one is missing.
pub(super) fn make(
    client: &KafkaClientSettings,
    lists: &[Vec<BrokerId>],
    before: usize,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let patient = client.call_timeout.min(PATIENCE);
    let settings = KafkaClientSettings { call_timeout: patient, ..client.clone() };
    let name = TopicName::from(TOPIC);
    let made = runtime.block_on(async {
        let admin = AdminClient::connect(&settings).await?;
        if before == 0 {
            return admin.create_topic(&name, &new_topic(lists)).await;
        }
        let total = i32::try_from(before + lists.len()).unwrap_or(i32::MAX);
        admin.add_partitions(&name, total, lists).await
    });
    match made {
        Ok(()) => Ok(()),
        Err(error) if error.code() == Some(Code::TOPIC_ALREADY_EXISTS) => Ok(()),
        Err(error) => Err(format!("topic {TOPIC} cannot be made: {error}{}", hint(&error, client))),
    }
}

fn hint(error: &KafkaError, client: &KafkaClientSettings) -> String {
    if !error.is_denial() {
        return String::new();
    }
    let operations = &["Create", "Alter", "Describe", "Read", "Write"];
    let right = Right { operations, kind: "--topic", name: TOPIC };
    format!("; to grant the right: {}", right.grant_command(client))
}

/// A topic that forgets within minutes, and takes records as long as a leader is there: it is there to measure.
fn new_topic(lists: &[Vec<BrokerId>]) -> NewTopic {
    let settings = [
        ("cleanup.policy", "delete"),
        ("retention.ms", "600000"),
        ("segment.ms", "600000"),
        ("min.insync.replicas", "1"),
    ];
    let configs = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    NewTopic { assignment: lists.to_vec(), configs }
}
