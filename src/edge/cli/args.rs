//! Arguments that several commands share, and how they are read. Their doc comments are the help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Failure;
use crate::base::{BrokerId, Bytes};
use crate::config::{
    Bootstrap, Hours, Throttle, WindowError, check_endpoint, check_server, parse_duration, parse_objective,
};
use crate::goals::TopicPattern;
use crate::solve::LogDirName;

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
    /// A Prometheus server that scrapes the brokers, for loads that `--metrics-url` does not tell; logins and labels are
    /// in the settings
    #[arg(long, value_name = "URL", value_parser = check_server, conflicts_with = "cluster")]
    pub prometheus_url: Option<String>,
    /// Without metrics: how long to watch logs grow and groups commit, so that goals on what clients write and read can
    /// be judged; 0s leaves them out [default: the setting, else 20s]
    #[arg(long, value_name = "TIME", env = "EVENKEEL_LOAD_WINDOW", hide_env = true, value_parser = parse_duration)]
    pub load_window: Option<Duration>,
    /// Where the journal of what was done is kept [env: EVENKEEL_STATE_DIR] [default: the setting, else
    /// /var/lib/evenkeel for root and ~/.local/state/evenkeel for others]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
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
            flag("state-dir", path(&self.state_dir)),
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
    /// Only these topics move, and what stands on a broker that is removed: names, or regular expressions over
    /// whole names
    #[arg(long, value_name = "TOPIC", value_delimiter = ',')]
    pub topic: Vec<TopicPattern>,
    /// Topics that do not move, unless they stand on a broker that is removed: names, or regular expressions over
    /// whole names
    #[arg(long, value_name = "TOPIC", value_delimiter = ',')]
    pub exclude_topic: Vec<TopicPattern>,
    /// Only these brokers receive replicas
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_broker)]
    pub onto: Vec<BrokerId>,
    /// These brokers receive no replicas
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_broker)]
    pub not_onto: Vec<BrokerId>,
    /// These brokers become the leader of nothing that they do not lead now
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_broker)]
    pub no_leaders_on: Vec<BrokerId>,
    /// For how far ahead the plan is made, such as 7d: partitions count as large as they will be then, at the growth that
    /// a daemon has seen [default: the cluster's setting, else today]
    #[arg(long, value_name = "TIME", value_parser = parse_horizon)]
    pub plan_for: Option<Duration>,
    /// The most bytes that the plan may copy, such as 500GB: the best plan within that
    #[arg(long, value_name = "SIZE", value_parser = parse_budget)]
    pub max_bytes: Option<Bytes>,
    /// The most replicas that the plan may move: the best plan within that
    #[arg(long, value_name = "N", value_parser = parse_max_moves)]
    pub max_moves: Option<u64>,
    /// The longest that copying may take at the throttle that the forecast goes by, such as 2h: the best plan within
    /// that
    #[arg(long, value_name = "TIME", value_parser = parse_max_time)]
    pub max_time: Option<Duration>,
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
    /// Keep the p99 of produce requests, fetches and the canary below this, such as 20ms: copies slow down for it
    #[arg(long, value_name = "TIME", value_parser = parse_latency)]
    pub latency_objective: Option<Duration>,
    /// Replicas that may be copied onto one broker at once, or sent by one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub moves_per_broker: Option<u16>,
    /// Partitions that may be on the way at once in the whole cluster
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub moves_in_flight: Option<u16>,
    /// Hours of the day in which something new may start, such as 01:00-06:00, in UTC unless the settings name an
    /// offset (may be repeated)
    #[arg(long, value_name = "HH:MM-HH:MM", value_parser = parse_window)]
    pub window: Vec<Hours>,
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

/// Reads a log directory of a broker: `7:/data/kafka-1`.
///
/// # Errors
/// There is no broker id, or no path behind it.
pub fn parse_log_dir(text: &str) -> Result<LogDirName, String> {
    let wrong = || "not a log directory of a broker, such as `7:/data/kafka-1`".to_owned();
    let (broker, path) = text.split_once(':').ok_or_else(wrong)?;
    let broker = parse_broker(broker).map_err(|_| wrong())?;
    // Kafka names a directory without the slash at its end, and people write one.
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    if path.is_empty() { Err(wrong()) } else { Ok(LogDirName { broker, path: path.to_owned() }) }
}

/// Reads topics and the replication factor that they shall have: `orders.*=3`.
///
/// # Errors
/// There is no `=`, the pattern is none, or the factor is no number from 1 to 255.
pub fn parse_factor(text: &str) -> Result<(TopicPattern, u8), String> {
    let wrong = || "not topics and a replication factor, such as `orders.*=3`".to_owned();
    let (topics, factor) = text.rsplit_once('=').ok_or_else(wrong)?;
    let topics: TopicPattern =
        topics.parse().map_err(|error: crate::goals::PatternError| error.to_string())?;
    let factor: u8 = factor.trim().parse().map_err(|_| wrong())?;
    if factor == 0 { Err(wrong()) } else { Ok((topics, factor)) }
}

fn parse_budget(text: &str) -> Result<Bytes, String> {
    match text.parse::<Bytes>() {
        Ok(Bytes::ZERO) => Err("nothing could be moved at all".to_owned()),
        other => other.map_err(|error| error.to_string()),
    }
}

fn parse_max_moves(text: &str) -> Result<u64, String> {
    match text.trim().parse() {
        Ok(0) => Err("nothing could be moved at all".to_owned()),
        Ok(moves) => Ok(moves),
        Err(_) => Err("not a number of replicas, such as `100`".to_owned()),
    }
}

fn parse_horizon(text: &str) -> Result<Duration, String> {
    parse_above_zero(text, "that is today; leave it out")
}

fn parse_max_time(text: &str) -> Result<Duration, String> {
    parse_above_zero(text, "nothing could be moved at all")
}

fn parse_above_zero(text: &str, of_zero: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err(of_zero.to_owned()),
        other => other.map_err(|error| error.to_string()),
    }
}

fn parse_latency(text: &str) -> Result<Duration, String> {
    parse_objective(text).map_err(|error| error.to_string())
}

/// Reads hours of the day.
///
/// # Errors
/// They are none.
pub fn parse_window(text: &str) -> Result<Hours, String> {
    Hours::try_from(text.to_owned()).map_err(|error: WindowError| error.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_directories_and_factors_are_read_or_refused_with_an_example() {
        let dir = parse_log_dir("7:/data/kafka-1/").unwrap();
        assert_eq!((dir.broker, dir.path.as_str()), (BrokerId(7), "/data/kafka-1"));
        for wrong in ["7", "7:", "seven:/data", ":/data", "/data"] {
            assert!(parse_log_dir(wrong).unwrap_err().contains("7:/data/kafka-1"), "{wrong}");
        }
        let (topics, factor) = parse_factor("orders.*=3").unwrap();
        assert_eq!((topics.as_str(), factor), ("orders.*", 3));
        for wrong in ["orders", "orders=", "orders=0", "orders=300", "orders=three"] {
            assert!(parse_factor(wrong).unwrap_err().contains("orders.*=3"), "{wrong}");
        }
        assert!(parse_factor("(=3").unwrap_err().contains("regular expression"));
    }

    #[test]
    fn a_budget_of_nothing_is_refused() {
        assert_eq!(parse_budget("500GB"), Ok(Bytes(500_000_000_000)));
        assert!(parse_budget("0").is_err() && parse_budget("much").is_err());
        assert_eq!(parse_max_time("2h"), Ok(Duration::from_secs(7_200)));
        assert!(parse_max_time("0s").is_err() && parse_max_time("2").is_err());
    }
}
