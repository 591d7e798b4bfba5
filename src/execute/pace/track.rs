//! [`Track`]: the pace of one broker, from look to look.

use std::time::Duration;

use super::brake::Brake;
use super::copies::Part;
use super::lane::Lane;
use super::limits::{Network, RATE_LEAST};
use crate::base::BrokerId;

/// A rate that is this far above what the other ends let through is not raised: how that works out is not seen.
const AHEAD_OF_OTHERS: f64 = 1.25;

/// Intervals without a measurement after which rates come down to what is safe without any.
const INTERVALS_BLIND: u32 = 3;

/// Intervals after backing off in which nothing gets faster: what it has brought is seen first.
const INTERVALS_CALM: u32 = 2;

/// Intervals without backing off after which the next time is told again.
const INTERVALS_QUIET: u32 = 12;

/// What the last look says to one broker's pace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pressure {
    /// Slower, at once.
    Over(Brake),
    /// No faster.
    Near(Brake),
    /// A step up, of this share of a whole one.
    Room(f64),
    /// Nobody knows.
    Unmeasured,
}

/// The pace of one broker.
#[derive(Debug)]
pub(super) struct Track {
    /// By what they are for, as [`super::copies`] numbers them.
    pub(super) lanes: [Lane; 3],
    /// What its network gives, out and in, as it was known first: that does not change while something is copied, and
    /// what says otherwise later is a mistake.
    pub(super) network: Network,
    /// What holds it back; nothing where it does not copy.
    pub(super) brake: Option<Brake>,
    /// It copies now.
    pub(super) takes_part: bool,
    /// Since when more is written to what is copied than may be copied.
    pub(super) outgrown_since: [Option<Duration>; 3],
    cut_at: Option<Duration>,
    measured_at: Option<Duration>,
    told_cut: bool,
    told_blind: bool,
}

impl Track {
    pub(super) fn new(lanes: [Lane; 3], network: Network) -> Self {
        Self {
            lanes,
            network,
            brake: None,
            takes_part: false,
            outgrown_since: [None; 3],
            cut_at: None,
            measured_at: None,
            told_cut: false,
            told_blind: false,
        }
    }

    /// Does what a look asks for. `due` says that rates may go up in this turn, `reach` what the other ends of its
    /// copies let through. Returns whether it is slowed down and that has not been told yet.
    pub(super) fn follow(
        &mut self,
        pressure: Pressure,
        (at, due, interval): (Duration, bool, Duration),
        part: &Part,
        reach: [f64; 3],
    ) -> bool {
        if pressure == Pressure::Unmeasured {
            return due && self.grow_blind(at, interval);
        }
        (self.measured_at, self.told_blind) = (Some(at), false);
        let calm = |intervals: u32| {
            self.cut_at.is_none_or(|cut_at| at.saturating_sub(cut_at) >= interval * intervals)
        };
        match pressure {
            // Once an interval: what the last time has brought is seen only then.
            Pressure::Over(_) if calm(1) => {
                self.told_cut &= !calm(INTERVALS_QUIET);
                self.cut_at = Some(at);
                for (lane, reach) in self.lanes.iter_mut().zip(reach) {
                    lane.halve(reach.max(RATE_LEAST), RATE_LEAST);
                }
                !std::mem::replace(&mut self.told_cut, true)
            }
            Pressure::Room(share) if due && calm(INTERVALS_CALM) => {
                let lanes = self.lanes.iter_mut().zip(&part.shares).zip(reach);
                for ((lane, _), reach) in lanes.filter(|((_, shares), _)| !shares.is_empty()) {
                    lane.raise(share, reach * AHEAD_OF_OTHERS);
                }
                false
            }
            _ => false,
        }
    }

    /// Holds for a while, then comes down to what is safe without any measurement.
    fn grow_blind(&mut self, at: Duration, interval: Duration) -> bool {
        let since = *self.measured_at.get_or_insert(at);
        if at.saturating_sub(since) < interval * INTERVALS_BLIND {
            return false;
        }
        self.lanes.iter_mut().for_each(Lane::drift);
        !std::mem::replace(&mut self.told_blind, true)
    }

    /// Says what holds it back. `by_traffic` is whether its caps follow from what clients leave.
    pub(super) fn name_brake(
        &mut self,
        broker: BrokerId,
        pressure: Pressure,
        part: &Part,
        by_traffic: [bool; 3],
    ) {
        let in_use = || self.lanes.iter().zip(&part.shares).filter(|(_, shares)| !shares.is_empty());
        let at_floor = in_use().any(|(lane, _)| lane.is_at_floor());
        let used_up = in_use().zip(by_traffic).any(|((lane, _), by_traffic)| by_traffic && lane.is_at_cap());
        self.brake = match pressure {
            Pressure::Over(_) if at_floor => Some(Brake::Floor { broker }),
            Pressure::Over(brake) | Pressure::Near(brake) => Some(brake),
            Pressure::Unmeasured => Some(Brake::NotMeasured { broker }),
            Pressure::Room(_) => used_up.then_some(Brake::ClientTraffic { broker }),
        };
    }
}
