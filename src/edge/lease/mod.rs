//! The lease: of two evenkeels only one acts, and Kafka itself decides which.
//!
//! The holder writes what a successor has to know to a compacted topic, through a transactional producer whose id is the
//! cluster's ([`TopicJournal`]). Whoever takes the lease starts a producer of the same id, by which Kafka fences the one
//! before it: nothing more of that one is ever committed. Every commit carries a sign of life; a [`Standby`] on another
//! machine that misses it takes over, reads what stands there, and carries on. No clock of one machine is compared with
//! that of another where safety hangs on it.

mod approach;
mod both;
mod error;
mod holder;
mod journal;
mod message;
mod reader;
mod shelf;
mod standby;
mod standing;
mod topic;
mod writer;

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::ThreadedProducer;

use self::error::Names;
use self::reader::Reader;
use crate::config::{KafkaClientSettings, LeaseTopic, transactional_id};
use crate::edge::librdkafka::{Ears, Words, is_denial, properties};

pub use approach::{Approach, Near};
pub use both::Both;
pub use error::LeaseError;
pub use holder::{Beat, Holder};
pub use journal::{Handle, TopicJournal};
pub use standby::{Standby, Wake};
pub use standing::{News, Standing, retell};

/// How long the topic may take to be read.
const READ_PATIENCE: Duration = Duration::from_secs(20);

/// Kafka ends a transaction that stands open for longer. Longer than a broker's failure takes to be noticed (9 s) and
/// mended, since ending it fences its owner too.
const TRANSACTION_MS: &str = "40000";

/// How long a broker may hold an answer back that nothing new is there, to those who follow the topic for hours.
const FOLLOWING: Duration = Duration::from_millis(100);

/// The lease of one cluster, not taken yet.
#[derive(Clone)]
pub struct Lease {
    properties: ClientConfig,
    client: KafkaClientSettings,
    names: Names,
    holder: Holder,
}

/// Opens the lease of a cluster: its topic is looked over if it is there. Nothing is made or taken yet.
///
/// # Errors
/// The cluster is out of reach, a right is missing, or the topic that is there is not fit.
pub fn open(client: &KafkaClientSettings, topic: &LeaseTopic, holder: Holder) -> Result<Lease, LeaseError> {
    Lease::find(client, topic, holder, FOLLOWING).map(|(lease, ..)| lease)
}

impl Lease {
    /// Asks for the topic, which is looked over if it is there, and by that for the cluster's name, which the lease bears.
    /// `at_end` is how long a broker may hold an answer back that nothing new is there. Tells also whether the topic is there.
    fn find(
        client: &KafkaClientSettings,
        topic: &LeaseTopic,
        holder: Holder,
        at_end: Duration,
    ) -> Result<(Self, BaseConsumer<Ears>, bool), LeaseError> {
        let names = Names { topic: topic.as_str().to_owned(), transactional_id: String::new() };
        let mut lease = Self { properties: properties(client), client: client.clone(), names, holder };
        let consumer = lease.consumer(at_end)?;
        // librdkafka connects for a question about topics; asked for the cluster's name alone it waits until it connects
        // for some other reason, which takes it a second at times.
        let seen = topic::ask(&lease, &consumer, READ_PATIENCE / 2)?;
        let cluster = consumer.client().fetch_cluster_id(Duration::ZERO).ok_or_else(|| {
            let heard = consumer.context().last();
            LeaseError::Unreachable(format!("the cluster does not tell its id; {heard}"))
        })?;
        lease.names.transactional_id = transactional_id(&cluster);
        let is_there = topic::look_over(&lease, &consumer, &seen)?;
        Ok((lease, consumer, is_there))
    }

