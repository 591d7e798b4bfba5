//! [`World`]: the one door to the outside, with two tenants behind it: real Kafka and the simulated cluster.
//!
//! The door is synchronous on purpose. The loop has nothing else to do while it waits, the simulated cluster
//! needs no runtime, and the asynchrony of the wire client stays in `edge`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{JournalError, Permit};
use crate::base::{TimestampMs, TopicPartition};
use crate::execute::{Answer, Command};
use crate::observe::Observation;

/// How much to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything: what a proposal needs.
    Full,
    /// What an execution needs between two steps: all brokers and partitions, volumes, and throttles, but
    /// replica sizes only of these partitions.
    Execution(BTreeSet<TopicPartition>),
}

/// Why the world could not be seen or changed. Each carries the words for a person and, apart, what would help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// A setting of ours names something that cannot be used, such as a certificate file that is not there.
    #[error("{message}")]
    Setting {
        /// The setting and what is wrong with what it names.
        message: String,
        /// What would help.
        hint: String,
    },
    /// The cluster could not be reached; nothing is known about what came of a command in flight.
    #[error("{message}")]
    Unreachable {
        /// What was tried and why it failed, address by address.
        message: String,
        /// What would help; empty when nothing is known to.
        hint: String,
    },
    /// The cluster does not accept who the client says it is (password, certificate), or the client does not
    /// accept the cluster's certificate. Nothing was changed.
    #[error("{message}")]
    Unauthenticated {
        /// What was refused, and by whom.
        message: String,
        /// What would help.
        hint: String,
    },
    /// The cluster answered that the client may not do this.
    #[error("{message}")]
    Denied {
        /// What was refused and what is needed.
        message: String,
        /// What would help, such as the ACL to grant.
        hint: String,
    },
    /// The cluster refused for another reason.
    #[error("{message}")]
    Refused {
        /// What was refused and why.
        message: String,
        /// What would help; empty when nothing is known to.
        hint: String,
        /// Kafka's error code by name, such as `INVALID_REPLICA_ASSIGNMENT`, where it gave one.
        code: Option<String>,
    },
    /// It was held back: the right to act is lost, or may be.
    #[error("held back: {0}")]
    Withheld(JournalError),
}

impl WorldError {
    /// The cluster could not be reached, and nothing is known that would help.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::Unreachable { message: message.into(), hint: String::new() }
    }

    /// The cluster refused, without a code of Kafka's, and nothing is known that would help.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: String::new(), code: None }
    }

    /// What would help; empty when nothing is known to.
    pub fn hint(&self) -> &str {
        match self {
            Self::Setting { hint, .. }
            | Self::Unreachable { hint, .. }
            | Self::Unauthenticated { hint, .. }
            | Self::Denied { hint, .. }
            | Self::Refused { hint, .. } => hint,
            Self::Withheld(_) => "",
        }
    }
}

/// The outside.
pub trait World {
    /// Looks at the cluster.
    ///
    /// # Errors
    /// The cluster is out of reach or refuses. Parts that cannot be seen are gaps, not errors.
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError>;

    /// Asks the cluster to do something.
    ///
    /// # Errors
    /// The command did not reach the cluster, or it is unknown whether it did. Parts that Kafka refused are in the answer.
    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError>;

    /// Asks the cluster for several things of which none depends on another, at once where it can. `permit` is asked
    /// right before each leaves: the process may be suspended in the middle. There is an answer for each, in their order.
    fn perform_all(&mut self, commands: &[Command], permit: &Permit) -> Vec<Result<Answer, WorldError>> {
        let mut one = |command: &Command| {
            permit.holds().map_err(WorldError::Withheld)?;
            self.perform(command)
        };
        commands.iter().map(&mut one).collect()
    }

    /// The wall clock.
    fn now(&self) -> TimestampMs;

    /// Waits, or returns early when a person asks to stop.
    fn sleep(&mut self, duration: Duration);

    /// How often a person has asked to stop (Ctrl-C, SIGTERM).
    fn stop_requests(&self) -> u32;

    /// Whether this process is to end at once and to leave what it carries out to the next one: nothing is cancelled, and
    /// throttles stand.
    fn is_leaving(&self) -> bool;
}

/// What a world that wraps another one leaves to it: all but looking and waiting. Stands inside of its `impl World`.
macro_rules! all_but_looking_and_waiting {
    ($self:ident => $inner:expr) => {
        fn perform(
            &mut $self,
            command: &$crate::execute::Command,
        ) -> Result<$crate::execute::Answer, $crate::control::WorldError> {
            $inner.perform(command)
        }

        fn perform_all(
            &mut $self,
            commands: &[$crate::execute::Command],
            permit: &$crate::control::Permit,
        ) -> Vec<Result<$crate::execute::Answer, $crate::control::WorldError>> {
            $inner.perform_all(commands, permit)
        }

        fn now(&$self) -> $crate::base::TimestampMs {
            $inner.now()
        }

        fn stop_requests(&$self) -> u32 {
            $inner.stop_requests()
        }

        fn is_leaving(&$self) -> bool {
            $inner.is_leaving()
        }
    };
}
pub(crate) use all_but_looking_and_waiting;

/// The same, and waiting too.
macro_rules! all_but_looking {
    ($self:ident => $inner:expr) => {
        $crate::control::all_but_looking_and_waiting!($self => $inner);

        fn sleep(&mut $self, duration: std::time::Duration) {
            $inner.sleep(duration);
        }
    };
}
pub(crate) use all_but_looking;

impl<W: World + ?Sized> World for Box<W> {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        (**self).observe(scope)
    }

    all_but_looking!(self => **self);
}

impl<W: World + ?Sized> World for &mut W {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        (**self).observe(scope)
    }

    all_but_looking!(self => **self);
}
