//! [`AdminClient`]: connections to the brokers of one cluster, and one way to ask any of them anything.
//!
//! Each kind of request has a file of its own, which adds methods to this type; how a request finds its broker and
//! is tried again is in [`super::call`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kafka_protocol::messages::{ApiKey, DescribeClusterRequest, MetadataRequest};

use super::call::Slot;
use super::connection::Dialer;
use super::error::{ConnectError, ConnectProblem, KafkaError, Peer, RequestProblem};
use super::retry::Patience;
use super::topology::{self, Topology};
use crate::config::{Address, KafkaClientSettings};
use crate::control::Permit;

/// A client for the administration of one cluster. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct AdminClient {
    pub(super) inner: Arc<Inner>,
    /// Asked right before each request leaves.
    pub(super) permit: Option<Permit>,
}

pub(super) struct Inner {
    pub(super) settings: KafkaClientSettings,
    pub(super) dialer: Dialer,
    topology: Mutex<Topology>,
    /// The address that last told who is in the cluster: the first to be asked again.
    told_by: Mutex<Option<Address>>,
    pub(super) slots: Mutex<BTreeMap<Address, Slot>>,
    /// Counts calls: spreads those that any broker can answer, and seeds the jitter of each.
    pub(super) calls: AtomicU64,
    pub(super) opened: AtomicU64,
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
            told_by: Mutex::default(),
            slots: Mutex::default(),
            calls: AtomicU64::new(u64::from(std::process::id())),
            opened: AtomicU64::new(0),
        };
        let client = Self { inner: Arc::new(inner), permit: None };
        client.bootstrap().await?;
        Ok(client)
    }

    /// The same client, whose requests leave only as long as a permit holds: it is asked right before each, and before
    /// each that is tried again.
    #[must_use]
    pub fn permitted_by(&self, permit: &Permit) -> Self {
        Self { permit: Some(permit.clone()), ..self.clone() }
    }

    /// Who is in the cluster, as last seen.
    pub fn topology(&self) -> Topology {
        self.inner.topology.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets go of all connections, and looks at who is in the cluster over new ones.
    ///
    /// # Errors
    /// No broker answers.
    pub async fn afresh(&self) -> Result<Topology, KafkaError> {
        self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.refresh_topology().await
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
        let mut peers = self.candidates();
        // One that answered is likely to answer again; one that is dead may cost a time limit to find out.
        let told_by = self.inner.told_by.lock().unwrap_or_else(PoisonError::into_inner).clone();
        peers.sort_by_key(|peer| Some(&peer.address) != told_by.as_ref());
        for peer in peers {
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
            self.call_once::<DescribeClusterRequest, _>(peer, limit, topology::cluster_request).await;
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
                let made = topology::metadata_request;
                let reply = self.call_once::<MetadataRequest, _>(peer, limit, made).await?;
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
        *self.inner.told_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer.address.clone());
        self.forget_addresses();
        Ok(())
    }

    /// Lets go of connections to brokers that are no more, or that have moved.
    fn forget_addresses(&self) {
        let known: Vec<Address> = self.candidates().into_iter().map(|peer| peer.address).collect();
        let mut slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|address, _| known.contains(address));
    }

    /// What the cluster's brokers offer, as far as the connection to the controller or a bootstrap broker tells:
    /// the release, by the newest `metadata.version` they know.
    pub(super) async fn release(&self) -> Option<String> {
        let mut oldest: Option<(Vec<u32>, &'static str)> = None;
        for slot in self.slots() {
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

    /// Whether the cluster runs with `KRaft`, as far as the brokers that were asked tell: they can be asked for the quorum.
    pub(super) async fn has_quorum(&self) -> bool {
        for slot in self.slots() {
            let place = slot.lock().await;
            if place.as_ref().is_some_and(|connection| connection.versions.offers(ApiKey::DescribeQuorum)) {
                return true;
            }
        }
        false
    }

    fn slots(&self) -> Vec<Slot> {
        self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
