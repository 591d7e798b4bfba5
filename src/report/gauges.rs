//! [`ClusterGauges`]: what a daemon knows of a cluster in numbers, for whoever scrapes it.
//!
//! A fold over what the daemon comes by: looks, proposals, the progress and the end of executions, failures. What is not
//! known is absent, and never zero; what is no longer so is taken away.

use std::collections::BTreeMap;

use crate::ask::{DiskOutlook, Outlook};
use crate::base::{BrokerId, Bytes, TimestampMs};
use crate::execute::{End, ExecutionEvent, Outcome, Progress};
use crate::observe::{Absences, CanaryTimes, GapKind, Observation, Peak, SeenBroker};
use crate::plan::Plan;

/// A cluster in numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterGauges {
    /// How far the daemon may go, as the settings name it.
    pub mode: &'static str,
    /// Whether this process holds the lease.
    pub holds_lease: bool,
    pub(super) seen_at: Option<TimestampMs>,
    pub(super) brokers: BTreeMap<BrokerId, BrokerGauges>,
    /// Absent until everything was looked at once.
    pub(super) gaps: Option<BTreeMap<GapKind, usize>>,
    pub(super) canary: Option<(TimestampMs, CanaryTimes)>,
    /// Absent while nothing is carried out.
    pub(super) progress: Option<Progress>,
    pub(super) ends: BTreeMap<&'static str, u64>,
    pub(super) ended_at: Option<TimestampMs>,
    pub(super) proposal: Option<ProposalGauges>,
    pub(super) errors: BTreeMap<Trouble, u64>,
    /// Empty where too little is known.
    pub(super) outlook: Vec<DiskOutlook>,
    /// What is lacking, and since when.
    pub(super) absences: Absences,
    /// What brokers bear at their peaks; empty where too little is known.
    pub(super) peaks: BTreeMap<BrokerId, Peak>,
}

/// A broker as it was seen last.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct BrokerGauges {
    pub is_up: bool,
    /// Bytes in use and size of its volumes.
    pub disk: Option<(Bytes, Bytes)>,
    /// Replication throttles that stand on it, by what they throttle.
    pub throttles: [(&'static str, Option<u64>); 3],
}

/// The last proposal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ProposalGauges {
    pub at: TimestampMs,
    pub outcome: Proposed,
    /// Absent where there was no plan.
    pub plan: Option<ProposedPlan>,
}

/// What a metrics page tells of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ProposedPlan {
    pub copied: Bytes,
    pub replica_moves: usize,
    pub leader_changes: usize,
    /// Name, tier and whether it was met before, where that could be judged.
    pub goals: Vec<(String, String, Option<bool>)>,
}

/// What came of a look for a better placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proposed {
    /// There is nothing to do.
    Level,
    /// There is something to do, and it is not carried out for now.
    HeldBack,
    /// It is carried out.
    Begun,
    /// There is no proposal.
    Failed,
}

impl Proposed {
    pub(super) const ALL: [Self; 4] = [Self::Level, Self::HeldBack, Self::Begun, Self::Failed];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::HeldBack => "held-back",
            Self::Begun => "begun",
            Self::Failed => "failed",
        }
    }
}

/// What went wrong, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A look at the cluster, or what should have followed from it, ended in a failure.
    Look,
    /// There was no proposal.
    Proposal,
    /// A command, or a part of one, did not go through.
    Command,
    /// Something could not be written down.
    Journal,
}

impl Trouble {
    pub(super) const ALL: [Self; 4] = [Self::Look, Self::Proposal, Self::Command, Self::Journal];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Proposal => "proposal",
            Self::Command => "command",
            Self::Journal => "journal",
        }
    }
}

/// How executions end, as [`Outcome`] has it.
pub(super) const ENDS: [&str; 4] = ["done", "done-in-part", "stopped", "failed"];

