//! [`Approach`] and [`Near`]: all of the way to a lease that takes nothing yet. It costs some clients of librdkafka and their
//! connections, and may be gone while something else is done.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::{Producer as _, ThreadedProducer};
use tracing::debug;

use super::error::LeaseError;
use super::holder::{Beat, Holder};
use super::journal::TopicJournal;
use super::reader::Reader;
use super::standing::Standing;
use super::writer::Writer;
use super::{Lease, READ_PATIENCE, topic};
use crate::config::{KafkaClientSettings, LeaseTopic};
use crate::edge::librdkafka::Ears;

/// A sign of life that is older, by two machines' clocks, is that of a dead holder: clocks differ by less.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// How long a sign of life is waited for by those who will not push a living holder aside.
const LISTEN: Duration = Duration::from_secs(8);

/// How long a broker may hold an answer back at the end of the topic: whoever takes the lease waits for that twice.
const AT_END: Duration = Duration::from_millis(10);

/// On the way to a lease, in a thread of its own. Dropping it leaves the thread to itself: it takes nothing.
pub struct Approach {
    thread: JoinHandle<Result<Near, LeaseError>>,
}

impl Approach {
    /// Sets out.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn begin(
        client: &KafkaClientSettings,
        topic: &LeaseTopic,
        holder: Holder,
    ) -> Result<Self, LeaseError> {
        let (client, topic) = (client.clone(), topic.clone());
        let thread = std::thread::Builder::new().name("approach".to_owned());
        let thread = thread.spawn(move || Near::come(&client, &topic, holder));
        let thread = thread.map_err(|error| {
            LeaseError::Unreachable(format!("no thread on the way to the lease: {error}"))
        })?;
        Ok(Self { thread })
    }

    /// Waits until it is near.
    ///
    /// # Errors
    /// As [`super::open`].
    ///
    /// # Panics
    /// Passes a panic of the thread on.
    pub fn arrive(self) -> Result<Near, LeaseError> {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// One step from a lease: its clients are connected.
pub struct Near {
    lease: Lease,
    consumer: BaseConsumer<Ears>,
    producer: ThreadedProducer<Ears>,
}

impl Near {
    /// Goes the whole way: the topic is looked over if it is there.
    ///
    /// # Errors
    /// As [`super::open`].
    pub fn come(
        client: &KafkaClientSettings,
        topic: &LeaseTopic,
        holder: Holder,
    ) -> Result<Self, LeaseError> {
        let (lease, consumer, is_there) = Lease::find(client, topic, holder, AT_END)?;
        let near = Self::with(lease, consumer)?;
        if is_there {
            // Has the producer connect to the broker that it will write to, while there is time for that: without a
            // connection it looks for its coordinator half a second later. What fails here fails again with the lease.
            let asked = near.producer.client().fetch_watermarks(topic.as_str(), 0, READ_PATIENCE / 2);
            asked.map_or_else(|error| debug!("the lease's producer is not connected yet: {error}"), drop);
        }
        Ok(near)
    }

    /// The way from a lease that was opened, and its topic looked over.
    pub(super) fn to(lease: &Lease) -> Result<Self, LeaseError> {
        Self::with(lease.clone(), lease.consumer(AT_END)?)
    }

    fn with(lease: Lease, consumer: BaseConsumer<Ears>) -> Result<Self, LeaseError> {
        let producer = lease.producer()?;
        Ok(Self { lease, consumer, producer })
    }

    /// Takes the lease, whoever has it: from now on the one before can write nothing more. What it left is read after
    /// that, so nothing of it is missed. The topic is made where it is absent, once Kafka has given the lease: a cluster
    /// that cannot is left as it was.
    ///
    /// # Errors
    /// The cluster is out of reach, a right is missing, or another took it in the same moment.
    pub fn take(self) -> Result<(TopicJournal, Standing), LeaseError> {
        let Self { lease, consumer, producer } = self;
        let writer = Writer::begin(lease, producer)?;
        topic::ensure(writer.lease(), &consumer)?;
        let reader = Reader::with(consumer, writer.lease())?;
        keep(writer, reader)
    }

    /// Takes the lease unless another evenkeel holds it and is alive; where that is not certain, it is listened for, and
    /// `tell` is told for how long at most.
    ///
    /// # Errors
    /// Another holds it, or as [`Near::take`].
    pub fn take_if_free(
        self,
        tell: impl FnOnce(&Beat, Duration),
    ) -> Result<(TopicJournal, Standing), LeaseError> {
        self.take_after(|reader| {
            let held = |beat: &&Beat| !beat.released && beat.age().is_none_or(|age| age < CLOCKS_DIFFER);
            let Some(known) = reader.shelf().beat().filter(held).cloned() else { return Ok(()) };
            tell(&known, LISTEN);
            let until = Instant::now() + LISTEN;
            while Instant::now() < until {
                reader.follow(Duration::from_millis(500))?;
                match reader.shelf().beat() {
                    Some(beat) if beat.released => break,
                    Some(beat) if *beat != known => {
                        return Err(LeaseError::Held { holder: beat.to_string() });
                    }
                    _ => {}
                }
            }
            Ok(())
        })
    }

    /// Takes the lease from a holder that a [`super::Standby`] has found silent, or that has let go, unless anybody has
    /// given a sign of life since: of several that wait for the same death the first is not pushed aside by the others.
    ///
    /// # Errors
    /// There is another sign of life, or as [`Near::take`].
    pub fn take_from(self, silent: Option<&Beat>) -> Result<(TopicJournal, Standing), LeaseError> {
        self.take_after(|reader| match reader.shelf().beat() {
            Some(beat) if !beat.released && Some(beat) != silent => {
                Err(LeaseError::Held { holder: beat.to_string() })
            }
            _ => Ok(()),
        })
    }

    /// Takes the lease where what stands in the topic now allows it. What was read for that is read on from there.
    fn take_after(
        self,
        allow: impl FnOnce(&mut Reader) -> Result<(), LeaseError>,
    ) -> Result<(TopicJournal, Standing), LeaseError> {
        if !topic::is_there(&self.lease, &self.consumer)? {
            return self.take();
        }
        let Self { lease, consumer, producer } = self;
        let mut reader = Reader::with(consumer, &lease)?;
        reader.read_until(|_| true, READ_PATIENCE)?;
        allow(&mut reader)?;
        let writer = Writer::begin(lease, producer)?;
        topic::ensure(writer.lease(), reader.consumer())?;
        keep(writer, reader)
    }
}

fn keep(writer: Writer, reader: Reader) -> Result<(TopicJournal, Standing), LeaseError> {
    let (writer, standing) = writer.inherit(reader)?;
    Ok((TopicJournal::keep(writer)?, standing))
}
