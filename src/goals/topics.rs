//! [`TopicPattern`] and [`Topics`]: which topics a goal or a request is about.

use std::fmt;
use std::str::FromStr;

use regex::Regex;

use crate::base::TopicName;
use crate::model::{ClusterModel, TopicOrd, TopicRow};

/// A regular expression over whole topic names; a plain name stands for itself.
#[derive(Debug, Clone)]
pub struct TopicPattern {
    text: String,
    whole: Regex,
}

/// Why a text is no topic pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a regular expression over topic names: {problem}")]
pub struct PatternError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

impl TopicPattern {
    /// Whether it matches the whole of a name.
    pub fn matches(&self, name: &TopicName) -> bool {
        self.whole.is_match(name.as_str())
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for TopicPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let wrong = |problem: String| PatternError { text: text.to_owned(), problem };
        if text.trim().is_empty() {
            return Err(wrong("it is empty".to_owned()));
        }
        let whole = Regex::new(&format!("^(?:{text})$")).map_err(|error| {
            // The last line of the parser's picture says what is wrong; the picture shows our own frame.
            wrong(
                error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
            )
        })?;
        Ok(Self { text: text.to_owned(), whole })
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PartialEq for TopicPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TopicPattern {}

/// The topics that a goal is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topics {
    /// Only topics that one of these matches; empty stands for all.
    pub only: Vec<TopicPattern>,
    /// Not those that one of these matches.
    pub except: Vec<TopicPattern>,
}

impl Topics {
    /// No topic at all: what `topics = []` in a goal file stands for. A list that names nothing means nothing; all
    /// topics are meant where the key is left out.
    ///
    /// # Panics
    /// Never: the pattern is a constant.
    pub fn none() -> Self {
        let everything = TopicPattern::from_str(EVERYTHING).expect("a regular expression");
        Self { only: Vec::new(), except: vec![everything] }
    }

    /// Whether all topics are meant.
    pub fn is_all(&self) -> bool {
        self.only.is_empty() && self.except.is_empty()
    }

    /// Whether no topic is meant, whatever its name.
    pub fn is_none(&self) -> bool {
        self.except.iter().any(|pattern| pattern.as_str() == EVERYTHING)
    }

    /// Whether a topic is meant.
    pub fn matches(&self, name: &TopicName) -> bool {
        let any = |patterns: &[TopicPattern]| patterns.iter().any(|pattern| pattern.matches(name));
        (self.only.is_empty() || any(&self.only)) && !any(&self.except)
    }

    /// The topics of a cluster that are meant. Patterns are tried once for each topic.
    pub fn of<'a>(&'a self, model: &'a ClusterModel) -> impl Iterator<Item = TopicOrd> + 'a {
        let meant = |(at, row): (usize, &TopicRow)| self.matches(&row.name).then(|| TopicOrd::from(at));
        model.topics.iter().enumerate().filter_map(meant)
    }

    /// The topics in words, such as ``topics `a.*` except `a.b` ``; `None` for all.
    pub fn in_words(&self) -> Option<String> {
        if self.is_all() {
            return None;
        }
        if self.is_none() {
            return Some("no topic".to_owned());
        }
        let list = |patterns: &[TopicPattern]| {
            patterns.iter().map(|pattern| format!("`{pattern}`")).collect::<Vec<_>>().join(", ")
        };
        let only = match self.only.len() {
            0 => "all topics".to_owned(),
            _ => format!("topics {}", list(&self.only)),
        };
        Some(if self.except.is_empty() { only } else { format!("{only} except {}", list(&self.except)) })
    }
}

/// The pattern of every topic name.
const EVERYTHING: &str = ".*";
