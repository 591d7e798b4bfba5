//! [`ReadMeter`]: what clients read of each partition, from what their groups have committed, where no metrics tell.
//!
//! A group that reads commits how far it has come. So what it reads is its progress in offsets, times the mean size of a
//! record there. Groups commit at times of their own, every five seconds or once a minute, and what comes between two looks
//! may be none of it or twice of it: so a rate goes from one commit to another one, not from look to look. Where
//! groups have not committed twice yet, and what they may read is no trifle, nothing is told: a burst is no rate.
//!
//! It is a lower bound: who commits nothing to Kafka is not seen. That is said in a [`Gap`].

mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::written::Log;
use super::{Basis, Gap, GapKind, LogSpan, Observation, SeenTopic};
use crate::base::{BytesPerS, TimestampMs, TopicName, TopicPartition, format_duration};
use reader::Reader;

/// The id of a consumer group.
pub type GroupId = Arc<str>;

/// Who has committed less often than twice is waited for so long; then it counts as far as it was seen.
const PATIENCE: Duration = Duration::from_secs(600);

/// What groups may read that are not known well enough, as a share of all that is read, is a trifle up to this.
const TRIFLE: f64 = 0.1;

/// Fewer records than this say little of the mean size of those that came: then it is that of all in the log.
const RECORDS_LEAST: f64 = 100.0;

/// What the groups of a cluster were heard to have committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commits {
    /// When they were asked.
    pub at: TimestampMs,
    /// Those that told.
    pub groups: BTreeMap<GroupId, GroupCommits>,
    /// How many more there are of which we may not ask.
    pub denied: usize,
    /// How many more there are that did not tell, so far as is known.
    pub silent: BTreeSet<GroupId>,
    /// Why not all told, in words; then there may be groups that are not known at all.
    pub trouble: Option<String>,
    /// What would let all tell, where a right is missing.
    pub mend: String,
}

/// What one group has committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupCommits {
    /// Whether somebody reads in its name just now; who reads without joining it does not count.
    pub has_members: bool,
    /// The offsets after the last record that it has read.
    pub offsets: Vec<(TopicPartition, i64)>,
}

impl Commits {
    fn is_whole(&self) -> bool {
        self.denied == 0 && self.silent.is_empty() && self.trouble.is_none()
    }
}

/// Remembers commits from look to look.
#[derive(Debug, Default)]
pub struct ReadMeter {
    begun_at: Option<TimestampMs>,
    /// When all groups were heard last.
    whole_at: Option<TimestampMs>,
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
    /// The mean size of a record.
    mean_bytes: Option<f64>,
    readers: BTreeMap<GroupId, Reader>,
}

/// What was found out about reading in one look.
#[derive(Debug, Default)]
struct Tally {
    known_bytes_per_s: f64,
    /// What those may read who have not committed twice yet.
    doubtful_bytes_per_s: f64,
    doubtful: BTreeSet<GroupId>,
}

impl ReadMeter {
    /// Takes in what groups have committed between two full looks; they may be some of all.
    pub fn heed(&mut self, commits: &Commits) {
        self.hear_all(commits, false);
    }

    fn hear_all(&mut self, commits: &Commits, knows_ends: bool) {
        let now = commits.at;
        for (group, told) in &commits.groups {
            for (which, offset) in &told.offsets {
                let topic = self.topics.get_mut(&which.topic);
                let at = usize::try_from(which.partition).ok();
                let partition = topic.zip(at).and_then(|(topic, at)| topic.partitions.get_mut(at));
                if let Some(partition) = partition {
                    partition.hear(now, group, told.has_members, *offset, knows_ends);
                }
            }
        }
    }

