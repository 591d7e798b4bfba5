//! What a plan is for, as flags: every command that makes a plan without carrying it out takes them.

use clap::Args;

use super::args::{parse_broker, parse_factor, parse_log_dir};
use super::planning::Ask;
use crate::base::BrokerId;
use crate::goals::TopicPattern;
use crate::solve::{LogDirName, Operation};

/// What the plan is for: one of these, or levelling.
#[derive(Debug, Args)]
#[command(next_help_heading = "Operation")]
pub struct OperationArgs {
    /// Level the whole cluster (the default); beside another operation: in the same plan
    #[arg(long)]
    rebalance: bool,
    /// Fill these brokers: moves go only onto them, plus what a must-goal forces
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_broker,
          conflicts_with_all = ["remove_broker", "demote_broker", "demote_log_dir", "fix_offline",
                                "remove_log_dir", "replication_factor", "preferred_leaders"])]
    add_broker: Vec<BrokerId>,
    /// Empty these brokers: moves go only off them, plus what a must-goal forces
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_broker,
          conflicts_with_all = ["demote_broker", "demote_log_dir", "fix_offline", "remove_log_dir",
                                "replication_factor", "preferred_leaders"])]
    remove_broker: Vec<BrokerId>,
    /// Let these brokers lead nothing, and be last in every replica list
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_broker,
          conflicts_with_all = ["fix_offline", "remove_log_dir", "replication_factor", "preferred_leaders"])]
    demote_broker: Vec<BrokerId>,
    /// Let the replicas in these log directories lead nothing
    #[arg(long, value_name = "ID:PATH", value_delimiter = ',', value_parser = parse_log_dir,
          conflicts_with_all = ["fix_offline", "remove_log_dir", "replication_factor", "preferred_leaders"])]
    demote_log_dir: Vec<LogDirName>,
    /// Move every replica that is offline to where it can live
    #[arg(long, conflicts_with_all = ["remove_log_dir", "replication_factor", "preferred_leaders"])]
    fix_offline: bool,
    /// Empty these log directories onto the others of the same broker
    #[arg(long, value_name = "ID:PATH", value_delimiter = ',', value_parser = parse_log_dir,
          conflicts_with_all = ["replication_factor", "preferred_leaders"])]
    remove_log_dir: Vec<LogDirName>,
    /// Give topics (a name, or a regular expression over whole names) another replication factor (may be repeated;
    /// the first that matches counts)
    #[arg(long, value_name = "TOPIC=N", value_parser = parse_factor, conflicts_with = "preferred_leaders")]
    replication_factor: Vec<(TopicPattern, u8)>,
    /// Let the first replica of every list lead again; no data moves
    #[arg(long, conflicts_with = "rebalance")]
    preferred_leaders: bool,
}

impl OperationArgs {
    /// What it asks of the solver.
    pub fn ask(&self) -> Ask {
        let operation = if !self.add_broker.is_empty() {
            Operation::AddBrokers(self.add_broker.clone())
        } else if !self.remove_broker.is_empty() {
            Operation::RemoveBrokers(self.remove_broker.clone())
        } else if !self.demote_broker.is_empty() || !self.demote_log_dir.is_empty() {
            let (brokers, log_dirs) = (self.demote_broker.clone(), self.demote_log_dir.clone());
            Operation::Demote { brokers, log_dirs }
        } else if self.fix_offline {
            Operation::FixOffline
        } else if !self.remove_log_dir.is_empty() {
            Operation::RemoveLogDirs(self.remove_log_dir.clone())
        } else if !self.replication_factor.is_empty() {
            Operation::SetReplicationFactor(self.replication_factor.clone())
        } else if self.preferred_leaders {
            Operation::PreferredLeaders
        } else {
            Operation::Rebalance
        };
        Ask::of(operation, self.rebalance)
    }
}
