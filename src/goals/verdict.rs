//! [`Verdict`]: how far a goal is met by a placement.

use serde::Serialize;

/// How far a goal is met.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Verdict {
    /// Met.
    Met,
    /// Not met; the worst places first, at most a few.
    Violated {
        /// How many brokers or partitions violate it.
        count: usize,
        /// Some of them, worst first.
        worst: Vec<Violation>,
    },
    /// It cannot be judged, because something it needs is not known.
    NotReady {
        /// What is missing, for a person.
        missing: String,
    },
}

/// One place where a goal is not met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Violation {
    /// The broker or partition.
    pub subject: String,
    /// What is wrong there, with numbers.
    pub text: String,
}
