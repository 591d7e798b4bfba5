//! A checkup as text: each step with its verdict, what was seen, and a mend; the goals; what to make of it.

use super::Style;
use super::layout::{Page, Side, prose, table};
use crate::ask::{Checkup, GoalReadiness, Step, StepVerdict};

/// The screen of `evenkeel check`.
pub fn check_text(checkup: &Checkup, style: Style) -> String {
    let below = format!("mode {}, {}", checkup.mode.name(), checkup.at);
    let mut page = Page::new(style, &format!("Check of {}", checkup.cluster), &below);
    for step in &checkup.steps {
        page.section(&heading(step, style), &body(step, style));
    }
    page.section("Goals", &goals(&checkup.goals, style));
    let verdict = if checkup.conclusion.ready {
        style.good(&checkup.conclusion.words)
    } else {
        style.bad(&checkup.conclusion.words)
    };
    page.close(&[verdict]);
    page.finish()
}

fn heading(step: &Step, style: Style) -> String {
    let word = match step.verdict {
        StepVerdict::Ok => style.good("ok"),
        StepVerdict::Warning => style.warning("warning"),
        StepVerdict::Fails => style.bad("fails"),
        StepVerdict::NotNeeded => "not needed".to_owned(),
        StepVerdict::NotTried => "not tried".to_owned(),
    };
    format!("{}: {word}", step.name)
}

fn body(step: &Step, style: Style) -> String {
    let mut body: String = step.seen.iter().map(|line| prose(style, line)).collect();
    for mend in &step.mend {
        // Commands are to be copied whole: no terminal breaks them.
        if mend.starts_with("kafka-") {
            body.extend(["    ", mend, "\n"]);
        } else {
            body += &prose(style, &format!("mend: {mend}"));
        }
    }
    if body.is_empty() { prose(style, "an earlier step failed") } else { body }
}

fn goals(goals: &[GoalReadiness], style: Style) -> String {
    if goals.is_empty() {
        return String::new();
    }
    let rows = goals.iter().map(|goal| {
        let standing = match goal.met {
            Some(true) => style.good("met"),
            Some(false) => style.warning("not met"),
            None => style.bad("not ready"),
        };
        // `met` says it all.
        let words = match goal.met {
            Some(true) => String::new(),
            Some(false) => goal.words.clone(),
            None if goal.mend.is_empty() => goal.words.clone(),
            None => format!("{}; {}", goal.words, goal.mend),
        };
        vec![goal.tier.clone(), goal.goal.clone(), standing, words]
    });
    let columns = [("tier", Side::Left), ("goal", Side::Left), ("now", Side::Left), ("why", Side::Left)];
    table(style, &columns, rows)
}
