//! What would help: from a client's error to the error of the world's door, with the mend beside it.

use super::acl::Right;
use super::code::Code;
use super::error::{ConnectProblem, KafkaError, RequestProblem};
use crate::config::{KafkaClientSettings, SaslMechanism, SaslSettings};
use crate::control::WorldError;

/// Turns a client's error into that of the door. `settings` are those that the client was connected with.
pub fn world_error(error: &KafkaError, settings: &KafkaClientSettings) -> WorldError {
    let message = error.to_string();
    let hint = hint(error, settings);
    match error {
        KafkaError::Setting { .. } => WorldError::Setting { message, hint },
        KafkaError::Bootstrap(failures)
            if failures.iter().any(|failure| failure.problem.is_about_identity()) =>
        {
            WorldError::Unauthenticated { message, hint }
        }
        KafkaError::Connect(failure) if failure.problem.is_about_identity() => {
            WorldError::Unauthenticated { message, hint }
        }
        KafkaError::Bootstrap(_) | KafkaError::Connect(_) | KafkaError::NoSuchBroker(_) => {
            WorldError::Unreachable { message, hint }
        }
        KafkaError::Request { problem, .. } => match problem {
            RequestProblem::TimedOut(_) | RequestProblem::Broken(_) => {
                WorldError::Unreachable { message, hint }
            }
            RequestProblem::Withheld(why) => WorldError::Withheld(why.clone()),
            _ => WorldError::Refused { message, hint, code: None },
        },
        KafkaError::BrokerAway { around, .. } => match world_error(around, settings) {
            WorldError::Denied { hint, .. } => WorldError::Denied { message, hint },
            WorldError::Withheld(why) => WorldError::Withheld(why),
            _ => WorldError::Unreachable { message, hint },
        },
        KafkaError::Answered(answered) if answered.needs.is_some() => WorldError::Denied { message, hint },
        // The broker gave up waiting for others: whether it was done is not known.
        KafkaError::Answered(answered) if answered.code == Code::REQUEST_TIMED_OUT => {
            WorldError::Unreachable { message, hint }
        }
        KafkaError::Answered(answered) => {
            WorldError::Refused { message, hint, code: Some(answered.code.to_string()) }
        }
    }
}

/// What would help; empty when nothing is known to.
fn hint(error: &KafkaError, settings: &KafkaClientSettings) -> String {
    match error {
        KafkaError::Setting { key, .. } => format!("mend `{key}` in the Kafka client settings"),
        KafkaError::Bootstrap(failures) => {
            let telling = failures.iter().find(|failure| failure.problem.is_about_identity());
            let first = telling.or(failures.first());
            first.map(|failure| connect_hint(&failure.problem, settings)).unwrap_or_default()
        }
        KafkaError::Connect(failure) => connect_hint(&failure.problem, settings),
        KafkaError::Answered(answered) => match &answered.needs {
            Some(right) => grant_of(right, settings),
            None => String::new(),
        },
        KafkaError::BrokerAway { broker, .. } => {
            format!("start broker {broker}: it takes the change itself when it is back")
        }
        KafkaError::Request { problem: RequestProblem::NotOffered(_), .. } => {
            "evenkeel needs Kafka 2.8 or newer".to_owned()
        }
        KafkaError::NoSuchBroker(_) | KafkaError::Request { .. } => String::new(),
    }
}

/// The command that grants a right to the client of these settings.
pub(super) fn grant_of(right: &Right, settings: &KafkaClientSettings) -> String {
    let bootstrap = settings.bootstrap.first().map(ToString::to_string).unwrap_or_default();
    let user = settings.sasl.as_ref().and_then(SaslSettings::username);
    format!("grant {right}: {}", right.grant_command(&bootstrap, user))
}

