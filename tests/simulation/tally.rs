//! [`Tally`]: what many executions come to, for the tests and for the report of `cargo bench --bench executions`.

use std::collections::BTreeMap;
use std::fmt;

use evenkeel::execute::{End, Outcome, StepEnd};

use crate::scenario::Scenario;
use crate::trial::Report;

/// What many executions come to.
#[derive(Default)]
pub struct Tally {
    pub runs: u64,
    /// Faults that were to come, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Events of the clusters after which promises were checked.
    pub events: u64,
    /// Of these, by what they were and which promises that touches.
    pub promises: BTreeMap<&'static str, u64>,
    /// Executions by their end.
    pub done: u64,
    pub in_part: u64,
    pub stopped: u64,
    pub failed: u64,
    /// Those that were not begun: the plan was void, or the process died before.
    pub not_begun: u64,
    /// Why steps were dropped or given up in those done in part, and why those failed that did.
    pub reasons: BTreeMap<String, u64>,
}

impl Tally {
    /// Takes a run in.
    pub fn add(&mut self, scenario: &Scenario, report: &Report) {
        self.runs += 1;
        self.events += report.checks;
        for trouble in scenario.troubles() {
            *self.faults.entry(trouble.name()).or_default() += 1;
        }
        for (promise, count) in &report.touched {
            *self.promises.entry(promise).or_default() += count;
        }
        match &report.outcome {
            Some(outcome) => self.end(outcome),
            None => self.not_begun += 1,
        }
    }

    fn end(&mut self, outcome: &Outcome) {
        *match &outcome.end {
            End::Done => &mut self.done,
            End::DoneInPart => &mut self.in_part,
            End::Stopped => &mut self.stopped,
            End::Failed { .. } => &mut self.failed,
        } += 1;
        if let End::Failed { reason } = &outcome.end {
            *self.reasons.entry(format!("failed: {}", general(reason))).or_default() += 1;
        } else if outcome.end == End::DoneInPart {
            for (_, end) in &outcome.steps {
                if matches!(end, StepEnd::Dropped { .. } | StepEnd::Failed { .. }) {
                    let reason = format!("in part: {}", general(&end.to_string()));
                    *self.reasons.entry(reason).or_default() += 1;
                }
            }
        }
    }
}

/// A reason without what is special about the case: its first two clauses, with `#` for numbers and names.
fn general(reason: &str) -> String {
    let clauses: Vec<&str> = reason.split(": ").take(2).collect();
    let word = |word: &str| {
        if word.contains(|letter: char| letter.is_ascii_digit()) { "#" } else { word }.to_owned()
    };
    let mut words: Vec<String> = clauses.join(": ").split(' ').map(word).collect();
    words.dedup();
    words.truncate(12);
    words.join(" ")
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10} executions, from as many seeds", self.runs)?;
        for (kind, count) in &self.faults {
            writeln!(f, "{count:>10} faults: {kind}")?;
        }
        for (promise, count) in &self.promises {
            writeln!(f, "{count:>10} checks: {promise}")?;
        }
        writeln!(
            f,
            "{:>10} (of moves of partitions that others meddle with, and of throttles where none are set,",
            ""
        )?;
        writeln!(f, "{:>10} less is asked: these count all the same)", "")?;
        let Self { done, in_part, stopped, failed, not_begun, .. } = self;
        let ends = [done, in_part, stopped, failed, not_begun];
        for (count, end) in ends.into_iter().zip(["done", "done in part", "stopped", "failed", "not begun"]) {
            writeln!(f, "{count:>10} executions {end}")?;
        }
        for (reason, count) in &self.reasons {
            writeln!(
                f,
                "{count:>10} {} {reason}",
                if reason.starts_with("failed") { "executions" } else { "steps" }
            )?;
        }
        Ok(())
    }
}
