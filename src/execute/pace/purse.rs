//! [`Purse`]: what copies without a throttle may take, and which copies need none.
//!
//! A throttle hurts most when a copy ends. Its replica has nearly caught up; the leader waits for it with the high
//! watermark, and so with every record of `acks=all`; and the throttle, used up by other copies, lets it fetch nothing for
//! as long as its window is full. So the last stretch of a copy is on no list, and what it takes is paid for
//! elsewhere: nothing new begins, and what is on a list goes at half the rate, until the broker's rate has made up for it.

use std::time::Duration;

use crate::base::Bytes;

/// What one answer of a fetch brings of a partition (`replica.fetch.max.bytes`, a mebibyte unless set), twice: from here
/// on a copy may end before it is looked at again, however low the rate.
const ANSWERS_BYTES: f64 = 2_097_152.0;

/// What is copied between two looks and until lists have changed, in seconds at the rate.
const HOME_S: f64 = 3.0;

/// No stretch without a throttle is longer, or clients would notice it: where rates are so high that this is passed within
/// a look, a throttle stands still for tenths of a second only.
const HOME_MOST_BYTES: f64 = 32e6;

/// What may be taken in advance, in seconds at the rate.
const AHEAD_S: f64 = 2.0;

/// A debt that is not worth a write to the configuration of a broker, as a share of what the rate lets through until the
/// next look: nothing is set anew before that, and a rate that is halved for longer than a debt takes is lost.
const PALTRY: f64 = 0.25;

/// Looks are no more often than that, in seconds.
const LOOK_LEAST_S: f64 = 1.0;

/// The share of the rate that copies on a list have while there is a debt.
const LISTED_SHARE: f64 = 0.5;

/// Whether a copy that lacks so much is on its last stretch at this rate, in bytes per second.
pub(super) fn is_last_stretch(lacking: Bytes, rate: f64) -> bool {
    lacking.as_f64() <= (ANSWERS_BYTES + HOME_S * rate).min(HOME_MOST_BYTES)
}

/// What copies without a throttle have taken of a broker's rate in advance.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Purse {
    debt_bytes: f64,
    looked_at: Duration,
    /// Time between the last two looks.
    between: Duration,
}

impl Purse {
    /// Lets `rate` bytes per second pay the debt since the last look; while others are on a list, they take their share.
    pub(super) fn look(&mut self, at: Duration, rate: f64, any_listed: bool) {
        let paid = if any_listed { rate * (1.0 - LISTED_SHARE) } else { rate };
        self.between = at.saturating_sub(self.looked_at);
        self.debt_bytes -= paid * self.between.as_secs_f64();
        self.debt_bytes = self.debt_bytes.max(0.0);
        self.looked_at = at;
    }

    /// Whether so much may be taken now. One alone may be as large as it is.
    pub(super) fn lets(&self, bytes: Bytes, rate: f64) -> bool {
        self.debt_bytes <= 0.0 || self.debt_bytes + bytes.as_f64() <= rate * AHEAD_S
    }

    pub(super) fn spend(&mut self, bytes: Bytes) {
        self.debt_bytes += bytes.as_f64();
    }

    /// The share of the rate that is left for copies on a list.
    pub(super) fn share_left(&self, rate: f64) -> f64 {
        let until_next_s = self.between.as_secs_f64().max(LOOK_LEAST_S);
        if self.debt_bytes > rate * until_next_s * PALTRY { LISTED_SHARE } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_stretch_is_some_seconds_and_no_more_than_clients_bear() {
        assert!(is_last_stretch(Bytes(2_000_000), 100_000.0));
        assert!(!is_last_stretch(Bytes(3_000_000), 100_000.0));
        assert!(is_last_stretch(Bytes(5_000_000), 1e6));
        assert!(!is_last_stretch(Bytes(33_000_000), 100e6));
    }

    #[test]
    fn what_is_taken_in_advance_is_made_up_for() {
        let (mut purse, mut taken) = (Purse::default(), 0);
        for second in 0..100 {
            purse.look(Duration::from_secs(second), 1e6, false);
            while purse.lets(Bytes(700_000), 1e6) {
                purse.spend(Bytes(700_000));
                taken += 700_000;
            }
        }
        assert!((98_000_000..=102_000_000).contains(&taken), "{taken} in a hundred seconds of 1 MB");
    }

    #[test]
    fn beside_copies_on_a_list_both_have_half() {
        let mut purse = Purse::default();
        purse.spend(Bytes(10_000_000));
        assert!(!purse.lets(Bytes(1), 1e6), "one alone was larger than two seconds");
        assert!(purse.share_left(1e6) < 0.6);
        (1..20).for_each(|second| purse.look(Duration::from_secs(second), 1e6, true));
        assert!(purse.share_left(1e6) < 0.6);
        purse.look(Duration::from_secs(20), 1e6, true);
        assert!(purse.share_left(1e6) > 0.9);
    }

    #[test]
    fn a_debt_that_is_nothing_beside_what_comes_until_the_next_look_halves_nothing() {
        let mut purse = Purse::default();
        purse.look(Duration::from_secs(200), 1e6, true);
        purse.spend(Bytes(2_000_000));
        assert!(purse.share_left(1e6) > 0.9, "two seconds' worth, and a look every 200 s");
        purse.look(Duration::from_secs(201), 1e6, true);
        assert!(purse.share_left(1e6) < 0.6, "looks have become frequent");
    }
}