    /// Reads what stands in the topic, and takes nothing.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn look(&self) -> Result<Standing, LeaseError> {
        let Some(mut reader) = self.reader()? else { return Ok(Standing::default()) };
        reader.read_until(|_| true, READ_PATIENCE)?;
        reader.shelf().standing()
    }

    /// See [`Near::take`].
    ///
    /// # Errors
    /// As there.
    pub fn take(&self) -> Result<(TopicJournal, Standing), LeaseError> {
        Near::to(self)?.take()
    }

    /// See [`Near::take_if_free`].
    ///
    /// # Errors
    /// As there.
    pub fn take_if_free(
        &self,
        tell: impl FnOnce(&Beat, Duration),
    ) -> Result<(TopicJournal, Standing), LeaseError> {
        Near::to(self)?.take_if_free(tell)
    }

    /// See [`Near::take_from`].
    ///
    /// # Errors
    /// As there.
    pub fn take_from(&self, silent: Option<&Beat>) -> Result<(TopicJournal, Standing), LeaseError> {
        Near::to(self)?.take_from(silent)
    }

    /// Waits beside a holder for its death.
    ///
    /// # Errors
    /// The topic cannot be read.
    pub fn standby(&self) -> Result<Standby, LeaseError> {
        Standby::new(self)
    }

    /// A reader of the topic, if there is one.
    fn reader(&self) -> Result<Option<Reader>, LeaseError> {
        let consumer = self.consumer(FOLLOWING)?;
        if topic::is_there(self, &consumer)? { Reader::with(consumer, self).map(Some) } else { Ok(None) }
    }

    /// Who has the lease, when it is not ours any more.
    fn who_is_it(&self, ours: &str) -> String {
        let told = Reader::open(self).and_then(|mut reader| {
            // The successor's first sign of life may be on its way.
            let other = |shelf: &shelf::Shelf| shelf.beat().is_some_and(|beat| beat.session != ours);
            reader.read_until(other, Duration::from_secs(4))?;
            Ok(reader.shelf().beat().map(ToString::to_string))
        });
        told.ok().flatten().unwrap_or_else(|| {
            "Kafka takes nothing more from this one (another has taken the lease, or a transaction stood still for too long)"
                .to_owned()
        })
    }

    fn consumer(&self, at_end: Duration) -> Result<BaseConsumer<Ears>, LeaseError> {
        let mut config = self.properties.clone();
        // The group is never joined: librdkafka wants a name.
        config.set("group.id", "evenkeel-lease").set("enable.auto.commit", "false");
        config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
        config
            .set("allow.auto.create.topics", "false")
            .set("fetch.wait.max.ms", at_end.as_millis().to_string());
        let ears = Ears::of(&self.client);
        let consumer = config
            .create_with_context(ears.clone())
            .map_err(|error| self.explain(&error, &ears, "cannot be read"))?;
        ears.let_in(&consumer);
        Ok(consumer)
    }

    fn producer(&self) -> Result<ThreadedProducer<Ears>, LeaseError> {
        let mut config = self.properties.clone();
        config
            .set("transactional.id", &self.names.transactional_id)
            .set("transaction.timeout.ms", TRANSACTION_MS);
        // A broker that is gone without a word has to be given up before a standby loses its patience.
        config.set("socket.timeout.ms", "6000").set("message.timeout.ms", "30000");
        config.set("linger.ms", "0").set("compression.type", "lz4").set("acks", "all");
        // Two of the largest values do not fit into what brokers take by default.
        config.set("batch.size", (message::VALUE_MAX + 100_000).to_string());
        let ears = Ears::of(&self.client);
        config
            .create_with_context(ears.clone())
            .map_err(|error| self.explain(&error, &ears, "cannot be written"))
    }

    /// What an error of librdkafka's means.
    fn explain(&self, error: &KafkaError, ears: &Ears, what: &str) -> LeaseError {
        let topic = &self.names.topic;
        let (words, heard) = (Words(error).to_string(), ears.last());
        let words =
            if heard.is_empty() || words.contains(&heard) { words } else { format!("{words} ({heard})") };
        let message = format!("topic {topic} {what}: {words}");
        match error.rdkafka_error_code() {
            Some(code) if is_denial(code) => LeaseError::denied(&message, &self.names, &self.client),
            Some(Code::UnsupportedFeature | Code::UnsupportedVersion | Code::InvalidTransactionTimeout) => {
                LeaseError::Unusable { message, hint: String::new() }
            }
            _ => LeaseError::Unreachable(message),
        }
    }
}

#[cfg(test)]
mod tests;
