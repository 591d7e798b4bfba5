//! Visits the endpoints, to tell of each how it answers: for `evenkeel check`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::Client;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::MetricsError;
use super::http::runtime;
use super::names::{Flow, Meaning, meaning};
use super::scrape::{LIMIT_BYTES, address, client_of, dated_page};
use super::text::Page;
use crate::ask::{Endpoint, PageSeen};
use crate::base::BrokerId;
use crate::config::MetricsSettings;
use crate::edge::web_client::shown;

/// A date in an HTTP answer has no parts of a second.
const DATE_STEP_MS: i64 = 1_000;

/// How many are visited at a time: few enough for each one's slowness to be its own, and enough for a cluster whose
/// endpoints all hang to be told of within minutes.
const AT_ONCE: usize = 16;

/// Visits each endpoint of every broker, given by id and advertised host. Must not be called from async code.
///
/// # Errors
/// The file of authorities cannot be read, or the machine gives no threads or sockets.
pub fn visit(
    settings: &MetricsSettings,
    brokers: &BTreeMap<BrokerId, Option<String>>,
) -> Result<Vec<Endpoint>, MetricsError> {
    let client = client_of(settings)?;
    let seen = runtime()?.block_on(async {
        let (gate, mut visiting) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
        for (id, host) in brokers {
            for (at, template) in settings.endpoints.iter().enumerate() {
                let (client, gate, id) = (client.clone(), Arc::clone(&gate), *id);
                let (template, host) = (template.clone(), host.clone());
                visiting.spawn(async move {
                    let _turn = gate.acquire().await;
                    ((id, at), one(&client, &template, id, host.as_deref()).await)
                });
            }
        }
        visiting.join_all().await
    });
    let in_order: BTreeMap<(BrokerId, usize), Endpoint> = seen.into_iter().collect();
    Ok(in_order.into_values().collect())
}

async fn one(client: &Client, template: &str, broker: BrokerId, host: Option<&str>) -> Endpoint {
    let began = (Instant::now(), now_ms());
    let url = match address(template, broker, host) {
        Ok(url) => url,
        Err(error) => {
            return Endpoint { broker, url: shown(template), took_ms: 0, came_of: Err(error.to_string()) };
        }
    };
    let page = dated_page(client, &url, LIMIT_BYTES).await;
    let took = began.0.elapsed();
    let came_of = page.map_err(|error| error.to_string()).map(|(page, date)| PageSeen {
        lines_of_use: page.readings.len(),
        tells: tells(&page),
        clock_ahead_ms: date.and_then(|date| clock_ahead(&date, began.1, took)),
    });
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    Endpoint { broker, url: shown(&url), took_ms, came_of }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The date was written at some moment between our question and the end of the answer, and rounded down to a second.
fn clock_ahead(date: &str, asked_at_ms: i64, took: Duration) -> Option<(i64, i64)> {
    let there_ms = OffsetDateTime::parse(date, &Rfc2822).ok()?.unix_timestamp().checked_mul(1_000)?;
    let answered_at_ms = asked_at_ms.checked_add(i64::try_from(took.as_millis()).ok()?)?;
    let most = there_ms.checked_add(DATE_STEP_MS)?.checked_sub(asked_at_ms)?;
    Some((there_ms.checked_sub(answered_at_ms)?, most))
}

/// What a page tells of, in the order in which it is wanted.
fn tells(page: &Page) -> Vec<&'static str> {
    let found: Vec<Meaning> = page
        .readings
        .iter()
        .filter_map(|reading| meaning(&reading.name, reading.labels.get("name").map(String::as_str)))
        .collect();
    let any = |is: fn(&Meaning) -> bool| found.iter().any(is);
    let flows =
        |flow| found.iter().any(|one| matches!(one, Meaning::Rate(of) | Meaning::Count(of) if *of == flow));
    [
        ("bytes in", flows(Flow::In)),
        ("bytes out", flows(Flow::Out)),
        ("replication", flows(Flow::ReplicationIn) || flows(Flow::ReplicationOut)),
        (
            "processor",
            any(|one| {
                matches!(
                    one,
                    Meaning::ProcessCpuLoad
                        | Meaning::ProcessCpuNanoseconds
                        | Meaning::PageCpuSeconds
                        | Meaning::NodeCpuSeconds
                )
            }),
        ),
        ("request times", any(|one| matches!(one, Meaning::RequestMs(_)))),
    ]
    .into_iter()
    .filter_map(|(what, is_told)| is_told.then_some(what))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_bounds_the_clock_to_the_second() {
        let at = OffsetDateTime::parse("Sun, 29 Nov 2026 16:39:35 GMT", &Rfc2822).expect("a date");
        let at_ms = at.unix_timestamp() * 1_000;
        let ahead = |date, asked| clock_ahead(date, asked, Duration::from_millis(200));
        // Asked half a second into it: nothing shows that the clocks differ.
        let same = ahead("Sun, 29 Nov 2026 16:39:35 GMT", at_ms + 500).expect("bounds");
        assert_eq!(same, (-700, 500));
        let ahead_by_a_minute = ahead("Sun, 29 Nov 2026 16:40:35 GMT", at_ms + 500).expect("bounds");
        assert_eq!(ahead_by_a_minute, (59_300, 60_500));
        assert_eq!(ahead("yesterday", at_ms), None);
    }
}
