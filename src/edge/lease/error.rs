//! [`LeaseError`]: why there is no lease, and what would help.

use crate::config::KafkaClientSettings;
use crate::control::JournalError;
use crate::edge::librdkafka::Right;

/// Why there is no lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// A right is missing.
    #[error("{message}")]
    Denied {
        /// What was refused.
        message: String,
        /// The commands that grant what is needed.
        hint: String,
    },
    /// The cluster, or the topic as it is, cannot hold a lease.
    #[error("{message}")]
    Unusable {
        /// What stands in the way.
        message: String,
        /// What would help; empty when nothing is known to.
        hint: String,
    },
    /// Another evenkeel is alive and holds it.
    #[error("another evenkeel holds the lease of this cluster: {holder}")]
    Held {
        /// Who, and since when.
        holder: String,
    },
    /// Nothing could be found out: the cluster does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// What the topic holds cannot be read, and may not be guessed.
    #[error("{0}")]
    Unreadable(String),
    /// It was taken by another in the same moment.
    #[error("another evenkeel has taken the lease: {0}")]
    Fenced(String),
}

impl LeaseError {
    /// The cluster gives no lease to anybody of our name: with `lease = "auto"` the lock on the state directory has
    /// to do, and the reason is worth a warning.
    pub fn is_for_want_of_means(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::Unusable { .. })
    }

    /// What would help; empty when nothing is known to.
    pub fn hint(&self) -> &str {
        match self {
            Self::Denied { hint, .. } | Self::Unusable { hint, .. } => hint,
            Self::Held { .. } => {
                "wait until it is done, or stop it (`evenkeel stop`); it is never pushed aside while it lives"
            }
            Self::Unreachable(_) => "check that the brokers run and can be reached",
            Self::Unreadable(_) => "run the newest evenkeel that has acted on this cluster",
            Self::Fenced(_) => "one of them acts; look again with `evenkeel status`",
        }
    }

    /// A right is missing; all that the lease needs are named, as one by one they would take as many tries.
    pub(super) fn denied(what: &str, names: &Names, settings: &KafkaClientSettings) -> Self {
        Self::Denied {
            message: format!("the lease needs rights that are missing: {what}"),
            hint: grants(names, settings),
        }
    }
}

/// What the lease is called on the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// The topic.
    pub topic: String,
    /// The transactional id, which is what Kafka gives to one producer at a time.
    pub transactional_id: String,
}

/// The commands that grant what the lease needs. `IdempotentWrite` is implied since Kafka 3.0.
fn grants(names: &Names, settings: &KafkaClientSettings) -> String {
    let topic =
        Right { operations: &["Create", "Describe", "Read", "Write"], kind: "--topic", name: &names.topic };
    let id = Right {
        operations: &["Describe", "Write"],
        kind: "--transactional-id",
        name: &names.transactional_id,
    };
    format!("grant them:\n{}\n{}", topic.grant_command(settings), id.grant_command(settings))
}

impl From<LeaseError> for JournalError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Held { holder: by } | LeaseError::Fenced(by) => Self::Fenced(by),
            LeaseError::Unreadable(what) => Self::Unreadable(what),
            other => Self::Unwritable(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rights_are_asked_for_at_once() {
        let text =
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=me\nsasl.password=hunter2";
        let (settings, _) = KafkaClientSettings::parse(text, Some("b1:9092")).expect("right settings");
        let names = Names { topic: "__evenkeel".to_owned(), transactional_id: "evenkeel-abc".to_owned() };
        let error = LeaseError::denied("Topic authorization failed", &names, &settings);
        assert!(error.is_for_want_of_means());
        assert_eq!(
            error.hint(),
            "grant them:\n\
             kafka-acls --bootstrap-server b1:9092 --add --allow-principal 'User:me' --operation Create --operation Describe --operation Read --operation Write --topic '__evenkeel'\n\
             kafka-acls --bootstrap-server b1:9092 --add --allow-principal 'User:me' --operation Describe --operation Write --transactional-id 'evenkeel-abc'"
        );
        assert!(!LeaseError::Held { holder: "x".to_owned() }.is_for_want_of_means());
    }

    #[test]
    fn to_the_loop_a_lost_lease_is_for_good_and_a_cluster_out_of_reach_is_not() {
        assert_eq!(JournalError::from(LeaseError::Fenced("x".into())), JournalError::Fenced("x".into()));
        let away = JournalError::from(LeaseError::Unreachable("no broker".into()));
        assert_eq!(away, JournalError::Unwritable("no broker".into()));
    }
}
