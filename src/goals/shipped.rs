//! The goal sets that come with the binary.

use super::{GoalError, GoalSet};
use crate::config::nearest;

/// Name and text of each shipped set.
const SHIPPED: [(&str, &str); 2] = [
    ("default", include_str!("../../goals/default.toml")),
    ("disk-only", include_str!("../../goals/disk-only.toml")),
];

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
