//! From evenkeel's client settings to librdkafka's properties.
//!
//! Never print a `ClientConfig`: its own way of printing hides passwords, but not a private key that is given as text.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use secrecy::ExposeSecret as _;

use crate::config::{KafkaClientSettings, Pem, SaslSettings, TlsIdentity, TlsSettings};
use crate::edge::pem;

/// The properties by which librdkafka reaches the same cluster as the same user.
pub fn properties(settings: &KafkaClientSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    let bootstrap: Vec<String> = settings.bootstrap.iter().map(ToString::to_string).collect();
    config.set("bootstrap.servers", bootstrap.join(","));
    config.set("client.id", &settings.client_id);
    let protocol = match (&settings.tls, &settings.sasl) {
        (None, None) => "PLAINTEXT",
        (Some(_), None) => "SSL",
        (None, Some(_)) => "SASL_PLAINTEXT",
        (Some(_), Some(_)) => "SASL_SSL",
    };
    config.set("security.protocol", protocol);
    if let Some(tls) = &settings.tls {
        set_tls(&mut config, tls);
    }
    if let Some(sasl) = &settings.sasl {
        set_sasl(&mut config, sasl);
    }
    // Each within what librdkafka takes.
    let ms = |duration: Duration, least: u64, most: u64| {
        u64::try_from(duration.as_millis()).unwrap_or(most).clamp(least, most).to_string()
    };
    config.set("socket.connection.setup.timeout.ms", ms(settings.connect_timeout, 1_000, 300_000));
    config.set("socket.timeout.ms", ms(settings.request_timeout, 1_000, 300_000));
    config.set("retry.backoff.ms", ms(settings.retry_backoff, 1, 300_000));
    config
        .set("retry.backoff.max.ms", ms(settings.retry_backoff_max.max(settings.retry_backoff), 1, 300_000));
    // A broker that comes back is found soon.
    config.set("reconnect.backoff.max.ms", "2000");
    config.set_log_level(RDKafkaLogLevel::Info);
    config
}

fn set_tls(config: &mut ClientConfig, tls: &TlsSettings) {
    config.set("enable.ssl.certificate.verification", "true");
    config.set("ssl.endpoint.identification.algorithm", "https");
    match &tls.authorities {
        Some(pem) => set_certificates(config, "ssl.ca", pem),
        // The operating system's, wherever it keeps them.
        None => drop(config.set("ssl.ca.location", "probe")),
    }
    if let Some(identity) = &tls.identity {
        set_certificates(config, "ssl.certificate", &identity.certificates);
        set_key(config, identity);
    }
}

fn set_certificates(config: &mut ClientConfig, what: &str, given: &Pem) {
    match given {
        Pem::File(path) => config.set(format!("{what}.location"), path.display().to_string()),
        Pem::Inline(text) => config.set(format!("{what}.pem"), text.expose_secret()),
        // librdkafka reads no stores of authorities. Of one that is of no use our own client has told by now.
        Pem::Store { path, .. } => match pem::certificates_as_text(given) {
            Ok(text) => config.set(format!("{what}.pem"), text),
            Err(_) => config.set(format!("{what}.location"), path.display().to_string()),
        },
    };
}

fn set_key(config: &mut ClientConfig, identity: &TlsIdentity) {
    if let Some(password) = &identity.key_password {
        config.set("ssl.key.password", password.expose_secret());
    }
    match &identity.key {
        Pem::File(path) => config.set("ssl.key.location", path.display().to_string()),
        Pem::Inline(text) => config.set("ssl.key.pem", text.expose_secret()),
        Pem::Store { path, .. } => match pem::key_as_text(identity) {
            Ok(text) => config.set("ssl.key.pem", text.expose_secret()),
            Err(_) => config.set("ssl.key.location", path.display().to_string()),
        },
    };
}

