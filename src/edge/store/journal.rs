//! [`SqliteJournal`]: the journal of the process that acts on a cluster.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::ClusterDir;
use super::file::JournalFile;
use super::lock::{Lock, Standing};
use super::reader;
use super::schema;
use super::seal::{Checksum, Row, Seal};
use crate::control::{Entry, ExecutionId, Journal, JournalError, Permit, Recollection, Record};
use crate::execute::OperatorRequest;

/// Executions that are remembered.
const EXECUTIONS_MAX: i64 = 1_000;

/// Bytes of entries that are kept of executions that are over.
const HISTORY_BYTES_MAX: i64 = 1 << 28;

/// The journal of the process that acts on a cluster; it holds the lock that lets it. An entry is durable when
/// [`Journal::append`] has returned.
#[derive(Debug)]
pub struct SqliteJournal {
    connection: Connection,
    file: JournalFile,
    lock: Arc<Lock>,
    /// The execution that requests are taken for.
    current: Option<ExecutionId>,
    /// Requests that were handed out, and are marked as taken once what follows from them is written down.
    handed_out: BTreeSet<i64>,
    history: History,
}

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct History {
    pub(super) executions_max: i64,
    pub(super) bytes_max: i64,
}

impl SqliteJournal {
    /// Opens the journal of a cluster, and makes it where there is none. Returns what it holds.
    ///
    /// # Errors
    /// It cannot be made or written, or what is there cannot be read.
    pub fn open(dir: &ClusterDir, lock: Lock) -> Result<(Self, Recollection), JournalError> {
        let file = JournalFile::new(dir.journal());
        let connection = schema::open_or_make(dir, &file)?;
        let known = reader::recollect(&connection, &file)?;
        let current = known.unfinished().last().map(|unfinished| unfinished.execution.clone());
        let history = History { executions_max: EXECUTIONS_MAX, bytes_max: HISTORY_BYTES_MAX };
        let journal =
            Self { connection, file, lock: Arc::new(lock), current, handed_out: BTreeSet::new(), history };
        Ok((journal, known))
    }

    /// What it holds now.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn recollection(&self) -> Result<Recollection, JournalError> {
        reader::recollect(&self.connection, &self.file)
    }

    /// Takes back what operators have asked of the unfinished execution and nobody has heeded: its process is gone.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn withdraw_requests(&mut self) -> Result<(), JournalError> {
        let sql = "UPDATE requests SET taken_at_ms = ?1 WHERE taken_at_ms IS NULL";
        self.connection.execute(sql, [now_ms()]).map_err(|error| self.file.error(&error))?;
        Ok(())
    }

    fn mark_taken(transaction: &Transaction<'_>, ids: &BTreeSet<i64>) -> rusqlite::Result<()> {
        let mut mark = transaction.prepare_cached("UPDATE requests SET taken_at_ms = ?2 WHERE id = ?1")?;
        ids.iter().try_for_each(|id| mark.execute([*id, now_ms()]).map(drop))
    }

    #[cfg(test)]
    pub(super) fn keep(&mut self, history: History) {
        self.history = history;
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Refuses to act where this process has lost the right to.
fn check_lock(lock: &Lock, file: &JournalFile) -> Result<(), JournalError> {
    match lock.standing() {
        Standing::Held => Ok(()),
        Standing::Gone => Err(file.unwritable(
            &format!("{} was removed", lock.path().display()),
            "stop this evenkeel, and leave its state directory alone",
        )),
        Standing::Another(holder) => Err(JournalError::Fenced(
            holder.map_or_else(|| "its lock file was replaced".to_owned(), |holder| holder.to_string()),
        )),
    }
}

impl Journal for SqliteJournal {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        check_lock(&self.lock, &self.file)?;
        let file = self.file.clone();
        let say = |error: rusqlite::Error| file.error(&error);
        let bodies: Vec<(&Entry, String)> = entries
            .iter()
            .map(|entry| Ok((entry, serde_json::to_string(&entry.record)?)))
            .collect::<Result<_, serde_json::Error>>()
            .map_err(|error| {
                file.unwritable(&error.to_string(), "this is a mistake of evenkeel's: report it")
            })?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(say)?;
        let mut tables = Tables::of(&transaction).map_err(say)?;
        for (entry, body) in bodies {
            tables.put(entry, body).map_err(say)?;
            if let Record::Ended { execution, .. } = &entry.record {
                tables.forget_facts(execution).map_err(say)?;
                tables.forget_oldest(self.history).map_err(say)?;
            }
        }
        tables.seal().map_err(say)?;
        Self::mark_taken(&transaction, &self.handed_out).map_err(say)?;
        transaction.commit().map_err(say)?;
        self.handed_out.clear();
        for entry in entries {
            match &entry.record {
                Record::Began { execution, .. } => self.current = Some(execution.clone()),
                Record::Ended { .. } => self.current = None,
                _ => {}
            }
        }
        Ok(())
    }

    fn permit(&self) -> Permit {
        let (lock, file) = (Arc::clone(&self.lock), self.file.clone());
        Permit::by(move || check_lock(&lock, &file))
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        check_lock(&self.lock, &self.file)?;
        let file = self.file.clone();
        let say = |error: rusqlite::Error| file.error(&error);
        let Some(current) = &self.current else { return Ok(Vec::new()) };
        let waiting = reader::requests(&self.connection, current, true).map_err(say)?;
        let mut asked = Vec::new();
        for request in waiting {
            if self.handed_out.insert(request.id) {
                asked.extend(request.request);
            }
        }
        Ok(asked)
    }
}

