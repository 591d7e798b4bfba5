//! [`LoadWindows`]: the loads of partitions over a day, so that one look's rates are no reason to move data.
//!
//! Full looks are gathered in windows of a quarter of an hour. What is told of a partition is the mean of the last hour; what a
//! broker bears at its peaks is the 95th percentile of a day's windows. A window costs 16 bytes for each partition, so that a
//! day of a cluster of a million replicas fits into half a gigabyte. Besides, windows keep what brokers' processors were busy with:
//! a day of that tells what a byte costs ([`CpuFit`]).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::cpu_fit::{WorkRow, fit};
use super::work::Work;
use super::{CpuFit, NoFit, Observation, PartitionLoad};
use crate::base::{BrokerId, BytesPerS, Cores, TimestampMs, TopicName};

/// How long a window is.
const WINDOW: Duration = Duration::from_secs(900);

/// How many are kept: a day.
const KEPT: usize = 96;

/// How many of them, with the one that is still open, the mean is drawn from: an hour.
const MEAN_OF: usize = 4;

/// Fewer windows than this tell nothing of peaks: two hours.
const PEAK_LEAST: usize = 8;

/// The loads of one partition: produced, consumed (bytes per second), cores of its leader and of each follower. NaN where
/// not known.
type Row = [f32; 4];

const UNKNOWN: Row = [f32::NAN; 4];

/// The mean loads of partitions over a quarter of an hour.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadWindow {
    /// When it began.
    pub begun_at: TimestampMs,
    /// From how many looks.
    pub looks: u32,
    topics: BTreeMap<TopicName, TopicWindow>,
    /// Brokers' mean work; not in files of evenkeel 0.1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    brokers: BTreeMap<BrokerId, BrokerWindow>,
}

/// A broker's mean work, over the looks in which all of it was known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct BrokerWindow {
    looks: u32,
    #[serde(deserialize_with = "amounts")]
    work: Work,
}

