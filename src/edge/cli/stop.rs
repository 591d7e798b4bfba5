//! `evenkeel stop`: end what is being carried out, or roll back what a process that is gone had begun.

use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;

use super::args::ClusterArgs;
use super::operator::{Headless, LOOK_EVERY, UnderWay, standing};
use super::progress::LINE_EVERY;
use super::resume::carry_on;
use super::{Failure, Screen, carry};
use crate::control::{Record, Unfinished};
use crate::execute::{End, OperatorRequest, Outcome, StopMode};
use crate::report::{outcome_text, standing_text};

const EXAMPLES: &str = "\
Examples:
  evenkeel stop --bootstrap b-1.example:9092                      # cancels moves in flight
  evenkeel stop --cluster prod --config evenkeel.toml --finish    # finishes them";

/// End what is being carried out, also where its process is gone: moves in flight are cancelled, throttles taken away
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StopArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    how: How,
    /// Do not ask on a terminal before what nobody carries out is rolled back
    #[arg(long, short = 'y', help_heading = "Execution")]
    yes: bool,
}

/// What becomes of moves in flight.
#[derive(Debug, Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Execution")]
struct How {
    /// Finish the moves in flight
    #[arg(long)]
    finish: bool,
    /// Cancel the moves in flight, and put replica orders right (the default)
    #[arg(long)]
    cancel: bool,
    /// Cancel them, take throttles away at once, and wait for hardly anything
    #[arg(long)]
    now: bool,
}

/// How often the cluster is looked at while the end is waited for.
const OBSTACLE_EVERY: Duration = Duration::from_secs(15);

/// Nobody waits for longer while the cluster does nothing that it is asked for: what was asked stands without them.
const OBSTACLE_MOST: Duration = Duration::from_secs(45);

/// Runs the command.
///
/// # Errors
/// Nothing is under way, or it could not be ended cleanly.
pub fn run(args: &StopArgs, screen: &Screen) -> Result<(), Failure> {
    let mode = match (args.how.finish, args.how.now) {
        (true, _) => StopMode::FinishInFlight,
        (_, true) => StopMode::Now,
        _ => StopMode::Cancel,
    };
    let request = OperatorRequest::Stop { mode };
    let mut under_way = UnderWay::look(&args.cluster, screen)?;
    let Some(unfinished) = under_way.unfinished.clone() else {
        return under_way.running().map(drop);
    };
    if under_way.holder.is_some() {
        let reader = under_way.reader()?;
        // A process that stops at once may be gone before it says that it was asked.
        if let Err(failure) = under_way.ask(&request)
            && reader.ended(&unfinished.execution)?.is_none()
        {
            return Err(failure);
        }
        screen.note("Asked; waiting for its end. Ctrl-C ends the waiting, and not the stop.");
        return wait(&mut under_way, &unfinished, screen);
    }
    under_way.refuse_headless()?;
    screen.result(&standing_text(&under_way.shown(&unfinished), screen.results))?;
    let (right, unfinished) = under_way.take_over(screen)?;
    let question = format!("Roll back plan {} on {}?", unfinished.plan.id, under_way.name);
    if !args.yes && !screen.ask(&question)? {
        return Err(Failure::failed("nothing was changed: the question was not answered with yes"));
    }
    verdict(&carry_on(under_way, right, &unfinished, request, screen)?)
}

/// Waits until the process that was asked has ended the execution.
fn wait(under_way: &mut UnderWay, unfinished: &Unfinished, screen: &Screen) -> Result<(), Failure> {
    let reader = under_way.reader()?;
    let mut told = Instant::now();
    let mut obstacle =
        Obstacle { looked: Instant::now(), since: under_way.headless.is_some().then(Instant::now) };
    loop {
        // Who acts is looked up first, so that an end in between is not missed.
        let holder = under_way.records.acting()?;
        if let Some(entry) = reader.ended(&unfinished.execution)? {
            let Record::Ended { outcome, .. } = entry.record else { return Ok(()) };
            screen.result(&outcome_text(&outcome, screen.results))?;
            return verdict(&outcome);
        }
        if holder.is_none() {
            let words = &under_way.records.words;
            return Err(Failure::failed("its process is gone, and did not end it cleanly")
                .hint(format!("`evenkeel stop {words}` again rolls back what is left")));
        }
        if told.elapsed() >= LINE_EVERY {
            told = Instant::now();
            let known = reader.recollection()?;
            if let Some(now) = known.unfinished().find(|now| now.execution == unfinished.execution) {
                screen.note(&standing(now, None).progress());
            }
        }
        obstacle.look(under_way)?;
        sleep(LOOK_EVERY);
    }
}

/// Whether the cluster stands in the way of an end that is waited for.
struct Obstacle {
    looked: Instant,
    since: Option<Instant>,
}

impl Obstacle {
    fn look(&mut self, under_way: &mut UnderWay) -> Result<(), Failure> {
        if self.looked.elapsed() < OBSTACLE_EVERY {
            return Ok(());
        }
        let found = under_way.obstacle();
        self.looked = Instant::now();
        let Some(Headless { why, mend }) = found else {
            self.since = None;
            return Ok(());
        };
        let since = *self.since.get_or_insert(self.looked);
        if since.elapsed() < OBSTACLE_MOST {
            return Ok(());
        }
        let holder = under_way.holder.as_ref().map_or_else(String::new, |holder| format!(" by {holder}"));
        let message = format!(
            "the stop was asked for and cannot be carried out on {} for {} s now: {why}",
            under_way.name,
            since.elapsed().as_secs()
        );
        Err(Failure::unreachable(message).hint(format!(
            "what was asked stands, and is done{holder} as soon as the cluster answers; {mend}, or look at \
             `evenkeel status {}`",
            under_way.records.words
        )))
    }
}

/// That it was stopped is what was asked for.
fn verdict(outcome: &Outcome) -> Result<(), Failure> {
    if outcome.end == End::Stopped && outcome.left.is_empty() { Ok(()) } else { carry::verdict(outcome) }
}
