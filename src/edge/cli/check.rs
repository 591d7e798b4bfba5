//! `evenkeel check`: the way into a cluster, step by step, and what can be judged there.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tokio::runtime::Runtime;

use super::args::{ClusterArgs, Format};
use super::failure::Kind;
use super::status::to_json;
use super::target::Target;
use super::weigh::weigh_for;
use super::{Failure, Screen, goals, live};
use crate::ask::{Acls, Endpoint, Facts, Grants, Knock, Need, State, check_up};
use crate::base::BrokerId;
use crate::config::{LeaseMode, Mode, SaslSettings, TokenLogin};
use crate::control::{CANARY_TOPIC, Scope, World as _};
use crate::edge::kafka::{AdminClient, Clock, Door, OwnNames, world_error};
use crate::edge::lease::{self, Holder, LeaseError};
use crate::edge::metrics;
use crate::observe::Observation;
use crate::report::check_text;

const EXAMPLES: &str = "\
Examples:
  evenkeel check --bootstrap b-1.example:9092
  evenkeel check --cluster prod --config evenkeel.toml --mode act --acls all
  evenkeel check --bootstrap b-1.example:9094 --kafka-config client.properties --format json | jq .conclusion";

/// Check the way into a cluster: connection, TLS, login, rights, metrics, and which goals can be judged; changes nothing
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// A goal set by name or a goal file [default: `default`, or the cluster's setting]
    #[arg(long, value_name = "NAME|FILE")]
    goals: Option<String>,
    /// What it is to be ready for: watch, propose, ask or act [default: the setting, else propose]
    #[arg(long, value_enum, value_name = "MODE", hide_possible_values = true)]
    mode: Option<ModeName>,
    /// Which rights to list as kafka-acls commands: those that are missing, or all that are needed
    #[arg(long, value_enum, default_value_t, value_name = "WHICH", hide_possible_values = true)]
    acls: AclsName,
    /// The shape of the result: text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: Format,
}

/// The modes of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModeName {
    /// To look
    Watch,
    /// To propose
    Propose,
    /// To carry out what a person has approved
    Ask,
    /// To carry out
    Act,
}

/// Which rights are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum AclsName {
    /// Those that are missing
    #[default]
    Missing,
    /// All that are needed
    All,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Watch => Self::Watch,
            ModeName::Propose => Self::Propose,
            ModeName::Ask => Self::Ask,
            ModeName::Act => Self::Act,
        }
    }
}

impl From<AclsName> for Acls {
    fn from(name: AclsName) -> Self {
        match name {
            AclsName::Missing => Self::Missing,
            AclsName::All => Self::All,
        }
    }
}

/// What was found behind the door.
#[derive(Default)]
struct Inside {
    brokers: Option<Vec<Knock>>,
    rights: Vec<Need>,
    endpoints: Option<Vec<Endpoint>>,
    look: Option<Result<Observation, String>>,
    lease_trouble: Option<String>,
}

