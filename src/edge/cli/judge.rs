//! `evenkeel judge`: checks any plan, whoever made it, against a cluster.

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::Format;
use super::source::{self, SourceArgs};
use super::status::to_json;
use super::target::read_text;
use super::{Failure, Screen};
use crate::model::{Broken, Promise};
use crate::observe::Observation;
use crate::plan::{
    CertificateCheck, Judgement, Leave, Plan, PlanFile, PlanLimits, check_certificate, judge_with,
};
use crate::report::judgement_text;

const EXAMPLES: &str = "\
Examples:
  evenkeel judge --snapshot cluster.json --plan plan.json
  evenkeel judge --bootstrap b-1.example:9092 --plan reassignment.json   # from kafka-reassign-partitions";

/// Check any plan, step by step, against a cluster; exit code 3 when it may not be carried out
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct JudgeArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// A plan file, or the JSON of kafka-reassign-partitions
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// Judge a changed number of replicas in a file of kafka-reassign-partitions as wanted; a plan of evenkeel says
    /// itself where it is
    #[arg(long)]
    allow_replication_factor: bool,
    /// The shape of the result: text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// A file is wrong, the cluster cannot be seen, or the plan may not be carried out.
pub fn run(args: &JudgeArgs, screen: &Screen) -> Result<(), Failure> {
    let plan = read_plan(&args.plan)?;
    let seen = source::look(&args.source, screen)?;
    let leave = Leave { replication_factor: args.allow_replication_factor };
    let mut judgement = judge_with(&seen.observation, &plan, &limits(&plan), leave);
    if let PlanFile::Evenkeel(plan) = &plan {
        add_certificate(&mut judgement, &seen.observation, plan);
    }
    match args.format {
        Format::Text => screen.result(&judgement_text(&judgement, screen.results))?,
        Format::Json => screen.result(&to_json(&judgement)?)?,
    }
    let is_resized = |broken: &Broken| broken.promise == Promise::ReplicationFactor;
    let hint = match plan {
        PlanFile::Kafka(_) if judgement.broken.iter().any(is_resized) => {
            "if another replication factor is wanted, judge it with --allow-replication-factor"
        }
        _ => return refuse(&judgement),
    };
    refuse(&judgement).map_err(|failure| failure.hint(hint))
}

/// Adds what is found of a plan's certificate. A plan whose certificate does not hold is refused: whoever made it so
/// may have changed more.
pub fn add_certificate(judgement: &mut Judgement, observation: &Observation, plan: &Plan) {
    match check_certificate(observation, plan) {
        CertificateCheck::Holds => {
            judgement
                .notes
                .push("the certificate holds: every bound was computed again from the snapshot".to_owned());
        }
        CertificateCheck::NotChecked(why) => judgement.notes.push(why.to_owned()),
        CertificateCheck::Broken(broken) => judgement.broken.push(broken),
    }
}

/// Reads a plan file of either kind.
///
/// # Errors
/// It cannot be read, or is no plan.
pub fn read_plan(path: &Path) -> Result<PlanFile, Failure> {
    PlanFile::parse(&read_text(path)?).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// What a plan says that it was reckoned with; for Kafka's own form, what evenkeel reckons with.
pub fn limits(plan: &PlanFile) -> PlanLimits {
    match plan {
        PlanFile::Evenkeel(plan) => plan.limits,
        PlanFile::Kafka(_) => PlanLimits::default(),
    }
}

/// Refuses a plan that may not be carried out, with the first reason.
///
/// # Errors
/// It may not be carried out.
pub fn refuse(judgement: &Judgement) -> Result<(), Failure> {
    if judgement.is_ok() {
        return Ok(());
    }
    // That it is for another cluster says more than all that differs there.
    if let Some(other) = judgement.broken.iter().find(|broken| broken.promise == Promise::PlanIsCurrent) {
        return Err(Failure::refused(format!("the plan is void: {}: {}", other.subject, other.detail))
            .hint("make a new plan, or check the address"));
    }
    if let Some(stale) = judgement.stale.first() {
        let more = judgement.stale.len() - 1;
        let more = if more > 0 { format!(", and {more} more partitions") } else { String::new() };
        return Err(Failure::refused(format!(
            "the plan is void, the cluster has changed since it was made: {}: {}{more}",
            stale.partition, stale.found
        ))
        .hint("make a new plan"));
    }
    let first = judgement.broken.first().map(ToString::to_string).unwrap_or_default();
    Err(Failure::refused(format!("the plan breaks a promise: {first}")))
}
