//! A Prometheus server (or one that answers the same queries: Thanos, Mimir, `VictoriaMetrics`) as a source: no way to the
//! brokers' exporters is needed.
//!
//! `queries.rs` is what it is asked, `login.rs` how it is told who asks, `answer.rs` reads what it answers, `directory.rs` knows which broker a series is about, and
//! `book.rs` keeps what is told of each. All queries of a look are asked at once.

mod answer;
mod book;
mod directory;
mod login;
mod queries;

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Client, Request, StatusCode};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use self::answer::{Answer, Refusal};
use self::book::Book;
use self::directory::Directory;
use self::login::Login;
use self::queries::{About, Query};
use super::MetricsError;
use super::http::{PemFile, body, client, runtime, unreachable};
use super::source::{Brokers, Memory, Scraped, Source};
use crate::base::{BrokerId, format_duration};
use crate::config::{PrometheusLogin, PrometheusSettings};
use crate::edge::aws::{AwsError, Identity};
use crate::observe::{BrokerMetrics, Gap, GapKind};

/// The most bytes of one answer that are read: half a million series.
const LIMIT_BYTES: usize = 128 << 20;

/// A server that scrapes every quarter of a minute, as the quickest do, knows nothing new before that.
const ASKED_EVERY: Duration = Duration::from_secs(15);

