//! Plans as files: JSON out and in, with the id checked.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use super::{BrokerLoads, GoalOutcome, KafkaReassignment, Plan, PlanError, PlanLimits, Price, Refused, Wave};
use crate::base::{DigestBuilder, ModelId, PlanId, TimestampMs, TopicName};
use crate::solve::Certificate;

/// The format that this version writes and reads.
pub(super) const FORMAT: &str = "evenkeel-plan/1";

/// A plan file of either kind.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanFile {
    /// A plan of evenkeel's.
    Evenkeel(Box<Plan>),
    /// Kafka's own JSON.
    Kafka(KafkaReassignment),
}

impl PlanFile {
    /// Reads a plan of either kind; which one it is, is told by its content.
    ///
    /// # Errors
    /// It is neither, or broken.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| PlanError::malformed(&format!("not JSON: {error}")))?;
        if value.get("format").is_some() {
            return Plan::from_json(text).map(|plan| Self::Evenkeel(Box::new(plan)));
        }
        if value.get("version").is_some() && value.get("partitions").is_some() {
            return KafkaReassignment::parse(text).map(Self::Kafka);
        }
        let problem =
            format!("neither `{FORMAT}` nor the JSON of kafka-reassign-partitions (version, partitions)");
        Err(PlanError::malformed(&problem))
    }
}

impl Plan {
    /// The plan as JSON text; the same plan gives the same text.
    ///
    /// # Panics
    /// Never: a plan holds only what serializes.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a plan serializes");
        text.push('\n');
        text
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// It is not a plan of this format, or its content is not what its id stands for.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        let malformed = |problem: String| PlanError::malformed(&problem);
        let value: Value =
            serde_json::from_str(text).map_err(|error| malformed(format!("not JSON: {error}")))?;
        match value.get("format").and_then(Value::as_str) {
            Some(FORMAT) => {}
            Some(other) => {
                return Err(malformed(format!("the format is `{other}`; this version reads `{FORMAT}`")));
            }
            None => return Err(malformed(format!("the key `format` is missing; it should be `{FORMAT}`"))),
        }
        let plan: Self = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        let content = plan.content_id();
        if content != plan.id {
            return Err(PlanError::NotItsId { claimed: plan.id, content });
        }
        Ok(plan)
    }

    /// The id that the content stands for.
    ///
    /// # Panics
    /// Never: a plan holds only what serializes.
    pub fn content_id(&self) -> PlanId {
        let mut text = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut text, TenDigits);
        Content::of(self).serialize(&mut serializer).expect("a plan serializes");
        let text = String::from_utf8(text).expect("JSON is UTF-8");
        PlanId(DigestBuilder::new(FORMAT).text(&text).finish())
    }
}

/// All of a plan but its id.
#[derive(Serialize)]
struct Content<'a> {
    format: &'a str,
    cluster_id: &'a Option<String>,
    based_on: &'a ModelId,
    observed_at: &'a TimestampMs,
    goal_set: &'a str,
    operation: &'a str,
    replication_factors: &'a BTreeMap<TopicName, u8>,
    seed: u64,
    is_empty: bool,
    limits: &'a PlanLimits,
    price: &'a Price,
    certificate: &'a Option<Certificate>,
    goals: &'a [GoalOutcome],
    brokers: &'a [BrokerLoads],
    refusals: &'a [Refused],
    waves: &'a [Wave],
}

impl<'a> Content<'a> {
    #[rustfmt::skip]
    fn of(plan: &'a Plan) -> Self {
        // Every field is named, so that one that is added cannot be left out of the id.
        let Plan {
            format, id: _, cluster_id, based_on, observed_at, goal_set, operation, replication_factors, seed, is_empty,
            limits, price, certificate, goals, brokers, refusals, waves,
        } = plan;
        Self {
            format, cluster_id, based_on, observed_at, goal_set, operation, replication_factors, seed: *seed,
            is_empty: *is_empty, limits, price, certificate, goals, brokers, refusals, waves,
        }
    }
}

/// JSON whose real numbers have ten digits: reading one back may change its last bit.
struct TenDigits;

impl Formatter for TenDigits {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        write!(writer, "{value:.9e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        PlanFile::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn kafkas_own_files_are_read() {
        let text = r#"{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any","any"]}]}"#;
        let PlanFile::Kafka(read) = PlanFile::parse(text).unwrap() else { panic!("it is Kafka's form") };
        assert_eq!(read.partitions[0].replicas.len(), 2);
        let empty = PlanFile::parse(r#"{"version":1,"partitions":[]}"#).unwrap();
        assert!(matches!(empty, PlanFile::Kafka(list) if list.partitions.is_empty()));
    }

    #[test]
    fn what_is_no_plan_is_refused_with_the_place() {
        assert!(refusal("nonsense").starts_with("not JSON"));
        assert!(
            refusal("{}").contains("neither `evenkeel-plan/1` nor the JSON of kafka-reassign-partitions")
        );
        assert!(refusal(r#"{"format":"evenkeel-plan/9"}"#).contains("this version reads `evenkeel-plan/1`"));
        assert!(refusal(r#"{"format":"evenkeel-plan/1"}"#).contains("missing field"));
        assert!(refusal(r#"{"version":2,"partitions":[]}"#).contains("version is 2"));
        let twice = r#"{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1]},{"topic":"t","partition":0,"replicas":[2]}]}"#;
        assert!(refusal(twice).contains("partitions[1]: partition t-0 is named in partitions[0] too"));
        let bare = r#"{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[]}]}"#;
        assert!(refusal(bare).contains("partitions[0]: partition t-0 would have no replicas"));
    }
}
