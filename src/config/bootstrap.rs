//! [`Bootstrap`]: where a client first knocks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// Addresses of some brokers, as `HOST:PORT`; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap(Vec<String>);

/// Why a text is no list of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form HOST:PORT, such as `broker-1.example:9092`; several are parted by commas")]
pub struct NotAnAddress(String);

impl Bootstrap {
    /// The addresses, each `HOST:PORT`.
    pub fn addresses(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Bootstrap {
    type Err = NotAnAddress;

    /// Reads `HOST:PORT[,HOST:PORT..]`; an IPv6 address stands in brackets.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = |part: &str| {
            let known = host_and_port(part.trim()).filter(|(_, port)| *port != 0);
            let (host, port) = known.ok_or_else(|| NotAnAddress(part.to_owned()))?;
            Ok(format!("{host}:{port}"))
        };
        text.split(',').map(address).collect::<Result<_, _>>().map(Self)
    }
}

/// The two parts of `HOST:PORT`, where it is that; an IPv6 address stands in brackets.
pub(super) fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
    let plain = !host.is_empty() && !host.contains([':', '/', ' ', '[', ']', '@']);
    Some((host, port.parse().ok()?)).filter(|_| bracketed || plain)
}

impl fmt::Display for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl<'de> Deserialize<'de> for Bootstrap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_one_by_one() {
        let two: Bootstrap = "b-1.example:9094, [::1]:9092".parse().expect("two addresses");
        assert_eq!(two.addresses(), ["b-1.example:9094", "[::1]:9092"]);
        assert_eq!(two.to_string(), "b-1.example:9094,[::1]:9092");
        for wrong in
            ["", "b-1", "b-1:", ":9092", "b-1:0", "b-1:70000", "a:1,", "http://a:1", "::1:9092", "u@h:1"]
        {
            assert!(wrong.parse::<Bootstrap>().is_err(), "{wrong}");
        }
    }
}
