//! [`propose`]: one look at a cluster in, a judged plan out.

use crate::base::TopicName;
use crate::goals::GoalSet;
use crate::model::{ClusterModel, ModelError};
use crate::observe::{GapKind, Observation};
use crate::plan::{Judgement, Plan, PlanLimits, judge_plan};
use crate::solve::{Request, Solution, SolveError, solve};

/// The topic of the canary, with a partition led by each broker. What measures the brokers has to stay where it is: no
/// plan moves it, unless a broker is removed.
pub const CANARY_TOPIC: &str = "__evenkeel-canary";

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
    /// There may be topics that were not seen: what is seen must not be taken for the whole cluster.
    #[error("the view of the cluster is incomplete: {reason}")]
    IncompleteView {
        /// What hides them, and the mend.
        reason: String,
    },
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
/// Topics may be hidden, or the cluster cannot be modelled, or the request not be carried out, or the judge found the plan unsafe.
pub fn propose(
    observation: &Observation,
    goals: &GoalSet,
    request: &Request,
    limits: &PlanLimits,
) -> Result<Proposal, ProposeError> {
    propose_ahead(observation, None, goals, request, limits)
}

/// The same for the cluster as it will be: `ahead` differs from what is seen in the sizes of partitions alone. The
/// target serves the goals then; its way there, its price and what is told of goals are those of today, and the judge goes by
/// today.
///
/// # Errors
/// As [`propose`].
pub fn propose_ahead(
    observation: &Observation,
    ahead: Option<&Observation>,
    goals: &GoalSet,
    request: &Request,
    limits: &PlanLimits,
) -> Result<Proposal, ProposeError> {
    // One topic that is just being made or deleted is named by its gap; only an empty name stands for the list itself.
    let hidden = observation.gaps.iter().find(|gap| gap.kind == GapKind::Topics && gap.subject.is_empty());
    if let Some(gap) = hidden {
        return Err(ProposeError::IncompleteView { reason: gap.reason.clone() });
    }
    let model = ClusterModel::build(observation)?;
    let later = ahead.map(ClusterModel::build).transpose()?;
    let request = &without_canary(observation, request);
    let solution = solve(later.as_ref().unwrap_or(&model), goals, request)?;
    let plan = Plan::build(&model, goals, request, &solution, limits);
    let judgement = judge_plan(observation, &plan, limits);
    if judgement.is_ok() {
        Ok(Proposal { model, solution, plan, judgement })
    } else {
        Err(ProposeError::Unsafe(Box::new(judgement)))
    }
}

/// The request, with the canary's topic left alone where there is one.
fn without_canary(observation: &Observation, request: &Request) -> Request {
    let mut request = request.clone();
    if observation.topics.contains_key(&TopicName::from(CANARY_TOPIC)) {
        request.excluded_topics.extend(CANARY_TOPIC.parse());
    }
    request
}
