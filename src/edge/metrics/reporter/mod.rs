//! The topic of Cruise Control's metrics reporter (`__CruiseControlMetrics`) as a source, for clusters that have that reporter in
//! their brokers already: nothing has to be changed there.
//!
//! `record.rs` reads a record, `reports.rs` puts a broker's together. Each look reads the last minutes of the topic, with a
//! client that joins no group and leaves nothing behind.

mod record;
mod reports;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use self::reports::Reports;
use super::source::{Brokers, Memory, Scraped, Source};
use crate::base::{BrokerId, Cores, format_duration};
use crate::config::{CapacitySettings, KafkaClientSettings};
use crate::edge::librdkafka::{Ears, Right, Words, is_denial, properties};
use crate::observe::{Gap, GapKind};

/// How far back a report may lie. Reporters report once a minute, unless they are told otherwise.
const MAX_AGE: Duration = Duration::from_secs(300);

/// How long the topic may take to be read: on the largest clusters five minutes of it are a hundred megabytes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was told is good for so long: reports come no more often than that.
const ASKED_EVERY: Duration = Duration::from_secs(30);

/// Why the topic tells nothing.
#[derive(Debug, thiserror::Error)]
enum ReporterError {
    #[error(
        "topic {topic} is not there; `metrics.reporter-topic` is what the reporters in the brokers write to"
    )]
    NoTopic { topic: String },
    #[error("topic {topic} may not be read; grant it with: {command}")]
    Denied { topic: String, command: String },
    #[error("topic {topic} cannot be read: {problem}")]
    Unreadable { topic: String, problem: String },
    #[error("topic {topic} could not be read to its end within {} s{heard}", PATIENCE.as_secs())]
    Slow { topic: String, heard: String },
}

/// Reads the reporter's topic.
pub(super) struct Reporter {
    properties: ClientConfig,
    client: KafkaClientSettings,
    topic: String,
    capacity: CapacitySettings,
    memory: Memory,
}

impl Reporter {
    /// Reads nothing yet. The capacities say how many cores brokers have: the reporter tells how busy they are, and not of how many.
    pub fn new(topic: &str, client: &KafkaClientSettings, capacity: &CapacitySettings) -> Self {
        let mut properties = properties(client);
        // The group is never joined: librdkafka wants a name.
        properties.set("group.id", "evenkeel-metrics").set("enable.auto.commit", "false");
        properties.set("enable.partition.eof", "true").set("allow.auto.create.topics", "false");
        Self {
            properties,
            client: client.clone(),
            topic: topic.to_owned(),
            capacity: capacity.clone(),
            memory: Memory::new(ASKED_EVERY),
        }
    }

    fn read(&self, now_ms: i64) -> Result<Reports, ReporterError> {
        let ears = Ears::of(&self.client);
        let consumer: BaseConsumer<Ears> =
            self.properties.create_with_context(ears.clone()).map_err(|error| self.explain(&error))?;
        ears.let_in(&consumer);
        let until = Instant::now() + PATIENCE;
        let from = self.beginnings(&consumer, now_ms, until)?;
        let mut unread = BTreeSet::new();
        for partition in from.elements() {
            partition.error().map_err(|error| self.explain(&error))?;
            unread.insert(partition.partition());
        }
        consumer.assign(&from).map_err(|error| self.explain(&error))?;
        let mut reports = Reports::default();
        while !unread.is_empty() {
            if Instant::now() >= until {
                let heard = consumer.context().last();
                let heard = if heard.is_empty() { heard } else { format!(" ({heard})") };
                return Err(ReporterError::Slow { topic: self.topic.clone(), heard });
            }
            match consumer.poll(Duration::from_millis(200)) {
                None => {}
                Some(Ok(message)) => reports.add(message.payload().unwrap_or_default()),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    unread.remove(&partition);
                }
                Some(Err(error)) => match error.rdkafka_error_code() {
                    // What passes, as a leader that moves, shows by what comes; what was heard is told if nothing does.
                    Some(code) if !is_denial(code) && !is_gone(code) => {}
                    _ => return Err(self.explain(&error)),
                },
            }
        }
        Ok(reports)
    }

    /// Where each partition is to be read from.
    fn beginnings(
        &self,
        consumer: &BaseConsumer<Ears>,
        now_ms: i64,
        until: Instant,
    ) -> Result<TopicPartitionList, ReporterError> {
        let explain = |error: KafkaError| self.explain(&error);
        // Of no time at all librdkafka would make an eternity.
        let left = || until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let metadata = consumer.fetch_metadata(Some(&self.topic), left()).map_err(explain)?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == self.topic);
        let Some(topic) = topic.filter(|topic| !topic.partitions().is_empty() || topic.error().is_some())
        else {
            return Err(ReporterError::NoTopic { topic: self.topic.clone() });
        };
        if let Some(error) = topic.error() {
            return Err(self.explain(&KafkaError::MetadataFetch(error.into())));
        }
        let since_ms = now_ms.saturating_sub(i64::try_from(MAX_AGE.as_millis()).unwrap_or(i64::MAX));
        let mut times = TopicPartitionList::new();
        for partition in topic.partitions() {
            times
                .add_partition_offset(&self.topic, partition.id(), Offset::Offset(since_ms))
                .map_err(explain)?;
        }
        consumer.offsets_for_times(times, left()).map_err(explain)
    }

    fn explain(&self, error: &KafkaError) -> ReporterError {
        let topic = self.topic.clone();
        match error.rdkafka_error_code() {
            Some(code) if is_denial(code) => {
                let right = Right { operations: &["Read", "Describe"], kind: "--topic", name: &self.topic };
                ReporterError::Denied { topic, command: right.grant_command(&self.client) }
            }
            Some(code) if is_gone(code) => ReporterError::NoTopic { topic },
            _ => ReporterError::Unreadable { topic, problem: Words(error).to_string() },
        }
    }
}

