//! `evenkeel limits`: other limits for what is being carried out.

use clap::Args;

use super::args::{ClusterArgs, parse_throttle};
use super::operator::UnderWay;
use super::{Failure, Screen};
use crate::config::{ExecutionSettings, Throttle};
use crate::execute::{ExecuteSettings, OperatorRequest};

const EXAMPLES: &str = "\
Examples:
  evenkeel limits --throttle 20MB --bootstrap b-1.example:9092
  evenkeel limits --throttle 200MB --moves-per-broker 10 --cluster prod --config evenkeel.toml";

/// Change the throttle and the moves at once of what is being carried out; throttles that stand change with it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LimitsArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Replication throttle of each broker in each direction: a rate, `auto` or `none`
    #[arg(long, value_name = "RATE", value_parser = parse_throttle, required_unless_present = "moves_per_broker",
          help_heading = "Execution")]
    throttle: Option<Throttle>,
    /// Replicas that may be copied onto one broker at once, or sent by one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000), help_heading = "Execution")]
    moves_per_broker: Option<u16>,
}

/// Runs the command.
///
/// # Errors
/// Nothing is being carried out, or nobody is there to ask.
pub fn run(args: &LimitsArgs, screen: &Screen) -> Result<(), Failure> {
    let under_way = UnderWay::look(&args.cluster, screen)?;
    let rate = |throttle| {
        ExecuteSettings::from(&ExecutionSettings { throttle, ..ExecutionSettings::default() }).throttle
    };
    let request = OperatorRequest::Limits {
        throttle: args.throttle.map(rate),
        moves_per_broker: args.moves_per_broker.map(usize::from),
    };
    under_way.ask_and_say(&request, "The new limits are in force.", screen)
}
