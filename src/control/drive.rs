//! [`drive`]: the loop that lets an execution act on a world, whatever the world does.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::{Scope, World, WorldError};
use crate::base::TimestampMs;
use crate::execute::{Command, CommandError, Execution, ExecutionEvent, Outcome, Progress, StopMode};

/// The first wait after a failed look; it doubles up to [`BACKOFF_MOST`].
const BACKOFF_FIRST: Duration = Duration::from_secs(1);

/// No look is put off for longer: the end of a fault should be seen soon.
const BACKOFF_MOST: Duration = Duration::from_secs(30);

/// Runs an execution to its end. `on_event` is told of everything that happens and of the progress after every look.
///
/// A look or a command that fails is tried again with growing pauses; whether a command whose answer was lost took
/// effect is found out by looking. When the cluster stays out of sight for too long, or the program itself fails,
/// every throttle is put back unseen, and what could not be is told with the commands that do it.
///
/// # Panics
/// Passes a panic of the world, the execution or `on_event` on, after the throttles were put back.
pub fn drive(
    world: &mut dyn World,
    execution: &mut Execution,
    on_event: &mut dyn FnMut(Happening),
) -> Outcome {
    let ran = catch_unwind(AssertUnwindSafe(|| run(world, execution, on_event)));
    match ran {
        Ok(outcome) => outcome,
        Err(panic) => {
            // The world may be what failed; a second failure must not hide the first.
            let cleaned = catch_unwind(AssertUnwindSafe(|| {
                undo(world, execution, "the program failed", &mut |_| {});
            }));
            drop(cleaned);
            resume_unwind(panic)
        }
    }
}

/// What `drive` tells while it runs.
#[derive(Debug)]
pub enum Happening<'a> {
    /// Something happened.
    Event(&'a ExecutionEvent),
    /// How far it is, after each look.
    Progress(&'a Progress),
}

fn run(world: &mut dyn World, execution: &mut Execution, on_event: &mut dyn FnMut(Happening)) -> Outcome {
    let mut blind: Option<Blind> = None;
    loop {
        heed_stop(world, execution);
        let scope = Scope::Execution(execution.looks_at());
        let seen = match world.observe(&scope) {
            Ok(seen) => seen,
            Err(error) => {
                let blindness = blind.get_or_insert_with(|| Blind::new(world.now(), &error, on_event));
                let waited = blindness.waited;
                if waited >= execution.settings().blind_patience || world.stop_requests() >= 2 {
                    let reason = format!("the cluster cannot be seen: {error}");
                    return undo(world, execution, &reason, on_event);
                }
                let pause = blindness.next_pause();
                world.sleep(pause);
                continue;
            }
        };
        if let Some(blind) = blind.take() {
            let after = world.now().since(blind.since);
            on_event(Happening::Event(&ExecutionEvent::SightRegained { after }));
        }
        let turn = execution.next(world.now(), &seen);
        for event in &turn.events {
            on_event(Happening::Event(event));
        }
        for command in &turn.commands {
            if execution.still_wanted(command) {
                send(world, execution, command);
            }
        }
        on_event(Happening::Progress(&execution.progress()));
        if let Some(outcome) = turn.outcome {
            return outcome;
        }
        world.sleep(turn.poll_after);
    }
}

/// The cluster is out of sight.
struct Blind {
    since: TimestampMs,
    /// Time slept through since then; the clock may jump meanwhile.
    waited: Duration,
    pause: Duration,
}

impl Blind {
    fn new(since: TimestampMs, error: &WorldError, on_event: &mut dyn FnMut(Happening)) -> Self {
        let mut reason = error.to_string();
        if !error.hint().is_empty() {
            reason = format!("{reason} ({})", error.hint());
        }
        on_event(Happening::Event(&ExecutionEvent::Blind { reason }));
        Self { since, waited: Duration::ZERO, pause: BACKOFF_FIRST }
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.waited += pause;
        self.pause = (pause * 2).min(BACKOFF_MOST);
        pause
    }
}

fn heed_stop(world: &dyn World, execution: &mut Execution) {
    match world.stop_requests() {
        0 => {}
        1 => execution.request_stop(execution.settings().stop),
        _ => execution.request_stop(StopMode::Now),
    }
}

/// Sends a command and tells the execution what came of it.
fn send(world: &mut dyn World, execution: &mut Execution, command: &Command) -> bool {
    let result = world.perform(command).map_err(|error| to_command_error(&error));
    execution.answered(command, result.as_ref());
    result.is_ok_and(|answer| answer.refused.is_empty())
}

fn to_command_error(error: &WorldError) -> CommandError {
    let hint = error.hint();
    let text = if hint.is_empty() { error.to_string() } else { format!("{error} ({hint})") };
    match error {
        // A client that is not let in any more does not know what became of what it sent before.
        WorldError::Unreachable { .. } | WorldError::Unauthenticated { .. } => CommandError::Unknown(text),
        WorldError::Denied { .. } => CommandError::Denied(text),
        WorldError::Refused { .. } | WorldError::Setting { .. } => CommandError::Refused(text),
    }
}

/// Puts everything back that can be put back unseen, and ends.
fn undo(
    world: &mut dyn World,
    execution: &mut Execution,
    reason: &str,
    on_event: &mut dyn FnMut(Happening),
) -> Outcome {
    if let Some(outcome) = execution.outcome() {
        return outcome.clone();
    }
    let commands = execution.abandon(reason);
    let taken = commands.iter().filter(|command| send(world, execution, command)).count();
    for event in execution.abandoned(taken == commands.len()) {
        on_event(Happening::Event(&event));
    }
    execution.outcome().cloned().expect("an abandoned execution has ended")
}