/// Reads records, and says what they tell of these brokers at `now_ms`.
pub(super) fn read_records<'a>(
    records: impl IntoIterator<Item = &'a [u8]>,
    brokers: &Brokers,
    capacity: &CapacitySettings,
    now_ms: i64,
) -> Scraped {
    let mut reports = Reports::default();
    records.into_iter().for_each(|record| reports.add(record));
    tell("of records", capacity, brokers, &reports, now_ms)
}

/// What the reports of a topic tell of these brokers, whose capacities say how many cores they have.
fn tell(
    topic: &str,
    capacity: &CapacitySettings,
    brokers: &Brokers,
    reports: &Reports,
    now_ms: i64,
) -> Scraped {
    let mut told = Scraped::default();
    for broker in brokers.keys() {
        let subject = format!("broker {broker}");
        let mut gap = |kind, reason: String| told.gaps.push(Gap { kind, subject: subject.clone(), reason });
        let Some((_, report)) = reports.last(*broker, now_ms) else {
            let reason = silence(topic, reports, *broker);
            gap(GapKind::NetworkLoad, reason.clone());
            gap(GapKind::CpuLoad, reason);
            continue;
        };
        let cores = capacity.of(*broker).cpu_cores.map(Cores::get);
        if cores.is_none() && report.knows_cpu() {
            let reason = "the reporter tells how busy its processors are, and not of how many there are; give \
                          `capacity.cpu-cores` in the settings";
            gap(GapKind::CpuLoad, reason.to_owned());
        }
        for (kind, reason) in report.troubles() {
            gap(kind, format!("topic {topic}: {reason}"));
        }
        told.metrics.insert(*broker, report.figures(cores).metrics());
    }
    if let Some((count, error)) = &reports.unreadable {
        told.gaps.push(Gap {
            kind: GapKind::NetworkLoad,
            subject: String::new(),
            reason: format!(
                "{count} records of topic {topic} are none of a reporter's; of the first, {error}"
            ),
        });
    }
    told
}

fn silence(topic: &str, reports: &Reports, broker: BrokerId) -> String {
    if reports.has_reported(broker) {
        return format!("topic {topic}: its first report has not arrived whole");
    }
    let age = format_duration(MAX_AGE);
    format!("topic {topic}: it has reported nothing in the last {age}; its reporter may not run, or seldom")
}

fn is_gone(code: Code) -> bool {
    matches!(code, Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition)
}

impl Source for Reporter {
    fn ask(&mut self, brokers: &Brokers) -> Scraped {
        if let Some(told) = self.memory.recall(brokers) {
            return told;
        }
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        let read = self.read(now_ms);
        let told = match &read {
            Ok(reports) => tell(&self.topic, &self.capacity, brokers, reports, now_ms),
            Err(error) => all_unknown(brokers, &error.to_string()),
        };
        self.memory.keep(brokers, &told, read.is_ok());
        told
    }
}

/// Nothing is known of any broker, for one reason.
fn all_unknown(brokers: &Brokers, reason: &str) -> Scraped {
    let gaps = brokers.keys().flat_map(|broker| {
        [GapKind::NetworkLoad, GapKind::CpuLoad].map(|kind| Gap::of_broker(*broker, kind, reason))
    });
    Scraped { metrics: BTreeMap::new(), gaps: gaps.collect() }
}

#[cfg(test)]
#[path = "reporter_tests.rs"]
mod tests;
