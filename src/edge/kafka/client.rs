//! [`AdminClient`]: connections to the brokers of one cluster, and one way to ask any of them anything.
//!
//! Each kind of request has a file of its own, which adds methods to this type. Routing, retries, deadlines and
//! reconnection are here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kafka_protocol::messages::{ApiKey, DescribeClusterRequest, MetadataRequest};
use kafka_protocol::protocol::Request;

use super::acl::Right;
use super::code::Code;
use super::connection::{Connection, Dialer, Explained};
use super::error::{Answered, ConnectError, ConnectProblem, KafkaError, Peer, RequestProblem};
use super::retry::{Backoff, Deadline, Patience};
use super::topology::{self, Topology};
use crate::base::BrokerId;
use crate::config::{Address, KafkaClientSettings};

/// A client for the administration of one cluster. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct AdminClient {
    inner: Arc<Inner>,
}

struct Inner {
    settings: KafkaClientSettings,
    dialer: Dialer,
    topology: Mutex<Topology>,
    slots: Mutex<BTreeMap<Address, Slot>>,
    /// Counts calls: spreads those that any broker can answer, and seeds the jitter of each.
    calls: AtomicU64,
    opened: AtomicU64,
}

/// The place of the one connection to an address. Empty before the first call, while a call holds the
/// connection, and after a call has failed or was given up.
type Slot = Arc<tokio::sync::Mutex<Option<Connection>>>;

/// Who is to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Any broker that is alive.
    Any,
    /// The controller.
    Controller,
    /// This broker.
    Broker(BrokerId),
}

/// An answer, and who gave it.
pub(super) struct Reply<T> {
    pub(super) peer: Peer,
    /// The version spoken.
    pub(super) version: i16,
    pub(super) answer: T,
}

impl<T> Reply<T> {
    /// The error for a part of this answer.
    pub(super) fn error(
        &self,
        api: ApiKey,
        subject: &str,
        topic: Option<&str>,
        code: Code,
        words: &str,
    ) -> KafkaError {
        refused(&self.peer, api, subject, topic, code, words)
    }

    /// The error for an answer that contradicts itself.
    pub(super) fn malformed(&self, api: ApiKey, problem: String) -> KafkaError {
        KafkaError::Request { peer: self.peer.clone(), api, problem: RequestProblem::Malformed(problem) }
    }
}

/// The error for a refusal, with the right that is missing.
pub(super) fn refused(
    peer: &Peer,
    api: ApiKey,
    subject: &str,
    topic: Option<&str>,
    code: Code,
    words: &str,
) -> KafkaError {
    KafkaError::Answered(Box::new(Answered {
        peer: peer.clone(),
        api,
        subject: subject.to_owned(),
        code,
        words: words.to_owned(),
        needs: Right::missing(api, code, topic),
    }))
}

/// The API of a request type.
pub(super) fn api_of<R: Request>() -> ApiKey {
    ApiKey::try_from(R::KEY).unwrap_or(ApiKey::ApiVersions)
}

impl AdminClient {
    /// Connects to a cluster by its bootstrap addresses, in order, until one of them leads to it.
    ///
    /// # Errors
    /// A PEM file cannot be used, or no address leads to the cluster; the error names each and why.
    pub async fn connect(settings: &KafkaClientSettings) -> Result<Self, KafkaError> {
        let inner = Inner {
            settings: settings.clone(),
            dialer: Dialer::new(settings)?,
            topology: Mutex::default(),
            slots: Mutex::default(),
            calls: AtomicU64::new(u64::from(std::process::id())),
            opened: AtomicU64::new(0),
        };
        let client = Self { inner: Arc::new(inner) };
        client.bootstrap().await?;
        Ok(client)
    }

