//! `evenkeel demote-broker`: let brokers, or some of their log directories, lead nothing.

use clap::Args;

use super::args::{parse_broker, parse_log_dir};
use super::operate::{self, OperateArgs};
use super::planning::Ask;
use super::{Failure, Screen};
use crate::base::BrokerId;
use crate::solve::{LogDirName, Operation};

const EXAMPLES: &str = "\
Examples:
  evenkeel demote-broker 7 --bootstrap b-1.example:9092
  evenkeel demote-broker --log-dir 7:/data/kafka-1 --cluster prod --config evenkeel.toml --execute";

/// Let brokers or log directories lead nothing and be last in every replica list; no data moves
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoteBrokerArgs {
    /// The brokers to demote
    #[arg(value_name = "IDS", required_unless_present = "log_dir", value_delimiter = ',', value_parser = parse_broker)]
    ids: Vec<BrokerId>,
    /// Log directories to demote
    #[arg(long, value_name = "ID:PATH", value_delimiter = ',', value_parser = parse_log_dir, help_heading = "Plan")]
    log_dir: Vec<LogDirName>,
    /// Level the rest of the cluster in the same plan
    #[arg(long, help_heading = "Plan")]
    rebalance: bool,
    #[command(flatten)]
    operate: OperateArgs,
}

/// Runs the command.
///
/// # Errors
/// See [`operate::run`].
pub fn run(args: &DemoteBrokerArgs, screen: &Screen) -> Result<(), Failure> {
    let (brokers, log_dirs) = (args.ids.clone(), args.log_dir.clone());
    let ask = Ask::of(Operation::Demote { brokers, log_dirs }, args.rebalance);
    operate::run(&args.operate, ask, screen)
}