pub(super) fn connect_hint(problem: &ConnectProblem, settings: &KafkaClientSettings) -> String {
    let text = match problem {
        ConnectProblem::Resolve(_) => "check the host name, and whether this machine's DNS knows it",
        ConnectProblem::Tcp(_) => {
            "check that the broker runs, that host and port are right, and that no firewall stands between"
        }
        ConnectProblem::TimedOut { .. } | ConnectProblem::Broken { .. } => {
            "check that host and port are right, that no firewall stands between, and the broker's own log"
        }
        ConnectProblem::UnknownAuthority
            if settings.tls.as_ref().is_some_and(|tls| tls.authorities.is_some()) =>
        {
            "`ssl.ca.location` must hold the certificate of the authority that signed the brokers' certificates"
        }
        ConnectProblem::UnknownAuthority => {
            "name the authority that signed the brokers' certificates with `ssl.ca.location`"
        }
        ConnectProblem::WrongHostName(_) => {
            "use a host name that the certificate is for, or give the broker a certificate for the names it advertises"
        }
        ConnectProblem::BadCertificate(_) => {
            "mend the broker's certificate; check the clocks of both machines"
        }
        ConnectProblem::CertificateMissing => {
            "give a client certificate with `ssl.certificate.location` and `ssl.key.location`"
        }
        ConnectProblem::CertificateRefused(_) => {
            "use a client certificate that is valid now and signed by an authority that the brokers trust (their `ssl.truststore`)"
        }
        ConnectProblem::PortWithoutTls => {
            "use the brokers' TLS port, or `security.protocol=PLAINTEXT` (`SASL_PLAINTEXT` with SASL)"
        }
        ConnectProblem::PortWithTls => {
            "use `security.protocol=SSL` (`SASL_SSL` with SASL) in the Kafka client settings, or the brokers' port without TLS"
        }
        ConnectProblem::NotKafka(_) => {
            "check that the port is that of a Kafka broker, not of its metrics or of a controller"
        }
        ConnectProblem::SaslExpected => {
            "use `security.protocol=SASL_PLAINTEXT` or `SASL_SSL` with `sasl.mechanism`, `sasl.username` and `sasl.password`"
        }
        ConnectProblem::SaslNotExpected => {
            "use `security.protocol=PLAINTEXT` or `SSL`, or the brokers' SASL port"
        }
        ConnectProblem::SaslMechanism { offered, .. } => {
            let known = SaslMechanism::ALL.map(SaslMechanism::name);
            return match known.iter().find(|known| offered.iter().any(|offer| offer == *known)) {
                Some(known) => {
                    format!("set `sasl.mechanism={known}`, with a user that has a password for it")
                }
                None => {
                    format!("enable one of {} on the brokers (`sasl.enabled.mechanisms`)", known.join(", "))
                }
            };
        }
        ConnectProblem::NoToken { .. } => {
            "check the keys `sasl.oauthbearer.*` and `https.ca.location`, or the AWS credentials of this machine"
        }
        ConnectProblem::SaslRefused { .. } if matches!(settings.sasl, Some(SaslSettings::Token(_))) => {
            "check what the brokers want of a token (`sasl.oauthbearer.expected.audience`, `.expected.issuer`, or the IAM policy), and the clocks of both machines"
        }
        ConnectProblem::SaslRefused { .. } => {
            "check `sasl.username` and `sasl.password`, and that the user has a password for this `sasl.mechanism`"
        }
        ConnectProblem::Scram(_) => {
            "check that the address is that of a broker of yours, and `sasl.password`"
        }
        ConnectProblem::Tls(_) | ConnectProblem::Request { .. } => "",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::ApiKey;

    use super::super::call::refused;
    use super::super::error::{ConnectError, Peer};
    use super::*;
    use crate::base::BrokerId;
    use crate::config::Address;

    fn settings(more: &str) -> KafkaClientSettings {
        KafkaClientSettings::parse(more, Some("b1:9092,b2:9092")).expect("right settings").0
    }

    fn peer(id: Option<i32>) -> Peer {
        Peer { id: id.map(BrokerId), address: Address { host: "b1".to_owned(), port: 9092 } }
    }

    #[test]
    fn a_missing_right_is_denied_with_the_command_that_grants_it() {
        let code = Code::CLUSTER_AUTHORIZATION_FAILED;
        let error = refused(&peer(Some(3)), ApiKey::AlterPartitionReassignments, "", None, code, "");
        let scram =
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=me\nsasl.password=hunter2";
        assert_eq!(
            world_error(&error, &settings(scram)),
            WorldError::Denied {
                message: "broker 3 (b1:9092): AlterPartitionReassignments was refused with CLUSTER_AUTHORIZATION_FAILED; it needs the right Alter on Cluster".to_owned(),
                hint: "grant Alter on Cluster: kafka-acls --bootstrap-server b1:9092 --add --allow-principal 'User:me' --operation Alter --cluster".to_owned(),
            }
        );
    }

    #[test]
    fn other_codes_are_refusals_by_name_and_a_time_limit_is_not_an_answer() {
        let told = |code| {
            world_error(
                &refused(&peer(Some(3)), ApiKey::CreateTopics, "topic t", Some("t"), code, "words"),
                &settings(""),
            )
        };
        assert!(matches!(told(Code(36)), WorldError::Refused { code: Some(code), message, .. }
            if code == "TOPIC_ALREADY_EXISTS" && message == "broker 3 (b1:9092): CreateTopics of topic t was refused with TOPIC_ALREADY_EXISTS (words)"));
        assert!(matches!(told(Code::REQUEST_TIMED_OUT), WorldError::Unreachable { .. }));
    }

    #[test]
    fn every_address_is_named_and_the_most_telling_one_gives_the_hint() {
        let failure = |problem| ConnectError { peer: peer(None), problem };
        let refused = || failure(ConnectProblem::Tcp("Connection refused".to_owned()));
        let error =
            KafkaError::Bootstrap(vec![refused(), refused(), failure(ConnectProblem::CertificateMissing)]);
        let told = world_error(&error, &settings(""));
        assert_eq!(
            told.to_string(),
            "no broker of the bootstrap addresses could be used: b1:9092, b1:9092: Connection refused; b1:9092: it asks for a client certificate, and none is configured"
        );
        assert!(
            matches!(&told, WorldError::Unauthenticated { hint, .. } if hint.contains("ssl.certificate.location"))
        );
        let told = world_error(&KafkaError::Bootstrap(vec![refused()]), &settings(""));
        assert!(matches!(&told, WorldError::Unreachable { hint, .. } if hint.contains("firewall")));
    }

    #[test]
    fn a_mechanism_that_is_offered_instead_is_proposed() {
        let offered = vec!["GSSAPI".to_owned(), "SCRAM-SHA-512".to_owned()];
        let problem = ConnectProblem::SaslMechanism { wanted: "PLAIN", offered };
        assert!(connect_hint(&problem, &settings("")).contains("`sasl.mechanism=SCRAM-SHA-512`"));
    }
}
