//! [`Brake`]: what holds the pace of copies back, in one short phrase.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::{BrokerId, Millis};

/// What holds the pace of copies back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "brake")]
pub enum Brake {
    /// Clients wait for a broker for nearly as long as the objective allows, or longer.
    Latency {
        /// The broker.
        broker: BrokerId,
        /// What was measured.
        p99_ms: Millis,
        /// What is allowed.
        objective_ms: Millis,
    },
    /// A broker leads or holds replicas that are out of sync, for a reason other than these moves.
    OutOfSync {
        /// The broker.
        broker: BrokerId,
    },
    /// No less than this lets what is copied end: it grows meanwhile.
    Floor {
        /// The broker.
        broker: BrokerId,
    },
    /// How long clients wait for a broker is not measured now.
    NotMeasured {
        /// The broker.
        broker: BrokerId,
    },
    /// What clients leave of a broker's network is used.
    ClientTraffic {
        /// The broker.
        broker: BrokerId,
    },
}

impl Brake {
    /// Whether both say the same, so that it is told once: where nothing is measured, it seldom is for one broker alone.
    pub(super) fn is_same_cause(&self, other: &Self) -> bool {
        self == other || matches!((self, other), (Self::NotMeasured { .. }, Self::NotMeasured { .. }))
    }

    /// Which of several is told: the most pressing first, then the first broker.
    pub(super) fn rank(&self) -> (u8, BrokerId) {
        match self {
            Self::Floor { broker } => (0, *broker),
            Self::Latency { broker, .. } => (1, *broker),
            Self::OutOfSync { broker } => (2, *broker),
            Self::NotMeasured { broker } => (3, *broker),
            Self::ClientTraffic { broker } => (4, *broker),
        }
    }
}

impl fmt::Display for Brake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency { broker, p99_ms, objective_ms } => {
                write!(f, "p99 of broker {broker} is {p99_ms}, the objective {objective_ms}")
            }
            Self::OutOfSync { broker } => write!(f, "replicas of broker {broker} are out of sync"),
            Self::Floor { broker } => {
                write!(f, "copies on broker {broker} grow, and end no slower than this")
            }
            Self::NotMeasured { broker } => write!(f, "the latency of broker {broker} is not measured"),
            Self::ClientTraffic { broker } => {
                write!(f, "clients' traffic on broker {broker} leaves no more")
            }
        }
    }
}
