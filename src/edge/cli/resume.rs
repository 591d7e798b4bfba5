//! `evenkeel resume`: take a pause back, or carry on what a process that is gone had begun.

use clap::Args;

use super::args::ClusterArgs;
use super::carry;
use super::operator::UnderWay;
use super::progress::{LINE_EVERY, Progression};
use super::session::{Right, Session};
use super::{Failure, Screen};
use crate::control::{Happening, Unfinished};
use crate::execute::{OperatorRequest, Outcome};
use crate::report::{outcome_text, standing_text};

const EXAMPLES: &str = "\
Examples:
  evenkeel resume --bootstrap b-1.example:9092                       # end a pause, or show
  evenkeel resume --cluster prod --config evenkeel.toml --execute    # carry it on";

/// Take a pause back; or show what a process that is gone left half done, and carry it on with --execute
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ResumeArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Carry on what nobody carries out any more; without it that is only shown
    #[arg(long, help_heading = "Execution")]
    execute: bool,
    /// Do not ask on a terminal before it begins
    #[arg(long, short = 'y', requires = "execute", help_heading = "Execution")]
    yes: bool,
}

/// Runs the command.
///
/// # Errors
/// What is under way is not paused, or it did not come to its end in full.
pub fn run(args: &ResumeArgs, screen: &Screen) -> Result<(), Failure> {
    let under_way = UnderWay::look(&args.cluster, screen)?;
    let Some(unfinished) = under_way.unfinished.clone() else {
        return screen.result("Nothing is left unfinished.\n");
    };
    if let Some(holder) = &under_way.holder {
        if !unfinished.memory.tally().paused {
            return Err(Failure::refused(format!(
                "plan {} is not paused: {holder} carries it out",
                unfinished.plan.id
            )));
        }
        return under_way.ask_and_say(&OperatorRequest::Resume, "Going on.", screen);
    }
    screen.result(&standing_text(&under_way.shown(&unfinished), screen.results))?;
    if !args.execute {
        let words = &under_way.records.words;
        return screen.result(&format!(
            "\nNothing was changed. The same command with --execute carries this on;\n`evenkeel stop {words}` rolls \
             it back.\n"
        ));
    }
    under_way.refuse_headless()?;
    // Before the question: what is answered with yes begins at once.
    let (right, unfinished) = under_way.take_over(screen)?;
    let question = format!("Carry on plan {} on {}?", unfinished.plan.id, under_way.name);
    if !args.yes && !screen.ask(&question)? {
        return Err(Failure::failed("nothing was changed: the question was not answered with yes"));
    }
    let outcome = carry_on(under_way, right, &unfinished, OperatorRequest::Resume, screen)?;
    carry::verdict(&outcome)
}

/// Carries on what nobody carries out, with a request that is heeded before anything else, and shows how it ended.
///
/// # Errors
/// The cluster cannot be seen.
pub fn carry_on(
    under_way: UnderWay,
    right: Right,
    unfinished: &Unfinished,
    first: OperatorRequest,
    screen: &Screen,
) -> Result<Outcome, Failure> {
    carry::listen()?;
    let mut session = Session::new(under_way.world, right);
    let mut progression = Progression::new(screen, LINE_EVERY);
    let tell = &mut |happening: Happening<'_>| progression.tell(&happening);
    let outcome = session.carry_on(unfinished, &[first], tell);
    progression.end();
    let outcome = outcome?;
    screen.result(&outcome_text(&outcome, screen.results))?;
    Ok(outcome)
}
