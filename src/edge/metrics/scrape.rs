//! Asking the endpoints: every broker at once, each with its own time limit, from a caller that is not async.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::MetricsError;
use super::http::{PemFile, body, client, runtime, unreachable};
use super::sheet::Sheet;
use super::source::{Brokers, Scraped, Source};
use super::text::{self, Page};
use crate::base::BrokerId;
use crate::config::MetricsSettings;
use crate::edge::web_client::shown;
use crate::observe::{BrokerMetrics, Gap, GapKind};

/// The most bytes of a page that are read; a broker with ten thousand replicas shows a tenth of this.
pub(super) const LIMIT_BYTES: usize = 256 << 20;

/// How many pages are fetched at a time: enough for the largest clusters, too few to fill the memory.
const AT_ONCE: usize = 64;

/// How long to wait for a second look where one look at counters tells no rates.
const SECOND_LOOK_AFTER: Duration = Duration::from_secs(5);

/// Asks brokers' endpoints. Keeps the last look at each broker, so that counters turn into rates.
pub struct Scraper {
    runtime: Runtime,
    client: Client,
    endpoints: Vec<String>,
    second_look_after: Duration,
    limit_bytes: usize,
    before: BTreeMap<BrokerId, Sheet>,
}

/// One look at one broker: what was read, and which endpoints failed.
struct Look {
    sheet: Sheet,
    failed: Vec<MetricsError>,
    is_empty: bool,
}

impl Scraper {
    /// Sets up the client; asks nothing yet.
    ///
    /// # Errors
    /// The file of authorities cannot be read, or the machine gives no threads or sockets.
    pub fn new(settings: &MetricsSettings) -> Result<Self, MetricsError> {
        Ok(Self {
            runtime: runtime()?,
            client: client_of(settings)?,
            endpoints: settings.endpoints.clone(),
            second_look_after: SECOND_LOOK_AFTER,
            limit_bytes: LIMIT_BYTES,
            before: BTreeMap::new(),
        })
    }

    /// Waits this long before a second look, instead of five seconds.
    #[must_use]
    pub fn with_second_look_after(mut self, wait: Duration) -> Self {
        self.second_look_after = wait;
        self
    }

    /// Asks every broker, given by id and advertised host. Where counters are all that a broker shows and there is no
    /// earlier look to compare them with, it is looked at twice. Must not be called from async code.
    pub fn scrape_all(&mut self, targets: &Brokers) -> Scraped {
        let mut looks = self.look(targets);
        let wants_another = |id: &BrokerId| {
            let follows = |look: &Look| self.before.get(id).is_some_and(|before| look.sheet.follows(before));
            looks.get(id).is_some_and(|look| !follows(look) && look.sheet.wants_another())
        };
        let wanting: BTreeMap<_, _> = targets
            .iter()
            .filter(|(id, _)| wants_another(id))
            .map(|(id, host)| (*id, host.clone()))
            .collect();
        if !wanting.is_empty() {
            std::thread::sleep(self.second_look_after);
            for (id, second) in self.look(&wanting) {
                if !second.is_empty
                    && let Some(first) = looks.insert(id, second)
                {
                    self.before.insert(id, first.sheet);
                }
            }
        }
        let mut scraped = Scraped::default();
        for (id, look) in looks {
            let before = self.before.get(&id);
            let metrics = look.sheet.metrics(before);
            scraped.gaps.extend(gaps(id, &look, &metrics));
            if !look.is_empty {
                scraped.metrics.insert(id, metrics);
                self.before.insert(id, look.sheet);
            }
        }
        self.before.retain(|id, _| targets.contains_key(id));
        scraped
    }

    fn look(&self, targets: &Brokers) -> BTreeMap<BrokerId, Look> {
        let mut looks: BTreeMap<BrokerId, Look> = BTreeMap::new();
        for (id, at, page) in self.runtime.block_on(self.pages(targets)) {
            let look = looks.entry(id).or_insert_with(|| Look {
                sheet: Sheet::new(at),
                failed: Vec::new(),
                is_empty: true,
            });
            match page {
                Ok(page) => {
                    look.is_empty &= page.readings.is_empty();
                    look.sheet.add(&page, at);
                }
                Err(error) => look.failed.push(error),
            }
        }
        looks
    }

