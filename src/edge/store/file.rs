//! The journal's file as an operator knows it: its name, and what to do when it cannot be used.

use std::path::{Path, PathBuf};

use rusqlite::{Error, ErrorCode};

use crate::control::JournalError;

/// A journal's file, for messages about it.
#[derive(Debug, Clone)]
pub(super) struct JournalFile {
    path: PathBuf,
}

impl JournalFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What cannot be read, with the mend.
    pub(super) fn unreadable(&self, problem: &str) -> JournalError {
        JournalError::Unreadable(format!(
            "the journal {} is damaged: {problem}; look at the cluster with `evenkeel status` (throttles, \
             reassignments), move the folder away, and begin again",
            self.path.display()
        ))
    }

    /// What cannot be written, with the mend.
    pub(super) fn unwritable(&self, problem: &str, mend: &str) -> JournalError {
        JournalError::Unwritable(format!(
            "the journal {} cannot be written: {problem}; {mend}",
            self.path.display()
        ))
    }

    /// What SQLite says, in an operator's words.
    pub(super) fn error(&self, error: &Error) -> JournalError {
        let code = match error {
            Error::SqliteFailure(failure, _) => Some(failure.code),
            _ => None,
        };
        match code {
            Some(ErrorCode::DiskFull) => self.unwritable("the disk is full", "make room on it"),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => self.unwritable(
                "it is read-only",
                "mount it for writing, or give this user the right to write there",
            ),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                self.unwritable("another program holds it", "end whatever has opened it")
            }
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
                self.unwritable(&error.to_string(), "look after the disk, and who may write there")
            }
            _ => self.unreadable(&error.to_string()),
        }
    }
}
