//! [`Mode`]: how far the daemon may go on a cluster.

use serde::{Deserialize, Serialize};

/// How far the daemon may go on a cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Looks and reports.
    Watch,
    /// Also makes plans and reports them. The default: nothing is changed without leave.
    #[default]
    Propose,
    /// Also carries out those that a person approved, exactly as they are, and no other.
    Ask,
    /// Also carries them out.
    Act,
}

impl Mode {
    /// The name as settings write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Propose => "propose",
            Self::Ask => "ask",
            Self::Act => "act",
        }
    }
}
