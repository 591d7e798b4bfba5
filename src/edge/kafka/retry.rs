//! When to try again: backoff with jitter under one deadline.

use std::time::{Duration, Instant};

/// How patiently a call is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Limit for one try.
    pub(super) per_try: Duration,
    /// Limit for all tries together.
    pub(super) overall: Duration,
    /// The most tries.
    pub(super) tries: u32,
}

/// Waits that double from a first to a longest, each shortened at random by up to a half, so that many clients
/// that failed together do not come back together.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    next: Duration,
    max: Duration,
    state: u64,
}

impl Backoff {
    /// Starts over. `seed` tells one sequence from another.
    pub(super) fn new(first: Duration, max: Duration, seed: u64) -> Self {
        Self { next: first.min(max), max, state: seed }
    }

    /// The next wait.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.max);
        let share = self.random() % 512;
        whole.mul_f64(0.5 + f64::from(u32::try_from(share).unwrap_or(0)) / 1024.0)
    }

    /// splitmix64: small, and good enough to scatter waits.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// A moment by which something must be over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// `limit` from now.
    pub(super) fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// What is left; zero when it has passed.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_scattered() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(450), 7);
        for whole in [100, 200, 400, 450, 450] {
            let wait = backoff.next();
            assert!(wait >= ms(whole) / 2 && wait < ms(whole), "{wait:?} of {whole}");
        }
        let mut same = Backoff::new(ms(100), ms(450), 7);
        let mut other = Backoff::new(ms(100), ms(450), 8);
        assert_ne!(same.next(), other.next());
    }
}
