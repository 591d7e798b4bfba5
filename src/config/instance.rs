//! [`InstanceType`]: what a machine of a named type carries for as long as it is asked to.
//!
//! Amazon gives small machines two figures for their network: a baseline that they always have, and a burst that lasts for
//! minutes. Copies and clients last for hours, so that only the baseline counts here. The figures are those of the pages
//! "Amazon EC2 instance network bandwidth" and "Amazon EC2 instance types"; a broker of Amazon MSK named `kafka.m5.large`
//! is a machine of type `m5.large`. Types that are not in the table are refused: no capacity is guessed.

use std::fmt;

use serde::Deserialize;

use super::nearest;
use crate::base::{BytesPerS, Cores};

/// A type of machine, by its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InstanceType {
    name: &'static str,
    cores: f64,
    /// What its network always gives in each direction, in gigabits per second.
    baseline_gbit_per_s: f64,
}

const fn row(name: &'static str, cores: f64, baseline_gbit_per_s: f64) -> InstanceType {
    InstanceType { name, cores, baseline_gbit_per_s }
}

/// Types that brokers of Amazon MSK run on, and their near relations on EC2.
const TYPES: [InstanceType; 57] = [
    row("t3.small", 2.0, 0.128),
    row("t3.medium", 2.0, 0.256),
    row("t3.large", 2.0, 0.512),
    row("m5.large", 2.0, 0.75),
    row("m5.xlarge", 4.0, 1.25),
    row("m5.2xlarge", 8.0, 2.5),
    row("m5.4xlarge", 16.0, 5.0),
    row("m5.8xlarge", 32.0, 10.0),
    row("m5.12xlarge", 48.0, 12.0),
    row("m5.16xlarge", 64.0, 20.0),
    row("m5.24xlarge", 96.0, 25.0),
    row("m6g.large", 2.0, 0.75),
    row("m6g.xlarge", 4.0, 1.25),
    row("m6g.2xlarge", 8.0, 2.5),
    row("m6g.4xlarge", 16.0, 5.0),
    row("m6g.8xlarge", 32.0, 12.0),
    row("m6g.12xlarge", 48.0, 20.0),
    row("m6g.16xlarge", 64.0, 25.0),
    row("m6i.large", 2.0, 0.781),
    row("m6i.xlarge", 4.0, 1.562),
    row("m6i.2xlarge", 8.0, 3.125),
    row("m6i.4xlarge", 16.0, 6.25),
    row("m6i.8xlarge", 32.0, 12.5),
    row("m6i.12xlarge", 48.0, 18.75),
    row("m6i.16xlarge", 64.0, 25.0),
    row("m6i.24xlarge", 96.0, 37.5),
    row("m7g.large", 2.0, 0.937),
    row("m7g.xlarge", 4.0, 1.876),
    row("m7g.2xlarge", 8.0, 3.75),
    row("m7g.4xlarge", 16.0, 7.5),
    row("m7g.8xlarge", 32.0, 15.0),
    row("m7g.12xlarge", 48.0, 22.5),
    row("m7g.16xlarge", 64.0, 30.0),
    row("r5.large", 2.0, 0.75),
    row("r5.xlarge", 4.0, 1.25),
    row("r5.2xlarge", 8.0, 2.5),
    row("r5.4xlarge", 16.0, 5.0),
    row("r5.8xlarge", 32.0, 10.0),
    row("r5.12xlarge", 48.0, 12.0),
    row("r5.16xlarge", 64.0, 20.0),
    row("r5.24xlarge", 96.0, 25.0),
    row("r6g.large", 2.0, 0.75),
    row("r6g.xlarge", 4.0, 1.25),
    row("r6g.2xlarge", 8.0, 2.5),
    row("r6g.4xlarge", 16.0, 5.0),
    row("r6g.8xlarge", 32.0, 12.0),
    row("r6g.12xlarge", 48.0, 20.0),
    row("r6g.16xlarge", 64.0, 25.0),
    row("r7g.large", 2.0, 0.937),
    row("r7g.xlarge", 4.0, 1.876),
    row("r7g.2xlarge", 8.0, 3.75),
    row("r7g.4xlarge", 16.0, 7.5),
    row("r7g.8xlarge", 32.0, 15.0),
    row("r7g.12xlarge", 48.0, 22.5),
    row("r7g.16xlarge", 64.0, 30.0),
    row("i3en.3xlarge", 12.0, 12.5),
    row("i3en.6xlarge", 24.0, 25.0),
];

/// A name that is in no row of the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no type of machine that is known here{}; say network-in, network-out and cpu-cores instead", .near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default())]
pub struct NotAnInstanceType {
    given: String,
    near: Option<&'static str>,
}

impl InstanceType {
    /// The type of this name, with or without `kafka.` or `express.` before it.
    ///
    /// # Errors
    /// There is none.
    pub fn named(given: &str) -> Result<Self, NotAnInstanceType> {
        let bare = given.strip_prefix("kafka.").or_else(|| given.strip_prefix("express.")).unwrap_or(given);
        TYPES.iter().find(|kind| kind.name == bare).copied().ok_or_else(|| NotAnInstanceType {
            given: given.to_owned(),
            near: nearest(bare, TYPES.iter().map(|kind| kind.name))
                .and_then(|near| TYPES.iter().find(|kind| kind.name == near).map(|kind| kind.name)),
        })
    }

    /// Processor cores (virtual ones, as Amazon counts them).
    pub fn cores(self) -> Cores {
        Cores::new(self.cores).unwrap_or_default()
    }

    /// What the network gives in each direction for as long as it is asked to.
    pub fn network(self) -> BytesPerS {
        BytesPerS::new(self.baseline_gbit_per_s * 1e9 / 8.0).unwrap_or_default()
    }
}

impl fmt::Display for InstanceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl<'de> Deserialize<'de> for InstanceType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::named(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_of_a_managed_kafka_are_machines_of_the_same_name() {
        let broker = InstanceType::named("kafka.m5.large").expect("known");
        assert_eq!(broker, InstanceType::named("m5.large").expect("known"));
        assert!((broker.network().get() - 93.75e6).abs() < 1.0, "the baseline, not the burst");
        assert!((broker.cores().get() - 2.0).abs() < 1e-9);
        assert_eq!(InstanceType::named("express.m7g.4xlarge").expect("known").to_string(), "m7g.4xlarge");
    }

    #[test]
    fn names_are_there_once_and_larger_machines_carry_no_less() {
        for (at, kind) in TYPES.iter().enumerate() {
            assert_eq!(TYPES.iter().position(|other| other.name == kind.name), Some(at), "{kind}");
        }
        let family = |kind: &InstanceType| kind.name.split('.').next().map(str::to_owned);
        for pair in TYPES.windows(2).filter(|pair| family(&pair[0]) == family(&pair[1])) {
            assert!(pair[0].cores <= pair[1].cores, "{} {}", pair[0], pair[1]);
            assert!(pair[0].baseline_gbit_per_s < pair[1].baseline_gbit_per_s, "{} {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn what_is_not_known_is_refused_with_the_nearest_name() {
        let told = InstanceType::named("kafka.m5.larg").expect_err("misspelt").to_string();
        assert!(told.contains("`kafka.m5.larg`") && told.contains("did you mean `m5.large`?"), "{told}");
        let told = InstanceType::named("mainframe").expect_err("unknown").to_string();
        assert!(told.contains("say network-in"), "{told}");
    }
}