    /// Who is in the cluster, as last seen.
    pub fn topology(&self) -> Topology {
        self.inner.topology.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The settings that it was connected with.
    pub fn settings(&self) -> &KafkaClientSettings {
        &self.inner.settings
    }

    /// How many connections were opened so far: one per broker, and one more for each that broke off.
    pub fn connections_opened(&self) -> u64 {
        self.inner.opened.load(Ordering::Relaxed)
    }

    /// How patiently calls are tried when nothing else is said.
    pub(super) fn patience(&self) -> Patience {
        let settings = &self.inner.settings;
        Patience { per_try: settings.request_timeout, overall: settings.call_timeout, tries: u32::MAX }
    }

    async fn bootstrap(&self) -> Result<(), KafkaError> {
        let mut failures = Vec::new();
        for address in &self.inner.settings.bootstrap {
            let peer = Peer { id: None, address: address.clone() };
            let problem = match self.ask_topology(&peer).await {
                Ok(()) => return Ok(()),
                Err(KafkaError::Connect(error)) => error.problem,
                Err(KafkaError::Request { problem: RequestProblem::Broken(_), .. })
                    if self.inner.dialer.sasl.is_none() =>
                {
                    // Versions were negotiated, which every port allows, and the first real request was not answered.
                    ConnectProblem::SaslExpected
                }
                Err(KafkaError::Request { api, problem, .. }) => ConnectProblem::Request { api, problem },
                Err(other) => return Err(other),
            };
            // The same password at every broker in turn would only lock the account.
            let stop = matches!(problem, ConnectProblem::SaslRefused { .. });
            failures.push(ConnectError { peer, problem });
            if stop {
                break;
            }
        }
        Err(KafkaError::Bootstrap(failures))
    }

    /// Looks anew at who is in the cluster.
    ///
    /// # Errors
    /// No broker answers.
    pub async fn refresh_topology(&self) -> Result<Topology, KafkaError> {
        let mut last = None;
        for peer in self.candidates() {
            match self.ask_topology(&peer).await {
                Ok(()) => return Ok(self.topology()),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| KafkaError::Bootstrap(Vec::new())))
    }

    async fn ask_topology(&self, peer: &Peer) -> Result<(), KafkaError> {
        let limit = self.inner.settings.request_timeout;
        let described =
            self.exchange::<DescribeClusterRequest, _>(peer, limit, &topology::cluster_request).await;
        let (api, found) = match described {
            Ok(reply) => {
                let api = ApiKey::DescribeCluster;
                let code = topology::cluster_code(&reply.answer);
                if !code.is_ok() {
                    let words = reply.answer.error_message.as_deref().unwrap_or_default();
                    return Err(reply.error(api, "", None, code, words));
                }
                (api, Topology::of_cluster(&reply.answer))
            }
            Err(KafkaError::Request { problem: RequestProblem::NotOffered(_), .. }) => {
                let made = &topology::metadata_request;
                let reply = self.exchange::<MetadataRequest, _>(peer, limit, made).await?;
                (ApiKey::Metadata, Topology::of_metadata(&reply.answer))
            }
            Err(error) => return Err(error),
        };
        let malformed = |problem| KafkaError::Request {
            peer: peer.clone(),
            api,
            problem: RequestProblem::Malformed(problem),
        };
        let found = found.map_err(malformed)?;
        if found.alive().next().is_none() {
            return Err(malformed("it names no living broker".to_owned()));
        }
        *self.inner.topology.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }

    /// Asks, and asks again while that may help. An answer with a code that may pass (`code`) is asked for again;
    /// what any other code means is for the caller.
    pub(super) async fn call<R, F>(
        &self,
        target: Target,
        patience: Patience,
        make: F,
        code: impl Fn(&R::Response) -> Code,
    ) -> Result<Reply<R::Response>, KafkaError>
    where
        R: Request,
        F: Fn(i16) -> R,
    {
        let deadline = Deadline::after(patience.overall);
        let seed = self.inner.calls.fetch_add(1, Ordering::Relaxed);
        let settings = &self.inner.settings;
        let mut backoff = Backoff::new(settings.retry_backoff, settings.retry_backoff_max, seed);
        let mut tried = 0;
        loop {
            let left = deadline.left();
            let attempt = async {
                let peer = self.route(target, seed, tried).await?;
                self.exchange::<R, F>(&peer, patience.per_try.min(left), &make).await
            };
            let outcome = match tokio::time::timeout(left, attempt).await {
                Ok(outcome) => outcome,
                Err(_) => Err(self.out_of_time::<R>(target, patience)),
            };
            let error = match outcome {
                Ok(reply) => {
                    let code = code(&reply.answer);
                    if !code.is_retriable() {
                        return Ok(reply);
                    }
                    reply.error(api_of::<R>(), "", None, code, "")
                }
                Err(error) => error,
            };
            tried += 1;
            let elsewhere =
                target != Target::Broker(BrokerId(-1)) && self.may_go_elsewhere(target, tried, &error);
            let wait = backoff.next();
            let hopeless = !error.is_retriable() && !elsewhere;
            if hopeless || tried >= patience.tries || wait >= deadline.left() {
                return Err(error);
            }
            tracing::debug!(%error, tried, "asking again");
            tokio::time::sleep(wait).await;
            // Its outcome is that of the next try: past the deadline there is none.
            drop(tokio::time::timeout(deadline.left(), self.look_anew(&error)).await);
        }
    }

    /// The error for a call whose time went by while looking for whom to ask.
    fn out_of_time<R: Request>(&self, target: Target, patience: Patience) -> KafkaError {
        let first = || Peer { id: None, address: self.inner.settings.bootstrap[0].clone() };
        let peer = match target {
            Target::Broker(id) => self.peer(id),
            Target::Controller => self.topology().controller.and_then(|id| self.peer(id)),
            Target::Any => self.candidates().into_iter().next(),
        };
        let problem = RequestProblem::TimedOut(patience.overall.as_millis());
        KafkaError::Request { peer: peer.unwrap_or_else(first), api: api_of::<R>(), problem }
    }

    /// One broker's bad certificate or closed port is no reason to give up what another can answer.
    fn may_go_elsewhere(&self, target: Target, tried: u32, error: &KafkaError) -> bool {
        let refused = matches!(
            error,
            KafkaError::Connect(ConnectError { problem: ConnectProblem::SaslRefused { .. }, .. })
        );
        target == Target::Any
            && matches!(error, KafkaError::Connect(_))
            && !refused
            && (tried as usize) < self.candidates().len()
    }

    /// After a failure that may come from an outdated view of the cluster, looks again. That this look fails too
    /// is no news: the call goes on with what is known and reports its own failure.
    async fn look_anew(&self, error: &KafkaError) {
        let outdated = match error {
            KafkaError::Answered(answered) => answered.code == Code::NOT_CONTROLLER,
            _ => true,
        };
        if outdated && let Err(error) = self.refresh_topology().await {
            tracing::debug!(%error, "the brokers of the cluster could not be looked up anew");
        }
    }

    /// Living brokers as last seen, then the bootstrap addresses, which may have been given new brokers since.
    fn candidates(&self) -> Vec<Peer> {
        let topology = self.topology();
        let peer = |(id, broker): (BrokerId, &topology::KnownBroker)| Peer {
            id: Some(id),
            address: broker.address.clone(),
        };
        let mut peers: Vec<Peer> = topology.alive().map(peer).collect();
        for address in &self.inner.settings.bootstrap {
            if peers.iter().all(|peer| peer.address != *address) {
                peers.push(Peer { id: None, address: address.clone() });
            }
        }
        peers
    }

    async fn route(&self, target: Target, seed: u64, tried: u32) -> Result<Peer, KafkaError> {
        let any = || {
            let peers = self.candidates();
            let alive = self.topology().alive().count().max(1) as u64;
            // The first tries go round the living brokers; the bootstrap addresses come after them.
            let at =
                if u64::from(tried) < alive { (seed + u64::from(tried)) % alive } else { u64::from(tried) };
            peers[usize::try_from(at).unwrap_or(0) % peers.len()].clone()
        };
        let id = match target {
            Target::Any => return Ok(any()),
            Target::Controller => match self.topology().controller {
                Some(id) => id,
                None => return Ok(any()),
            },
            Target::Broker(id) => id,
        };
        if let Some(peer) = self.peer(id) {
            return Ok(peer);
        }
        self.refresh_topology().await?;
        match (self.peer(id), target) {
            (Some(peer), _) => Ok(peer),
            (None, Target::Broker(_)) => Err(KafkaError::NoSuchBroker(id)),
            (None, _) => Ok(any()),
        }
    }

    fn peer(&self, id: BrokerId) -> Option<Peer> {
        let topology = self.topology();
        let broker = topology.brokers.get(&id).filter(|broker| !broker.fenced)?;
        Some(Peer { id: Some(id), address: broker.address.clone() })
    }

    /// One request to one broker, over the connection that there is, or a new one.
    pub(super) async fn exchange<R, F>(
        &self,
        peer: &Peer,
        limit: std::time::Duration,
        make: &F,
    ) -> Result<Reply<R::Response>, KafkaError>
    where
        R: Request,
        F: Fn(i16) -> R,
    {
        let api = api_of::<R>();
        let failed = |problem| KafkaError::Request { peer: peer.clone(), api, problem };
        let attempt = async {
            let slot = self.slot(&peer.address);
            // Taken out while in use: a call that is given up half way leaves no connection behind that would
            // hand its late answer to the next call.
            let mut place = slot.lock().await;
            loop {
                let (mut connection, fresh) = if let Some(connection) = place.take() {
                    (connection, false)
                } else {
                    let opened = Connection::open(peer.clone(), &self.inner.dialer).await?;
                    self.inner.opened.fetch_add(1, Ordering::Relaxed);
                    (opened, true)
                };
                match one_call::<R, F>(&mut connection, make).await {
                    Ok((version, answer)) => {
                        *place = Some(connection);
                        return Ok(Reply { peer: peer.clone(), version, answer });
                    }
                    // Brokers close connections that were idle for long: that is no failure of theirs.
                    Err(Explained::Request(RequestProblem::Broken(_))) if !fresh => {}
                    Err(Explained::Request(problem)) => {
                        let is_sound =
                            matches!(problem, RequestProblem::NotOffered(_) | RequestProblem::Encode(_));
                        *place = is_sound.then_some(connection);
                        return Err(failed(problem));
                    }
                    Err(Explained::Connect(problem)) => {
                        return Err(ConnectError { peer: peer.clone(), problem }.into());
                    }
                }
            }
        };
        match tokio::time::timeout(limit, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(failed(RequestProblem::TimedOut(limit.as_millis()))),
        }
    }

    fn slot(&self, address: &Address) -> Slot {
        let mut slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(address.clone()).or_default().clone()
    }

    /// What the cluster's brokers offer, as far as the connection to the controller or a bootstrap broker tells:
    /// the release, by the newest `metadata.version` they know.
    pub(super) async fn release(&self) -> Option<String> {
        let slots: Vec<Slot> = {
            let slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.values().cloned().collect()
        };
        let mut oldest: Option<(Vec<u32>, &'static str)> = None;
        for slot in slots {
            let place = slot.lock().await;
            let Some(release) = place.as_ref().and_then(|connection| connection.versions.release()) else {
                continue;
            };
            let parts: Vec<u32> = release.split('.').filter_map(|part| part.parse().ok()).collect();
            if oldest.as_ref().is_none_or(|(before, _)| parts < *before) {
                oldest = Some((parts, release));
            }
        }
        oldest.map(|(_, release)| release.to_owned())
    }
}

async fn one_call<R, F>(connection: &mut Connection, make: &F) -> Result<(i16, R::Response), Explained>
where
    R: Request,
    F: Fn(i16) -> R,
{
    connection.renew_session().await.map_err(Explained::Connect)?;
    let version = connection.versions.pick::<R>().map_err(Explained::Request)?;
    let answer = connection.call(make).await.map_err(|error| connection.explain_call(error))?;
    Ok((version, answer))
}
