//! What is known of the cluster: whether all topics are seen, what metrics endpoints tell, what brokers can carry.

use std::collections::BTreeMap;

use super::facts::{Endpoint, Facts};
use super::{Step, StepVerdict};
use crate::base::BrokerId;
use crate::observe::{Capacity, Gap, GapKind, Observation};

/// Brokers that are named before they are only counted.
const NAMED_MAX: usize = 6;

fn look<'a>(facts: &'a Facts, name: &'static str) -> Result<&'a Observation, Step> {
    match &facts.look {
        Some(Ok(seen)) => Ok(seen),
        Some(Err(why)) => {
            let mut step = Step::new(name);
            step.see(why.clone());
            step.verdict = StepVerdict::Fails;
            Err(step)
        }
        None => Err(Step::not_tried(name)),
    }
}

/// Whether the list of topics is whole, and what is missing of their settings, of replicas and of reassignments.
pub(super) fn topics(facts: &Facts) -> Step {
    const NAME: &str = "topics";
    let seen = match look(facts, NAME) {
        Ok(seen) => seen,
        Err(step) => return step,
    };
    let mut step = Step::new(NAME);
    let partitions: usize = seen.topics.values().map(|topic| topic.partitions.len()).sum();
    let topics = if seen.topics.len() == 1 { "1 topic" } else { &format!("{} topics", seen.topics.len()) };
    step.see(format!("seen: {topics} with {partitions} partitions"));
    let bears = |gap: &&Gap| {
        matches!(
            gap.kind,
            GapKind::Topics
                | GapKind::TopicConfig
                | GapKind::LogDirs
                | GapKind::BrokerConfig
                | GapKind::Reassignments
        )
    };
    for gap in seen.gaps.iter().filter(bears) {
        // A topic of its own is just being made or deleted; without a name it is the list itself.
        let whole_list = gap.kind == GapKind::Topics && gap.subject.is_empty();
        step.find(if whole_list { StepVerdict::Fails } else { StepVerdict::Warning }, "");
        step.see(gap_words(gap));
    }
    if step.verdict == StepVerdict::Ok {
        step.see("brokers hold replicas of no others: the list is whole");
    }
    step
}

pub(super) fn gap_words(gap: &Gap) -> String {
    let kind = gap.kind.name();
    if gap.subject.is_empty() {
        format!("{kind}: {}", gap.reason)
    } else {
        format!("{kind} of {}: {}", gap.subject, gap.reason)
    }
}

/// What a page should tell, for all goals and for a pace that heeds clients.
const WANTED: [&str; 5] = ["bytes in", "bytes out", "replication", "processor", "request times"];

/// The metrics endpoints, one by one.
pub(super) fn metrics(facts: &Facts) -> Step {
    const NAME: &str = "metrics";
    let Some(endpoints) = &facts.endpoints else {
        let mut step = Step::not_needed(
            NAME,
            "no endpoints are set: what is written is measured by the growth of logs, what is read by the offsets that groups commit; processor load stays unknown",
        );
        step.mend.push(
            "name the brokers' Prometheus endpoints: `[metrics]` in the settings, or `--metrics-url`"
                .to_owned(),
        );
        return step;
    };
    if endpoints.is_empty() {
        return other_sources(facts, NAME);
    }
    let mut step = Step::new(NAME);
    let mut told: BTreeMap<BrokerId, Vec<&str>> = BTreeMap::new();
    for endpoint in endpoints {
        let tells = told.entry(endpoint.broker).or_default();
        step.see(endpoint_words(endpoint));
        match &endpoint.came_of {
            Ok(page) => tells.extend(&page.tells),
            Err(_) => step.find(
                StepVerdict::Warning,
                "check that the exporter runs and that no firewall stands between",
            ),
        }
    }
    let mut lacking: BTreeMap<Vec<&str>, Vec<String>> = BTreeMap::new();
    for (broker, tells) in &told {
        let lacks: Vec<&str> = WANTED.into_iter().filter(|wanted| !tells.contains(wanted)).collect();
        if !lacks.is_empty() {
            lacking.entry(lacks).or_default().push(broker.to_string());
        }
    }
    for (lacks, brokers) in lacking {
        step.see(format!("of broker {} nothing tells of: {}", brokers.join(", "), lacks.join(", ")));
        step.find(StepVerdict::Warning, "let the exporters' rules pass those metrics (see README, Metrics)");
    }
    step
}