/// Runs the command. What is found out, good or bad, is the result; the exit code says how it stands.
///
/// # Errors
/// No cluster is named, or a file that is named cannot be used.
pub fn run(args: &CheckArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    let target = Target::resolve(&args.cluster, screen)?;
    let goals = goals::chosen(args.goals.as_deref(), target.goals.as_deref())?;
    let wrong = |error| Failure::from(world_error(&error, &target.client));
    let door = Door::of(&target.client).map_err(wrong)?;
    let mut way = door.way().map_err(wrong)?;
    let now = Clock::default().now();
    let runtime = runtime()?;
    let bootstrap = runtime.block_on(door.knock_at_bootstrap());
    let is_open = bootstrap.iter().any(|knock| matches!(knock.came_of, Some(Ok(_))));
    let principal = if is_open { runtime.block_on(door.principal()) } else { None };
    if let (Some((_, user)), Some(principal)) = (&mut way.sasl, &principal) {
        user.clone_from(principal);
    }
    let inside = if is_open { go_in(&runtime, &door, &target, screen)? } else { Inside::default() };
    drop(runtime);
    let facts = Facts {
        cluster: target.name.clone(),
        now,
        mode: args.mode.map_or(target.mode, Mode::from),
        way,
        bootstrap,
        brokers: inside.brokers,
        rights: inside.rights,
        grants: grants(&target, principal),
        endpoints: inside.endpoints,
        look: inside.look.as_ref().map(|look| look.as_ref().map_err(Clone::clone)),
        goals: &goals,
        lease: target.lease,
        lease_trouble: inside.lease_trouble,
        wants_canary: target.execution.has_canary(),
    };
    let checkup = check_up(&facts, args.acls.into());
    match args.format {
        Format::Text => screen.result(&check_text(&checkup, screen.results))?,
        Format::Json => screen.result(&to_json(&checkup)?)?,
    }
    Ok(ExitCode::from(match checkup.conclusion.state {
        State::Ready => 0,
        State::OutOfReach => Kind::Unreachable.code(),
        State::Denied => Kind::Refused.code(),
        State::Failed => Kind::Failed.code(),
    }))
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| Failure::failed(format!("no runtime for the Kafka client: {error}")))
}

/// Where rights are granted, and to whom.
fn grants(target: &Target, principal: Option<String>) -> Grants {
    let client = &target.client;
    Grants {
        bootstrap: client.bootstrap.first().map(ToString::to_string).unwrap_or_default(),
        by_iam: matches!(client.sasl, Some(SaslSettings::Token(TokenLogin::MskIam(_)))),
        principal,
    }
}

/// Asks everything that takes a way in.
fn go_in(runtime: &Runtime, door: &Door, target: &Target, screen: &Screen) -> Result<Inside, Failure> {
    let names = OwnNames { lease_topic: target.lease_topic.as_str(), canary_topic: CANARY_TOPIC };
    let asked = runtime.block_on(async {
        let client = AdminClient::connect(&target.client).await?;
        let topology = client.topology();
        let mut knocking = tokio::task::JoinSet::new();
        for (id, broker) in topology.alive() {
            let (door, address) = (door.clone(), broker.address.clone());
            knocking.spawn(async move { door.knock_at(id, &address).await });
        }
        let (mut brokers, rights) = tokio::join!(knocking.join_all(), client.try_rights(&names));
        brokers.sort_by_key(|knock| knock.broker);
        let hosts: BTreeMap<BrokerId, Option<String>> =
            topology.alive().map(|(id, broker)| (id, Some(broker.address.host.clone()))).collect();
        Ok((brokers, rights, hosts))
    });
    // A bootstrap address that answered a moment ago does not any more: that is what there is to tell.
    let (brokers, rights, hosts) = match asked {
        Ok(asked) => asked,
        Err(error) => return Err(world_error(&error, &target.client).into()),
    };
    let settings = target.metrics.as_ref();
    let endpoints = settings.map(|settings| metrics::visit(settings, &hosts)).transpose();
    let look = live::open_for_loads_telling(target, screen)
        .and_then(|mut world| {
            let mut seen = world.observe(&Scope::Full)?;
            weigh_for(target, &mut seen, screen);
            Ok(seen)
        })
        .map_err(|failure| failure.message);
    Ok(Inside {
        brokers: Some(brokers),
        rights,
        endpoints: endpoints.map_err(Failure::usage)?,
        look: Some(look),
        lease_trouble: lease_trouble(target),
    })
}

/// What stands in the way of a lease besides rights, which are tried one by one.
fn lease_trouble(target: &Target) -> Option<String> {
    if target.lease == LeaseMode::Off {
        return None;
    }
    let opened = lease::open(&target.client, &target.lease_topic, Holder::this_process("check"));
    match opened.and_then(|lease| lease.look()) {
        Ok(_) | Err(LeaseError::Denied { .. }) => None,
        Err(error) if error.hint().is_empty() => Some(error.to_string()),
        Err(error) => Some(format!("{error}; {}", error.hint())),
    }
}
