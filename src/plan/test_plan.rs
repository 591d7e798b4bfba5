//! Plans for tests in this crate.

use std::collections::BTreeMap;

use super::{Plan, PlanLimits, Price, Wave};
use crate::base::{DigestBuilder, ModelId, PlanId, TimestampMs};

/// A plan of these waves that says nothing else: no test is about what it leaves empty.
pub fn bare_plan(waves: Vec<Wave>) -> Plan {
    let digest = DigestBuilder::new("test").finish();
    Plan {
        format: "evenkeel-plan/1".to_owned(),
        id: PlanId(digest),
        cluster_id: None,
        based_on: ModelId(digest),
        observed_at: TimestampMs(0),
        goal_set: String::new(),
        operation: "rebalance".to_owned(),
        replication_factors: BTreeMap::new(),
        seed: 0,
        is_empty: waves.is_empty(),
        limits: PlanLimits::default(),
        certificate: None,
        price: Price::default(),
        goals: Vec::new(),
        brokers: Vec::new(),
        refusals: Vec::new(),
        waves,
    }
}
