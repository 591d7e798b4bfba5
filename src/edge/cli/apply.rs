//! `evenkeel apply`: carry out exactly the plan of a file, or refuse it.

use std::path::PathBuf;

use clap::Args;

use super::args::{ClusterArgs, ExecutionArgs, parse_throttle};
use super::carry::Order;
use super::hands::Hands;
use super::judge::refuse;
use super::progress::LINE_EVERY;
use super::target::Target;
use super::{Failure, Screen, live, plan, planning};
use crate::config::Throttle;
use crate::plan::judge_plan;

const EXAMPLES: &str = "\
Examples:
  evenkeel apply plan.json --bootstrap b-1.example:9092
  evenkeel apply plan.json --cluster prod --config evenkeel.toml --throttle 50MB --execute";

/// Carry out exactly the plan of a file, or refuse it; without --execute only checks it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ApplyArgs {
    /// The plan, as `propose --format json` writes it
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Replication throttle of each broker in each direction: a rate, `auto` or `none`
    #[arg(long, value_name = "RATE", value_parser = parse_throttle, help_heading = "Execution")]
    throttle: Option<Throttle>,
    #[command(flatten)]
    execution: ExecutionArgs,
    /// List every move, also on a terminal
    #[arg(long)]
    all: bool,
}

/// Runs the command.
///
/// # Errors
/// The file is no plan, the plan is void or unsafe, or it was not carried out in full.
pub fn run(args: &ApplyArgs, screen: &Screen) -> Result<(), Failure> {
    let plan = &plan::read(&args.plan)?;
    let mut target = Target::resolve(&args.cluster, screen)?;
    let pace = args.execution.pace(args.throttle, &mut target);
    let (hands, seen) = Hands::open(|| live::open(&target), &target, args.execution.execute, screen)?;
    let order =
        Order { plan, seen: &seen, settings: pace.execute, cluster: &target.name, line_every: LINE_EVERY };
    order.check(hands.world())?;
    refuse(&judge_plan(&seen, plan, &plan.limits))?;
    let mut next = match (plan.is_empty, args.execution.execute) {
        (true, _) => vec!["There is nothing to do.".to_owned()],
        (false, true) => Vec::new(),
        (false, false) => vec![
            "The plan fits the cluster. Nothing was changed; the same command with --execute carries it out."
                .to_owned(),
        ],
    };
    let closed = planning::not_now(&order.settings, hands.now()).filter(|_| !plan.is_empty);
    next.splice(0..0, closed);
    screen.result(&planning::text(plan, &seen.gaps, args.all, next, screen))?;
    if plan.is_empty {
        return hands.nothing_to_do(plan, &seen);
    }
    hands.carry_out(&order, &args.execution, screen)
}