    /// Takes a full look in, with the spans of logs and what groups have committed before those were asked for, and writes into
    /// it what clients read of each partition, where that is not known yet, or a gap that says why not.
    pub fn look(
        &mut self,
        seen: &mut Observation,
        commits: &Commits,
        spans: &BTreeMap<TopicPartition, LogSpan>,
    ) {
        // The look itself began earlier, and a second is much where commits are five apart.
        let now = commits.at;
        // A clock that was set back tells no time: all begins anew.
        if self.begun_at.is_some_and(|begun_at| now < begun_at) {
            *self = Self::default();
        }
        self.begun_at.get_or_insert(now);
        if commits.is_whole() {
            self.whole_at = Some(now);
        }
        self.topics.retain(|name, _| seen.topics.contains_key(name));
        for (name, topic) in &seen.topics {
            self.topics.entry(name.clone()).or_default().see(name, topic, spans);
        }
        self.hear_all(commits, true);
        // Only who was listed nowhere is gone.
        if commits.trouble.is_none() {
            let is_there = |group: &GroupId| {
                commits.groups.contains_key(group) || commits.silent.contains(group) || commits.denied > 0
            };
            for partition in self.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
                partition.readers.retain(|group, _| is_there(group));
            }
        }
        let outcome = match self.held_back(now, commits) {
            Some(reason) => reason,
            None => self.tell_or_wait(seen, commits),
        };
        seen.gaps.push(Gap { kind: GapKind::NetworkLoad, subject: String::new(), reason: outcome });
    }

    /// Why nothing can be told whatever was committed.
    fn held_back(&self, now: TimestampMs, commits: &Commits) -> Option<String> {
        let heard = commits.groups.len();
        if self.begun_at == Some(now) {
            return Some(
                "what is read is known from the next look on: groups have to commit meanwhile".to_owned(),
            );
        }
        if commits.denied > 0 {
            let (denied, all) = (commits.denied, heard + commits.silent.len() + commits.denied);
            return Some(format!(
                "{denied} of {} may not be described, so that what is read is not known; {}",
                groups(all),
                commits.mend
            ));
        }
        let is_recent = self.whole_at.is_some_and(|whole_at| now.since(whole_at) < PATIENCE);
        if !commits.is_whole() && !is_recent {
            let why = commits.trouble.as_deref().unwrap_or("their coordinators are changing");
            let who = match commits.silent.len() {
                0 => "not all consumer groups".to_owned(),
                silent => format!("{} of {} did not tell, so that not all", silent, groups(heard + silent)),
            };
            return Some(format!("{who} could be asked what they have read, which is not known then: {why}"));
        }
        let commits_any = commits.groups.values().any(|group| !group.offsets.is_empty());
        (!commits_any && commits.is_whole()).then(|| {
            "no consumer group has committed an offset, so that nothing tells what is read".to_owned()
        })
    }

    fn tell_or_wait(&self, seen: &mut Observation, commits: &Commits) -> String {
        let now = commits.at;
        let tally = self.tally(now, seen);
        let all = tally.known_bytes_per_s + tally.doubtful_bytes_per_s;
        let watched = self.begun_at.map(|begun_at| now.since(begun_at)).unwrap_or_default();
        if tally.doubtful_bytes_per_s > TRIFLE * all && watched < PATIENCE {
            let names: Vec<&str> = tally.doubtful.iter().take(3).map(AsRef::as_ref).collect();
            return format!(
                "what is read is not known yet: in the {} of watching {} did not commit twice ({}{}), and a burst is no rate; \
                 watch for longer (`--load-window 2m`), or let a daemon look for {}",
                format_duration(watched),
                groups(tally.doubtful.len()),
                names.join(", "),
                if tally.doubtful.len() > names.len() { ", ..." } else { "" },
                format_duration(PATIENCE),
            );
        }
        for (name, topic) in &mut seen.topics {
            let Some(meter) = self.topics.get(name) else { continue };
            for (partition, meter) in topic.partitions.iter_mut().zip(&meter.partitions) {
                let load = &mut partition.load;
                if load.consume_bytes_per_s.is_none() {
                    let rate = meter.bytes_per_s(now).and_then(|rate| BytesPerS::new(rate).ok());
                    (load.consume_bytes_per_s, load.basis.consume) = (rate, rate.map(|_| Basis::OwnCommits));
                }
            }
        }
        format!(
            "what is read follows from the offsets that {} committed: who commits nothing to Kafka is not counted, so that \
             more may be read",
            groups(commits.groups.len())
        )
    }

    fn tally(&self, now: TimestampMs, seen: &Observation) -> Tally {
        let mut tally = Tally::default();
        for (name, topic) in &seen.topics {
            let Some(meter) = self.topics.get(name) else { continue };
            for (partition, meter) in topic.partitions.iter().zip(&meter.partitions) {
                let written = partition.load.produce_bytes_per_s.map_or(0.0, BytesPerS::get);
                let mean_bytes = meter.mean_bytes.unwrap_or(0.0);
                for (group, reader) in &meter.readers {
                    let told = reader.records_per_s(now) * mean_bytes;
                    if reader.is_doubtful(now, meter.log.span().map(|span| span.end), PATIENCE) {
                        // Who does not commit yet may read what is written.
                        tally.doubtful_bytes_per_s += told.max(written);
                        tally.doubtful.insert(Arc::clone(group));
                    } else {
                        tally.known_bytes_per_s += told;
                    }
                }
            }
        }
        tally
    }
}

impl TopicMeter {
    fn see(&mut self, name: &TopicName, topic: &SeenTopic, spans: &BTreeMap<TopicPartition, LogSpan>) {
        // A topic of the same name that was made anew has other offsets.
        if self.id != topic.id {
            *self = Self { id: topic.id, partitions: Vec::new() };
        }
        self.partitions.resize_with(topic.partitions.len(), PartitionMeter::default);
        for (partition, meter) in topic.partitions.iter().zip(&mut self.partitions) {
            let span = spans.get(&TopicPartition::new(name.clone(), partition.id)).copied();
            let log = Log::of(partition, span);
            let before = std::mem::replace(&mut meter.log, log);
            meter.mean_bytes = log.mean_bytes_since(&before, RECORDS_LEAST).or(meter.mean_bytes);
        }
    }
}

impl PartitionMeter {
    fn hear(&mut self, now: TimestampMs, group: &GroupId, has_members: bool, offset: i64, knows_ends: bool) {
        // Kafka's word for "none".
        if offset < 0 {
            return;
        }
        let span = self.log.span();
        let start = span.map_or(0, |span| span.start);
        // Between full looks a log has grown beyond the end that was seen.
        let end = span.filter(|_| knows_ends).map_or(i64::MAX, |span| span.end);
        match self.readers.get_mut(group) {
            Some(reader) => reader.hear(now, has_members, offset, start..=end),
            None => {
                self.readers.insert(Arc::clone(group), Reader::new(now, has_members, offset));
            }
        }
    }

    fn bytes_per_s(&self, now: TimestampMs) -> Option<f64> {
        let records: f64 = self.readers.values().map(|reader| reader.records_per_s(now)).sum();
        // Of an empty log nothing is read, whatever a record of it would weigh.
        if records > 0.0 { Some(records * self.mean_bytes?) } else { Some(0.0) }
    }
}

fn groups(count: usize) -> String {
    if count == 1 { "1 consumer group".to_owned() } else { format!("{count} consumer groups") }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
