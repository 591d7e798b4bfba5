//! [`Lane`]: one rate of one broker, between its floor and its cap.

/// Changes smaller than this share are not worth a write to the cluster's configuration.
const SMALLEST_CHANGE: f64 = 0.03;

/// A step up is this share of the cap, when the objective is far away.
const STEP_UP: f64 = 0.05;

/// A rate that follows what is measured. All in bytes per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lane {
    /// What is offered now, but for changes that are too small to be sent.
    rate: f64,
    /// What is never passed.
    cap: f64,
    /// What it has to be at least, so that what is copied gets nearer to its end.
    floor: f64,
    /// What is good without any measurement.
    safe: f64,
    offered: u64,
}

impl Lane {
    pub(super) fn new(safe: f64, cap: f64) -> Self {
        let rate = safe.min(cap);
        Self { rate, cap, floor: 0.0, safe, offered: whole(rate) }
    }

    /// The rate to set.
    pub(super) fn offered(&self) -> u64 {
        self.offered
    }

    pub(super) fn cap(&self) -> f64 {
        self.cap
    }

    pub(super) fn is_at_cap(&self) -> bool {
        self.rate >= self.cap * (1.0 - SMALLEST_CHANGE)
    }

    /// Whether the floor, and not what is measured, keeps the rate up.
    pub(super) fn is_at_floor(&self) -> bool {
        self.floor > 0.0 && self.rate <= self.floor
    }

    /// Another cap: what is above it comes down at once.
    pub(super) fn set_cap(&mut self, cap: f64) {
        self.cap = cap;
        self.settle();
    }

    /// Another floor: what is below it comes up at once, but never above the cap.
    pub(super) fn set_floor(&mut self, floor: f64) {
        self.floor = floor;
        self.settle();
    }

    /// Backs off. `used` is the most that can flow: a rate far above that would not slow anything down when halved.
    pub(super) fn halve(&mut self, used: f64, least: f64) {
        self.rate = (self.rate.min(used) / 2.0).max(least);
        self.settle();
    }

    /// Recovers by one step, smaller where `share` of a full one is less than 1, and never beyond `most`.
    pub(super) fn raise(&mut self, share: f64, most: f64) {
        // A step that is too small to be sent would be taken unseen, until several are sent at once.
        let step = (self.cap * STEP_UP * share).max(self.rate * SMALLEST_CHANGE * 1.01);
        self.rate = (self.rate + step).min(most.max(self.rate));
        self.settle();
    }

    /// Comes down towards what is good without any measurement, and all the way: never up.
    pub(super) fn drift(&mut self) {
        if self.rate > self.safe {
            self.rate = (self.rate - self.cap * STEP_UP).max(self.safe);
            self.settle();
            // The last step is sent however small it is, or what nobody measures would stay above what is safe.
            if self.rate <= self.safe {
                self.offered = whole(self.rate);
            }
        }
    }

    fn settle(&mut self) {
        self.rate = self.rate.max(self.floor).min(self.cap);
        let before = crate::base::Bytes(self.offered).as_f64();
        if (self.rate - before).abs() >= before * SMALLEST_CHANGE || before > self.cap {
            self.offered = whole(self.rate);
        }
    }
}

/// A rate as Kafka takes it: a throttle of 0 would stop everything for good.
pub(super) fn whole(rate: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "finite and at least 1")]
    let whole = rate.clamp(1.0, 9e18) as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_down_at_once_and_goes_up_in_small_steps() {
        let mut lane = Lane::new(100e6, 100e6);
        lane.halve(f64::MAX, 5e6);
        assert_eq!(lane.offered(), 50_000_000);
        lane.raise(1.0, f64::MAX);
        assert_eq!(lane.offered(), 55_000_000);
        for _ in 0..9 {
            lane.raise(1.0, f64::MAX);
        }
        assert!(lane.is_at_cap());
        assert_eq!(lane.offered(), 100_000_000);
        lane.raise(1.0, f64::MAX);
        assert_eq!(lane.offered(), 100_000_000, "the cap is not passed");
    }

    #[test]
    fn half_of_what_flows_is_less_than_half_of_what_may() {
        let mut lane = Lane::new(100e6, 100e6);
        lane.halve(30e6, 5e6);
        assert_eq!(lane.offered(), 15_000_000);
        lane.raise(1.0, 16e6);
        assert_eq!(lane.offered(), 16_000_000, "not beyond what is used");
    }

    #[test]
    fn small_changes_are_not_sent_unless_the_cap_asks_for_it() {
        let mut lane = Lane::new(100e6, 100e6);
        lane.set_cap(99e6);
        assert_eq!(lane.offered(), 99_000_000, "what may not be offered is not");
        lane.set_cap(101e6);
        lane.set_floor(100e6);
        assert_eq!(lane.offered(), 99_000_000);
        lane.raise(0.01, f64::MAX);
        assert_eq!(lane.offered(), 99_000_000, "two percent are not worth it");
        lane.set_cap(103e6);
        lane.raise(0.01, f64::MAX);
        assert_eq!(lane.offered(), 103_000_000);
    }

    #[test]
    fn the_floor_holds_it_up_and_the_cap_is_above_the_floor() {
        let mut lane = Lane::new(40e6, 100e6);
        lane.set_floor(30e6);
        lane.halve(f64::MAX, 5e6);
        assert_eq!(lane.offered(), 30_000_000);
        assert!(lane.is_at_floor());
        lane.set_cap(20e6);
        assert_eq!(lane.offered(), 20_000_000);
    }

    #[test]
    fn without_a_measurement_it_only_comes_down() {
        let mut lane = Lane::new(40e6, 100e6);
        lane.raise(1.0, f64::MAX);
        lane.raise(1.0, f64::MAX);
        assert_eq!(lane.offered(), 50_000_000);
        for _ in 0..10 {
            lane.drift();
        }
        assert_eq!(lane.offered(), 40_000_000);
        lane.raise(1.0, 41e6);
        lane.raise(1.0, 42e6);
        assert_eq!(lane.offered(), 42_000_000);
        lane.drift();
        assert_eq!(lane.offered(), 40_000_000, "the last step, however small");
        lane.halve(f64::MAX, 5e6);
        lane.drift();
        assert_eq!(lane.offered(), 20_000_000);
    }
}