impl ClusterGauges {
    /// Begins without a past.
    pub fn new(mode: &'static str) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Takes in a look. One that is not `full` is taken between two steps of an execution: what it leaves out is known from
    /// the full one before.
    pub fn saw(&mut self, seen: &Observation, full: bool) {
        self.seen_at = Some(seen.taken_at);
        self.canary = seen.canary.clone().map(|canary| (seen.taken_at, canary));
        let mut held = if full { bytes_held(seen) } else { BTreeMap::new() };
        let before = std::mem::take(&mut self.brokers);
        for (id, broker) in &seen.brokers {
            let known = if full {
                held.remove(id).flatten().zip(broker.capacity.disk_bytes)
            } else {
                before.get(id).and_then(|before| before.disk)
            };
            let throttle = &broker.throttle;
            let gauges = BrokerGauges {
                is_up: broker.alive,
                disk: volumes(broker).or(known),
                throttles: [
                    ("leader", throttle.leader_bytes_per_s),
                    ("follower", throttle.follower_bytes_per_s),
                    ("log-dirs", throttle.log_dirs_bytes_per_s),
                ],
            };
            self.brokers.insert(*id, gauges);
        }
        if full {
            let mut gaps = BTreeMap::new();
            seen.gaps.iter().for_each(|gap| *gaps.entry(gap.kind).or_default() += 1);
            self.gaps = Some(gaps);
        }
    }

    /// Takes in what came of a look for a better placement. Without a plan, what is known of goals is no longer so.
    pub fn proposed(&mut self, at: TimestampMs, outcome: Proposed, plan: Option<&Plan>) {
        let plan = plan.map(|plan| ProposedPlan {
            copied: plan.price.copied(),
            replica_moves: plan.price.replica_moves,
            leader_changes: plan.price.leader_changes,
            goals: plan
                .goals
                .iter()
                .map(|goal| (goal.goal.clone(), goal.tier.clone(), goal.met_before))
                .collect(),
        });
        self.proposal = Some(ProposalGauges { at, outcome, plan });
    }

    /// Takes in what brokers bear at their peaks.
    pub fn peaks(&mut self, peaks: BTreeMap<BrokerId, Peak>) {
        self.peaks = peaks;
    }

    /// Takes in what is lacking, and since when.
    pub fn lacks(&mut self, absences: Absences) {
        self.absences = absences;
    }

    /// Takes in when disks pass their limit.
    pub fn foresaw(&mut self, outlook: Outlook) {
        self.outlook = outlook.disks;
    }

    /// Takes in how far an execution is.
    pub fn progressed(&mut self, progress: &Progress) {
        self.progress = Some(progress.clone());
    }

    /// Takes in what happened in an execution.
    pub fn happened(&mut self, event: &ExecutionEvent) {
        match event {
            ExecutionEvent::CommandFailed { .. } => self.erred(Trouble::Command),
            ExecutionEvent::NotRecorded { .. } => self.erred(Trouble::Journal),
            ExecutionEvent::Blind { .. } => self.erred(Trouble::Look),
            _ => {}
        }
    }

    /// Takes in how an execution ended.
    pub fn ended(&mut self, at: TimestampMs, outcome: &Outcome) {
        let end = match outcome.end {
            End::Done => "done",
            End::DoneInPart => "done-in-part",
            End::Stopped => "stopped",
            End::Failed { .. } => "failed",
        };
        *self.ends.entry(end).or_default() += 1;
        self.ended_at = Some(at);
        self.rests();
    }

    /// Takes note that nothing is carried out: what is known of an execution only is no longer so.
    pub fn rests(&mut self) {
        self.progress = None;
        self.canary = None;
    }

    /// Counts something that went wrong.
    pub fn erred(&mut self, trouble: Trouble) {
        *self.errors.entry(trouble).or_default() += 1;
    }
}

/// Bytes in use and size of the volumes that Kafka can use, where the broker tells both of all of them.
fn volumes(broker: &SeenBroker) -> Option<(Bytes, Bytes)> {
    let mut dirs = broker.log_dirs.iter().filter(|dir| dir.online).peekable();
    dirs.peek()?;
    dirs.try_fold((Bytes::ZERO, Bytes::ZERO), |(used, size), dir| {
        let total = dir.total_bytes?;
        Some((used + total.saturating_sub(dir.usable_bytes?), size + total))
    })
}

/// The bytes of the replicas on each broker, for those whose volumes are not known; absent where some size is not.
fn bytes_held(seen: &Observation) -> BTreeMap<BrokerId, Option<Bytes>> {
    let wanting = |broker: &SeenBroker| volumes(broker).is_none() && broker.capacity.disk_bytes.is_some();
    let wanting = seen.brokers.iter().filter(|(_, broker)| wanting(broker));
    let mut held: BTreeMap<BrokerId, Option<Bytes>> =
        wanting.map(|(id, _)| (*id, Some(Bytes::ZERO))).collect();
    if held.is_empty() {
        return held;
    }
    for (_, _, partition) in seen.partitions() {
        for broker in &partition.replicas {
            if let Some(sum) = held.get_mut(broker) {
                *sum = sum.zip(partition.size_on(*broker)).map(|(sum, size)| sum + size);
            }
        }
    }
    held
}
