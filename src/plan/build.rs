//! [`Plan::build`]: from a solution to a plan.

use super::file::FORMAT;
use super::{Plan, PlanLimits, Price};
use crate::base::{Digest, DigestBuilder, PlanId};
use crate::goals::GoalSet;
use crate::model::ClusterModel;
use crate::solve::{Request, Solution};

impl Plan {
    /// Builds the plan that leads from the model's placement to the solution's target.
    pub fn build(
        model: &ClusterModel,
        goals: &GoalSet,
        request: &Request,
        _solution: &Solution,
        limits: &PlanLimits,
    ) -> Self {
        let none: Digest = DigestBuilder::new(FORMAT).finish();
        let mut plan = Self {
            format: FORMAT.to_owned(),
            id: PlanId(none),
            cluster_id: model.cluster_id.clone(),
            based_on: model.id,
            observed_at: model.observed_at,
            goal_set: goals.name.clone(),
            operation: request.operation.to_string(),
            seed: request.seed,
            is_empty: true,
            limits: *limits,
            price: Price::default(),
            goals: Vec::new(),
            brokers: Vec::new(),
            refusals: Vec::new(),
            waves: Vec::new(),
        };
        plan.id = plan.content_id();
        plan
    }
}
