//! [`Fills`]: how full the volumes of the brokers are, how fast that grows, and which of them are about to fill. What
//! takes load off those goes before all else but repair.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::ExecutionEvent;
use super::execution::Execution;
use super::guard::limit_of;
use super::sight::size_on_disk;
use super::step_run::StepRun;
use crate::base::{BrokerId, Bytes};
use crate::observe::{LogDir, Observation};
use crate::plan::{Fill, Step};

/// Growth is measured over this time at least, and at most.
const MEASURED_LEAST: Duration = Duration::from_secs(10);
const MEASURED_MOST: Duration = Duration::from_secs(60);

/// What was seen of each volume.
#[derive(Debug, Default)]
pub(super) struct Fills(BTreeMap<(BrokerId, String), Volume>);

/// A volume, by what is not on its way to it for us.
#[derive(Debug, Default)]
struct Volume {
    samples: VecDeque<(Duration, Bytes)>,
    /// Steps on their way to or from the broker when the last sample was taken, and how many were over.
    steps: (Vec<usize>, usize),
    /// As last measured, in bytes per second.
    grows_per_s: Option<f64>,
}

impl Volume {
    /// Takes a look in. Where a step has begun or ended, or something was deleted, measuring begins anew.
    fn note(&mut self, at: Duration, bytes: Bytes, steps: &(Vec<usize>, usize)) {
        if self.steps != *steps || self.samples.back().is_some_and(|(_, before)| *before > bytes) {
            self.samples.clear();
            self.steps.clone_from(steps);
        }
        self.samples.push_back((at, bytes));
        let since = |first: &(Duration, Bytes)| at.saturating_sub(first.0);
        while self.samples.len() > 2 && self.samples.front().is_some_and(|first| since(first) > MEASURED_MOST)
        {
            self.samples.pop_front();
        }
        if let Some(first) = self.samples.front().filter(|first| since(first) >= MEASURED_LEAST) {
            let grown = bytes.saturating_sub(first.1).as_f64();
            self.grows_per_s = Some(grown / since(first).as_secs_f64());
        }
    }
}

/// Volumes that are about to fill, by broker and path: how soon, in tenths of what is left, and how full they are.
pub(super) type Pressing = BTreeMap<(BrokerId, String), (u8, Fill)>;

