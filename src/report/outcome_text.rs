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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::{Bytes, TopicPartition};
    use crate::execute::{DropReason, Leftover};

    #[test]
    fn what_was_not_done_and_what_is_left_is_said_with_the_command_that_clears_it() {
        let gone = || StepEnd::Dropped { reason: DropReason::Gone };
        let orders = |partition| TopicPartition::new("orders", partition);
        let mut steps = vec![(orders(0), StepEnd::Done)];
        steps.extend((1..6).map(|partition| (orders(partition), gone())));
        let outcome = Outcome {
            end: End::DoneInPart,
            steps,
            bytes_copied: Bytes(5_000_000_000),
            took: Duration::from_secs(300),
            left: vec![Leftover {
                what: "throttle of broker 3".to_owned(),
                command: "kafka-configs --entity-name 3".to_owned(),
            }],
        };
        insta::assert_snapshot!(outcome_text(&outcome, Style::default()), @r"
        done in part
          1 of 6 steps, 5.00 GB copied in 5 min; 1 setting(s) LEFT BEHIND

        Not done
          dropped, the topic is gone: 5 steps: orders-1, orders-2, orders-3 and 2 more

        LEFT BEHIND, please run
          # throttle of broker 3
          kafka-configs --entity-name 3
        ");
    }
}
