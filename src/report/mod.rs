//! What people and programs are shown: pure rendering of plans, observations and execution events.
//!
//! Text and JSON of one question come from one view, so that they cannot disagree. Nothing here knows whether
//! it writes to a terminal: width and colour come in as a [`Style`].

mod brokers;
mod certificate_text;
mod change_text;
mod check_text;
mod explain_text;
mod exposition;
mod gauges;
mod goals_text;
mod judge_text;
mod layout;
mod leave;
mod measure_text;
mod outcome_text;
mod outlook_text;
mod plan_diff_text;
mod plan_text;
mod right_size_text;
mod standing;
mod status;
mod status_text;
mod what_if_text;

pub use change_text::change_text;
pub use check_text::check_text;
pub use explain_text::explain_text;
pub use exposition::exposition;
pub use gauges::{ClusterGauges, Proposed, Trouble};
pub use goals_text::{goal_set_json, goal_set_text, goal_sets_text};
pub use judge_text::judgement_text;
pub use layout::Style;
pub use leave::{ApprovedView, Leave, ProposedView};
pub use measure_text::{Measurement, Stage, measurement_text};
pub use outcome_text::outcome_text;
pub use outlook_text::{outlook_line, outlook_text};
pub use plan_diff_text::{cluster_diff_text, plans_diff_text};
pub use plan_text::{PlanNotes, gaps_text, plan_text};
pub use right_size_text::right_size_text;
pub use standing::{
    BrokerTimes, CanaryView, HistoryEvent, HistoryRow, KnownView, LeaseView, StandingView,
    history_events_text, history_text, standing_text,
};
pub use status::{
    BrokerStatus, PartitionStatus, ReassignmentStatus, StatusView, ThrottleStatus, TopicCounts,
};
pub use status_text::status_text;
pub use what_if_text::what_if_text;
