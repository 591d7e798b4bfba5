//! [`WriteMeter`]: what clients write to each partition, from looks at its log, where no metrics tell.
//!
//! A log grows by what is written to it, to the byte, unless its beginning or its middle is thrown away meanwhile. So the
//! rate is the growth of the leader's replica between two looks. Where the log has a new beginning, or has become smaller
//! (compaction), it is the records that came, times the mean size of a record in it. Both are of one partition:
//! one that is written to more than others of its topic shows.

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use super::{Basis, Observation, Partition, SeenTopic};
use crate::base::{BrokerId, Bytes, BytesPerS, TimestampMs, TopicName, TopicPartition};

/// Two looks that are closer than this are no measure: sizes and times are not taken at one moment.
const SHORTEST_S: f64 = 3.0;

/// What is shorter than this is drawn together with the next into one window.
const WINDOW_S: f64 = 150.0;

/// What is told is the mean of this many windows at most, an hour with looks of a few minutes: what clients do in a
/// minute is no reason to move data.
const WINDOWS_MOST: usize = 24;

/// Where the log of a partition begins and ends, in offsets, as its leader tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSpan {
    /// The offset of the oldest record.
    pub start: i64,
    /// The offset after the newest one.
    pub end: i64,
}

/// Remembers logs from look to look.
#[derive(Debug, Default)]
pub struct WriteMeter {
    taken_at: Option<TimestampMs>,
    /// How long each window was, in seconds, oldest first.
    windows_s: VecDeque<f64>,
    topics: BTreeMap<TopicName, TopicMeter>,
}

#[derive(Debug, Default)]
struct TopicMeter {
    id: Option<Uuid>,
    partitions: Vec<PartitionMeter>,
}

#[derive(Debug, Default)]
struct PartitionMeter {
    log: Log,
    /// Bytes written in the last windows, oldest first; fewer than there are windows where it is younger.
    windows: VecDeque<f64>,
}

/// A log at one look.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Log {
    /// Of the leader's replica.
    size_bytes: Option<f64>,
    /// Which replica that was.
    leader: Option<BrokerId>,
    span: Option<LogSpan>,
}

impl WriteMeter {
    /// Whether there was no look yet to compare one with.
    pub fn is_new(&self) -> bool {
        self.taken_at.is_none()
    }

    /// Takes a full look in, with the spans of logs as far as they are known, and writes into it what clients write to each
    /// partition, where that is not known yet. The first look only begins.
    pub fn look(&mut self, seen: &mut Observation, spans: &BTreeMap<TopicPartition, LogSpan>) {
        let elapsed_s = self.taken_at.map(|before| seconds_between(before, seen.taken_at));
        // A clock that was set back tells no time: all begins anew.
        let elapsed_s = elapsed_s.filter(|elapsed_s| *elapsed_s >= 0.0);
        match elapsed_s {
            None => *self = Self::default(),
            Some(elapsed_s) if elapsed_s < SHORTEST_S => return self.tell(seen),
            Some(_) => {}
        }
        let begins = self.begin_window(elapsed_s);
        self.taken_at = Some(seen.taken_at);
        self.topics.retain(|name, _| seen.topics.contains_key(name));
        let windows = self.windows_s.len();
        for (name, topic) in &seen.topics {
            let meter = self.topics.entry(name.clone()).or_default();
            meter.take_in(name, topic, spans, begins, windows);
        }
        self.tell(seen);
    }

    /// Notes the time that has passed. Returns whether that is a window of its own, or belongs to the last one.
    fn begin_window(&mut self, elapsed_s: Option<f64>) -> bool {
        let Some(elapsed_s) = elapsed_s else { return true };
        if let Some(last) = self.windows_s.back_mut().filter(|last| **last < WINDOW_S) {
            *last += elapsed_s;
            return false;
        }
        self.windows_s.push_back(elapsed_s);
        if self.windows_s.len() > WINDOWS_MOST {
            self.windows_s.pop_front();
        }
        true
    }

