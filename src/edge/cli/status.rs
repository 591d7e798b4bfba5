//! `evenkeel status`: what a cluster looks like now.

use clap::Args;

use super::args::Format;
use super::source::{self, SourceArgs};
use super::{Failure, Screen};
use crate::report::{StatusView, status_text};

const EXAMPLES: &str = "\
Examples:
  evenkeel status --bootstrap b-1.example:9092
  evenkeel status --cluster prod --config evenkeel.toml --format json | jq .throttles";

/// Show brokers, health, reassignments in flight and throttles that stand
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The shape of the result: text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// The cluster cannot be seen.
pub fn run(args: &StatusArgs, screen: &Screen) -> Result<(), Failure> {
    let seen = source::look(&args.source, screen)?;
    let view = StatusView::of(&seen.observation);
    match args.format {
        Format::Text => screen.result(&status_text(&view, screen.results)),
        Format::Json => screen.result(&to_json(&view)?),
    }
}

/// A view as JSON text.
///
/// # Errors
/// The view cannot be written as JSON.
pub fn to_json<T: serde::Serialize>(view: &T) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(view);
    text.map(|text| text + "\n").map_err(|error| Failure::failed(format!("cannot write JSON: {error}")))
}
