//! `evenkeel plan show`: the plan of a file, or one that waits for leave, as people read it.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;

use super::args::{ClusterArgs, Format};
use super::plan::{NAMES, Named, read};
use super::session::Records;
use super::target::Target;
use super::{Failure, Screen, live, planning};
use crate::control::Scope;
use crate::plan::Plan;

const EXAMPLES: &str = "\
Examples:
  evenkeel plan show plan.json
  evenkeel plan show plan.json --format json | jq '.waves[].steps[]'
  evenkeel plan show 3ca4825af3ffbd62485eb5cb313f817e --bootstrap b-1.example:9092";

/// Show a plan: load before and after, goals, price, and every move with its reason
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanShowArgs {
    /// A plan file, as `propose --format json` writes it, or the id of the plan that waits for leave on a cluster
    #[arg(value_name = "FILE|ID")]
    plan: String,
    /// List every move, also on a terminal
    #[arg(long)]
    all: bool,
    /// The shape of the result: text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: Format,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Runs the command.
///
/// # Errors
/// The file is no plan of evenkeel's, or no plan of that id waits on the cluster.
pub fn run(args: &PlanShowArgs, screen: &Screen) -> Result<(), Failure> {
    let plan = find(Named::read(&args.plan)?, &args.cluster, screen)?;
    match args.format {
        Format::Text => screen.result(&planning::text(&plan, &[], args.all, Vec::new(), screen)),
        Format::Json => screen.result(&plan.to_json()),
    }
}

/// A file needs no cluster; what waits for leave is written down for one.
fn find(named: Named, cluster: &ClusterArgs, screen: &Screen) -> Result<Plan, Failure> {
    if let Named::File(plan) = named {
        return Ok(*plan);
    }
    if let Named::Nothing(text) = &named
        && !cluster.is_given()
    {
        return read(Path::new(text)).map_err(|failure| failure.hint(NAMES));
    }
    let target = Target::resolve(cluster, screen)?;
    // Only the id is needed: it tells which folder is the cluster's.
    let seen = live::open(&target)?.observe(&Scope::Execution(BTreeSet::new()))?;
    named.find(&Records::of(&target, &seen)?.local()?, &target.name)
}
