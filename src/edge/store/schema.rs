//! The tables of the journal, and how its file is opened.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::ClusterDir;
use super::file::JournalFile;
use crate::control::JournalError;

/// The version of the tables, kept in `user_version`.
pub(super) const VERSION: i64 = 1;

/// How long another process, which leaves a request, is waited for.
const BUSY: Duration = Duration::from_secs(5);

const TABLES: &str = "
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        execution TEXT,
        key TEXT UNIQUE,
        body TEXT NOT NULL,
        checksum BLOB NOT NULL
    ) STRICT;
    CREATE INDEX entries_by_execution ON entries (execution, seq);
    CREATE TABLE requests (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,
        execution TEXT NOT NULL,
        asked_by TEXT NOT NULL,
        body TEXT NOT NULL,
        taken_at_ms INTEGER
    ) STRICT;
    CREATE INDEX requests_not_taken ON requests (execution) WHERE taken_at_ms IS NULL;
    CREATE TABLE seal (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL, sum BLOB NOT NULL) STRICT;
    INSERT INTO seal VALUES (1, 0, zeroblob(32));
";

/// Opens the journal to write to it; makes it where there is none. The caller holds the lock.
pub(super) fn open_or_make(dir: &ClusterDir, file: &JournalFile) -> Result<Connection, JournalError> {
    let refused = |error: std::io::Error| {
        file.unwritable(
            &error.to_string(),
            "give this user the right to write there, or name another state directory",
        )
    };
    // Made here and not by SQLite, so that nobody else can read it at any moment. SQLite gives its other files the same
    // rights. A file that is there is left to SQLite alone: closing it here would drop SQLite's own locks on it.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file.path()) {
        Ok(_) => dir.sync().map_err(refused)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(refused(error)),
    }
    let mut connection = open(file)?;
    let say = |error: rusqlite::Error| file.error(&error);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(say)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(say)?;
    if version(&connection, file)? == 0 {
        let transaction = connection.transaction().map_err(say)?;
        transaction.execute_batch(TABLES).map_err(say)?;
        transaction.pragma_update(None, "user_version", VERSION).map_err(say)?;
        transaction.commit().map_err(say)?;
        // From here on the file itself says what it is, whatever becomes of the log beside it.
        let checkpoint = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        checkpoint.map_err(say)?;
        dir.sync().map_err(refused)?;
    }
    Ok(connection)
}

/// Opens a journal that is there, to read it or to leave a request.
pub(super) fn open(file: &JournalFile) -> Result<Connection, JournalError> {
    let say = |error: rusqlite::Error| file.error(&error);
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file.path(), flags | OpenFlags::SQLITE_OPEN_READ_WRITE)
        .or_else(|_| Connection::open_with_flags(file.path(), flags | OpenFlags::SQLITE_OPEN_READ_ONLY))
        .map_err(say)?;
    connection.busy_timeout(BUSY).map_err(say)?;
    // Tidying up is the business of whoever writes: a look changes nothing, and waits for no disk.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(say)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(say)?;
    connection.pragma_update(None, "cell_size_check", true).map_err(say)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(say)?;
    let found = version(&connection, file)?;
    if !(0..=VERSION).contains(&found) {
        return Err(JournalError::Unreadable(format!(
            "the journal {} is of version {found}, and this evenkeel knows versions up to {VERSION}: a newer one \
             wrote it; use that one",
            file.path().display()
        )));
    }
    Ok(connection)
}

pub(super) fn version(connection: &Connection, file: &JournalFile) -> Result<i64, JournalError> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    version.map_err(|error| file.error(&error))
}
