//! [`PlanError`]: why a plan file cannot be used.

use crate::base::PlanId;

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
