//! [`Facts`]: what was found out about the way into a cluster, before it is judged. Whoever asks puts it together;
//! nothing here is a verdict.

use std::collections::BTreeMap;

use crate::base::{BrokerId, TimestampMs};
use crate::config::{LeaseMode, Mode};
use crate::goals::GoalSet;
use crate::observe::Observation;

/// What was found out.
pub struct Facts<'a> {
    /// What people call the cluster.
    pub cluster: String,
    /// When it was asked.
    pub now: TimestampMs,
    /// How far evenkeel is to go there.
    pub mode: Mode,
    /// How it is reached, as far as that is set.
    pub way: Way,
    /// The bootstrap addresses, in order, as far as they were tried.
    pub bootstrap: Vec<Knock>,
    /// Every broker that the cluster names; `None` where no bootstrap address led there.
    pub brokers: Option<Vec<Knock>>,
    /// The rights, each tried; empty where no broker could be asked.
    pub rights: Vec<Need>,
    /// Where to grant them, and to whom.
    pub grants: Grants,
    /// The metrics endpoints, each broker's in order; `None` where none are set.
    pub endpoints: Option<Vec<Endpoint>>,
    /// The look at the cluster: `Ok`, or why there is none; `None` where it was not tried.
    pub look: Option<Result<&'a Observation, String>>,
    /// The goals that it is to be judged by.
    pub goals: &'a GoalSet,
    /// Whether Kafka is to decide which of two evenkeels acts.
    pub lease: LeaseMode,
    /// What is wrong with the lease's topic as it is, in words with the mend; absent where nothing is.
    pub lease_trouble: Option<String>,
    /// Whether the canary is to measure.
    pub wants_canary: bool,
}

/// How the cluster is reached.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Our own certificate, where one is shown.
    pub own_certificate: Option<Certificate>,
    /// The SASL mechanism and the user, where one logs in.
    pub sasl: Option<(String, String)>,
}

/// One connection that was opened only to see whether it can be.
#[derive(Debug, Clone)]
pub struct Knock {
    /// The address, `HOST:PORT`.
    pub address: String,
    /// Who is there, where that is known.
    pub broker: Option<BrokerId>,
    /// How long it took, or took to fail, in milliseconds.
    pub took_ms: u64,
    /// What came of it; `None` where it was not tried.
    pub came_of: Option<Result<Greeting, Refusal>>,
}

/// What a broker tells on the way in.
#[derive(Debug, Clone, Default)]
pub struct Greeting {
    /// The version of TLS, and the broker's certificate; absent without TLS.
    pub tls: Option<(String, Certificate)>,
    /// The release that the broker's newest feature level belongs to.
    pub release: Option<String>,
    /// Requests that evenkeel makes and the broker does not take, each with what suffers.
    pub lacks: BTreeMap<String, Lacking>,
}

/// What suffers from a request that a broker does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lacking {
    /// What cannot be done.
    pub suffers: &'static str,
    /// How far one gets without.
    pub weight: Weight,
}

/// How much hangs on something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Something is less good.
    Little,
    /// Nothing can be carried out.
    Executing,
    /// The cluster cannot even be looked at.
    Looking,
}

/// A certificate, as far as people want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// From when it holds.
    pub from: TimestampMs,
    /// Until when.
    pub until: TimestampMs,
}

/// Where a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Name or TCP.
    Connection,
    /// TLS, certificates.
    Tls,
    /// Logging in.
    Sasl,
    /// What answers speaks no Kafka, or not ours.
    Protocol,
}

/// A connection that did not come about.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Where it failed.
    pub stage: Stage,
    /// What happened.
    pub message: String,
    /// What would help; empty where nothing is known to.
    pub hint: String,
}

/// What a right is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// The cluster.
    Cluster,
    /// Every topic, also those that are made later.
    EveryTopic,
    /// A topic of evenkeel's own.
    Topic(String),
    /// A transactional id.
    TransactionalId(String),
    /// Every group, also those that come later.
    EveryGroup,
}

/// What a right is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// To look and to propose.
    Look,
    /// To carry out.
    Execute,
    /// That Kafka itself decides which of two evenkeels acts.
    Lease,
    /// To measure while something is carried out.
    Canary,
    /// To see what clients read where no metrics tell.
    Reads,
}

/// A right that is needed, and whether it is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What for.
    pub purpose: Purpose,
    /// On what.
    pub on: On,
    /// The operation, as `kafka-acls` names it.
    pub operation: &'static str,
    /// Whether it is granted.
    pub granted: Granted,
}

/// Whether a right is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// A request that needs it was let through.
    Yes,
    /// A request that needs it was refused for want of it.
    No,
    /// It could not be found out.
    Unknown(String),
}

/// Where rights are granted, and to whom.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// A broker's address, for the command.
    pub bootstrap: String,
    /// The principal, where it is known.
    pub principal: Option<String>,
    /// Whether it is AWS that grants them, by the policy of an identity, and not Kafka by its ACLs.
    pub by_iam: bool,
}

/// One metrics endpoint of one broker.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The broker.
    pub broker: BrokerId,
    /// The address, without credentials.
    pub url: String,
    /// How long the answer took, in milliseconds.
    pub took_ms: u64,
    /// What came of it: how many of its lines were of use and the clock there, or what went wrong.
    pub came_of: Result<PageSeen, String>,
}

/// What a metrics page told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageSeen {
    /// Lines of use.
    pub lines_of_use: usize,
    /// What is told of, in a few words each.
    pub tells: Vec<&'static str>,
    /// By how many milliseconds the clock there is ahead of ours at least, and at most; behind is negative. Absent where the
    /// answer has no date.
    pub clock_ahead_ms: Option<(i64, i64)>,
}
