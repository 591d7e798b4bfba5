//! Values with units, as people write them: durations and rates.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::base::{Bytes, BytesPerS};

/// Text that is not the value it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not a duration.
    #[error("`{0}` is not a duration, such as `30s`, `5min`, `2h` or `1d`")]
    NotADuration(String),
    /// Not a rate.
    #[error("`{0}` is not a rate, such as `50MB`, `50MB/s` or `8MiB/s`")]
    NotARate(String),
    /// A latency of nothing.
    #[error("a latency of 0 cannot be had")]
    LatencyOfNothing,
    /// A rate of nothing.
    #[error("a rate of 0 would let nothing move at all")]
    RateOfNothing,
}

/// Reads a duration: a whole number and a unit (`ms`, `s`, `min` or `m`, `h`, `d`).
///
/// # Errors
/// There is no unit, an unknown one, or the number is too large.
pub fn parse_duration(text: &str) -> Result<Duration, ValueError> {
    let wrong = || ValueError::NotADuration(text.to_owned());
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = trimmed.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit_ms = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(wrong)
}

/// Reads how long clients may wait: a duration that is not 0.
///
/// # Errors
/// It is not a duration, or it is zero.
pub fn parse_objective(text: &str) -> Result<Duration, ValueError> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err(ValueError::LatencyOfNothing),
        other => other,
    }
}

/// Reads a rate in bytes per second; the `/s` may be left out.
///
/// # Errors
/// It is not an amount of bytes, or it is zero.
pub fn parse_rate(text: &str) -> Result<BytesPerS, ValueError> {
    let wrong = || ValueError::NotARate(text.to_owned());
    let amount = text.trim().strip_suffix("/s").unwrap_or(text.trim());
    let bytes: Bytes = amount.parse().map_err(|_| wrong())?;
    if bytes == Bytes::ZERO {
        return Err(ValueError::RateOfNothing);
    }
    BytesPerS::new(bytes.as_f64()).map_err(|_| wrong())
}

/// For `deserialize_with`: a duration.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map_err(serde::de::Error::custom)
}

/// For `deserialize_with`: a duration that may be absent.
pub(super) fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// For `deserialize_with`: a rate that may be absent.
pub(super) fn optional_rate<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BytesPerS>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_rate(&text).map(Some).map_err(serde::de::Error::custom)
}

/// For `deserialize_with`: the name of a topic.
pub(super) fn topic_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    // The rules of Kafka's own `Topic.validate`.
    if name.is_empty() || name.len() > 249 || name == "." || name == ".." || !name.chars().all(legal) {
        let wrong = format!(
            "`{name}` is not a topic name: up to 249 ASCII letters, digits, dots, underscores and hyphens"
        );
        return Err(serde::de::Error::custom(wrong));
    }
    Ok(name)
}

/// For `deserialize_with`: the name of a topic that may be absent.
pub(super) fn optional_topic_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    topic_name(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration(" 5 min "), Ok(Duration::from_secs(300)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_duration("1d"), Ok(Duration::from_secs(86_400)));
        for wrong in
            ["", "5", "s", "5 minutes", "-5s", "1.5h", "99999999999999999999s", "18446744073709551615d"]
        {
            assert_eq!(parse_duration(wrong), Err(ValueError::NotADuration(wrong.to_owned())), "{wrong}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(parse_rate("50MB").map(BytesPerS::get), Ok(50e6));
        assert_eq!(parse_rate("8 MiB/s").map(BytesPerS::get), Ok(8.0 * 1024.0 * 1024.0));
        assert_eq!(parse_rate("0"), Err(ValueError::RateOfNothing));
        assert_eq!(parse_objective("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(parse_objective("0ms"), Err(ValueError::LatencyOfNothing));
        for wrong in ["", "fast", "-1MB", "50Mbit", "MB/s", "1e99MB", "50MB/min"] {
            assert!(matches!(parse_rate(wrong), Err(ValueError::NotARate(_))), "{wrong}");
        }
    }
}
