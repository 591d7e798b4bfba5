//! Where the journal of each cluster is kept: a SQLite file under the state directory, and the locks beside it.
//!
//! `STATE_DIR/<cluster id>/journal.db` holds the entries, `act.lock` is held by the one process that may act on the
//! cluster, `daemon.lock` by the one daemon that looks after it. Whoever only reads needs no lock. What is read is
//! checked entry by entry, and as a whole: a file that was damaged is refused, and never half believed.

mod dir;
mod file;
mod journal;
mod loads;
mod lock;
mod reader;
mod schema;
mod seal;

pub use dir::ClusterDir;
pub use journal::SqliteJournal;
pub use loads::{KeptWeights, LoadShelf};
pub use lock::{Holder, Lock, LockError, Role};
pub use reader::{Asked, JournalReader, Listed};

#[cfg(test)]
mod tests;
