//! [`KafkaError`]: what can go wrong between us and a broker, named so that an operator can act.
//!
//! Each error says which broker and which request it is about. What would help is said by [`super::hint`].

use std::fmt;

use kafka_protocol::messages::ApiKey;

use super::acl::Right;
use super::code::Code;
use crate::base::BrokerId;
use crate::config::Address;
use crate::control::JournalError;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// A setting names something that cannot be used, such as a certificate file that is not there.
    #[error("`{key}`: {problem}")]
    Setting {
        /// The key of the client settings.
        key: &'static str,
        /// What is wrong with what it names.
        problem: String,
    },
    /// None of the bootstrap addresses led to the cluster.
    #[error("no broker of the bootstrap addresses could be used: {}", list(.0))]
    Bootstrap(Vec<ConnectError>),
    /// A broker could not be connected to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A request got no usable answer.
    #[error("{peer}: {api:?} {problem}")]
    Request {
        /// The broker asked.
        peer: Peer,
        /// The request.
        api: ApiKey,
        /// What happened.
        problem: RequestProblem,
    },
    /// The broker answered with an error code.
    #[error("{0}")]
    Answered(Box<Answered>),
    /// The broker is not a living member of the cluster.
    #[error("broker {0} is not among the brokers that are alive")]
    NoSuchBroker(BrokerId),
    /// A broker is down, and the way round it through the controller failed too.
    #[error("broker {broker} cannot take the change ({direct}), nor can the controller for it ({around})")]
    BrokerAway {
        /// The broker.
        broker: BrokerId,
        /// What the broker itself said.
        direct: Box<KafkaError>,
        /// What came of asking the controller.
        around: Box<KafkaError>,
    },
}

/// Each address and why; addresses with the same problem share it.
fn list(errors: &[ConnectError]) -> String {
    let mut groups: Vec<(String, String)> = Vec::new();
    for error in errors {
        let (peer, problem) = (error.peer.to_string(), error.problem.to_string());
        match groups.iter_mut().find(|(_, known)| *known == problem) {
            Some((peers, _)) => *peers = format!("{peers}, {peer}"),
            None => groups.push((peer, problem)),
        }
    }
    groups.iter().map(|(peers, problem)| format!("{peers}: {problem}")).collect::<Vec<_>>().join("; ")
}

/// Whom we speak to. Prints as `broker 3 (host:9092)`, or as the address alone while its id is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// The id, once the cluster has told it.
    pub id: Option<BrokerId>,
    /// Where it listens.
    pub address: Address,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "broker {id} ({})", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// A connection that did not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{peer}: {problem}")]
pub struct ConnectError {
    /// Whom we tried to reach.
    pub peer: Peer,
    /// Why it failed.
    pub problem: ConnectProblem,
}

/// Why a connection did not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectProblem {
    /// The host name has no address.
    #[error("the host name cannot be resolved ({0})")]
    Resolve(String),
    /// TCP refused or failed.
    #[error("{0}")]
    Tcp(String),
    /// Nothing came in time.
    #[error("no answer within {limit_ms} ms while {phase}")]
    TimedOut {
        /// The time limit.
        limit_ms: u128,
        /// What was being done.
        phase: &'static str,
    },
    /// The connection broke off.
    #[error("the connection broke off while {phase} ({problem})")]
    Broken {
        /// What was being done.
        phase: &'static str,
        /// How it broke.
        problem: String,
    },
    /// The broker's certificate is signed by an authority that we do not trust.
    #[error("its certificate is signed by an authority that is not trusted")]
    UnknownAuthority,
    /// The broker's certificate is for other names.
    #[error("its certificate is not for this host name{}", presented(.0))]
    WrongHostName(Vec<String>),
    /// The broker's certificate is not valid for another reason.
    #[error("its certificate is not valid: {0}")]
    BadCertificate(String),
    /// The broker wants a client certificate and we have none.
    #[error("it asks for a client certificate, and none is configured")]
    CertificateMissing,
    /// The broker does not accept our certificate.
    #[error("it does not accept our client certificate (TLS alert {0})")]
    CertificateRefused(String),
    /// TLS failed for another reason.
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
    /// We spoke TLS to a port without.
    #[error("the port speaks no TLS")]
    PortWithoutTls,
    /// We spoke plainly to a port with TLS.
    #[error("the port speaks TLS, and we do not")]
    PortWithTls,
    /// What answers is no Kafka broker.
    #[error("what answers there does not speak Kafka's protocol ({0})")]
    NotKafka(String),
    /// The port wants SASL, and we have none configured; brokers close the connection without a word.
    #[error("it closed the connection on the first request, as a port does that asks for SASL")]
    SaslExpected,
    /// The port does not do SASL.
    #[error("the port does not ask for SASL, and we offer it")]
    SaslNotExpected,
    /// The mechanism is not offered.
    #[error("it does not offer the SASL mechanism {wanted}; it offers {}", offered.join(", "))]
    SaslMechanism {
        /// What we want.
        wanted: &'static str,
        /// What is offered.
        offered: Vec<String>,
    },
    /// Name or password are wrong.
    #[error("it refused user `{user}`: {words}")]
    SaslRefused {
        /// The user.
        user: String,
        /// The broker's words.
        words: String,
    },
    /// There is no token to show.
    #[error("{problem}")]
    NoToken {
        /// Why.
        problem: String,
        /// Whether it may pass by itself.
        is_passing: bool,
    },
    /// The broker could not prove that it knows the password too (SCRAM), or strayed from the protocol.
    #[error("the SCRAM exchange failed: {0}")]
    Scram(#[from] super::scram::ScramError),
    /// A request on the way to a usable connection failed.
    #[error("{api:?} {problem}")]
    Request {
        /// The request.
        api: ApiKey,
        /// What happened.
        problem: RequestProblem,
    },
}

