//! What `rebalance`, `add-broker` and `remove-broker` have in common: propose, show, and with `--execute` carry out.

use std::path::PathBuf;

use clap::Args;

use super::args::{ClusterArgs, ExecutionArgs, WantedArgs, check_output};
use super::carry::Order;
use super::foresight::{Ahead, ahead, foreseen};
use super::hands::Hands;
use super::planning::{self, Ask, Pace};
use super::progress::LINE_EVERY;
use super::target::Target;
use super::{Failure, Screen, goals, live, marks};
use crate::report::outlook_line;

/// What an operator's request needs.
#[derive(Debug, Args)]
pub struct OperateArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub wanted: WantedArgs,
    #[command(flatten)]
    pub execution: ExecutionArgs,
    /// Also write the plan to a file, for `judge` and `apply`
    #[arg(long, short, value_name = "FILE", help_heading = "Plan")]
    pub output: Option<PathBuf>,
}

/// Proposes, shows, and with `--execute` carries out.
///
/// # Errors
/// The cluster cannot be seen, there is no proposal, or it was not carried out in full.
pub fn run(args: &OperateArgs, ask: Ask, screen: &Screen) -> Result<(), Failure> {
    check_output(args.output.as_ref())?;
    let mut target = Target::resolve(&args.cluster, screen)?;
    let pace = args.execution.pace(args.wanted.throttle, &mut target);
    let connect = || {
        if ask.goes_by_loads() { live::open_for_loads_telling(&target, screen) } else { live::open(&target) }
    };
    let (hands, seen) = Hands::open(connect, &target, args.execution.execute, screen)?;
    let mut wanted = args.wanted.clone();
    let mut said = marks::restrain(&hands.known, &seen, &mut wanted, &ask.operation);
    let Ahead { seen: later, said: of_ahead } =
        ahead(&seen, hands.known.sizes(), wanted.plan_for, target.plan_for)?;
    let goals = goals::chosen(wanted.goals.as_deref(), target.goals.as_deref())?;
    let proposal = planning::make(&seen, later.as_ref(), &goals, &wanted, ask, &pace.limits_for(&seen))?;
    let plan = &proposal.plan;
    let mut next = match (plan.is_empty, args.execution.execute) {
        (true, _) => vec!["There is nothing to do.".to_owned()],
        (false, true) => Vec::new(),
        (false, false) => {
            vec!["Nothing was changed. The same command with --execute carries this out.".to_owned()]
        }
    };
    let outlook = foreseen(&seen, hands.known.sizes(), &goals);
    said.extend(outlook.as_ref().and_then(outlook_line));
    said.extend(of_ahead);
    said.extend(planning::not_now(&pace.execute, hands.now()).filter(|_| !plan.is_empty));
    next.splice(0..0, said);
    screen.result(&planning::text(plan, &seen.gaps, args.wanted.all, next, screen))?;
    if let Some(path) = &args.output {
        screen.result_to(Some(path), plan.to_json().as_bytes(), &format!("plan {}", plan.id))?;
    }
    if plan.is_empty {
        return hands.nothing_to_do(plan, &seen);
    }
    let order =
        Order { plan, seen: &seen, settings: pace.execute, cluster: &target.name, line_every: LINE_EVERY };
    hands.carry_out(&order, &args.execution, screen)
}

impl ExecutionArgs {
    /// How to reckon and run, from these flags, the throttle flag, and what is set for the cluster.
    pub fn pace(&self, throttle: Option<crate::config::Throttle>, target: &mut Target) -> Pace {
        // What measures the latency, where nothing else does, begins with the world.
        let objective = &mut target.execution.latency_objective;
        *objective = self.latency_objective.or(*objective);
        let mut pace = Pace::of(throttle, &target.execution);
        pace.moves(self.moves_per_broker.map(usize::from), self.moves_in_flight.map(usize::from));
        if !self.window.is_empty() {
            pace.execute.windows.only.clone_from(&self.window);
        }
        pace
    }
}