/// Amounts that can be what they say.
fn amounts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Work, D::Error> {
    let work = Work::deserialize(deserializer)?;
    match work.iter().find(|amount| !amount.is_finite() || **amount < 0.0) {
        Some(wrong) => Err(D::Error::custom(format!("{wrong} is no amount of work"))),
        None => Ok(work),
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct TopicWindow {
    id: Option<Uuid>,
    /// By partition; written as null where nothing is known.
    #[serde(with = "rows")]
    rows: Vec<Row>,
}

/// JSON has no NaN: what is not known is null there.
mod rows {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::Row;

    pub fn serialize<S: Serializer>(rows: &[Row], serializer: S) -> Result<S::Ok, S::Error> {
        let known = |row: &Row| row.map(|rate| rate.is_finite().then_some(rate));
        rows.iter().map(known).collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Row>, D::Error> {
        let rows = Vec::<[Option<f32>; 4]>::deserialize(deserializer)?;
        let is_wrong = |rate: &f32| !rate.is_finite() || *rate < 0.0;
        if let Some(rate) = rows.iter().flatten().flatten().find(|rate| is_wrong(rate)) {
            return Err(serde::de::Error::custom(format!("{rate} is no rate")));
        }
        // Rows of their own: collected in place they would keep the room of what was read, which is twice as large and more.
        let mut known: Vec<Row> = Vec::with_capacity(rows.len());
        known.extend(rows.iter().map(|row| row.map(|rate| rate.unwrap_or(f32::NAN))));
        Ok(known)
    }
}

/// The windows of a day, oldest first, and the one that is open.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadWindows {
    closed: VecDeque<LoadWindow>,
    open: Option<LoadWindow>,
}

/// What a broker bears at its peaks, by whom leads and holds what now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Peak {
    /// What producers and followers' leaders send it, in bytes per second.
    pub network_in_bytes_per_s: f64,
    /// What it sends to consumers and followers, in bytes per second.
    pub network_out_bytes_per_s: f64,
}

impl LoadWindows {
    /// How long a window is.
    pub const WINDOW: Duration = WINDOW;

    /// Takes back what was kept, in any order. What is older than a day before `now`, or from after it, is left out.
    pub fn take_back(&mut self, mut kept: Vec<LoadWindow>, now: TimestampMs) {
        kept.retain(|window| window.begun_at <= now && now.since(window.begun_at) < day());
        kept.sort_by_key(|window| window.begun_at);
        kept.dedup_by_key(|window| window.begun_at);
        self.closed = kept.into();
        while self.closed.len() > KEPT {
            self.closed.pop_front();
        }
    }

    /// Takes a full look in, and writes into it the mean of the last hour where a load was known in it. Returns the window that
    /// was closed by that, to be kept.
    pub fn look(&mut self, seen: &mut Observation) -> Option<LoadWindow> {
        let now = seen.taken_at;
        let is_over = |open: &LoadWindow| now < open.begun_at || now.since(open.begun_at) >= WINDOW;
        let closed = self.open.take_if(|open| is_over(open));
        if let Some(closed) = &closed {
            self.closed.push_back(closed.clone());
            if self.closed.len() > KEPT {
                self.closed.pop_front();
            }
        }
        let open = self.open.get_or_insert_with(|| LoadWindow { begun_at: now, ..LoadWindow::default() });
        open.take(seen);
        self.tell(seen);
        closed
    }

    /// What the closed windows tell of the processor time that traffic costs.
    ///
    /// # Errors
    /// They do not tell, or static weights are as good.
    pub fn fit_cpu(&self) -> Result<CpuFit, NoFit> {
        let rows = self.closed.iter().enumerate().flat_map(|(at, window)| {
            let row = move |(broker, seen): (&BrokerId, &BrokerWindow)| WorkRow {
                window: at,
                broker: *broker,
                work: seen.work,
            };
            window.brokers.iter().map(row)
        });
        fit(&rows.collect::<Vec<_>>())
    }

    fn recent(&self, now: TimestampMs) -> impl Iterator<Item = &LoadWindow> {
        let oldest = WINDOW * u32::try_from(MEAN_OF + 1).unwrap_or(u32::MAX);
        let closed = self.closed.iter().rev().take(MEAN_OF);
        closed
            .chain(&self.open)
            .filter(move |window| window.begun_at <= now && now.since(window.begun_at) <= oldest)
    }

    fn tell(&self, seen: &mut Observation) {
        let now = seen.taken_at;
        for (name, topic) in &mut seen.topics {
            let windows: Vec<(f64, &TopicWindow)> = self
                .recent(now)
                .filter_map(|window| Some((f64::from(window.looks), window.topics.get(name)?)))
                .filter(|(_, window)| window.id == topic.id)
                .collect();
            for (at, partition) in topic.partitions.iter_mut().enumerate() {
                let mean = |kind: usize| {
                    let known = windows.iter().filter_map(|(looks, window)| {
                        let rate = f64::from(window.rows.get(at)?[kind]);
                        rate.is_finite().then_some((looks * rate, *looks))
                    });
                    let (sum, looks) = known.fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
                    (looks > 0.0).then(|| sum / looks)
                };
                let load = &mut partition.load;
                // What is not known now is not known: a source that has gone is not covered up.
                // Windows keep what is read from leaders; what followers send goes with it.
                if let (Some(share), Some(mean)) = (load.follower_share(), mean(1)) {
                    load.follower_consume_bytes_per_s =
                        rate(Some(mean * share)).or(load.follower_consume_bytes_per_s);
                }
                load.produce_bytes_per_s = load.produce_bytes_per_s.map(|now| rate(mean(0)).unwrap_or(now));
                load.consume_bytes_per_s = load.consume_bytes_per_s.map(|now| rate(mean(1)).unwrap_or(now));
                load.leader_cpu_cores = load.leader_cpu_cores.map(|now| cores(mean(2)).unwrap_or(now));
                load.follower_cpu_cores = load.follower_cpu_cores.map(|now| cores(mean(3)).unwrap_or(now));
            }
        }
    }

    /// What each broker bears at its peaks, the 95th percentile of a day's windows (nearest rank); nothing before two hours.
    pub fn peaks(&self, seen: &Observation) -> BTreeMap<BrokerId, Peak> {
        let windows: Vec<&LoadWindow> = self.closed.iter().chain(&self.open).collect();
        if windows.len() < PEAK_LEAST {
            return BTreeMap::new();
        }
        let mut borne: BTreeMap<BrokerId, Vec<Peak>> = BTreeMap::new();
        for (at, window) in windows.iter().enumerate() {
            for (name, topic) in &seen.topics {
                let Some(rows) = window.topics.get(name).filter(|window| window.id == topic.id) else {
                    continue;
                };
                for (partition, row) in topic.partitions.iter().zip(&rows.rows) {
                    let by_followers = partition.load.follower_share().unwrap_or(0.0);
                    let [produced, consumed] = [row[0], row[1]].map(|rate| f64::from(rate.max(0.0)));
                    let copies =
                        f64::from(u32::try_from(partition.replicas.len().max(1) - 1).unwrap_or(u32::MAX));
                    for broker in &partition.replicas {
                        let all =
                            borne.entry(*broker).or_insert_with(|| vec![Peak::default(); windows.len()]);
                        all[at].network_in_bytes_per_s += produced;
                        if partition.leader == Some(*broker) {
                            all[at].network_out_bytes_per_s += consumed + copies * produced;
                        } else {
                            all[at].network_out_bytes_per_s += consumed * by_followers;
                        }
                    }
                }
            }
        }
        borne.into_iter().map(|(broker, all)| (broker, percentile(&all))).collect()
    }
}

fn day() -> Duration {
    WINDOW * u32::try_from(KEPT).unwrap_or(u32::MAX)
}

fn percentile(all: &[Peak]) -> Peak {
    let of = |value: fn(&Peak) -> f64| {
        let mut values: Vec<f64> = all.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[(values.len() * 95).div_ceil(100).max(1) - 1]
    };
    Peak {
        network_in_bytes_per_s: of(|peak| peak.network_in_bytes_per_s),
        network_out_bytes_per_s: of(|peak| peak.network_out_bytes_per_s),
    }
}

fn rate(mean: Option<f64>) -> Option<BytesPerS> {
    BytesPerS::new(mean?).ok()
}

fn cores(mean: Option<f64>) -> Option<Cores> {
    Cores::new(mean?).ok()
}

impl LoadWindow {
    /// Takes the loads of a look into the means.
    fn take(&mut self, seen: &Observation) {
        self.topics.retain(|name, _| seen.topics.contains_key(name));
        for (name, topic) in &seen.topics {
            let window = self.topics.entry(name.clone()).or_default();
            if window.id != topic.id {
                *window = TopicWindow { id: topic.id, rows: Vec::new() };
            }
            // No more than is needed: most topics have a few partitions, and none grows soon.
            window.rows.reserve_exact(topic.partitions.len().saturating_sub(window.rows.len()));
            window.rows.resize(topic.partitions.len(), UNKNOWN);
            for (mean, partition) in window.rows.iter_mut().zip(&topic.partitions) {
                for (mean, now) in mean.iter_mut().zip(row(&partition.load)) {
                    *mean = match (mean.is_finite(), now.is_finite()) {
                        (true, true) => *mean + (now - *mean) / (real(self.looks) + 1.0),
                        (false, true) => now,
                        _ => *mean,
                    };
                }
            }
        }
        for (id, seen) in &seen.brokers {
            let Some(now) = seen.work.row() else { continue };
            let window = self.brokers.entry(*id).or_default();
            window.looks += 1;
            for (mean, now) in window.work.iter_mut().zip(now) {
                *mean += (now - *mean) / f64::from(window.looks);
            }
        }
        self.looks += 1;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a quarter of an hour has fewer than 2^24 looks")]
fn real(looks: u32) -> f32 {
    looks as f32
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits of a rate are more than was measured")]
fn row(load: &PartitionLoad) -> Row {
    let rate = |rate: Option<BytesPerS>| rate.map_or(f32::NAN, |rate| rate.get() as f32);
    let cores = |cores: Option<Cores>| cores.map_or(f32::NAN, |cores| cores.get() as f32);
    [
        rate(load.produce_bytes_per_s),
        rate(load.consume_bytes_per_s),
        cores(load.leader_cpu_cores),
        cores(load.follower_cpu_cores),
    ]
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
