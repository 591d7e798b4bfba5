//! `evenkeel right-size`: how many brokers each rack needs.

use clap::Args;

use super::args::Format;
use super::question::{self, QuestionArgs, parse_percent};
use super::source::SourceArgs;
use super::status::to_json;
use super::{Failure, Screen};
use crate::ask::{SizingAsk, SizingError, right_size};
use crate::report::right_size_text;

const EXAMPLES: &str = "\
Examples:
  evenkeel right-size --bootstrap b-1.example:9092 --growth 8
  evenkeel right-size --snapshot cluster.json --growth 5 --days 30,90,180 --headroom 10 --prove
  evenkeel right-size --snapshot cluster.json --goals own.toml --format json | jq '.horizons[].conclusions'";

/// Tell how many brokers each rack needs, today and as data grow, and how many it could do without
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RightSizeArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    question: QuestionArgs,
    /// Growth of sizes and loads in percent per 30 days; it compounds
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = parse_growth, allow_negative_numbers = true, help_heading = "Sizing")]
    growth: f64,
    /// Days from now to size for, besides today; without growth there is nothing to see in them [default: 30,90]
    #[arg(long, value_name = "DAYS", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=3650), help_heading = "Sizing")]
    days: Vec<u32>,
    /// Percent of each limit that is to stay free
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = parse_headroom, help_heading = "Sizing")]
    headroom: f64,
    /// Solve with so many brokers, as the proof that they do
    #[arg(long, help_heading = "Sizing")]
    prove: bool,
    /// The shape of the result: text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: Format,
}

fn parse_growth(text: &str) -> Result<f64, String> {
    parse_percent(text, -99.0, 1000.0)
}

fn parse_headroom(text: &str) -> Result<f64, String> {
    parse_percent(text, 0.0, 90.0)
}

/// Days that are sized for where there is growth and none are named.
const DAYS: [u32; 2] = [30, 90];

/// Runs the command.
///
/// # Errors
/// The cluster cannot be seen, or no goal says what brokers may carry.
pub fn run(args: &RightSizeArgs, screen: &Screen) -> Result<(), Failure> {
    let asked = question::look(&args.source, &args.question, screen)?;
    let grows = args.growth != 0.0;
    let ask = SizingAsk {
        growth_percent_per_month: args.growth,
        days: if args.days.is_empty() && grows { DAYS.to_vec() } else { args.days.clone() },
        headroom_percent: args.headroom,
        prove: args.prove,
        seed: args.question.seed,
    };
    let view = right_size(&asked.observation, &asked.goals, &ask).map_err(|error| match &error {
        SizingError::NoCapacityGoal { .. } => Failure::refused(&error)
            .hint("give a goal set with a must goal of rule `capacity`, and the brokers' `capacity` in the settings"),
        SizingError::Model(_) => Failure::refused(&error),
    })?;
    match args.format {
        Format::Text => screen.result(&right_size_text(&view, screen.results)),
        Format::Json => screen.result(&to_json(&view)?),
    }
}
