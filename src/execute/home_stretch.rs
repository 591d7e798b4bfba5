//! [`Flows`]: what is copied between which brokers, and which copies are on their home stretch.
//!
//! Kafka's throttle of a follower spares replicas that are in sync. But when a reassignment ends, the leader's epoch
//! goes up, the follower fetches anew, and takes itself for one that lags until its next answer: is its broker's rate
//! used up just then, it does not fetch at all, for as long as ten seconds. It is in the ISR by then, and every record
//! with `acks=all` waits for it (seen on Kafka 4.4.0: 11 s, until the ISR shrank). A leader's throttle asks the ISR
//! itself and has no such gap.
//!
//! So a copy leaves the follower's list before it ends: the home stretch is limited at its sender only, to what its
//! receiver may take.

use std::collections::{BTreeMap, BTreeSet};

use super::step_run::StepRun;
use crate::base::{BrokerId, Bytes};
use crate::observe::Observation;

/// What takes less than this at the receiver's full rate is on its home stretch: a few looks lie before its end.
const HOME_STRETCH_S: f64 = 5.0;

/// Kafka lets ten seconds' worth through at once where a rate was not used before. What is no larger than that, and a
/// home stretch, may end before it is looked at again.
const BURST_S: f64 = 10.0;

/// Whether a copy to `receiver` may end before the next look, were nothing else copied there at this rate (bytes per
/// second). One whose size nobody knows may end at any time.
pub(super) fn is_home(step: &StepRun, receiver: BrokerId, rate: u64, seen: &Observation) -> bool {
    let Some(partition) = seen.partition(step.partition()) else { return true };
    let Some(full) = partition.full_size_bytes() else { return true };
    let copied = partition.on_disk.get(&receiver).and_then(|replica| replica.size_bytes);
    let lacking = step.lacking.unwrap_or_else(|| full.saturating_sub(copied.unwrap_or(Bytes::ZERO)));
    let rate = Bytes(rate).as_f64();
    lacking.as_f64() <= rate * HOME_STRETCH_S || full.as_f64() <= rate * (BURST_S + HOME_STRETCH_S)
}

/// What comes to one broker.
#[derive(Debug, Default)]
struct Inflow {
    /// Who sends what is on its home stretch.
    home_senders: BTreeSet<BrokerId>,
    home: u32,
    listed: u32,
}

impl Inflow {
    /// The share of the broker's rate that is for copies on their home stretch.
    fn home_share(&self) -> f64 {
        f64::from(self.home) / f64::from((self.home + self.listed).max(1))
    }
}

/// What is copied between which brokers.
#[derive(Debug, Default)]
pub(super) struct Flows {
    into: BTreeMap<BrokerId, Inflow>,
    to: BTreeMap<BrokerId, BTreeSet<BrokerId>>,
}

impl Flows {
    /// Adds a copy.
    pub(super) fn add(&mut self, sender: BrokerId, receiver: BrokerId, is_home: bool) {
        self.to.entry(sender).or_default().insert(receiver);
        let inflow = self.into.entry(receiver).or_default();
        if is_home {
            inflow.home += 1;
            inflow.home_senders.insert(sender);
        } else {
            inflow.listed += 1;
        }
    }

    /// The most that a broker may send so that its receivers get no more than their own rate (`rate_of`, bytes per
    /// second); `None` where nothing limits it but its own rate. A sender's rate is shared evenly by its receivers, as
    /// Kafka serves their fetches in turn.
    pub(super) fn sends_at_most(
        &self,
        sender: BrokerId,
        rate_of: impl Fn(BrokerId) -> Option<u64>,
    ) -> Option<f64> {
        let receivers = self.to.get(&sender)?;
        let shares = receivers.iter().filter_map(|receiver| {
            let inflow = &self.into[receiver];
            let senders = u32::try_from(inflow.home_senders.len()).unwrap_or(u32::MAX);
            let is_one = inflow.home_senders.contains(&sender);
            let rate = Bytes(rate_of(*receiver).filter(|_| is_one)?).as_f64();
            Some(rate * inflow.home_share() / f64::from(senders))
        });
        let fan_out = f64::from(u32::try_from(receivers.len()).unwrap_or(u32::MAX));
        shares.min_by(f64::total_cmp).map(|share| share * fan_out)
    }

    /// What a receiver's throttle lets through, in bytes per second: its rate without what is for home stretches.
    pub(super) fn takes_at_most(&self, receiver: BrokerId, rate: u64) -> f64 {
        let inflow = self.into.get(&receiver).filter(|inflow| inflow.listed > 0);
        Bytes(rate).as_f64() * (1.0 - inflow.map_or(0.0, Inflow::home_share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(_: BrokerId) -> Option<u64> {
        Some(12_000_000)
    }

    fn flows(copies: &[(i32, i32, bool)]) -> Flows {
        let mut flows = Flows::default();
        for (sender, receiver, is_home) in copies {
            flows.add(BrokerId(*sender), BrokerId(*receiver), *is_home);
        }
        flows
    }

    #[test]
    fn one_sender_and_one_receiver_go_at_the_full_rate() {
        let flows = flows(&[(1, 5, true), (1, 5, true)]);
        assert_eq!(flows.sends_at_most(BrokerId(1), rate), Some(12e6));
        assert_eq!(flows.takes_at_most(BrokerId(5), 12_000_000), 12e6);
    }

    #[test]
    fn several_senders_share_what_one_receiver_may_take() {
        let flows = flows(&[(1, 5, true), (2, 5, true), (3, 5, true)]);
        for sender in [1, 2, 3] {
            assert_eq!(flows.sends_at_most(BrokerId(sender), rate), Some(4e6));
        }
    }

    #[test]
    fn a_sender_shares_its_rate_among_its_receivers() {
        let flows = flows(&[(1, 5, true), (2, 5, true), (1, 6, false)]);
        assert_eq!(
            flows.sends_at_most(BrokerId(1), rate),
            Some(12e6),
            "half of it goes to 6, and 6 MB/s to 5"
        );
        assert_eq!(flows.sends_at_most(BrokerId(2), rate), Some(6e6));
        assert_eq!(flows.sends_at_most(BrokerId(3), rate), None);
    }

    #[test]
    fn copies_on_the_list_leave_room_for_those_that_are_not() {
        let flows = flows(&[(1, 5, true), (2, 5, false), (3, 5, false)]);
        assert_eq!(flows.sends_at_most(BrokerId(1), rate), Some(4e6));
        assert_eq!(flows.takes_at_most(BrokerId(5), 12_000_000).round(), 8e6);
        assert_eq!(flows.sends_at_most(BrokerId(2), rate), None, "the follower's throttle limits it");
    }

    #[test]
    fn both_together_are_never_more_than_the_rate() {
        for (home, listed) in [(1, 4), (2, 2), (3, 1), (9, 1)] {
            let copies = (0..home + listed).map(|sender| (sender, 50, sender < home));
            let flows = flows(&copies.collect::<Vec<_>>());
            let sent =
                (0..home).filter_map(|sender| flows.sends_at_most(BrokerId(sender), rate)).sum::<f64>();
            let all = sent + flows.takes_at_most(BrokerId(50), 12_000_000);
            assert!(all <= 12e6 + 1.0, "{home} and {listed}: {all}");
        }
    }
}
