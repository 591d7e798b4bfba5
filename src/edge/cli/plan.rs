//! `evenkeel plan`: plans in files, and those that a daemon proposes: shown, compared, and given leave.

use std::path::Path;

use clap::{Args, Subcommand};

use super::judge::read_plan;
use super::{Failure, Screen, plan_approve, plan_diff, plan_show};
use crate::base::PlanId;
use crate::control::{Approval, Recollection};
use crate::plan::{Plan, PlanFile};
use crate::report::Leave;

/// Show a plan, what it changes, or give leave to it
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(subcommand)]
    command: PlanCommand,
}

#[derive(Debug, Subcommand)]
enum PlanCommand {
    Show(plan_show::PlanShowArgs),
    Diff(plan_diff::PlanDiffArgs),
    Approve(plan_approve::PlanApproveArgs),
}

/// Runs the command.
///
/// # Errors
/// A file is no plan, the cluster cannot be seen, or leave may not be given.
pub fn run(args: &PlanArgs, screen: &Screen) -> Result<(), Failure> {
    match &args.command {
        PlanCommand::Show(args) => plan_show::run(args, screen),
        PlanCommand::Diff(args) => plan_diff::run(args, screen),
        PlanCommand::Approve(args) => plan_approve::run(args, screen),
    }
}

/// How many changes a terminal shows unless all are asked for.
const ON_TERMINAL: usize = 20;

/// How many changes this screen shows.
pub fn most(all: bool, screen: &Screen) -> Option<usize> {
    (screen.results_on_terminal && !all).then_some(ON_TERMINAL)
}

/// How a plan is named, as a hint.
pub const NAMES: &str =
    "say the path of a plan file, or the id of the plan that waits for leave: `evenkeel status` shows it";

/// Reads a plan of evenkeel's from a file.
///
/// # Errors
/// It cannot be read, or is none.
pub fn read(path: &Path) -> Result<Plan, Failure> {
    match read_plan(path)? {
        PlanFile::Evenkeel(plan) => Ok(*plan),
        PlanFile::Kafka(_) => Err(Failure::usage(format!(
            "{} is a file of kafka-reassign-partitions, which says neither the order nor where the moves begin",
            path.display()
        ))
        .hint("`evenkeel judge` checks it; `evenkeel propose --format json` writes a plan of evenkeel's")),
    }
}

/// Who gave leave, and when, for people.
pub fn leave(approval: &Approval) -> Leave {
    Leave { by: approval.by.clone(), at: approval.at() }
}

/// A plan as the operator names it.
pub enum Named {
    /// By a file that holds it.
    File(Box<Plan>),
    /// By its id.
    Id(PlanId),
    /// By a word that is neither the path of a file nor an id.
    Nothing(String),
}

impl Named {
    /// Reads a name: the path of a file, or else an id.
    ///
    /// # Errors
    /// The file cannot be read, or is no plan of evenkeel's.
    pub fn read(text: &str) -> Result<Self, Failure> {
        let path = Path::new(text);
        if path.exists() {
            return read(path).map(Box::new).map(Self::File);
        }
        // No id and no slip of the pen: what has a path or an ending is meant as a file.
        if text.contains(['/', '.']) {
            return read(path).map(Box::new).map(Self::File).map_err(|failure| failure.hint(NAMES));
        }
        let id = serde_json::from_value(serde_json::Value::String(text.to_owned()));
        Ok(id.map_or_else(|_| Self::Nothing(text.to_owned()), Self::Id))
    }

    /// The plan's id.
    ///
    /// # Errors
    /// What was named is no plan.
    pub fn id(&self, known: &Recollection, cluster: &str) -> Result<PlanId, Failure> {
        match self {
            Self::File(plan) => Ok(plan.id),
            Self::Id(id) => Ok(*id),
            Self::Nothing(text) => Err(nothing(text, known, cluster)),
        }
    }

    /// The plan itself: that of the file, or the one that waits for leave or has it.
    ///
    /// # Errors
    /// No plan of that id does.
    pub fn find(self, known: &Recollection, cluster: &str) -> Result<Plan, Failure> {
        let id = match self {
            Self::File(plan) => return Ok(*plan),
            Self::Id(id) => id,
            Self::Nothing(text) => return Err(nothing(&text, known, cluster)),
        };
        let waits = known.proposed().map(|(_, plan)| plan);
        let has_leave = || known.approval(id).and_then(Approval::waiting);
        let found = waits.filter(|plan| plan.id == id).or_else(has_leave);
        found.cloned().ok_or_else(|| {
            Failure::refused(format!("plan {id} does not wait for leave on {cluster}")).hint(waiting(known))
        })
    }
}

/// What is said where neither a file nor a plan is named.
fn nothing(text: &str, known: &Recollection, cluster: &str) -> Failure {
    let message = format!(
        "`{text}` is neither a file that there is nor the id of a plan that waits for leave on {cluster}"
    );
    Failure::usage(message).hint(waiting(known))
}

/// Which plan waits for leave, as a hint.
fn waiting(known: &Recollection) -> String {
    match known.proposed() {
        Some((_, plan)) => format!("plan {} ({}) does", plan.id, plan.operation),
        None => "nothing does; a plan in a file is named by the file".to_owned(),
    }
}
