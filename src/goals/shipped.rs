//! The goal sets that come with the binary.

use super::{GoalError, GoalSet};
use crate::config::nearest;

/// Name and text of each shipped set.
const SHIPPED: [(&str, &str); 7] = [
    ("default", include_str!("../../goals/default.toml")),
    ("disk-only", include_str!("../../goals/disk-only.toml")),
    ("quick-fix", include_str!("../../goals/quick-fix.toml")),
    ("drain", include_str!("../../goals/drain.toml")),
    ("msk", include_str!("../../goals/msk.toml")),
    ("cruise-control", include_str!("../../goals/cruise-control.toml")),
    ("kafka-assigner", include_str!("../../goals/kafka-assigner.toml")),
];

/// The JSON Schema of goal files, for editors. A test holds it against the keys that are read.
pub const GOALS_SCHEMA: &str = include_str!("../../goals/schema.json");

impl GoalSet {
    /// The names of the shipped sets.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// The text of a shipped set.
    pub fn shipped_text(name: &str) -> Option<&'static str> {
        SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text)
    }

    /// A shipped set.
    ///
    /// # Errors
    /// None of this name is shipped; the hint names those that are.
    pub fn shipped(name: &str) -> Result<Self, GoalError> {
        if let Some(text) = Self::shipped_text(name) {
            return Self::parse(text);
        }
        let hint = match nearest(name, Self::shipped_names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("shipped: {}", Self::shipped_names().collect::<Vec<_>>().join(", ")),
        };
        Err(GoalError::UnknownSet { name: name.to_owned(), hint })
    }
}
