//! `evenkeel report`: what proposals for snapshots cost and reach, in numbers that can be compared.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use rustix::time::{ClockId, clock_gettime};

use super::args::Format;
use super::judge::add_certificate;
use super::operation::OperationArgs;
use super::planning::Pace;
use super::question::QuestionArgs;
use super::source::read_snapshot_file;
use super::status::to_json;
use super::{Failure, Screen, goals};
use crate::ask::measure;
use crate::base::Bytes;
use crate::goals::GoalSet;
use crate::model::ClusterModel;
use crate::plan::{Plan, judge_plan};
use crate::report::{Measurement, Stage, measurement_text};
use crate::solve::{Request, solve};

const EXAMPLES: &str = "\
Examples:
  evenkeel report cluster.json.gz
  evenkeel report before.json after.json --goals disk-only --format json
  evenkeel report grown.json.gz --add-broker 31,32,33";

/// Measure proposals for snapshots: time, memory, bytes against the least, goals, and how level brokers are
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// Snapshot files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    question: QuestionArgs,
    #[command(flatten)]
    operation: OperationArgs,
    /// The shape of the result: text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// A file is no snapshot, the goals are wrong, or there is no proposal.
pub fn run(args: &ReportArgs, screen: &Screen) -> Result<(), Failure> {
    let goals = goals::chosen(args.question.goals.as_deref(), None)?;
    let mut all = Vec::new();
    for (at, file) in args.files.iter().enumerate() {
        let row = measured(args, file, &goals, screen)?;
        match args.format {
            Format::Text => {
                let apart = if at > 0 { "\n" } else { "" };
                screen.result(&format!("{apart}{}", measurement_text(&row, screen.results)))?;
            }
            Format::Json => all.push(row),
        }
    }
    if args.format == Format::Json {
        screen.result(&to_json(&all)?)?;
    }
    Ok(())
}

fn measured(
    args: &ReportArgs,
    file: &Path,
    goals: &GoalSet,
    screen: &Screen,
) -> Result<Measurement, Failure> {
    let ask = args.operation.ask();
    let request = Request {
        operation: ask.operation,
        also_rebalance: ask.also_rebalance,
        seed: args.question.seed,
        ..Request::default()
    };
    let mut stages = Vec::new();
    let observation = timed(&mut stages, "read", || read_snapshot_file(file, screen))?;
    let model = timed(&mut stages, "model", || ClusterModel::build(&observation))
        .map_err(|error| Failure::refused(format!("{}: {error}", file.display())))?;
    let solution = timed(&mut stages, "solve", || solve(&model, goals, &request))
        .map_err(|error| Failure::refused(format!("{}: {error}", file.display())))?;
    let limits = Pace::default().limits_for(&observation);
    let plan = timed(&mut stages, "plan", || Plan::build(&model, goals, &request, &solution, &limits));
    let mut judgement = timed(&mut stages, "judge", || judge_plan(&observation, &plan, &limits));
    timed(&mut stages, "check certificate", || add_certificate(&mut judgement, &observation, &plan));
    if let Some(broken) = judgement.broken.first() {
        return Err(Failure::refused(format!("{}: the judge refuses the plan: {broken}", file.display())));
    }
    Ok(Measurement {
        file: file.display().to_string(),
        operation: plan.operation.clone(),
        goal_set: goals.name.clone(),
        stages,
        peak_memory_bytes: peak_memory(),
        measured: measure(&model, &plan),
    })
}

/// Runs one stage, and writes down what it took.
fn timed<T>(stages: &mut Vec<Stage>, stage: &'static str, work: impl FnOnce() -> T) -> T {
    let (began, before) = (Instant::now(), processor_seconds());
    let result = work();
    let cpu_s = processor_seconds() - before;
    let wall_s = (began.elapsed().as_secs_f64() * 1e6).round() / 1e6;
    stages.push(Stage { stage, wall_s, cpu_s: (cpu_s * 1e6).round() / 1e6 });
    result
}

/// Processor time of this thread in seconds: a proposal is made on one.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default().as_secs_f64()
}

/// The most memory that this process has held at once; `None` where there is no `/proc`.
fn peak_memory() -> Option<Bytes> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(Bytes(kibibytes.saturating_mul(1024)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_time_and_memory() {
        let before = processor_seconds();
        assert!((0..1_000_000_u64).map(std::hint::black_box).sum::<u64>() > 0);
        assert!(processor_seconds() > before);
        if cfg!(target_os = "linux") {
            assert!(peak_memory().is_some_and(|bytes| bytes.0 > 1_000_000));
        }
    }
}
