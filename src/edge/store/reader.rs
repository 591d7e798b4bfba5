//! [`JournalReader`]: for those who look, or leave a request. No lock is needed, and none is in anybody's way.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::ClusterDir;
use super::file::JournalFile;
use super::journal::now_ms;
use super::schema;
use super::seal::{Checksum, Row, Seal};
use crate::base::TimestampMs;
use crate::control::{Entry, ExecutionId, JournalError, Recollection, Record};
use crate::execute::OperatorRequest;

/// A journal that is only looked into, and in which requests are left.
#[derive(Debug)]
pub struct JournalReader {
    connection: Connection,
    file: JournalFile,
}

/// A request of an operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Its number in the journal.
    pub id: i64,
    /// When it was left.
    pub at: TimestampMs,
    /// Who left it.
    pub by: String,
    /// What was asked; absent when a newer evenkeel left it.
    pub request: Option<OperatorRequest>,
    /// When the process that acts took it.
    pub taken_at: Option<TimestampMs>,
}

/// An execution in a list of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Which.
    pub execution: ExecutionId,
    /// Its [`Record::Began`], if that is still there.
    pub began: Option<Entry>,
    /// Its [`Record::Ended`]; absent while it is unfinished.
    pub ended: Option<Entry>,
}

impl JournalReader {
    /// Opens the journal of a cluster; nothing where there is none.
    ///
    /// # Errors
    /// It cannot be opened, or a newer evenkeel wrote it.
    pub fn open(dir: &ClusterDir) -> Result<Option<Self>, JournalError> {
        if !dir.has_journal() {
            return Ok(None);
        }
        let file = JournalFile::new(dir.journal());
        let connection = schema::open(&file)?;
        // Nothing was ever written down where the process died while it made the file.
        let is_made = schema::version(&connection, &file)? > 0;
        Ok(is_made.then_some(Self { connection, file }))
    }

    /// What the entries come to.
    ///
    /// # Errors
    /// They cannot be read, or are not what was written.
    pub fn recollection(&self) -> Result<Recollection, JournalError> {
        recollect(&self.connection, &self.file)
    }

    /// All entries, oldest first.
    ///
    /// # Errors
    /// They cannot be read, or are not what was written.
    pub fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        let mut all = Vec::new();
        read(&self.connection, &self.file, |_| true, |entry| all.push(entry))?;
        Ok(all)
    }

    /// All executions that are remembered, oldest first.
    ///
    /// # Errors
    /// The entries cannot be read, or are not what was written.
    pub fn executions(&self) -> Result<Vec<Listed>, JournalError> {
        let mut all = BTreeMap::<ExecutionId, Listed>::new();
        read(&self.connection, &self.file, is_frame, |entry| {
            let Some(execution) = entry.record.execution().cloned() else { return };
            let new = || Listed { execution: execution.clone(), began: None, ended: None };
            let listed = all.entry(execution.clone()).or_insert_with(new);
            match entry.record {
                Record::Began { .. } => listed.began = Some(entry),
                Record::Ended { .. } => listed.ended = Some(entry),
                _ => {}
            }
        })?;
        Ok(all.into_values().collect())
    }

    /// How an execution ended, if it has: found without reading the rest.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub fn ended(&self, execution: &ExecutionId) -> Result<Option<Entry>, JournalError> {
        let say = |error: rusqlite::Error| self.file.error(&error);
        let sql = "SELECT seq, at_ms, execution, key, body, checksum FROM entries WHERE key = ?1";
        let found = self.connection.query_row(sql, [format!("{execution}/ended")], kept).optional();
        let Some((row, checksum)) = found.map_err(say)? else { return Ok(None) };
        check(&row, &checksum, &self.file)?;
        entry(&row, &self.file).map(Some)
    }

    /// What operators have asked of an execution, oldest first.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn requests(&self, execution: &ExecutionId) -> Result<Vec<Asked>, JournalError> {
        requests(&self.connection, execution, false).map_err(|error| self.file.error(&error))
    }

    /// Leaves a request to the process that runs `execution`. Returns its number.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn ask(
        &mut self,
        execution: &ExecutionId,
        request: &OperatorRequest,
        by: &str,
    ) -> Result<i64, JournalError> {
        let file = &self.file;
        let say = |error: rusqlite::Error| file.error(&error);
        let body = serde_json::to_string(request).map_err(|error| file.unreadable(&error.to_string()))?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(say)?;
        let sql = "INSERT INTO requests (at_ms, execution, asked_by, body) VALUES (?1, ?2, ?3, ?4)";
        transaction.execute(sql, params![now_ms(), execution.as_str(), by, body]).map_err(say)?;
        let id = transaction.last_insert_rowid();
        transaction.commit().map_err(say)?;
        Ok(id)
    }
}

