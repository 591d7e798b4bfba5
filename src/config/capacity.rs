//! [`CapacitySettings`]: what brokers can carry, where Kafka itself cannot tell.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::InstanceType;
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
    /// The network device of each machine by which the broker is reached: what the node exporter says of its speed counts
    /// where the network is given nowhere else.
    #[serde(default)]
    pub network_device: Option<String>,
    /// Processor cores.
    #[serde(default)]
    pub cpu_cores: Option<Cores>,
    /// The type of machine, whose network and cores count where these are not given.
    #[serde(default)]
    pub instance: Option<InstanceType>,
    /// A capacity file of Cruise Control's, relative to the settings file, for what is given nowhere else.
    #[serde(default)]
    pub file: Option<String>,
    /// What that file says, once it was read.
    #[serde(skip)]
    pub beneath: Option<Box<CapacitySettings>>,
    /// Values of single brokers, by id.
    #[serde(default, deserialize_with = "brokers")]
    pub brokers: BTreeMap<BrokerId, CapacitySettings>,
}

impl CapacitySettings {
    /// The values for one broker: its own where given, else the common ones, else those of its type of machine, else the file's.
    #[must_use]
    pub fn of(&self, broker: BrokerId) -> Self {
        let own = self.brokers.get(&broker);
        let instance = own.and_then(|own| own.instance).or(self.instance);
        // A broker on a machine of its own type is not like the others.
        let common = if own.is_some_and(|own| own.instance.is_some()) { None } else { Some(self) };
        let network = instance.map(InstanceType::network);
        let of = |value: fn(&Self) -> Option<BytesPerS>| own.and_then(value).or(common.and_then(value));
        let file = self.beneath.as_ref().map(|beneath| beneath.of(broker)).unwrap_or_default();
        let cores = own.and_then(|own| own.cpu_cores).or(common.and_then(|all| all.cpu_cores));
        Self {
            disk: own.and_then(|own| own.disk).or(self.disk).or(file.disk),
            network_in: of(|all| all.network_in).or(network).or(file.network_in),
            network_out: of(|all| all.network_out).or(network).or(file.network_out),
            network_device: own.and_then(|own| own.network_device.clone()).or(self.network_device.clone()),
            cpu_cores: cores.or(instance.map(InstanceType::cores)).or(file.cpu_cores),
            instance,
            ..Self::default()
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
        if values.file.is_some() {
            return Err(serde::de::Error::custom(format!(
                "`file` is for all brokers, and has no place in `brokers.{name}`"
            )));
        }
        if !values.brokers.is_empty() {
            return Err(serde::de::Error::custom(format!("`brokers` has no place inside `brokers.{name}`")));
        }
        Ok((BrokerId(id), values))
    };
    by_name.into_iter().map(by_id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> CapacitySettings {
        toml::from_str(text).expect("right settings")
    }

    #[test]
    fn what_is_said_of_a_broker_counts_before_its_machine_and_that_before_the_file() {
        let mut all = settings(
            "instance = \"kafka.m5.large\"\nnetwork-in = \"50MB/s\"\n[brokers.1]\ncpu-cores = 3.0\n\
             [brokers.2]\ninstance = \"m5.2xlarge\"\n",
        );
        let file = "[brokers.1]\ndisk = \"5GB\"\nnetwork-in = \"1MB/s\"\n";
        all.beneath = Some(Box::new(settings(&format!("cpu-cores = 99.0\ndisk = \"9GB\"\n{file}"))));
        let mb = |rate: Option<BytesPerS>| rate.map(|rate| rate.get() / 1e6);
        let one = all.of(BrokerId(1));
        assert_eq!((mb(one.network_in), mb(one.network_out)), (Some(50.0), Some(93.75)));
        assert_eq!((one.cpu_cores.map(Cores::get), one.disk), (Some(3.0), Some(Bytes(5_000_000_000))));
        let two = all.of(BrokerId(2));
        assert_eq!((mb(two.network_in), two.cpu_cores.map(Cores::get)), (Some(312.5), Some(8.0)));
        let three = all.of(BrokerId(3));
        assert_eq!((three.cpu_cores.map(Cores::get), three.disk), (Some(2.0), Some(Bytes(9_000_000_000))));
        assert_eq!(CapacitySettings::default().of(BrokerId(1)), CapacitySettings::default());
    }

    #[test]
    fn a_machine_that_nobody_knows_and_a_file_for_one_broker_are_refused() {
        let error = |text: &str| toml::from_str::<CapacitySettings>(text).expect_err("wrong").to_string();
        assert!(error("instance = \"kafka.m5.larg\"").contains("did you mean `m5.large`?"));
        assert!(error("[brokers.1]\nfile = \"x.json\"").contains("`file` is for all brokers"));
    }
}
