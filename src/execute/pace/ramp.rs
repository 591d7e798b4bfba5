//! [`Ramp`]: how a rate comes up from idleness.
//!
//! Kafka compares a throttle with the mean of about ten seconds. A rate that was not used before lets ten seconds' worth
//! through at once, as fast as the network goes, and then nothing until that has left the window: clients are pushed
//! aside by the burst, and a replica that had nearly caught up holds back every producer of its partition during the
//! standstill. So a rate comes up over those ten seconds: what the window lets through at each step is what it
//! would let through in the next two seconds at the full rate.
//!
//! Steps go by the time that has passed and not by looks: where these are further apart than steps, several are taken at
//! once. That is a burst of what would have come through meanwhile, eight seconds' worth at most. To wait for as many
//! looks as there are steps instead would be to copy at a fifth of the rate for minutes.

use std::time::Duration;

/// How long Kafka's window is, about: `replication.quota.window.num` times `replication.quota.window.size.seconds`.
const WINDOW: Duration = Duration::from_secs(10);

/// Steps in which a rate comes up. More would be gentler, but each is a write to the configuration of each broker.
const STEPS: u32 = 5;

/// Idle for longer than this, what a broker copied has left enough of the window for a burst.
const IDLE: Duration = Duration::from_secs(4);

/// How far a rate has come up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Ramp {
    /// In bytes per second; 0 where nothing was copied for a while.
    rate: f64,
    /// When the last step was taken; absent before the first copy.
    stepped_at: Option<Duration>,
    idle_since: Option<Duration>,
    looked_at: Option<Duration>,
}

impl Ramp {
    /// Takes note of whether anything is copied at `at`, where `full` bytes per second may be.
    pub(super) fn look(&mut self, at: Duration, copies: bool, full: f64) {
        // What is seen for the first time began right after the look before this one.
        let began_at = self.looked_at.replace(at).unwrap_or(at);
        if !copies {
            let since = *self.idle_since.get_or_insert(at);
            if at.saturating_sub(since) >= IDLE {
                (self.rate, self.stepped_at) = (0.0, None);
            }
            return;
        }
        self.idle_since = None;
        let now = self.of(full);
        let since = *self.stepped_at.get_or_insert(began_at);
        let steps = steps_in(at.saturating_sub(since));
        // What is in sight of the full rate needs no more steps: the feedback's own are smaller than that.
        if self.rate > 0.0 && full - now <= step(full) / 2.0 {
            self.rate = full;
        } else if steps > 0 {
            (self.rate, self.stepped_at) = ((now + f64::from(steps) * step(full)).min(full), Some(at));
        } else {
            self.rate = now;
        }
    }

    /// Whether nothing has been copied for a while.
    pub(super) fn is_idle(&self) -> bool {
        self.stepped_at.is_none()
    }

    /// What is offered of a full rate, in bytes per second.
    pub(super) fn of(&self, full: f64) -> f64 {
        self.rate.max(step(full)).min(full)
    }
}

/// Steps for which it is time when so much has passed since the last one, no more than there are.
fn steps_in(passed: Duration) -> u32 {
    (1..=STEPS).take_while(|steps| passed >= WINDOW / STEPS * *steps).last().unwrap_or(0)
}

/// How much of a full rate comes with each step.
fn step(full: f64) -> f64 {
    full / f64::from(STEPS)
}

#[cfg(test)]
mod tests {
    use super::super::lane::whole;
    use super::*;

    fn after(ramp: &mut Ramp, second: u64, copies: bool, full: f64) -> u64 {
        ramp.look(Duration::from_secs(second), copies, full);
        whole(ramp.of(full))
    }

    fn come_up(full: f64) -> Ramp {
        let mut ramp = Ramp::default();
        let last = (0..=8).map(|second| after(&mut ramp, second, true, full)).last();
        assert_eq!(last, Some(whole(full)));
        ramp
    }

    #[test]
    fn no_step_lets_more_than_two_seconds_through_at_once() {
        let mut ramp = Ramp::default();
        let mut passed: Vec<u64> = Vec::new();
        for second in 0..30 {
            let rate = after(&mut ramp, second, true, 1000.0);
            let window: u64 = passed.iter().rev().take(10).sum();
            let burst = (rate * 10).saturating_sub(window);
            assert!(burst <= 2000, "{burst} at {second} s");
            passed.push(burst);
        }
        let all: u64 = passed.iter().sum();
        assert!(all >= 26_000, "nearly the full rate all the time: {passed:?}");
    }

    #[test]
    fn it_begins_anew_after_idleness_only() {
        let mut ramp = come_up(10.0);
        assert_eq!(after(&mut ramp, 9, false, 10.0), 10);
        assert_eq!(after(&mut ramp, 12, true, 10.0), 10, "three seconds are none");
        after(&mut ramp, 13, false, 10.0);
        assert_eq!(after(&mut ramp, 17, false, 10.0), 2);
        assert_eq!(after(&mut ramp, 18, true, 10.0), 2);
        assert_eq!(after(&mut ramp, 19, true, 10.0), 4, "two seconds after the look at which it began");
    }

    #[test]
    fn looks_that_are_far_apart_take_several_steps_at_once() {
        let mut ramp = Ramp::default();
        after(&mut ramp, 0, false, 10.0);
        assert_eq!(after(&mut ramp, 5, true, 10.0), 6, "two steps and what it begins with");
        assert_eq!(after(&mut ramp, 9, true, 10.0), 10);
        let mut ramp = Ramp::default();
        after(&mut ramp, 0, false, 10.0);
        assert_eq!(after(&mut ramp, 300, true, 10.0), 10, "under way for longer than it takes to come up");
        after(&mut ramp, 600, false, 10.0);
        assert_eq!(after(&mut ramp, 900, false, 10.0), 2, "idle since then");
    }

    #[test]
    fn another_rate_comes_up_in_steps_and_down_at_once() {
        let mut ramp = come_up(1000.0);
        assert_eq!(after(&mut ramp, 9, true, 1050.0), 1050, "a small step is no burst");
        assert_eq!(after(&mut ramp, 10, true, 500.0), 500);
        assert_eq!(after(&mut ramp, 11, true, 5000.0), 2000, "a fifth more than nothing, or than before");
        assert_eq!(after(&mut ramp, 12, true, 5000.0), 2000);
        assert_eq!(after(&mut ramp, 13, true, 5000.0), 3000);
    }
}
