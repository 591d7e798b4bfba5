//! The lease's topic: made where it is absent, and looked over where it is there.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError as RdKafkaError, RDKafkaErrorCode as Code};
use rdkafka::metadata::Metadata;

use super::Lease;
use super::error::LeaseError;
use crate::base::TopicName;
use crate::edge::kafka::{AdminClient, KafkaError};
use crate::edge::librdkafka::Ears;

/// How long each question may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Copies of the topic, on clusters that have as many brokers, and how many of them a write has to reach.
const COPIES: (usize, usize) = (3, 2);

/// What the topic looks like to a client.
enum Found {
    Absent {
        brokers: usize,
    },
    There {
        partitions: usize,
    },
    /// It is being made.
    Coming,
}

/// Looks the topic over where it is there: it has to be fit. Once for each lease is enough: taking it costs a client and
/// some questions, and whoever makes the topic meanwhile makes it as it has to be. Returns whether it is there.
pub(super) fn look_over(
    lease: &Lease,
    consumer: &BaseConsumer<Ears>,
    seen: &Metadata,
) -> Result<bool, LeaseError> {
    let is_there = is_so(lease, consumer, &found(lease, consumer, seen)?)?;
    if is_there {
        check_policy(lease)?;
    }
    Ok(is_there)
}

/// Whether the topic is there; then it is led.
pub(super) fn is_there(lease: &Lease, consumer: &BaseConsumer<Ears>) -> Result<bool, LeaseError> {
    is_so(lease, consumer, &look(lease, consumer)?)
}

fn is_so(lease: &Lease, consumer: &BaseConsumer<Ears>, found: &Found) -> Result<bool, LeaseError> {
    match found {
        Found::Absent { .. } => Ok(false),
        Found::There { partitions: 1 } => Ok(true),
        Found::There { .. } | Found::Coming => ensure(lease, consumer).map(|()| true),
    }
}

/// Sees to it that the topic is there.
pub(super) fn ensure(lease: &Lease, consumer: &BaseConsumer<Ears>) -> Result<(), LeaseError> {
    let until = Instant::now() + PATIENCE;
    let mut made = false;
    loop {
        match look(lease, consumer)? {
            Found::There { partitions: 1 } => return Ok(()),
            Found::There { partitions } => return Err(wrong_partitions(lease, partitions)),
            Found::Absent { brokers } if !made => {
                make(lease, brokers)?;
                made = true;
            }
            Found::Absent { .. } | Found::Coming if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(100));
            }
            Found::Absent { .. } | Found::Coming => {
                let topic = &lease.names.topic;
                return Err(LeaseError::Unreachable(format!(
                    "topic {topic} has no leader after {} s",
                    PATIENCE.as_secs()
                )));
            }
        }
    }
}

fn look(lease: &Lease, consumer: &BaseConsumer<Ears>) -> Result<Found, LeaseError> {
    found(lease, consumer, &ask(lease, consumer, PATIENCE)?)
}

/// What brokers tell of the topic.
pub(super) fn ask(
    lease: &Lease,
    consumer: &BaseConsumer<Ears>,
    patience: Duration,
) -> Result<Metadata, LeaseError> {
    consumer
        .fetch_metadata(Some(&lease.names.topic), patience)
        .map_err(|error| lease.explain(&error, consumer.context(), "cannot be seen"))
}

fn found(lease: &Lease, consumer: &BaseConsumer<Ears>, seen: &Metadata) -> Result<Found, LeaseError> {
    let topic = &lease.names.topic;
    let found = seen.topics().iter().find(|found| found.name() == topic);
    let absent = Found::Absent { brokers: seen.brokers().len() };
    let Some(found) = found else { return Ok(absent) };
    let Some(error) = found.error().map(Code::from) else {
        let led = found.partitions().iter().all(|partition| partition.leader() >= 0);
        let partitions = found.partitions().len();
        return Ok(if led && partitions > 0 { Found::There { partitions } } else { Found::Coming });
    };
    match error {
        Code::UnknownTopicOrPartition | Code::UnknownTopic => Ok(absent),
        Code::LeaderNotAvailable => Ok(Found::Coming),
        error => {
            Err(lease.explain(&RdKafkaError::MetadataFetch(error), consumer.context(), "cannot be seen"))
        }
    }
}

