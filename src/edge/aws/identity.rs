//! [`Identity`]: the AWS credentials of this machine, from wherever it has them: environment, shared profiles, SSO, web
//! identity, containers, instance metadata, in that order. The library walks through them; files, environment and HTTP are
//! given to it here.

use std::time::Duration;

use bytes::Bytes;
use reqsign_aws_core::{Credential, DefaultCredentialProvider, DefaultCredentialProviderBuilder};
use reqsign_core::{Context, Env, FileRead, HttpSend, OsEnv, ProvideCredential as _, SigningCredential as _};
use secrecy::SecretString;

use super::AwsError;
use super::sign::Credentials;
use crate::edge::web_client::{self, BodyError, ClientError};

/// Off AWS nobody answers at the address of the instance metadata: it must not be waited for.
const HTTP_LIMIT: Duration = Duration::from_secs(5);

/// The most of a file of credentials, or of an answer, that is read.
const LIMIT_BYTES: usize = 1 << 20;

/// Who this machine is at AWS.
#[derive(Debug)]
pub struct Identity {
    provider: DefaultCredentialProvider,
    context: Context,
    known: tokio::sync::Mutex<Option<Credential>>,
}

impl Identity {
    /// The identity of this machine; asks nothing yet. `profile` names one of the shared files, where it is not to be the
    /// usual one.
    pub fn of_this_machine(profile: Option<&str>) -> Self {
        Self::in_environment(profile, OsEnv)
    }

    /// The identity that an environment tells.
    pub(in crate::edge) fn in_environment(profile: Option<&str>, environment: impl Env) -> Self {
        let context = Context::new().with_env(environment).with_file_read(Files).with_http_send(Http);
        let mut builder = DefaultCredentialProviderBuilder::new();
        if let Some(profile) = profile {
            builder = builder.with_profile(profile);
        }
        Self { provider: builder.build(), context, known: tokio::sync::Mutex::new(None) }
    }

    /// The credentials, asked for anew when those that are known near their end.
    ///
    /// # Errors
    /// Nothing tells who we are.
    pub async fn credentials(&self) -> Result<Credentials, AwsError> {
        let mut known = self.known.lock().await;
        if let Some(credential) = known.as_ref().filter(|credential| credential.is_valid()) {
            return Ok(plain(credential));
        }
        let found = self.provider.provide_credential(&self.context).await;
        // What the library says of a failure names places and no secrets.
        let found = found.map_err(|error| AwsError::Credentials(error.to_string()))?;
        let found = found.ok_or(AwsError::NoCredentials)?;
        let credentials = plain(&found);
        *known = Some(found);
        Ok(credentials)
    }
}

fn plain(credential: &Credential) -> Credentials {
    Credentials {
        access_key_id: credential.access_key_id.clone(),
        secret_access_key: SecretString::from(credential.secret_access_key.clone()),
        session_token: credential.session_token.clone().map(SecretString::from),
    }
}

/// Files as they are: they are small and at hand.
#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let wrong = |problem: String| reqsign_core::Error::config_invalid(format!("{path}: {problem}"));
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        if bytes.len() > LIMIT_BYTES {
            return Err(wrong("it is larger than 1 MiB".to_owned()));
        }
        Ok(bytes)
    }
}

/// One request, one client: they are rare, and a client does not outlive the runtime that it was made on.
#[derive(Debug)]
struct Http;

impl HttpSend for Http {
    async fn http_send(&self, request: http::Request<Bytes>) -> reqsign_core::Result<http::Response<Bytes>> {
        let failed = |error: reqwest::Error| {
            // Without the address: its query may hold a token.
            reqsign_core::Error::unexpected(error.without_url().to_string())
        };
        let client = web_client::client(web_client::system_authorities(), None, HTTP_LIMIT);
        let client = client.map_err(|error| match error {
            ClientError::Client(error) => failed(error),
            error => reqsign_core::Error::unexpected(error.to_string()),
        })?;
        let (parts, body) = request.into_parts();
        let sent = client.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
        let mut answer = sent.send().await.map_err(failed)?;
        let mut response = http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let bytes = web_client::body(&mut answer, LIMIT_BYTES).await.map_err(|error| match error {
            BodyError::Broken(error) => failed(error),
            BodyError::TooLarge { .. } => reqsign_core::Error::unexpected("the answer is larger than 1 MiB"),
        })?;
        response.body(Bytes::from(bytes)).map_err(|error| reqsign_core::Error::unexpected(error.to_string()))
    }
}
