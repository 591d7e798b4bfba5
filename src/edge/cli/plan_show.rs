//! `evenkeel plan show`: the plan of a file as people read it.

use std::path::PathBuf;

use clap::Args;

use super::args::Format;
use super::{Failure, Screen, plan, planning};

const EXAMPLES: &str = "\
Examples:
  evenkeel plan show plan.json
  evenkeel plan show plan.json --format json | jq '.waves[].steps[]'";

/// Show the plan of a file: load before and after, goals, price, and every move with its reason
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanShowArgs {
    /// The plan, as `propose --format json` writes it
    #[arg(value_name = "FILE")]
    plan: PathBuf,
    /// List every move, also on a terminal
    #[arg(long)]
    all: bool,
    /// The shape of the result: text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// The file is no plan of evenkeel's.
pub fn run(args: &PlanShowArgs, screen: &Screen) -> Result<(), Failure> {
    let plan = plan::read(&args.plan)?;
    match args.format {
        Format::Text => screen.result(&planning::text(&plan, &[], args.all, Vec::new(), screen)),
        Format::Json => screen.result(&plan.to_json()),
    }
}
