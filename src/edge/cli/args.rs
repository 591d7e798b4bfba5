//! Arguments that several commands share, and how they are read. Their doc comments are the help.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Failure;
use crate::base::BrokerId;
use crate::config::{Bootstrap, Throttle, check_endpoint};
use crate::goals::TopicPattern;

/// Which cluster.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Some brokers to begin with; the rest are learnt from them
    #[arg(long, value_name = "HOST:PORT[,..]", conflicts_with = "cluster")]
    pub bootstrap: Option<Bootstrap>,
    /// Client properties (security.protocol, ssl.*, sasl.*), as librdkafka or Java clients read them
    #[arg(long, value_name = "FILE", conflicts_with = "cluster")]
    pub kafka_config: Option<PathBuf>,
    /// A cluster of the settings file
    #[arg(long, value_name = "NAME", requires = "config")]
    pub cluster: Option<String>,
    /// The settings file that names the cluster
    #[arg(long, value_name = "FILE", env = "EVENKEEL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Prometheus endpoint of the brokers, with {host} or {id} in each broker's place (may be repeated)
    #[arg(long, value_name = "URL", value_parser = check_endpoint, conflicts_with = "cluster")]
    pub metrics_url: Vec<String>,
}

impl ClusterArgs {
    /// Whether a cluster is named at all.
    pub fn is_given(&self) -> bool {
        self.bootstrap.is_some() || self.cluster.is_some()
    }

    /// The flags that name the cluster, to be repeated in a hint.
    pub fn words(&self) -> String {
        let flag = |name: &str, value: Option<String>| value.map(|value| format!("--{name} {value}"));
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let flags = [
            flag("bootstrap", self.bootstrap.as_ref().map(ToString::to_string)),
            flag("kafka-config", path(&self.kafka_config)),
            flag("cluster", self.cluster.clone()),
            flag("config", path(&self.config).filter(|_| self.cluster.is_some())),
        ];
        flags.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// What is wanted of a plan.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Plan")]
pub struct WantedArgs {
    /// A goal set by name (`evenkeel goals list`) or a goal file [default: `default`, or the cluster's setting]
    #[arg(long, value_name = "NAME|FILE")]
    pub goals: Option<String>,
    /// Topics that do not move, unless they stand on a broker that is removed: names, or regular expressions over
    /// whole names
    #[arg(long, value_name = "TOPIC", value_delimiter = ',')]
    pub exclude_topic: Vec<TopicPattern>,
    /// The solver's seed: the same cluster, goals and seed give the same plan
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Replication throttle of each broker in each direction: a rate, `auto` or `none`
    #[arg(long, value_name = "RATE", value_parser = parse_throttle)]
    pub throttle: Option<Throttle>,
    /// List every move, also on a terminal
    #[arg(long)]
    pub all: bool,
}

/// How to carry a plan out.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Execution")]
pub struct ExecutionArgs {
    /// Carry the plan out; without it nothing is changed
    #[arg(long)]
    pub execute: bool,
    /// Do not ask on a terminal before it begins
    #[arg(long, short = 'y', requires = "execute")]
    pub yes: bool,
    /// Replicas that may be copied onto one broker at once, or sent by one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub moves_per_broker: Option<u16>,
    /// Partitions that may be on the way at once in the whole cluster
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub moves_in_flight: Option<u16>,
}

/// The shapes of results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Reads one broker id.
///
/// # Errors
/// It is not a whole number of at least 0.
pub fn parse_broker(text: &str) -> Result<BrokerId, String> {
    let id = text.trim().parse().ok().filter(|id| *id >= 0).map(BrokerId);
    id.ok_or_else(|| "not a broker id, such as `7`; several are parted by commas".to_owned())
}

/// Reads a throttle.
///
/// # Errors
/// It is no rate, `auto` or `none`.
pub fn parse_throttle(text: &str) -> Result<Throttle, String> {
    text.parse().map_err(|error: crate::config::ValueError| error.to_string())
}

/// Refuses an output file that is called like a format: other tools' `-o json` means a format.
///
/// # Errors
/// The file is called like a format.
pub fn check_output(output: Option<&PathBuf>) -> Result<(), Failure> {
    const FORMATS: [&str; 8] = ["text", "json", "yaml", "kafka", "html", "wide", "table", "csv"];
    let Some(name) = output.and_then(|path| path.to_str()) else { return Ok(()) };
    if FORMATS.contains(&name.to_lowercase().as_str()) {
        let hint =
            format!("the format is chosen by `--format {name}`; for a file of that name write `-o ./{name}`");
        return Err(Failure::usage(format!("`-o {name}` would write a file called `{name}`")).hint(hint));
    }
    Ok(())
}
