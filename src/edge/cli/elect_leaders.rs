//! `evenkeel elect-leaders`: let preferred leaders lead again.

use clap::Args;

use super::operate::{self, OperateArgs};
use super::planning::Ask;
use super::{Failure, Screen};
use crate::solve::Operation;

const EXAMPLES: &str = "\
Examples:
  evenkeel elect-leaders --bootstrap b-1.example:9092
  evenkeel elect-leaders --topic orders --cluster prod --config evenkeel.toml --execute";

/// Let the first replica of every list lead again; no data moves
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ElectLeadersArgs {
    #[command(flatten)]
    operate: OperateArgs,
}

/// Runs the command.
///
/// # Errors
/// See [`operate::run`].
pub fn run(args: &ElectLeadersArgs, screen: &Screen) -> Result<(), Failure> {
    let ask = Ask::of(Operation::PreferredLeaders, false);
    operate::run(&args.operate, ask, screen)
}
