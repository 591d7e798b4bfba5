//! The lease's topic: made where it is absent, and looked over where it is there.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::Lease;
use super::error::LeaseError;
use crate::edge::librdkafka::{Ears, Words, is_denial};

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
/// some questions, and whoever makes the topic meanwhile makes it as it has to be.
pub(super) fn look_over(lease: &Lease, consumer: &BaseConsumer<Ears>) -> Result<(), LeaseError> {
    if is_there(lease, consumer)? { check_policy(lease) } else { Ok(()) }
}

/// Whether the topic is there; then it is led.
pub(super) fn is_there(lease: &Lease, consumer: &BaseConsumer<Ears>) -> Result<bool, LeaseError> {
    match look(lease, consumer)? {
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
    let topic = &lease.names.topic;
    let seen = consumer
        .fetch_metadata(Some(topic), PATIENCE)
        .map_err(|error| lease.explain(&error, consumer.context(), "cannot be seen"))?;
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
        error => Err(lease.explain(&KafkaError::MetadataFetch(error), consumer.context(), "cannot be seen")),
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
    let replication = TopicReplication::Fixed(i32::try_from(copies).unwrap_or(1));
    let mut wanted = NewTopic::new(topic, 1, replication);
    for (key, value) in settings(&in_sync) {
        wanted = wanted.set(key, value);
    }
    let results = lease.administer(|admin: &AdminClient<Ears>, options: &AdminOptions| {
        admin.create_topics([&wanted], options)
    })?;
    match results.into_iter().next() {
        None | Some(Ok(_) | Err((_, Code::TopicAlreadyExists))) => Ok(()),
        Some(Err((_, code))) if is_denial(code) => Err(LeaseError::denied(
            &format!("topic {topic} cannot be made: {code}"),
            &lease.names,
            &lease.client,
        )),
        Some(Err((_, code @ (Code::RequestTimedOut | Code::OperationTimedOut | Code::NotController)))) => {
            Err(LeaseError::Unreachable(format!("topic {topic} cannot be made: {code}")))
        }
        Some(Err((_, code))) => Err(LeaseError::Unusable {
            message: format!("topic {topic} cannot be made: {code}"),
            hint: format!(
                "make it yourself, with 1 partition, {copies} copies, cleanup.policy=compact and min.insync.replicas={in_sync}"
            ),
        }),
    }
}

/// A topic that deletes by age would forget what a successor has to know. Where we may not look, that is left to
/// whoever made it.
pub(super) fn check_policy(lease: &Lease) -> Result<(), LeaseError> {
    let topic = &lease.names.topic;
    let which = ResourceSpecifier::Topic(topic);
    let described = lease.administer(|admin: &AdminClient<Ears>, options: &AdminOptions| {
        admin.describe_configs([&which], options)
    });
    let described = match described {
        Ok(results) => results.into_iter().next().and_then(Result::ok),
        Err(error) => {
            tracing::debug!("the settings of topic {topic} cannot be seen: {error}");
            None
        }
    };
    let policy = described.as_ref().and_then(|found| found.get("cleanup.policy"));
    let Some(policy) = policy.and_then(|entry| entry.value.as_deref()) else { return Ok(()) };
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

impl Lease {
    /// Asks librdkafka's client for administration one thing.
    fn administer<T, F>(
        &self,
        ask: impl FnOnce(&AdminClient<Ears>, &AdminOptions) -> F,
    ) -> Result<T, LeaseError>
    where
        F: Future<Output = Result<T, KafkaError>>,
    {
        let ears = Ears::default();
        let admin: AdminClient<Ears> = self
            .properties
            .create_with_context(ears.clone())
            .map_err(|error| self.explain(&error, &ears, "cannot be asked about"))?;
        let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| LeaseError::Unreachable(format!("no runtime for a question: {error}")))?;
        let answer = runtime.block_on(async { ask(&admin, &options).await });
        answer.map_err(|error| {
            let topic = &self.names.topic;
            let message = format!("topic {topic} cannot be asked about: {} {}", Words(&error), ears.last());
            match error {
                KafkaError::AdminOp(code) if is_denial(code) => {
                    LeaseError::denied(message.trim_end(), &self.names, &self.client)
                }
                KafkaError::AdminOp(Code::UnsupportedFeature | Code::UnsupportedVersion) => {
                    LeaseError::Unusable { message, hint: String::new() }
                }
                _ => LeaseError::Unreachable(message),
            }
        })
    }
}
