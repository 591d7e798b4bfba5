//! Signature version 4: [`Signer`] signs the headers of a request, or its address. Pure: time and keys come in as values.
//!
//! Own code, and little of it: the library for it comes with a hundred others, and another that is lean lets nobody set the
//! time, so that it cannot be held against AWS's published test vectors. `tests.rs` does that here.

use std::fmt::Write as _;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Keys of an AWS identity.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The id of the access key; no secret.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: SecretString,
    /// The session token, where the keys are temporary ones.
    pub session_token: Option<SecretString>,
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The host, with the port where it is not the usual one, as the `host` header has it.
    pub host: &'a str,
    /// The path as it goes over the wire, beginning with `/`.
    pub path: &'a str,
    /// The query, not encoded.
    pub query: &'a [(&'a str, &'a str)],
    /// Other headers that are to be signed.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// Signs in the name of an identity, for one service in one region.
#[derive(Debug, Clone)]
pub struct Signer<'a> {
    /// Who signs.
    pub credentials: &'a Credentials,
    /// The region, such as `eu-central-1`.
    pub region: &'a str,
    /// The service's name for signing: `aps`, `kafka-cluster`.
    pub service: &'a str,
    /// The time.
    pub at: OffsetDateTime,
}

impl Signer<'_> {
    /// The headers to be added to a request: `x-amz-date`, `x-amz-security-token` where there is one, `authorization`.
    pub fn headers(&self, request: &Unsigned<'_>) -> Vec<(&'static str, SecretString)> {
        let moment = self.moment();
        let token = self.credentials.session_token.as_ref().map(ExposeSecret::expose_secret);
        let mut signed: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), trimmed(value)))
            .chain([("host".to_owned(), request.host.to_owned()), ("x-amz-date".to_owned(), moment.clone())])
            .chain(token.map(|token| ("x-amz-security-token".to_owned(), token.to_owned())))
            .collect();
        signed.sort();
        let query = canonical_query(request.query.iter().copied());
        let canonical = canonical(request, &query, &signed);
        let signature = self.signature(&moment, &canonical);
        let names: Vec<&str> = signed.iter().map(|(name, _)| name.as_str()).collect();
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
            self.credentials.access_key_id,
            self.scope(&moment),
            names.join(";")
        );
        let mut added = vec![("x-amz-date", SecretString::from(moment))];
        added.extend(self.credentials.session_token.clone().map(|token| ("x-amz-security-token", token)));
        added.push(("authorization", SecretString::from(authorization)));
        added
    }

    /// The address of a request without a body that whoever has it may make until it expires: its query holds the signature.
    pub fn presigned(&self, request: &Unsigned<'_>, expires: Duration) -> SecretString {
        let moment = self.moment();
        let credential = format!("{}/{}", self.credentials.access_key_id, self.scope(&moment));
        let seconds = expires.as_secs().to_string();
        let mut pairs = request.query.to_vec();
        pairs.extend([
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &moment),
            ("X-Amz-Expires", &seconds),
            ("X-Amz-SignedHeaders", "host"),
        ]);
        if let Some(token) = &self.credentials.session_token {
            pairs.push(("X-Amz-Security-Token", token.expose_secret()));
        }
        let query = canonical_query(pairs.into_iter());
        let canonical = canonical(request, &query, &[("host".to_owned(), request.host.to_owned())]);
        let signature = self.signature(&moment, &canonical);
        let (host, path) = (request.host, request.path);
        SecretString::from(format!("https://{host}{path}?{query}&X-Amz-Signature={signature}"))
    }

    /// The time as AWS writes it: `20150830T123600Z`.
    fn moment(&self) -> String {
        let at = self.at.to_offset(time::UtcOffset::UTC);
        let (date, time) = (at.date(), at.time());
        format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }

    fn scope(&self, moment: &str) -> String {
        format!("{}/{}/{}/aws4_request", &moment[..8], self.region, self.service)
    }

    fn signature(&self, moment: &str, canonical: &str) -> String {
        let to_sign =
            format!("{ALGORITHM}\n{moment}\n{}\n{}", self.scope(moment), sha256(canonical.as_bytes()));
        let secret = format!("AWS4{}", self.credentials.secret_access_key.expose_secret());
        let parts = [&moment[..8], self.region, self.service, "aws4_request", &to_sign];
        let signed = parts.iter().fold(secret.into_bytes(), |key, part| hmac(&key, part.as_bytes()));
        hex(&signed)
    }
}

fn canonical(request: &Unsigned<'_>, query: &str, headers: &[(String, String)]) -> String {
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let lines = headers.iter().fold(String::new(), |lines, (name, value)| lines + name + ":" + value + "\n");
    // Every service but S3 encodes the path once more than it is on the wire.
    let path = encoded(request.path, true);
    let (method, body) = (request.method, sha256(request.body));
    format!("{method}\n{path}\n{query}\n{lines}\n{}\n{body}", names.join(";"))
}

fn canonical_query<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut pairs: Vec<(String, String)> =
        pairs.map(|(key, value)| (encoded(key, false), encoded(value, false))).collect();
    pairs.sort();
    pairs.into_iter().map(|(key, value)| key + "=" + &value).collect::<Vec<_>>().join("&")
}

/// Blanks at the ends go, and of several in a row one stays.
fn trimmed(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// AWS's own percent encoding: all but letters, digits and `-._~`, in capitals.
fn encoded(text: &str, is_path: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (is_path && byte == b'/') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes all");
        }
    }
    out
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").expect("a string takes all");
        out
    })
}
