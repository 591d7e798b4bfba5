//! Reads the SASL settings, in either dialect.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::jaas::{self, Jaas, Module};
use super::read::{Reader, told};
use super::{MskIamLogin, OidcLogin, PasswordLogin, SaslMechanism, SaslSettings, TokenLogin};

/// The mechanism by which Java's clients of Amazon MSK call what goes over the wire as OAUTHBEARER just as well.
const MSK_IAM: &str = "AWS_MSK_IAM";

/// What `sasl.mechanism` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Password(SaslMechanism),
    Oauth,
    MskIam,
}

impl Reader {
    /// SASL settings.
    pub(super) fn sasl(&mut self) -> Option<SaslSettings> {
        let said = self.said_mechanism();
        let handler = self.take("sasl.login.callback.handler.class").unwrap_or_default();
        let jaas = self.take("sasl.jaas.config").and_then(|text| match jaas::parse(&text) {
            Ok(jaas) => Some(jaas),
            Err(problem) => {
                self.problem("sasl.jaas.config", problem);
                None
            }
        });
        let fits = |said: Said, module: Module| match said {
            Said::Password(SaslMechanism::Plain) => module == Module::Plain,
            Said::Password(_) => module == Module::Scram,
            Said::Oauth => module == Module::OauthBearer,
            Said::MskIam => module == Module::MskIam,
        };
        if let (Some(said), Some(jaas)) = (said, &jaas)
            && !fits(said, jaas.module)
        {
            let problem = "names a login module that does not belong to `sasl.mechanism`";
            self.problem("sasl.jaas.config", problem.to_owned());
        }
        match said {
            Some(Said::Oauth) if handler.contains(".msk.") => Some(self.msk_iam(jaas)),
            Some(Said::MskIam) => Some(self.msk_iam(jaas)),
            Some(Said::Oauth) => self.oidc(jaas),
            Some(Said::Password(mechanism)) => self.password(Some(mechanism), jaas),
            // What else is missing is told too.
            None => self.password(None, jaas),
        }
    }

    /// Options of the login module that nothing was made of.
    fn warn_of_options(&mut self, jaas: &Jaas) {
        for option in jaas.left() {
            self.warning("sasl.jaas.config", format!("holds `{option}`, which has no effect here"));
        }
    }

