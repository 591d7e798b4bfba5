//! The keys of client settings that are known: those that are read, and those that other clients read and that
//! mean nothing here. What is neither is a misspelling until shown otherwise.

use super::read::Reader;
use crate::config::nearest;

/// Keys that are read.
pub(super) const READ: &[&str] = &[
    "bootstrap.servers",
    "bootstrap.controllers",
    "metadata.broker.list",
    "security.protocol",
    "client.id",
    "socket.connection.setup.timeout.ms",
    "request.timeout.ms",
    "socket.timeout.ms",
    "default.api.timeout.ms",
    "retry.backoff.ms",
    "retry.backoff.max.ms",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.key.location",
    "ssl.key.pem",
    "ssl.key.password",
    "ssl.truststore.type",
    "ssl.truststore.location",
    "ssl.truststore.certificates",
    "ssl.truststore.password",
    "ssl.keystore.type",
    "ssl.keystore.location",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.password",
    "ssl.endpoint.identification.algorithm",
    "enable.ssl.certificate.verification",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "sasl.jaas.config",
    "sasl.login.callback.handler.class",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.extensions",
    "https.ca.location",
    "https.ca.pem",
];

/// Keys of librdkafka's and Java's clients that have no effect here.
const WITHOUT_EFFECT: &[&str] = &[
    "allow.auto.create.topics",
    "api.version.fallback.ms",
    "api.version.request",
    "api.version.request.timeout.ms",
    "auto.include.jmx.reporter",
    "broker.address.family",
    "broker.address.ttl",
    "broker.version.fallback",
    "builtin.features",
    "client.dns.lookup",
    "client.rack",
    "connections.max.idle.ms",
    "debug",
    "enable.metrics.push",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "enabled_events",
    "internal.termination.signal",
    "log.connection.close",
    "log.thread.name",
    "log_level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.copy.max.bytes",
    "message.max.bytes",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "receive.buffer.bytes",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "resolve.canonical.bootstrap.servers.only",
    "retries",
    "sasl.client.callback.handler.class",
    "security.providers",
    "send.buffer.bytes",
    "socket.blocking.max.ms",
    "socket.connection.setup.timeout.max.ms",
    "socket.keepalive.enable",
    "socket.max.fails",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "ssl.cipher.suites",
    "ssl.curves.list",
    "ssl.enabled.protocols",
    "ssl.engine.factory.class",
    "ssl.keymanager.algorithm",
    "ssl.protocol",
    "ssl.provider",
    "ssl.providers",
    "ssl.secure.random.implementation",
    "ssl.sigalgs.list",
    "ssl.trustmanager.algorithm",
    "statistics.interval.ms",
    "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
];

/// Beginnings of keys that belong to what this client is not: a consumer, a producer, Kerberos, or another way to a token.
const WITHOUT_EFFECT_PREFIXES: &[&str] = &["sasl.kerberos.", "sasl.oauthbearer.", "sasl.login."];

/// What a key is.
pub(super) enum Key {
    /// It is read.
    Read,
    /// Other clients read it; it has no effect here. With what is known of it: all, or how it begins.
    WithoutEffect(String),
    /// Nobody knows it; the nearest key that is read, if one is near.
    Unknown(Option<&'static str>),
}

/// Tells what a key is.
pub(super) fn recognise(key: &str) -> Key {
    if READ.contains(&key) {
        return Key::Read;
    }
    if WITHOUT_EFFECT.contains(&key) {
        return Key::WithoutEffect(key.to_owned());
    }
    // What comes after that is not repeated: where an equals sign was lost it may be a secret.
    if let Some(prefix) = WITHOUT_EFFECT_PREFIXES.iter().find(|prefix| key.starts_with(**prefix)) {
        return Key::WithoutEffect(format!("{prefix}.."));
    }
    Key::Unknown(nearest(key, READ.iter().copied()))
}

/// Warns about TLS and SASL keys that `security.protocol` makes ineffective: most often the protocol was forgotten.
pub(super) fn warn_about_unused_security(reader: &mut Reader, tls: bool, sasl: bool) {
    for (prefix, used, with) in
        [("ssl.", tls, "SSL or SASL_SSL"), ("sasl.", sasl, "SASL_PLAINTEXT or SASL_SSL")]
    {
        if used {
            continue;
        }
        // Which class fetches tokens says nothing by itself.
        let telling = |key: &&&str| key.starts_with(prefix) && **key != "sasl.login.callback.handler.class";
        for key in READ.iter().filter(telling) {
            if reader.take(key).is_some() {
                reader.warning(key, format!("has no effect: `security.protocol` is not {with}"));
            }
        }
    }
}
