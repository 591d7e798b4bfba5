//! The brokers themselves: whether each can be reached, what each can do, and how its clock goes.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Facts, Greeting, Lacking, Weight};
use super::{Step, StepVerdict, way};

/// Clocks that differ by less are of no account: tokens and certificates allow for as much.
const CLOCKS_DIFFER_MS: i64 = 5_000;

/// Every broker, by the address that the cluster tells for it.
pub(super) fn reached(facts: &Facts) -> Step {
    let mut step = Step::new("brokers");
    let brokers = facts.brokers.as_deref().unwrap_or_default();
    for knock in brokers {
        step.see(way::words(knock));
        if let Some(Err(refusal)) = &knock.came_of {
            let mend = if refusal.hint.is_empty() { String::new() } else { format!("{}; ", refusal.hint) };
            let broker = knock.broker.map(|id| id.to_string()).unwrap_or_default();
            step.find(
                StepVerdict::Fails,
                format!(
                    "{mend}the cluster tells clients to reach broker {broker} at {} (`advertised.listeners`)",
                    knock.address
                ),
            );
        }
    }
    step
}

fn greetings<'a>(facts: &'a Facts) -> impl Iterator<Item = (String, &'a Greeting)> {
    facts.brokers.iter().flatten().filter_map(|knock| match &knock.came_of {
        Some(Ok(greeting)) => {
            let id = knock.broker.map_or_else(|| knock.address.clone(), |id| id.to_string());
            Some((id, greeting))
        }
        _ => None,
    })
}

/// The release, and the requests that a broker does not take.
pub(super) fn versions(facts: &Facts) -> Step {
    let mut step = Step::new("versions");
    let mut releases: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut lacks: BTreeMap<&str, (Lacking, BTreeSet<String>)> = BTreeMap::new();
    for (id, greeting) in greetings(facts) {
        let release = greeting.release.as_deref();
        releases
            .entry(release.unwrap_or("of a release that its feature levels do not tell"))
            .or_default()
            .insert(id.clone());
        for (request, lacking) in &greeting.lacks {
            lacks.entry(request).or_insert_with(|| (*lacking, BTreeSet::new())).1.insert(id.clone());
        }
    }
    for (release, brokers) in &releases {
        let all = releases.len() == 1;
        let whose = if all { "all brokers".to_owned() } else { format!("brokers {}", list(brokers)) };
        step.see(format!("{whose}: Kafka {release}"));
    }
    if lacks.is_empty() && !releases.is_empty() {
        step.see("every request that evenkeel makes is taken");
    }
    let asked = greetings(facts).count();
    for (request, (lacking, brokers)) in lacks {
        let whose = if brokers.len() == asked { "any broker".to_owned() } else { list(&brokers) };
        step.see(format!("{request} is not taken by {whose}: {}", lacking.suffers));
        let verdict = match lacking.weight {
            Weight::Looking => StepVerdict::Fails,
            Weight::Executing | Weight::Little => StepVerdict::Warning,
        };
        step.find(
            verdict,
            "a newer Kafka takes it; evenkeel needs 2.8 at least, and 3.9 or newer for all that it can",
        );
    }
    step
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// How far clocks differ. Kafka's protocol does not carry the time of a broker; the answers of HTTP endpoints on the
/// brokers' machines do, to the second.
pub(super) fn clocks(facts: &Facts) -> Step {
    let pages = facts.endpoints.iter().flatten();
    let told: BTreeMap<_, (i64, i64)> = pages
        .filter_map(|endpoint| Some((endpoint.broker, endpoint.came_of.as_ref().ok()?.clock_ahead_ms?)))
        .collect();
    if told.is_empty() {
        let why = "cannot be told: Kafka's protocol does not carry the time of a broker, and no metrics endpoint dates its \
                   answers; with TLS the certificates' dates would have shown a clock that is far off";
        return Step::not_needed("clocks", why);
    }
    let mut step = Step::new("clocks");
    let mut known = 0;
    for (broker, (least, most)) in &told {
        // Zero lies between: nothing shows that they differ.
        let off = if *least > 0 { *least } else { (*most).min(0) };
        if off.abs() <= CLOCKS_DIFFER_MS {
            known += 1;
            continue;
        }
        let how = if off > 0 { "ahead of" } else { "behind" };
        let seconds = off.abs() / 1_000;
        step.see(format!("broker {broker}: its clock is at least {seconds} s {how} ours"));
        step.find(
            StepVerdict::Warning,
            "set the clocks right (NTP): tokens, certificates and the ages of records are judged by them",
        );
    }
    if known > 0 {
        let whose = if known == told.len() { "all".to_owned() } else { known.to_string() };
        let limit = CLOCKS_DIFFER_MS / 1_000;
        step.see(format!("{whose} of {} brokers that tell the time: within {limit} s of ours", told.len()));
    }
    step
}