    fn tell(&self, seen: &mut Observation) {
        for (name, topic) in &mut seen.topics {
            let Some(meter) = self.topics.get(name) else { continue };
            for (partition, meter) in topic.partitions.iter_mut().zip(&meter.partitions) {
                let seconds: f64 = self.windows_s.iter().rev().take(meter.windows.len()).sum();
                if seconds > 0.0 && partition.load.produce_bytes_per_s.is_none() {
                    let rate = meter.windows.iter().sum::<f64>() / seconds;
                    partition.load.produce_bytes_per_s = BytesPerS::new(rate).ok();
                    partition.load.basis.produce = Some(Basis::OwnLog);
                }
            }
        }
    }
}

impl TopicMeter {
    fn take_in(
        &mut self,
        name: &TopicName,
        topic: &SeenTopic,
        spans: &BTreeMap<TopicPartition, LogSpan>,
        begins: bool,
        windows: usize,
    ) {
        // A topic of the same name that was made anew has other logs.
        if self.id != topic.id {
            *self = Self { id: topic.id, partitions: Vec::new() };
        }
        let known = self.partitions.len();
        self.partitions.resize_with(topic.partitions.len(), PartitionMeter::default);
        for (at, (partition, meter)) in topic.partitions.iter().zip(&mut self.partitions).enumerate() {
            let span = spans.get(&TopicPartition::new(name.clone(), partition.id)).copied();
            let log = Log::of(partition, span);
            let before = std::mem::replace(&mut meter.log, log);
            // What was not seen before may be new, or old and hidden until now: the next look tells.
            if windows == 0 || at >= known {
                continue;
            }
            let written = log.written_since(&before);
            match meter.windows.back_mut().filter(|_| !begins) {
                Some(last) => *last += written,
                None => meter.windows.push_back(written),
            }
            while meter.windows.len() > windows {
                meter.windows.pop_front();
            }
        }
    }
}

impl Log {
    pub fn of(partition: &Partition, span: Option<LogSpan>) -> Self {
        let size = partition.leader.and_then(|leader| partition.size_on(leader));
        Self { size_bytes: size.map(Bytes::as_f64), leader: partition.leader, span }
    }

    /// Bytes that were written between an earlier look and this one; 0 where nothing tells.
    fn written_since(&self, before: &Self) -> f64 {
        let grown = self.size_bytes.zip(before.size_bytes).map(|(now, then)| now - then);
        let (Some(now), Some(then)) = (self.span, before.span) else { return grown.unwrap_or(0.0).max(0.0) };
        let came = count(now.end.saturating_sub(then.end));
        // Replicas on different brokers differ in size.
        let is_same_log = before.leader == self.leader && now.start == then.start;
        if let Some(grown) = grown.filter(|grown| *grown >= 0.0 && is_same_log) {
            return grown;
        }
        came * self.mean_bytes().unwrap_or(0.0)
    }

    /// The span, where it is known.
    pub fn span(&self) -> Option<LogSpan> {
        self.span
    }

    /// The mean size of a record of all that are in it; `None` where it is empty or nothing tells.
    fn mean_bytes(&self) -> Option<f64> {
        let span = self.span?;
        let records = count(span.end.saturating_sub(span.start));
        (records > 0.0).then_some(self.size_bytes? / records)
    }

    /// The mean size of a record of those that came since an earlier look, where those were so many, else of all.
    pub fn mean_bytes_since(&self, before: &Self, least: f64) -> Option<f64> {
        let came =
            self.span.zip(before.span).map_or(0.0, |(now, then)| count(now.end.saturating_sub(then.end)));
        let of_those = (came >= least).then(|| self.written_since(before) / came);
        of_those.filter(|mean| *mean > 0.0).or_else(|| self.mean_bytes())
    }
}

/// A number of records; a log that is cut back has none.
#[expect(clippy::cast_precision_loss, reason = "offsets are far below 2^52")]
fn count(records: i64) -> f64 {
    records.max(0) as f64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^52")]
fn seconds_between(before: TimestampMs, after: TimestampMs) -> f64 {
    (after.0 as f64 - before.0 as f64) / 1e3
}

#[cfg(test)]
#[path = "written_tests.rs"]
mod tests;
