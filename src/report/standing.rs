//! [`StandingView`]: an execution that has not ended, as far as it was written down.

use std::time::Duration;

use serde::Serialize;

use super::layout::{count, indent, prose};
use super::{ApprovedView, Leave, ProposedView, Style};
use crate::base::{BrokerId, Bytes, Millis, PlanId, TimestampMs};
use crate::execute::{Memory, StopMode};
use crate::observe::CanaryTimes;
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
    /// The plan that waits for leave.
    pub proposed: Option<ProposedView>,
    /// Plans that have leave and were not begun yet, oldest leave first.
    pub approved: Vec<ApprovedView>,
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
    /// What the canary measured last; absent where it measured nothing.
    pub canary: Option<CanaryView>,
}

/// How long records take from the producer to the consumer, as the canary measured it last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CanaryView {
    /// When, by the clock of whoever carries the execution out.
    pub measured_at: TimestampMs,
    /// How long ago.
    pub age_s: u64,
    /// Whether that is so long ago that it says nothing about now.
    pub is_old: bool,
    /// Half of all records took no longer, over half a minute.
    pub p50_ms: Millis,
    /// 99 of 100 took no longer.
    pub p99_ms: Millis,
    /// By the broker that they went through.
    pub brokers: Vec<BrokerTimes>,
}

/// How long the records through one broker took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BrokerTimes {
    /// The broker.
    pub broker: BrokerId,
    /// Half of them took no longer.
    pub p50_ms: Millis,
    /// 99 of 100 took no longer.
    pub p99_ms: Millis,
}

/// Six times as long as between two entries of a canary that sings.
const CANARY_IS_OLD_AFTER: Duration = Duration::from_secs(60);

impl CanaryView {
    /// Draws it from what was written down `at` a time, as it is looked at `now`.
    pub fn of((at, canary): (TimestampMs, &CanaryTimes), now: TimestampMs) -> Self {
        let age = now.since(at);
        let brokers = canary.brokers.iter().map(|(broker, times)| BrokerTimes {
            broker: *broker,
            p50_ms: times.p50_ms,
            p99_ms: times.p99_ms,
        });
        Self {
            measured_at: at,
            age_s: age.as_secs(),
            is_old: age > CANARY_IS_OLD_AFTER,
            p50_ms: canary.all.p50_ms,
            p99_ms: canary.all.p99_ms,
            brokers: brokers.collect(),
        }
    }

    /// In a line: old values are not shown, and that there are none is.
    fn line(&self) -> String {
        if self.is_old {
            return format!("the canary has measured nothing since {}", self.measured_at);
        }
        let Self { age_s, p50_ms, p99_ms, brokers, .. } = self;
        let slowest = brokers.iter().max_by(|one, other| one.p99_ms.get().total_cmp(&other.p99_ms.get()));
        let slowest = slowest.map_or_else(String::new, |slowest| {
            format!("; slowest through broker {}: p99 {}", slowest.broker, slowest.p99_ms)
        });
        format!("canary: records take p50 {p50_ms}, p99 {p99_ms}{slowest}; measured {age_s} s ago")
    }
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
            canary: None,
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
    text += &prose(style, &view.progress());
    text + &view.canary.as_ref().map(|canary| prose(style, &canary.line())).unwrap_or_default()
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
    /// Its name; absent for a plan that was given leave and never begun.
    pub execution: Option<String>,
    /// When it began; absent when that is no longer known.
    pub began_at: Option<TimestampMs>,
    /// Who ordered it.
    pub by: String,
    /// Its plan.
    pub plan: Option<PlanId>,
    /// What the plan was for.
    pub operation: String,
    /// Who gave leave to the plan, where a daemon asked for it.
    pub approved: Option<Leave>,
    /// How it ended; `unfinished` when it has not; what became of the leave where it was never begun.
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
    let dash = || "-".to_owned();
    let cells = rows.iter().map(|row| {
        let took = row.took_s.and_then(|took| Duration::try_from_secs_f64(took).ok());
        let began = row.began_at.map(|at| at.to_string());
        vec![
            row.execution.clone().unwrap_or_else(dash),
            began.unwrap_or_else(|| if row.execution.is_some() { unknown() } else { dash() }),
            row.by.clone(),
            row.operation.clone(),
            row.approved.as_ref().map_or_else(dash, |leave| format!("{} {}", leave.at, leave.by)),
            row.ended.clone(),
            row.bytes_copied.map_or_else(dash, |bytes| bytes.to_string()),
            took.map_or_else(dash, crate::base::format_duration),
        ]
    });
    let columns = [
        ("execution", Side::Left),
        ("began", Side::Left),
        ("by", Side::Left),
        ("operation", Side::Left),
        ("approved", Side::Left),
        ("ended", Side::Left),
        ("copied", Side::Right),
        ("took", Side::Right),
    ];
    // Most clusters have no daemon that asks.
    let has_leave = rows.iter().any(|row| row.approved.is_some());
    let is_shown = |(at, _): &(usize, _)| has_leave || columns[*at].0 != "approved";
    let shown: Vec<(&str, Side)> =
        columns.iter().copied().enumerate().filter(is_shown).map(|(_, column)| column).collect();
    let cells = cells.map(|row: Vec<String>| {
        let kept = row.into_iter().enumerate().filter(|(at, _)| has_leave || columns[*at].0 != "approved");
        kept.map(|(_, cell)| cell).collect()
    });
    table(style, &shown, cells)
}

/// Renders what happened in one execution.
pub fn history_events_text(events: &[HistoryEvent], style: Style) -> String {
    events
        .iter()
        .map(|event| prose(style, &format!("{} {:8} {}", event.at, event.kind, event.text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::EndToEnd;

    #[test]
    fn what_the_canary_measured_has_an_age_and_is_not_shown_when_that_is_high() {
        let times = |p50: f64, p99: f64| EndToEnd {
            p50_ms: Millis::new(p50).expect("a time"),
            p99_ms: Millis::new(p99).expect("a time"),
        };
        let canary = CanaryTimes {
            all: times(3.1, 8.4),
            brokers: vec![(BrokerId(1), times(3.0, 7.0)), (BrokerId(4), times(3.4, 12.0))],
        };
        let at = TimestampMs(1_795_446_000_000);
        let seen = |after| CanaryView::of((at, &canary), at.after(Duration::from_secs(after)));
        assert_eq!(
            seen(7).line(),
            "canary: records take p50 3.1 ms, p99 8.4 ms; slowest through broker 4: p99 12 ms; measured 7 s ago"
        );
        assert_eq!((seen(60).is_old, seen(61).is_old, seen(61).age_s), (false, true, 61));
        assert_eq!(seen(61).line(), "the canary has measured nothing since 2026-11-23T15:00:00Z");
    }
}
