//! Quantities with their units in the type.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A number from outside that cannot be an amount of anything.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a finite number of at least 0")]
pub struct NotAnAmount(pub f64);

/// Text that does not say an amount or a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a number with a known unit.
    #[error("`{0}` is not an amount of bytes, such as `500MB`, `17TB`, `64MiB` or `1048576`")]
    NotBytes(String),
    /// Not an RFC 3339 time.
    #[error("`{0}` is not an RFC 3339 time, such as `2026-11-23T15:00:00Z`")]
    NotATime(String),
}

/// An amount of data, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// No data at all.
    pub const ZERO: Self = Self(0);

    /// The difference, or zero where `other` is larger.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The amount as a real number, for ratios.
    #[expect(clippy::cast_precision_loss, reason = "a share of 9 PB is right to a byte, which is enough")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// The whole bytes of a real amount; none where it is negative, the most there can be where it is larger.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates at both ends")]
    pub fn whole(amount: f64) -> Self {
        Self(amount as u64)
    }
}

impl Add for Bytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Bytes {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        debug_assert!(self.0 >= other.0, "{self} - {other} would be negative");
        self.saturating_sub(other)
    }
}

impl std::iter::Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::ZERO, Add::add)
    }
}

const BYTE_UNITS: [(&str, f64); 5] = [("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];

fn write_bytes(f: &mut fmt::Formatter<'_>, amount: f64, per: &str) -> fmt::Result {
    let text = match BYTE_UNITS.iter().find(|(_, size)| amount.abs() >= *size * 0.9995) {
        Some((unit, size)) => {
            let shown = amount / size;
            let digits = if shown < 10.0 { 2 } else { usize::from(shown < 100.0) };
            format!("{shown:.digits$} {unit}{per}")
        }
        None => format!("{amount:.0} B{per}"),
    };
    f.pad(&text)
}

impl fmt::Display for Bytes {
    /// Three digits and a decimal unit: `1.25 TB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bytes(f, self.as_f64(), "")
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    /// Reads `1048576`, `64MiB`, `17 TB`, `1.5GB`: decimal units by 1000, `KiB` and the like by 1024.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || UnitError::NotBytes(text.to_owned());
        let trimmed = text.trim();
        let split =
            trimmed.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let number: f64 = number.replace('_', "").parse().map_err(|_| wrong())?;
        let factor = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "k" | "kb" => 1e3,
            "m" | "mb" => 1e6,
            "g" | "gb" => 1e9,
            "t" | "tb" => 1e12,
            "p" | "pb" => 1e15,
            "kib" => 1024.0,
            "mib" => 1024f64.powi(2),
            "gib" => 1024f64.powi(3),
            "tib" => 1024f64.powi(4),
            "pib" => 1024f64.powi(5),
            _ => return Err(wrong()),
        };
        let amount = (number * factor).round();
        if !amount.is_finite() || !(0.0..9e18).contains(&amount) {
            return Err(wrong());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to lie in 0..9e18"
        )]
        Ok(Self(amount as u64))
    }
}

macro_rules! real_unit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Always finite and never negative: what comes from outside passes through `new`.
        #[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize)]
        #[serde(transparent)]
        pub struct $name(f64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0.0);

            /// Checks and wraps a number.
            ///
            /// # Errors
            /// The number is NaN, infinite or negative.
            pub fn new(amount: f64) -> Result<Self, NotAnAmount> {
                if amount.is_finite() && amount >= 0.0 { Ok(Self(amount)) } else { Err(NotAnAmount(amount)) }
            }

            /// The bare number.
            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl Add for $name {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self((self.0 + other.0).min(f64::MAX))
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
                parts.fold(Self::ZERO, Add::add)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

real_unit! {
    /// A flow of data, in bytes per second.
    BytesPerS
}
real_unit! {
    /// Processor time, in cores kept busy.
    Cores
}
real_unit! {
    /// A span of time that was measured, in milliseconds.
    Millis
}

impl fmt::Display for BytesPerS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bytes(f, self.0, "/s")
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.2} cores", self.0))
    }
}

impl fmt::Display for Millis {
    /// `18 ms`; below ten with a digit: `2.5 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.0 < 9.95);
        f.pad(&format!("{:.digits$} ms", self.0))
    }
}

/// A wall-clock time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimestampMs(pub u64);

impl TimestampMs {
    /// The time `later` after this one.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(later.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long it is since `earlier`; zero when the clock stepped back.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for TimestampMs {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0 / 1000).unwrap_or(i64::MAX);
        let text = OffsetDateTime::from_unix_timestamp(seconds)
            .ok()
            .and_then(|at| at.format(&Rfc3339).ok())
            .unwrap_or_else(|| format!("{} ms", self.0));
        f.pad(&text)
    }
}

impl FromStr for TimestampMs {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || UnitError::NotATime(text.to_owned());
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?;
        u64::try_from(at.unix_timestamp_nanos() / 1_000_000).map(Self).map_err(|_| wrong())
    }
}

impl Serialize for TimestampMs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimestampMs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A duration for people: `45 s`, `12 min`, `3 h 20 min`, `4 d 6 h`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..90 => format!("{seconds} s"),
        90..5_400 => format!("{} min", seconds.div_ceil(60)),
        5_400..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}
