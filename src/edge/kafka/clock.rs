//! [`Clock`] and [`StopFlag`]: the time that a world goes by, and a person's wish to stop.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::base::TimestampMs;

/// The wall clock, or one that runs faster: a simulated cluster behind the wire keeps its own, quicker time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    started_at_ms: u64,
    speed: f64,
}

impl Default for Clock {
    fn default() -> Self {
        Self::scaled(1.0)
    }
}

impl Clock {
    /// A clock that starts now at the wall clock's time and runs `speed` times as fast.
    pub fn scaled(speed: f64) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_at_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        Self { started: Instant::now(), started_at_ms, speed }
    }

    /// The time by this clock.
    pub fn now(&self) -> TimestampMs {
        let passed = self.started.elapsed().mul_f64(self.speed);
        TimestampMs(self.started_at_ms.saturating_add(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long `duration` of this clock takes on the wall.
    pub fn on_the_wall(&self, duration: Duration) -> Duration {
        duration.div_f64(self.speed)
    }
}

/// Counts how often a person has asked to stop. Clones share the count, so that a signal handler can hold one.
#[derive(Debug, Clone, Default)]
pub struct StopFlag {
    shared: Arc<(Mutex<Asked>, Condvar)>,
}

/// What a person, or the supervisor of a daemon, has asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Asked {
    stops: u32,
    leave: bool,
}

impl StopFlag {
    /// Asks to stop; asking again means it more.
    pub fn request(&self) {
        let mut asked = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.stops = asked.stops.saturating_add(1);
        self.shared.1.notify_all();
    }

    /// How often it was asked.
    pub fn count(&self) -> u32 {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).stops
    }

    /// Asks this process to end and to leave what it carries out to the next one.
    pub fn leave(&self) {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).leave = true;
        self.shared.1.notify_all();
    }

    /// Whether it was asked to leave.
    pub fn is_leaving(&self) -> bool {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).leave
    }

    /// Waits, or returns early when it is asked once more. Whoever is leaving waits for nothing.
    pub fn wait(&self, duration: Duration) {
        let asked = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *asked;
        let waited =
            self.shared.1.wait_timeout_while(asked, duration, |asked| *asked == before && !asked.leave);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_to_stop_ends_a_wait() {
        let flag = StopFlag::default();
        let asker = flag.clone();
        let thread = std::thread::spawn(move || asker.request());
        // Returns at once or when asked; the hour is never waited out.
        while flag.count() == 0 {
            flag.wait(Duration::from_secs(3_600).min(Duration::from_millis(50)));
        }
        thread.join().expect("the asker ends");
        assert_eq!((flag.count(), flag.is_leaving()), (1, false));
        flag.leave();
        flag.wait(Duration::from_secs(3_600));
        assert_eq!((flag.count(), flag.is_leaving()), (1, true));
    }

    #[test]
    fn a_scaled_clock_shortens_waits() {
        let clock = Clock::scaled(60.0);
        assert_eq!(clock.on_the_wall(Duration::from_secs(60)), Duration::from_secs(1));
        assert_eq!(Clock::scaled(f64::NAN).on_the_wall(Duration::from_secs(1)), Duration::from_secs(1));
    }
}
