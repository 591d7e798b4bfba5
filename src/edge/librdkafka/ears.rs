//! [`Ears`]: what a client of librdkafka has to say beside its answers.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use tracing::{debug, trace};

use super::{Words, is_denial};

/// Hears a client's log lines and errors, and remembers the last: a call that times out does not know why.
/// Clones hear for the same client.
#[derive(Debug, Clone, Default)]
pub struct Ears {
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    last: Option<String>,
    denied: bool,
}

impl Ears {
    /// The last error, in words; empty when there was none.
    pub fn last(&self) -> String {
        self.with(|heard| heard.last.clone().unwrap_or_default())
    }

    /// Whether Kafka has said that a right is missing.
    pub fn denied(&self) -> bool {
        self.with(|heard| heard.denied)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Heard) -> T) -> T {
        work(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hear(&self, error: &KafkaError, words: String) {
        let denied = error.rdkafka_error_code().is_some_and(is_denial);
        self.with(|heard| {
            heard.denied |= denied;
            heard.last = Some(words);
        });
    }
}

impl ClientContext for Ears {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => trace!(facility, "librdkafka: {message}"),
            _ => debug!(facility, "librdkafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!("librdkafka: {}: {reason}", Words(&error));
        self.hear(&error, reason.to_owned());
    }
}

impl ConsumerContext for Ears {}

impl ProducerContext for Ears {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.hear(error, Words(error).to_string());
        }
    }
}