    /// All pages of all brokers, ordered by broker and endpoint, and when each came.
    async fn pages(&self, targets: &Brokers) -> Vec<(BrokerId, Instant, Result<Page, MetricsError>)> {
        let gate = Arc::new(Semaphore::new(AT_ONCE));
        let mut asked = JoinSet::new();
        let mut pages = BTreeMap::new();
        for (id, host) in targets {
            for (position, template) in self.endpoints.iter().enumerate() {
                let url = match address(template, *id, host.as_deref()) {
                    Ok(url) => url,
                    Err(error) => {
                        pages.insert((*id, position), (Instant::now(), Err(error)));
                        continue;
                    }
                };
                let (client, gate, id, limit_bytes) =
                    (self.client.clone(), gate.clone(), *id, self.limit_bytes);
                asked.spawn(async move {
                    let _turn = gate.acquire().await;
                    let page = page(&client, &url, limit_bytes).await;
                    ((id, position), (Instant::now(), page))
                });
            }
        }
        while let Some(done) = asked.join_next().await {
            let (key, page) = done.expect("a scrape neither panics nor is called off");
            pages.insert(key, page);
        }
        pages.into_iter().map(|((id, _), (at, page))| (id, at, page)).collect()
    }
}

/// The HTTP client for endpoints.
pub(super) fn client_of(settings: &MetricsSettings) -> Result<Client, MetricsError> {
    let authority = settings.ca_file.as_deref().map(|path| PemFile { key: "metrics.ca-file", path });
    client(authority, None, settings.timeout)
}

/// Puts a broker into an address.
pub(super) fn address(template: &str, id: BrokerId, host: Option<&str>) -> Result<String, MetricsError> {
    let url = template.replace("{id}", &id.to_string());
    if !url.contains("{host}") {
        return Ok(url);
    }
    let Some(host) = host.filter(|host| !host.is_empty()) else {
        return Err(MetricsError::NoHost { template: shown(template), broker: id });
    };
    let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
    Ok(url.replace("{host}", &if is_bare_ipv6 { format!("[{host}]") } else { host.to_owned() }))
}

async fn page(client: &Client, url: &str, limit_bytes: usize) -> Result<Page, MetricsError> {
    dated_page(client, url, limit_bytes).await.map(|(page, _)| page)
}

/// A page, and the date on the answer, which is what the clock says on the machine that serves it.
pub(super) async fn dated_page(
    client: &Client,
    url: &str,
    limit_bytes: usize,
) -> Result<(Page, Option<String>), MetricsError> {
    let mut response = client.get(url).send().await.map_err(|error| unreachable(url, &error))?;
    let status = response.status();
    if status != reqwest::StatusCode::OK {
        return Err(MetricsError::Status { url: shown(url), status: status.as_u16() });
    }
    let date = response.headers().get(reqwest::header::DATE);
    let date = date.and_then(|date| date.to_str().ok()).map(str::to_owned);
    let bytes = body(&mut response, url, limit_bytes).await?;
    let page = text::read(&bytes).map_err(|problem| MetricsError::NotMetrics { url: shown(url), problem })?;
    Ok((page, date))
}

impl Source for Scraper {
    fn ask(&mut self, brokers: &Brokers) -> Scraped {
        self.scrape_all(brokers)
    }
}

fn gaps(id: BrokerId, look: &Look, metrics: &BrokerMetrics) -> Vec<Gap> {
    let has_traffic = metrics.knows_bytes_in();
    let mut reasons: Vec<String> = look.failed.iter().map(ToString::to_string).collect();
    if look.is_empty && reasons.is_empty() {
        reasons.push("the metrics page holds none of the metrics that evenkeel knows".to_owned());
    }
    let gap = |kind, reason: &str| Gap::of_broker(id, kind, reason);
    let mut gaps = Vec::new();
    for reason in &reasons {
        let lacks_cpu = metrics.cpu_cores_used.is_none();
        if !has_traffic || !lacks_cpu {
            gaps.push(gap(GapKind::NetworkLoad, reason));
        }
        if lacks_cpu {
            gaps.push(gap(GapKind::CpuLoad, reason));
        }
    }
    let faults = look.sheet.faults.words();
    if !faults.is_empty() {
        gaps.push(gap(GapKind::NetworkLoad, &faults));
    }
    gaps
}

#[cfg(test)]
#[path = "scrape_tests.rs"]
mod tests;
