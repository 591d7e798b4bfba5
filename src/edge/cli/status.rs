//! `evenkeel status`: what a cluster looks like now.

use clap::Args;

use super::args::Format;
use super::foresight::foreseen;
use super::operator::standing;
use super::session::Records;
use super::sharing::{Overview, Voice};
use super::source::{self, Seen, SourceArgs};
use super::{Failure, Screen, goals, plan};
use crate::base::TimestampMs;
use crate::edge::lease::Beat;
use crate::report::{
    ApprovedView, CanaryView, KnownView, LeaseView, ProposedView, StandingView, StatusView, status_text,
};

const EXAMPLES: &str = "\
Examples:
  evenkeel status --bootstrap b-1.example:9092
  evenkeel status --cluster prod --config evenkeel.toml --format json | jq .throttles";

/// Show brokers, health, what is being carried out, reassignments in flight and throttles that stand
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
    let mut view = StatusView::of(&seen.observation);
    if let Some(records) = &seen.records {
        // What is written down adds to what is seen; that it cannot be read must not hide the cluster.
        match records.overview(Voice::Screen(*screen)) {
            Ok(overview) => fill(&mut view, &overview, records, &seen, screen),
            Err(failure) => screen.warn(&failure.message),
        }
    }
    match args.format {
        Format::Text => screen.result(&status_text(&view, screen.results)),
        Format::Json => screen.result(&to_json(&view)?),
    }
}

/// Adds what is written down.
fn fill(view: &mut StatusView, overview: &Overview, records: &Records, seen: &Seen, screen: &Screen) {
    let sizes = overview.local.sizes();
    if !sizes.is_empty() {
        match goals::chosen(None, seen.goals.as_deref()) {
            Ok(goals) => view.outlook = foreseen(&seen.observation, sizes, &goals),
            Err(failure) => screen.warn(&format!("no outlook on disks: {}", failure.message)),
        }
    }
    view.lacking = overview.local.absences().iter().cloned().collect();
    view.known = known(records, overview, seen.observation.taken_at).unwrap_or_else(|failure| {
        screen.warn(&failure.message);
        KnownView::default()
    });
}

fn known(records: &Records, overview: &Overview, now: TimestampMs) -> Result<KnownView, Failure> {
    let here = records.acting()?.as_ref().map(ToString::to_string);
    let known = &overview.known;
    let daemon = records.daemon()?;
    let carried_out_by = here.or_else(|| overview.living().map(ToString::to_string));
    let execution = known.unfinished().last().map(|unfinished| {
        let measured = known.measured(&unfinished.execution);
        let canary = measured.map(|measured| CanaryView::of(measured, now));
        StandingView { canary, ..standing(unfinished, carried_out_by) }
    });
    Ok(KnownView {
        execution,
        lease: overview.holder().map(lease),
        daemon: daemon.as_ref().map(ToString::to_string),
        daemon_troubles: daemon.map_or_else(Vec::new, |daemon| daemon.troubles),
        // Leave is for the daemon of this machine.
        proposed: overview.local.proposed().map(|(at, plan)| ProposedView::of(plan, at)),
        approved: overview
            .local
            .approvals()
            .filter(|approval| approval.waiting().is_some())
            .map(|approval| ApprovedView {
                plan: approval.plan,
                operation: approval.operation.clone(),
                bytes: approval.bytes,
                approved: plan::leave(approval),
            })
            .collect(),
        removed_brokers: known.removed().collect(),
        demoted_brokers: known.demoted().collect(),
    })
}

fn lease(beat: &Beat) -> LeaseView {
    LeaseView {
        holder: beat.holder.to_string(),
        since: TimestampMs(beat.since_ms),
        last_sign_of_life_s: beat.age().map_or(0, |age| age.as_secs()),
        is_silent: !beat.seems_alive(),
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