pub(super) fn recollect(connection: &Connection, file: &JournalFile) -> Result<Recollection, JournalError> {
    let mut all = Recollection::default();
    // An execution that is over adds nothing; its plan, which may be large, need not be understood.
    let sql = "SELECT execution FROM entries WHERE key LIKE '%/ended'";
    let over = || -> rusqlite::Result<BTreeSet<String>> {
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    let over = over().map_err(|error| file.error(&error))?;
    let counts = |row: &Row| row.execution.as_ref().is_none_or(|execution| !over.contains(execution));
    read(connection, file, counts, |entry| all.take(entry))?;
    Ok(all)
}

/// Whether an entry is the beginning or the end of an execution.
fn is_frame(row: &Row) -> bool {
    row.key.as_ref().is_some_and(|key| key.ends_with("/began") || key.ends_with("/ended"))
}

/// Reads entries, oldest first: those that are wanted. All are checked, and that none is missing, in one look at the file.
fn read(
    connection: &Connection,
    file: &JournalFile,
    is_wanted: impl Fn(&Row) -> bool,
    take: impl FnMut(Entry),
) -> Result<(), JournalError> {
    let say = |error: rusqlite::Error| file.error(&error);
    let look = connection.unchecked_transaction().map_err(say)?;
    let sealed = seal(&look).map_err(say)?;
    let mut found = Seal::default();
    let mut entries = Vec::new();
    let sql = "SELECT seq, at_ms, execution, key, body, checksum FROM entries ORDER BY seq";
    let mut statement = look.prepare(sql).map_err(say)?;
    let mut rows = statement.query([]).map_err(say)?;
    while let Some(row) = rows.next().map_err(say)? {
        let (row, checksum) = kept(row).map_err(say)?;
        check(&row, &checksum, file)?;
        found.add(&checksum);
        if is_wanted(&row) {
            entries.push(entry(&row, file)?);
        }
    }
    if found != sealed {
        let (found, sealed) = (found.count, sealed.count);
        return Err(file.unreadable(&format!("{found} entries do not fit the seal over {sealed}")));
    }
    entries.into_iter().for_each(take);
    Ok(())
}

/// Refuses an entry that is not what was written.
fn check(row: &Row, checksum: &Checksum, file: &JournalFile) -> Result<(), JournalError> {
    if row.checksum() == *checksum {
        return Ok(());
    }
    Err(file.unreadable(&format!("entry {} is not what was written", row.seq)))
}

/// Understands what an entry says.
fn entry(row: &Row, file: &JournalFile) -> Result<Entry, JournalError> {
    let record: Record = serde_json::from_str(&row.body)
        .map_err(|error| file.unreadable(&format!("entry {} cannot be understood: {error}", row.seq)))?;
    Ok(Entry { at_ms: u64::try_from(row.at_ms).unwrap_or_default(), record })
}

fn kept(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Row, Checksum)> {
    let kept = Row {
        seq: row.get(0)?,
        at_ms: row.get(1)?,
        execution: row.get(2)?,
        key: row.get(3)?,
        body: row.get(4)?,
    };
    Ok((kept, row.get(5)?))
}

pub(super) fn seal(connection: &Connection) -> rusqlite::Result<Seal> {
    connection.query_row("SELECT count, sum FROM seal WHERE one = 1", [], |row| {
        Ok(Seal { count: row.get(0)?, sum: row.get(1)? })
    })
}

/// The requests of an execution, oldest first: all, or those that were not taken.
pub(super) fn requests(
    connection: &Connection,
    execution: &ExecutionId,
    waiting_only: bool,
) -> rusqlite::Result<Vec<Asked>> {
    let waiting = if waiting_only { "AND taken_at_ms IS NULL" } else { "" };
    let sql = format!(
        "SELECT id, at_ms, asked_by, body, taken_at_ms FROM requests WHERE execution = ?1 {waiting} ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let time = |ms: i64| TimestampMs(u64::try_from(ms).unwrap_or_default());
    let rows = statement.query_map([execution.as_str()], |row| {
        let body: String = row.get(3)?;
        Ok(Asked {
            id: row.get(0)?,
            at: time(row.get(1)?),
            by: row.get(2)?,
            request: serde_json::from_str(&body).ok(),
            taken_at: row.get::<_, Option<i64>>(4)?.map(time),
        })
    })?;
    rows.collect()
}
