//! [`Reports`]: the records of each broker, by the report that they belong to. A broker reports all at once, under one time; what
//! counts of it is its last report that is there whole.

use std::collections::BTreeMap;

use super::super::figures::Figures;
use super::record::{Kind, Record, RecordError, read};
use crate::base::{BrokerId, TopicName};
use crate::observe::GapKind;

/// A report is sent in one go and waits for no other: what is so old has arrived.
const WHOLE_AFTER_MS: i64 = 10_000;

/// How many reports of a broker are kept: the last, which may still be on its way, and those before.
const KEPT: usize = 3;

/// One report of a broker.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Report {
    told: BTreeMap<(Kind, Option<TopicName>), f64>,
    /// What is no amount, or is told in two ways: the first of each kind, in words.
    wrong: BTreeMap<Kind, String>,
}

/// What was read of the topic.
#[derive(Debug, Default)]
pub(super) struct Reports {
    brokers: BTreeMap<BrokerId, BTreeMap<i64, Report>>,
    /// How many records could not be read, and why the first one.
    pub unreadable: Option<(usize, RecordError)>,
}

impl Reports {
    /// Takes a record.
    pub fn add(&mut self, bytes: &[u8]) {
        match read(bytes) {
            Ok(record) => self.take(record),
            Err(error) => {
                let (count, _) = self.unreadable.get_or_insert((0, error));
                *count += 1;
            }
        }
    }

    fn take(&mut self, record: Record) {
        let reports = self.brokers.entry(record.broker).or_default();
        let oldest = reports.keys().next().copied();
        if reports.len() >= KEPT && !reports.contains_key(&record.time_ms) {
            // Partitions are read side by side, so that an older report may come up after a newer one.
            if oldest.is_some_and(|oldest| record.time_ms < oldest) {
                return;
            }
            reports.pop_first();
        }
        let report = reports.entry(record.time_ms).or_default();
        let Some(kind) = record.kind else { return };
        if !record.value.is_finite() || record.value < 0.0 {
            report
                .wrong
                .entry(kind)
                .or_insert_with(|| format!("is said to be {}, which is no amount", record.value));
            return;
        }
        let first = *report.told.entry((kind, record.topic)).or_insert(record.value);
        // A record that was sent anew says the same again.
        if first.to_bits() != record.value.to_bits() {
            report.wrong.entry(kind).or_insert_with(|| format!("is said to be {first} and {}", record.value));
        }
    }

    /// The last report of a broker that is whole, and when it was made, in ms; `now_ms` is by our clock.
    pub fn last(&self, broker: BrokerId, now_ms: i64) -> Option<(i64, &Report)> {
        let mut reports = self.brokers.get(&broker)?.iter().rev();
        let (time, report) = reports.next()?;
        if now_ms.saturating_sub(*time) >= WHOLE_AFTER_MS {
            return Some((*time, report));
        }
        // The next one is begun when the one before has been sent.
        reports.next().map(|(time, report)| (*time, report))
    }

    /// Whether a broker has reported at all.
    pub fn has_reported(&self, broker: BrokerId) -> bool {
        self.brokers.contains_key(&broker)
    }
}

impl Report {
    /// What it tells of a broker with so many cores.
    pub fn figures(&self, cores: Option<f64>) -> Figures {
        let mut figures = Figures { processors: cores, ..Figures::default() };
        for ((kind, topic), value) in &self.told {
            if self.wrong.contains_key(kind) {
                continue;
            }
            match kind {
                Kind::Flow(flow) => {
                    figures.rates.insert((*flow, topic.clone()), *value);
                }
                Kind::CpuUse => figures.process_cpu_load = Some(*value),
                Kind::HandlerIdle => figures.handler_idle = Some(*value),
            }
        }
        figures
    }

    /// Whether it tells how busy the processor is.
    pub fn knows_cpu(&self) -> bool {
        self.told.contains_key(&(Kind::CpuUse, None))
    }

    /// What of it counts for nothing, and why.
    pub fn troubles(&self) -> impl Iterator<Item = (GapKind, String)> + '_ {
        self.wrong.iter().map(|(kind, words)| match kind {
            Kind::Flow(flow) => (GapKind::NetworkLoad, format!("its {} {words}", flow.word())),
            Kind::CpuUse => (GapKind::CpuLoad, format!("its processor load {words}")),
            Kind::HandlerIdle => {
                (GapKind::NetworkLoad, format!("the idleness of its request handlers {words}"))
            }
        })
    }
}

#[cfg(test)]
#[path = "reports_tests.rs"]
mod tests;
