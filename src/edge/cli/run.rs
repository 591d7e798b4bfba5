//! `evenkeel run`: the daemon. Each cluster of the settings has a thread of its own that looks, proposes, and where
//! it may, acts; a cluster out of reach does not disturb the others.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use tracing::{Span, error, info, info_span, warn};

use super::planning::Pace;
use super::stop;
use super::target::{Target, read_settings};
use super::{Failure, Screen, goals, live};
use crate::base::TimestampMs;
use crate::config::{ClusterSettings, Settings};
use crate::control::{
    Charge, Controller, ControllerSettings, Decision, Happening, NoJournal, Proposal, Scope, World, drive,
    propose,
};
use crate::edge::kafka::StopFlag;
use crate::execute::Execution;
use crate::goals::GoalSet;
use crate::observe::Observation;
use crate::solve::Request;

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
    /// Look at each cluster once, do what the settings allow, and end
    #[arg(long)]
    once: bool,
}

/// One cluster, and all that is needed to look after it.
struct Ward {
    target: Target,
    goals: GoalSet,
    controller: ControllerSettings,
    pace: Pace,
    stop: StopFlag,
    once: bool,
}

/// Runs the command.
///
/// # Errors
/// The settings, or a file that they name, are wrong. With `--once` also: a cluster could not be looked at.
pub fn run(args: &RunArgs, screen: &Screen) -> Result<(), Failure> {
    // Everything is read before anything begins: a mistake in one file is told at once, and not in an hour.
    let settings = read_settings(&args.config)?;
    stop::listen("stopping: running executions are ended cleanly; Ctrl-C again hurries")?;
    let wards: Vec<Ward> = settings
        .clusters
        .iter()
        .map(|(name, cluster)| {
            let target = Target::from_settings(name, cluster, &args.config, screen)?;
            Ok(Ward {
                goals: goals::load(target.goals.as_deref().unwrap_or("default"))?,
                controller: controller_settings(&settings, cluster),
                pace: Pace::of(None, &target.execution),
                target,
                stop: stop::flag(),
                once: args.once,
            })
        })
        .collect::<Result<_, Failure>>()?;
    info!(clusters = wards.len(), config = %Path::new(&args.config).display(), "evenkeel has started");
    let threads: Vec<_> = wards
        .into_iter()
        .map(|ward| {
            let name = ward.target.name.clone();
            let thread = std::thread::Builder::new().name(name.clone()).spawn(move || {
                let span: Span = info_span!("cluster", name = %ward.target.name);
                span.in_scope(|| ward.tend())
            });
            thread.map_err(|error| Failure::failed(format!("cannot start the thread of `{name}`: {error}")))
        })
        .collect::<Result<_, Failure>>()?;
    let mut first_failure = None;
    for thread in threads {
        let ended =
            thread.join().unwrap_or_else(|_| Err(Failure::failed("the thread of a cluster panicked")));
        first_failure = first_failure.or(ended.err());
    }
    info!("evenkeel has ended");
    first_failure.map_or(Ok(()), Err)
}

fn controller_settings(settings: &Settings, cluster: &ClusterSettings) -> ControllerSettings {
    let defaults = ControllerSettings::default();
    ControllerSettings {
        mode: cluster.mode,
        interval: cluster.interval.unwrap_or(settings.interval),
        rest: cluster.act.rest.unwrap_or(defaults.rest),
        bytes_most: cluster.act.bytes_most.or(defaults.bytes_most),
    }
}

impl Ward {
    /// Looks after the cluster until a stop is asked for. Failures are logged, and the next look is another try;
    /// with `--once` the failure of the one look is the result.
    fn tend(&self) -> Result<(), Failure> {
        let mut controller = Controller::new(self.controller.clone());
        let mut world: Option<Box<dyn World>> = None;
        loop {
            self.stop.wait(controller.wait(now()));
            if self.stop.count() > 0 {
                return Ok(());
            }
            let round = self.round(&mut world, &mut controller);
            if self.once {
                return round;
            }
            if let Err(failure) = round {
                warn!(hint = failure.hint.as_deref(), "no look: {}", failure.message);
                // What a broken connection left behind is not carried into the next try.
                world = None;
                controller.looked_in_vain(now());
            }
        }
    }

    /// One look and what follows from it.
    fn round(&self, world: &mut Option<Box<dyn World>>, controller: &mut Controller) -> Result<(), Failure> {
        let world = match world {
            Some(world) => world,
            None => world.insert(live::open(&self.target)?),
        };
        let seen = world.observe(&Scope::Full)?;
        for gap in &seen.gaps {
            warn!(kind = ?gap.kind, subject = gap.subject, "not seen: {}", gap.reason);
        }
        let decision = controller
            .tick(world.now(), &seen, || propose(&seen, &self.goals, &Request::default(), &self.pace.limits));
        match decision {
            Decision::Watch => info!(brokers = seen.brokers.len(), topics = seen.topics.len(), "looked"),
            Decision::Level(proposal) => {
                info!(
                    brokers = seen.brokers.len(),
                    refusals = proposal.plan.refusals.len(),
                    "level: nothing to do"
                );
            }
            Decision::NoProposal(error) => error!("no proposal: {error}"),
            Decision::Propose { proposal, held_back } => {
                let why: Vec<String> = held_back.iter().map(ToString::to_string).collect();
                log_plan(&proposal, &format!("proposed and not carried out: {}", why.join("; ")));
            }
            Decision::Act(proposal) => {
                log_plan(&proposal, "carrying out");
                self.act(world.as_mut(), controller, &proposal, &seen)?;
            }
        }
        Ok(())
    }

    fn act(
        &self,
        world: &mut dyn World,
        controller: &mut Controller,
        proposal: &Proposal,
        seen: &Observation,
    ) -> Result<(), Failure> {
        let mut execution = Execution::new(&proposal.plan, self.pace.execute.clone(), world.now(), seen)?;
        let mut told: Option<Instant> = None;
        let outcome =
            drive(
                world,
                Charge::unrecorded(&mut execution, &mut NoJournal),
                &mut |happening| match happening {
                    Happening::Event(event) => info!("{event}"),
                    Happening::Progress(progress) => {
                        if told.is_none_or(|at| at.elapsed() >= PROGRESS_EVERY) {
                            told = Some(Instant::now());
                            info!("{progress}");
                        }
                    }
                },
            );
        controller.executed(world.now(), &outcome);
        for left in &outcome.left {
            error!(command = left.command, "left behind, please clear: {}", left.what);
        }
        info!("{outcome}");
        Ok(())
    }
}

/// How often the log tells the progress of an execution.
const PROGRESS_EVERY: Duration = Duration::from_secs(30);

fn log_plan(proposal: &Proposal, what: &str) {
    let price = &proposal.plan.price;
    info!(
        plan = %proposal.plan.id,
        bytes = price.bytes.0,
        replica_moves = price.replica_moves,
        log_dir_moves = price.log_dir_moves,
        log_dir_bytes = price.log_dir_bytes.0,
        leader_changes = price.leader_changes,
        waves = proposal.plan.waves.len(),
        "{what}"
    );
    for refusal in &proposal.plan.refusals {
        info!(subject = refusal.subject, mend = refusal.mend, "not to be had: {}", refusal.reason);
    }
}

fn now() -> TimestampMs {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    TimestampMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
