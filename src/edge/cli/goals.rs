//! `evenkeel goals`: the goal sets, shipped ones and those in files.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::target::read_text;
use super::{Failure, Screen};
use crate::goals::{GOALS_SCHEMA, GoalError, GoalSet};
use crate::report::{goal_set_json, goal_set_text, goal_sets_text};

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
  evenkeel goals show default --format toml > own.toml";

const CHECK_EXAMPLES: &str = "\
Examples:
  evenkeel goals check own.toml
  evenkeel goals check own.toml && evenkeel propose --snapshot cluster.json --goals own.toml";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  evenkeel goals schema > schema.json
  evenkeel goals show default --format toml > own.toml

Editors with taplo (VS Code: Even Better TOML) check and complete a goal file
whose first line is `#:schema ./schema.json`.";

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
        /// The shape: text for people, toml as the file that it is, to copy and change, or json for programs
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT", hide_possible_values = true)]
        format: ShowFormat,
    },
    /// Check goal files and explain every goal in words
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the JSON Schema of goal files, for editors
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
}

/// The shapes in which a set is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ShowFormat {
    /// For people
    #[default]
    Text,
    /// As the file that it is
    Toml,
    /// For programs: the file's keys, and each goal in words
    Json,
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
        GoalsCommand::Show { goals, format } => show(goals, *format, screen),
        GoalsCommand::Check { files } => check(files, screen),
        GoalsCommand::Schema => screen.result(GOALS_SCHEMA),
    }
}

fn show(goals: &str, format: ShowFormat, screen: &Screen) -> Result<(), Failure> {
    let set = load(goals)?;
    match format {
        ShowFormat::Text => screen.result(&goal_set_text(&set, screen.results)),
        ShowFormat::Toml => screen.result(&text_of(goals)?),
        ShowFormat::Json => screen.result(&goal_set_json(&set, &text_of(goals)?)),
    }
}

/// Checks all files before it fails, so that one run shows all that is wrong.
fn check(files: &[PathBuf], screen: &Screen) -> Result<(), Failure> {
    let mut wrong: Option<Failure> = None;
    for file in files {
        match read(file) {
            Ok(set) => {
                let goals = if set.goals.len() == 1 { "goal" } else { "goals" };
                let head =
                    format!("{}: `{}`, {} {goals}, is right\n\n", file.display(), set.name, set.goals.len());
                screen.result(&(head + &goal_set_text(&set, screen.results)))?;
            }
            Err(failure) => {
                if let Some(before) = wrong.replace(failure) {
                    screen.fail(&before);
                }
            }
        }
    }
    wrong.map_or(Ok(()), Err)
}

/// Whether a name of a set stands for a file.
fn is_file(goals: &str) -> bool {
    GoalSet::shipped_text(goals).is_none() && (goals.contains(['/', '.']) || Path::new(goals).exists())
}

/// The text of a set that was loaded.
fn text_of(goals: &str) -> Result<String, Failure> {
    GoalSet::shipped_text(goals).map_or_else(|| read_text(Path::new(goals)), |text| Ok(text.to_owned()))
}

/// Loads a goal set by the name of a shipped one, or from a file.
///
/// # Errors
/// There is no such set or file, or the file is wrong.
pub fn load(goals: &str) -> Result<GoalSet, Failure> {
    if is_file(goals) {
        return read(Path::new(goals));
    }
    GoalSet::shipped(goals).map_err(|error| in_goals("goals", &error))
}

/// Loads the goal set that a flag names, else the one that is set for the cluster, else the default one.
///
/// # Errors
/// As [`load`].
pub fn chosen(flag: Option<&str>, set: Option<&str>) -> Result<GoalSet, Failure> {
    load(flag.or(set).unwrap_or("default"))
}

fn read(path: &Path) -> Result<GoalSet, Failure> {
    GoalSet::parse(&read_text(path)?).map_err(|error| in_goals(&path.display().to_string(), &error))
}

fn in_goals(place: &str, error: &GoalError) -> Failure {
    Failure::usage(format!("{place}: {error}")).hint(error.hint().unwrap_or_default())
}
