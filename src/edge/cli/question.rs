//! What the commands that answer questions share: the goals and the seed, and how their values are read.

use clap::Args;

use super::source::{self, SourceArgs};
use super::{Failure, Screen, goals};
use crate::base::RackId;
use crate::goals::{GoalSet, TopicPattern};
use crate::observe::Observation;
use crate::plan::PlanLimits;

/// What a question is judged by.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Plan")]
pub struct QuestionArgs {
    /// A goal set by name (`evenkeel goals list`) or a goal file [default: `default`, or the cluster's setting]
    #[arg(long, value_name = "NAME|FILE")]
    pub goals: Option<String>,
    /// The solver's seed: the same cluster, goals and seed give the same answer
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// A look at the cluster, with what a question is judged by.
pub struct Asked {
    /// The look.
    pub observation: Observation,
    /// The goals.
    pub goals: GoalSet,
    /// What plans are reckoned with.
    pub limits: PlanLimits,
}

/// Looks at the cluster and loads the goals.
///
/// # Errors
/// The goals are wrong, the cluster cannot be seen, or the file is no snapshot.
pub fn look(source: &SourceArgs, question: &QuestionArgs, screen: &Screen) -> Result<Asked, Failure> {
    let seen = source::look_for_loads(source, screen)?;
    let goals = goals::chosen(question.goals.as_deref(), seen.goals.as_deref())?;
    let limits = super::planning::Pace::of(None, &seen.execution).limits_for(&seen.observation);
    Ok(Asked { goals, observation: seen.observation, limits })
}

/// Reads a factor above 0, such as `1.5`.
///
/// # Errors
/// It is no number, or not above 0.
pub fn parse_factor(text: &str) -> Result<f64, String> {
    let factor =
        text.trim().parse().ok().filter(|factor: &f64| factor.is_finite() && *factor > 0.0 && *factor <= 1e6);
    factor.ok_or_else(|| format!("`{text}` is not a factor above 0, such as `1.5`"))
}

/// Reads a number of percent within bounds.
///
/// # Errors
/// It is no number, or out of bounds.
pub fn parse_percent(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let percent = text.trim().trim_end_matches('%').trim_end().parse().ok();
    let percent = percent.filter(|percent: &f64| (least..=most).contains(percent));
    percent.ok_or_else(|| format!("`{text}` is not a number of percent from {least} to {most}, such as `5`"))
}

/// Reads `N@RACK`: so many brokers in a rack.
///
/// # Errors
/// It is not of that form.
pub fn parse_new_brokers(text: &str) -> Result<crate::ask::NewBrokers, String> {
    let wrong = || format!("`{text}` is not of the form N@RACK, such as `2@az1`");
    let (count, rack) = text.split_once('@').ok_or_else(wrong)?;
    let count: usize = count.trim().parse().map_err(|_| wrong())?;
    if !(1..=1000).contains(&count) || rack.trim().is_empty() {
        return Err(wrong());
    }
    Ok(crate::ask::NewBrokers { count, rack: RackId::from(rack.trim()) })
}

/// Reads `PATTERN=FACTOR`.
///
/// # Errors
/// It is not of that form.
pub fn parse_topic_factor(text: &str) -> Result<(TopicPattern, f64), String> {
    let wrong = || format!("`{text}` is not of the form PATTERN=FACTOR, such as `orders.*=2`");
    let (pattern, factor) = text.rsplit_once('=').ok_or_else(wrong)?;
    let pattern = pattern.parse().map_err(|error: crate::goals::PatternError| error.to_string())?;
    Ok((pattern, parse_factor(factor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_or_named() {
        assert_eq!(parse_factor("1.5"), Ok(1.5));
        assert!(parse_factor("0").is_err() && parse_factor("nan").is_err() && parse_factor("-1").is_err());
        assert_eq!(parse_percent("5 %", 0.0, 90.0), Ok(5.0));
        assert!(parse_percent("95", 0.0, 90.0).is_err());
        let new = parse_new_brokers("2@az1").expect("well formed");
        assert_eq!((new.count, new.rack.as_str()), (2, "az1"));
        assert!(parse_new_brokers("az1").is_err() && parse_new_brokers("0@az1").is_err());
        let (pattern, factor) = parse_topic_factor("or.*=2").expect("well formed");
        assert!(pattern.matches(&"orders".into()) && (factor - 2.0).abs() < 1e-12);
        assert!(parse_topic_factor("orders").is_err());
    }
}
