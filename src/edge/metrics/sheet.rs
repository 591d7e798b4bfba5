//! What one look at a broker's pages told, and the rates that follow from it and from an earlier look.
//!
//! Averages that Kafka keeps itself (its one-minute rates) are taken as they are. Where an exporter shows only
//! counters, two looks make a rate; a counter that went back was reset by a restart, and counts from zero again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::figures::{Figures, is_topic_name};
use super::names::{Flow, Meaning, Request, Span, is_busy_mode, is_of_use, meaning, request};
use super::text::{Fault, Page, Reading};
use crate::base::TopicName;
use crate::observe::BrokerMetrics;

/// Two looks nearer to one another than this tell more noise than rate.
const NEAREST_LOOKS: Duration = Duration::from_millis(500);

/// A counter, by what it counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Counter {
    /// Bytes, of a topic or of all.
    Flow(Flow, Option<TopicName>),
    /// Seconds of processor time of the broker.
    ProcessCpu,
    /// The same, as the agent's own page tells it.
    PageCpu,
    /// Seconds in which a core of the machine was in a mode.
    NodeCpu { core: String, mode: String },
}

/// What was wrong with readings that were asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub unreadable: Fault,
    pub not_an_amount: Fault,
    pub twice: Fault,
    pub odd_labels: Fault,
}

