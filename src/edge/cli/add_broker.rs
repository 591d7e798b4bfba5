//! `evenkeel add-broker`: fill new brokers.

use clap::Args;

use super::args::parse_broker;
use super::operate::{self, OperateArgs};
use super::planning::Ask;
use super::{Failure, Screen};
use crate::base::BrokerId;
use crate::solve::Operation;

const EXAMPLES: &str = "\
Examples:
  evenkeel add-broker 31,32,33 --bootstrap b-1.example:9092
  evenkeel add-broker 31,32,33 --cluster prod --config evenkeel.toml --throttle 50MB --execute";

/// Fill new brokers, moving nothing else; shows what would be done, and does it with --execute
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AddBrokerArgs {
    /// The brokers to fill, once they have joined the cluster
    #[arg(value_name = "IDS", required = true, value_delimiter = ',', value_parser = parse_broker)]
    ids: Vec<BrokerId>,
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
pub fn run(args: &AddBrokerArgs, screen: &Screen) -> Result<(), Failure> {
    let ask = Ask::of(Operation::AddBrokers(args.ids.clone()), args.rebalance);
    operate::run(&args.operate, ask, screen)
}
