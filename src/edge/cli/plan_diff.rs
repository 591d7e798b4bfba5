//! `evenkeel plan diff`: what a plan changes against a cluster now, or two plans against one another.

use std::path::PathBuf;

use clap::Args;

use super::args::Format;
use super::source::{self, SourceArgs};
use super::status::to_json;
use super::{Failure, Screen, plan};
use crate::ask::{diff_of_plans, diff_with_cluster};
use crate::report::{cluster_diff_text, plans_diff_text};

const EXAMPLES: &str = "\
Examples:
  evenkeel plan diff plan.json --bootstrap b-1.example:9092
  evenkeel plan diff yesterday.json today.json";

/// Show what a plan changes in a cluster as it is now, or where two plans differ
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanDiffArgs {
    /// The plan, as `propose --format json` writes it
    #[arg(value_name = "FILE")]
    plan: PathBuf,
    /// Another plan, instead of a cluster
    #[arg(value_name = "FILE")]
    other: Option<PathBuf>,
    #[command(flatten)]
    source: SourceArgs,
    /// List every change, also on a terminal
    #[arg(long)]
    all: bool,
    /// The shape of the result: text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// A file is no plan of evenkeel's, or the cluster cannot be seen.
pub fn run(args: &PlanDiffArgs, screen: &Screen) -> Result<(), Failure> {
    let plan = plan::read(&args.plan)?;
    let most = plan::most(args.all, screen);
    if let Some(other) = &args.other {
        if args.source.cluster.is_given() || args.source.snapshot.is_some() {
            return Err(Failure::usage("two plans are compared with one another, and no cluster with them")
                .hint("leave out the second plan, or the cluster"));
        }
        let diff = diff_of_plans(&plan, &plan::read(other)?);
        return match args.format {
            Format::Text => screen.result(&plans_diff_text(&diff, most, screen.results)),
            Format::Json => screen.result(&to_json(&diff)?),
        };
    }
    let seen = source::look(&args.source, screen)?;
    let diff = diff_with_cluster(&plan, &seen.observation);
    match args.format {
        Format::Text => screen.result(&cluster_diff_text(&diff, most, screen.results)),
        Format::Json => screen.result(&to_json(&diff)?),
    }
}
