//! `evenkeel run`: the daemon. Each cluster of the settings has a thread of its own that looks, proposes, and where
//! it may, acts; a cluster out of reach does not disturb the others.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use clap::Args;
use tracing::{Span, error, info, info_span};

use super::board::Board;
use super::live_files::Files;
use super::signals::{self, Termination};
use super::target::{Target, read_settings};
use super::ward::Ward;
use super::{Failure, Screen, state_dir};
use crate::edge::http::{HttpError, HttpServer};

const EXAMPLES: &str = "\
Examples:
  evenkeel run --config evenkeel.toml
  evenkeel run --config evenkeel.toml --log-format json --once";

/// Look after the clusters of a settings file: watch, propose, and act where the settings allow it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// The settings file (`deploy/evenkeel.toml` is an annotated example)
    #[arg(long, value_name = "FILE", env = "EVENKEEL_CONFIG")]
    config: PathBuf,
    /// Where the journal of what was done is kept [env: EVENKEEL_STATE_DIR] [default: the setting, else
    /// /var/lib/evenkeel for root and ~/.local/state/evenkeel for others]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Look at each cluster once, do what the settings allow, and end
    #[arg(long)]
    once: bool,
}

/// Runs the command.
///
/// # Errors
/// The settings, or a file that they name, are wrong. With `--once` also: a cluster could not be looked at.
pub fn run(args: &RunArgs, screen: &Screen) -> Result<(), Failure> {
    // Everything is read before anything begins: a mistake in one file is told at once, and not in an hour.
    let settings = read_settings(&args.config)?;
    signals::listen(
        "stopping: running executions are ended cleanly; Ctrl-C again hurries",
        Termination::Leaves,
    )?;
    let state_dir = state_dir::choose(args.state_dir.as_deref(), &settings, &args.config);
    let board = Board::default();
    let wards: Vec<Ward> = settings
        .clusters
        .iter()
        .map(|(name, cluster)| {
            let target = Target::from_settings(name, cluster, &args.config, screen)?;
            let target = Target { state_dir: state_dir.clone(), ..target };
            Ok(Ward {
                files: Files::new(&settings, name, cluster, args.config.clone())?,
                target,
                stop: signals::flag(),
                once: args.once,
                corner: board.corner(name, cluster.mode.name()),
            })
        })
        .collect::<Result<_, Failure>>()?;
    // One look leaves nothing to scrape, and may be taken beside a daemon that has the port.
    let address = settings.metrics_listen.as_ref().filter(|_| !args.once);
    let server = address.map(|address| HttpServer::start(address, Arc::new(board))).transpose()?;
    info!(clusters = wards.len(), config = %args.config.display(), "evenkeel has started");
    if let Some(server) = &server {
        info!("metrics are at http://{}/metrics", server.address());
    }
    let threads: Vec<_> = wards.into_iter().map(begin).collect::<Result<_, Failure>>()?;
    let mut first_failure = None;
    for thread in threads {
        let ended =
            thread.join().unwrap_or_else(|_| Err(Failure::failed("the thread of a cluster panicked")));
        first_failure = first_failure.or(ended.err());
    }
    drop(server);
    info!("evenkeel has ended");
    first_failure.map_or(Ok(()), Err)
}

/// Starts the thread of a cluster.
fn begin(ward: Ward) -> Result<JoinHandle<Result<(), Failure>>, Failure> {
    let name = ward.target.name.clone();
    let corner = ward.corner.clone();
    let tend = move || {
        let span: Span = info_span!("cluster", name = %ward.target.name);
        span.in_scope(|| {
            let ended = catch_unwind(AssertUnwindSafe(|| ward.tend()));
            let ended = ended.unwrap_or_else(|_| Err(Failure::failed("the thread of a cluster panicked")));
            if let Err(failure) = &ended
                && !ward.once
            {
                // The other clusters go on: it must not be overlooked that this one does not.
                corner.given_up();
                error!(hint = failure.hint.as_deref(), "not looked after any more: {}", failure.message);
            }
            ended
        })
    };
    let thread = std::thread::Builder::new().name(name.clone()).spawn(tend);
    thread.map_err(|error| Failure::failed(format!("cannot start the thread of `{name}`: {error}")))
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let failure = Self::usage(format!("metrics-listen: {error}"));
        match error {
            HttpError::Listen { .. } => failure.hint(
                "name an address of this machine and a port that no other process has; port 0 is any that is free",
            ),
            HttpError::Start { .. } => failure,
        }
    }
}
