//! [`ListenAddress`]: where the daemon's own pages are served.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::bootstrap::host_and_port;

/// Where to listen: a host of this machine and a port; port 0 is any that is free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress(String);

/// Why a text is no address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address to listen on, such as `127.0.0.1:9464`, `[::1]:9464` or `0.0.0.0:9464`")]
pub struct NotAListenAddress(String);

impl ListenAddress {
    /// `HOST:PORT`; an IPv6 address stands in brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ListenAddress {
    type Err = NotAListenAddress;

    /// Reads `HOST:PORT`. All addresses of the machine are never meant by an empty host: who wants that says `0.0.0.0`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = host_and_port(text).map(|_| Self(text.to_owned()));
        known.ok_or_else(|| NotAListenAddress(text.to_owned()))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for ListenAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_are_needed() {
        for right in ["127.0.0.1:9464", "[::1]:9464", "localhost:0", "0.0.0.0:80"] {
            assert_eq!(right.parse::<ListenAddress>().expect("an address").as_str(), right);
        }
        for wrong in ["", "9464", ":9464", "127.0.0.1", "127.0.0.1:70000", "::1:9464", "http://a:1"] {
            assert!(wrong.parse::<ListenAddress>().is_err(), "{wrong}");
        }
    }
}