    fn said_mechanism(&mut self) -> Option<Said> {
        let key = if self.is_given("sasl.mechanisms") { "sasl.mechanisms" } else { "sasl.mechanism" };
        let known = || {
            let names = SaslMechanism::ALL.map(SaslMechanism::name).join(", ");
            format!("it can be {names}, {MSK_IAM}")
        };
        let Some(text) = self.take(key) else {
            self.problem(key, format!("is missing, and `security.protocol` asks for SASL; {}", known()));
            return None;
        };
        if text.eq_ignore_ascii_case(MSK_IAM) {
            return Some(Said::MskIam);
        }
        let found = SaslMechanism::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(&text));
        match found {
            None => {
                self.problem(key, format!("{}, which is not supported; {}", told(&text), known()));
                None
            }
            Some(SaslMechanism::OauthBearer) => Some(Said::Oauth),
            Some(mechanism) => Some(Said::Password(mechanism)),
        }
    }

    fn password(&mut self, mechanism: Option<SaslMechanism>, jaas: Option<Jaas>) -> Option<SaslSettings> {
        let (username, password) = (self.take("sasl.username"), self.take("sasl.password"));
        if jaas.is_some() && (username.is_some() || password.is_some()) {
            let problem = "is given beside `sasl.username` or `sasl.password`; give one of them";
            self.problem("sasl.jaas.config", problem.to_owned());
        }
        let (username, password) = match jaas {
            Some(mut jaas) => {
                let (username, password) = (jaas.take("username"), jaas.take("password"));
                if jaas.take("tokenauth").is_some_and(|value| value == "true") {
                    let problem = "asks for a delegation token, which is not supported";
                    self.problem("sasl.jaas.config", problem.to_owned());
                }
                for (key, missing) in [("username", username.is_none()), ("password", password.is_none())] {
                    if missing && !self.has_problem("sasl.jaas.config") {
                        self.problem("sasl.jaas.config", format!("holds no `{key}=\"..\"`"));
                    }
                }
                self.warn_of_options(&jaas);
                (username, password)
            }
            None => (username, password),
        };
        for (key, missing) in [("sasl.username", username.is_none()), ("sasl.password", password.is_none())] {
            if missing && !self.has_problem("sasl.jaas.config") {
                self.problem(key, "is missing, and `security.protocol` asks for SASL".to_owned());
            }
        }
        let login = PasswordLogin {
            mechanism: mechanism?,
            username: username?,
            password: SecretString::from(password?),
        };
        Some(SaslSettings::Password(login))
    }

    /// Client credentials: librdkafka's keys, Java's keys, or the options of Java's login module.
    fn oidc(&mut self, jaas: Option<Jaas>) -> Option<SaslSettings> {
        if let Some(method) = self.take("sasl.oauthbearer.method")
            && !method.eq_ignore_ascii_case("oidc")
        {
            let problem =
                format!("{}; only `oidc` is supported: tokens of an OpenID Connect provider", told(&method));
            self.problem("sasl.oauthbearer.method", problem);
        }
        let mut jaas = jaas.unwrap_or_else(|| Jaas::empty(Module::OauthBearer));
        let mut extensions = self.extensions();
        extensions.extend(jaas.take_prefixed("extension_"));
        let mut either = |keys: [&str; 2], option| {
            let first = self.take(keys[0]);
            let second = self.take(keys[1]);
            first.or(second).or_else(|| jaas.take(option))
        };
        let client_id = either(
            ["sasl.oauthbearer.client.id", "sasl.oauthbearer.client.credentials.client.id"],
            "clientId",
        );
        let client_secret = either(
            ["sasl.oauthbearer.client.secret", "sasl.oauthbearer.client.credentials.client.secret"],
            "clientSecret",
        );
        let scope = self.take("sasl.oauthbearer.scope").or_else(|| jaas.take("scope"));
        self.warn_of_options(&jaas);
        let endpoint = self.endpoint();
        let authorities = self.one_pem(&["https.ca.location"], &["https.ca.pem"]);
        for (key, missing) in [
            ("sasl.oauthbearer.client.id", client_id.is_none()),
            ("sasl.oauthbearer.client.secret", client_secret.is_none()),
        ] {
            if missing && !self.has_problem("sasl.jaas.config") {
                self.problem(key, "is missing, and a token is given for it".to_owned());
            }
        }
        Some(SaslSettings::Token(TokenLogin::Oidc(OidcLogin {
            endpoint: endpoint?,
            client_id: client_id?,
            client_secret: SecretString::from(client_secret?),
            scope,
            extensions,
            authorities,
        })))
    }

    fn msk_iam(&mut self, jaas: Option<Jaas>) -> SaslSettings {
        let mut jaas = jaas.unwrap_or_else(|| Jaas::empty(Module::MskIam));
        let profile = jaas.take("awsProfileName");
        // Whoever names a role is not to be somebody else without a word.
        if jaas.left().any(|option| option.starts_with("awsRole")) {
            let problem = "asks for a role, which is not assumed here: let the machine have the credentials of that role, or name a profile that has them with `awsProfileName`";
            self.problem("sasl.jaas.config", problem.to_owned());
        } else {
            self.warn_of_options(&jaas);
        }
        SaslSettings::Token(TokenLogin::MskIam(MskIamLogin { profile }))
    }

    fn endpoint(&mut self) -> Option<String> {
        let key = "sasl.oauthbearer.token.endpoint.url";
        let Some(url) = self.take(key) else {
            let problem = "is missing: name the address where your OpenID Connect provider gives tokens";
            self.problem(key, problem.to_owned());
            return None;
        };
        if !url.starts_with("https://") {
            // The address is not repeated: it may hold a password.
            let problem = "must begin with `https://`: the client secret goes over it";
            self.problem(key, problem.to_owned());
            return None;
        }
        let authority = url["https://".len()..].split(['/', '?']).next().unwrap_or_default();
        if authority.is_empty() || authority.contains('@') {
            let problem = "must be `https://HOST[:PORT]/PATH`, without a user: who asks is said by client id and secret";
            self.problem(key, problem.to_owned());
            return None;
        }
        Some(url)
    }

    /// `key=value` pairs, parted by commas. What is allowed in them is RFC 7628's.
    fn extensions(&mut self) -> BTreeMap<String, String> {
        let key = "sasl.oauthbearer.extensions";
        let mut found = BTreeMap::new();
        let Some(text) = self.take(key) else { return found };
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some((name, value)) if is_extension(name, value) => {
                    found.insert(name.to_owned(), value.to_owned());
                }
                _ => {
                    let problem = "is not of the form `key=value[,key=value..]`, with letters in the keys, none of which is `auth`";
                    self.problem(key, problem.to_owned());
                    return found;
                }
            }
        }
        found
    }
}

fn is_extension(name: &str, value: &str) -> bool {
    let letters = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    letters && name != "auth" && value.bytes().all(|byte| matches!(byte, 0x20..=0x7e | b'\t'))
}
