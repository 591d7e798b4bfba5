//! [`check_up`]: whether evenkeel can get into a cluster, what it may do there, and what it can judge: step by step, each with a
//! verdict, what was seen, and a mend.

mod brokers;
mod data;
mod facts;
mod loads;
mod readiness;
mod rights;
mod verdict;
mod way;

use serde::Serialize;

use crate::base::TimestampMs;
use crate::config::Mode;

pub use facts::{
    Certificate, Endpoint, Facts, Granted, Grants, Greeting, Knock, Lacking, Need, On, PageSeen, Purpose,
    Refusal, Stage, Way, Weight,
};
pub use readiness::lacking;
pub use rights::Acls;

/// The answer to `evenkeel check`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checkup {
    /// Always `evenkeel-check/1`; keys are only ever added within a number.
    pub format: &'static str,
    /// What people call the cluster.
    pub cluster: String,
    /// When it was asked.
    pub at: TimestampMs,
    /// How far evenkeel is to go.
    pub mode: Mode,
    /// The steps, in the order in which they build on one another.
    pub steps: Vec<Step>,
    /// What can be judged.
    pub goals: Vec<GoalReadiness>,
    /// What to make of it.
    pub conclusion: Conclusion,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// What was looked at.
    pub name: &'static str,
    /// How it stands.
    pub verdict: StepVerdict,
    /// What was seen.
    pub seen: Vec<String>,
    /// What would help; commands stand on lines of their own.
    pub mend: Vec<String>,
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepVerdict {
    /// Nothing asks for it.
    NotNeeded,
    /// As it should be.
    Ok,
    /// An earlier step failed.
    NotTried,
    /// It works, and something about it wants attention.
    Warning,
    /// It does not work.
    Fails,
}

/// Whether a goal can be judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GoalReadiness {
    /// The goal.
    pub goal: String,
    /// `must`, `1`, `2` ...
    pub tier: String,
    /// Whether it can be judged now.
    pub ready: bool,
    /// Whether it is met; absent when it cannot be judged.
    pub met: Option<bool>,
    /// The verdict, or what is missing, in words.
    pub words: String,
    /// What would help; empty when it is ready.
    pub mend: String,
}

/// What to make of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conclusion {
    /// Whether all is there that the mode asks for.
    pub ready: bool,
    /// What stands in the way, for programs.
    pub state: State,
    /// In one or two sentences.
    pub words: String,
}

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing.
    Ready,
    /// There is no way in, or not as the one we are.
    OutOfReach,
    /// A right is missing.
    Denied,
    /// Something else does not work.
    Failed,
}

impl Step {
    fn new(name: &'static str) -> Self {
        Self { name, verdict: StepVerdict::Ok, seen: Vec::new(), mend: Vec::new() }
    }

    fn not_tried(name: &'static str) -> Self {
        Self { verdict: StepVerdict::NotTried, ..Self::new(name) }
    }

    fn not_needed(name: &'static str, why: &str) -> Self {
        Self { verdict: StepVerdict::NotNeeded, seen: vec![why.to_owned()], ..Self::new(name) }
    }

    fn see(&mut self, what: impl Into<String>) {
        self.seen.push(what.into());
    }

    /// Something is wrong, and how much.
    fn find(&mut self, verdict: StepVerdict, mend: impl Into<String>) {
        self.verdict = self.verdict.max(verdict);
        let mend = mend.into();
        if !mend.is_empty() && !self.mend.contains(&mend) {
            self.mend.push(mend);
        }
    }
}

/// Judges what was found out. `acls` says which rights are listed as commands.
pub fn check_up(facts: &Facts, acls: Acls) -> Checkup {
    let mut steps = vec![
        way::connection(facts),
        way::tls(facts),
        way::sasl(facts),
        brokers::reached(facts),
        brokers::versions(facts),
        brokers::clocks(facts),
        rights::looking(facts, acls),
        rights::executing(facts, acls),
        data::topics(facts),
        data::metrics(facts),
        data::capacities(facts),
        rights::lease(facts, acls),
        rights::canary(facts, acls),
        rights::reads(facts, acls),
    ];
    if let Some(loads) = loads::loads(facts) {
        let after = steps.iter().position(|step| step.name == "metrics").map_or(steps.len(), |at| at + 1);
        steps.insert(after, loads);
    }
    // What hangs on a way in that there is not was not tried, whatever else can be said of it.
    if facts.brokers.is_none() {
        for step in steps.iter_mut().skip(3).filter(|step| step.verdict != StepVerdict::NotNeeded) {
            *step = Step::not_tried(step.name);
        }
    }
    let goals = readiness::goals(facts);
    let conclusion = verdict::conclude(facts, &steps, &goals);
    Checkup {
        format: "evenkeel-check/1",
        cluster: facts.cluster.clone(),
        at: facts.now,
        mode: facts.mode,
        steps,
        goals,
        conclusion,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
