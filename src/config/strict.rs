//! Strict TOML: an error names line and column, and an unknown key the nearest known one.
//!
//! Also serves goal files, which are TOML of the same kind.

use serde::de::DeserializeOwned;

use crate::base::one_line;

/// What is wrong with a file of settings, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct ConfigError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: String,
    /// What would help, such as the nearest known key.
    pub hint: Option<String>,
}

/// Parses TOML into a type that denies unknown fields.
///
/// # Errors
/// The text is not TOML, or not of this type; the error names the first place that is wrong.
pub fn parse_toml<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let (line, column) = place(text, error.span().map_or(0, |span| span.start));
        let (problem, hint) = explain(error.message());
        let problem = one_line(&problem, 1_000);
        ConfigError { line, column, problem, hint }
    })
}

/// Line and column of a byte offset, both from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Turns serde's words into those of a person who writes settings, and finds the nearest known name.
fn explain(message: &str) -> (String, Option<String>) {
    let message = message.trim().replace('\n', " ");
    for (theirs, ours) in [("unknown field ", "unknown key "), ("unknown variant ", "unknown value ")] {
        let Some(rest) = message.strip_prefix(theirs) else { continue };
        let mut quoted = rest.split('`').skip(1).step_by(2);
        let given = quoted.next().unwrap_or_default();
        let known: Vec<&str> = quoted.collect();
        let hint = match nearest(given, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None if known.is_empty() => "no key is known here".to_owned(),
            None => format!("known here: {}", known.join(", ")),
        };
        return (format!("{ours}`{given}`"), Some(hint));
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return (format!("the key {rest} is missing"), None);
    }
    (message, None)
}

/// The name of `known` that `given` was most likely meant to be, if one is near enough.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&given, &name.to_lowercase()), name))
        // A third of the letters may be wrong: beyond that a guess is more often wrong than right.
        .filter(|(distance, name)| *distance <= name.len().max(given.len()).div_ceil(3))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    #[expect(dead_code, reason = "only the errors matter here")]
    struct Sample {
        interval: u32,
        moves_per_broker: Option<u32>,
        inner: Option<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors matter here")]
    struct Inner {
        throttle: u32,
    }

    fn error(text: &str) -> ConfigError {
        parse_toml::<Sample>(text).expect_err("the text is wrong")
    }

    #[test]
    fn unknown_keys_name_the_nearest_known_one_and_the_line() {
        let wrong = error("interval = 5\nmoves_per_brokr = 3\n");
        assert_eq!((wrong.line, wrong.column), (2, 1));
        assert_eq!(wrong.problem, "unknown key `moves_per_brokr`");
        assert_eq!(wrong.hint.as_deref(), Some("did you mean `moves-per-broker`?"));
        let nested = error("interval = 5\n[inner]\n\n  trottle = 3\n");
        assert_eq!((nested.line, nested.column), (4, 3));
        assert_eq!(nested.hint.as_deref(), Some("did you mean `throttle`?"));
    }

    #[test]
    fn a_key_that_is_near_to_nothing_lists_what_is_known() {
        let wrong = error("interval = 5\nzzz = 3\n");
        assert_eq!(wrong.hint.as_deref(), Some("known here: interval, moves-per-broker, inner"));
    }

    #[test]
    fn missing_keys_wrong_types_and_broken_toml_have_a_place() {
        assert_eq!(error("[inner]\nthrottle = 1\n").problem, "the key `interval` is missing");
        assert_eq!(error("interval = \"x\"\n").line, 1);
        assert_eq!(error("interval = 5\ninterval = 6\n").line, 2);
        assert_eq!(error("interval = 5\n[inner\n").line, 2);
    }

    #[test]
    fn columns_count_characters_and_not_bytes() {
        assert_eq!(place("é = é\nab", 4), (1, 4));
        assert_eq!(place("a\nbc", 3), (2, 2));
        assert_eq!(place("a\nbc", 99), (2, 3));
    }
}
