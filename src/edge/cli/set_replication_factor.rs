//! `evenkeel set-replication-factor`: give topics another replication factor.

use clap::Args;

use super::args::parse_factor;
use super::operate::{self, OperateArgs};
use super::planning::Ask;
use super::{Failure, Screen};
use crate::goals::TopicPattern;
use crate::solve::Operation;

const EXAMPLES: &str = "\
Examples:
  evenkeel set-replication-factor 'orders.*=3' --bootstrap b-1.example:9092
  evenkeel set-replication-factor audit=5 'logs-.*=2' --cluster prod --config evenkeel.toml --execute";

/// Give topics another replication factor, one new replica at a time
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SetReplicationFactorArgs {
    /// Topics (a name, or a regular expression over whole names) and their factor; the first that matches counts
    #[arg(value_name = "TOPIC=N", required = true, value_parser = parse_factor)]
    factors: Vec<(TopicPattern, u8)>,
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
pub fn run(args: &SetReplicationFactorArgs, screen: &Screen) -> Result<(), Failure> {
    let ask = Ask::of(Operation::SetReplicationFactor(args.factors.clone()), args.rebalance);
    operate::run(&args.operate, ask, screen)
}
