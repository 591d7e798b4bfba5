//! [`Windows`]: when an execution may start something new: hours of the day, and a calendar of times when it may not.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::TimestampMs;

const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: u64 = 24 * 60;

/// Hours of the day in which something new may start, and times in which nothing may. All in UTC plus an offset: a
/// time zone with summer time would make one night an hour shorter or longer unasked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Windows {
    /// Hours of the day, such as `"01:00-06:00"`; over midnight is allowed (`"22:00-04:00"`). Empty: at any hour.
    #[serde(default)]
    pub only: Vec<Hours>,
    /// What the hours are counted from: `"UTC"`, `"+02:00"`, `"-05:30"`. Default: UTC.
    #[serde(default)]
    pub offset: Offset,
    /// Times in which nothing new starts, such as `"2026-12-20T00:00:00Z/2027-01-02T00:00:00Z"`.
    #[serde(default)]
    pub blackouts: Vec<Blackout>,
}

/// A window or a blackout that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Not hours of the day.
    #[error("`{0}` is not a window of hours, such as `01:00-06:00`")]
    Hours(String),
    /// Not an offset.
    #[error("`{0}` is not an offset from UTC, such as `UTC`, `+02:00` or `-05:30`")]
    Offset(String),
    /// Not a blackout.
    #[error("`{0}` is not a blackout, such as `2026-12-20T00:00:00Z/2027-01-02T00:00:00Z`")]
    Blackout(String),
}

/// Minutes of the day, from and up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    from: u64,
    to: u64,
}

/// Minutes that local time is ahead of UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Offset(i64);

/// A time in which nothing new starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Blackout {
    from: TimestampMs,
    to: TimestampMs,
}

fn minutes(text: &str) -> Option<u64> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && total <= DAY_MINUTES).then_some(total)
}

fn clock(minutes: u64) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

impl TryFrom<String> for Hours {
    type Error = WindowError;

    fn try_from(text: String) -> Result<Self, WindowError> {
        let parts = text.split_once('-').and_then(|(from, to)| Some((minutes(from)?, minutes(to)?)));
        match parts {
            Some((from, to)) if from != to && from < DAY_MINUTES => Ok(Self { from, to }),
            _ => Err(WindowError::Hours(text)),
        }
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        format!("{}-{}", clock(hours.from), clock(hours.to))
    }
}

impl TryFrom<String> for Offset {
    type Error = WindowError;

    fn try_from(text: String) -> Result<Self, WindowError> {
        let trimmed = text.trim();
        if trimmed.eq_ignore_ascii_case("utc") {
            return Ok(Self(0));
        }
        let (sign, rest) = match (trimmed.strip_prefix('+'), trimmed.strip_prefix('-')) {
            (Some(rest), _) => (1, rest),
            (_, Some(rest)) => (-1, rest),
            _ => return Err(WindowError::Offset(text)),
        };
        let ahead =
            minutes(rest).and_then(|ahead| i64::try_from(ahead).ok()).filter(|ahead| *ahead <= 14 * 60);
        ahead.map(|ahead| Self(sign * ahead)).ok_or(WindowError::Offset(text))
    }
}

impl From<Offset> for String {
    fn from(Offset(ahead): Offset) -> Self {
        let sign = if ahead < 0 { '-' } else { '+' };
        if ahead == 0 { "UTC".to_owned() } else { format!("{sign}{}", clock(ahead.unsigned_abs())) }
    }
}

impl TryFrom<String> for Blackout {
    type Error = WindowError;

    fn try_from(text: String) -> Result<Self, WindowError> {
        let parts = text.split_once('/');
        let times = parts.and_then(|(from, to)| Some((from.trim().parse().ok()?, to.trim().parse().ok()?)));
        match times {
            Some((from, to)) if from < to => Ok(Self { from, to }),
            _ => Err(WindowError::Blackout(text)),
        }
    }
}

impl From<Blackout> for String {
    fn from(blackout: Blackout) -> Self {
        format!("{}/{}", blackout.from, blackout.to)
    }
}

impl Hours {
    fn covers(self, minute: u64) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

impl Windows {
    /// Whether something new may start at this time.
    pub fn is_open(&self, now: TimestampMs) -> bool {
        let dark = self.blackouts.iter().any(|dark| dark.from <= now && now < dark.to);
        let minute = self.minute_of_day(now);
        !dark && (self.only.is_empty() || self.only.iter().any(|hours| hours.covers(minute)))
    }

    /// When something new may start, if not now: found minute by minute. `None` if not within the next year.
    pub fn opens_at(&self, now: TimestampMs) -> Option<TimestampMs> {
        let year = Duration::from_secs(366 * 86_400);
        let mut at = now;
        while at.since(now) < year {
            if self.is_open(at) {
                return Some(at);
            }
            // A blackout is left behind in one leap, an hour that is not allowed minute by minute.
            let over =
                self.blackouts.iter().filter(|dark| dark.from <= at && at < dark.to).map(|dark| dark.to);
            at = over.max().unwrap_or(TimestampMs((at.0 / MINUTE_MS + 1) * MINUTE_MS));
        }
        None
    }

    fn minute_of_day(&self, now: TimestampMs) -> u64 {
        let minutes = i64::try_from(now.0 / MINUTE_MS).unwrap_or(i64::MAX / 2) + self.offset.0;
        minutes.rem_euclid(DAY_MINUTES.cast_signed()).cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> TimestampMs {
        text.parse().expect("a time")
    }

    fn windows(text: &str) -> Windows {
        toml::from_str(text).expect("windows")
    }

    #[test]
    fn hours_over_midnight_and_with_an_offset() {
        let night = windows("only = [\"22:00-04:30\"]\noffset = \"+02:00\"");
        assert!(!night.is_open(at("2026-11-24T19:59:00Z")), "21:59 there");
        assert!(night.is_open(at("2026-11-24T20:00:00Z")));
        assert!(night.is_open(at("2026-11-25T02:29:59Z")));
        assert!(!night.is_open(at("2026-11-25T02:30:00Z")), "the end does not belong to it");
        assert_eq!(night.opens_at(at("2026-11-25T03:10:20Z")), Some(at("2026-11-25T20:00:00Z")));
    }

    #[test]
    fn a_blackout_closes_what_the_hours_would_open() {
        let text = "only = [\"01:00-06:00\"]\nblackouts = [\"2026-12-20T00:00:00Z/2027-01-02T00:00:00Z\"]";
        let windows = windows(text);
        assert!(windows.is_open(at("2026-12-19T01:00:00Z")));
        assert!(!windows.is_open(at("2026-12-24T01:00:00Z")));
        assert_eq!(windows.opens_at(at("2026-12-24T12:00:00Z")), Some(at("2027-01-02T01:00:00Z")));
        assert_eq!(toml::to_string(&windows).map(|text| self::windows(&text)), Ok(windows));
    }

    #[test]
    fn no_windows_are_always_open() {
        assert!(Windows::default().is_open(TimestampMs(0)));
        assert_eq!(Windows::default().opens_at(TimestampMs(7)), Some(TimestampMs(7)));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for text in [
            "only = [\"1-6\"]",
            "only = [\"01:00-25:00\"]",
            "only = [\"05:00-05:00\"]",
            "offset = \"2\"",
            "blackouts = [\"x/y\"]",
        ] {
            let error = toml::from_str::<Windows>(text).expect_err(text).to_string();
            assert!(error.contains("such as"), "{error}");
        }
    }
}
