//! [`Controller`]: what the daemon does with what it sees, as a function of time and looks. It acts on nothing.

use std::fmt;
use std::time::Duration;

use super::{Proposal, ProposeError};
use crate::base::{BrokerId, Bytes, TimestampMs, format_duration};
use crate::config::Mode;
use crate::execute::{End, Outcome, StepEnd};
use crate::goals::Verdict;
use crate::observe::{Gap, GapKind, Observation};

/// When to look, and when a plan is worth carrying out.
#[derive(Debug, Clone, PartialEq)]
pub struct ControllerSettings {
    /// How far it may go.
    pub mode: Mode,
    /// Time between two looks.
    pub interval: Duration,
    /// No execution begins sooner after the end of the last one. It doubles with each one that fails, up to a day.
    pub rest: Duration,
    /// A plan that copies more is left to a person.
    pub bytes_most: Option<Bytes>,
}

impl Default for ControllerSettings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            interval: Duration::from_secs(300),
            // Loads are averages over minutes: right after moves they still show the old placement.
            rest: Duration::from_secs(600),
            bytes_most: None,
        }
    }
}

/// A failing cluster is not tried more rarely than this.
const REST_MOST: Duration = Duration::from_secs(86_400);

/// What to do with a look.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Nothing: only looking is asked for.
    Watch,
    /// The cluster is as wanted, as far as that can be had.
    Level(Box<Proposal>),
    /// There is something to do, and it is reported only.
    Propose {
        /// The proposal.
        proposal: Box<Proposal>,
        /// Why it is not carried out; never empty.
        held_back: Vec<HeldBack>,
    },
    /// The proposal is to be carried out.
    Act(Box<Proposal>),
    /// There is no proposal.
    NoProposal(ProposeError),
}

/// Why a proposal is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldBack {
    /// The mode does not allow it.
    Mode,
    /// A person has to give leave.
    Leave,
    /// Part of the cluster could not be seen.
    IncompleteView(Vec<Gap>),
    /// Brokers are down, and the plan is not only repair.
    BrokersDown(Vec<BrokerId>),
    /// Someone is reassigning partitions already.
    ReassignmentsRunning(usize),
    /// The last execution ended a short while ago.
    Resting(Duration),
    /// No goal gets better by it.
    NotWorthIt,
    /// It copies more than is allowed without a person.
    TooManyBytes {
        /// What it copies.
        bytes: Bytes,
        /// What is allowed.
        most: Bytes,
    },
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode => f.write_str("the mode is `propose`: set `mode = \"act\"` to have it carried out, or `ask` to give leave to each plan"),
            Self::Leave => f.write_str("it waits for leave: `evenkeel plan approve` gives it"),
            Self::IncompleteView(gaps) => {
                let first =
                    gaps.first().map(|gap| format!("{} {}", gap.subject, gap.reason)).unwrap_or_default();
                write!(f, "the view of the cluster is incomplete: {}", first.trim())
            }
            Self::BrokersDown(brokers) => {
                let ids: Vec<String> = brokers.iter().map(ToString::to_string).collect();
                write!(f, "broker {} is down", ids.join(", "))
            }
            Self::ReassignmentsRunning(count) => {
                write!(f, "{count} partition(s) are being reassigned already")
            }
            Self::Resting(left) => {
                write!(
                    f,
                    "the last execution ended a short while ago; resting for {}",
                    format_duration(*left)
                )
            }
            Self::NotWorthIt => f.write_str("no goal gets better by it"),
            Self::TooManyBytes { bytes, most } => {
                write!(f, "it copies {bytes}, more than the {most} that are allowed without a person")
            }
        }
    }
}

/// Decides what the daemon does.
#[derive(Debug, Clone, PartialEq)]
pub struct Controller {
    settings: ControllerSettings,
    looked_at: Option<TimestampMs>,
    executed_at: Option<TimestampMs>,
    failures: u32,
}

impl Controller {
    /// Begins without a past.
    pub fn new(settings: ControllerSettings) -> Self {
        Self { settings, looked_at: None, executed_at: None, failures: 0 }
    }

    /// Goes by other settings from now on; what was seen and done before counts as it did.
    pub fn set(&mut self, settings: ControllerSettings) {
        self.settings = settings;
    }

    /// How long to wait before the next look; zero when it is due.
    pub fn wait(&self, now: TimestampMs) -> Duration {
        let interval = self.settings.interval;
        self.looked_at.map_or(Duration::ZERO, |looked_at| interval.saturating_sub(now.since(looked_at)))
    }

