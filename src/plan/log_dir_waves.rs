//! Puts moves between log directories into waves, after all other waves: both copies of a moving replica count on
//! the volume that it goes to, and a broker carries only a few at once.

use super::waves::throttle;
use super::{LogDirStep, PlanLimits, Refused, Step, Wave};
use crate::base::Bytes;
use crate::model::{Assignment, BrokerOrd, ClusterModel};
use crate::solve::LogDirMove;

/// The waves, what is left out, and the time that the copying takes at the throttle assumed.
pub(super) struct PackedLogDirs {
    pub waves: Vec<Wave>,
    pub refusals: Vec<Refused>,
    pub forecast_s: f64,
}

/// Bytes on each volume, and what may not be passed.
struct Volumes<'a> {
    model: &'a ClusterModel,
    used: Vec<Vec<f64>>,
    share: f64,
}

impl<'a> Volumes<'a> {
    /// The volumes when the placement has become `reached`. A replica that arrives counts in every directory that
    /// Kafka might choose for it.
    fn new(model: &'a ClusterModel, reached: &Assignment, limits: &PlanLimits) -> Self {
        let mut used = model.log_dir_loads(reached);
        for (dirs, broker) in used.iter_mut().zip(&model.brokers) {
            dirs.iter_mut().zip(&broker.log_dirs).for_each(|(used, dir)| *used += dir.other_bytes);
        }
        for partition in model.partition_ords() {
            let held = model.placement.replicas(partition);
            for broker in reached.replicas(partition).iter().filter(|broker| !held.contains(broker)) {
                let size = model.partitions[partition.index()].size_bytes;
                used[broker.index()].iter_mut().for_each(|used| *used += size);
            }
        }
        Self { model, used, share: limits.disk_limit_share }
    }

    /// Bytes that still fit; infinite where the size of the volume is not known.
    fn room(&self, broker: BrokerOrd, dir: usize) -> f64 {
        let total = self.model.brokers[broker.index()].log_dirs[dir].total_bytes;
        total.map_or(f64::INFINITY, |total| total * self.share - self.used[broker.index()][dir])
    }
}

/// A move with the positions of its directories.
struct Pending<'a> {
    step: &'a LogDirMove,
    from: usize,
    to: usize,
}

/// Puts the moves into waves that come after those that lead to `reached`.
pub(super) fn pack_log_dirs(
    model: &ClusterModel,
    moves: &[LogDirMove],
    reached: &Assignment,
    limits: &PlanLimits,
) -> PackedLogDirs {
    let mut packed = PackedLogDirs { waves: Vec::new(), refusals: Vec::new(), forecast_s: 0.0 };
    if moves.is_empty() {
        return packed;
    }
    let mut volumes = Volumes::new(model, reached, limits);
    let dir = |step: &LogDirMove, path| model.log_dir(step.broker, path);
    let mut left: Vec<Pending> = moves
        .iter()
        .filter_map(|step| Some(Pending { step, from: dir(step, &step.from)?, to: dir(step, &step.to)? }))
        .collect();
    // Large ones first, so that those of a wave take about as long as one another.
    left.sort_by_key(|pending| (std::cmp::Reverse(pending.step.bytes), pending.step.partition));
    while !left.is_empty() {
        let mut load = vec![(0_usize, 0.0); model.brokers.len()];
        let mut coming = vec![Vec::new(); model.brokers.len()];
        let (taken, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|pending| {
            let at = pending.step.broker.index();
            let bytes = pending.step.bytes.as_f64();
            let (count, sum) = load[at];
            let carries = count == 0
                || (count < limits.moves_per_broker.max(1)
                    && sum + bytes <= limits.bytes_per_broker.as_f64());
            let before: f64 =
                coming[at].iter().filter(|(to, _)| *to == pending.to).map(|(_, bytes)| bytes).sum();
            let takes = carries && before + bytes <= volumes.room(pending.step.broker, pending.to);
            if takes {
                load[at] = (count + 1, sum + bytes);
                coming[at].push((pending.to, bytes));
            }
            takes
        });
        left = rest;
        if taken.is_empty() {
            break;
        }
        packed.forecast_s += load.iter().map(|(_, bytes)| *bytes).fold(0.0, f64::max) / throttle(limits);
        for pending in &taken {
            let used = &mut volumes.used[pending.step.broker.index()];
            used[pending.to] += pending.step.bytes.as_f64();
            used[pending.from] -= pending.step.bytes.as_f64();
        }
        packed.waves.push(Wave { steps: taken.iter().map(|pending| step(model, pending.step)).collect() });
    }
    packed.refusals = left.iter().map(|pending| left_out(model, pending.step, limits)).collect();
    packed
}

fn step(model: &ClusterModel, wanted: &LogDirMove) -> Step {
    Step::LogDir(LogDirStep {
        partition: model.name(wanted.partition),
        broker: model.brokers[wanted.broker.index()].id,
        from: wanted.from.clone(),
        to: wanted.to.clone(),
        size_bytes: wanted.bytes,
        reason: wanted.reason.clone(),
    })
}

fn left_out(model: &ClusterModel, wanted: &LogDirMove, limits: &PlanLimits) -> Refused {
    let broker = model.brokers[wanted.broker.index()].id;
    let size: Bytes = wanted.bytes;
    Refused {
        subject: model.name(wanted.partition).to_string(),
        reason: format!(
            "its {size} would take log directory {broker}:{} past {:.0} % while both copies exist, what arrives by the same plan counted",
            wanted.to,
            100.0 * limits.disk_limit_share
        ),
        mend: "propose again when the other moves are done, or free disk there first".to_owned(),
    }
}

#[cfg(test)]
#[path = "log_dir_waves_tests.rs"]
mod tests;
