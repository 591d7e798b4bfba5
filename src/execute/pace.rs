//! [`Pace`]: how fast replicas are copied, for each broker and direction, and how that follows what is measured.
//!
//! Clients come first: a rate is never above a share of what they leave of the network. Then comes the objective for
//! latency: over it, rates are halved at once; near it, they stay; far below it, they go up in small steps. Then the
//! health of in-sync replicas. What is not measured never makes anything faster. Below all of it is a floor: what is
//! copied grows meanwhile, and has to be copied faster than that, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

mod brake;
mod copies;
mod lane;
mod limits;
mod purse;
mod ramp;
mod track;

pub use brake::Brake;
pub(super) use copies::{Copies, Growth};
pub use limits::derived_rate;

use self::copies::{BETWEEN_DIRS, Part, SENDS, TAKES};
use self::lane::whole;
use self::limits::{Limits, network};
use self::purse::{Purse, is_last_stretch};
use self::ramp::Ramp;
use self::track::{Pressure, Track};
use super::step_run::StepRun;
use super::throttle::RateOf;
use super::{DropReason, ExecuteSettings, ExecutionEvent, ThrottleRate};
use crate::base::{BrokerId, Bytes, TopicPartition};
use crate::observe::Observation;

/// From this share of the objective on, rates stay as they are: the last fifth is for what clients do next.
const NEAR: f64 = 0.8;

/// Up to this share of the objective, steps up are whole ones; from there to [`NEAR`] they get smaller.
const FAR: f64 = 0.4;

/// So much faster than it grows has something to be copied.
const FASTER_THAN_GROWTH: f64 = 1.25;

/// Intervals after which something that grows faster than it may be copied is given up.
const INTERVALS_OUTGROWN: u32 = 6;

/// How fast replicas are copied.
#[derive(Debug)]
pub(super) struct Pace {
    limits: Limits,
    interval: Duration,
    growth: Growth,
    brokers: BTreeMap<BrokerId, Track>,
    /// What lies between the rates of each broker and the throttles that are set, by lane.
    offers: BTreeMap<BrokerId, [Offer; 3]>,
    /// When rates last went up.
    stepped_at: Option<Duration>,
}

/// What lies between a rate and the throttle that is set.
#[derive(Debug, Clone, Copy, Default)]
struct Offer {
    /// How far the rate has come up.
    ramp: Ramp,
    /// What copies that are on no list have taken of it in advance.
    purse: Purse,
}

/// Whether a step may start.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Allows {
    Now,
    /// When less is copied.
    Later,
    /// It grows faster than it may be copied.
    Never(DropReason),
}

impl Pace {
    /// The pace to begin with. `seen` is a full look; `partitions` are those of the plan.
    pub(super) fn new(
        settings: &ExecuteSettings,
        seen: &Observation,
        partitions: impl Iterator<Item = TopicPartition>,
    ) -> Self {
        let mut growth = Growth::default();
        growth.note(seen, partitions);
        let mut pace = Self {
            limits: Limits::new(settings, seen),
            interval: settings.adjust_interval,
            growth,
            brokers: BTreeMap::new(),
            offers: BTreeMap::new(),
            stepped_at: None,
        };
        pace.meet(seen);
        pace
    }

    /// Goes by another throttle from now on; where nothing was seen yet, the next look says by which rates.
    pub(super) fn set_throttle(&mut self, throttle: ThrottleRate, seen: Option<&Observation>) {
        self.limits.set_throttle(throttle);
        self.brokers.clear();
        if let Some(seen) = seen {
            self.meet(seen);
        }
    }

    /// Begins with brokers that were not known yet.
    fn meet(&mut self, seen: &Observation) {
        if self.limits.are_none() {
            return;
        }
        for (id, broker) in &seen.brokers {
            let limits = &self.limits;
            let track = self.brokers.entry(*id).or_insert_with(|| {
                let network = network(broker);
                Track::new(limits.lanes(*id, network, &broker.signals.traffic), network)
            });
            for (known, now) in track.network.iter_mut().zip(network(broker)) {
                *known = known.or(now);
            }
        }
    }