/// The tables within one transaction, and the seal that will close it.
struct Tables<'a> {
    transaction: &'a Transaction<'a>,
    next: i64,
    seal: Seal,
}

impl<'a> Tables<'a> {
    fn of(transaction: &'a Transaction<'a>) -> rusqlite::Result<Self> {
        let last: Option<i64> =
            transaction.query_row("SELECT MAX(seq) FROM entries", [], |row| row.get(0))?;
        Ok(Self { transaction, next: last.unwrap_or(0) + 1, seal: reader::seal(transaction)? })
    }

    /// Writes an entry; one with the same key before it is no longer needed.
    fn put(&mut self, entry: &Entry, body: String) -> rusqlite::Result<()> {
        let row = Row {
            seq: self.next,
            at_ms: i64::try_from(entry.at_ms).unwrap_or(i64::MAX),
            execution: entry.record.execution().map(|execution| execution.as_str().to_owned()),
            key: entry.record.key(),
            body,
        };
        self.next += 1;
        if let Some(key) = &row.key {
            let sql = "SELECT seq, checksum FROM entries WHERE key = ?1";
            let mut find = self.transaction.prepare_cached(sql)?;
            let before = find.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            if let Some((seq, checksum)) = before {
                self.delete(seq, &checksum)?;
            }
        }
        let checksum = row.checksum();
        self.seal.add(&checksum);
        let sql = "INSERT INTO entries (seq, at_ms, execution, key, body, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut insert = self.transaction.prepare_cached(sql)?;
        insert.execute(params![row.seq, row.at_ms, row.execution, row.key, row.body, checksum])?;
        Ok(())
    }

    fn delete(&mut self, seq: i64, checksum: &Checksum) -> rusqlite::Result<()> {
        self.seal.remove(checksum);
        self.transaction.prepare_cached("DELETE FROM entries WHERE seq = ?1")?.execute([seq])?;
        Ok(())
    }

    fn delete_all(&mut self, condition: &str, execution: &str) -> rusqlite::Result<()> {
        let sql = format!("SELECT seq, checksum FROM entries WHERE execution = ?1 {condition}");
        let mut find = self.transaction.prepare(&sql)?;
        let found = find.query_map([execution], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let found: Vec<(i64, Checksum)> = found.collect::<Result<_, _>>()?;
        found.iter().try_for_each(|(seq, checksum)| self.delete(*seq, checksum))
    }

    /// An execution that is over needs no facts any more.
    fn forget_facts(&mut self, execution: &ExecutionId) -> rusqlite::Result<()> {
        let history = "AND key IS NOT NULL AND key NOT LIKE '%/began' AND key NOT LIKE '%/ended'";
        self.delete_all(history, execution.as_str())?;
        let sql = "UPDATE requests SET taken_at_ms = ?2 WHERE execution = ?1 AND taken_at_ms IS NULL";
        self.transaction.execute(sql, params![execution.as_str(), now_ms()])?;
        Ok(())
    }

    /// Forgets executions that are over, oldest first, where there are too many or they are too large.
    fn forget_oldest(&mut self, history: History) -> rusqlite::Result<()> {
        let sql = "SELECT execution, SUM(LENGTH(body)), MAX(key LIKE '%/ended') FROM entries
                   WHERE execution IS NOT NULL GROUP BY execution ORDER BY execution DESC";
        let mut sizes = self.transaction.prepare_cached(sql)?;
        let rows = sizes.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let rows: Vec<(String, i64, Option<bool>)> = rows.collect::<Result<_, _>>()?;
        let mut bytes = 0_i64;
        for (at, (execution, size, ended)) in (0_i64..).zip(rows) {
            bytes = bytes.saturating_add(size);
            // The newest is kept however large it is, and what is unfinished is never forgotten.
            let too_much = at > 0 && (at >= history.executions_max || bytes > history.bytes_max);
            if too_much && ended == Some(true) {
                self.delete_all("", &execution)?;
                self.transaction.execute("DELETE FROM requests WHERE execution = ?1", [&execution])?;
            }
        }
        Ok(())
    }

    fn seal(&self) -> rusqlite::Result<()> {
        let sql = "UPDATE seal SET count = ?1, sum = ?2 WHERE one = 1";
        self.transaction.prepare_cached(sql)?.execute(params![self.seal.count, self.seal.sum])?;
        Ok(())
    }
}

pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
