//! Where a look at a cluster comes from: the cluster itself, or a snapshot file of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::args::ClusterArgs;
use super::session::Records;
use super::target::Target;
use super::weigh::weigh;
use super::{Failure, Screen, live};
use crate::config::ExecutionSettings;
use crate::control::{Scope, World};
use crate::observe::{Observation, read_snapshot};

/// A cluster, or a snapshot of one.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// A snapshot file instead of a cluster (`evenkeel snapshot` writes it)
    #[arg(long, value_name = "FILE", help_heading = "Cluster", conflicts_with_all = ["bootstrap", "cluster", "kafka_config"])]
    pub snapshot: Option<PathBuf>,
}

/// What was seen, and what is set for the cluster.
pub struct Seen {
    /// The look itself.
    pub observation: Observation,
    /// The goal set that the settings name for this cluster.
    pub goals: Option<String>,
    /// How hard an execution may press there.
    pub execution: ExecutionSettings,
    /// For how far ahead plans are made there.
    pub plan_for: Option<Duration>,
    /// What evenkeel has written down about the cluster; absent for a snapshot, and where there is no place for it.
    pub records: Option<Records>,
}

/// Looks.
///
/// # Errors
/// The cluster cannot be seen, or the file is no snapshot.
pub fn look(args: &SourceArgs, screen: &Screen) -> Result<Seen, Failure> {
    look_by(args, screen, live::open)
}

/// Looks where loads count: without metrics that takes a while.
///
/// # Errors
/// As [`look`].
pub fn look_for_loads(args: &SourceArgs, screen: &Screen) -> Result<Seen, Failure> {
    look_by(args, screen, |target| live::open_for_loads_telling(target, screen))
}

fn look_by(
    args: &SourceArgs,
    screen: &Screen,
    open: impl FnOnce(&Target) -> Result<Box<dyn World>, Failure>,
) -> Result<Seen, Failure> {
    if let Some(path) = &args.snapshot {
        let observation = read_snapshot_file(path, screen)?;
        let execution = ExecutionSettings::default();
        return Ok(Seen { observation, goals: None, execution, plan_for: None, records: None });
    }
    if !args.cluster.is_given() {
        return Err(Failure::usage("no cluster is named")
            .hint("say `--bootstrap HOST:PORT`, `--cluster NAME --config FILE`, or `--snapshot FILE`"));
    }
    let target = Target::resolve(&args.cluster, screen)?;
    let mut observation = open(&target)?.observe(&Scope::Full)?;
    let records = Records::of(&target, &observation).ok();
    if let Some(records) = &records {
        weigh(records.path(), &mut observation, screen);
    }
    let Target { goals, execution, plan_for, .. } = target;
    Ok(Seen { observation, goals, execution, plan_for, records })
}

/// Reads a snapshot file; warnings go to stderr.
///
/// # Errors
/// It cannot be read, or is not a snapshot; the message names the place.
pub fn read_snapshot_file(path: &Path, screen: &Screen) -> Result<Observation, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::in_file("read", path, &error))?;
    let (observation, warnings) =
        read_snapshot(&bytes).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    for warning in warnings {
        screen.warn(&format!("{}: {warning}", path.display()));
    }
    Ok(observation)
}
