//! [`Code`]: Kafka's error codes, by the names that Kafka's own documentation uses.

use std::fmt;

use kafka_protocol::ResponseError;

/// An error code in an answer; 0 is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub i16);

impl Code {
    /// No error.
    pub const NONE: Self = Self(0);
    /// `UNKNOWN_TOPIC_OR_PARTITION`.
    pub const UNKNOWN_TOPIC_OR_PARTITION: Self = Self(3);
    /// `LEADER_NOT_AVAILABLE`: in metadata, the partition has no leader now.
    pub const LEADER_NOT_AVAILABLE: Self = Self(5);
    /// `NOT_LEADER_OR_FOLLOWER`.
    pub const NOT_LEADER_OR_FOLLOWER: Self = Self(6);
    /// `REQUEST_TIMED_OUT`.
    pub const REQUEST_TIMED_OUT: Self = Self(7);
    /// `REPLICA_NOT_AVAILABLE`: in metadata of version 0, a replica is down.
    pub const REPLICA_NOT_AVAILABLE: Self = Self(9);
    /// `TOPIC_AUTHORIZATION_FAILED`.
    pub const TOPIC_AUTHORIZATION_FAILED: Self = Self(29);
    /// `GROUP_AUTHORIZATION_FAILED`.
    pub const GROUP_AUTHORIZATION_FAILED: Self = Self(30);
    /// `CLUSTER_AUTHORIZATION_FAILED`.
    pub const CLUSTER_AUTHORIZATION_FAILED: Self = Self(31);
    /// `UNSUPPORTED_SASL_MECHANISM`.
    pub const UNSUPPORTED_SASL_MECHANISM: Self = Self(33);
    /// `ILLEGAL_SASL_STATE`.
    pub const ILLEGAL_SASL_STATE: Self = Self(34);
    /// `LISTENER_NOT_FOUND`: in metadata, the leader has no listener of the kind that we came by.
    pub const LISTENER_NOT_FOUND: Self = Self(72);
    /// `TOPIC_ALREADY_EXISTS`.
    pub const TOPIC_ALREADY_EXISTS: Self = Self(36);
    /// `UNSUPPORTED_VERSION`.
    pub const UNSUPPORTED_VERSION: Self = Self(35);
    /// `NOT_CONTROLLER`.
    pub const NOT_CONTROLLER: Self = Self(41);
    /// `KAFKA_STORAGE_ERROR`: in log dirs, the directory is offline.
    pub const KAFKA_STORAGE_ERROR: Self = Self(56);
    /// `SASL_AUTHENTICATION_FAILED`.
    pub const SASL_AUTHENTICATION_FAILED: Self = Self(58);
    /// `TRANSACTIONAL_ID_AUTHORIZATION_FAILED`.
    pub const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: Self = Self(53);
    /// `GROUP_ID_NOT_FOUND`.
    pub const GROUP_ID_NOT_FOUND: Self = Self(69);
    /// `ELECTION_NOT_NEEDED`: the leader is the right one already.
    pub const ELECTION_NOT_NEEDED: Self = Self(84);

    /// Whether this is success.
    pub fn is_ok(self) -> bool {
        self == Self::NONE
    }

    /// Whether Kafka says that the same request may succeed later.
    pub fn is_retriable(self) -> bool {
        // A topic or a directory that is not there does not come back within a retry: what it means is for the caller.
        let settled = [Self::UNKNOWN_TOPIC_OR_PARTITION, Self::KAFKA_STORAGE_ERROR];
        !settled.contains(&self)
            && ResponseError::try_from_code(self.0).is_some_and(|error| error.is_retriable())
    }

    /// Whether the client lacks a right.
    pub fn is_denied(self) -> bool {
        let denials = [
            Self::TOPIC_AUTHORIZATION_FAILED,
            Self::GROUP_AUTHORIZATION_FAILED,
            Self::CLUSTER_AUTHORIZATION_FAILED,
        ];
        denials.contains(&self)
    }
}

impl fmt::Display for Code {
    /// The name as in Kafka's protocol guide, such as `NOT_CONTROLLER`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ResponseError::try_from_code(self.0) {
            None => f.write_str("NONE"),
            Some(ResponseError::Unknown(code)) => write!(f, "ERROR_CODE_{code}"),
            Some(error) => {
                let mut name = String::new();
                for (at, letter) in error.to_string().chars().enumerate() {
                    if at > 0 && letter.is_ascii_uppercase() {
                        name.push('_');
                    }
                    name.push(letter.to_ascii_uppercase());
                }
                f.write_str(&name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_the_protocol_guide() {
        assert_eq!(Code(31).to_string(), "CLUSTER_AUTHORIZATION_FAILED");
        assert_eq!(Code(85).to_string(), "NO_REASSIGNMENT_IN_PROGRESS");
        assert_eq!(Code(17).to_string(), "INVALID_TOPIC_EXCEPTION");
        assert_eq!(Code(-1).to_string(), "UNKNOWN_SERVER_ERROR");
        assert_eq!(Code(9999).to_string(), "ERROR_CODE_9999");
        assert_eq!(Code(0).to_string(), "NONE");
    }

    #[test]
    fn a_missing_topic_is_not_waited_for() {
        assert!(Code::NOT_CONTROLLER.is_retriable());
        assert!(!Code::UNKNOWN_TOPIC_OR_PARTITION.is_retriable());
        assert!(!Code(9999).is_retriable());
    }
}
