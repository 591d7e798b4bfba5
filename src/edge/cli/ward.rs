//! [`Ward`]: one cluster that the daemon looks after: it looks, proposes, and where it may, acts.

mod absences;
mod gatherer;
mod leave;
mod loads;
mod sizes;

use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::board::Corner;
use super::live_files::{Files, LiveFiles};
use super::session::{NoRight, Records, Right, Session, is_daemons, now};
use super::sharing::{Overview, Take, Voice};
use super::target::Target;
use super::vigil::{Abandoned, Vigil};
use super::{Failure, live, marks};
use crate::base::TimestampMs;
use crate::config::Mode;
use crate::control::{Approval, Controller, Decision, Happening, Scope, Unfinished, World, propose_ahead};
use crate::edge::kafka::StopFlag;
use crate::edge::lease::LeaseError;
use crate::execute::{Execution, Outcome};
use crate::observe::{Absences, Observation, SizeHistory};
use crate::plan::Plan;
use crate::report::Proposed;
use crate::solve::Operation;
use loads::Loads;

/// One cluster, and all that is needed to look after it.
pub struct Ward {
    pub target: Target,
    pub files: Files,
    pub stop: StopFlag,
    pub once: bool,
    /// Where it posts what it comes by.
    pub corner: Corner,
}

/// What a ward holds between two looks.
struct Held {
    /// The files that it goes by, and the lock that says that no other daemon on this machine looks after the cluster.
    files: LiveFiles,
    world: Option<Box<dyn World>>,
    /// What is written down about the cluster; known once it was seen.
    records: Option<Records>,
    /// Calls when what another machine has begun is left with nobody to carry it on.
    vigil: Option<Vigil>,
    /// The right was taken once, to find out what was left and whether it is to be had.
    has_tried: bool,
    /// What was last said of who is waited for.
    stands_by: Option<String>,
    /// How large topics were over two weeks; what was written down before is added once it was read.
    sizes: Option<SizeHistory>,
    /// What was lacking at the last look, and since when; what was written down before is taken up once it was read.
    absences: Option<Absences>,
    /// The loads of the last day, where there are metrics.
    loads: Option<Loads>,
}

impl Held {
    fn new(files: Files) -> Self {
        Self {
            files: LiveFiles::new(files),
            world: None,
            records: None,
            vigil: None,
            has_tried: false,
            stands_by: None,
            sizes: None,
            absences: None,
            loads: None,
        }
    }

    /// Whether the settings let it act.
    fn acts(&self) -> bool {
        self.files.mode() == Mode::Act
    }

    /// Whether the settings let it carry out what a person gave leave to.
    fn asks(&self) -> bool {
        self.files.mode() == Mode::Ask
    }

    /// Whether it may ever begin something: then it needs a journal, and to be the only daemon here.
    fn may_act(&self) -> bool {
        self.acts() || self.asks()
    }

    /// Says that another acts, once for each.
    fn stand_by(&mut self, by: &str) {
        if self.stands_by.as_deref() != Some(by) {
            info!("standing by: {by}");
            self.stands_by = Some(by.to_owned());
        }
    }
}

