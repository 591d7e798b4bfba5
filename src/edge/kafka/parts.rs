//! [`Parts`]: what came of a request that is about many partitions, one by one.

use std::collections::BTreeMap;

use kafka_protocol::messages::ApiKey;

use super::call::refused;
use super::code::Code;
use super::error::{KafkaError, Peer};
use crate::base::TopicPartition;

/// The partitions of a request that were refused, each with the reason. Empty when all was accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Parts {
    /// The refused ones.
    pub refused: BTreeMap<TopicPartition, PartError>,
}

/// Why one partition was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartError {
    /// Kafka's code.
    pub code: Code,
    /// Kafka's words, where it gave some.
    pub words: String,
}

impl Parts {
    /// Notes a partition's outcome; success leaves no trace.
    pub(super) fn add(&mut self, which: TopicPartition, error: PartError) {
        if !error.code.is_ok() {
            self.refused.insert(which, error);
        }
    }

    /// A missing right is the same for every partition: it is one error, with the right that is missing.
    pub(super) fn or_denied(self, peer: &Peer, api: ApiKey) -> Result<Self, KafkaError> {
        match self.refused.iter().find(|(_, error)| error.code.is_denied()) {
            None => Ok(self),
            Some((which, error)) => Err(refused(
                peer,
                api,
                &which.to_string(),
                Some(which.topic.as_str()),
                error.code,
                &error.words,
            )),
        }
    }
}
