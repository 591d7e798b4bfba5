//! Puts steps into waves: what frees a full disk goes first, and no disk passes its limit with both copies counted. A
//! wave is as long as growth is reckoned ahead; it is an order in which room is proven, and not a barrier.

use super::forecast::forecast;
use super::schedule::{Backlog, Ready, by_urgency};
use super::{Fill, PlanLimits, Step, Wave};
use crate::base::Bytes;
use crate::model::{BrokerOrd, ClusterModel, PartitionOrd, Resource, Sums};

/// A step with what it weighs.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub step: Step,
    pub partition: PartitionOrd,
    /// Size of one replica.
    pub size: f64,
    /// Brokers that receive a copy.
    pub added: Vec<BrokerOrd>,
    /// Brokers that give a replica away, with its own size.
    pub removed: Vec<(BrokerOrd, f64)>,
    /// The broker that it is copied from.
    pub source: Option<BrokerOrd>,
    /// Whether it takes a replica off a dead broker.
    pub repairs: bool,
}

/// The waves, and the steps that no wave could take.
pub(super) struct Packed {
    pub waves: Vec<Wave>,
    pub left_over: Vec<Pending>,
    /// Seconds that the copying takes at the throttle assumed.
    pub forecast_s: f64,
}

/// Puts steps into waves.
pub(super) fn pack(model: &ClusterModel, sums: &Sums, pending: &[Pending], limits: &PlanLimits) -> Packed {
    let (free, mut costly): (Vec<&Pending>, Vec<&Pending>) =
        pending.iter().partition(|pending| pending.added.is_empty());
    let wave =
        |steps: &[&Pending]| Wave { steps: steps.iter().map(|pending| pending.step.clone()).collect() };
    // Leadership and order cost nothing, and spread the senders of what is copied next.
    let mut waves: Vec<Wave> = free.chunks(limits.leader_changes_per_wave.max(1)).map(wave).collect();

    let mut packer = Packer::new(model, sums, &costly, limits);
    let mut taken_by_wave = Vec::new();
    while !costly.is_empty() {
        packer.by_urgency(&mut costly);
        let mut load = WaveLoad::new(model.brokers.len());
        let (taken, rest): (Vec<_>, Vec<_>) =
            costly.into_iter().partition(|pending| packer.takes(&mut load, pending));
        costly = rest;
        if taken.is_empty() {
            break;
        }
        for pending in &taken {
            packer.done(pending);
        }
        taken_by_wave.push(taken);
    }
    let forecast_s = forecast(model, sums, &taken_by_wave, limits);
    waves.extend(taken_by_wave.iter().map(|taken| wave(taken)));
    Packed { waves, left_over: costly.into_iter().cloned().collect(), forecast_s }
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
pub(super) fn throttle(limits: &PlanLimits) -> f64 {
    limits.throttle_bytes_per_s.max(1) as f64
}

/// What a wave puts on each broker.
struct WaveLoad {
    bytes_in: Vec<f64>,
    bytes_out: Vec<f64>,
}

impl WaveLoad {
    fn new(brokers: usize) -> Self {
        Self { bytes_in: vec![0.0; brokers], bytes_out: vec![0.0; brokers] }
    }
}

/// Disks as wave after wave is done.
struct Packer<'a> {
    limits: &'a PlanLimits,
    /// Bytes on each broker's disks now.
    used: Vec<f64>,
    /// Bytes that may not be passed; infinite where the capacity is not known.
    most: Vec<f64>,
    /// What clients write to each broker, in bytes per second, and for how long that is reckoned ahead: while a wave runs.
    written_per_s: Vec<f64>,
    ahead_s: f64,
}

impl<'a> Packer<'a> {
    fn new(model: &ClusterModel, sums: &Sums, pending: &[&Pending], limits: &'a PlanLimits) -> Self {
        let largest = pending
            .iter()
            .map(|pending| pending.size * f64::from(u8::try_from(pending.added.len()).unwrap_or(u8::MAX)))
            .fold(0.0, f64::max);
        let longest_s = limits.bytes_per_broker.as_f64().max(largest) / throttle(limits);
        let disk = Resource::Disk;
        let brokers = || model.broker_ords().zip(&model.brokers);
        Self {
            limits,
            used: brokers().map(|(ord, broker)| sums.get(ord, disk) + broker.other_disk_bytes).collect(),
            most: brokers()
                .map(|(_, broker)| {
                    broker.capacity[disk.index()]
                        .map_or(f64::INFINITY, |capacity| capacity * limits.disk_limit_share)
                })
                .collect(),
            written_per_s: brokers().map(|(ord, _)| sums.get(ord, Resource::NetworkIn)).collect(),
            ahead_s: longest_s,
        }
    }

