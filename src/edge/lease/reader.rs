//! [`Reader`]: follows the topic from its beginning, and sees only what was committed.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::Lease;
use super::error::LeaseError;
use super::shelf::Shelf;
use crate::edge::librdkafka::{Ears, Words, is_denial};

/// Follows the topic.
pub(super) struct Reader {
    consumer: BaseConsumer<Ears>,
    lease: Lease,
    shelf: Shelf,
    /// Nothing was read since the end of what is there was told.
    at_end: bool,
}

/// What a poll brought.
enum Step {
    /// A record.
    Record,
    /// All that is there was read.
    End,
    /// Nothing came in time.
    Nothing,
}

impl Reader {
    /// Begins at the beginning.
    pub(super) fn open(lease: &Lease) -> Result<Self, LeaseError> {
        Self::with(lease.consumer(super::FOLLOWING)?, lease)
    }

    /// The same, with a consumer that is connected already.
    pub(super) fn with(consumer: BaseConsumer<Ears>, lease: &Lease) -> Result<Self, LeaseError> {
        let mut from = TopicPartitionList::new();
        let assigned = from
            .add_partition_offset(&lease.names.topic, 0, Offset::Beginning)
            .and_then(|()| consumer.assign(&from));
        assigned.map_err(|error| lease.explain(&error, consumer.context(), "cannot be read"))?;
        Ok(Self { consumer, lease: lease.clone(), shelf: Shelf::default(), at_end: false })
    }

    /// The consumer, to ask about the topic.
    pub(super) fn consumer(&self) -> &BaseConsumer<Ears> {
        &self.consumer
    }

    /// What was read so far.
    pub(super) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Whether all that was there when it was last told is read.
    pub(super) fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// Reads until `enough`, which is asked at the end of what is there.
    pub(super) fn read_until(
        &mut self,
        enough: impl Fn(&Shelf) -> bool,
        patience: Duration,
    ) -> Result<(), LeaseError> {
        let until = Instant::now() + patience;
        loop {
            match self.step(Duration::from_millis(200))? {
                Step::End if enough(&self.shelf) => return Ok(()),
                // The end is told anew when more has come and was read.
                Step::End | Step::Record | Step::Nothing => {}
            }
            if Instant::now() >= until {
                let heard = self.consumer.context().last();
                let heard = if heard.is_empty() { String::new() } else { format!(" ({heard})") };
                return Err(LeaseError::Unreachable(format!(
                    "topic {} could not be read to its end within {} s{heard}",
                    self.lease.names.topic,
                    patience.as_secs()
                )));
            }
        }
    }

    /// Reads what has come since, for `at_most`, and returns as soon as something was read.
    pub(super) fn follow(&mut self, at_most: Duration) -> Result<(), LeaseError> {
        let until = Instant::now() + at_most;
        while Instant::now() < until {
            if let Step::Record = self.step(at_most.min(Duration::from_millis(200)))? {
                // Whatever else is there comes along.
                while let Step::Record = self.step(Duration::ZERO)? {}
                return Ok(());
            }
        }
        Ok(())
    }

    /// Where the committed part of the topic ends now, by its leader's word.
    pub(super) fn end(&self, patience: Duration) -> Result<i64, LeaseError> {
        let marks = self.consumer.fetch_watermarks(&self.lease.names.topic, 0, patience);
        marks
            .map(|(_, end)| end)
            .map_err(|error| self.lease.explain(&error, self.consumer.context(), "cannot be seen"))
    }

    fn step(&mut self, patience: Duration) -> Result<Step, LeaseError> {
        match self.consumer.poll(patience) {
            None => Ok(Step::Nothing),
            Some(Ok(message)) => {
                let key = String::from_utf8_lossy(message.key().unwrap_or_default());
                self.shelf.take(message.offset(), &key, message.payload())?;
                self.at_end = false;
                Ok(Step::Record)
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {
                self.at_end = true;
                Ok(Step::End)
            }
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(code) if is_denial(code) => {
                    Err(self.lease.explain(&error, self.consumer.context(), "cannot be read"))
                }
                Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                    Err(LeaseError::Unreachable(format!(
                        "topic {} is gone: {}",
                        self.lease.names.topic,
                        Words(&error)
                    )))
                }
                // Whether it passes shows by whether something comes; what was heard is told if not.
                _ => Ok(Step::Nothing),
            },
        }
    }
}
