//! The command line: one file per command, and the shared parts around them.
//!
//! A command is an `Args` type whose doc comments are its help, and a `run` below it. What a command finds out is
//! worked out and rendered in the rooms below; here it is only fetched, shown and carried out.
//! To add one: a file here, a variant of `Command`, a script in `tests/scripts`.

mod add_broker;
mod apply;
mod args;
mod board;
mod carry;
mod check;
mod demo;
mod demote_broker;
mod elect_leaders;
mod explain;
mod failure;
mod fix_offline;
mod foresight;
mod goals;
mod hands;
mod history;
mod judge;
mod kill_points;
mod limits;
mod live;
mod live_files;
mod logging;
mod marks;
mod operate;
mod operation;
mod operator;
mod pause;
mod plan;
mod plan_approve;
mod plan_diff;
mod plan_show;
mod planning;
mod progress;
mod propose;
mod question;
mod rebalance;
mod remove_broker;
mod remove_log_dir;
mod report;
mod resume;
mod right_size;
mod run;
mod screen;
mod session;
mod set_replication_factor;
mod sharing;
mod signals;
mod snapshot;
mod source;
mod state_dir;
mod status;
mod stop;
mod target;
mod vigil;
mod ward;
mod weigh;
mod what_if;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use failure::{Failure, Kind};
pub use screen::{Colour, Screen};

const AFTER_HELP: &str = "\
Nothing is changed in a cluster without --execute; `stop` ends what was begun with it.

Exit codes:
  0  done
  1  failed
  2  wrong usage, configuration or file
  3  refused, with the reason
  4  cluster out of reach
  5  there is something to do (only with --exit-code)

Examples:
  evenkeel demo
  evenkeel propose --bootstrap b-1.example:9092";

/// Keeps an Apache Kafka cluster level: looks, proposes, and moves data in small throttled steps when told to
#[derive(Debug, Parser)]
#[command(name = "evenkeel", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct CommonArgs {
    /// When to use colour: auto, always or never
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Output"
    )]
    color: Colour,
    /// Log more on stderr; twice for debugging
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    verbose: u8,
    /// The shape of log lines: text or json
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Output"
    )]
    log_format: LogFormat,
}

/// The shapes of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::CheckArgs),
    Status(status::StatusArgs),
    Snapshot(snapshot::SnapshotArgs),
    Propose(propose::ProposeArgs),
    Judge(judge::JudgeArgs),
    Explain(explain::ExplainArgs),
    WhatIf(what_if::WhatIfArgs),
    RightSize(right_size::RightSizeArgs),
    Report(report::ReportArgs),
    Plan(plan::PlanArgs),
    Apply(apply::ApplyArgs),
    Rebalance(rebalance::RebalanceArgs),
    AddBroker(add_broker::AddBrokerArgs),
    RemoveBroker(remove_broker::RemoveBrokerArgs),
    DemoteBroker(demote_broker::DemoteBrokerArgs),
    FixOffline(fix_offline::FixOfflineArgs),
    RemoveLogDir(remove_log_dir::RemoveLogDirArgs),
    SetReplicationFactor(set_replication_factor::SetReplicationFactorArgs),
    ElectLeaders(elect_leaders::ElectLeadersArgs),
    Pause(pause::PauseArgs),
    Resume(resume::ResumeArgs),
    Stop(stop::StopArgs),
    Limits(limits::LimitsArgs),
    History(history::HistoryArgs),
    Run(run::RunArgs),
    Goals(goals::GoalsArgs),
    Demo(demo::DemoArgs),
}

/// Reads the command line, runs the command, and says how it went.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come out here too, on stdout and with code 0.
            let code = if error.use_stderr() { Kind::Usage.code() } else { 0 };
            return if error.print().is_ok() {
                ExitCode::from(code)
            } else {
                ExitCode::from(Kind::Failed.code())
            };
        }
    };
    let screen = Screen::new(cli.common.color);
    // The daemon has no other screen than its log.
    let verbose = cli.common.verbose + u8::from(matches!(cli.command, Command::Run(_)));
    logging::start(verbose, cli.common.log_format, screen.notes.colour);
    match dispatch(&cli.command, &screen) {
        Ok(code) => code,
        Err(failure) => {
            screen.fail(&failure);
            failure.exit_code()
        }
    }
}

fn dispatch(command: &Command, screen: &Screen) -> Result<ExitCode, Failure> {
    let done = |()| ExitCode::SUCCESS;
    match command {
        Command::Check(args) => check::run(args, screen),
        Command::Status(args) => status::run(args, screen).map(done),
        Command::Snapshot(args) => snapshot::run(args, screen).map(done),
        Command::Propose(args) => propose::run(args, screen),
        Command::Judge(args) => judge::run(args, screen).map(done),
        Command::Explain(args) => explain::run(args, screen).map(done),
        Command::WhatIf(args) => what_if::run(args, screen).map(done),
        Command::RightSize(args) => right_size::run(args, screen).map(done),
        Command::Report(args) => report::run(args, screen).map(done),
        Command::Plan(args) => plan::run(args, screen).map(done),
        Command::Apply(args) => apply::run(args, screen).map(done),
        Command::Rebalance(args) => rebalance::run(args, screen).map(done),
        Command::AddBroker(args) => add_broker::run(args, screen).map(done),
        Command::RemoveBroker(args) => remove_broker::run(args, screen).map(done),
        Command::DemoteBroker(args) => demote_broker::run(args, screen).map(done),
        Command::FixOffline(args) => fix_offline::run(args, screen).map(done),
        Command::RemoveLogDir(args) => remove_log_dir::run(args, screen).map(done),
        Command::SetReplicationFactor(args) => set_replication_factor::run(args, screen).map(done),
        Command::ElectLeaders(args) => elect_leaders::run(args, screen).map(done),
        Command::Pause(args) => pause::run(args, screen).map(done),
        Command::Resume(args) => resume::run(args, screen).map(done),
        Command::Stop(args) => stop::run(args, screen).map(done),
        Command::Limits(args) => limits::run(args, screen).map(done),
        Command::History(args) => history::run(args, screen).map(done),
        Command::Run(args) => run::run(args, screen).map(done),
        Command::Goals(args) => goals::run(args, screen).map(done),
        Command::Demo(args) => demo::run(args, screen).map(done),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_summary_and_two_examples() {
        fn check(command: &clap::Command) {
            let name = command.get_name();
            assert!(command.get_about().is_some_and(|about| !about.to_string().is_empty()), "{name}");
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            if command.get_subcommands().next().is_none() {
                assert!(after.matches("\n  evenkeel ").count() >= 2, "{name} has less than two examples");
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