impl Faults {
    /// In words, for a person; empty when there is nothing to say.
    pub fn words(&self) -> String {
        let told = [
            (self.unreadable, "cannot be read"),
            (self.not_an_amount, "are NaN, infinite or negative"),
            (self.twice, "are there twice, and the first one counts"),
            (self.odd_labels, "have labels that name no topic or core"),
        ];
        let words = told.iter().filter(|(fault, _)| fault.count > 0).map(|(fault, what)| {
            format!("lines that {what}: {}, the first is line {}", fault.count, fault.first_line)
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

/// A counter as it was read. Pages of one look come seconds apart where brokers are slow, so each has a time of its own.
#[derive(Debug, Clone, Copy)]
struct Count {
    value: f64,
    at: Instant,
}

/// What one look told.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    /// When the first page came.
    at: Instant,
    rates: BTreeMap<(Flow, Option<TopicName>), f64>,
    counters: BTreeMap<Counter, Count>,
    /// 99th percentiles, in milliseconds.
    p99_ms: BTreeMap<(Request, Span), f64>,
    handler_idle: Option<f64>,
    process_cpu_load: Option<f64>,
    processors: Option<f64>,
    /// Bytes per second, by network device.
    links: BTreeMap<String, f64>,
    pub faults: Faults,
}

impl Sheet {
    /// An empty sheet of a look at `at`.
    pub fn new(at: Instant) -> Self {
        Self {
            at,
            rates: BTreeMap::new(),
            counters: BTreeMap::new(),
            p99_ms: BTreeMap::new(),
            handler_idle: None,
            process_cpu_load: None,
            processors: None,
            links: BTreeMap::new(),
            faults: Faults::default(),
        }
    }

    /// Adds a page of the same broker, which came at `at`. Where two pages tell the same, the first one counts.
    pub fn add(&mut self, page: &Page, at: Instant) {
        let is_brokers = page.readings.iter().any(|reading| reading.name.starts_with("kafka_"));
        let mut own = Self::new(at);
        self.at = self.at.min(at);
        for reading in &page.readings {
            own.add_reading(reading, is_brokers);
        }
        merge(&mut self.rates, own.rates);
        merge(&mut self.counters, own.counters);
        merge(&mut self.p99_ms, own.p99_ms);
        merge(&mut self.links, own.links);
        self.handler_idle = self.handler_idle.or(own.handler_idle);
        self.process_cpu_load = self.process_cpu_load.or(own.process_cpu_load);
        self.processors = self.processors.or(own.processors);
        let faults = &mut self.faults;
        for (sum, fault) in [
            (&mut faults.unreadable, page.unreadable),
            (&mut faults.not_an_amount, own.faults.not_an_amount),
            (&mut faults.twice, own.faults.twice),
            (&mut faults.odd_labels, own.faults.odd_labels),
        ] {
            if sum.count == 0 {
                sum.first_line = fault.first_line;
            }
            sum.count += fault.count;
        }
    }

    fn add_reading(&mut self, reading: &Reading, is_brokers: bool) {
        let label = |key: &str| reading.labels.get(key).map(String::as_str).filter(|text| !text.is_empty());
        let Some(meaning) = meaning(&reading.name, label("name")) else { return };
        let asked = label("request").and_then(request);
        if !is_of_use(&reading.name, &label) {
            return;
        }
        let topic = label("topic");
        if topic.is_some_and(|topic| !is_topic_name(topic)) {
            self.faults.odd_labels.note(reading.line);
            return;
        }
        // A link that is down, and that of most virtual machines, has no speed.
        if meaning == Meaning::NodeLinkSpeed && reading.value <= 0.0 {
            return;
        }
        if !reading.value.is_finite() || reading.value < 0.0 {
            self.faults.not_an_amount.note(reading.line);
            return;
        }
        let topic = topic.map(TopicName::from);
        let value = reading.value;
        let count = |value| Count { value, at: self.at };
        let is_new = match meaning {
            Meaning::Rate(flow) => insert(&mut self.rates, (flow, topic), value),
            Meaning::Count(flow) => insert(&mut self.counters, Counter::Flow(flow, topic), count(value)),
            Meaning::RequestMs(span) => {
                asked.is_none_or(|asked| insert(&mut self.p99_ms, (asked, span), value))
            }
            Meaning::HandlerIdle => set(&mut self.handler_idle, value),
            Meaning::ProcessCpuLoad => set(&mut self.process_cpu_load, value),
            Meaning::Processors => set(&mut self.processors, value),
            Meaning::ProcessCpuNanoseconds => {
                insert(&mut self.counters, Counter::ProcessCpu, count(value / 1e9))
            }
            // On the page of a node exporter it is the exporter's own.
            Meaning::PageCpuSeconds if !is_brokers => return,
            Meaning::PageCpuSeconds => insert(&mut self.counters, Counter::PageCpu, count(value)),
            Meaning::NodeCpuSeconds => {
                let (Some(core), Some(mode)) = (label("cpu"), label("mode")) else {
                    self.faults.odd_labels.note(reading.line);
                    return;
                };
                let counter = Counter::NodeCpu { core: core.to_owned(), mode: mode.to_owned() };
                insert(&mut self.counters, counter, count(value))
            }
            Meaning::NodeLinkSpeed => {
                let Some(device) = label("device") else {
                    self.faults.odd_labels.note(reading.line);
                    return;
                };
                insert(&mut self.links, device.to_owned(), value)
            }
        };
        if !is_new {
            self.faults.twice.note(reading.line);
        }
    }

    /// Whether a second look would tell what this one alone does not.
    pub fn wants_another(&self) -> bool {
        let alone = self.metrics(None);
        let counts =
            |flow: Flow| self.counters.keys().any(|key| matches!(key, Counter::Flow(of, _) if *of == flow));
        let has_cpu_counters = self.counters.keys().any(|key| !matches!(key, Counter::Flow(..)));
        (alone.bytes_in_per_s.is_none() && alone.topic_bytes_in_per_s.is_empty() && counts(Flow::In))
            || (alone.bytes_out_per_s.is_none()
                && alone.topic_bytes_out_per_s.is_empty()
                && counts(Flow::Out))
            || (alone.cpu_cores_used.is_none() && has_cpu_counters)
    }

    /// Whether this look is far enough from an earlier one for rates.
    pub fn follows(&self, before: &Self) -> bool {
        self.at.saturating_duration_since(before.at) >= NEAREST_LOOKS
    }

    /// What this look tells, together with an earlier one where there is one.
    pub fn metrics(&self, before: Option<&Self>) -> BrokerMetrics {
        let before = before.filter(|before| self.follows(before));
        let mut rates = self.rates.clone();
        for counter in self.counters.keys() {
            if let Counter::Flow(flow, topic) = counter
                && let Some(rate) = before.and_then(|before| self.rate(counter, before))
            {
                rates.entry((*flow, topic.clone())).or_insert(rate);
            }
        }
        let figures = Figures {
            rates,
            p99_ms: self.p99_ms.clone(),
            handler_idle: self.handler_idle,
            process_cores: before.and_then(|before| self.process_cores(before)),
            process_cpu_load: self.process_cpu_load,
            processors: self.processors,
            node_cores_used: before.and_then(|before| self.node_cores_used(before)),
            node_cores: self.node_cores(),
            links: self.links.clone(),
        };
        figures.metrics()
    }

    /// How fast a counter went up. One that was not there before began at zero.
    fn rate(&self, counter: &Counter, before: &Self) -> Option<f64> {
        let now = self.counters.get(counter)?;
        let then = before.counters.get(counter).copied().unwrap_or(Count { value: 0.0, at: before.at });
        let grown = if now.value >= then.value { now.value - then.value } else { now.value };
        let seconds = now.at.saturating_duration_since(then.at).as_secs_f64();
        (seconds > 0.0).then(|| grown / seconds)
    }

    fn node_cores(&self) -> Option<f64> {
        let cores: BTreeSet<&str> = self
            .counters
            .keys()
            .filter_map(
                |key| if let Counter::NodeCpu { core, .. } = key { Some(core.as_str()) } else { None },
            )
            .collect();
        u32::try_from(cores.len()).ok().filter(|count| *count > 0).map(f64::from)
    }

    fn process_cores(&self, before: &Self) -> Option<f64> {
        let told = [Counter::ProcessCpu, Counter::PageCpu];
        told.iter()
            .filter(|counter| before.counters.contains_key(counter))
            .find_map(|counter| self.rate(counter, before))
    }

    fn node_cores_used(&self, before: &Self) -> Option<f64> {
        let busy: Vec<f64> = self
            .counters
            .keys()
            .filter(|key| matches!(key, Counter::NodeCpu { mode, .. } if is_busy_mode(mode)))
            .filter(|key| before.counters.contains_key(key))
            .filter_map(|key| self.rate(key, before))
            .collect();
        (!busy.is_empty()).then(|| busy.iter().sum())
    }
}

fn merge<K: Ord, V>(into: &mut BTreeMap<K, V>, more: BTreeMap<K, V>) {
    for (key, value) in more {
        into.entry(key).or_insert(value);
    }
}

fn insert<K: Ord, V>(into: &mut BTreeMap<K, V>, key: K, value: V) -> bool {
    let mut is_new = false;
    into.entry(key).or_insert_with(|| {
        is_new = true;
        value
    });
    is_new
}

fn set(slot: &mut Option<f64>, value: f64) -> bool {
    let is_new = slot.is_none();
    slot.get_or_insert(value);
    is_new
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
