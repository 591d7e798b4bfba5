//! [`Fill`]: how full a disk is, and when it passes its limit as it grows. What takes load off a disk that is about to
//! fill goes before all else but repair: in the plan, in the forecast and in the executor by the same rule.

/// How full a disk is, and how fast that grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fill {
    /// Bytes in use.
    pub used_bytes: f64,
    /// Bytes that are not to be passed; infinite where the capacity is not known.
    pub limit_bytes: f64,
    /// By how much it grows, in bytes per second.
    pub grows_per_s: f64,
    /// For how many seconds that may be reckoned ahead. What clients write says it for a while only, for retention
    /// takes away again; what was seen of the disk itself says it for as long as is asked.
    pub ahead_s: f64,
}

impl Default for Fill {
    /// A disk of which nothing is known: it never fills.
    fn default() -> Self {
        Self { used_bytes: 0.0, limit_bytes: f64::INFINITY, grows_per_s: 0.0, ahead_s: 0.0 }
    }
}

impl Fill {
    /// Seconds until it passes its limit: 0 where it has, infinite where it never does.
    pub fn lasts_s(&self) -> f64 {
        let room = self.limit_bytes - self.used_bytes;
        match () {
            () if room < 0.0 => 0.0,
            () if self.grows_per_s > 0.0 => room / self.grows_per_s,
            () => f64::INFINITY,
        }
    }

    /// How soon it passes its limit, in tenths of the time that the rest takes, in seconds: 0 where it has. Nothing
    /// where it does not within that time.
    pub fn presses(&self, rest_s: f64) -> Option<u8> {
        let (lasts_s, within_s) = (self.lasts_s(), rest_s.min(self.ahead_s));
        if lasts_s == 0.0 {
            return Some(0);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10")]
        let tenth = (10.0 * lasts_s / rest_s) as u8;
        (lasts_s < within_s).then_some(tenth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(used_bytes: f64, grows_per_s: f64, ahead_s: f64) -> Fill {
        Fill { used_bytes, limit_bytes: 100.0, grows_per_s, ahead_s }
    }

    #[test]
    fn a_disk_presses_when_it_is_over_its_limit_or_will_be_before_the_end() {
        assert_eq!(fill(101.0, 0.0, 0.0).presses(50.0), Some(0), "over it already");
        assert_eq!(fill(80.0, 1.0, f64::INFINITY).presses(50.0), Some(4), "after 20 of 50 seconds");
        assert_eq!(fill(80.0, 1.0, f64::INFINITY).presses(10.0), None, "all is over by then");
        assert_eq!(fill(80.0, 1.0, 15.0).presses(50.0), None, "nobody knows that far ahead");
        assert_eq!(fill(80.0, 0.0, f64::INFINITY).presses(50.0), None, "it does not grow");
        assert_eq!(Fill::default().presses(1e9), None, "nothing is known of it");
    }
}