/// Where loads come from a Prometheus server or a reporter's topic alone: what the look lacks of them.
fn other_sources(facts: &Facts, name: &'static str) -> Step {
    let seen = match look(facts, name) {
        Ok(seen) => seen,
        Err(step) => return step,
    };
    let mut step = Step::new(name);
    let bears = |gap: &&Gap| matches!(gap.kind, GapKind::NetworkLoad | GapKind::CpuLoad);
    let gaps: Vec<&Gap> = seen.gaps.iter().filter(bears).collect();
    for gap in gaps.iter().take(NAMED_MAX) {
        step.find(StepVerdict::Warning, "");
        step.see(gap_words(gap));
    }
    if gaps.len() > NAMED_MAX {
        step.see(format!("and {} more like that", gaps.len() - NAMED_MAX));
    }
    if gaps.is_empty() {
        step.see("the sources of loads that are set tell of every broker");
    }
    step
}

fn endpoint_words(endpoint: &Endpoint) -> String {
    let who = format!("broker {}: {}", endpoint.broker, endpoint.url);
    match &endpoint.came_of {
        Ok(page) if page.tells.is_empty() => {
            format!("{who}: answers in {} ms with nothing that is of use", endpoint.took_ms)
        }
        Ok(page) => format!(
            "{who}: {} lines of use in {} ms ({})",
            page.lines_of_use,
            endpoint.took_ms,
            page.tells.join(", ")
        ),
        // The error names the address itself.
        Err(problem) => format!("broker {}: {problem}", endpoint.broker),
    }
}

/// A capacity: what it is, the setting that tells it, and whether it is known.
type Known = (&'static str, &'static str, fn(&Capacity) -> bool);

/// What each broker can carry.
pub(super) fn capacities(facts: &Facts) -> Step {
    const NAME: &str = "capacities";
    let seen = match look(facts, NAME) {
        Ok(seen) => seen,
        Err(step) => return step,
    };
    let mut step = Step::new(NAME);
    let known: [Known; 4] = [
        ("disk", "`disk = \"4TB\"`", |capacity| capacity.disk_bytes.is_some()),
        ("network in", "`network-in = \"1.2GB/s\"`, `instance`, or `network-device`", |capacity| {
            capacity.network_in_bytes_per_s.is_some()
        }),
        ("network out", "`network-out = \"1.2GB/s\"`, `instance`, or `network-device`", |capacity| {
            capacity.network_out_bytes_per_s.is_some()
        }),
        ("processor", "`cpu-cores = 8`", |capacity| capacity.cpu_cores.is_some()),
    ];
    let alive: Vec<BrokerId> = seen.alive().collect();
    for (what, setting, is_known) in known {
        let unknown: Vec<String> = alive
            .iter()
            .filter(|id| seen.brokers.get(id).is_some_and(|broker| !is_known(&broker.capacity)))
            .map(ToString::to_string)
            .collect();
        if unknown.is_empty() {
            step.see(format!("{what}: known of all {} brokers", alive.len()));
            continue;
        }
        let whose = if unknown.len() == alive.len() { "all brokers".to_owned() } else { named(&unknown) };
        step.see(format!("{what}: not known of {whose}"));
        step.find(StepVerdict::Warning, format!("say it in the settings, under `[capacity]`: {setting}"));
    }
    step
}

fn named(brokers: &[String]) -> String {
    let shown = brokers.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match brokers.len().saturating_sub(NAMED_MAX) {
        0 => format!("broker {shown}"),
        more => format!("broker {shown} and {more} more"),
    }
}
