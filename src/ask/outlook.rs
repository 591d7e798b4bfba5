//! [`Outlook`]: when each broker, log directory and rack passes its disk limit, at the growth of the last days.

use std::collections::BTreeMap;

use serde::Serialize;

use super::whole_bytes;
use crate::base::{BrokerId, Bytes, RackId, TimestampMs, TopicName};
use crate::goals::{GoalSet, Limit, Rule};
use crate::model::Resource;
use crate::observe::{Growth, Observation, SeenBroker, SizeHistory};

/// What is further away than this is not told in days: nobody knows that.
const DAYS_MOST: f64 = 365.0;

/// Growth over less than this is told with little confidence: a week has its tides, too.
const LONG_DAYS: f64 = 3.0;

/// When disks pass their limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlook {
    /// Since when sizes are known; absent where none are.
    pub known_since: Option<TimestampMs>,
    /// The share of a disk that the goals allow, 0 to 1.
    pub limit_share: f64,
    /// How much that is to be believed.
    pub confidence: Confidence,
    /// The disks, in the order in which they pass their limit. Empty where too little is known.
    pub disks: Vec<DiskOutlook>,
}

/// How much a forecast is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Sizes are known for too short a time to tell anything.
    None,
    /// They are known for less than three days.
    Low,
    /// For three days and more.
    Good,
}

/// What stands on a disk, or on several together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Disk {
    /// All log directories of a broker.
    Broker {
        /// The broker.
        broker: BrokerId,
    },
    /// One log directory of a broker that has several.
    LogDir {
        /// The broker.
        broker: BrokerId,
        /// The path.
        log_dir: String,
    },
    /// All brokers of a rack.
    Rack {
        /// The rack.
        rack: RackId,
    },
}

/// When a disk passes its limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiskOutlook {
    /// Which.
    #[serde(flatten)]
    pub disk: Disk,
    /// Bytes in use.
    pub used_bytes: Bytes,
    /// Bytes that are not to be passed.
    pub limit_bytes: Bytes,
    /// By how much it grows a day; less than 0 where it shrinks.
    pub grows_bytes_a_day: f64,
    /// Days until it passes the limit: 0 where it has; absent where that takes more than a year.
    pub days: Option<f64>,
    /// The same at the fastest growth that is likely ...
    pub days_soonest: Option<f64>,
    /// ... and at the slowest.
    pub days_latest: Option<f64>,
}

/// The share of a disk that a goal set allows: that of its tightest capacity goal on disks, else all of it.
pub fn disk_limit_share(goals: &GoalSet) -> f64 {
    let shares = goals.goals.iter().filter_map(|goal| match &goal.rule {
        Rule::Capacity(capacity) if capacity.resource == Resource::Disk => match capacity.limit {
            Limit::Share(share) => Some(share),
            Limit::Count(_) | Limit::CountByCores(_) => None,
        },
        _ => None,
    });
    shares.fold(1.0, f64::min)
}

/// What is used of something, what it has, and what it holds of each topic.
#[derive(Default)]
struct Filled {
    used: f64,
    capacity: f64,
    holds: BTreeMap<TopicName, Bytes>,
}

impl Filled {
    fn add(&mut self, other: &Self) {
        self.used += other.used;
        self.capacity += other.capacity;
        for (topic, bytes) in &other.holds {
            *self.holds.entry(topic.clone()).or_default() += *bytes;
        }
    }
}

/// Foretells when disks pass their limit.
pub fn outlook(seen: &Observation, history: &SizeHistory, limit_share: f64) -> Outlook {
    let known_since = history.since();
    let Some(tides) = history.tell(seen) else {
        return Outlook { known_since, limit_share, confidence: Confidence::None, disks: Vec::new() };
    };
    let days = tides.span().as_secs_f64() / 86_400.0;
    let confidence = if days < LONG_DAYS { Confidence::Low } else { Confidence::Good };
    let mut disks = Vec::new();
    let mut racks: BTreeMap<RackId, Filled> = BTreeMap::new();
    let dirs = holdings(seen);
    for (id, broker) in seen.brokers.iter().filter(|(_, broker)| broker.alive) {
        let Some(parts) = parts(broker, dirs.get(id)) else { continue };
        let mut whole = Filled::default();
        for (path, part) in &parts {
            whole.add(part);
            if parts.len() > 1 {
                let disk = Disk::LogDir { broker: *id, log_dir: path.clone() };
                disks.push(DiskOutlook::of(disk, part, &tides.growth(part.shares()), limit_share));
            }
        }
        let growth = tides.growth(whole.shares());
        disks.push(DiskOutlook::of(Disk::Broker { broker: *id }, &whole, &growth, limit_share));
        racks.entry(seen.rack_of(*id)).or_default().add(&whole);
    }
    for (rack, filled) in racks {
        let growth = tides.growth(filled.shares());
        disks.push(DiskOutlook::of(Disk::Rack { rack }, &filled, &growth, limit_share));
    }
    let soon = |outlook: &DiskOutlook| outlook.days.unwrap_or(f64::INFINITY);
    disks.sort_by(|one, other| soon(one).total_cmp(&soon(other)));
    Outlook { known_since, limit_share, confidence, disks }
}

