//! [`Writer`]: the transactional producer, one transaction at a time, each with a sign of life.

use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};

use super::Lease;
use super::error::LeaseError;
use super::holder::{Beat, Stamp};
use super::message::Message;
use super::reader::Reader;
use super::shelf::Ledger;
use super::standing::Standing;
use crate::control::{Entry, JournalError};
use crate::edge::librdkafka::{Ears, Words, is_denial, is_fencing};

/// How long taking the lease may wait for a transaction of the earlier holder to end, and for Kafka.
const TAKE_PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked for whether a record was delivered.
const DELIVERED_EVERY: Duration = Duration::from_millis(2);

/// Deletions in one transaction.
const DELETIONS_MOST: usize = 500;

/// Where the producer stands between two transactions.
#[derive(Debug)]
enum State {
    /// Nothing is open.
    Ready,
    /// A transaction was to be committed, and whether it was is not known yet.
    Committing,
    /// A transaction has to be aborted.
    Aborting,
    /// Another has the lease, for good.
    Fenced(String),
    /// The producer is of no more use, for another reason.
    Broken(String),
    /// We have let go of the lease ourselves.
    Released,
}

/// What one step came to.
enum Trouble {
    /// It may work when it is tried again.
    Passing(String),
    /// It will not.
    Final,
}

/// The transactional producer.
pub(super) struct Writer {
    producer: ThreadedProducer<Ears>,
    lease: Lease,
    state: State,
    beat: Beat,
    committed: Stamp,
    ledger: Ledger,
}

impl Writer {
    /// Has Kafka fence whoever has the lease. Nothing is written yet.
    pub(super) fn begin(lease: Lease, producer: ThreadedProducer<Ears>) -> Result<Self, LeaseError> {
        producer.init_transactions(TAKE_PATIENCE).map_err(|error| {
            let code = error.rdkafka_error_code();
            if code.is_some_and(is_fencing) {
                return LeaseError::Fenced("in the same moment".to_owned());
            }
            lease.explain(&error, producer.client().context(), "gives no lease")
        })?;
        let beat = Beat::first(lease.holder.clone());
        let (state, ledger) = (State::Ready, Ledger::default());
        Ok(Self { producer, lease, state, beat, committed: Stamp::now(), ledger })
    }

    /// The lease that it writes.
    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Gives the first sign of life, and has read what the earlier holders have left.
    pub(super) fn inherit(mut self, mut reader: Reader) -> Result<(Self, Standing), LeaseError> {
        self.transact(&[], TAKE_PATIENCE).map_err(|error| match error {
            JournalError::Fenced(by) => LeaseError::Fenced(by),
            error if self.producer.client().context().denied() => {
                LeaseError::denied(&error.to_string(), &self.lease.names, &self.lease.client)
            }
            error => LeaseError::Unreachable(error.to_string()),
        })?;
        // All that an earlier holder had committed stands before our own first beat: having read that, nothing is missed.
        let session = self.beat.session.clone();
        let ours = |beat: &Beat| beat.session == session;
        reader.read_until(|shelf| shelf.beat().is_some_and(ours), TAKE_PATIENCE)?;
        self.ledger = Ledger::of(reader.shelf().keys());
        Ok((self, reader.shelf().inheritance()?))
    }

    /// How long ago the last transaction was committed, which proved that the lease was ours.
    pub(super) fn age(&self) -> Duration {
        self.committed.age()
    }

