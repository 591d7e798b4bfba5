//! Volumes that others fill while replicas move onto them: what was begun last makes way, before the volume is full.

use super::StepEnd;
use super::execution::Execution;
use super::guard::limit_of;
use super::sight::size_on_disk;
use super::step_run::{State, StepRun};
use crate::base::{BrokerId, Bytes};
use crate::observe::{LogDir, Observation};
use crate::plan::Step;

/// A replica on its way to a volume.
#[derive(Debug, Clone, Copy)]
struct Incoming {
    index: usize,
    /// What stands there of it already.
    there: Bytes,
    /// What is still to come; nothing when it is being cancelled.
    to_come: Bytes,
    is_cancelled: bool,
}

impl Execution {
    /// Cancels moves onto volumes that would pass their limit with all that is on its way, the newest first. When a
    /// move begins there is room for it, so that only what others have written since can bring this about.
    pub(super) fn make_room(&mut self, seen: &Observation) {
        let at = self.at();
        let under_way =
            |step: &StepRun| matches!(step.state, State::Copying { .. } | State::Cancelling { .. });
        let steps = self.steps.iter().enumerate();
        let moving: Vec<usize> = steps.filter(|(_, step)| under_way(step)).map(|(index, _)| index).collect();
        if moving.is_empty() {
            return;
        }
        for (broker, found) in &seen.brokers {
            for dir in found.log_dirs.iter().filter(|dir| dir.online) {
                let Some((used, limit)) = self.used_and_limit(dir) else { continue };
                let mut coming = self.coming(seen, &moving, *broker, (dir, &found.log_dirs));
                let going: Bytes = coming.iter().filter(|one| one.is_cancelled).map(|one| one.there).sum();
                coming.retain(|one| !one.is_cancelled);
                coming.sort_by_key(|one| (self.steps[one.index].begun_at, one.index));
                let mut used = used.saturating_sub(going);
                while let Some(newest) = coming.pop() {
                    let to_come: Bytes = coming.iter().map(|one| one.to_come).sum::<Bytes>() + newest.to_come;
                    if used + to_come <= limit {
                        break;
                    }
                    let reason = format!(
                        "broker {broker} has no room for it any more: {used} used on {}, {to_come} still to come, \
                         limit {limit}",
                        dir.path
                    );
                    let then = StepEnd::Failed { reason: reason.clone() };
                    self.steps[newest.index].cancel(then, &reason, at, &mut self.events);
                    used = used.saturating_sub(newest.there);
                }
            }
        }
    }

    fn used_and_limit(&self, dir: &LogDir) -> Option<(Bytes, Bytes)> {
        let (total, usable) = dir.total_bytes.zip(dir.usable_bytes)?;
        Some((total.saturating_sub(usable), limit_of(total, self.disk_limit_share)))
    }

    /// What is on its way to the volume of a directory, as far as the cluster shows it there.
    fn coming(
        &self,
        seen: &Observation,
        moving: &[usize],
        broker: BrokerId,
        (dir, dirs): (&LogDir, &[LogDir]),
    ) -> Vec<Incoming> {
        let paths: Vec<&str> =
            dirs.iter().filter(|other| share_volume(dir, other)).map(|other| other.path.as_str()).collect();
        let incoming = |index: &usize| incoming(&self.steps[*index], *index, seen, broker, &paths);
        moving.iter().filter_map(incoming).collect()
    }
}

fn incoming(
    step: &StepRun,
    index: usize,
    seen: &Observation,
    broker: BrokerId,
    paths: &[&str],
) -> Option<Incoming> {
    let is_cancelled = match step.state {
        State::Copying { .. } => false,
        State::Cancelling { .. } => true,
        _ => return None,
    };
    let partition = seen.partition(step.partition())?;
    let replica = partition.on_disk.get(&broker)?;
    let (path, there) = match &step.step {
        Step::LogDir(planned) if planned.broker == broker => {
            replica.future.as_ref().map(|(path, size)| (path, *size))?
        }
        Step::Move(_) if step.added().any(|added| added == broker) => {
            seen.reassignments.get(step.partition())?;
            (replica.log_dir.as_ref()?, size_on_disk(partition, broker))
        }
        _ => return None,
    };
    let full = match &step.step {
        Step::LogDir(planned) => partition.size_on(broker).unwrap_or(planned.size_bytes),
        _ => partition.full_size_bytes().unwrap_or_else(|| step.planned_size()),
    };
    let to_come = if is_cancelled { Bytes::ZERO } else { full.saturating_sub(there) };
    paths.contains(&path.as_str()).then_some(Incoming { index, there, to_come, is_cancelled })
}

/// Whether two directories of a broker are likely to stand on one volume, of which Kafka says nothing: theirs are of one
/// size and, but for what was written between two questions, equally full.
fn share_volume(one: &LogDir, other: &LogDir) -> bool {
    if one.path == other.path {
        return true;
    }
    let (Some(total), Some(here), Some(there)) = (one.total_bytes, one.usable_bytes, other.usable_bytes)
    else {
        return false;
    };
    one.total_bytes == other.total_bytes && here.0.abs_diff(there.0) <= total.0 / 1000
}
