//! `evenkeel goals`: the goal sets, shipped ones and those in files.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::target::read_text;
use super::{Failure, Screen};
use crate::goals::{GoalError, GoalSet};
use crate::report::{goal_set_text, goal_sets_text};

/// List, show and check goal sets
#[derive(Debug, Args)]
pub struct GoalsArgs {
    #[command(subcommand)]
    command: GoalsCommand,
}

const LIST_EXAMPLES: &str = "\
Examples:
  evenkeel goals list
  evenkeel propose --snapshot cluster.json --goals disk-only";

const SHOW_EXAMPLES: &str = "\
Examples:
  evenkeel goals show default
  evenkeel goals show default --toml > own.toml";

const CHECK_EXAMPLES: &str = "\
Examples:
  evenkeel goals check own.toml
  evenkeel goals check own.toml && evenkeel propose --snapshot cluster.json --goals own.toml";

#[derive(Debug, Subcommand)]
enum GoalsCommand {
    /// List the shipped sets
    #[command(after_help = LIST_EXAMPLES)]
    List,
    /// Show what a set asks for
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Name of a shipped set, or a file
        #[arg(value_name = "NAME|FILE")]
        goals: String,
        /// As the file that it is, to copy and change
        #[arg(long)]
        toml: bool,
    },
    /// Check a goal file
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// The file
        file: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
/// A set does not exist, or is wrong.
pub fn run(args: &GoalsArgs, screen: &Screen) -> Result<(), Failure> {
    match &args.command {
        GoalsCommand::List => {
            let sets: Result<Vec<GoalSet>, GoalError> =
                GoalSet::shipped_names().map(GoalSet::shipped).collect();
            let sets = sets.map_err(|error| in_goals("the shipped sets", &error))?;
            screen.result(&goal_sets_text(&sets, screen.results))
        }
        GoalsCommand::Show { goals, toml: true } => match GoalSet::shipped_text(goals) {
            Some(text) => screen.result(text),
            None => screen.result(&read_text(Path::new(goals))?),
        },
        GoalsCommand::Show { goals, toml: false } => {
            screen.result(&goal_set_text(&load(goals)?, screen.results))
        }
        GoalsCommand::Check { file } => {
            let set = read(file)?;
            screen.result(&format!(
                "{}: `{}`, {} goals, is right\n",
                file.display(),
                set.name,
                set.goals.len()
            ))
        }
    }
}

/// Loads a goal set by the name of a shipped one, or from a file.
///
/// # Errors
/// There is no such set or file, or the file is wrong.
pub fn load(goals: &str) -> Result<GoalSet, Failure> {
    let path = Path::new(goals);
    if GoalSet::shipped_text(goals).is_none() && (goals.contains(['/', '.']) || path.exists()) {
        return read(path);
    }
    GoalSet::shipped(goals).map_err(|error| in_goals("goals", &error))
}

fn read(path: &Path) -> Result<GoalSet, Failure> {
    GoalSet::parse(&read_text(path)?).map_err(|error| in_goals(&path.display().to_string(), &error))
}

fn in_goals(place: &str, error: &GoalError) -> Failure {
    Failure::usage(format!("{place}: {error}")).hint(error.hint().unwrap_or_default())
}