    /// What a broker may copy, in bytes per second; nothing where nothing limits it.
    pub(super) fn rate(&self, broker: BrokerId, of: RateOf) -> Option<u64> {
        Some(self.brokers.get(&broker)?.lanes[lane(of)].offered())
    }

    /// The throttle to set on a broker now: its rate, as far as that has come up.
    pub(super) fn throttle(&self, broker: BrokerId, of: RateOf) -> Option<u64> {
        let (rate, lane) = (Bytes(self.rate(broker, of)?).as_f64(), lane(of));
        let Offer { ramp, purse } = self.offers.get(&broker).map(|offers| offers[lane]).unwrap_or_default();
        let share = if ramp.is_idle() { 1.0 } else { purse.share_left(rate) };
        // Bytes pass both ends: what comes up at those that take them need not come up at those that send them too.
        let risen = if lane == SENDS { rate } else { ramp.of(rate) };
        Some(whole(risen * share))
    }

    /// The ends of a copy: the broker and the lane, and what the broker may copy, in bytes per second.
    fn ends(&self, (from, onto): (BrokerId, BrokerId)) -> impl Iterator<Item = (BrokerId, usize, f64)> {
        [(from, RateOf::Leader), (onto, RateOf::Follower)]
            .into_iter()
            .filter_map(|(broker, of)| Some((broker, lane(of), Bytes(self.rate(broker, of)?).as_f64())))
    }

    /// Whether a copy that lacks so much is on its last stretch, for which there is no throttle.
    pub(super) fn is_last_stretch(&self, ends: (BrokerId, BrokerId), lacking: Bytes) -> bool {
        let rate = self.ends(ends).map(|(_, _, rate)| rate).min_by(f64::total_cmp);
        rate.is_some_and(|rate| is_last_stretch(lacking, rate))
    }

    /// Whether so much may be copied without a throttle now.
    pub(super) fn lets_spend(&self, ends: (BrokerId, BrokerId), lacking: Bytes) -> bool {
        self.ends(ends).all(|(broker, lane, rate)| {
            self.offers.get(&broker).is_none_or(|offers| offers[lane].purse.lets(lacking, rate))
        })
    }

    /// So much is copied without a throttle from now on.
    pub(super) fn spend(&mut self, ends: (BrokerId, BrokerId), lacking: Bytes) {
        for (broker, lane, _) in self.ends(ends).collect::<Vec<_>>() {
            self.offers.entry(broker).or_default()[lane].purse.spend(lacking);
        }
    }

    /// Whether copies are throttled at all.
    pub(super) fn throttles(&self) -> bool {
        !self.limits.are_none()
    }

    /// The lowest and the highest rate between brokers that copy, or of all where none does.
    pub(super) fn range(&self) -> Option<(u64, u64)> {
        let any = self.brokers.values().any(|track| track.takes_part);
        let tracks = self.brokers.values().filter(|track| track.takes_part || !any);
        let rates = tracks.flat_map(|track| [track.lanes[SENDS].offered(), track.lanes[TAKES].offered()]);
        rates.clone().min().zip(rates.max())
    }

    /// What holds the pace back most.
    pub(super) fn brake(&self) -> Option<Brake> {
        self.brokers.values().filter_map(|track| track.brake).min_by_key(Brake::rank)
    }

    pub(super) fn growth(&self) -> &Growth {
        &self.growth
    }

    /// Takes a look in: rates go down at once, and up every interval. Returns what is to be told.
    pub(super) fn look(&mut self, at: Duration, seen: &Observation, copies: &Copies) -> Vec<ExecutionEvent> {
        self.meet(seen);
        self.set_bounds(seen, copies);
        let told = self.follow(at, seen, copies);
        self.come_up(at, copies);
        told
    }

    /// Lets rates come up, and pay for what was copied without a throttle.
    fn come_up(&mut self, at: Duration, copies: &Copies) {
        for (id, track) in &self.brokers {
            let part = copies.0.get(id);
            let offers = self.offers.entry(*id).or_default();
            for (at_lane, (offer, lane)) in offers.iter_mut().zip(&track.lanes).enumerate() {
                let rate = Bytes(lane.offered()).as_f64();
                let listed = part.is_some_and(|part| part.has_listed(at_lane));
                offer.purse.look(at, rate, listed);
                offer.ramp.look(at, listed, rate);
            }
        }
    }

