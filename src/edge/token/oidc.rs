//! Client credentials (RFC 6749, section 4.4): a form goes to the provider's token endpoint, a token comes back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Token, TokenError, claims};
use crate::config::OidcLogin;
use crate::edge::pem;
use crate::edge::web_client::{self, BodyError, innermost, shown};

/// How long the endpoint may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The most bytes of an answer.
const LIMIT_BYTES: usize = 1 << 20;

/// The most of the endpoint's words that are repeated.
const WORDS_MAX: usize = 200;

/// What the endpoint answers; `error` where there is no token.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<serde_json::Number>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Fetches a token.
pub(super) async fn fetch(login: &OidcLogin) -> Result<Token, TokenError> {
    let url = shown(&login.endpoint);
    let unreachable =
        |error: reqwest::Error| TokenError::Unreachable { url: url.clone(), problem: problem(&error) };
    let client = client(login)?;
    let fetched = SystemTime::now();
    let request = client
        .post(&login.endpoint)
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", basic(login))
        .body(form(login));
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let malformed = |problem: &str| TokenError::Malformed { url: url.clone(), problem: problem.to_owned() };
    let body = web_client::body(&mut response, LIMIT_BYTES).await.map_err(|error| match error {
        BodyError::Broken(error) => unreachable(error),
        BodyError::TooLarge { .. } => malformed("it is larger than 1 MiB"),
    })?;
    let answer: Result<Answer, _> = serde_json::from_slice(&body);
    if !status.is_success() {
        let told = answer.ok().and_then(|answer| words(&answer)).unwrap_or_default();
        let problem = format!("HTTP status {} {told}", status.as_u16()).trim_end().to_owned();
        // A gateway that is overloaded says no more than that.
        return Err(if status.is_server_error() {
            TokenError::Unreachable { url, problem }
        } else {
            TokenError::Refused { url, problem }
        });
    }
    // What it holds is not repeated: it may be a token after all.
    let answer = answer.map_err(|_| malformed("it is not JSON of the usual form"))?;
    read(login, answer, fetched).map_err(|problem| malformed(&problem))
}

fn read(login: &OidcLogin, answer: Answer, fetched: SystemTime) -> Result<Token, String> {
    if let Some(told) = words(&answer) {
        return Err(told);
    }
    let value = answer.access_token.filter(|token| !token.is_empty()).ok_or("it holds no `access_token`")?;
    // It goes into a message whose parts are ended by such bytes.
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its `access_token` holds what no token does".to_owned());
    }
    let value = SecretString::from(value);
    let told = claims(&value);
    let claim = |name: &str| told.as_ref().and_then(|told| told.get(name));
    let in_words = claim("sub").and_then(|sub| sub.as_str()).filter(|sub| !sub.is_empty());
    let principal = in_words.unwrap_or(&login.client_id).to_owned();
    // How long it holds is told by the endpoint; the moment in the token itself would be by another clock than ours.
    let by_answer = answer.expires_in.and_then(|seconds| seconds.as_f64());
    let by_token = || {
        let now = fetched.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        claim("exp").and_then(serde_json::Value::as_f64).map(|exp| exp - now)
    };
    let seconds =
        by_answer.or_else(by_token).ok_or("neither `expires_in` nor `exp` tells how long it holds")?;
    // A year is as good as for ever, and more would be beyond the clock.
    let lifetime = Duration::try_from_secs_f64(seconds.min(31_536_000.0)).unwrap_or_default();
    if lifetime < Duration::from_secs(1) {
        return Err("the token has expired already; check the clocks of both machines".to_owned());
    }
    Ok(Token { value, principal, extensions: login.extensions.clone(), fetched, lifetime })
}

/// The endpoint's reason, in its words, cut short.
fn words(answer: &Answer) -> Option<String> {
    let error = answer.error.as_deref()?;
    let text = match &answer.error_description {
        Some(description) => format!("{error} ({description})"),
        None => error.to_owned(),
    };
    Some(text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect())
}

fn basic(login: &OidcLogin) -> String {
    // As Java's clients and librdkafka send it: not percent-encoded.
    let pair = format!("{}:{}", login.client_id, login.client_secret.expose_secret());
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

fn form(login: &OidcLogin) -> String {
    let mut form = reqwest::Url::parse("https://form/").expect("an address");
    form.query_pairs_mut().append_pair("grant_type", "client_credentials");
    if let Some(scope) = &login.scope {
        form.query_pairs_mut().append_pair("scope", scope);
    }
    form.query().unwrap_or_default().to_owned()
}

fn client(login: &OidcLogin) -> Result<reqwest::Client, TokenError> {
    let trusts = match &login.authorities {
        None => web_client::system_authorities(),
        Some(given) => {
            let certificates =
                pem::certificates(given).map_err(|error| TokenError::Authorities(error.to_string()))?;
            web_client::authorities(certificates)
                .map_err(|error| TokenError::Authorities(error.to_string()))?
        }
    };
    web_client::client(trusts, None, LIMIT).map_err(|error| TokenError::Machine(error.to_string()))
}

fn problem(error: &reqwest::Error) -> String {
    if error.is_timeout() { format!("no answer within {} s", LIMIT.as_secs()) } else { innermost(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> OidcLogin {
        OidcLogin {
            endpoint: "https://me:hunter2@idp.example/token?x=hunter2".to_owned(),
            client_id: "evenkeel".to_owned(),
            client_secret: SecretString::from("hunter2"),
            scope: Some("kafka read".to_owned()),
            extensions: [("logicalCluster".to_owned(), "lkc-1".to_owned())].into(),
            authorities: None,
        }
    }

    fn answer(text: &str) -> Answer {
        serde_json::from_str(text).expect("JSON")
    }

    fn jwt(claims: &str) -> String {
        let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.sig", part("{}"), part(claims))
    }

    #[test]
    fn lifetime_and_principal_are_read() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let text = format!(r#"{{"access_token":"{}","expires_in":300}}"#, jwt(r#"{"sub":"svc"}"#));
        let token = read(&login(), answer(&text), now).expect("a token");
        assert_eq!((token.principal.as_str(), token.lifetime.as_secs()), ("svc", 300));
        assert_eq!(token.ends_at_ms(), 1_000_300_000);
        assert_eq!(token.extensions["logicalCluster"], "lkc-1");
        let text = format!(r#"{{"access_token":"{}"}}"#, jwt(r#"{"exp":1000060}"#));
        let token = read(&login(), answer(&text), now).expect("a token");
        assert_eq!((token.principal.as_str(), token.lifetime.as_secs()), ("evenkeel", 60));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (text, words) in [
            (r#"{"access_token":"opaque"}"#, "how long"),
            (r#"{"access_token":"opaque","expires_in":-5}"#, "expired already"),
            (r#"{"access_token":"a\u0001auth=b","expires_in":5}"#, "no token does"),
            (r#"{"access_token":"","expires_in":5}"#, "no `access_token`"),
            (r#"{"error":"invalid_scope","error_description":"x\ny"}"#, "invalid_scope (xy)"),
        ] {
            let problem = read(&login(), answer(text), now).expect_err("no token");
            assert!(problem.contains(words), "{problem}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        assert_eq!(shown(&login().endpoint), "https://idp.example/token");
        assert_eq!(form(&login()), "grant_type=client_credentials&scope=kafka+read");
        assert!(!format!("{:?}", login()).contains("\"hunter2\""), "the secret is wrapped");
    }
}
