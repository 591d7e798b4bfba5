//! `evenkeel pause`: nothing new starts until it is taken back.

use clap::Args;

use super::args::ClusterArgs;
use super::operator::UnderWay;
use super::{Failure, Screen};
use crate::execute::OperatorRequest;

const EXAMPLES: &str = "\
Examples:
  evenkeel pause --bootstrap b-1.example:9092
  evenkeel pause --cluster prod --config evenkeel.toml    # and later: evenkeel resume ...";

/// Pause what is being carried out: nothing new starts, what is in flight is finished, throttles stand for it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PauseArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Runs the command.
///
/// # Errors
/// Nothing is being carried out, or nobody is there to ask.
pub fn run(args: &PauseArgs, screen: &Screen) -> Result<(), Failure> {
    let under_way = UnderWay::look(&args.cluster, screen)?;
    let words = &under_way.records.words;
    let said = format!("Paused: nothing new starts. `evenkeel resume {words}` takes it back.");
    under_way.ask_and_say(&OperatorRequest::Pause, &said, screen)
}
