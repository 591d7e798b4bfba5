//! What sources send, read without asking anybody: the doors for whoever measures how fast that is, or sends what no source should.

use std::time::Instant;

use super::PageError;
use super::prometheus;
use super::reporter;
use super::sheet::Sheet;
use super::source::{Brokers, Scraped};
use super::text;
use crate::config::{CapacitySettings, PrometheusSettings};
use crate::observe::BrokerMetrics;

/// Reads one page on its own: what it tells without an earlier one to compare with. Also returns how many of its
/// lines were of use.
///
/// # Errors
/// It is no page of metrics.
pub fn read_page(page: &[u8]) -> Result<(BrokerMetrics, usize), PageError> {
    let page = text::read(page)?;
    let used = page.readings.len();
    let now = Instant::now();
    let mut sheet = Sheet::new(now);
    sheet.add(&page, now);
    Ok((sheet.metrics(None), used))
}

/// Reads records of Cruise Control's metrics reporter, and says what they tell of these brokers (by id, with their hosts) at
/// `now_ms`, in milliseconds since the epoch.
pub fn read_reports<'a>(
    records: impl IntoIterator<Item = &'a [u8]>,
    brokers: &Brokers,
    capacity: &CapacitySettings,
    now_ms: i64,
) -> Scraped {
    reporter::read_records(records, brokers, capacity, now_ms)
}

/// Reads what a Prometheus server answers, and says what that tells of these brokers (by id, with their hosts). `answer` is
/// asked with each query in turn, and gives an HTTP status and a body.
pub fn read_answers(
    settings: &PrometheusSettings,
    brokers: &Brokers,
    answer: impl FnMut(&str) -> (u16, Vec<u8>),
) -> Scraped {
    prometheus::read_answers(settings, brokers, answer)
}
