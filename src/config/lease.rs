//! [`LeaseMode`] and [`LeaseTopic`]: whether Kafka itself decides which of two evenkeels acts, and where it is written.

use serde::{Deserialize, Serialize};

use super::values::topic_name;

/// Whether an evenkeel that acts on a cluster holds a lease that Kafka itself gives, to one at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseMode {
    /// Where the cluster lets us keep one; elsewhere the lock on the state directory has to do, with a warning. The default.
    #[default]
    Auto,
    /// Always: without one nothing is changed.
    Required,
    /// Never: the lock on the state directory has to do.
    Off,
}

impl LeaseMode {
    /// The name as settings write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Required => "required",
            Self::Off => "off",
        }
    }
}

/// The topic that holds the lease and what a successor has to know. Every evenkeel of a cluster names the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseTopic(String);

/// What the lease's holder calls itself to Kafka, which lets nobody else commit under the name. A cluster has one lease.
pub fn transactional_id(cluster_id: &str) -> String {
    format!("evenkeel-{cluster_id}")
}

impl LeaseTopic {
    /// The name of the topic.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LeaseTopic {
    fn default() -> Self {
        Self("__evenkeel".to_owned())
    }
}

impl<'de> Deserialize<'de> for LeaseTopic {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        topic_name(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_toml;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Sample {
        #[serde(default)]
        lease: LeaseMode,
        #[serde(default)]
        lease_topic: LeaseTopic,
    }

    #[test]
    fn without_a_word_kafka_decides_where_it_can() {
        let sample: Sample = parse_toml("").expect("valid");
        assert_eq!((sample.lease, sample.lease_topic.as_str()), (LeaseMode::Auto, "__evenkeel"));
        for mode in [LeaseMode::Auto, LeaseMode::Required, LeaseMode::Off] {
            let sample: Sample = parse_toml(&format!("lease = \"{}\"", mode.name())).expect("valid");
            assert_eq!(sample.lease, mode);
        }
        let sample: Sample = parse_toml("lease-topic = \"ops.evenkeel-lease\"").expect("valid");
        assert_eq!(sample.lease_topic.as_str(), "ops.evenkeel-lease");
    }

    #[test]
    fn what_is_no_mode_and_no_topic_is_told() {
        let wrong = parse_toml::<Sample>("lease = \"requird\"").expect_err("wrong");
        assert_eq!(wrong.hint.as_deref(), Some("did you mean `required`?"));
        for name in ["", "..", "a b", "ümlaut", &"x".repeat(250)] {
            let text = format!("lease-topic = \"{name}\"");
            let wrong = parse_toml::<Sample>(&text).expect_err("wrong");
            assert!(wrong.problem.contains("is not a topic name"), "{wrong}");
        }
    }
}
