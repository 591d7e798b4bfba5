//! `evenkeel fix-offline`: move replicas that are offline to where they can live.

use clap::Args;

use super::operate::{self, OperateArgs};
use super::planning::Ask;
use super::{Failure, Screen};
use crate::solve::Operation;

const EXAMPLES: &str = "\
Examples:
  evenkeel fix-offline --bootstrap b-1.example:9092
  evenkeel fix-offline --cluster prod --config evenkeel.toml --throttle 50MB --execute";

/// Move replicas that are offline (broker down, log directory failed) to where they can live
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct FixOfflineArgs {
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
pub fn run(args: &FixOfflineArgs, screen: &Screen) -> Result<(), Failure> {
    let ask = Ask::of(Operation::FixOffline, args.rebalance);
    operate::run(&args.operate, ask, screen)
}
