//! How a server is told who asks: by what stands in the files of a login, or by the signature of an AWS identity.

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Request, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;

use super::QueryError;
use crate::config::PrometheusLogin;
use crate::edge::aws::{Credentials, Identity, Signer, Unsigned};

/// What AWS calls the service in signatures.
const AWS_SERVICE: &str = "aps";

/// A login as it is at this moment.
pub(super) enum Login {
    None,
    Bearer(SecretString),
    Basic(String, SecretString),
    Aws { credentials: Credentials, region: String },
}

impl Login {
    /// Reads its files, or asks for the credentials of the AWS identity.
    pub async fn read(login: &PrometheusLogin, aws: Option<&Identity>) -> Result<Self, QueryError> {
        Ok(match login {
            PrometheusLogin::None => Self::None,
            PrometheusLogin::Bearer { token_file } => Self::Bearer(secret("bearer-token-file", token_file)?),
            PrometheusLogin::Basic { username, password_file } => {
                Self::Basic(username.clone(), secret("password-file", password_file)?)
            }
            PrometheusLogin::SigV4 { region, .. } => match aws {
                Some(identity) => {
                    Self::Aws { credentials: identity.credentials().await?, region: region.clone() }
                }
                None => Self::None,
            },
        })
    }

    /// The request with what shows who asks.
    pub fn sign(&self, request: RequestBuilder, url: &str) -> Result<Request, QueryError> {
        let request = match self {
            Self::None | Self::Aws { .. } => request,
            Self::Bearer(token) => request.bearer_auth(token.expose_secret()),
            Self::Basic(user, password) => request.basic_auth(user, Some(password.expose_secret())),
        };
        let no_request = || QueryError::NoRequest { url: url.to_owned() };
        let mut request = request.build().map_err(|_| no_request())?;
        if let Self::Aws { credentials, region } = self {
            for (name, value) in signature(&request, credentials, region) {
                let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| no_request())?;
                value.set_sensitive(true);
                request.headers_mut().insert(name, value);
            }
        }
        Ok(request)
    }
}

fn signature(
    request: &Request,
    credentials: &Credentials,
    region: &str,
) -> Vec<(&'static str, SecretString)> {
    let url = request.url();
    let name = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let signer = Signer { credentials, region, service: AWS_SERVICE, at: OffsetDateTime::now_utc() };
    signer.headers(&Unsigned {
        method: request.method().as_str(),
        host: &host,
        path: url.path(),
        query: &[],
        headers: &[("content-type", kind)],
        body: request.body().and_then(Body::as_bytes).unwrap_or_default(),
    })
}

fn secret(key: &'static str, path: &str) -> Result<SecretString, QueryError> {
    let wrong = |problem: String| QueryError::Secret { key, path: path.to_owned(), problem };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let text = SecretString::from(text.trim());
    let is_sendable = text.expose_secret().bytes().all(|c| c >= b' ' && c != 0x7f);
    if text.expose_secret().is_empty() || !is_sendable {
        return Err(wrong("holds no secret of one line".to_owned()));
    }
    Ok(text)
}