    /// Lets rates follow what is measured.
    fn follow(&mut self, at: Duration, seen: &Observation, copies: &Copies) -> Vec<ExecutionEvent> {
        if self.limits.are_steady() {
            return Vec::new();
        }
        let due = self.stepped_at.is_none_or(|last| at.saturating_sub(last) >= self.interval);
        if due {
            self.stepped_at = Some(at);
        }
        let out_of_sync = out_of_sync(seen, copies);
        let parts = copies.0.iter().map(|(id, part)| (*id, part, self.reach(part)));
        let parts: Vec<(BrokerId, &Part, [f64; 3])> = parts.collect();
        let mut slowed: BTreeMap<BrokerId, Brake> = BTreeMap::new();
        for (id, part, reach) in parts {
            let pressure = self.pressure(id, part, seen, &out_of_sync);
            let Some(track) = self.brokers.get_mut(&id) else { continue };
            let tells = track.follow(pressure, (at, due, self.interval), part, reach);
            track.name_brake(id, pressure, part, self.limits.follow_traffic(track.network));
            slowed.extend(track.brake.filter(|_| tells).map(|brake| (id, brake)));
        }
        told(slowed)
    }

    /// Sets what follows from traffic: caps from what clients leave, floors from what is copied.
    fn set_bounds(&mut self, seen: &Observation, copies: &Copies) {
        let idle = Part::default();
        for (id, track) in &mut self.brokers {
            let part = copies.0.get(id);
            track.takes_part = part.is_some();
            if part.is_none() {
                track.brake = None;
            }
            let Some(broker) = seen.brokers.get(id).filter(|broker| broker.alive) else { continue };
            let caps = self.limits.caps(*id, track.network, &broker.signals.traffic);
            for (lane, cap) in caps.into_iter().enumerate() {
                let needs = part.unwrap_or(&idle).needs(lane) * FASTER_THAN_GROWTH;
                track.lanes[lane].set_cap(cap);
                track.lanes[lane].set_floor(needs);
            }
        }
    }

    /// The most that the other ends of a broker's copies let through.
    fn reach(&self, part: &Part) -> [f64; 3] {
        let sum = |others: &BTreeSet<BrokerId>, lane: usize| -> f64 {
            let known = others.iter().filter_map(|id| self.brokers.get(id));
            known.map(|track| Bytes(track.lanes[lane].offered()).as_f64()).sum()
        };
        [sum(&part.to, TAKES), sum(&part.from, SENDS), f64::MAX]
    }

    /// What the last look says to a broker's pace: its own latency, and that of those it copies from and to.
    fn pressure(
        &self,
        id: BrokerId,
        part: &Part,
        seen: &Observation,
        out_of_sync: &BTreeSet<BrokerId>,
    ) -> Pressure {
        let touched = || [&id].into_iter().chain(&part.to).chain(&part.from);
        if let Some(broker) = touched().find(|id| out_of_sync.contains(*id)) {
            return Pressure::Over(Brake::OutOfSync { broker: *broker });
        }
        let Some(objective) = self.limits.objective() else { return Pressure::Room(1.0) };
        let latency = |id: &BrokerId| seen.brokers.get(id)?.signals.latency.worst_ms();
        let known = touched().filter_map(|id| Some((*id, latency(id)?)));
        let worst = known.max_by(|one, other| one.1.get().total_cmp(&other.1.get()));
        let Some((broker, p99_ms)) = worst else { return Pressure::Unmeasured };
        let share = p99_ms.get() / objective.get().max(f64::MIN_POSITIVE);
        let brake = Brake::Latency { broker, p99_ms, objective_ms: objective };
        if share > 1.0 {
            return Pressure::Over(brake);
        }
        if share >= NEAR {
            return Pressure::Near(brake);
        }
        // That those at the other ends are quick says nothing of this one.
        if latency(&id).is_none() {
            return Pressure::Unmeasured;
        }
        Pressure::Room(((NEAR - share) / (NEAR - FAR)).clamp(0.0, 1.0))
    }

