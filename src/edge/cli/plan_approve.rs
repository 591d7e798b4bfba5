//! `evenkeel plan approve`: leave for one plan, which a daemon in mode `ask` then carries out.

use clap::Args;

use super::args::ClusterArgs;
use super::plan::Named;
use super::planning::Pace;
use super::session::{self, Records};
use super::target::Target;
use super::{Failure, Screen, live};
use crate::base::PlanId;
use crate::control::{Approval, ApprovalFate, Fit, Recollection, Record, Scope, fit};
use crate::plan::Plan;

const EXAMPLES: &str = "\
Examples:
  evenkeel plan approve plan.json --cluster prod --config evenkeel.toml
  evenkeel plan approve 3ca4825af3ffbd62485eb5cb313f817e --bootstrap b-1.example:9092
  evenkeel plan approve 3ca4825af3ffbd62485eb5cb313f817e --withdraw --bootstrap b-1.example:9092";

/// Give leave to one plan: a daemon in mode `ask` carries out exactly that, once, if it still fits
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanApproveArgs {
    /// A plan file, or the id of the plan that waits for leave (`evenkeel status` shows it)
    #[arg(value_name = "FILE|ID")]
    plan: String,
    /// Take leave back from a plan that was not begun yet
    #[arg(long)]
    withdraw: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Runs the command.
///
/// # Errors
/// There is no such plan, it does not fit the cluster, or the leave cannot be written down.
pub fn run(args: &PlanApproveArgs, screen: &Screen) -> Result<(), Failure> {
    let named = Named::read(&args.plan)?;
    let target = Target::resolve(&args.cluster, screen)?;
    let mut world = live::open(&target)?;
    let seen = world.observe(&Scope::Full)?;
    let records = Records::of(&target, &seen)?;
    // Leave is for the daemon that has this journal: what other machines know is of no use to it.
    let known = records.local()?;
    if args.withdraw {
        return withdraw(named.id(&known, &target.name)?, &records, &known, screen);
    }
    let plan = named.find(&known, &target.name)?;
    if plan.is_empty {
        return Err(Failure::refused("there is nothing to do in this plan"));
    }
    if let Some(before) = known.approval(plan.id).filter(|before| before.waiting().is_some()) {
        let said = format!("Plan {} has leave already, given {} by {}.\n", plan.id, before.at(), before.by);
        return screen.result(&said);
    }
    let settings = Pace::of(None, &target.execution).execute;
    match fit(&plan, &settings, world.now(), &seen) {
        Fit::Now => {}
        Fit::Later(why) => screen.warn(&format!("it cannot be begun just now: {why}")),
        Fit::Never(why) => {
            return Err(Failure::refused(format!("the plan is void: {why}")).hint("make a new plan"));
        }
    }
    let approval = Approval::new(&plan, session::by(), session::now());
    records.note(vec![Record::Approval(Box::new(approval))], session::now())?;
    screen.result(&said(&plan))?;
    if records.daemon()?.is_none() {
        screen.note("No daemon looks after the cluster with this state directory now.");
    }
    Ok(())
}

fn said(plan: &Plan) -> String {
    let price = &plan.price;
    let between_dirs = match price.log_dir_moves {
        0 => String::new(),
        moves => format!(", move {moves} between log directories, {}", price.log_dir_bytes),
    };
    format!(
        "Plan {} ({}) has leave: copy {} replicas, {}{between_dirs}, and change {} leaders.\n\
         A daemon in mode `ask` carries out exactly that at its next look, if it still fits.\n",
        plan.id, plan.operation, price.replica_moves, price.bytes, price.leader_changes
    )
}

fn withdraw(id: PlanId, records: &Records, known: &Recollection, screen: &Screen) -> Result<(), Failure> {
    let Some(approval) = known.approval(id).filter(|approval| approval.waiting().is_some()) else {
        return Err(Failure::refused(format!("plan {id} has no leave that could be taken back"))
            .hint("`evenkeel status` shows what has leave, `evenkeel history` what was begun with it"));
    };
    let withdrawn = approval.ended(ApprovalFate::Withdrawn { by: session::by() });
    records.note(vec![Record::Approval(Box::new(withdrawn))], session::now())?;
    screen.result(&format!("Plan {id} has no leave any more.\n"))
}
