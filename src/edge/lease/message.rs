//! [`Message`]: what stands in the topic: keys, and values of a bounded size.
//!
//! A compacted topic keeps the last value of each key. `lease` is the sign of life. `entry/<key>` is the journal's entry
//! of that key; one that is too large for a record is cut, and `part/<key>/<n>` are its pieces. All of an append goes in
//! one transaction, so at the end of any transaction the last values of all keys fit together.
//!
//! History (what commands were about to be sent, what happened) is for people and stays in the local journal: a
//! successor needs only the facts, and the topic stays as small as they are.

use serde::{Deserialize, Serialize};

use super::holder::Beat;
use crate::control::{Entry, ExecutionId, JournalError, Record};
use crate::execute::Outcome;

/// The key of the sign of life.
pub(super) const LEASE: &str = "lease";

/// The largest value: half of what brokers take by default, since what is sent along must fit too.
pub(super) const VALUE_MAX: usize = 500_000;

/// One record of the topic; without a value it deletes what stands under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub key: String,
    pub value: Option<Vec<u8>>,
}

/// What stands under `entry/<key>`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stored {
    /// The entry.
    Entry(Entry),
    /// The entry is in pieces.
    Cut {
        /// How many.
        parts: usize,
        /// The length of them all.
        bytes: usize,
    },
}

/// Borrows what [`Stored::Entry`] owns.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Storing<'a> {
    Entry(&'a Entry),
}

/// What a value under `entry/<key>` turns out to be.
pub(super) enum Opened {
    Entry(Box<Entry>),
    Cut { parts: usize, bytes: usize },
}

impl Message {
    pub(super) fn deletion(key: String) -> Self {
        Self { key, value: None }
    }

    pub(super) fn beat(beat: &Beat) -> Result<Self, JournalError> {
        Ok(Self { key: LEASE.to_owned(), value: Some(json(beat)?) })
    }

    /// What an entry becomes; nothing when it is history.
    pub(super) fn of(entry: &Entry) -> Result<Vec<Self>, JournalError> {
        // What the canary measures is for those who look at this machine; leave is for the daemon that has the journal; how
        // large topics are, and what is lacking, each daemon sees itself.
        if matches!(
            entry.record,
            Record::Measured { .. }
                | Record::Proposed { .. }
                | Record::Approval(_)
                | Record::Sizes { .. }
                | Record::Lacking { .. }
        ) {
            return Ok(Vec::new());
        }
        let Some(key) = entry.record.key() else { return Ok(Vec::new()) };
        let value = match &entry.record {
            // How each step ended is history, and as long as the plan.
            Record::Ended { execution, outcome } => {
                let outcome = Box::new(Outcome { steps: Vec::new(), ..(**outcome).clone() });
                let record = Record::Ended { execution: execution.clone(), outcome };
                json(&Storing::Entry(&Entry { at_ms: entry.at_ms, record }))?
            }
            _ => json(&Storing::Entry(entry))?,
        };
        if value.len() <= VALUE_MAX {
            return Ok(vec![Self { key: entry_key(&key), value: Some(value) }]);
        }
        let parts = value.chunks(VALUE_MAX).enumerate();
        let mut all: Vec<Self> = parts
            .map(|(index, part)| Self { key: part_key(&key, index), value: Some(part.to_vec()) })
            .collect();
        let head = Stored::Cut { parts: all.len(), bytes: value.len() };
        all.push(Self { key: entry_key(&key), value: Some(json(&head)?) });
        Ok(all)
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, JournalError> {
    serde_json::to_vec(value)
        .map_err(|error| JournalError::Unwritable(format!("cannot be put in words: {error}")))
}

/// Reads a value under `entry/<key>`, or one put together from pieces.
pub(super) fn open(value: &[u8]) -> Result<Opened, serde_json::Error> {
    Ok(match serde_json::from_slice(value)? {
        Stored::Entry(entry) => Opened::Entry(Box::new(entry)),
        Stored::Cut { parts, bytes } => Opened::Cut { parts, bytes },
    })
}

/// The topic's key of an entry, by the journal's.
pub(super) fn entry_key(key: &str) -> String {
    format!("entry/{key}")
}

/// The journal's key, by the topic's of an entry.
pub(super) fn key_of_entry(key: &str) -> Option<&str> {
    key.strip_prefix("entry/")
}

/// The topic's key of a piece.
pub(super) fn part_key(key: &str, index: usize) -> String {
    format!("part/{key}/{index}")
}

/// The topic's key of the end of an execution.
pub(super) fn ended_key(execution: &ExecutionId) -> String {
    format!("entry/{execution}/ended")
}

/// The execution whose end a key of the topic tells.
pub(super) fn execution_ended(key: &str) -> Option<ExecutionId> {
    execution_of(key, "/ended")
}

/// The execution whose beginning a key of the topic tells.
pub(super) fn execution_began(key: &str) -> Option<ExecutionId> {
    execution_of(key, "/began")
}

fn execution_of(key: &str, what: &str) -> Option<ExecutionId> {
    let execution = key_of_entry(key)?.strip_suffix(what)?;
    (!execution.contains('/')).then(|| ExecutionId::from_text(execution))
}

/// Whether a key of the topic is about an execution.
pub(super) fn is_about(key: &str, execution: &ExecutionId) -> bool {
    let rest = key.strip_prefix("entry/").or_else(|| key.strip_prefix("part/"));
    rest.and_then(|rest| rest.strip_prefix(execution.as_str())).is_some_and(|rest| rest.starts_with('/'))
}
