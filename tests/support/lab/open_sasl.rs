//! A listener for SCRAM without TLS, whose sessions end soon: clients have to log in anew while they work.

use super::{Lab, Security};

/// Clients log in here without TLS when the lab has SASL.
pub const OPEN_SASL_PORT: u16 = 9096;

/// How the listener is set up.
pub const PROPERTIES: &str = "\
listener.name.open_sasl.sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.open_sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.open_sasl.scram-sha-256.connections.max.reauth.ms=4000
";

impl Lab {
    /// `host:port` of brokers 1 to 3, for clients that log in without TLS.
    pub fn open_sasl_bootstrap(&self) -> String {
        assert!(self.security == Security::ScramOverTls, "the lab has no SASL");
        (1..=3).map(|host| self.net.address(host, OPEN_SASL_PORT)).collect::<Vec<_>>().join(",")
    }
}
