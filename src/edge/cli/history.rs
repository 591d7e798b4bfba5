//! `evenkeel history`: what was carried out on a cluster, by whom, and how it ended.

use clap::Args;

use super::args::{ClusterArgs, Format};
use super::operator::UnderWay;
use super::status::to_json;
use super::{Failure, Screen};
use crate::base::TimestampMs;
use crate::control::{Entry, ExecutionId, Record};
use crate::edge::store::{Asked, JournalReader, Listed};
use crate::report::{HistoryEvent, HistoryRow, history_events_text, history_text};

const EXAMPLES: &str = "\
Examples:
  evenkeel history --bootstrap b-1.example:9092
  evenkeel history 1795446000000-4be1 --cluster prod --config evenkeel.toml --format json | jq .";

/// Show what was carried out on a cluster, by whom, and how it ended; or what happened in one execution
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct HistoryArgs {
    /// One execution, by its name or the beginning of it: all that happened in it
    #[arg(value_name = "EXECUTION")]
    execution: Option<String>,
    /// The shape of the result: text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: Format,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Runs the command.
///
/// # Errors
/// The cluster or its journal cannot be read, or there is no such execution.
pub fn run(args: &HistoryArgs, screen: &Screen) -> Result<(), Failure> {
    let records = UnderWay::look(&args.cluster, screen)?.records;
    let reader = records.reader()?;
    let listed = reader.as_ref().map(JournalReader::executions).transpose()?.unwrap_or_default();
    let Some(prefix) = &args.execution else {
        let rows: Vec<HistoryRow> = listed.iter().map(row).collect();
        return match args.format {
            Format::Text => screen.result(&history_text(&rows, screen.results)),
            Format::Json => screen.result(&to_json(&rows)?),
        };
    };
    let execution = find(&listed, prefix)?;
    let (entries, asked) = match &reader {
        Some(reader) => (reader.entries()?, reader.requests(execution)?),
        None => Default::default(),
    };
    let events = events(entries, asked, execution);
    match args.format {
        Format::Text => screen.result(&history_events_text(&events, screen.results)),
        Format::Json => screen.result(&to_json(&events)?),
    }
}

fn find<'a>(listed: &'a [Listed], prefix: &str) -> Result<&'a ExecutionId, Failure> {
    let mut found = listed.iter().filter(|listed| listed.execution.as_str().starts_with(prefix));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(&one.execution),
        (Some(_), Some(_)) => Err(Failure::usage(format!("several executions begin with `{prefix}`"))),
        (None, _) => Err(Failure::usage(format!("there is no execution `{prefix}`"))
            .hint("`evenkeel history` without a name lists them")),
    }
}

fn row(listed: &Listed) -> HistoryRow {
    let began = listed.began.as_ref().and_then(|entry| match &entry.record {
        Record::Began { plan, by, .. } => Some((entry.at_ms, plan, by)),
        _ => None,
    });
    let ended = listed.ended.as_ref().and_then(|entry| match &entry.record {
        Record::Ended { outcome, .. } => Some((entry.at_ms, outcome)),
        _ => None,
    });
    HistoryRow {
        execution: listed.execution.to_string(),
        began_at: began.map(|(at, ..)| TimestampMs(at)),
        by: began.map(|(.., by)| by.clone()).unwrap_or_default(),
        plan: began.map(|(_, plan, _)| plan.id),
        operation: began.map(|(_, plan, _)| plan.operation.clone()).unwrap_or_default(),
        ended: ended.map_or_else(
            || "unfinished".to_owned(),
            // The numbers have columns of their own.
            |(_, outcome)| outcome.to_string().split(", ").next().unwrap_or_default().to_owned(),
        ),
        ended_at: ended.map(|(at, _)| TimestampMs(at)),
        bytes_copied: ended.map(|(_, outcome)| outcome.bytes_copied),
        // From its beginning, whoever carried it out in between.
        took_s: began
            .zip(ended)
            .map(|((began, ..), (ended, _))| TimestampMs(ended).since(TimestampMs(began)).as_secs_f64()),
    }
}

/// What happened in an execution, and what was asked of it, in order.
fn events(entries: Vec<Entry>, asked: Vec<Asked>, execution: &ExecutionId) -> Vec<HistoryEvent> {
    let of_it = entries.into_iter().filter(|entry| entry.record.execution() == Some(execution));
    let mut events: Vec<(u64, HistoryEvent)> = Vec::new();
    let mut push = |at_ms: u64, kind, text| {
        events.push((at_ms, HistoryEvent { at: TimestampMs(at_ms), kind, text }));
    };
    for entry in of_it {
        match entry.record {
            Record::Began { plan, by, .. } => {
                push(entry.at_ms, "began", format!("plan {} ({}) by {by}", plan.id, plan.operation));
            }
            Record::Happened { text, .. } => push(entry.at_ms, "event", text),
            Record::Intent { commands, .. } => {
                for command in commands {
                    push(entry.at_ms, "command", command.what);
                }
            }
            Record::Ended { outcome, .. } => push(entry.at_ms, "ended", outcome.to_string()),
            Record::Fact { .. }
            | Record::Measured { .. }
            | Record::Removed { .. }
            | Record::Demoted { .. } => {}
        }
    }
    for asked in asked {
        let what =
            asked.request.map_or_else(|| "something unknown".to_owned(), |request| request.to_string());
        push(asked.at.0, "request", format!("{what} by {}", asked.by));
    }
    // The order of the journal is kept among what has the same time.
    events.sort_by_key(|(at, _)| *at);
    events.into_iter().map(|(_, event)| event).collect()
}
