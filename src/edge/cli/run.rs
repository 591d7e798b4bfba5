//! `evenkeel run`: the daemon. Each cluster of the settings has a thread of its own that looks, proposes, and where
//! it may, acts; a cluster out of reach does not disturb the others.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use tracing::{Span, error, info, info_span, warn};

use super::planning::Pace;
use super::session::{Records, Right, Session, is_daemons};
use super::signals::{self, Termination};
use super::target::{Target, read_settings};
use super::{Failure, Screen, goals, live, marks, state_dir};
use crate::base::TimestampMs;
use crate::config::{ClusterSettings, Mode, Settings};
use crate::control::{
    Controller, ControllerSettings, Decision, Happening, Proposal, Recollection, Scope, Unfinished, World,
    propose,
};
use crate::edge::kafka::StopFlag;
use crate::edge::store::Lock;
use crate::execute::{Execution, Outcome};
use crate::goals::GoalSet;
use crate::observe::Observation;

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
    signals::listen(
        "stopping: running executions are ended cleanly; Ctrl-C again hurries",
        Termination::Leaves,
    )?;
    let state_dir = state_dir::choose(args.state_dir.as_deref(), &settings, &args.config);
    let wards: Vec<Ward> = settings
        .clusters
        .iter()
        .map(|(name, cluster)| {
            let target = Target::from_settings(name, cluster, &args.config, screen)?;
            let target = Target { state_dir: state_dir.clone(), ..target };
            Ok(Ward {
                goals: goals::load(target.goals.as_deref().unwrap_or("default"))?,
                controller: controller_settings(&settings, cluster),
                pace: Pace::of(None, &target.execution),
                target,
                stop: signals::flag(),
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

/// What a ward holds between two looks.
#[derive(Default)]
struct Held {
    world: Option<Box<dyn World>>,
    /// What is written down about the cluster; known once it was seen.
    records: Option<Records>,
    /// That no other daemon looks after it.
    lock: Option<Lock>,
}

impl Ward {
    /// Looks after the cluster until a stop is asked for. Failures are logged, and the next look is another try;
    /// with `--once` the failure of the one look is the result.
    fn tend(&self) -> Result<(), Failure> {
        let mut controller = Controller::new(self.controller.clone());
        let mut held = Held::default();
        loop {
            self.stop.wait(controller.wait(now()));
            if self.is_over() {
                return Ok(());
            }
            let round = self.round(&mut held, &mut controller);
            if self.once {
                return round;
            }
            if let Err(failure) = round {
                if held.records.is_some() && held.lock.is_none() && self.acts() {
                    // Another daemon has the cluster, or nothing can be written down: waiting mends neither.
                    return Err(failure);
                }
                warn!(hint = failure.hint.as_deref(), "no look: {}", failure.message);
                // What a broken connection left behind is not carried into the next try.
                held.world = None;
                controller.looked_in_vain(now());
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stop.count() > 0 || self.stop.is_leaving()
    }

    fn acts(&self) -> bool {
        self.controller.mode == Mode::Act
    }

    /// One look and what follows from it.
    fn round(&self, held: &mut Held, controller: &mut Controller) -> Result<(), Failure> {
        let mut world = match held.world.take() {
            Some(world) => world,
            None => live::open(&self.target)?,
        };
        let seen = world.observe(&Scope::Full)?;
        for gap in &seen.gaps {
            warn!(kind = ?gap.kind, subject = gap.subject, "not seen: {}", gap.reason);
        }
        let known = self.recollect(held, &seen)?;
        if let Some(unfinished) = known.unfinished().last()
            && let Some(records) = &held.records
        {
            return self.take_up(world, records, controller, unfinished);
        }
        let request = marks::request(&known, &seen);
        let decision =
            controller.tick(world.now(), &seen, || propose(&seen, &self.goals, &request, &self.pace.limits));
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
                if let Some(records) = &held.records {
                    return self.act(world, records, controller, &proposal);
                }
            }
        }
        held.world = Some(world);
        Ok(())
    }

    /// Reads what is written down about the cluster, and at the first time makes sure that no other daemon has it.
    fn recollect(&self, held: &mut Held, seen: &Observation) -> Result<Recollection, Failure> {
        let look = |held: &mut Held| {
            let records = held.records.insert(Records::of(&self.target, seen)?);
            if held.lock.is_none() {
                held.lock = Some(records.look_after()?);
            }
            records.recollection()
        };
        match look(held) {
            // Whoever only looks needs no place to write things down.
            Err(failure) if !self.acts() => {
                warn!(hint = failure.hint.as_deref(), "{}", failure.message);
                Ok(Recollection::default())
            }
            other => other,
        }
    }

    /// Carries on what was begun and has not ended, where this daemon may: its own in any mode, that of others where it
    /// may act.
    fn take_up(
        &self,
        world: Box<dyn World>,
        records: &Records,
        controller: &mut Controller,
        unfinished: &Unfinished,
    ) -> Result<(), Failure> {
        controller.looked_in_vain(now());
        if let Some(holder) = records.acting()? {
            info!("held back: plan {} is being carried out by {holder}", unfinished.plan.id);
            return Ok(());
        }
        if !self.acts() && !is_daemons(&unfinished.by) {
            let words = &records.words;
            warn!(
                hint = format!(
                    "`evenkeel resume {words} --execute` carries it on; `evenkeel stop {words}` rolls it back"
                ),
                "plan {}, begun {} by {}, is not finished, and nobody carries it out",
                unfinished.plan.id,
                unfinished.began_at,
                unfinished.by
            );
            return Ok(());
        }
        let right = records.take_right(false)?;
        // Between the look and now another process may have carried it on, and to its end.
        let Some(unfinished) = right.known.unfinished().last().cloned() else { return Ok(()) };
        info!(
            plan = %unfinished.plan.id,
            "carrying on what was begun {} by {}", unfinished.began_at, unfinished.by
        );
        let mut session = Session::new(world, right);
        let outcome = session.carry_on(&unfinished, &[], &mut log_happenings())?;
        self.tell_end(controller, &outcome);
        Ok(())
    }

    fn act(
        &self,
        mut world: Box<dyn World>,
        records: &Records,
        controller: &mut Controller,
        proposal: &Proposal,
    ) -> Result<(), Failure> {
        if let Some(holder) = records.acting()? {
            log_plan(proposal, &format!("proposed and not carried out: held back by {holder}"));
            return Ok(());
        }
        log_plan(proposal, "carrying out");
        let right: Right = records.take_right(false)?;
        // Whoever had the right a moment ago may have changed what was seen.
        let seen = world.observe(&Scope::Full)?;
        let mut session = Session::new(world, right);
        session.refuse_unfinished(&records.words)?;
        let (plan, settings) = (&proposal.plan, &self.pace.execute);
        let mut execution = Execution::new(plan, settings.clone(), session.world.now(), &seen)?;
        let outcome = session.carry_out(plan, &mut execution, &mut log_happenings())?;
        self.tell_end(controller, &outcome);
        Ok(())
    }

    fn tell_end(&self, controller: &mut Controller, outcome: &Outcome) {
        if self.stop.is_leaving() {
            info!("left as it is: moves go on, throttles stand, and the next start carries on");
            return;
        }
        controller.executed(now(), outcome);
        for left in &outcome.left {
            error!(command = left.command, "left behind, please clear: {}", left.what);
        }
        info!("{outcome}");
    }
}

/// Logs what happens as it happens, and the progress now and then.
fn log_happenings() -> impl FnMut(Happening<'_>) {
    let mut told: Option<Instant> = None;
    move |happening| match happening {
        Happening::Event(event) => info!("{event}"),
        Happening::Progress(progress) => {
            if told.is_none_or(|at| at.elapsed() >= PROGRESS_EVERY) {
                told = Some(Instant::now());
                info!("{progress}");
            }
        }
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