    /// Takes note of a look and decides. `proposal` is made from the same look; it is not asked for in watch mode.
    pub fn tick(
        &mut self,
        now: TimestampMs,
        seen: &Observation,
        proposal: impl FnOnce() -> Result<Proposal, ProposeError>,
    ) -> Decision {
        self.looked_at = Some(now);
        if self.settings.mode == Mode::Watch {
            return Decision::Watch;
        }
        let proposal = match proposal() {
            Ok(proposal) => Box::new(proposal),
            Err(error) => return Decision::NoProposal(error),
        };
        // A part of a cluster is never called level: what is missing may be what is not.
        if proposal.plan.is_empty && blocking_gaps(seen).is_empty() {
            return Decision::Level(proposal);
        }
        let held_back = self.held_back(now, seen, &proposal);
        if held_back.is_empty() { Decision::Act(proposal) } else { Decision::Propose { proposal, held_back } }
    }

    /// Takes note of a look that failed: the next one is due after the interval.
    pub fn looked_in_vain(&mut self, now: TimestampMs) {
        self.looked_at = Some(now);
    }

    /// Takes note of how an execution ended.
    pub fn executed(&mut self, now: TimestampMs, outcome: &Outcome) {
        self.executed_at = Some(now);
        // Steps that the world has overtaken (a topic deleted, another tool at work) are no failure: what is left is planned
        // anew, from what is there by then.
        let overtaken = |(_, end): &(_, StepEnd)| matches!(end, StepEnd::Done | StepEnd::Dropped { .. });
        self.failures = match outcome.end {
            End::Done => 0,
            End::DoneInPart if outcome.steps.iter().all(overtaken) => 0,
            End::DoneInPart | End::Stopped | End::Failed { .. } => self.failures.saturating_add(1),
        };
        // The placement has changed: look again at once.
        self.looked_at = None;
    }

    fn held_back(&self, now: TimestampMs, seen: &Observation, proposal: &Proposal) -> Vec<HeldBack> {
        let mut held_back = Vec::new();
        match self.settings.mode {
            Mode::Watch | Mode::Propose => held_back.push(HeldBack::Mode),
            Mode::Ask => held_back.push(HeldBack::Leave),
            Mode::Act => {}
        }
        let gaps = blocking_gaps(seen);
        if !gaps.is_empty() {
            held_back.push(HeldBack::IncompleteView(gaps));
        }
        let dead = seen.brokers.iter().filter(|(_, broker)| !broker.alive).map(|(id, _)| *id);
        let dead: Vec<BrokerId> = dead.collect();
        if !dead.is_empty() {
            held_back.push(HeldBack::BrokersDown(dead));
        }
        if !seen.reassignments.is_empty() {
            held_back.push(HeldBack::ReassignmentsRunning(seen.reassignments.len()));
        }
        let left = self.rest_left(now);
        if left > Duration::ZERO {
            held_back.push(HeldBack::Resting(left));
        }
        if !proposal.solution.verdicts.iter().any(|(before, after)| gets_better(before, after)) {
            held_back.push(HeldBack::NotWorthIt);
        }
        if let Some(most) = self.settings.bytes_most
            && proposal.plan.price.copied() > most
        {
            held_back.push(HeldBack::TooManyBytes { bytes: proposal.plan.price.copied(), most });
        }
        held_back
    }

    fn rest_left(&self, now: TimestampMs) -> Duration {
        let Some(executed_at) = self.executed_at else { return Duration::ZERO };
        let factor = 2_u32.saturating_pow(self.failures.min(16));
        let rest = self.settings.rest.saturating_mul(factor).min(REST_MOST.max(self.settings.rest));
        rest.saturating_sub(now.since(executed_at))
    }
}

/// Gaps that keep anything from being carried out without a person.
pub(super) fn blocking_gaps(seen: &Observation) -> Vec<Gap> {
    let blocks = |kind: GapKind| match kind {
        GapKind::Topics
        | GapKind::LogDirs
        | GapKind::TopicConfig
        | GapKind::BrokerConfig
        | GapKind::Reassignments => true,
        // Goals that need these are not ready, and say so; the rest of the plan stands on what was seen.
        GapKind::DiskCapacity | GapKind::NetworkLoad | GapKind::CpuLoad | GapKind::LoadCapacity => false,
    };
    seen.gaps.iter().filter(|gap| blocks(gap.kind)).cloned().collect()
}

fn gets_better(before: &Verdict, after: &Verdict) -> bool {
    match (before, after) {
        (Verdict::Violated { .. }, Verdict::Met) => true,
        (Verdict::Violated { count: before, worst }, Verdict::Violated { count: after, worst: left }) => {
            after < before || (after == before && left != worst)
        }
        _ => false,
    }
}
