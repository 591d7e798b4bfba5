//! From a target to steps in waves, with a price; and the independent judge of any plan.

mod build;
mod certificate;
mod course;
mod error;
mod file;
mod fill;
mod forecast;
mod judge;
mod judge_log_dirs;
mod kafka;
mod log_dir_waves;
mod musts;
mod plan;
mod rooms;
mod schedule;
mod stages;
mod starts;
mod step;
mod waiting;
mod waves;

#[cfg(test)]
mod test_plan;

pub use certificate::{CertificateCheck, check_certificate};
pub use course::{Chain, Course, Habits, Place};
pub use error::PlanError;
pub use file::PlanFile;
pub use fill::Fill;
pub use judge::{Judgement, Leave, Stale, judge, judge_plan, judge_with};
pub use kafka::{KafkaPartition, KafkaReassignment};
pub use plan::{BrokerLoads, GoalOutcome, Plan, PlanLimits, Price, Refused, Wave};
pub use rooms::Rooms;
pub use schedule::{Backlog, Copying, Ready, Traffic, by_urgency};
pub use step::{LeaderStep, LogDirStep, MoveStep, Step};
#[cfg(test)]
pub use test_plan::bare_plan;
