//! [`StandingView`]: an execution that has not ended, as far as it was written down.

use std::time::Duration;

use serde::Serialize;

use super::Style;
use super::layout::{count, indent, prose};
use crate::base::{BrokerId, Bytes, PlanId, TimestampMs};
use crate::execute::{Memory, StopMode};
use crate::plan::Plan;

/// What is known of a cluster beside what can be seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct KnownView {
    /// The execution that has not ended.
    pub execution: Option<StandingView>,
    /// Who holds the lease; absent where nobody does.
    pub lease: Option<LeaseView>,
    /// The daemon that looks after the cluster.
    pub daemon: Option<String>,
    /// What is wrong with the files that the daemon goes by: it goes on by what they said before.
    pub daemon_troubles: Vec<String>,
    /// Brokers that were removed: nothing moves onto them.
    pub removed_brokers: Vec<BrokerId>,
    /// Brokers that were demoted: they become the leader of nothing.
    pub demoted_brokers: Vec<BrokerId>,
}

/// Who holds the lease, and may act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeaseView {
    /// Who.
    pub holder: String,
    /// Since when, by the holder's clock.
    pub since: TimestampMs,
    /// How old its last sign of life is, as far as two machines' clocks agree.
    pub last_sign_of_life_s: u64,
    /// Whether that is so old that another may take over.
    pub is_silent: bool,
}

/// An execution that has not ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StandingView {
    /// Its name.
    pub execution: String,
    /// Its plan.
    pub plan: PlanId,
    /// What the plan is for.
    pub operation: String,
    /// When it began.
    pub began_at: TimestampMs,
    /// Who ordered it.
    pub by: String,
    /// The process that carries it out; absent when nobody does.
    pub carried_out_by: Option<String>,
    /// Whether an operator has paused it.
    pub paused: bool,
    /// Whether it is being ended, and how.
    pub stopping: Option<StopMode>,
    /// Steps of the plan.
    pub steps_total: usize,
    /// Steps that were seen done.
    pub steps_done: usize,
    /// Steps that may be under way.
    pub steps_under_way: usize,
    /// Steps that were given up.
    pub steps_given_up: usize,
    /// Bytes that the plan copies.
    pub bytes_total: Bytes,
    /// Bytes copied by steps that are over.
    pub bytes_copied: Bytes,
    /// Throttle settings that may stand.
    pub throttles: usize,
}

impl StandingView {
    /// Draws it from what was written down.
    pub fn of(
        execution: &str,
        (began_at, by): (TimestampMs, &str),
        plan: &Plan,
        memory: &Memory,
        carried_out_by: Option<String>,
    ) -> Self {
        let tally = memory.tally();
        Self {
            execution: execution.to_owned(),
            plan: plan.id,
            operation: plan.operation.clone(),
            began_at,
            by: by.to_owned(),
            carried_out_by,
            paused: tally.paused,
            stopping: tally.stop,
            steps_total: plan.steps().count(),
            steps_done: tally.done,
            steps_under_way: tally.under_way,
            steps_given_up: tally.given_up,
            bytes_total: plan.price.copied(),
            bytes_copied: tally.copied,
            throttles: tally.throttles,
        }
    }

    /// In one word or two: `running`, `paused`, `stopping`, `NOT FINISHED, and nobody carries it out`.
    fn state(&self) -> &'static str {
        match (&self.carried_out_by, self.stopping, self.paused) {
            (None, ..) => "NOT FINISHED, and nobody carries it out",
            (_, Some(_), _) => "stopping",
            (_, None, true) => "paused by an operator",
            _ => "running",
        }
    }

    /// How far it is, in a line.
    pub fn progress(&self) -> String {
        let given_up = match self.steps_given_up {
            0 => String::new(),
            steps => format!(", {steps} given up"),
        };
        format!(
            "{} of {} done, {} under way{given_up}; {} of {} copied; {} may stand",
            self.steps_done,
            count(self.steps_total, "step", "steps"),
            self.steps_under_way,
            self.bytes_copied,
            self.bytes_total,
            count(self.throttles, "throttle setting", "throttle settings")
        )
    }
}