impl Filled {
    fn shares(&self) -> impl Iterator<Item = (&TopicName, Bytes)> {
        self.holds.iter().map(|(topic, bytes)| (topic, *bytes))
    }
}

/// What each directory of each broker holds of each topic. Where the directory is not told, the path is empty.
type Held = BTreeMap<String, BTreeMap<TopicName, Bytes>>;

fn holdings(seen: &Observation) -> BTreeMap<BrokerId, Held> {
    let mut held: BTreeMap<BrokerId, Held> = BTreeMap::new();
    for (which, _, partition) in seen.partitions() {
        for broker in &partition.replicas {
            let dir = partition.on_disk.get(broker).and_then(|replica| replica.log_dir.clone());
            let topics = held.entry(*broker).or_default().entry(dir.unwrap_or_default()).or_default();
            *topics.entry(which.topic.clone()).or_default() += partition.size_on(*broker).unwrap_or_default();
        }
    }
    held
}

/// A broker's directories with what they hold; as one where it is not known which holds what, or how large each is.
/// Nothing where the size of its disks is not known.
fn parts(broker: &SeenBroker, held: Option<&Held>) -> Option<Vec<(String, Filled)>> {
    let nothing = Held::new();
    let held = held.unwrap_or(&nothing);
    let sizes = |dir: &crate::observe::LogDir| Some((dir.total_bytes?.as_f64(), dir.usable_bytes?.as_f64()));
    let dirs: Option<Vec<_>> = broker
        .log_dirs
        .iter()
        .filter(|dir| dir.online)
        .map(|dir| sizes(dir).map(|(total, usable)| (dir, total, (total - usable).max(0.0))))
        .collect();
    if let Some(dirs) = dirs.filter(|dirs| !dirs.is_empty() && !held.contains_key("")) {
        let mut parts: Vec<(String, Filled)> = Vec::new();
        for (dir, capacity, used) in dirs {
            let holds = held.get(&dir.path).cloned().unwrap_or_default();
            // Two directories that tell the same to the byte share a volume: it is there once, and what both hold grows on it.
            let is_shared = |(_, part): &&mut (String, Filled)| {
                part.capacity.total_cmp(&capacity).is_eq() && part.used.total_cmp(&used).is_eq()
            };
            match parts.iter_mut().find(is_shared) {
                Some((path, part)) => {
                    *path = format!("{path} and {}", dir.path);
                    part.add(&Filled { holds, ..Filled::default() });
                }
                None => parts.push((dir.path.clone(), Filled { used, capacity, holds })),
            }
        }
        return Some(parts);
    }
    let capacity = broker.capacity.disk_bytes?.as_f64();
    let mut holds: BTreeMap<TopicName, Bytes> = BTreeMap::new();
    for (topic, bytes) in held.values().flatten() {
        *holds.entry(topic.clone()).or_default() += *bytes;
    }
    let used = holds.values().map(|bytes| bytes.as_f64()).sum();
    Some(vec![(String::new(), Filled { used, capacity, holds })])
}

impl DiskOutlook {
    fn of(disk: Disk, filled: &Filled, growth: &Growth, limit_share: f64) -> Self {
        let limit = filled.capacity * limit_share;
        let days = |bytes_a_day: f64| {
            let room = limit - filled.used;
            let days = if room <= 0.0 { 0.0 } else { room / bytes_a_day };
            (0.0..=DAYS_MOST).contains(&days).then(|| (days * 10.0).round() / 10.0)
        };
        Self {
            disk,
            used_bytes: whole_bytes(filled.used),
            limit_bytes: whole_bytes(limit),
            grows_bytes_a_day: growth.bytes_a_day.round(),
            days: days(growth.bytes_a_day),
            days_soonest: days(growth.high_bytes_a_day),
            days_latest: days(growth.low_bytes_a_day),
        }
    }
}

#[cfg(test)]
#[path = "outlook_tests.rs"]
mod tests;
