//! What a server answers to a query, read strictly: anything but a whole vector is a [`Refusal`], in words that name the
//! mend.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde::Deserialize;

use crate::base::one_line;
use crate::config::PrometheusLogin;

/// One series, with its value now; the value may be no amount.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// The answer to a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Answer {
    pub series: Vec<Series>,
    /// What the server remarks about the query itself.
    pub remarks: Vec<String>,
}

/// Why an answer is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it wants to know who asks (401); give `bearer-token-file`, or `username` and `password-file`")]
    NoLogin,
    #[error("it does not accept who we are (401); what is in `{0}` may be wrong or expired")]
    WrongLogin(&'static str),
    #[error(
        "it does not let us query (403); whoever runs it has to allow that to the user that evenkeel is there"
    )]
    Denied,
    #[error(
        "it does not let us query (403); the AWS identity needs the right `aps:QueryMetrics`, and `sigv4.region` is the workspace's"
    )]
    DeniedByAws,
    #[error("it has no query API at that address (404); `url` ends where `/api/v1/query` begins")]
    NoApi,
    #[error("it sends us to another page ({0}), a login most often; `url` should be the server behind that")]
    Elsewhere(u16),
    #[error(
        "it answers an HTML page (HTTP status {0}), a login most often; `url` should be the server behind that"
    )]
    Html(u16),
    #[error("it is asked too often (429)")]
    TooOften,
    #[error("it answers HTTP status {0}")]
    Status(u16),
    #[error("it answers an error: {kind}: {text}")]
    Error { kind: String, text: String },
    #[error("it does not answer as a query API does: {0}")]
    NoAnswer(String),
    #[error("it answers with a {0} where a vector was asked for")]
    NoVector(String),
    #[error("its answer is not whole, as it says: {0}")]
    Partial(String),
    #[error("its answer is larger than {0} bytes; `labels` narrows down what it has to tell")]
    TooLarge(usize),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    /// What `VictoriaMetrics` says when some of its storage did not answer.
    #[serde(default)]
    is_partial: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    /// Seconds since the epoch, and the value as text.
    value: (f64, String),
}

/// An error without the rows that a good answer has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorEnvelope {
    #[serde(default)]
    error_type: String,
    error: String,
}

/// A kind of result, whatever its rows look like.
#[derive(Debug, Deserialize)]
struct Kind {
    data: KindData,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KindData {
    result_type: String,
}

/// Reads an answer.
pub(super) fn read(status: StatusCode, body: &[u8], login: &PrometheusLogin) -> Result<Answer, Refusal> {
    let is_html = body.trim_ascii_start().starts_with(b"<");
    match status.as_u16() {
        401 => {
            return Err(match login {
                PrometheusLogin::None => Refusal::NoLogin,
                PrometheusLogin::Bearer { .. } => Refusal::WrongLogin("bearer-token-file"),
                PrometheusLogin::Basic { .. } => Refusal::WrongLogin("password-file"),
                PrometheusLogin::SigV4 { .. } => Refusal::DeniedByAws,
            });
        }
        403 if matches!(login, PrometheusLogin::SigV4 { .. }) => return Err(Refusal::DeniedByAws),
        403 => return Err(Refusal::Denied),
        404 => return Err(Refusal::NoApi),
        429 => return Err(Refusal::TooOften),
        code @ 300..=399 => return Err(Refusal::Elsewhere(code)),
        code if is_html => return Err(Refusal::Html(code)),
        200 => {}
        code => {
            let said = serde_json::from_slice::<ErrorEnvelope>(body).map_err(|_| Refusal::Status(code))?;
            return Err(Refusal::Error { kind: short(&said.error_type), text: short(&said.error) });
        }
    }
    let envelope: Envelope = serde_json::from_slice(body).map_err(|error| no_answer(body, &error))?;
    if envelope.status != "success" {
        return Err(Refusal::Error { kind: short(&envelope.error_type), text: short(&envelope.error) });
    }
    // Remarks are about the query; warnings of any other kind mean that data are missing.
    let (remarks, warnings): (Vec<String>, Vec<String>) =
        envelope.warnings.into_iter().partition(|warning| warning.starts_with("PromQL "));
    if let Some(warning) = warnings.first() {
        return Err(Refusal::Partial(short(warning)));
    }
    if envelope.is_partial {
        return Err(Refusal::Partial("isPartial".to_owned()));
    }
    let data = envelope.data.ok_or_else(|| Refusal::NoAnswer("it has no data".to_owned()))?;
    if data.result_type != "vector" {
        return Err(Refusal::NoVector(short(&data.result_type)));
    }
    let series = data.result.into_iter().map(|row| {
        let value = row
            .value
            .1
            .parse()
            .map_err(|_| Refusal::NoAnswer(format!("`{}` is not a number", short(&row.value.1))))?;
        Ok(Series { labels: row.metric, value })
    });
    let remarks = remarks.iter().map(|remark| short(remark)).collect();
    Ok(Answer { series: series.collect::<Result<_, _>>()?, remarks })
}

/// Rows of another kind do not fit the form of a vector's; then the kind is what is wrong.
fn no_answer(body: &[u8], error: &serde_json::Error) -> Refusal {
    match serde_json::from_slice::<Kind>(body) {
        Ok(kind) if kind.data.result_type != "vector" => Refusal::NoVector(short(&kind.data.result_type)),
        _ => Refusal::NoAnswer(short(&error.to_string())),
    }
}

/// A server's words, as many as a line holds.
fn short(text: &str) -> String {
    one_line(text, 200)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
