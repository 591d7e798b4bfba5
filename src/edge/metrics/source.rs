//! [`Source`]: whoever tells of brokers' loads, and [`Sources`], which asks one after the other for what is lacking still.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::prometheus::Server;
use super::{MetricsError, Scraper};
use crate::base::BrokerId;
use crate::config::MetricsSettings;
use crate::observe::{BrokerMetrics, Gap, GapKind};

/// Live brokers, with their advertised hosts as far as known.
pub(super) type Brokers = BTreeMap<BrokerId, Option<String>>;

/// What a source told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scraped {
    /// By broker; one of which nothing was told is absent.
    pub metrics: BTreeMap<BrokerId, BrokerMetrics>,
    /// What could not be asked or read.
    pub gaps: Vec<Gap>,
}

/// Tells of brokers' loads.
pub(super) trait Source: Send {
    /// What it tells of these brokers now. May take a while; must not be called from async code.
    fn ask(&mut self, brokers: &Brokers) -> Scraped;
}

/// What a source told last, of which brokers: it may know nothing new for a while.
pub(super) struct Memory {
    good_for: Duration,
    last: Option<(Instant, Brokers, Scraped)>,
}

impl Memory {
    /// An empty one, of what is good for so long.
    pub fn new(good_for: Duration) -> Self {
        Self { good_for, last: None }
    }

    /// What was told of these brokers, if that is still good.
    pub fn recall(&self, brokers: &Brokers) -> Option<Scraped> {
        let (at, asked, told) = self.last.as_ref()?;
        (at.elapsed() < self.good_for && asked == brokers).then(|| told.clone())
    }

    /// Keeps what was told just now; what is not whole is to be asked for anew.
    pub fn keep(&mut self, brokers: &Brokers, told: &Scraped, is_whole: bool) {
        self.last = is_whole.then(|| (Instant::now(), brokers.clone(), told.clone()));
    }
}

/// The sources that the settings name. What the first tells of a broker counts, and the next fills in what that lacks.
pub(super) struct Sources(Vec<Box<dyn Source>>);

impl Sources {
    /// Sets up those that are asked over HTTP; asks nothing yet.
    ///
    /// # Errors
    /// A file that the settings name cannot be used.
    pub fn new(settings: &MetricsSettings) -> Result<Self, MetricsError> {
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        if !settings.endpoints.is_empty() {
            sources.push(Box::new(Scraper::new(settings)?));
        }
        if let Some(prometheus) = &settings.prometheus {
            sources.push(Box::new(Server::new(prometheus)?));
        }
        Ok(Self(sources))
    }

    /// Asks another one after these.
    pub fn push(&mut self, source: impl Source + 'static) {
        self.0.push(Box::new(source));
    }
}

impl Source for Sources {
    fn ask(&mut self, brokers: &Brokers) -> Scraped {
        let mut told = Scraped::default();
        for source in &mut self.0 {
            let is_complete = |broker| told.metrics.get(broker).is_some_and(BrokerMetrics::is_complete);
            if brokers.keys().all(is_complete) {
                break;
            }
            let more = source.ask(brokers);
            told.gaps.extend(more.gaps);
            for (broker, mut metrics) in more.metrics {
                let left_out = metrics.leave_out_impossible().into_iter();
                told.gaps.extend(left_out.map(|reason| Gap::of_broker(broker, GapKind::NetworkLoad, reason)));
                told.metrics.entry(broker).or_default().fill_from(metrics);
            }
        }
        told
    }
}
