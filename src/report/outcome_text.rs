//! How an execution ended, as text.

use std::collections::BTreeMap;

use super::Style;
use super::layout::{Page, count, indent, prose};
use crate::execute::{End, Outcome, StepEnd};

/// How many partitions are named for each reason.
const NAMED_MAX: usize = 3;

/// Renders how an execution ended: the verdict, what was not done and why, and what a person still has to clear.
pub fn outcome_text(outcome: &Outcome, style: Style) -> String {
    let line = outcome.to_string();
    let (word, rest) = line.split_once(':').unwrap_or((&line, ""));
    let word = match outcome.end {
        End::Done if outcome.left.is_empty() => style.good(word),
        End::Done | End::DoneInPart | End::Stopped => style.warning(word),
        End::Failed { .. } => style.bad(word),
    };
    let mut page = Page::new(style, &word, rest.trim());
    let mut by_reason = BTreeMap::<String, Vec<String>>::new();
    for (partition, end) in outcome.steps.iter().filter(|(_, end)| *end != StepEnd::Done) {
        by_reason.entry(end.to_string()).or_default().push(partition.to_string());
    }
    let not_done: String = by_reason
        .iter()
        .map(|(reason, partitions)| {
            let named = partitions.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
            let more = partitions.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            prose(style, &format!("{reason}: {}: {named}{more}", count(partitions.len(), "step", "steps")))
        })
        .collect();
    page.section("Not done", &not_done);
    let left: String = outcome
        .left
        .iter()
        .map(|left| prose(style, &format!("# {}", left.what)) + &indent(&left.command))
        .collect();
    page.section("LEFT BEHIND, please run", &left);
    page.finish()
}
