//! `evenkeel propose`: a better placement, as text, as a plan file, or as Kafka's own tool reads it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::args::{WantedArgs, check_output};
use super::failure::SOMETHING_TO_DO;
use super::foresight::{Ahead, ahead, foreseen};
use super::operation::OperationArgs;
use super::planning::{self, Pace};
use super::sharing::{Overview, Voice};
use super::source::{self, SourceArgs};
use super::{Failure, Screen, goals, marks};
use crate::report::outlook_line;

const EXAMPLES: &str = "\
Examples:
  evenkeel propose --bootstrap b-1.example:9092
  evenkeel propose --snapshot cluster.json --remove-broker 7 --format json -o plan.json
  evenkeel propose --snapshot cluster.json --add-broker 31,32,33 --format kafka -o reassignment.json
  evenkeel propose --bootstrap b-1.example:9092 --replication-factor 'orders.*=3' --max-bytes 500GB";

/// Propose a better placement; changes nothing
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ProposeArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    wanted: WantedArgs,
    #[command(flatten)]
    operation: OperationArgs,
    /// The shape of the result: text, json (a plan file) or kafka (for kafka-reassign-partitions; moves between log
    /// directories are not in it)
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: PlanFormat,
    /// Write the result to a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// End with code 5 when there is something to do
    #[arg(long)]
    exit_code: bool,
}

/// The shapes of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// A plan file, for `judge` and `apply`
    Json,
    /// What kafka-reassign-partitions reads
    Kafka,
}

/// Runs the command.
///
/// # Errors
/// The cluster cannot be seen, or there is no proposal.
pub fn run(args: &ProposeArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    check_output(args.output.as_ref())?;
    let ask = args.operation.ask();
    let look = if ask.goes_by_loads() { source::look_for_loads } else { source::look };
    let seen = look(&args.source, screen)?;
    let pace = Pace::of(args.wanted.throttle, &seen.execution);
    let overview = seen.records.as_ref().map(|records| records.overview(Voice::Screen(*screen)));
    // A proposal changes nothing: what cannot be read must not hide it.
    let overview = overview.unwrap_or_else(|| Ok(Overview::default())).unwrap_or_else(|failure| {
        screen.warn(&failure.message);
        Overview::default()
    });
    let mut wanted = args.wanted.clone();
    let said = marks::restrain(&overview.known, &seen.observation, &mut wanted, &ask.operation);
    let Ahead { seen: later, said: of_ahead } =
        ahead(&seen.observation, overview.local.sizes(), wanted.plan_for, seen.plan_for)?;
    let goals = goals::chosen(wanted.goals.as_deref(), seen.goals.as_deref())?;
    let limits = pace.limits_for(&seen.observation);
    let plan = planning::make(&seen.observation, later.as_ref(), &goals, &wanted, ask, &limits)?.plan;
    let text = match args.format {
        PlanFormat::Text => {
            // What goes into a file has no colour and no width.
            let screen = if args.output.is_some() { &Screen::plain() } else { screen };
            let outlook = foreseen(&seen.observation, overview.local.sizes(), &goals);
            let coming = outlook.as_ref().and_then(outlook_line);
            let next =
                said.into_iter().chain(coming).chain(of_ahead).chain(next(args, plan.is_empty)).collect();
            planning::text(&plan, &seen.observation.gaps, args.wanted.all, next, screen)
        }
        PlanFormat::Json => plan.to_json(),
        PlanFormat::Kafka => plan.to_kafka_json(),
    };
    screen.result_to(args.output.as_deref(), text.as_bytes(), &format!("plan {}", plan.id))?;
    let code = if args.exit_code && !plan.is_empty { SOMETHING_TO_DO } else { 0 };
    Ok(ExitCode::from(code))
}

/// How to go on from the text.
fn next(args: &ProposeArgs, is_empty: bool) -> Vec<String> {
    if is_empty {
        return vec!["There is nothing to do.".to_owned()];
    }
    let cluster = match &args.source.snapshot {
        Some(_) => "--bootstrap HOST:PORT".to_owned(),
        None => args.source.cluster.words(),
    };
    vec![
        "Nothing was changed. The same command with `--format json -o plan.json` writes the plan to a file; then"
            .to_owned(),
        format!("  evenkeel apply plan.json {cluster} --execute"),
        "carries out exactly that.".to_owned(),
    ]
}
