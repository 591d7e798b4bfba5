//! [`Verdict`]: how far a goal is met by a placement.

use serde::Serialize;

use crate::model::{Assignment, BrokerOrd, ClusterModel, Resource, Sums};

/// A placement to be judged: where everything stands, and the brokers that count.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The cluster.
    pub model: &'a ClusterModel,
    /// Where everything stands.
    pub assignment: &'a Assignment,
    /// The loads of `assignment`.
    pub sums: &'a Sums,
    /// By broker: whether it is alive and not on its way out. Goals are about these brokers.
    pub counts: &'a [bool],
}

/// How many places a verdict names at most: more would hide the worst.
const NAMED_MAX: usize = 10;

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

impl Verdict {
    /// Met when nothing is found; otherwise the findings, each with how bad it is, worst first.
    pub(super) fn of(mut found: Vec<(f64, Violation)>) -> Self {
        if found.is_empty() {
            return Self::Met;
        }
        found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let count = found.len();
        let worst = found.into_iter().take(NAMED_MAX).map(|(_, violation)| violation).collect();
        Self::Violated { count, worst }
    }

    /// Whether the goal is met; `None` when it could not be judged.
    pub fn is_met(&self) -> Option<bool> {
        match self {
            Self::Met => Some(true),
            Self::Violated { .. } => Some(false),
            Self::NotReady { .. } => None,
        }
    }

    /// The verdict in a few words: `met`, or the count and the worst place.
    pub fn in_words(&self) -> String {
        match self {
            Self::Met => "met".to_owned(),
            Self::NotReady { missing } => format!("cannot be judged: {missing}"),
            Self::Violated { count, worst } => match worst.first() {
                Some(first) => format!("{count} over; worst: {} {}", first.subject, first.text),
                None => format!("{count} over"),
            },
        }
    }
}

impl<'a> Standing<'a> {
    /// The brokers that count.
    pub fn brokers(self) -> impl Iterator<Item = BrokerOrd> + use<'a> {
        let Self { model, counts, .. } = self;
        model.broker_ords().filter(|broker| counts[broker.index()])
    }

    /// Why a goal on this resource cannot be judged: loads that were not seen.
    pub(super) fn load_missing(self, resource: Resource) -> Option<Verdict> {
        if self.model.known[resource.index()] {
            return None;
        }
        let name = resource.name();
        Some(Verdict::NotReady { missing: format!("the {name} load of some partitions is not known") })
    }
}
