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
}

impl Named {
    /// Reads a name: the path of a file, or else an id.
    ///
    /// # Errors
    /// It is neither; the file cannot be read, or is no plan of evenkeel's.
    pub fn read(text: &str) -> Result<Self, Failure> {
        let path = Path::new(text);
        let id = serde_json::from_value(serde_json::Value::String(text.to_owned()));
        match id {
            Ok(id) if !path.exists() => Ok(Self::Id(id)),
            _ => read(path).map(Box::new).map(Self::File),
        }
    }

    /// The plan's id.
    pub fn id(&self) -> PlanId {
        match self {
            Self::File(plan) => plan.id,
            Self::Id(id) => *id,
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
        };
        let waits = known.proposed().map(|(_, plan)| plan);
        let has_leave = || known.approval(id).and_then(Approval::waiting);
        let found = waits.filter(|plan| plan.id == id).or_else(has_leave);
        found.cloned().ok_or_else(|| {
            let hint = match waits {
                Some(plan) => format!("plan {} ({}) does", plan.id, plan.operation),
                None => "nothing does; a plan in a file is named by the file".to_owned(),
            };
            Failure::refused(format!("plan {id} does not wait for leave on {cluster}")).hint(hint)
        })
    }
}