fn set_sasl(config: &mut ClientConfig, sasl: &SaslSettings) {
    config.set("sasl.mechanism", sasl.mechanism().name());
    // A token comes from `Ears`, each time librdkafka asks for one.
    if let SaslSettings::Password(login) = sasl {
        config.set("sasl.username", &login.username);
        config.set("sasl.password", login.password.expose_secret());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(text: &str) -> ClientConfig {
        let (settings, _) =
            KafkaClientSettings::parse(text, Some("b1:9092,[::1]:9093")).expect("right settings");
        let config = properties(&settings);
        assert!(config.create_native_config().is_ok(), "librdkafka does not take them");
        config
    }

    #[test]
    fn without_security_nothing_is_set_but_addresses_and_times() {
        let config = mapped("client.id=me\nsocket.connection.setup.timeout.ms=200\nretry.backoff.max.ms=50");
        assert_eq!(config.get("bootstrap.servers"), Some("b1:9092,[::1]:9093"));
        assert_eq!(config.get("security.protocol"), Some("PLAINTEXT"));
        assert_eq!(config.get("client.id"), Some("me"));
        assert_eq!(config.get("socket.connection.setup.timeout.ms"), Some("1000"));
        assert_eq!(config.get("retry.backoff.max.ms"), Some("100"), "not shorter than the first wait");
        assert_eq!(config.get("ssl.ca.location"), None);
        assert_eq!(config.get("sasl.password"), None);
    }

    #[test]
    fn files_and_text_of_tls_have_keys_of_their_own() {
        let files = mapped(
            "security.protocol=SSL\nssl.ca.location=/etc/ca.pem\nssl.certificate.location=/etc/me.pem\nssl.key.location=/etc/me.key",
        );
        assert_eq!(files.get("security.protocol"), Some("SSL"));
        assert_eq!(files.get("ssl.ca.location"), Some("/etc/ca.pem"));
        assert_eq!(files.get("ssl.certificate.location"), Some("/etc/me.pem"));
        assert_eq!(files.get("ssl.key.location"), Some("/etc/me.key"));
        assert_eq!(files.get("enable.ssl.certificate.verification"), Some("true"));
        assert_eq!(files.get("ssl.endpoint.identification.algorithm"), Some("https"));
        let text = mapped(
            "security.protocol=SSL\nssl.truststore.certificates=A\\nB\nssl.keystore.certificate.chain=C\nssl.keystore.key=K",
        );
        assert_eq!(text.get("ssl.ca.pem"), Some("A\nB"));
        assert_eq!((text.get("ssl.certificate.pem"), text.get("ssl.key.pem")), (Some("C"), Some("K")));
        assert_eq!(text.get("ssl.ca.location"), None);
        assert_eq!(mapped("security.protocol=SSL").get("ssl.ca.location"), Some("probe"));
        // Java's store that holds both.
        let store =
            mapped("security.protocol=SSL\nssl.keystore.type=PEM\nssl.keystore.location=/etc/both.pem");
        assert_eq!(store.get("ssl.certificate.location"), Some("/etc/both.pem"));
        assert_eq!(store.get("ssl.key.location"), Some("/etc/both.pem"));
    }

    #[test]
    fn every_mechanism_is_known_there_by_the_same_name() {
        use crate::config::SaslMechanism::{Plain, ScramSha256, ScramSha512};
        for mechanism in [Plain, ScramSha256, ScramSha512] {
            let name = mechanism.name();
            for (protocol, tls) in [("SASL_PLAINTEXT", false), ("SASL_SSL", true)] {
                let config = mapped(&format!(
                    "security.protocol={protocol}\nsasl.mechanism={name}\nsasl.username=me\nsasl.password=right-horse"
                ));
                assert_eq!(config.get("security.protocol"), Some(protocol));
                assert_eq!(config.get("sasl.mechanism"), Some(name));
                assert_eq!(config.get("sasl.username"), Some("me"));
                assert_eq!(config.get("sasl.password"), Some("right-horse"));
                assert_eq!(config.get("ssl.ca.location").is_some(), tls);
            }
        }
    }
}
