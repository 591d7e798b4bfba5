//! `evenkeel propose`: a better placement, as text, as a plan file, or as Kafka's own tool reads it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::args::{WantedArgs, check_output, parse_broker, parse_factor, parse_log_dir};
use super::failure::SOMETHING_TO_DO;
use super::planning::{self, Ask, Pace};
use super::source::{self, SourceArgs};
use super::{Failure, Screen};
use crate::base::BrokerId;
use crate::goals::TopicPattern;
use crate::solve::{LogDirName, Operation};

const EXAMPLES: &str = "\
Examples:
  evenkeel propose --bootstrap b-1.example:9092
  evenkeel propose --snapshot cluster.json --remove-broker 7 --format json -o plan.json
  evenkeel propose --snapshot cluster.json --add-broker 31,32,33 --format kafka -o reassignment.json
  evenkeel propose --bootstrap b-1.example:9092 --replication-factor 'orders.*=3' --max-bytes 500GB";

/// Propose a better placement; changes nothing
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ProposeArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    wanted: WantedArgs,
    #[command(flatten)]
    operation: OperationArgs,
    /// The shape of the result: text, json (a plan file) or kafka (for kafka-reassign-partitions; moves between log
    /// directories are not in it)
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: PlanFormat,
    /// Write the result to a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// End with code 5 when there is something to do
    #[arg(long)]
    exit_code: bool,
}

/// What the plan is for: one of these, or levelling.
#[derive(Debug, Args)]
#[command(next_help_heading = "Operation")]
struct OperationArgs {
    /// Level the whole cluster (the default); beside another operation: in the same plan
    #[arg(long)]
    rebalance: bool,
    /// Fill these brokers: moves go only onto them, plus what a must-goal forces
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_broker,
          conflicts_with_all = ["remove_broker", "demote_broker", "demote_log_dir", "fix_offline",
                                "remove_log_dir", "replication_factor", "preferred_leaders"])]
    add_broker: Vec<BrokerId>,
    /// Empty these brokers: moves go only off them, plus what a must-goal forces
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_broker,
          conflicts_with_all = ["demote_broker", "demote_log_dir", "fix_offline", "remove_log_dir",
                                "replication_factor", "preferred_leaders"])]
    remove_broker: Vec<BrokerId>,
    /// Let these brokers lead nothing, and be last in every replica list
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_broker,
          conflicts_with_all = ["fix_offline", "remove_log_dir", "replication_factor", "preferred_leaders"])]
    demote_broker: Vec<BrokerId>,
    /// Let the replicas in these log directories lead nothing
    #[arg(long, value_name = "ID:PATH", value_delimiter = ',', value_parser = parse_log_dir,
          conflicts_with_all = ["fix_offline", "remove_log_dir", "replication_factor", "preferred_leaders"])]
    demote_log_dir: Vec<LogDirName>,
    /// Move every replica that is offline to where it can live
    #[arg(long, conflicts_with_all = ["remove_log_dir", "replication_factor", "preferred_leaders"])]
    fix_offline: bool,
    /// Empty these log directories onto the others of the same broker
    #[arg(long, value_name = "ID:PATH", value_delimiter = ',', value_parser = parse_log_dir,
          conflicts_with_all = ["replication_factor", "preferred_leaders"])]
    remove_log_dir: Vec<LogDirName>,
    /// Give topics (a name, or a regular expression over whole names) another replication factor (may be repeated;
    /// the first that matches counts)
    #[arg(long, value_name = "TOPIC=N", value_parser = parse_factor, conflicts_with = "preferred_leaders")]
    replication_factor: Vec<(TopicPattern, u8)>,
    /// Let the first replica of every list lead again; no data moves
    #[arg(long, conflicts_with = "rebalance")]
    preferred_leaders: bool,
}

impl OperationArgs {
    fn ask(&self) -> Ask {
        let operation = if !self.add_broker.is_empty() {
            Operation::AddBrokers(self.add_broker.clone())
        } else if !self.remove_broker.is_empty() {
            Operation::RemoveBrokers(self.remove_broker.clone())
        } else if !self.demote_broker.is_empty() || !self.demote_log_dir.is_empty() {
            let (brokers, log_dirs) = (self.demote_broker.clone(), self.demote_log_dir.clone());
            Operation::Demote { brokers, log_dirs }
        } else if self.fix_offline {
            Operation::FixOffline
        } else if !self.remove_log_dir.is_empty() {
            Operation::RemoveLogDirs(self.remove_log_dir.clone())
        } else if !self.replication_factor.is_empty() {
            Operation::SetReplicationFactor(self.replication_factor.clone())
        } else if self.preferred_leaders {
            Operation::PreferredLeaders
        } else {
            Operation::Rebalance
        };
        Ask::of(operation, self.rebalance)
    }
}

/// The shapes of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// A plan file, for `judge` and `apply`
    Json,
    /// What kafka-reassign-partitions reads
    Kafka,
}

/// Runs the command.
///
/// # Errors
/// The cluster cannot be seen, or there is no proposal.
pub fn run(args: &ProposeArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    check_output(args.output.as_ref())?;
    let seen = source::look(&args.source, screen)?;
    let pace = Pace::of(args.wanted.throttle, &seen.execution);
    let goals = seen.goals.as_deref();
    let plan =
        planning::make(&seen.observation, goals, &args.wanted, args.operation.ask(), &pace.limits)?.plan;
    let text = match args.format {
        PlanFormat::Text => {
            // What goes into a file has no colour and no width.
            let screen = if args.output.is_some() { &Screen::plain() } else { screen };
            planning::text(&plan, &seen.observation.gaps, args.wanted.all, next(args, plan.is_empty), screen)
        }
        PlanFormat::Json => plan.to_json(),
        PlanFormat::Kafka => plan.to_kafka_json(),
    };
    screen.result_to(args.output.as_deref(), text.as_bytes(), &format!("plan {}", plan.id))?;
    let code = if args.exit_code && !plan.is_empty { SOMETHING_TO_DO } else { 0 };
    Ok(ExitCode::from(code))
}

/// How to go on from the text.
fn next(args: &ProposeArgs, is_empty: bool) -> Vec<String> {
    if is_empty {
        return vec!["There is nothing to do.".to_owned()];
    }
    let cluster = match &args.source.snapshot {
        Some(_) => "--bootstrap HOST:PORT".to_owned(),
        None => args.source.cluster.words(),
    };
    vec![
        "Nothing was changed. The same command with `--format json -o plan.json` writes the plan to a file; then"
            .to_owned(),
        format!("  evenkeel apply plan.json {cluster} --execute"),
        "carries out exactly that.".to_owned(),
    ]
}
