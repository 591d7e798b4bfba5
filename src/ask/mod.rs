//! Questions about a cluster, answered on the model: why a partition stands where it does, what would be if, how many
//! brokers it takes, and how good a proposal is.
//!
//! Each answer is a view: plain data that text and JSON are made from, so that they cannot disagree. Nothing here plans
//! an execution; where an answer needs a proposal, it is one that is never carried out.

mod checkup;
mod effect;
mod explain;
mod measure;
mod need;
mod obstacle;
mod outlook;
mod plan_diff;
mod right_size;
mod scenario;
mod what_if;

#[cfg(test)]
mod test_clusters;

pub use checkup::{
    Acls, Certificate, Checkup, Conclusion, Endpoint, Facts, GoalReadiness, Granted, Grants, Greeting, Knock,
    Lacking, Need, On, PageSeen, Purpose, Refusal, Stage, State, Step, StepVerdict, Way, Weight, check_up,
    lacking,
};
pub use explain::{Explained, Explanation, Fate, FindError, GoalEffect, Ground, ReplicaView, Share, Stay};
pub use explain::{explain, find_partition};
pub use measure::{Measured, Spreads, measure};
pub use need::{Demand, RackNeed};
pub use obstacle::Obstacle;
pub use outlook::{Confidence, Disk, DiskOutlook, Outlook, disk_limit_share, outlook};
pub use plan_diff::{
    Change, ChangeOfTwo, ClusterDiff, PlanName, PlansDiff, StandingChange, Stands, diff_of_plans,
    diff_with_cluster,
};
pub use right_size::{Horizon, Proof, Sizing, SizingAsk, SizingError, right_size};
pub use scenario::{NewBrokers, Scenario, ScenarioError};
pub use what_if::{
    GoalRow, Judged, Load, LoadRow, LossView, Named, Outcome, Remaining, WhatIf, WhatIfError, what_if,
};

/// A number of things as a real number; a cluster has fewer than 2^32 of anything.
fn real(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

/// What goals do not show, and bears on their answers: racks that are none, brokers that are down.
fn remarks(model: &crate::model::ClusterModel) -> Vec<String> {
    let unset = crate::solve::rack_unset(model).map(|lack| format!("{}: {}", lack.reason(), lack.mend()));
    let down: Vec<String> =
        model.brokers.iter().filter(|broker| !broker.alive).map(|broker| broker.id.to_string()).collect();
    let down = match down.as_slice() {
        [] => None,
        [one] => Some(format!("broker {one} is down, and is not counted")),
        some => Some(format!("brokers {} are down, and are not counted", some.join(", "))),
    };
    unset.into_iter().chain(down).collect()
}

/// A real amount of bytes to the nearest whole one.
fn whole_bytes(amount: f64) -> crate::base::Bytes {
    crate::base::Bytes::whole(amount.round())
}