/// Renders an execution that has not ended.
pub fn standing_text(view: &StandingView, style: Style) -> String {
    let state = view.state();
    let state = if view.carried_out_by.is_none() { style.bad(state) } else { style.good(state) };
    let mut text = prose(style, &format!("{state}: plan {} ({})", view.plan, view.operation));
    text += &prose(style, &format!("began {} by {}, execution {}", view.began_at, view.by, view.execution));
    if let Some(process) = &view.carried_out_by {
        text += &indent(&format!("carried out by {process}"));
    }
    text + &prose(style, &view.progress())
}

/// Renders what runs, and what operators have set apart; nothing where nothing is known.
pub(super) fn known_text(view: &KnownView, style: Style) -> (String, String) {
    let mut execution = view.execution.as_ref().map(|view| standing_text(view, style)).unwrap_or_default();
    if let Some(LeaseView { holder, since, last_sign_of_life_s, is_silent }) = &view.lease {
        let life = format!("last sign of life {last_sign_of_life_s} s ago");
        let life = if *is_silent { style.bad(&(life + ", SILENT")) } else { life };
        execution += &indent(&format!("the lease is held by {holder}, since {since}; {life}"));
    }
    if let Some(daemon) = &view.daemon {
        execution += &indent(&format!("the cluster is looked after by {daemon}"));
    }
    for trouble in &view.daemon_troubles {
        execution += &prose(style, &style.bad(&format!("the daemon goes by what was so before: {trouble}")));
    }
    let list = |brokers: &[BrokerId], was: &str| {
        let ids: Vec<String> = brokers.iter().map(ToString::to_string).collect();
        if ids.is_empty() { String::new() } else { indent(&format!("broker {} {was}", ids.join(", "))) }
    };
    let apart = list(&view.removed_brokers, "was removed: nothing moves onto it");
    (execution, apart + &list(&view.demoted_brokers, "was demoted: it becomes the leader of nothing"))
}

/// One execution of the past, or of now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryRow {
    /// Its name.
    pub execution: String,
    /// When it began; absent when that is no longer known.
    pub began_at: Option<TimestampMs>,
    /// Who ordered it.
    pub by: String,
    /// Its plan.
    pub plan: Option<PlanId>,
    /// What the plan was for.
    pub operation: String,
    /// How it ended; `unfinished` when it has not.
    pub ended: String,
    /// When.
    pub ended_at: Option<TimestampMs>,
    /// Bytes copied.
    pub bytes_copied: Option<Bytes>,
    /// How long it took, in seconds.
    pub took_s: Option<f64>,
}

/// Something that happened in an execution, or was asked of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryEvent {
    /// When.
    pub at: TimestampMs,
    /// `began`, `event`, `command`, `request` or `ended`.
    pub kind: &'static str,
    /// What, in words.
    pub text: String,
}

/// Renders a list of executions, newest last.
pub fn history_text(rows: &[HistoryRow], style: Style) -> String {
    use super::layout::{Side, table};
    if rows.is_empty() {
        return "Nothing was carried out on this cluster yet, as far as this state directory knows.\n"
            .to_owned();
    }
    let unknown = || "?".to_owned();
    let cells = rows.iter().map(|row| {
        let took = row.took_s.and_then(|took| Duration::try_from_secs_f64(took).ok());
        vec![
            row.execution.clone(),
            row.began_at.map_or_else(unknown, |at| at.to_string()),
            row.by.clone(),
            row.operation.clone(),
            row.ended.clone(),
            row.bytes_copied.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
            took.map_or_else(|| "-".to_owned(), crate::base::format_duration),
        ]
    });
    let columns = [
        ("execution", Side::Left),
        ("began", Side::Left),
        ("by", Side::Left),
        ("operation", Side::Left),
        ("ended", Side::Left),
        ("copied", Side::Right),
        ("took", Side::Right),
    ];
    table(style, &columns, cells)
}

/// Renders what happened in one execution.
pub fn history_events_text(events: &[HistoryEvent], style: Style) -> String {
    events
        .iter()
        .map(|event| prose(style, &format!("{} {:8} {}", event.at, event.kind, event.text)))
        .collect()
}