fn wrong_partitions(lease: &Lease, partitions: usize) -> LeaseError {
    LeaseError::Unusable {
        message: format!("topic {} has {partitions} partitions; the lease needs one", lease.names.topic),
        hint: "name another with `lease-topic` in the settings, and it is made as it has to be".to_owned(),
    }
}

/// The settings of the topic. Heartbeats would make a segment of Kafka's usual size last for days before it is
/// compacted, and every reader begins at the beginning.
fn settings(in_sync: &str) -> [(&'static str, &str); 8] {
    [
        ("cleanup.policy", "compact"),
        ("min.insync.replicas", in_sync),
        ("unclean.leader.election.enable", "false"),
        ("segment.ms", "3600000"),
        ("segment.bytes", "16777216"),
        ("min.cleanable.dirty.ratio", "0.1"),
        // Entries are dated by the brokers: those of a machine whose clock is wrong are taken all the same.
        ("message.timestamp.type", "LogAppendTime"),
        ("compression.type", "producer"),
    ]
}

fn make(lease: &Lease, brokers: usize) -> Result<(), LeaseError> {
    let copies = brokers.clamp(1, COPIES.0);
    let in_sync = copies.min(COPIES.1).to_string();
    let topic = &lease.names.topic;
    let name = TopicName::from(topic.as_str());
    let settings = settings(&in_sync);
    let factor = i16::try_from(copies).unwrap_or(1);
    let made = lease
        .administer(async |admin: &AdminClient| admin.create_spread_topic(&name, 1, factor, &settings).await);
    made.map_err(|error| {
        let message = format!("topic {topic} cannot be made: {error}");
        match &error {
            Asked::Kafka(error) if error.is_denial() => {
                LeaseError::denied(&message, &lease.names, &lease.client)
            }
            Asked::Kafka(error) if error.code().is_some_and(|code| !code.is_retriable()) => LeaseError::Unusable {
                message,
                hint: format!(
                    "make it yourself, with 1 partition, {copies} copies, cleanup.policy=compact and min.insync.replicas={in_sync}"
                ),
            },
            other => other.explain(message),
        }
    })
}

/// A topic that deletes by age would forget what a successor has to know. Where we may not look, that is left to
/// whoever made it.
fn check_policy(lease: &Lease) -> Result<(), LeaseError> {
    let topic = &lease.names.topic;
    let name = TopicName::from(topic.as_str());
    let asked =
        lease.administer(async |admin: &AdminClient| admin.topic_setting(&name, "cleanup.policy").await);
    let policy = asked.unwrap_or_else(|error| {
        tracing::debug!("the settings of topic {topic} cannot be seen: {error}");
        None
    });
    let Some(policy) = policy else { return Ok(()) };
    if policy == "compact" {
        return Ok(());
    }
    let bootstrap = lease.client.bootstrap.first().map(ToString::to_string).unwrap_or_default();
    Err(LeaseError::Unusable {
        message: format!(
            "topic {topic} has cleanup.policy={policy}: it would forget what a successor has to know"
        ),
        hint: format!(
            "kafka-configs --bootstrap-server {bootstrap} --alter --add-config cleanup.policy=compact --entity-type topics --entity-name {topic}"
        ),
    })
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
enum Asked {
    #[error("{0}")]
    Kafka(Box<KafkaError>),
    #[error("no runtime for a question: {0}")]
    Machine(std::io::Error),
}

impl Asked {
    fn explain(&self, message: String) -> LeaseError {
        match self {
            Self::Kafka(error) if error.is_not_offered() => {
                LeaseError::Unusable { message, hint: String::new() }
            }
            Self::Kafka(_) | Self::Machine(_) => LeaseError::Unreachable(message),
        }
    }
}

impl Lease {
    /// Asks our own client for administration one thing: librdkafka's cannot log in by a token.
    fn administer<T>(
        &self,
        ask: impl AsyncFnOnce(&AdminClient) -> Result<T, KafkaError>,
    ) -> Result<T, Asked> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Asked::Machine)?;
        let mut client = self.client.clone();
        client.call_timeout = client.call_timeout.min(PATIENCE);
        runtime
            .block_on(async {
                let admin = AdminClient::connect(&client).await?;
                ask(&admin).await
            })
            .map_err(|error| Asked::Kafka(Box::new(error)))
    }
}