    /// Whether a step may start beside what is copied already: all of it has to be copied faster than it grows.
    pub(super) fn allows(&self, step: &StepRun, seen: &Observation, copies: &Copies) -> Allows {
        let (mut allows, mut alone) = (Allows::Now, Copies::default());
        alone.add(step, seen, &self.growth);
        for (id, part) in &alone.0 {
            let Some(track) = self.brokers.get(id) else { continue };
            for lane in [SENDS, TAKES, BETWEEN_DIRS] {
                let cap = track.lanes[lane].cap();
                if let Some(share) = part.shares[lane].first()
                    && share.needs * FASTER_THAN_GROWTH > cap
                {
                    return Allows::Never(outgrown(*id, share.grows, cap));
                }
                let all = copies.0.get(id).map_or(0.0, |all| all.needs(lane)) + part.needs(lane);
                if part.needs(lane) > 0.0 && all * FASTER_THAN_GROWTH > cap {
                    allows = Allows::Later;
                }
            }
        }
        allows
    }

    /// What is copied and never gets nearer to its end, since more is written than may be copied: of each broker
    /// the partition that grows fastest, for the others may end without it.
    pub(super) fn outgrown(&mut self, at: Duration, copies: &Copies) -> Vec<(TopicPartition, DropReason)> {
        let mut given_up = Vec::new();
        let patience = self.interval * INTERVALS_OUTGROWN;
        for (id, track) in &mut self.brokers {
            for lane in [SENDS, TAKES, BETWEEN_DIRS] {
                let cap = track.lanes[lane].cap();
                let part = copies.0.get(id).filter(|part| part.needs(lane) > cap);
                let Some(part) = part else {
                    track.outgrown_since[lane] = None;
                    continue;
                };
                let since = *track.outgrown_since[lane].get_or_insert(at);
                if at.saturating_sub(since) < patience {
                    continue;
                }
                track.outgrown_since[lane] = None;
                let fastest = part.shares[lane].iter().max_by(|one, other| one.needs.total_cmp(&other.needs));
                if let Some(share) = fastest {
                    given_up.push((share.partition.clone(), outgrown(*id, share.grows, cap)));
                }
            }
        }
        given_up
    }
}

fn lane(of: RateOf) -> usize {
    match of {
        RateOf::Leader => SENDS,
        RateOf::Follower => TAKES,
        RateOf::LogDirs => BETWEEN_DIRS,
    }
}

fn outgrown(broker: BrokerId, grows: f64, rate: f64) -> DropReason {
    DropReason::Outgrows { broker, grows_bytes_per_s: whole(grows), rate_bytes_per_s: whole(rate) }
}

/// Brokers of which a replica is out of sync that is there and not being made, and the leaders that it fetches from. What we
/// have made ourselves is being made until it is seen in sync: the list of reassignments comes from the controller, and
/// may be newer than what another broker tells of replicas.
fn out_of_sync(seen: &Observation, copies: &Copies) -> BTreeSet<BrokerId> {
    let is_alive = |id: &BrokerId| seen.brokers.get(id).is_some_and(|broker| broker.alive);
    let mut troubled = BTreeSet::new();
    for (name, _, partition) in seen.partitions() {
        if partition.isr.len() >= partition.replicas.len() {
            continue;
        }
        let making = seen.reassignments.get(&name).map_or(&[][..], |running| &running.adding);
        let lags = |id: &&BrokerId| {
            !partition.isr.contains(id)
                && !partition.offline.contains(id)
                && !making.contains(id)
                && !copies.makes(&name, **id)
        };
        let lagging: Vec<BrokerId> = partition.replicas.iter().filter(lags).copied().collect();
        if lagging.iter().any(is_alive) {
            troubled.extend(partition.leader);
            troubled.extend(lagging);
        }
    }
    troubled
}

/// One line for each cause, and not for each broker that it slows down.
fn told(slowed: BTreeMap<BrokerId, Brake>) -> Vec<ExecutionEvent> {
    let mut causes: Vec<(Brake, Vec<BrokerId>)> = Vec::new();
    for (id, brake) in slowed {
        match causes.iter_mut().find(|(cause, _)| cause.is_same_cause(&brake)) {
            Some((_, brokers)) => brokers.push(id),
            None => causes.push((brake, vec![id])),
        }
    }
    causes.into_iter().map(|(cause, brokers)| ExecutionEvent::SlowedDown { brokers, cause }).collect()
}