impl Ward {
    /// Looks after the cluster until a stop is asked for. Failures are logged, and the next look is another try;
    /// with `--once` the failure of the one look is the result.
    pub fn tend(&self) -> Result<(), Failure> {
        let mut held = Held::new(self.files.clone());
        let mut controller = Controller::new(held.files.in_force().controller);
        loop {
            match &held.vigil {
                Some(vigil) => vigil.wait(controller.wait(now()), &self.stop),
                None => self.stop.wait(controller.wait(now())),
            }
            if self.is_over() {
                return Ok(());
            }
            held.files.look();
            let controller_settings = held.files.in_force().controller;
            self.corner.mode(controller_settings.mode.name());
            controller.set(controller_settings);
            let round = self.round(&mut held, &mut controller);
            // It is never held from one round to the next.
            self.corner.holds_lease(false);
            if round.is_err() {
                self.corner.failed();
            }
            if self.once {
                return round;
            }
            if let Err(failure) = round {
                if held.records.is_some() && !held.files.has_lock() && held.may_act() {
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

    /// One look and what follows from it.
    fn round(&self, held: &mut Held, controller: &mut Controller) -> Result<(), Failure> {
        let mut world = match held.world.take() {
            Some(world) => world,
            None => self.corner.watch(live::open_to_stay(&self.target)?),
        };
        if let Some(abandoned) = held.vigil.as_ref().and_then(Vigil::called) {
            return self.take_over(world, held, controller, &abandoned);
        }
        let mut seen = world.observe(&Scope::Full)?;
        let overview = self.recollect(held, &seen)?;
        self.gather_loads(held, &mut seen);
        self.look_out(held, &overview.local, &seen, world.now());
        self.note_absences(held, &overview.local, &seen, world.now());
        if let Some(unfinished) = overview.known.unfinished().last() {
            return self.take_up(world, held, controller, &overview, unfinished);
        }
        if held.acts() && !held.has_tried && !self.once {
            // Whether the right is to be had is found out at the start, and not when it is needed.
            let right = self.take_right(held, Take::IfFree(None))?;
            if let Some(right) = right.filter(|right| right.known.unfinished().next().is_some()) {
                return self.carry_on(world, right, held, controller);
            }
        }
        if held.asks()
            && let Some(approval) = Self::granted(held, &overview.local, &seen, world.now())
            && let Some(plan) = approval.waiting()
        {
            controller.looked_in_vain(now());
            return self.act(world, held, controller, plan, Some(&approval));
        }
        let request = marks::request(&overview.known, &seen);
        let in_force = held.files.in_force();
        let later = Self::ahead(held, &seen);
        let limits = in_force.pace.limits_for(&seen);
        let proposal = || propose_ahead(&seen, later.as_ref(), &in_force.goals, &request, &limits);
        let decision = controller.tick(world.now(), &seen, proposal);
        self.post(&decision);
        match decision {
            Decision::Act(proposal) => return self.act(world, held, controller, &proposal.plan, None),
            decision => Self::report(held, &overview, &seen, decision, world.now()),
        }
        held.world = Some(world);
        Ok(())
    }

    /// Tells what came of a look that nothing is begun after.
    fn report(held: &Held, overview: &Overview, seen: &Observation, decision: Decision, now: TimestampMs) {
        match decision {
            Decision::Watch => info!(brokers = seen.brokers.len(), topics = seen.topics.len(), "looked"),
            Decision::Level(proposal) => {
                let refusals = proposal.plan.refusals.len();
                info!(brokers = seen.brokers.len(), refusals, "level: nothing to do");
                if held.asks() {
                    Self::nothing_waits(held, &overview.local, now);
                }
            }
            Decision::NoProposal(error) => error!("no proposal: {error}"),
            Decision::Propose { proposal, held_back } => {
                let why: Vec<String> = held_back.iter().map(ToString::to_string).collect();
                let why = why.join("; ");
                if held.asks() {
                    Self::await_leave(held, &overview.local, (&proposal, &why), seen, now);
                } else {
                    log_plan(&proposal.plan, &format!("proposed and not carried out: {why}"));
                }
            }
            Decision::Act(proposal) => log_plan(&proposal.plan, "to be carried out"),
        }
    }

    fn post(&self, decision: &Decision) {
        let (outcome, proposal) = match decision {
            Decision::Watch => return,
            Decision::Level(proposal) => (Proposed::Level, Some(proposal)),
            Decision::Propose { proposal, .. } => (Proposed::HeldBack, Some(proposal)),
            Decision::Act(proposal) => (Proposed::Begun, Some(proposal)),
            Decision::NoProposal(_) => (Proposed::Failed, None),
        };
        self.corner.proposed(outcome, proposal.map(|proposal| &proposal.plan));
    }

    /// Reads what is written down about the cluster, and at the first time makes sure that no other daemon has it.
    fn recollect(&self, held: &mut Held, seen: &Observation) -> Result<Overview, Failure> {
        let look = |held: &mut Held| {
            let records = held.records.insert(Records::of(&self.target, seen)?);
            if !held.files.has_lock() {
                held.files.keep(records.look_after()?);
            }
            records.overview(Voice::Log)
        };
        match look(held) {
            // Whoever only looks needs no place to write things down.
            Err(failure) if !held.may_act() => {
                warn!(hint = failure.hint.as_deref(), "{}", failure.message);
                Ok(Overview::default())
            }
            other => other,
        }
    }

    /// Carries on what was begun and has not ended, where this daemon may: its own in any mode, that of others where it
    /// may act, and nobody else carries it out.
    fn take_up(
        &self,
        world: Box<dyn World>,
        held: &mut Held,
        controller: &mut Controller,
        overview: &Overview,
        unfinished: &Unfinished,
    ) -> Result<(), Failure> {
        controller.looked_in_vain(now());
        let Some(records) = &held.records else { return Ok(()) };
        if let Some(holder) = records.acting()? {
            info!("held back: plan {} is being carried out by {holder}", unfinished.plan.id);
            return Ok(());
        }
        let is_ours = is_daemons(&unfinished.by)
            && overview.local.unfinished().any(|here| here.execution == unfinished.execution);
        if !held.acts() && !is_ours {
            let words = &records.words;
            if let Some(beat) = overview.living() {
                info!("plan {} is being carried out by {beat}", unfinished.plan.id);
                return Ok(());
            }
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
        // Whoever has fallen silent is the vigil's to find out.
        if let (Some(_), Some(beat)) = (&held.vigil, overview.holder()) {
            held.stand_by(&LeaseError::Held { holder: beat.to_string() }.to_string());
            return Ok(());
        }
        match self.take_right(held, Take::IfFree(None))? {
            Some(right) => self.carry_on(world, right, held, controller),
            None => Ok(()),
        }
    }

    /// Takes over from another evenkeel that is gone; what it left is carried on before anything else is looked at.
    fn take_over(
        &self,
        world: Box<dyn World>,
        held: &mut Held,
        controller: &mut Controller,
        abandoned: &Abandoned,
    ) -> Result<(), Failure> {
        controller.looked_in_vain(now());
        let from = abandoned.last.as_ref().filter(|_| abandoned.is_silent);
        match self.take_right(held, Take::From(from))? {
            Some(right) => self.carry_on(world, right, held, controller),
            None => Ok(()),
        }
    }

    /// Carries on what is unfinished, if between the look and now nobody has ended it.
    fn carry_on(
        &self,
        world: Box<dyn World>,
        right: Right,
        held: &Held,
        controller: &mut Controller,
    ) -> Result<(), Failure> {
        let Some(unfinished) = right.known.unfinished().last().cloned() else { return Ok(()) };
        info!(
            plan = %unfinished.plan.id,
            "carrying on what was begun {} by {}", unfinished.began_at, unfinished.by
        );
        let mut session = Session::new(held.gathering(world), right);
        // What an operator ordered is theirs, whatever the goals are; what a daemon levels serves its goals.
        if is_daemons(&unfinished.by) && unfinished.plan.operation == Operation::Rebalance.to_string() {
            session = session.heeding(held.files.asks());
        }
        let outcome = session.carry_on(&unfinished, &[], &mut self.tell())?;
        self.tell_end(controller, &outcome);
        Ok(())
    }

    /// Takes the right to act, unless another has it: that is said once. From then on the lease is followed.
    fn take_right(&self, held: &mut Held, from: Take<'_>) -> Result<Option<Right>, Failure> {
        let Some(records) = &held.records else { return Ok(None) };
        let taken = records.take_right(false, from, Voice::Log);
        let is_shared = match &taken {
            Ok(right) => right.is_leased(),
            Err(NoRight { held_by, .. }) => held_by.is_some() && records.sharing.is_wanted(),
        };
        if is_shared && held.vigil.is_none() && held.acts() && !self.once {
            held.vigil = Some(Vigil::start(&records.sharing)?);
        }
        match taken {
            Ok(right) => {
                (held.has_tried, held.stands_by) = (true, None);
                self.corner.holds_lease(right.is_leased());
                Ok(Some(right))
            }
            Err(NoRight { held_by: Some(by), .. }) => {
                held.has_tried = true;
                held.stand_by(&by);
                Ok(None)
            }
            Err(denial) => Err(denial.into()),
        }
    }

    /// Carries a plan out, where nobody else acts: one that the mode allows, or one that has leave.
    fn act(
        &self,
        mut world: Box<dyn World>,
        held: &mut Held,
        controller: &mut Controller,
        plan: &Plan,
        approval: Option<&Approval>,
    ) -> Result<(), Failure> {
        let Some(records) = held.records.clone() else { return Ok(()) };
        if let Some(holder) = records.acting()? {
            log_plan(plan, &format!("proposed and not carried out: held back by {holder}"));
            return Ok(());
        }
        let Some(right) = self.take_right(held, Take::IfFree(None))? else {
            log_plan(plan, "proposed and not carried out: held back by another evenkeel");
            return Ok(());
        };
        if approval.is_some_and(|given| right.known.approval(given.plan) != Some(given)) {
            info!(plan = %plan.id, "leave was taken back meanwhile");
            return Ok(());
        }
        match approval {
            Some(given) => {
                self.corner.proposed(Proposed::Begun, Some(plan));
                log_plan(plan, &format!("carrying out what was approved {} by {}", given.at(), given.by));
            }
            None => log_plan(plan, "carrying out"),
        }
        // Whoever had the right a moment ago may have changed what was seen.
        let seen = world.observe(&Scope::Full)?;
        let mut session = Session::new(held.gathering(world), right);
        if approval.is_none() {
            session = session.heeding(held.files.asks());
        }
        session.refuse_unfinished(&records.words)?;
        let settings = held.files.in_force().pace.execute;
        let mut execution = Execution::new(plan, settings, session.world.now(), &seen)?;
        let outcome = session.carry_out(plan, approval, &mut execution, &mut self.tell())?;
        self.tell_end(controller, &outcome);
        Ok(())
    }

    /// Logs what happens as it happens, and the progress now and then; posts both.
    fn tell(&self) -> impl FnMut(Happening<'_>) {
        let mut told: Option<Instant> = None;
        move |happening| {
            self.corner.told(&happening);
            match happening {
                Happening::Event(event) => info!("{event}"),
                Happening::Progress(progress) => {
                    if told.is_none_or(|at| at.elapsed() >= PROGRESS_EVERY) {
                        told = Some(Instant::now());
                        info!("{progress}");
                    }
                }
            }
        }
    }

    fn tell_end(&self, controller: &mut Controller, outcome: &Outcome) {
        if self.stop.is_leaving() {
            info!("left as it is: moves go on, throttles stand, and the next start carries on");
            self.corner.ended(None);
            return;
        }
        self.corner.ended(Some(outcome));
        controller.executed(now(), outcome);
        for left in &outcome.left {
            error!(command = left.command, "left behind, please clear: {}", left.what);
        }
        info!("{outcome}");
    }
}

/// How often the log tells the progress of an execution.
const PROGRESS_EVERY: Duration = Duration::from_secs(30);

fn log_plan(plan: &Plan, what: &str) {
    let price = &plan.price;
    info!(
        plan = %plan.id,
        bytes = price.bytes.0,
        replica_moves = price.replica_moves,
        log_dir_moves = price.log_dir_moves,
        log_dir_bytes = price.log_dir_bytes.0,
        leader_changes = price.leader_changes,
        waves = plan.waves.len(),
        "{what}"
    );
    for refusal in &plan.refusals {
        info!(subject = refusal.subject, mend = refusal.mend, "not to be had: {}", refusal.reason);
    }
}