/// Why a query got no answer of use.
#[derive(Debug, thiserror::Error)]
enum QueryError {
    #[error(transparent)]
    Http(#[from] MetricsError),
    #[error("{url}: {refusal}")]
    Refused { url: String, refusal: Refusal },
    #[error("metrics.prometheus.{key} `{path}`: {problem}")]
    Secret { key: &'static str, path: String, problem: String },
    #[error("metrics.prometheus.sigv4: {0}")]
    Aws(#[from] AwsError),
    #[error("{url}: the request cannot be made")]
    NoRequest { url: String },
}

/// Asks a Prometheus server.
pub(super) struct Server {
    runtime: Runtime,
    client: Client,
    settings: PrometheusSettings,
    limit_bytes: usize,
    /// Who this machine is at AWS, where requests are signed.
    aws: Option<Identity>,
    memory: Memory,
}

impl Server {
    /// Sets up the client; asks nothing yet.
    ///
    /// # Errors
    /// A file that the settings name cannot be used.
    pub fn new(settings: &PrometheusSettings) -> Result<Self, MetricsError> {
        let file = |key, path| PemFile { key, path };
        let authority = settings.ca_file.as_deref().map(|path| file("metrics.prometheus.ca-file", path));
        let identity = settings.identity.as_ref().map(|(certificate, key)| {
            (
                file("metrics.prometheus.certificate-file", certificate),
                file("metrics.prometheus.key-file", key),
            )
        });
        Ok(Self {
            runtime: runtime()?,
            client: client(authority, identity, settings.timeout)?,
            settings: settings.clone(),
            limit_bytes: LIMIT_BYTES,
            aws: match &settings.login {
                PrometheusLogin::SigV4 { profile, .. } => Some(Identity::of_this_machine(profile.as_deref())),
                _ => None,
            },
            memory: Memory::new(ASKED_EVERY),
        })
    }

    /// All answers, in the order of the queries.
    fn answers(&self, queries: &[Query]) -> Vec<(About, Result<Answer, QueryError>)> {
        let login = match self.runtime.block_on(Login::read(&self.settings.login, self.aws.as_ref())) {
            Ok(login) => login,
            Err(error) => return vec![(queries[0].about, Err(error))],
        };
        let url = format!("{}/api/v1/query", self.settings.url);
        let mut answers: Vec<_> = self.runtime.block_on(async {
            let mut asked = JoinSet::new();
            for (position, query) in queries.iter().enumerate() {
                let form = [("query", query.expression.as_str())];
                let request = login.sign(self.client.post(&url).form(&form), &url);
                let (client, kind, url) = (self.client.clone(), self.settings.login.clone(), url.clone());
                let (about, limit_bytes) = (query.about, self.limit_bytes);
                asked.spawn(async move {
                    let answer = match request {
                        Ok(request) => ask(&client, request, &url, &kind, limit_bytes).await,
                        Err(error) => Err(error),
                    };
                    (position, about, answer)
                });
            }
            asked.join_all().await
        });
        answers.sort_by_key(|(position, ..)| *position);
        answers.into_iter().map(|(_, about, answer)| (about, answer)).collect()
    }

    fn look(&self, brokers: &Brokers) -> (Scraped, bool) {
        tell(
            &self.settings,
            brokers,
            self.answers(&queries::all(&self.settings.labels, self.settings.max_age)),
        )
    }
}

/// What the answers to all queries tell of these brokers, and whether all came.
fn tell(
    settings: &PrometheusSettings,
    brokers: &Brokers,
    answers: Vec<(About, Result<Answer, QueryError>)>,
) -> (Scraped, bool) {
    let directory = Directory::new(settings, brokers);
    let mut book = Book::new(&directory);
    let mut failed: BTreeSet<String> = BTreeSet::new();
    let mut remarks: BTreeSet<String> = BTreeSet::new();
    for (about, answer) in answers {
        match answer {
            Ok(answer) => {
                book.add(about, answer.series);
                remarks.extend(answer.remarks);
            }
            Err(error) => {
                failed.insert(error.to_string());
            }
        }
    }
    let figures = book.figures();
    let metrics = figures.iter().map(|(broker, figures)| (*broker, figures.metrics())).collect();
    let mut told = Scraped { metrics, gaps: Vec::new() };
    for broker in brokers.keys() {
        let reasons = reasons(settings, *broker, &book, &failed);
        told.gaps.extend(gaps(*broker, told.metrics.get(broker), &reasons));
    }
    let is_told = |reason: &&String| told.gaps.iter().any(|gap| gap.reason == **reason);
    let without_harm: Vec<String> = failed.iter().filter(|reason| !is_told(reason)).cloned().collect();
    let said = book.strangers(&settings.broker_label).chain(remarks);
    let said = said.map(|reason| format!("{}: {reason}", settings.url));
    let of_all = without_harm.into_iter().chain(said).map(|reason| Gap {
        kind: GapKind::NetworkLoad,
        subject: String::new(),
        reason,
    });
    told.gaps.extend(of_all);
    (told, failed.is_empty())
}

/// Why something of a broker may be unknown, by what it is.
fn reasons(
    settings: &PrometheusSettings,
    broker: BrokerId,
    book: &Book<'_>,
    failed: &BTreeSet<String>,
) -> Vec<(Option<GapKind>, String)> {
    let troubles = book.troubles().filter(|(of, ..)| *of == broker);
    let mut reasons: Vec<_> =
        troubles.map(|(_, kind, words)| (Some(kind), format!("{}: {words}", settings.url))).collect();
    reasons.extend(failed.iter().map(|reason| (None, reason.clone())));
    if reasons.is_empty() {
        let age = format_duration(settings.max_age);
        reasons.push((None, format!("{}: nothing is told of it in the last {age}", settings.url)));
    }
    reasons
}

/// Reads what is answered to each query of a look, by an HTTP status and a body, and says what that tells of these brokers.
pub(super) fn read_answers(
    settings: &PrometheusSettings,
    brokers: &Brokers,
    mut answer: impl FnMut(&str) -> (u16, Vec<u8>),
) -> Scraped {
    let mut answers = Vec::new();
    for query in queries::all(&settings.labels, settings.max_age) {
        let (status, body) = answer(&query.expression);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let read = answer::read(status, &body, &settings.login);
        let refused = |refusal| QueryError::Refused { url: settings.url.clone(), refusal };
        answers.push((query.about, read.map_err(refused)));
    }
    tell(settings, brokers, answers).0
}

impl Source for Server {
    fn ask(&mut self, brokers: &Brokers) -> Scraped {
        if let Some(told) = self.memory.recall(brokers) {
            return told;
        }
        let (told, is_whole) = self.look(brokers);
        self.memory.keep(brokers, &told, is_whole);
        told
    }
}

async fn ask(
    client: &Client,
    request: Request,
    url: &str,
    login: &PrometheusLogin,
    limit_bytes: usize,
) -> Result<Answer, QueryError> {
    let refused = |refusal| QueryError::Refused { url: url.to_owned(), refusal };
    let mut response = client.execute(request).await.map_err(|error| unreachable(url, &error))?;
    let status = response.status();
    let bytes = match body(&mut response, url, limit_bytes).await {
        Err(MetricsError::TooLarge { limit_bytes, .. }) => {
            return Err(refused(Refusal::TooLarge(limit_bytes)));
        }
        other => other?,
    };
    answer::read(status, &bytes, login).map_err(refused)
}

/// What is unknown of a broker, with each reason that it may have.
fn gaps(broker: BrokerId, told: Option<&BrokerMetrics>, reasons: &[(Option<GapKind>, String)]) -> Vec<Gap> {
    let has_traffic = told.is_some_and(BrokerMetrics::knows_traffic);
    let has_cpu = told.is_some_and(|told| told.cpu_cores_used.is_some());
    let subject = format!("broker {broker}");
    let gap = |kind, reason: &String| Gap { kind, subject: subject.clone(), reason: reason.clone() };
    let mut gaps = Vec::new();
    for (kind, reason) in reasons {
        if let Some(kind) = kind {
            gaps.push(gap(*kind, reason));
            continue;
        }
        if !has_traffic {
            gaps.push(gap(GapKind::NetworkLoad, reason));
        }
        if !has_cpu {
            gaps.push(gap(GapKind::CpuLoad, reason));
        }
    }
    gaps
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
