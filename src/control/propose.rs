//! [`propose`]: one look at a cluster in, a judged plan out.

use crate::goals::GoalSet;
use crate::model::{ClusterModel, ModelError};
use crate::observe::Observation;
use crate::plan::{Judgement, Plan, PlanFile, PlanLimits, judge};
use crate::solve::{Request, Solution, SolveError, solve};

/// A plan with everything that led to it.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Proposal {
    /// The cluster as it was understood.
    pub model: ClusterModel,
    /// The placement that is wanted, and what cannot be had.
    pub solution: Solution,
    /// The way there.
    pub plan: Plan,
    /// What the independent judge says: nothing broken, else there is no proposal.
    pub judgement: Judgement,
}

/// Why there is no proposal.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProposeError {
    /// The cluster cannot be modelled.
    #[error("the cluster cannot be modelled: {0}")]
    Model(#[from] ModelError),
    /// The request cannot be carried out.
    #[error("{0}")]
    Solve(#[from] SolveError),
    /// The judge refused the plan. This is an error of the program: the plan is not shown as one.
    #[error("the plan was refused by the judge: {}", first(.0))]
    Unsafe(Box<Judgement>),
}

fn first(judgement: &Judgement) -> String {
    let broken = judgement.broken.first().map(ToString::to_string);
    let stale = || judgement.stale.first().map(|stale| format!("{}: {}", stale.partition, stale.found));
    broken.or_else(stale).unwrap_or_default()
}

/// Makes a proposal. Same inputs: same proposal, byte for byte.
///
/// # Errors
/// The cluster cannot be modelled, or the request not be carried out, or the judge found the plan unsafe.
pub fn propose(
    observation: &Observation,
    goals: &GoalSet,
    request: &Request,
    limits: &PlanLimits,
) -> Result<Proposal, ProposeError> {
    let model = ClusterModel::build(observation)?;
    let solution = solve(&model, goals, request)?;
    let plan = Plan::build(&model, goals, request, &solution, limits);
    let judgement = judge(observation, &PlanFile::Evenkeel(Box::new(plan.clone())), limits);
    if judgement.is_ok() {
        Ok(Proposal { model, solution, plan, judgement })
    } else {
        Err(ProposeError::Unsafe(Box::new(judgement)))
    }
}
