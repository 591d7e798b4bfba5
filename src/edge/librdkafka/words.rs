//! librdkafka's errors in words, and what some of them mean.

use std::fmt;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::config::{KafkaClientSettings, SaslSettings};

/// Prints an error without the value of a setting, which may be a secret.
pub struct Words<'a>(pub &'a KafkaError);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            KafkaError::ClientConfig(_, problem, key, _) => write!(f, "`{key}`: {problem}"),
            KafkaError::Transaction(error) => f.write_str(&error.string()),
            other => match other.rdkafka_error_code() {
                Some(code) => code.fmt(f),
                None => other.fmt(f),
            },
        }
    }
}

/// Whether a right is missing. That on groups is none: what reads without a group needs no right on one.
pub fn is_denial(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
    )
}

/// Whether another producer of the same transactional id has taken this one's place.
pub fn is_fencing(code: Code) -> bool {
    matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch)
}

/// Rights on one resource, for the command that grants them.
pub struct Right<'a> {
    /// The operations, as `kafka-acls` names them.
    pub operations: &'a [&'a str],
    /// The flag that names the kind of resource: `--topic`.
    pub kind: &'a str,
    /// The resource.
    pub name: &'a str,
}

impl Right<'_> {
    /// The command that grants them to the client of these settings. What a broker makes of a certificate is its own
    /// affair, so there the principal is left to be filled in.
    pub fn grant_command(&self, settings: &KafkaClientSettings) -> String {
        let bootstrap = settings.bootstrap.first().map(ToString::to_string).unwrap_or_default();
        let user = settings.sasl.as_ref().and_then(SaslSettings::username).unwrap_or("PRINCIPAL");
        let operations: Vec<String> =
            self.operations.iter().map(|operation| format!("--operation {operation}")).collect();
        format!(
            "kafka-acls --bootstrap-server {bootstrap} --add --allow-principal 'User:{user}' {} {} '{}'",
            operations.join(" "),
            self.kind,
            self.name
        )
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaConfRes;

    use super::*;

    #[test]
    fn the_value_of_a_setting_is_never_told() {
        let error = KafkaError::ClientConfig(
            RDKafkaConfRes::RD_KAFKA_CONF_INVALID,
            "Invalid value".to_owned(),
            "ssl.key.pem".to_owned(),
            "-----BEGIN PRIVATE KEY".to_owned(),
        );
        assert_eq!(Words(&error).to_string(), "`ssl.key.pem`: Invalid value");
    }

    #[test]
    fn rights_are_granted_by_a_command_to_copy() {
        let text =
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=me\nsasl.password=x";
        let (settings, _) =
            KafkaClientSettings::parse(text, Some("b1:9092,b2:9092")).expect("right settings");
        let right = Right { operations: &["Read", "Write"], kind: "--topic", name: "__evenkeel" };
        assert_eq!(
            right.grant_command(&settings),
            "kafka-acls --bootstrap-server b1:9092 --add --allow-principal 'User:me' --operation Read --operation Write --topic '__evenkeel'"
        );
        let (settings, _) = KafkaClientSettings::parse("", Some("b1:9092")).expect("right settings");
        assert!(right.grant_command(&settings).contains("'User:PRINCIPAL'"));
    }
}
