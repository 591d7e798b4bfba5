//! `evenkeel history`: what was carried out on a cluster, by whom, and how it ended.

use clap::Args;

use super::args::{ClusterArgs, Format};
use super::operator::UnderWay;
use super::status::to_json;
use super::{Failure, Screen, plan};
use crate::base::TimestampMs;
use crate::control::{Approval, ApprovalFate, Entry, ExecutionId, Recollection, Record};
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
        let rows = rows(&listed, &records.local()?);
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

/// All executions, with who gave leave to them, and all leave that nothing was begun with.
fn rows(listed: &[Listed], known: &Recollection) -> Vec<HistoryRow> {
    let of_execution = |of: &ExecutionId| {
        let is_its = |approval: &&Approval| match &approval.fate {
            ApprovalFate::Begun { execution } => execution == of,
            ApprovalFate::Waiting | ApprovalFate::Void { .. } | ApprovalFate::Withdrawn { .. } => false,
        };
        known.approvals().find(is_its).map(plan::leave)
    };
    let executions =
        listed.iter().map(|listed| HistoryRow { approved: of_execution(&listed.execution), ..row(listed) });
    let unused = known.approvals().filter_map(|approval| {
        let ended = match &approval.fate {
            ApprovalFate::Begun { .. } => return None,
            ApprovalFate::Waiting => "waits".to_owned(),
            ApprovalFate::Void { reason } => format!("void: {reason}"),
            ApprovalFate::Withdrawn { by } => format!("withdrawn by {by}"),
        };
        Some(HistoryRow {
            execution: None,
            began_at: None,
            by: "-".to_owned(),
            plan: Some(approval.plan),
            operation: approval.operation.clone(),
            approved: Some(plan::leave(approval)),
            ended,
            ended_at: None,
            bytes_copied: None,
            took_s: None,
        })
    });
    let mut rows: Vec<HistoryRow> = executions.chain(unused).collect();
    rows.sort_by_key(|row| row.began_at.or(row.approved.as_ref().map(|leave| leave.at)));
    rows
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
        execution: Some(listed.execution.to_string()),
        began_at: began.map(|(at, ..)| TimestampMs(at)),
        by: began.map(|(.., by)| by.clone()).unwrap_or_default(),
        plan: began.map(|(_, plan, _)| plan.id),
        operation: began.map(|(_, plan, _)| plan.operation.clone()).unwrap_or_default(),
        approved: None,
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
            | Record::Proposed { .. }
            | Record::Sizes { .. }
            | Record::Lacking { .. }
            | Record::Approval(_)
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
