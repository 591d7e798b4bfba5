//! Between whole numbers and real ones, in one place.

/// Bytes or milliseconds as a real number: exact up to 2^53, about 9 PB.
#[expect(clippy::cast_precision_loss, reason = "nothing simulated reaches 9 PB")]
pub(super) fn real(whole: u64) -> f64 {
    whole as f64
}

/// A count as a real number.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn real_count(count: usize) -> f64 {
    count as f64
}

/// Rounds down; negative is 0 and what is too large is the largest.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from real saturates")]
pub(super) fn whole(real: f64) -> u64 {
    real as u64
}

/// A size as Kafka's messages carry it.
pub(super) fn wire_i64(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
