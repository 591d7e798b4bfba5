//! How a request finds its broker and is tried again: routing, retries, deadlines, reconnection.
//!
//! Most of this does not care what kind of request it carries ([`Ask`]), so that it is compiled once and not once
//! for each kind.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::{Request, StrBytes, VersionRange};

use super::AdminClient;
use super::acl::Right;
use super::code::Code;
use super::codec;
use super::connection::{Connection, Explained};
use super::error::{Answered, ConnectError, ConnectProblem, KafkaError, Peer, RequestProblem};
use super::retry::{Backoff, Deadline, Patience};
use super::topology;
use crate::base::BrokerId;
use crate::config::Address;

/// The place of the one connection to an address. Empty before the first call, while a call holds the
/// connection, and after a call has failed or was given up.
pub(super) type Slot = Arc<tokio::sync::Mutex<Option<Connection>>>;

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

/// A request of any kind, as far as its way to the broker is concerned.
pub(super) struct Ask<'a> {
    /// The kind.
    pub(super) api: ApiKey,
    /// The versions that we speak.
    pub(super) ours: VersionRange,
    /// Puts it into a frame of a version, under a correlation id, in the name of a client.
    pub(super) encode: &'a Encode<'a>,
}

type Encode<'a> = dyn Fn(i16, i32, &StrBytes) -> Result<Bytes, RequestProblem> + Sync + 'a;

fn encoder<R: Request, F: Fn(i16) -> R + Sync>(
    make: &F,
) -> impl Fn(i16, i32, &StrBytes) -> Result<Bytes, RequestProblem> + Sync {
    move |version, correlation, client_id| codec::encode(&make(version), version, correlation, client_id)
}

fn ask_of<'a, R: Request>(encode: &'a Encode<'a>) -> Ask<'a> {
    Ask { api: api_of::<R>(), ours: R::VERSIONS, encode }
}

fn reply<T>(peer: Peer, version: i16, api: ApiKey, answer: Option<T>) -> Result<Reply<T>, KafkaError> {
    let Some(answer) = answer else {
        let problem = RequestProblem::Malformed("it was not read".to_owned());
        return Err(KafkaError::Request { peer, api, problem });
    };
    Ok(Reply { peer, version, answer })
}

impl AdminClient {
    /// Asks, and asks again while that may help. An answer with a code that may pass (`code`) is asked for again;
    /// what any other code means is for the caller.
    pub(super) async fn call<R, F>(
        &self,
        target: Target,
        patience: Patience,
        make: F,
        code: impl Fn(&R::Response) -> Code + Send + Sync,
    ) -> Result<Reply<R::Response>, KafkaError>
    where
        R: Request,
        R::Response: Send,
        F: Fn(i16) -> R + Sync,
    {
        self.call_in(R::VERSIONS, target, patience, make, code).await
    }

    /// Asks in no version above `newest`: later ones name topics by ids, which one that does not exist has not.
    pub(super) async fn call_up_to<R, F>(
        &self,
        newest: i16,
        patience: Patience,
        make: F,
    ) -> Result<Reply<R::Response>, KafkaError>
    where
        R: Request,
        R::Response: Send,
        F: Fn(i16) -> R + Sync,
    {
        let ours = VersionRange { min: R::VERSIONS.min, max: R::VERSIONS.max.min(newest) };
        self.call_in(ours, Target::Any, patience, make, |_| Code::NONE).await
    }

    /// Asks in one of these versions only.
    pub(super) async fn call_in<R, F>(
        &self,
        ours: VersionRange,
        target: Target,
        patience: Patience,
        make: F,
        code: impl Fn(&R::Response) -> Code + Send + Sync,
    ) -> Result<Reply<R::Response>, KafkaError>
    where
        R: Request,
        R::Response: Send,
        F: Fn(i16) -> R + Sync,
    {
        let encode = encoder(&make);
        let mut answer = None;
        let mut read = |version, body| {
            let decoded = codec::decode::<R>(body, version)?;
            let code = code(&decoded);
            answer = Some(decoded);
            Ok(code)
        };
        let ask = Ask { ours, ..ask_of::<R>(&encode) };
        let (peer, version) = self.persist(target, patience, &ask, &mut read).await?;
        reply(peer, version, api_of::<R>(), answer)
    }

    /// Asks one broker, once.
    pub(super) async fn call_once<R, F>(
        &self,
        peer: &Peer,
        limit: Duration,
        make: F,
    ) -> Result<Reply<R::Response>, KafkaError>
    where
        R: Request,
        R::Response: Send,
        F: Fn(i16) -> R + Sync,
    {
        let encode = encoder(&make);
        let (version, body) = self.exchange(peer, limit, &ask_of::<R>(&encode)).await?;
        let failed = |problem| KafkaError::Request { peer: peer.clone(), api: api_of::<R>(), problem };
        let answer = codec::decode::<R>(body, version).map_err(failed)?;
        Ok(Reply { peer: peer.clone(), version, answer })
    }

