//! [`Failure`]: the one face of every error: what happened and where, what would help, and the exit code.
//!
//! Rooms return typed errors; what they mean to a person at a terminal is decided here and nowhere else.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use crate::config::{ConfigError, KafkaClientError};
use crate::control::{JournalError, WorldError};
use crate::edge::lease::LeaseError;
use crate::edge::store::LockError;

/// What kind of failure it is, which is what a script wants to know: the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was tried and did not work out.
    Failed,
    /// The command line, a configuration or a file is wrong. Nothing was tried.
    Usage,
    /// The answer is no, with a reason.
    Refused,
    /// The cluster is out of reach.
    Unreachable,
}

impl Kind {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unreachable => 4,
        }
    }
}

/// The exit code of `propose --exit-code` when there is something to do.
pub const SOMETHING_TO_DO: u8 = 5;

/// An error on its way to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind it is.
    pub kind: Kind,
    /// What happened, and where.
    pub message: String,
    /// What would help; may be several lines.
    pub hint: Option<String>,
}

impl Failure {
    fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), hint: None }
    }

    /// It was tried and did not work out.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// The command line, a configuration or a file is wrong.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The answer is no.
    pub fn refused(message: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// The cluster does not answer.
    pub fn unreachable(message: impl fmt::Display) -> Self {
        Self::new(Kind::Unreachable, message)
    }

    /// Adds what would help; an empty hint is none.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        let hint = hint.to_string();
        self.hint = (!hint.is_empty()).then_some(hint);
        self
    }

    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind.code())
    }

    /// A settings file that is wrong.
    pub fn in_settings(path: &Path, error: &ConfigError) -> Self {
        let failure = Self::usage(format!("{}: {error}", path.display()));
        failure.hint(error.hint.as_deref().unwrap_or_default())
    }

    /// A file of client properties that is wrong: all problems at once.
    pub fn in_client_properties(path: Option<&Path>, error: &KafkaClientError) -> Self {
        let place = path.map_or_else(|| "--bootstrap".to_owned(), |path| path.display().to_string());
        let problems: Vec<String> =
            error.problems.iter().map(|problem| format!("{place}: {problem}")).collect();
        Self::usage(problems.join("\n"))
    }

    /// A file that cannot be read or written.
    pub fn in_file(verb: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::usage(format!("cannot {verb} {}: {error}", path.display()))
    }
}

impl From<WorldError> for Failure {
    fn from(error: WorldError) -> Self {
        let message = error.to_string();
        let (kind, hint) = match error {
            WorldError::Withheld(why) => return why.into(),
            WorldError::Setting { hint, .. } => (Kind::Usage, hint),
            // A cluster that does not let us in is as far away as one that does not answer.
            WorldError::Unreachable { hint, .. } | WorldError::Unauthenticated { hint, .. } => {
                (Kind::Unreachable, hint)
            }
            WorldError::Denied { hint, .. } | WorldError::Refused { hint, .. } => (Kind::Refused, hint),
        };
        Self::new(kind, message).hint(hint)
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let kind = match error {
            JournalError::Unwritable(_) => Kind::Failed,
            JournalError::Unreadable(_) | JournalError::Fenced(_) => Kind::Refused,
        };
        Self::new(kind, error)
    }
}

impl From<LeaseError> for Failure {
    fn from(error: LeaseError) -> Self {
        let kind = match &error {
            LeaseError::Unreachable(_) => Kind::Unreachable,
            LeaseError::Denied { .. }
            | LeaseError::Unusable { .. }
            | LeaseError::Held { .. }
            | LeaseError::Unreadable(_)
            | LeaseError::Fenced(_) => Kind::Refused,
        };
        Self::new(kind, &error).hint(error.hint())
    }
}

impl From<LockError> for Failure {
    /// `CLUSTER` in the hint stands for the flags that name it.
    fn from(error: LockError) -> Self {
        match &error {
            LockError::Held(_) => Self::refused(&error).hint(
                "`evenkeel status CLUSTER` shows how far it is; wait for its end, or end it: `evenkeel stop CLUSTER`",
            ),
            LockError::Unusable { .. } => Self::usage(&error)
                .hint("give this user the right to write there, or name another one: `--state-dir DIR`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_world_get_the_documented_exit_codes() {
        let code = |error: WorldError| Failure::from(error).kind.code();
        assert_eq!(code(WorldError::unreachable("nobody answers")), 4);
        assert_eq!(code(WorldError::refused("no")), 3);
        let text = || ("m".to_owned(), "h".to_owned());
        let (message, hint) = text();
        assert_eq!(code(WorldError::Unauthenticated { message, hint }), 4);
        let (message, hint) = text();
        let denied = Failure::from(WorldError::Denied { message, hint });
        assert_eq!((denied.kind.code(), denied.hint.as_deref()), (3, Some("h")));
        assert_eq!(Failure::usage("x").hint("").hint, None, "an empty hint is none");
        assert_eq!((Failure::failed("x").kind.code(), Failure::usage("x").kind.code()), (1, 2));
    }
}
