//! [`Permit`]: the right to act, to be asked for right before something leaves for the cluster.

use std::sync::Arc;

use super::JournalError;

/// The right to act, as a thing that can be handed to whoever sends. Commands carry no mark by which Kafka could tell
/// those of an evenkeel that slept through the loss of its right; so each asks before it leaves, and again before it is
/// tried anew: the process may have been suspended since it was decided.
#[derive(Clone)]
pub struct Permit(Arc<dyn Fn() -> Result<(), JournalError> + Send + Sync>);

impl Permit {
    /// One that `asked` answers for, which may take its time.
    pub fn by(asked: impl Fn() -> Result<(), JournalError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(asked))
    }

    /// One that nobody can take away.
    pub fn for_ever() -> Self {
        Self::by(|| Ok(()))
    }

    /// One that holds as long as both do.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::by(move || self.holds().and_then(|()| other.holds()))
    }

    /// Whether the right is still ours.
    ///
    /// # Errors
    /// It is lost for good, or whether it is lost cannot be found out now.
    pub fn holds(&self) -> Result<(), JournalError> {
        (self.0)()
    }
}
