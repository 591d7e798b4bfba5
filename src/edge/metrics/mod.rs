//! Loads from metrics: the brokers' own Prometheus endpoints (JMX exporters, with the names that MSK's open monitoring has
//! too, and node exporters), a Prometheus server that scrapes them, and the topic of Cruise Control's metrics reporter, each turned
//! into [`crate::observe::BrokerMetrics`].
//!
//! `source.rs` is what the sources have in common. Of endpoints, `scrape.rs` asks over HTTP, `text.rs` reads a page, and
//! `sheet.rs` turns one or two looks into rates; `prometheus/` asks a server, `reporter/` reads the topic. `names.rs` knows which metrics mean what, and
//! `figures.rs` what follows from them. `pulse.rs` asks in the background while an execution runs, `world.rs` adds all of it
//! to what a [`crate::control::World`] sees. `offline.rs` reads what each source would send without asking anybody. Nothing that was asked for is lost in silence: an endpoint that fails or a line
//! that cannot be read is a gap of the observation.

mod figures;
mod http;
mod names;
mod offline;
mod prometheus;
mod pulse;
mod reporter;
mod scrape;
mod sheet;
mod source;
#[cfg(test)]
mod test_server;
mod text;
mod visit;
mod world;

pub use offline::{read_answers, read_page, read_reports};
pub use scrape::Scraper;
pub use source::Scraped;
pub use visit::visit;
pub use world::MeteredWorld;

use crate::base::BrokerId;

/// Why metrics cannot be asked for, or why an endpoint's answer is of no use.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A file with certificates or a key cannot be used.
    #[error("{key} `{path}`: {problem}")]
    File {
        /// The setting that names it.
        key: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The HTTP client cannot be set up.
    #[error("cannot set up the client for metrics: {0}")]
    Client(String),
    /// The endpoint does not answer.
    #[error("{url}: {problem}")]
    Unreachable {
        /// The address, without credentials.
        url: String,
        /// What happened.
        problem: String,
    },
    /// It answers something other than 200.
    #[error("{url}: HTTP status {status}")]
    Status {
        /// The address, without credentials.
        url: String,
        /// The status.
        status: u16,
    },
    /// It does not stop answering.
    #[error("{url}: the page is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The address, without credentials.
        url: String,
        /// The most that is read.
        limit_bytes: usize,
    },
    /// It answers something that is no metrics page.
    #[error("{url}: {problem}")]
    NotMetrics {
        /// The address, without credentials.
        url: String,
        /// What it looks like.
        problem: PageError,
    },
    /// The address cannot be made, since the broker's host is not known.
    #[error("{template}: the host of broker {broker} is not known")]
    NoHost {
        /// The address as set, without credentials.
        template: String,
        /// The broker.
        broker: BrokerId,
    },
}

/// Why a page is no metrics page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// It is not UTF-8.
    #[error("the answer is not text")]
    NotText,
    /// A login or error page, most often.
    #[error("the answer is an HTML page, not metrics")]
    Html,
    /// Nothing in it has the form of a metric.
    #[error("the answer holds no metrics")]
    NoMetrics,
}