fn presented(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(", but for {}", names.join(", ")) }
}

/// Why a request got no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestProblem {
    /// Nothing came in time; whether the broker did what was asked is not known.
    #[error("got no answer within {0} ms")]
    TimedOut(u128),
    /// The connection broke off; whether the broker did what was asked is not known.
    #[error("got no answer, the connection broke off ({0})")]
    Broken(String),
    /// The answer is not what Kafka's protocol says it is.
    #[error("got an answer that cannot be read: {0}")]
    Malformed(String),
    /// The answer is larger than what we take.
    #[error("got an answer of {size_bytes} bytes, more than the limit of {limit_bytes}")]
    TooLarge {
        /// Size announced.
        size_bytes: u32,
        /// The limit.
        limit_bytes: u32,
    },
    /// We could not put the request in words; a defect of ours.
    #[error("cannot be encoded: {0}")]
    Encode(String),
    /// The broker does not know the request, or no version of it that we speak.
    #[error("is not offered by this broker in a version that we speak{0}")]
    NotOffered(String),
    /// It was not sent, or not sent again: the right to act is lost, or may be.
    #[error("was held back: {0}")]
    Withheld(JournalError),
}

/// An answer with an error code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The broker that answered.
    pub peer: Peer,
    /// The request.
    pub api: ApiKey,
    /// What of the request it is about, such as `topic orders`; empty for all of it.
    pub subject: String,
    /// The code.
    pub code: Code,
    /// Kafka's words, where it gave some.
    pub words: String,
    /// The right that is missing, when that is the matter.
    pub needs: Option<Right>,
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.peer, self.api)?;
        if !self.subject.is_empty() {
            write!(f, " of {}", self.subject)?;
        }
        write!(f, " was refused with {}", self.code)?;
        if !self.words.is_empty() {
            write!(f, " ({})", self.words)?;
        }
        if let Some(right) = &self.needs {
            write!(f, "; it needs the right {right}")?;
        }
        Ok(())
    }
}

impl KafkaError {
    /// Whether the same request may succeed if it is sent again, perhaps elsewhere.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Connect(error) => error.problem.is_passing(),
            Self::Request { problem, .. } => {
                matches!(problem, RequestProblem::TimedOut(_) | RequestProblem::Broken(_))
            }
            Self::Answered(answered) => answered.code.is_retriable(),
            Self::NoSuchBroker(_) | Self::BrokerAway { .. } | Self::Setting { .. } | Self::Bootstrap(_) => {
                false
            }
        }
    }

    /// Whether a right is missing.
    pub fn is_denial(&self) -> bool {
        self.code().is_some_and(Code::is_denied)
    }

    /// Whether the broker does not take such a request, in no version that we speak.
    pub fn is_not_offered(&self) -> bool {
        matches!(self, Self::Request { problem: RequestProblem::NotOffered(_), .. })
    }

    /// The code, when a broker answered with one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Answered(answered) => Some(answered.code),
            _ => None,
        }
    }
}

impl ConnectProblem {
    /// Whether it may pass by itself; a wrong password or a wrong certificate does not.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NoToken { is_passing, .. } => *is_passing,
            Self::Resolve(_) | Self::Tcp(_) | Self::TimedOut { .. } | Self::Broken { .. } => true,
            Self::Request { problem, .. } => {
                matches!(problem, RequestProblem::TimedOut(_) | RequestProblem::Broken(_))
            }
            _ => false,
        }
    }

    /// Whether it is about who is who: passwords and certificates.
    pub fn is_about_identity(&self) -> bool {
        matches!(
            self,
            Self::UnknownAuthority
                | Self::WrongHostName(_)
                | Self::BadCertificate(_)
                | Self::CertificateMissing
                | Self::CertificateRefused(_)
                | Self::SaslExpected
                | Self::SaslMechanism { .. }
                | Self::SaslRefused { .. }
                | Self::NoToken { .. }
                | Self::Scram(_)
        )
    }
}