impl Execution {
    /// Takes note of how full the volumes are.
    pub(super) fn note_fills(&mut self, seen: &Observation) {
        let at = self.at();
        let mut touched: BTreeMap<BrokerId, (Vec<usize>, usize)> = BTreeMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            let (is_over, is_under_way) = (step.is_settled(), step.is_in_flight());
            if is_over || is_under_way {
                for broker in step.base().iter().copied().chain(step.added()) {
                    let (under_way, over) = touched.entry(broker).or_default();
                    under_way.extend(is_under_way.then_some(index));
                    *over += usize::from(is_over);
                }
            }
        }
        for (broker, found) in &seen.brokers {
            let steps = touched.remove(broker).unwrap_or_default();
            for dir in found.log_dirs.iter().filter(|dir| dir.online) {
                let Some((total, usable)) = dir.total_bytes.zip(dir.usable_bytes) else { continue };
                let comes = |index: &usize| comes_to(&self.steps[*index], seen, *broker, dir);
                let ours = steps.0.iter().map(comes).sum();
                let bytes = total.saturating_sub(usable).saturating_sub(ours);
                let volume = self.fills.0.entry((*broker, dir.path.clone())).or_default();
                volume.note(at, bytes, &steps);
            }
        }
    }

    /// How full the volume of a directory is; nothing where its size is not seen.
    fn fill_of(&self, broker: BrokerId, dir: &LogDir, dirs: usize) -> Option<Fill> {
        let (total, usable) = dir.total_bytes.zip(dir.usable_bytes).filter(|_| dir.online)?;
        let measured = self.fills.0.get(&(broker, dir.path.clone())).and_then(|volume| volume.grows_per_s);
        let known = self.rooms.fill(broker);
        #[expect(clippy::cast_precision_loss, reason = "a number of directories")]
        let written_per_s = known.grows_per_s / dirs.max(1) as f64;
        Some(Fill {
            used_bytes: total.saturating_sub(usable).as_f64(),
            limit_bytes: limit_of(total, self.disk_limit_share).as_f64(),
            grows_per_s: measured.unwrap_or(written_per_s),
            ahead_s: measured.map_or(known.ahead_s, |_| f64::INFINITY),
        })
    }

    /// The fullest volume of a broker, by when it passes its limit.
    pub(super) fn fullest(&self, broker: BrokerId, seen: &Observation) -> Fill {
        let dirs = seen.brokers.get(&broker).map_or(&[][..], |found| found.log_dirs.as_slice());
        let fills = dirs.iter().filter_map(|dir| self.fill_of(broker, dir, dirs.len()));
        fills.min_by(|one, other| one.lasts_s().total_cmp(&other.lasts_s())).unwrap_or_default()
    }

    /// The volumes that pass their limit before the rest, which takes so many seconds, is over.
    pub(super) fn pressing(&self, seen: &Observation, rest_s: f64) -> Pressing {
        let mut pressing = Pressing::new();
        for (broker, found) in &seen.brokers {
            for dir in &found.log_dirs {
                let fill = self.fill_of(*broker, dir, found.log_dirs.len());
                let pressed = fill.and_then(|fill| Some((fill.presses(rest_s)?, fill)));
                pressing.extend(pressed.map(|pressed| ((*broker, dir.path.clone()), pressed)));
            }
        }
        pressing
    }

    /// How soon the volume fills that a step takes load off, of several the first; nothing where none does.
    pub(super) fn relieves(&self, step: &StepRun, seen: &Observation, pressing: &Pressing) -> Option<u8> {
        self.relieved(step, seen, pressing).map(|(_, (soon, _))| *soon).min()
    }

    fn relieved<'a>(
        &self,
        step: &StepRun,
        seen: &Observation,
        pressing: &'a Pressing,
    ) -> impl Iterator<Item = (&'a (BrokerId, String), &'a (u8, Fill))> {
        let leaves: Vec<(BrokerId, Option<String>)> = match &step.step {
            _ if pressing.is_empty() => Vec::new(),
            Step::LogDir(planned) => vec![(planned.broker, Some(planned.from.clone()))],
            Step::Leader(_) => Vec::new(),
            Step::Move(_) => {
                let partition = seen.partition(step.partition());
                let dir = |broker| partition?.on_disk.get(broker)?.log_dir.clone();
                let brokers = self.rooms.leaving(step.partition()).iter();
                brokers.map(|(broker, _)| (*broker, dir(broker))).collect()
            }
        };
        // Where a replica stands is not always seen: then it may be any directory of its broker.
        let is_it = move |(broker, path): &(BrokerId, String)| {
            leaves.iter().any(|(id, dir)| id == broker && dir.as_ref().is_none_or(|dir| dir == path))
        };
        pressing.iter().filter(move |(volume, _)| is_it(volume))
    }

    /// Tells once of each volume that is about to fill and of which something is still to be taken.
    pub(super) fn tell_pressing(&mut self, seen: &Observation, pressing: &Pressing) {
        let waits = self.steps.iter().filter(|step| !step.is_settled());
        let relieved: BTreeMap<_, _> = waits.flat_map(|step| self.relieved(step, seen, pressing)).collect();
        for ((broker, path), (_, fill)) in relieved {
            let key = (format!("broker {broker} {path}"), "is about to fill".to_owned());
            if self.told.insert(key) {
                let (used, limit) = (Bytes::whole(fill.used_bytes), Bytes::whole(fill.limit_bytes));
                let lasts = Duration::from_secs_f64(fill.lasts_s());
                let (broker, path) = (*broker, path.clone());
                self.events.push(ExecutionEvent::AboutToFill { broker, path, used, limit, lasts });
            }
        }
    }
}

/// What is there already of what a step brings to a directory.
fn comes_to(step: &StepRun, seen: &Observation, broker: BrokerId, dir: &LogDir) -> Bytes {
    let Some(partition) = seen.partition(step.partition()) else { return Bytes::ZERO };
    let Some(replica) = partition.on_disk.get(&broker) else { return Bytes::ZERO };
    match &step.step {
        Step::LogDir(_) => match &replica.future {
            Some((path, size)) if *path == dir.path => *size,
            _ => Bytes::ZERO,
        },
        _ if step.added().any(|added| added == broker) && replica.log_dir.as_ref() == Some(&dir.path) => {
            size_on_disk(partition, broker)
        }
        _ => Bytes::ZERO,
    }
}
