//! [`Door`]: connections that are opened only to see whether they can be, and what brokers tell on the way in.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, AlterPartitionReassignmentsRequest, AlterReplicaLogDirsRequest, ApiKey,
    DescribeClusterRequest, DescribeConfigsRequest, DescribeLogDirsRequest, ElectLeadersRequest,
    EndTxnRequest, FetchRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest, ListGroupsRequest,
    ListOffsetsRequest, ListPartitionReassignmentsRequest, MetadataRequest, OffsetFetchRequest,
    ProduceRequest,
};
use kafka_protocol::protocol::{Request, VersionRange};

use super::call::api_of;
use super::connection::{CallError, Connection, Dialer, Explained};
use super::error::{ConnectError, ConnectProblem, KafkaError, Peer};
use super::groups::OFFSETS_OF_MANY;
use super::hint::connect_hint;
use super::versions::Versions;
use super::{certificate, tls, topology};
use crate::ask::{Greeting, Knock, Lacking, Refusal, Stage, Way, Weight};
use crate::base::BrokerId;
use crate::config::{Address, KafkaClientSettings, SaslSettings, TokenLogin};

/// The way into a cluster.
#[derive(Clone)]
pub struct Door {
    settings: KafkaClientSettings,
    dialer: Dialer,
}

impl Door {
    /// Reads what the settings name.
    ///
    /// # Errors
    /// A PEM file cannot be used.
    pub fn of(settings: &KafkaClientSettings) -> Result<Self, KafkaError> {
        Ok(Self { settings: settings.clone(), dialer: Dialer::new(settings)? })
    }

    /// How it leads in, and our own certificate.
    ///
    /// # Errors
    /// A PEM file cannot be used.
    pub fn way(&self) -> Result<Way, KafkaError> {
        let settings = &self.settings;
        let own = settings.tls.as_ref().map(tls::own_certificate).transpose()?.flatten();
        let sasl = settings.sasl.as_ref();
        Ok(Way {
            tls: settings.tls.is_some(),
            own_certificate: own.as_ref().and_then(certificate::read),
            sasl: sasl.map(|sasl| {
                let user = sasl.username().unwrap_or_default().to_owned();
                (sasl.mechanism().name().to_owned(), user)
            }),
        })
    }

    /// What brokers call us by default: the user, or whom the token stands for. What they make of a certificate, or of an AWS
    /// identity, they alone know.
    pub async fn principal(&self) -> Option<String> {
        match self.settings.sasl.as_ref()? {
            SaslSettings::Password(login) => Some(login.username.clone()),
            SaslSettings::Token(TokenLogin::MskIam(_)) => None,
            SaslSettings::Token(TokenLogin::Oidc(_)) => {
                let token = self.dialer.tokens.as_ref()?.token().await;
                token.ok().map(|token| token.principal)
            }
        }
    }

    /// Knocks at every bootstrap address in turn. After a refused password the others are left alone: the same one at each
    /// would only lock the account.
    pub async fn knock_at_bootstrap(&self) -> Vec<Knock> {
        let mut knocks: Vec<Knock> = Vec::new();
        let mut stops = false;
        for address in &self.settings.bootstrap {
            let peer = Peer { id: None, address: address.clone() };
            if stops {
                knocks.push(Knock { address: address.to_string(), broker: None, took_ms: 0, came_of: None });
                continue;
            }
            let (knock, refused) = self.knock(peer).await;
            stops = matches!(refused, Some(ConnectProblem::SaslRefused { .. }));
            knocks.push(knock);
        }
        knocks
    }

    /// Knocks at a broker.
    pub async fn knock_at(&self, broker: BrokerId, address: &Address) -> Knock {
        self.knock(Peer { id: Some(broker), address: address.clone() }).await.0
    }

    async fn knock(&self, peer: Peer) -> (Knock, Option<ConnectProblem>) {
        let began = Instant::now();
        let limit =
            self.settings.connect_timeout + self.settings.request_timeout.min(Duration::from_secs(10));
        let timed_out = |_| {
            let phase = "asking who is in the cluster";
            let problem = ConnectProblem::TimedOut { limit_ms: limit.as_millis(), phase };
            Err(ConnectError { peer: peer.clone(), problem })
        };
        let greeted = tokio::time::timeout(limit, self.greet(&peer)).await.unwrap_or_else(timed_out);
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (address, broker) = (peer.address.to_string(), peer.id);
        match greeted {
            Ok(greeting) => (Knock { address, broker, took_ms, came_of: Some(Ok(greeting)) }, None),
            Err(error) => {
                let refusal = Refusal {
                    stage: stage(&error.problem),
                    message: error.problem.to_string(),
                    hint: connect_hint(&error.problem, &self.settings),
                };
                (Knock { address, broker, took_ms, came_of: Some(Err(refusal)) }, Some(error.problem))
            }
        }
    }

    /// Opens a connection and asks one thing: a port that wants SASL lets us in without, and closes at the first question.
    async fn greet(&self, peer: &Peer) -> Result<Greeting, ConnectError> {
        let mut connection = Connection::open(peer.clone(), &self.dialer).await?;
        let asked = if connection.versions.offers(ApiKey::DescribeCluster) {
            connection.call(&DescribeClusterRequest::default()).await.map(drop)
        } else {
            connection.call(&topology::metadata_request(0)).await.map(drop)
        };
        if let Err(error) = asked {
            return Err(ConnectError { peer: peer.clone(), problem: self.unanswered(&connection, error) });
        }
        let encrypted = connection.encrypted.as_ref();
        Ok(Greeting {
            tls: encrypted.and_then(|(version, der)| Some((version.clone(), certificate::read(der)?))),
            release: connection.versions.release().map(str::to_owned),
            lacks: lacks(&connection.versions),
        })
    }

