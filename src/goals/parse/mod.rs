//! Reads goal files: TOML of the form `evenkeel-goals/1`, strictly.
//!
//! [`table`] is the shape of the file, [`reader`] what all rules need to be read, and each rule with more than a few
//! keys has a file of its own. What cannot be is refused with line, key and mend.

mod balance;
mod capacity;
mod reader;
mod table;
mod topics;

use self::reader::Reader;
use self::table::File;
use super::{Goal, GoalError, GoalSet};
use crate::config::parse_toml;

/// The form of the files that this version reads.
const FORMAT: &str = "evenkeel-goals/1";

impl GoalSet {
    /// Reads a goal file.
    ///
    /// # Errors
    /// The text is not a goal file; the error names line and key, and the nearest known name of one that is unknown.
    pub fn parse(text: &str) -> Result<Self, GoalError> {
        let file: File = parse_toml(text)?;
        let reader = Reader { text };
        if file.format.get_ref() != FORMAT {
            let problem = format!("the format is `{}`", file.format.get_ref());
            return Err(reader.wrong(&file.format, problem, &format!("write `format = \"{FORMAT}\"`")));
        }
        reader.name(&file.name, "set")?;
        let mut goals: Vec<Goal> = Vec::with_capacity(file.goal.len());
        for table in &file.goal {
            let goal = reader.goal(table)?;
            if goals.iter().any(|other| other.name == goal.name) {
                let problem = format!("a second goal is named `{}`", goal.name);
                return Err(reader.wrong(&table.get_ref().name, problem, "give each goal a name of its own"));
            }
            goals.push(goal);
        }
        if goals.is_empty() {
            return Err(reader.wrong(&file.name, "the set has no goals", "add a `[[goal]]` table"));
        }
        Ok(Self { name: file.name.into_inner(), description: file.description, goals })
    }
}

#[cfg(test)]
mod parse_tests;
#[cfg(test)]
mod schema_tests;