    async fn persist(
        &self,
        target: Target,
        patience: Patience,
        ask: &Ask<'_>,
        read: &mut (dyn FnMut(i16, Bytes) -> Result<Code, RequestProblem> + Send),
    ) -> Result<(Peer, i16), KafkaError> {
        let deadline = Deadline::after(patience.overall);
        let seed = self.inner.calls.fetch_add(1, Ordering::Relaxed);
        let settings = &self.inner.settings;
        let mut backoff = Backoff::new(settings.retry_backoff, settings.retry_backoff_max, seed);
        let mut tried = 0;
        loop {
            let left = deadline.left();
            let attempt = async {
                let peer = self.route(target, seed, tried).await?;
                let (version, body) = self.exchange(&peer, patience.per_try.min(left), ask).await?;
                Ok((peer, version, body))
            };
            let outcome = match tokio::time::timeout(left, attempt).await {
                Ok(outcome) => outcome,
                Err(_) => Err(self.out_of_time(target, patience, ask.api)),
            };
            let error = match outcome {
                Ok((peer, version, body)) => match read(version, body) {
                    Ok(code) if !code.is_retriable() => return Ok((peer, version)),
                    Ok(code) => refused(&peer, ask.api, "", None, code, ""),
                    Err(problem) => KafkaError::Request { peer, api: ask.api, problem },
                },
                Err(error) => error,
            };
            tried += 1;
            let hopeless = !error.is_retriable() && !self.may_go_elsewhere(target, tried, &error);
            let wait = backoff.next();
            if hopeless || tried >= patience.tries || wait >= deadline.left() {
                return Err(error);
            }
            tracing::debug!(%error, tried, "asking again");
            tokio::time::sleep(wait).await;
            // What comes of it shows in the next try; past the deadline there is none.
            drop(tokio::time::timeout(deadline.left(), self.look_anew(&error)).await);
        }
    }

    /// The error for a call whose time went by while looking for whom to ask.
    fn out_of_time(&self, target: Target, patience: Patience, api: ApiKey) -> KafkaError {
        let first = || Peer { id: None, address: self.inner.settings.bootstrap[0].clone() };
        let peer = match target {
            Target::Broker(id) => self.peer(id),
            Target::Controller => self.topology().controller.and_then(|id| self.peer(id)),
            Target::Any => self.candidates().into_iter().next(),
        };
        let problem = RequestProblem::TimedOut(patience.overall.as_millis());
        KafkaError::Request { peer: peer.unwrap_or_else(first), api, problem }
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
    pub(super) fn candidates(&self) -> Vec<Peer> {
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

    /// One request to one broker, over the connection that there is, or a new one; gives the body of the answer.
    async fn exchange(
        &self,
        peer: &Peer,
        limit: Duration,
        ask: &Ask<'_>,
    ) -> Result<(i16, Bytes), KafkaError> {
        let failed = |problem| KafkaError::Request { peer: peer.clone(), api: ask.api, problem };
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
                match self.one_exchange(&mut connection, ask).await {
                    Ok(answer) => {
                        *place = Some(connection);
                        return Ok(answer);
                    }
                    // Brokers close connections that were idle for long: that is no failure of theirs.
                    Err(Explained::Request(RequestProblem::Broken(_))) if !fresh => {}
                    Err(Explained::Request(problem)) => {
                        let is_sound = matches!(
                            problem,
                            RequestProblem::NotOffered(_)
                                | RequestProblem::Encode(_)
                                | RequestProblem::Withheld(_)
                        );
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

    async fn one_exchange(
        &self,
        connection: &mut Connection,
        ask: &Ask<'_>,
    ) -> Result<(i16, Bytes), Explained> {
        connection.renew_session().await.map_err(Explained::Connect)?;
        let version = connection.versions.pick(ask.api, ask.ours).map_err(Explained::Request)?;
        if let Some(permit) = &self.permit {
            // It may have to ask the cluster, and keeps this thread meanwhile.
            let held = tokio::task::block_in_place(|| permit.holds());
            held.map_err(|why| Explained::Request(RequestProblem::Withheld(why)))?;
        }
        let body = connection.exchange(ask, version).await;
        body.map(|body| (version, body)).map_err(|error| connection.explain_call(error))
    }

    fn slot(&self, address: &Address) -> Slot {
        let mut slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(address.clone()).or_default().clone()
    }
}
