//! The canary's topic: made where it is absent, and given more partitions when brokers have joined.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::base::BrokerId;
use crate::config::KafkaClientSettings;
use crate::control::CANARY_TOPIC as TOPIC;
use crate::edge::librdkafka::{Ears, Right, Words, is_denial};

const PATIENCE: Duration = Duration::from_secs(15);

/// Makes partitions with these replicas; `before` are there already.
///
/// # Errors
/// In words, with the right to grant where one is missing.
pub(super) fn make(
    properties: &ClientConfig,
    client: &KafkaClientSettings,
    lists: &[Vec<BrokerId>],
    before: usize,
) -> Result<(), String> {
    let lists: Vec<Vec<i32>> = lists.iter().map(|list| list.iter().map(|id| id.0).collect()).collect();
    let lists: Vec<&[i32]> = lists.iter().map(Vec::as_slice).collect();
    let ears = Ears::default();
    let admin: AdminClient<Ears> =
        properties.create_with_context(ears).map_err(|error| Words(&error).to_string())?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let results = if before == 0 {
        let topic = new_topic(&lists);
        runtime.block_on(admin.create_topics([&topic], &options))
    } else {
        let more = NewPartitions::new(TOPIC, before + lists.len()).assign(&lists);
        runtime.block_on(admin.create_partitions([&more], &options))
    };
    let code = match results {
        Ok(results) => match results.into_iter().next() {
            None | Some(Ok(_) | Err((_, Code::TopicAlreadyExists))) => return Ok(()),
            Some(Err((_, code))) => code,
        },
        Err(KafkaError::AdminOp(code)) => code,
        Err(error) => return Err(Words(&error).to_string()),
    };
    let hint = if is_denial(code) {
        let operations = &["Create", "Alter", "Describe", "Read", "Write"];
        let right = Right { operations, kind: "--topic", name: TOPIC };
        format!("; to grant the right: {}", right.grant_command(client))
    } else {
        String::new()
    };
    Err(format!("topic {TOPIC} cannot be made: {code}{hint}"))
}

/// A topic that forgets within minutes, and takes records as long as a leader is there: it is there to measure.
fn new_topic<'a>(lists: &'a [&'a [i32]]) -> NewTopic<'a> {
    let partitions = i32::try_from(lists.len()).unwrap_or(i32::MAX);
    NewTopic::new(TOPIC, partitions, TopicReplication::Variable(lists))
        .set("cleanup.policy", "delete")
        .set("retention.ms", "600000")
        .set("segment.ms", "600000")
        .set("min.insync.replicas", "1")
}
