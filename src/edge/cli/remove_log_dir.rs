//! `evenkeel remove-log-dir`: empty log directories onto the others of their broker.

use clap::Args;

use super::args::parse_log_dir;
use super::operate::{self, OperateArgs};
use super::planning::Ask;
use super::{Failure, Screen};
use crate::solve::{LogDirName, Operation};

const EXAMPLES: &str = "\
Examples:
  evenkeel remove-log-dir 7:/data/kafka-1 --bootstrap b-1.example:9092
  evenkeel remove-log-dir 7:/data/kafka-1,8:/data/kafka-1 --cluster prod --config evenkeel.toml --execute";

/// Empty log directories onto the others of the same broker; no data crosses the network
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RemoveLogDirArgs {
    /// The log directories to empty
    #[arg(value_name = "ID:PATH", required = true, value_delimiter = ',', value_parser = parse_log_dir)]
    log_dirs: Vec<LogDirName>,
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
pub fn run(args: &RemoveLogDirArgs, screen: &Screen) -> Result<(), Failure> {
    let ask = Ask::of(Operation::RemoveLogDirs(args.log_dirs.clone()), args.rebalance);
    operate::run(&args.operate, ask, screen)
}
