//! `evenkeel snapshot`: what a cluster looks like, as a file.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::args::{ClusterArgs, check_output};
use super::target::Target;
use super::weigh::weigh_for;
use super::{Failure, Screen, live};
use crate::control::Scope;
use crate::observe::write_snapshot;
use crate::report::gaps_text;

const EXAMPLES: &str = "\
Examples:
  evenkeel snapshot --bootstrap b-1.example:9092 -o cluster.json.gz
  evenkeel snapshot --cluster prod --config evenkeel.toml | jq '.brokers | length'";

/// Write down what a cluster looks like, as a file that `propose` and `judge` read
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SnapshotArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Where to write it; gzipped when the name ends in `.gz` [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The cluster cannot be seen, or the file not written.
pub fn run(args: &SnapshotArgs, screen: &Screen) -> Result<(), Failure> {
    check_output(args.output.as_ref())?;
    let target = Target::resolve(&args.cluster, screen)?;
    let mut observation = live::open_for_loads_telling(&target, screen)?.observe(&Scope::Full)?;
    weigh_for(&target, &mut observation, screen);
    if !observation.gaps.is_empty() {
        screen.warn("the snapshot is not complete:");
        screen.note(gaps_text(&observation.gaps, screen.notes).trim_end());
    }
    let text = write_snapshot(&observation);
    let zipped = args.output.as_ref().is_some_and(|path| path.extension().is_some_and(|end| end == "gz"));
    let content = if zipped { zip(&text)? } else { text.into_bytes() };
    let what =
        format!("snapshot of {} brokers and {} topics", observation.brokers.len(), observation.topics.len());
    screen.result_to(args.output.as_deref(), &content, &what)
}

fn zip(text: &str) -> Result<Vec<u8>, Failure> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let zipped = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    zipped.map_err(|error| Failure::failed(format!("cannot compress the snapshot: {error}")))
}
