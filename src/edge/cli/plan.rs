//! `evenkeel plan`: plans in files, and those that a daemon proposes: shown, compared, and given leave.

use std::path::Path;

use clap::{Args, Subcommand};

use super::judge::read_plan;
use super::{Failure, Screen, plan_diff, plan_show};
use crate::plan::{Plan, PlanFile};

/// Show a plan, or what it changes
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(subcommand)]
    command: PlanCommand,
}

#[derive(Debug, Subcommand)]
enum PlanCommand {
    Show(plan_show::PlanShowArgs),
    Diff(plan_diff::PlanDiffArgs),
}

/// Runs the command.
///
/// # Errors
/// A file is no plan, the cluster cannot be seen, or leave may not be given.
pub fn run(args: &PlanArgs, screen: &Screen) -> Result<(), Failure> {
    match &args.command {
        PlanCommand::Show(args) => plan_show::run(args, screen),
        PlanCommand::Diff(args) => plan_diff::run(args, screen),
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
