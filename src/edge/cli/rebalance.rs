//! `evenkeel rebalance`: level a cluster.

use clap::Args;

use super::operate::{self, OperateArgs};
use super::planning::Ask;
use super::{Failure, Screen};

const EXAMPLES: &str = "\
Examples:
  evenkeel rebalance --bootstrap b-1.example:9092
  evenkeel rebalance --cluster prod --config evenkeel.toml --throttle 50MB --execute";

/// Level a cluster; shows what would be done, and does it with --execute
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RebalanceArgs {
    #[command(flatten)]
    operate: OperateArgs,
}

/// Runs the command.
///
/// # Errors
/// See [`operate::run`].
pub fn run(args: &RebalanceArgs, screen: &Screen) -> Result<(), Failure> {
    operate::run(&args.operate, Ask::default(), screen)
}
