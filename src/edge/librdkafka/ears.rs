//! [`Ears`]: what a client of librdkafka has to say beside its answers.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use secrecy::ExposeSecret as _;
use tracing::{debug, trace};

use super::{Words, is_denial};
use crate::config::KafkaClientSettings;
use crate::edge::token::TokenSource;

/// How long a first token may take.
const FIRST_TOKEN: Duration = Duration::from_secs(15);

/// Hears a client's log lines and errors, and remembers the last: a call that times out does not know why.
/// Clones hear for the same client.
#[derive(Debug, Clone)]
pub struct Ears {
    heard: Arc<Mutex<Heard>>,
    tokens: Option<Arc<TokenSource>>,
}

#[derive(Debug, Default)]
struct Heard {
    last: Option<String>,
    denied: bool,
    /// Whether a token was asked for and answered, by one or by why there is none.
    is_answered: bool,
}

impl Ears {
    /// Those of a client that is made of these settings.
    pub fn of(settings: &KafkaClientSettings) -> Self {
        Self { heard: Arc::default(), tokens: TokenSource::of(settings) }
    }

    /// Lets a consumer ask for its first token. Only polling brings its question here, and whatever it is asked before waits
    /// for the answer.
    pub fn let_in(&self, consumer: &BaseConsumer<Self>) {
        let until = Instant::now() + FIRST_TOKEN;
        while self.tokens.is_some() && !self.with(|heard| heard.is_answered) && Instant::now() < until {
            // Nothing is subscribed to, so that what is polled is that question and nothing else.
            drop(consumer.poll(Duration::from_millis(50)));
        }
    }

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
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let source = self.tokens.as_ref().ok_or("nobody gives a token")?;
        let fetched = source.token_now();
        self.with(|heard| {
            heard.is_answered = true;
            heard.last = fetched.as_ref().err().map(ToString::to_string).or(heard.last.take());
        });
        let token = fetched.inspect_err(|error| debug!("no token for librdkafka: {error}"))?;
        Ok(OAuthToken {
            token: token.value.expose_secret().to_owned(),
            principal_name: token.principal.clone(),
            lifetime_ms: token.ends_at_ms(),
        })
    }

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
