//! [`PlanError`]: why a plan file cannot be used.

use crate::base::{PlanId, one_line};

/// Why a plan file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It is not a plan.
    #[error("{problem}")]
    Malformed {
        /// What is wrong and where.
        problem: String,
    },
    /// It was changed after it was made: what was approved is what runs.
    #[error("the plan says it is {claimed}, but its content is {content}: it was changed after it was made")]
    NotItsId {
        /// The id in the file.
        claimed: PlanId,
        /// The id of the content.
        content: PlanId,
    },
}

impl PlanError {
    /// What is wrong with a file, in words that may repeat a part of it.
    pub(super) fn malformed(problem: &str) -> Self {
        Self::Malformed { problem: one_line(problem, 1_000) }
    }
}