    fn unanswered(&self, connection: &Connection, error: CallError) -> ConnectProblem {
        let is_broken = matches!(error, CallError::Io(_));
        match connection.explain_call(error) {
            Explained::Connect(problem) => problem,
            Explained::Request(_) if is_broken && self.dialer.sasl.is_none() => ConnectProblem::SaslExpected,
            Explained::Request(problem) => ConnectProblem::Request { api: ApiKey::DescribeCluster, problem },
        }
    }
}

/// At which step of the way in something failed.
fn stage(problem: &ConnectProblem) -> Stage {
    match problem {
        ConnectProblem::Resolve(_) | ConnectProblem::Tcp(_) => Stage::Connection,
        ConnectProblem::TimedOut { phase, .. } | ConnectProblem::Broken { phase, .. } => {
            if phase.contains("TCP") {
                Stage::Connection
            } else if phase.contains("TLS") {
                Stage::Tls
            } else if phase.contains("SASL") {
                Stage::Sasl
            } else {
                Stage::Protocol
            }
        }
        ConnectProblem::UnknownAuthority
        | ConnectProblem::WrongHostName(_)
        | ConnectProblem::BadCertificate(_)
        | ConnectProblem::CertificateMissing
        | ConnectProblem::CertificateRefused(_)
        | ConnectProblem::Tls(_)
        | ConnectProblem::PortWithoutTls
        | ConnectProblem::PortWithTls => Stage::Tls,
        ConnectProblem::SaslExpected
        | ConnectProblem::SaslNotExpected
        | ConnectProblem::SaslMechanism { .. }
        | ConnectProblem::SaslRefused { .. }
        | ConnectProblem::NoToken { .. }
        | ConnectProblem::Scram(_)
        | ConnectProblem::Request { api: ApiKey::SaslHandshake | ApiKey::SaslAuthenticate, .. } => {
            Stage::Sasl
        }
        ConnectProblem::NotKafka(_) | ConnectProblem::Request { .. } => Stage::Protocol,
    }
}

/// A request that evenkeel makes, from a version on, and what suffers without.
struct Wanted(ApiKey, VersionRange, Lacking);

fn wanted<R: Request>(from: i16, weight: Weight, suffers: &'static str) -> Wanted {
    let ours = VersionRange { min: from.max(R::VERSIONS.min), max: R::VERSIONS.max };
    Wanted(api_of::<R>(), ours, Lacking { suffers, weight })
}

/// What evenkeel asks of brokers.
fn all_wanted() -> [Wanted; 18] {
    use Weight::{Executing, Little, Looking};
    const READS: &str = "what is read cannot be measured without metrics (Kafka 3.0)";
    const LEASE: &str = "Kafka itself cannot decide which of two evenkeels acts";
    [
        wanted::<MetadataRequest>(0, Looking, "topics cannot be seen"),
        wanted::<DescribeConfigsRequest>(
            0,
            Looking,
            "`min.insync.replicas` and throttles cannot be seen (promises 3 and 5)",
        ),
        wanted::<DescribeLogDirsRequest>(
            0,
            Looking,
            "sizes of replicas cannot be seen: no goal on disks (promise 4)",
        ),
        wanted::<DescribeLogDirsRequest>(
            4,
            Little,
            "sizes of volumes are not told (Kafka 3.3): goals on disks need `disk` under `[capacity]`",
        ),
        wanted::<ListPartitionReassignmentsRequest>(
            0,
            Executing,
            "other tools' reassignments cannot be seen (promise 10)",
        ),
        wanted::<AlterPartitionReassignmentsRequest>(0, Executing, "no replica can be moved"),
        wanted::<IncrementalAlterConfigsRequest>(
            0,
            Executing,
            "no throttle can be set or taken back (promise 5)",
        ),
        wanted::<ElectLeadersRequest>(0, Executing, "leadership cannot be handed on"),
        wanted::<AlterReplicaLogDirsRequest>(
            0,
            Little,
            "replicas cannot move between the log directories of a broker",
        ),
        wanted::<ListOffsetsRequest>(0, Little, "what is written cannot be measured without metrics"),
        wanted::<ListGroupsRequest>(0, Little, READS),
        wanted::<OffsetFetchRequest>(OFFSETS_OF_MANY.min, Little, READS),
        wanted::<DescribeClusterRequest>(0, Little, "brokers that are down are not told of"),
        wanted::<InitProducerIdRequest>(0, Little, LEASE),
        wanted::<AddPartitionsToTxnRequest>(0, Little, LEASE),
        wanted::<EndTxnRequest>(0, Little, LEASE),
        wanted::<ProduceRequest>(0, Little, "neither lease nor canary can write"),
        wanted::<FetchRequest>(0, Little, "neither lease nor canary can read"),
    ]
}

fn lacks(versions: &Versions) -> BTreeMap<String, Lacking> {
    let mut lacks: BTreeMap<String, Lacking> = BTreeMap::new();
    for Wanted(api, ours, lacking) in all_wanted() {
        if versions.pick(api, ours).is_err() {
            let name = format!("{api:?}");
            // Where the request is not taken at all, that a newer form of it is not is no news.
            lacks.entry(name).or_insert(lacking);
        }
    }
    lacks
}
