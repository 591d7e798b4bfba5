//! [`CapacitySettings`]: what brokers can carry, where Kafka itself cannot tell.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::values::optional_rate;
use crate::base::{BrokerId, Bytes, BytesPerS, Cores};

/// What each broker can carry; what a broker's own table leaves out is taken from the common values.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CapacitySettings {
    /// Sum of the broker's volumes; only needed before Kafka 3.3, which tells it.
    #[serde(default, deserialize_with = "disk")]
    pub disk: Option<Bytes>,
    /// Network, inbound.
    #[serde(default, deserialize_with = "optional_rate")]
    pub network_in: Option<BytesPerS>,
    /// Network, outbound.
    #[serde(default, deserialize_with = "optional_rate")]
    pub network_out: Option<BytesPerS>,
    /// Processor cores.
    #[serde(default)]
    pub cpu_cores: Option<Cores>,
    /// Values of single brokers, by id.
    #[serde(default, deserialize_with = "brokers")]
    pub brokers: BTreeMap<BrokerId, CapacitySettings>,
}

impl CapacitySettings {
    /// The values for one broker: its own where given, else the common ones.
    #[must_use]
    pub fn of(&self, broker: BrokerId) -> Self {
        let own = self.brokers.get(&broker);
        Self {
            disk: own.and_then(|own| own.disk).or(self.disk),
            network_in: own.and_then(|own| own.network_in).or(self.network_in),
            network_out: own.and_then(|own| own.network_out).or(self.network_out),
            cpu_cores: own.and_then(|own| own.cpu_cores).or(self.cpu_cores),
            brokers: BTreeMap::new(),
        }
    }
}

fn disk<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(serde::de::Error::custom)
}

fn brokers<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<BrokerId, CapacitySettings>, D::Error> {
    // TOML keys are text, so the ids are read from text.
    let by_name = BTreeMap::<String, CapacitySettings>::deserialize(deserializer)?;
    let by_id = |(name, values): (String, CapacitySettings)| {
        let id = name.parse().ok().filter(|id| *id >= 0);
        let id = id.ok_or_else(|| serde::de::Error::custom(format!("`{name}` is not a broker id")))?;
        if !values.brokers.is_empty() {
            return Err(serde::de::Error::custom(format!("`brokers` has no place inside `brokers.{name}`")));
        }
        Ok((BrokerId(id), values))
    };
    by_name.into_iter().map(by_id).collect()
}