    /// The order in which steps are offered to a wave: repairs, then what takes load off disks that are about to fill,
    /// then what frees those near their limit, then as they shall start.
    fn by_urgency(&self, pending: &mut Vec<&Pending>) {
        let mut backlog = Backlog::new(self.used.len());
        for step in pending.iter() {
            for broker in &step.added {
                backlog.into[broker.index()] += step.size;
                if let Some(source) = step.source {
                    backlog.out[source.index()] += step.size;
                }
            }
        }
        let rest_s = backlog.most() / throttle(self.limits);
        let presses: Vec<Option<u8>> = (0..self.used.len()).map(|at| self.fill(at).presses(rest_s)).collect();
        let press =
            |step: &Pending| step.removed.iter().filter_map(|(broker, _)| presses[broker.index()]).min();
        let ready = |(index, step): (usize, &&Pending)| {
            let busiest =
                |a: &&BrokerOrd, b: &&BrokerOrd| backlog.into[a.index()].total_cmp(&backlog.into[b.index()]);
            Ready {
                index,
                repairs: step.repairs,
                presses: press(step),
                source: step.source.map(BrokerOrd::index),
                onto: step.added.iter().max_by(busiest).map(|broker| broker.index()),
                chain_bytes: step.sent(),
            }
        };
        let mut order: Vec<Ready> = pending.iter().enumerate().map(ready).collect();
        by_urgency(&mut order, &backlog);
        let near =
            |(broker, _): &(BrokerOrd, f64)| self.used[broker.index()] > 0.9 * self.most[broker.index()];
        *pending = order.iter().map(|ready| pending[ready.index]).collect();
        pending.sort_by_key(|step| match () {
            () if step.repairs => 0,
            () if press(step).is_some() => 1,
            () if step.removed.iter().any(near) => 2,
            () => 3,
        });
    }

    /// How full the disks of a broker are when the waves so far are done.
    fn fill(&self, at: usize) -> Fill {
        let (used_bytes, limit_bytes) = (self.used[at], self.most[at]);
        Fill { used_bytes, limit_bytes, grows_per_s: self.written_per_s[at], ahead_s: self.ahead_s }
    }

    /// Takes a step into a wave if every broker it touches can carry it.
    fn takes(&self, wave: &mut WaveLoad, pending: &Pending) -> bool {
        let most = self.limits.bytes_per_broker.as_f64();
        let fits = |load: f64, more: f64| load == 0.0 || load + more <= most;
        let receives = |broker: &BrokerOrd| {
            let at = broker.index();
            fits(wave.bytes_in[at], pending.size)
                && self.used[at] + wave.bytes_in[at] + pending.size + self.written_per_s[at] * self.ahead_s
                    <= self.most[at]
        };
        let sent = pending.sent();
        let sends = |broker: BrokerOrd| fits(wave.bytes_out[broker.index()], sent);
        if !pending.added.iter().all(receives) || !pending.source.is_none_or(sends) {
            return false;
        }
        for broker in &pending.added {
            wave.bytes_in[broker.index()] += pending.size;
        }
        if let Some(source) = pending.source {
            wave.bytes_out[source.index()] += sent;
        }
        true
    }

    fn done(&mut self, pending: &Pending) {
        for broker in &pending.added {
            self.used[broker.index()] += pending.size;
        }
        for (broker, size) in &pending.removed {
            self.used[broker.index()] -= size;
        }
    }
}

impl Pending {
    /// Bytes that its source sends.
    #[expect(clippy::cast_precision_loss, reason = "at most 255 replicas")]
    fn sent(&self) -> f64 {
        self.size * self.added.len() as f64
    }

    /// Why no wave could take it, for a person.
    pub fn why_left_over(&self, model: &ClusterModel, limits: &PlanLimits) -> String {
        let ids: Vec<String> =
            self.added.iter().map(|broker| model.brokers[broker.index()].id.to_string()).collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "built from a `Bytes`")]
        let size = Bytes(self.size as u64);
        format!(
            "its {size} would take the disk of broker {} past {:.0} % while both copies exist",
            ids.join(" or "),
            100.0 * limits.disk_limit_share
        )
    }
}

#[cfg(test)]
#[path = "waves_tests.rs"]
mod tests;
