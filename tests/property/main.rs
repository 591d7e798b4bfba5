//! Properties that hold on every cluster: random ones, small enough that hundreds run in a minute, odd enough to
//! hold uneven racks, dead brokers, replication factors 1 to 5, and loads of nothing and of petabytes.
//!
//! The promises are checked by the judge, which shares no code with the solver and the planner.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod broken_plans;
mod certificate;
mod clusters;
mod doors;
mod log_dirs;
mod operations;
mod oracle;
mod parsers;
mod plans;
mod programs;
mod relations;
mod scenarios;
mod shares;
mod shortfalls;
mod small_clusters;

use evenkeel::goals::GoalSet;
use evenkeel::model::ClusterModel;
use evenkeel::observe::Observation;
use evenkeel::plan::{Judgement, Plan, PlanFile, PlanLimits, judge};
use evenkeel::solve::{Request, Solution, SolveError, solve};

/// A proposal with all that led to it.
pub struct Proposed {
    /// The model.
    pub model: ClusterModel,
    /// The target.
    pub solution: Solution,
    /// The plan.
    pub plan: Plan,
}

/// Observation in, plan out.
///
/// # Panics
/// The observation is not one that can be.
pub fn propose(
    observation: &Observation,
    goals: &GoalSet,
    request: &Request,
) -> Result<Proposed, SolveError> {
    let model = ClusterModel::build(observation).expect("the generator makes sound clusters");
    let solution = solve(&model, goals, request)?;
    let plan = Plan::build(&model, goals, request, &solution, &PlanLimits::default());
    Ok(Proposed { model, solution, plan })
}

/// What the judge says of a plan of ours.
pub fn judged(observation: &Observation, plan: &Plan) -> Judgement {
    judge(observation, &PlanFile::Evenkeel(Box::new(plan.clone())), &PlanLimits::default())
}
