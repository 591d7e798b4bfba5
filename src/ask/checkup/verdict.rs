//! The end of it: one or two sentences that a newcomer can act on.

use super::facts::{Facts, Purpose, Stage};
use super::rights::{acts, missing};
use super::{Conclusion, GoalReadiness, State, Step, StepVerdict};
use crate::config::LeaseMode;

/// Puts the steps together.
pub(super) fn conclude(facts: &Facts, steps: &[Step], goals: &[GoalReadiness]) -> Conclusion {
    let state = state(facts, steps);
    let words = match state {
        State::OutOfReach => out_of_reach(facts, steps),
        State::Denied => format!("Not ready: {}.", what_is_missing(facts)),
        State::Failed => failed(steps),
        State::Ready => ready(facts),
    };
    let waiting = waiting(goals);
    let words = if state == State::OutOfReach { words } else { format!("{words}{waiting}") };
    Conclusion { ready: state == State::Ready, state, words }
}

/// What has to hold for the mode. A warning stands in nobody's way.
fn state(facts: &Facts, steps: &[Step]) -> State {
    let fails = |name: &str| steps.iter().any(|step| step.name == name && step.verdict == StepVerdict::Fails);
    if facts.brokers.is_none() || ["connection", "tls", "sasl", "brokers"].into_iter().any(fails) {
        return State::OutOfReach;
    }
    if lacks_rights(facts) {
        return State::Denied;
    }
    if steps.iter().any(|step| step.verdict == StepVerdict::Fails) { State::Failed } else { State::Ready }
}

fn purposes(facts: &Facts) -> Vec<Purpose> {
    let mut purposes = vec![Purpose::Look];
    if acts(facts.mode) {
        purposes.push(Purpose::Execute);
        if facts.lease == LeaseMode::Required {
            purposes.push(Purpose::Lease);
        }
    }
    purposes
}

fn lacks_rights(facts: &Facts) -> bool {
    missing(facts, &purposes(facts)).next().is_some()
}

fn what_is_missing(facts: &Facts) -> String {
    let looks = missing(facts, &[Purpose::Look]).next().is_some();
    let what = if looks { "to look at the cluster" } else { "to carry anything out" };
    let step = if acts(facts.mode) { "rights to execute" } else { "rights for a dry run" };
    format!("rights are missing {what}; grant them as `{step}` says")
}

fn out_of_reach(facts: &Facts, steps: &[Step]) -> String {
    let first = steps.iter().find(|step| step.verdict == StepVerdict::Fails);
    let Some(step) = first else { return "Not ready: no broker could be asked.".to_owned() };
    let at = match step.name {
        "connection" => "no bootstrap address can be reached",
        "tls" => "TLS does not come about",
        "sasl" => "the brokers do not let us in",
        _ => "not every broker can be reached",
    };
    let stopped = facts
        .bootstrap
        .iter()
        .any(|knock| matches!(&knock.came_of, Some(Err(refusal)) if refusal.stage == Stage::Sasl));
    let once = if stopped && step.name == "sasl" { ", and were not asked twice" } else { "" };
    let mend = step.mend.first().map(|mend| format!(": {mend}")).unwrap_or_default();
    format!("Not ready: {at}{once}{mend}.")
}

fn failed(steps: &[Step]) -> String {
    let failing: Vec<&str> =
        steps.iter().filter(|step| step.verdict == StepVerdict::Fails).map(|step| step.name).collect();
    format!("Not ready: see {}.", failing.join(", "))
}

fn ready(facts: &Facts) -> String {
    if acts(facts.mode) {
        return "Ready to propose and to carry out.".to_owned();
    }
    if missing(facts, &[Purpose::Execute]).next().is_some() {
        return "Ready for a dry run; to execute, grant what is listed under `rights to execute`.".to_owned();
    }
    "Ready for a dry run, and granted what an execution needs.".to_owned()
}

/// Goals that wait for something.
fn waiting(goals: &[GoalReadiness]) -> String {
    let waiting: Vec<&GoalReadiness> = goals.iter().filter(|goal| !goal.ready).collect();
    if waiting.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = waiting.iter().map(|goal| goal.goal.as_str()).collect();
    format!(
        " {} of {} goals cannot be judged yet ({}): see what each lacks.",
        waiting.len(),
        goals.len(),
        names.join(", ")
    )
}
