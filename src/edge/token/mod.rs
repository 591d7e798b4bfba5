//! [`TokenSource`]: tokens by which SASL OAUTHBEARER lets us in, fetched anew before they expire. Our own client and
//! librdkafka's share one for each login, so that neither asks for what the other has.

mod oidc;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{KafkaClientSettings, SaslSettings, TokenLogin};
use crate::edge::aws::{self, AwsError, Identity};

/// After this share of its life a token is fetched anew. Sessions are renewed at 0.85 of theirs, which is not longer, so
/// that they find a fresh one.
const RENEW_AT: f64 = 0.8;

/// While the endpoint is out of order, and the old token still holds, it is not asked more often.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A token.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token itself.
    pub value: SecretString,
    /// Whom it stands for (`sub`), where it tells; else who asked for it.
    pub principal: String,
    /// What the brokers are told beside it.
    pub extensions: BTreeMap<String, String>,
    /// When it was fetched.
    pub fetched: SystemTime,
    /// How long it holds from then.
    pub lifetime: Duration,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The endpoint cannot be reached.
    #[error("the token endpoint {url} cannot be reached: {problem}")]
    Unreachable {
        /// The address, without credentials.
        url: String,
        /// What happened.
        problem: String,
    },
    /// The endpoint says no.
    #[error("the token endpoint {url} gives no token: {problem}")]
    Refused {
        /// The address, without credentials.
        url: String,
        /// Its words.
        problem: String,
    },
    /// What it answers is no token.
    #[error("the answer of the token endpoint {url} is of no use: {problem}")]
    Malformed {
        /// The address, without credentials.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The authorities to trust cannot be read.
    #[error("`https.ca.location`: {0}")]
    Authorities(String),
    /// There is no AWS identity.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The machine gives no thread or runtime to fetch it on.
    #[error("a token cannot be fetched: {0}")]
    Machine(String),
}

impl TokenError {
    /// Whether it may pass by itself.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Aws(AwsError::Credentials(_)))
    }
}

/// Gives tokens.
#[derive(Debug)]
pub struct TokenSource {
    login: TokenLogin,
    /// Hosts of brokers, which tell the AWS region.
    hosts: Vec<String>,
    identity: Option<Identity>,
    held: tokio::sync::Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    token: Token,
    renew_at: Instant,
    ends_at: Instant,
}

/// One source for each login of this process.
static SOURCES: Mutex<Vec<Arc<TokenSource>>> = Mutex::new(Vec::new());

impl TokenSource {
    /// The source for the login of these settings, shared with whoever else logs in so; `None` where no token is needed.
    pub fn of(settings: &KafkaClientSettings) -> Option<Arc<Self>> {
        let Some(SaslSettings::Token(login)) = &settings.sasl else { return None };
        let hosts: Vec<String> = settings.bootstrap.iter().map(|address| address.host.clone()).collect();
        let mut sources = SOURCES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sources.iter().find(|known| known.login == *login && known.hosts == hosts) {
            return Some(Arc::clone(known));
        }
        let identity = match login {
            TokenLogin::MskIam(iam) => Some(Identity::of_this_machine(iam.profile.as_deref())),
            TokenLogin::Oidc(_) => None,
        };
        let held = tokio::sync::Mutex::new(None);
        let source = Arc::new(Self { login: login.clone(), hosts, identity, held });
        sources.push(Arc::clone(&source));
        Some(source)
    }

    /// A token that holds: the one that is known, or a new one.
    ///
    /// # Errors
    /// There is none to be had, and the one before does not hold any more.
    pub async fn token(&self) -> Result<Token, TokenError> {
        let mut held = self.held.lock().await;
        if let Some(known) = held.as_ref().filter(|known| Instant::now() < known.renew_at) {
            return Ok(known.token.clone());
        }
        match self.fetch().await {
            Ok(token) => {
                tracing::debug!(lifetime_s = token.lifetime.as_secs(), "a new token was fetched");
                let now = Instant::now();
                *held = Some(Held {
                    token: token.clone(),
                    renew_at: now + token.lifetime.mul_f64(RENEW_AT),
                    ends_at: now + token.lifetime,
                });
                Ok(token)
            }
            Err(error) => match held.as_mut().filter(|known| Instant::now() < known.ends_at) {
                Some(known) => {
                    tracing::warn!("no new token could be fetched, the old one still holds: {error}");
                    known.renew_at = Instant::now() + AGAIN_AFTER;
                    Ok(known.token.clone())
                }
                None => Err(error),
            },
        }
    }

    /// The same, for callers that are not async. On a thread of its own: they may stand on a runtime.
    ///
    /// # Errors
    /// As [`TokenSource::token`].
    pub fn token_now(self: &Arc<Self>) -> Result<Token, TokenError> {
        let source = Arc::clone(self);
        let machine = |error: std::io::Error| TokenError::Machine(error.to_string());
        let fetching = std::thread::Builder::new().name("token".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(machine)?.block_on(source.token())
        });
        let fetched = fetching.map_err(machine)?.join();
        fetched.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    async fn fetch(&self) -> Result<Token, TokenError> {
        match (&self.login, &self.identity) {
            (TokenLogin::Oidc(login), _) => oidc::fetch(login).await,
            (TokenLogin::MskIam(_), None) => Err(AwsError::NoCredentials.into()),
            (TokenLogin::MskIam(_), Some(identity)) => {
                let region = aws::region_of(self.hosts.iter().map(String::as_str))?;
                let credentials = identity.credentials().await?;
                let fetched = SystemTime::now();
                let signed = aws::msk_token(&credentials, &region, fetched.into());
                Ok(Token {
                    value: signed.value,
                    principal: credentials.access_key_id,
                    extensions: BTreeMap::new(),
                    fetched,
                    lifetime: signed.lifetime,
                })
            }
        }
    }
}

impl Token {
    /// The moment at which it ends, in milliseconds since 1970.
    pub fn ends_at_ms(&self) -> i64 {
        let ends = self.fetched + self.lifetime;
        let since = ends.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// What a token of the usual form (JWT) says in the clear; `None` where it is of another. Nothing is verified: that is for
/// the brokers.
fn claims(token: &SecretString) -> Option<serde_json::Value> {
    let payload = token.expose_secret().split('.').nth(1)?;
    let bytes =
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}
