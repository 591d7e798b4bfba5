//! [`Shelf`]: the last value of each key, as a reader of the topic finds it, and what it comes to.

use std::collections::{BTreeMap, BTreeSet};

use super::error::LeaseError;
use super::holder::Beat;
use super::message::{self, LEASE, Message, Opened};
use super::standing::Standing;
use crate::control::{Entry, ExecutionId};

/// How many ends of executions stay in the topic: by them a journal elsewhere that still holds an execution as
/// unfinished learns that another machine has ended it.
const ENDS_KEPT: usize = 32;

/// The last value of each key.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    values: BTreeMap<String, (i64, Vec<u8>)>,
    beat: Option<Beat>,
    /// The last one of the holder before.
    before: Option<Beat>,
}

impl Shelf {
    /// Takes a record in.
    pub(super) fn take(&mut self, offset: i64, key: &str, value: Option<&[u8]>) -> Result<(), LeaseError> {
        if key == LEASE {
            let read = |value| serde_json::from_slice(value).map_err(|error| unreadable(key, &error));
            let beat: Option<Beat> = value.map(read).transpose()?;
            let same = |beat: &Beat| self.beat.as_ref().is_some_and(|last| last.session == beat.session);
            if !beat.as_ref().is_some_and(same) {
                self.before = self.beat.take();
            }
            self.beat = beat;
            return Ok(());
        }
        match value {
            Some(value) => drop(self.values.insert(key.to_owned(), (offset, value.to_vec()))),
            None => drop(self.values.remove(key)),
        }
        Ok(())
    }

    /// The last sign of life.
    pub(super) fn beat(&self) -> Option<&Beat> {
        self.beat.as_ref()
    }

    /// The keys that stand in the topic, but that of the sign of life.
    pub(super) fn keys(&self) -> BTreeSet<String> {
        self.values.keys().cloned().collect()
    }

    /// What it all comes to for whoever has taken the lease.
    pub(super) fn inheritance(&self) -> Result<Standing, LeaseError> {
        Ok(Standing { last: self.before.clone(), ..self.standing()? })
    }

    /// What it all comes to.
    pub(super) fn standing(&self) -> Result<Standing, LeaseError> {
        Ok(Standing::of(self.entries()?, self.beat.clone()))
    }

    /// The entries, in the order in which they were written.
    fn entries(&self) -> Result<Vec<Entry>, LeaseError> {
        let mut entries = Vec::new();
        for (key, (offset, value)) in &self.values {
            let Some(name) = message::key_of_entry(key) else { continue };
            let entry = match message::open(value).map_err(|error| unreadable(key, &error))? {
                Opened::Entry(entry) => entry,
                Opened::Cut { parts, bytes } => self.put_together(name, parts, bytes)?,
            };
            entries.push((*offset, *entry));
        }
        entries.sort_by_key(|(offset, _)| *offset);
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    fn put_together(&self, name: &str, parts: usize, bytes: usize) -> Result<Box<Entry>, LeaseError> {
        let mut whole = Vec::with_capacity(bytes);
        for index in 0..parts {
            let part = self.values.get(&message::part_key(name, index));
            let (_, part) =
                part.ok_or_else(|| unreadable(name, &format!("piece {index} of {parts} is missing")))?;
            whole.extend_from_slice(part);
        }
        if whole.len() != bytes {
            return Err(unreadable(name, &format!("its pieces have {} bytes, not {bytes}", whole.len())));
        }
        match message::open(&whole).map_err(|error| unreadable(name, &error))? {
            Opened::Entry(entry) => Ok(entry),
            Opened::Cut { .. } => Err(unreadable(name, &"its pieces are pieces again")),
        }
    }
}

fn unreadable(key: &str, problem: &impl std::fmt::Display) -> LeaseError {
    LeaseError::Unreadable(format!("what the lease's topic holds under `{key}` cannot be read: {problem}"))
}

/// The keys that the holder knows to stand in the topic.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    keys: BTreeSet<String>,
    /// Keys to be deleted, in this order.
    doomed: Vec<String>,
}

impl Ledger {
    /// Starts from what was found. Executions that ended, and whose holder died before it had tidied up, are doomed.
    pub(super) fn of(keys: BTreeSet<String>) -> Self {
        let mut ledger = Self { keys, doomed: Vec::new() };
        let ended: Vec<ExecutionId> =
            ledger.keys.iter().filter_map(|key| message::execution_ended(key)).collect();
        for execution in &ended {
            ledger.doom(execution);
        }
        ledger
    }

    /// What has to be deleted along with these messages: pieces of what is now shorter.
    pub(super) fn overhang(&self, messages: &[Message]) -> Vec<Message> {
        let heads = messages.iter().filter_map(|message| message::key_of_entry(&message.key));
        let beyond = |name: &str| {
            let first =
                messages.iter().filter(|message| message.key.starts_with(&format!("part/{name}/"))).count();
            let pieces = (first..).map(|index| message::part_key(name, index));
            pieces.take_while(|key| self.keys.contains(key)).map(Message::deletion).collect::<Vec<_>>()
        };
        heads.flat_map(beyond).collect()
    }

    /// Notes what was made durable.
    pub(super) fn note(&mut self, messages: &[Message]) {
        for message in messages {
            match &message.value {
                Some(_) => drop(self.keys.insert(message.key.clone())),
                None => drop(self.keys.remove(&message.key)),
            }
        }
        for execution in messages.iter().filter_map(|message| message::execution_ended(&message.key)) {
            if self.keys.contains(&message::ended_key(&execution)) {
                self.doom(&execution);
            }
        }
    }

    /// All of an execution but its end is deleted, and the ends of those long over.
    fn doom(&mut self, execution: &ExecutionId) {
        let end = message::ended_key(execution);
        let about = self.keys.iter().filter(|key| **key != end && message::is_about(key, execution));
        let mut doomed: Vec<String> = about.cloned().collect();
        // Ids sort by time.
        let ends: Vec<&String> =
            self.keys.iter().filter(|key| message::execution_ended(key).is_some()).collect();
        doomed.extend(ends.iter().take(ends.len().saturating_sub(ENDS_KEPT)).map(|key| (*key).clone()));
        doomed.retain(|key| !self.doomed.contains(key));
        self.doomed.extend(doomed);
    }

    /// The next deletions, `most` at once.
    pub(super) fn deletions(&self, most: usize) -> Vec<Message> {
        self.doomed.iter().take(most).cloned().map(Message::deletion).collect()
    }

    /// Notes that the first `count` deletions were made durable.
    pub(super) fn deleted(&mut self, count: usize) {
        for key in self.doomed.drain(..count.min(self.doomed.len())) {
            self.keys.remove(&key);
        }
    }
}
