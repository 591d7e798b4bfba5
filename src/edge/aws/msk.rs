//! The token by which Amazon MSK lets an AWS identity in, in the form that AWS publishes with its signers
//! (`aws-msk-iam-sasl-signer`): the signed address of a request for `kafka-cluster:Connect`, as base64.

use std::time::Duration;

use base64::Engine as _;
use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;

use super::AwsError;
use super::sign::{Credentials, Signer, Unsigned};

/// For how long a token lets one in.
const LIFETIME: Duration = Duration::from_secs(900);

/// A token, and how long it holds.
#[derive(Debug, Clone)]
pub struct MskToken {
    /// The token.
    pub value: SecretString,
    /// How long it holds from when it was signed.
    pub lifetime: Duration,
}

/// Signs a token.
pub fn msk_token(credentials: &Credentials, region: &str, at: OffsetDateTime) -> MskToken {
    let signer = Signer { credentials, region, service: "kafka-cluster", at };
    let host = format!("kafka.{region}.amazonaws.com");
    let request = Unsigned {
        method: "GET",
        host: &host,
        path: "/",
        query: &[("Action", "kafka-cluster:Connect")],
        headers: &[],
        body: b"",
    };
    let url = signer.presigned(&request, LIFETIME);
    // Not signed: it tells AWS's support who made the token.
    let agent = concat!("&User-Agent=evenkeel%2F", env!("CARGO_PKG_VERSION"));
    let text = url.expose_secret().to_owned() + agent;
    let value = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    MskToken { value: SecretString::from(value), lifetime: LIFETIME }
}

/// The region of brokers by their host names (`b-1.name.abc.c2.kafka.eu-central-1.amazonaws.com`), else what the environment
/// says.
///
/// # Errors
/// Neither tells it.
pub fn region_of<'a>(hosts: impl Iterator<Item = &'a str>) -> Result<String, AwsError> {
    let mut hosts = hosts;
    let told = hosts.find_map(region_in).map(str::to_owned);
    let set = || ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| std::env::var(name).ok());
    told.or_else(set).filter(|region| !region.is_empty()).ok_or(AwsError::NoRegion)
}

fn region_in(host: &str) -> Option<&str> {
    let bare = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".amazonaws.com")?;
    let mut parts = bare.rsplit('.');
    let region = parts.next()?;
    // `kafka-serverless` for clusters that have no brokers of their own.
    parts.next()?.starts_with("kafka").then_some(region)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_token_has_the_published_form() {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: SecretString::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: Some(SecretString::from("a/token+")),
        };
        let token = msk_token(&credentials, "eu-central-1", datetime!(2026-11-29 12:00:00 UTC));
        let text = token.value.expose_secret();
        assert!(!text.contains(['=', '+', '/']), "{text}");
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("base64");
        let url = reqwest::Url::parse(std::str::from_utf8(&url).expect("text")).expect("an address");
        assert_eq!(url.host_str(), Some("kafka.eu-central-1.amazonaws.com"));
        assert_eq!((url.scheme(), url.path()), ("https", "/"));
        let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let expected = [
            ("Action", "kafka-cluster:Connect"),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "AKIDEXAMPLE/20261129/eu-central-1/kafka-cluster/aws4_request"),
            ("X-Amz-Date", "20261129T120000Z"),
            ("X-Amz-Expires", "900"),
            ("X-Amz-Security-Token", "a/token+"),
            ("X-Amz-SignedHeaders", "host"),
        ];
        for (at, (key, value)) in expected.into_iter().enumerate() {
            assert_eq!((query[at].0.as_str(), query[at].1.as_str()), (key, value));
        }
        assert_eq!((query[7].0.as_str(), query[7].1.len()), ("X-Amz-Signature", 64));
        assert_eq!(query[8].0, "User-Agent");
        assert_eq!(query.len(), 9);
    }

    #[test]
    fn the_region_is_in_the_brokers_names() {
        for (host, region) in [
            ("b-1.lab.abc123.c2.kafka.eu-central-1.amazonaws.com", Some("eu-central-1")),
            ("boot-abc.c1.kafka-serverless.us-east-1.amazonaws.com", Some("us-east-1")),
            ("b-1.lab.abc123.c2.kafka.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("kafka.example.com", None),
            ("ec2-1-2-3-4.eu-central-1.compute.amazonaws.com", None),
        ] {
            assert_eq!(region_in(host), region, "{host}");
        }
    }
}
