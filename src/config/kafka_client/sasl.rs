//! [`SaslSettings`]: who we are to the brokers, by password or by token.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

use super::Pem;

/// SASL: who we are.
#[derive(Debug, Clone)]
pub enum SaslSettings {
    /// By name and password.
    Password(PasswordLogin),
    /// By a token that somebody else gives.
    Token(TokenLogin),
}

/// A name and a password.
#[derive(Debug, Clone)]
pub struct PasswordLogin {
    /// How the password is proven; not [`SaslMechanism::OauthBearer`].
    pub mechanism: SaslMechanism,
    /// `sasl.username`.
    pub username: String,
    /// `sasl.password`.
    pub password: SecretString,
}

/// Where a token comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenLogin {
    /// An `OpenID Connect` provider gives it for client credentials.
    Oidc(OidcLogin),
    /// We sign it ourselves as an AWS identity, for Amazon MSK.
    MskIam(MskIamLogin),
}

/// Client credentials of `OpenID Connect`.
#[derive(Debug, Clone)]
pub struct OidcLogin {
    /// `sasl.oauthbearer.token.endpoint.url`: over HTTPS, for the secret goes over it.
    pub endpoint: String,
    /// `sasl.oauthbearer.client.id`.
    pub client_id: String,
    /// `sasl.oauthbearer.client.secret`.
    pub client_secret: SecretString,
    /// `sasl.oauthbearer.scope`.
    pub scope: Option<String>,
    /// `sasl.oauthbearer.extensions`: what the brokers are told beside the token.
    pub extensions: BTreeMap<String, String>,
    /// `https.ca.location`: the authorities to trust at the endpoint; absent for those of the operating system.
    pub authorities: Option<Pem>,
}

/// An AWS identity, as the machine has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MskIamLogin {
    /// `awsProfileName` of the login module: a profile of the shared files, where it is not to be the usual one.
    pub profile: Option<String>,
}

/// The SASL mechanisms that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// The password itself is sent: only sensible over TLS.
    Plain,
    /// Challenge and response over SHA-256 (RFC 5802, RFC 7677).
    ScramSha256,
    /// Challenge and response over SHA-512.
    ScramSha512,
    /// A token (RFC 7628).
    OauthBearer,
}

impl SaslMechanism {
    /// Every mechanism.
    pub const ALL: [Self; 4] = [Self::Plain, Self::ScramSha256, Self::ScramSha512, Self::OauthBearer];

    /// The name in the protocol and in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

impl SaslSettings {
    /// The mechanism that is spoken.
    pub fn mechanism(&self) -> SaslMechanism {
        match self {
            Self::Password(login) => login.mechanism,
            Self::Token(_) => SaslMechanism::OauthBearer,
        }
    }

    /// The user, where we name one ourselves: who a token stands for is in the token.
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Password(login) => Some(&login.username),
            Self::Token(_) => None,
        }
    }
}

impl PartialEq for OidcLogin {
    /// Two logins are the same when every key is: then they may share a token.
    fn eq(&self, other: &Self) -> bool {
        let pem = |pem: &Option<Pem>| match pem {
            None => (None, None),
            Some(Pem::File(path) | Pem::Store { path, .. }) => (Some(path.clone()), None),
            Some(Pem::Inline(text)) => (None, Some(text.expose_secret().to_owned())),
        };
        self.endpoint == other.endpoint
            && self.client_id == other.client_id
            && self.client_secret.expose_secret() == other.client_secret.expose_secret()
            && self.scope == other.scope
            && self.extensions == other.extensions
            && pem(&self.authorities) == pem(&other.authorities)
    }
}