    /// Whether no transaction can be committed any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Fenced(_) | State::Broken(_) | State::Released)
    }

    /// Makes entries durable.
    pub(super) fn append(&mut self, entries: &[Entry], patience: Duration) -> Result<(), JournalError> {
        self.standing()?;
        let messages: Vec<Vec<Message>> = entries.iter().map(Message::of).collect::<Result<_, _>>()?;
        let mut messages: Vec<Message> = messages.into_iter().flatten().collect();
        if messages.is_empty() {
            return Ok(());
        }
        messages.extend(self.ledger.overhang(&messages));
        self.transact(&messages, patience)?;
        self.ledger.note(&messages);
        Ok(())
    }

    /// Gives a sign of life, and deletes some of what nobody needs any more.
    pub(super) fn beat(&mut self, patience: Duration) -> Result<(), JournalError> {
        let deletions = self.ledger.deletions(DELETIONS_MOST);
        self.transact(&deletions, patience)?;
        self.ledger.deleted(deletions.len());
        Ok(())
    }

    /// Lets go of the lease: whoever waits for it need wait no longer.
    pub(super) fn release(&mut self, patience: Duration) -> Result<(), JournalError> {
        while !self.ledger.deletions(1).is_empty() {
            self.beat(patience)?;
        }
        self.beat.released = true;
        let released = self.transact(&[], patience);
        if released.is_ok() {
            self.state = State::Released;
        }
        released
    }

    /// Says what is known without asking.
    pub(super) fn standing(&self) -> Result<(), JournalError> {
        match &self.state {
            State::Fenced(by) => Err(JournalError::Fenced(by.clone())),
            State::Broken(why) => Err(JournalError::Unwritable(why.clone())),
            State::Released => Err(JournalError::Unwritable("the lease was let go".to_owned())),
            State::Ready | State::Committing | State::Aborting => Ok(()),
        }
    }

    /// Commits messages and a sign of life, all or none.
    fn transact(&mut self, messages: &[Message], patience: Duration) -> Result<(), JournalError> {
        let until = Instant::now() + patience;
        let beat = self.beat.next();
        let sign = Message::beat(&beat)?;
        loop {
            let tried = self.settle(until).and_then(|()| self.attempt(messages, &sign, until));
            match tried {
                Ok(()) => {
                    self.beat = beat;
                    self.committed = Stamp::now();
                    return Ok(());
                }
                Err(Trouble::Final) => return self.standing(),
                Err(Trouble::Passing(words)) if Instant::now() >= until => {
                    let topic = &self.lease.names.topic;
                    return Err(JournalError::Unwritable(format!("topic {topic} takes nothing: {words}")));
                }
                Err(Trouble::Passing(_)) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    /// Ends what an earlier try left open. Where it was committed after all, that was not told at the time; it does no
    /// harm, as every entry says anew what it says.
    fn settle(&mut self, until: Instant) -> Result<(), Trouble> {
        let ended = match self.state {
            State::Ready => return Ok(()),
            State::Committing => self.producer.commit_transaction(left(until)),
            State::Aborting => self.producer.abort_transaction(left(until)),
            State::Fenced(_) | State::Broken(_) | State::Released => return Err(Trouble::Final),
        };
        match ended {
            Ok(()) => {
                self.state = State::Ready;
                Ok(())
            }
            Err(error) => Err(self.weigh(&error)),
        }
    }

    fn attempt(&mut self, messages: &[Message], sign: &Message, until: Instant) -> Result<(), Trouble> {
        if let Err(error) = self.producer.begin_transaction() {
            return Err(self.weigh(&error));
        }
        self.state = State::Aborting;
        for message in messages.iter().chain([sign]) {
            let record = BaseRecord::to(&self.lease.names.topic).partition(0).key(&message.key);
            let record = match &message.value {
                Some(value) => record.payload(value),
                None => record,
            };
            if let Err((error, _)) = self.producer.send(record) {
                return Err(self.weigh(&error));
            }
        }
        self.deliver(until);
        match self.producer.commit_transaction(left(until)) {
            Ok(()) => {
                self.state = State::Ready;
                Ok(())
            }
            // Not all was sent in time, so the commit was not asked for: what is open is aborted.
            Err(error @ KafkaError::Flush(_)) => Err(self.weigh(&error)),
            Err(error) => {
                self.state = State::Committing;
                Err(self.weigh(&error))
            }
        }
    }

    /// Waits until all is delivered. The commit would wait for that too, but looks every tenth of a second only, and a
    /// broker takes a few milliseconds.
    fn deliver(&self, until: Instant) {
        while self.producer.in_flight_count() > 0 && Instant::now() < until {
            self.producer.poll(DELIVERED_EVERY);
        }
    }

    /// What an error means for what comes next.
    fn weigh(&mut self, error: &KafkaError) -> Trouble {
        let words = self.words(error);
        let fatal = self.producer.client().fatal_error();
        let fenced = fatal.as_ref().is_some_and(|(code, _)| is_fencing(*code))
            || error.rdkafka_error_code().is_some_and(is_fencing);
        if fenced {
            self.state = State::Fenced(self.lease.who_is_it(&self.beat.session));
            return Trouble::Final;
        }
        if let Some((_, told)) = fatal {
            self.state = State::Broken(format!("Kafka takes nothing from us any more: {told}"));
            return Trouble::Final;
        }
        // A missing right does not come by waiting; what is open is aborted all the same.
        let denied =
            error.rdkafka_error_code().is_some_and(is_denial) || self.producer.client().context().denied();
        match error {
            KafkaError::Transaction(told) if told.txn_requires_abort() => self.state = State::Aborting,
            KafkaError::Transaction(told) if !told.is_retriable() => {
                self.state = State::Broken(words);
                return Trouble::Final;
            }
            _ => {}
        }
        if denied {
            drop(self.producer.abort_transaction(Duration::from_secs(5)));
            self.state = State::Broken(words);
            return Trouble::Final;
        }
        Trouble::Passing(words)
    }

    fn words(&self, error: &KafkaError) -> String {
        let heard = self.producer.client().context().last();
        let words = Words(error).to_string();
        if heard.is_empty() || words.contains(&heard) { words } else { format!("{words} ({heard})") }
    }
}

/// The time that is left, and never none: a call gets the chance to see what has come already.
fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(200))
}
