//! [`ExecutionEvent`]: what happened, one line of text each.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::request::limits;
use super::{Brake, Leftover, StepEnd, StopMode, ThrottleRate};
use crate::base::{BrokerId, Bytes, PlanId, TimestampMs, TopicPartition, format_duration};

/// Something that happened while a plan ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum ExecutionEvent {
    /// The execution began.
    Started {
        /// The plan.
        plan: PlanId,
        /// Its steps.
        steps: usize,
        /// Its waves.
        waves: usize,
        /// Bytes to copy.
        bytes: Bytes,
    },
    /// What a process that was killed had begun is carried on.
    CarriedOn {
        /// The plan.
        plan: PlanId,
        /// Its steps.
        steps: usize,
        /// Steps that had ended.
        ended: usize,
        /// Steps that may be under way.
        in_flight: usize,
    },
    /// An operator has set other limits.
    LimitsChanged {
        /// The replication throttle, if it was set.
        throttle: Option<ThrottleRate>,
        /// Moves at once on a broker, if they were set.
        moves_per_broker: Option<usize>,
    },
    /// What is to be sent could not be written down first, so nothing is sent.
    NotRecorded {
        /// Why.
        reason: String,
    },
    /// It can be written down again.
    RecordedAgain,
    /// A wave began; the one before it has ended.
    WaveStarted {
        /// Counted from 1.
        wave: usize,
        /// How many there are.
        of: usize,
        /// Its steps.
        steps: usize,
    },
    /// A replica list was asked for.
    StageStarted {
        /// The partition.
        partition: TopicPartition,
        /// Its list before.
        from: Vec<BrokerId>,
        /// The list asked for.
        to: Vec<BrokerId>,
        /// Bytes that this copies.
        bytes: Bytes,
    },
    /// A replica was asked to move to another log directory of its broker.
    LogDirMoveStarted {
        /// The partition.
        partition: TopicPartition,
        /// The broker.
        broker: BrokerId,
        /// The directory that it stands in.
        from: String,
        /// The directory asked for.
        to: String,
        /// Bytes that this copies.
        bytes: Bytes,
    },
    /// A step ended, one way or another.
    StepEnded {
        /// The partition.
        partition: TopicPartition,
        /// How.
        end: StepEnd,
    },
    /// A move is being cancelled.
    Cancelling {
        /// The partition.
        partition: TopicPartition,
        /// Why.
        reason: String,
    },
    /// A move should be cancelled, but that would take its partition below min ISR: it is left running.
    CancelUnsafe {
        /// The partition.
        partition: TopicPartition,
    },
    /// Kafka shows the right replicas in the wrong order; the order is being put right.
    OrderRestored {
        /// The partition.
        partition: TopicPartition,
        /// The list asked for.
        to: Vec<BrokerId>,
    },
    /// The preferred leader does not lead, and could not be made to.
    LeaderNotRestored {
        /// The partition.
        partition: TopicPartition,
        /// Who should lead.
        preferred: BrokerId,
        /// Why it does not.
        reason: String,
    },
    /// Nothing new starts for now.
    Paused {
        /// Why.
        reason: Pause,
    },
    /// The cause of the pause is gone.
    Resumed {
        /// What it was.
        reason: Pause,
    },
    /// A throttle setting of someone else is there already and stays.
    ThrottleRespected {
        /// Where and which.
        setting: String,
        /// What stands there.
        value: String,
    },
    /// Someone else changed a throttle setting that this execution had set: it is theirs from now on.
    ThrottleTakenOver {
        /// Where and which.
        setting: String,
        /// What stands there now.
        value: String,
    },
    /// Copies were slowed down; told once until they have gone on for a while.
    SlowedDown {
        /// On which brokers.
        brokers: Vec<BrokerId>,
        /// Why.
        cause: Brake,
    },
    /// A volume is over its limit, or will be before the execution ends: what takes load off it goes first. Told once.
    AboutToFill {
        /// The broker.
        broker: BrokerId,
        /// The log directory.
        path: String,
        /// Bytes in use.
        used: Bytes,
        /// Bytes that are not to be passed.
        limit: Bytes,
        /// How long until that, as it grows; nothing when it has.
        #[serde(rename = "lasts_s", serialize_with = "seconds")]
        lasts: Duration,
    },
    /// A command, or a part of it, did not go through; it is tried again where that helps.
    CommandFailed {
        /// What was asked.
        command: String,
        /// What came back.
        reason: String,
    },
    /// The cluster cannot be seen.
    Blind {
        /// Why.
        reason: String,
    },
    /// The cluster can be seen again.
    SightRegained {
        /// How long it could not.
        #[serde(rename = "after_s", serialize_with = "seconds")]
        after: Duration,
    },
    /// A stop was asked for.
    Stopping {
        /// What becomes of moves in flight.
        mode: StopMode,
        /// Moves in flight.
        in_flight: usize,
    },
    /// Other goals are asked for than those that the plan serves.
    GoalsChanged {
        /// Steps that have not begun: they are dropped.
        dropped: usize,
        /// Moves in flight: they are finished.
        in_flight: usize,
    },
    /// Something that this execution did could not be undone; a person has to.
    LeftBehind {
        /// What, and how to clear it.
        left: Vec<Leftover>,
    },
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

/// Why nothing new starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "pause")]
pub enum Pause {
    /// Brokers are down; only steps that repair go on.
    BrokersDown {
        /// Which.
        brokers: Vec<BrokerId>,
    },
    /// Partitions are under-replicated for a reason other than these moves.
    UnderReplicated {
        /// How many.
        count: usize,
        /// One of them.
        example: TopicPartition,
    },
    /// Part of the cluster cannot be seen.
    IncompleteView {
        /// What, and why.
        what: String,
    },
    /// An operator has paused it.
    Operator,
    /// Another broker is the controller: what it says is seen anew first.
    ControllerChanged,
    /// The settings allow nothing new at this time.
    OutsideWindow {
        /// When they will; absent if not within a year.
        opens_at: Option<TimestampMs>,
    },
    /// A throttle could not be set, and nothing is copied without one.
    ThrottleNotSet {
        /// Why.
        reason: String,
    },
}

impl Pause {
    /// Whether both are the same kind of pause, so that a change of numbers is not told as news.
    pub fn same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokersDown { brokers } => write!(f, "broker {} is down", list(brokers)),
            Self::UnderReplicated { count, example } => {
                write!(
                    f,
                    "{count} under-replicated partition(s) that these moves did not cause, such as {example}"
                )
            }
            Self::IncompleteView { what } => write!(f, "the view of the cluster is incomplete: {what}"),
            Self::Operator => f.write_str("an operator asked for it (`evenkeel resume` takes it back)"),
            Self::ControllerChanged => {
                f.write_str("the controller has changed; the cluster is seen anew first")
            }
            Self::OutsideWindow { opens_at: Some(at) } => {
                write!(f, "outside of the hours that the settings allow; they begin at {at}")
            }
            Self::OutsideWindow { opens_at: None } => {
                f.write_str("outside of the hours that the settings allow, for more than a year")
            }
            Self::ThrottleNotSet { reason } => write!(f, "a throttle could not be set: {reason}"),
        }
    }
}

/// Broker ids as people write them: `1, 2, 3`.
pub(super) fn list(brokers: &[BrokerId]) -> String {
    let texts: Vec<String> = brokers.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

fn makes_way(dropped: usize, in_flight: usize) -> String {
    format!(
        "the goals have changed: {dropped} steps that have not begun are dropped and planned anew, {in_flight} moves in \
         flight are finished"
    )
}

fn fills(limit: Bytes, lasts: Duration) -> String {
    if lasts.is_zero() {
        return format!("is over its limit of {limit}");
    }
    format!("passes its limit of {limit} in {} as it grows", format_duration(lasts))
}

impl fmt::Display for ExecutionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { plan, steps, waves, bytes } => {
                write!(f, "started plan {plan}: {steps} steps in {waves} waves, {bytes} to copy")
            }
            Self::CarriedOn { plan, steps, ended, in_flight } => {
                write!(
                    f,
                    "carrying on with plan {plan}: {ended} of {steps} steps had ended, {in_flight} may be under way"
                )
            }
            Self::LimitsChanged { throttle, moves_per_broker } => {
                write!(f, "an operator has set other limits: {}", limits(*throttle, *moves_per_broker))
            }
            Self::NotRecorded { reason } => {
                write!(f, "nothing is sent, for it cannot be written down first: {reason}")
            }
            Self::RecordedAgain => f.write_str("it can be written down again; going on"),
            Self::WaveStarted { wave, of, steps } => write!(f, "wave {wave} of {of}: {steps} steps"),
            Self::StageStarted { partition, from, to, bytes } => {
                write!(f, "{partition}: [{}] -> [{}], {bytes}", list(from), list(to))
            }
            Self::LogDirMoveStarted { partition, broker, from, to, bytes } => {
                write!(f, "{partition}: on broker {broker} from {from} to {to}, {bytes}")
            }
            Self::StepEnded { partition, end } => write!(f, "{partition}: {end}"),
            Self::Cancelling { partition, reason } => write!(f, "{partition}: cancelling, {reason}"),
            Self::CancelUnsafe { partition } => {
                write!(f, "{partition}: not cancelled, that would leave fewer in-sync replicas than it needs")
            }
            Self::OrderRestored { partition, to } => {
                write!(f, "{partition}: putting the replica order right: [{}]", list(to))
            }
            Self::LeaderNotRestored { partition, preferred, reason } => {
                write!(f, "{partition}: broker {preferred} does not lead, {reason}")
            }
            Self::Paused { reason } => write!(f, "paused, nothing new starts: {reason}"),
            Self::Resumed { reason } => write!(f, "going on; no longer: {reason}"),
            Self::ThrottleRespected { setting, value } => {
                write!(f, "{setting} was {value} already and stays so")
            }
            Self::ThrottleTakenOver { setting, value } => {
                write!(f, "{setting} was changed to {value} by someone else and is left alone from now on")
            }
            Self::SlowedDown { brokers, cause } => {
                write!(f, "copies on broker {} were slowed down: {cause}", list(brokers))
            }
            Self::AboutToFill { broker, path, used, limit, lasts } => {
                write!(f, "{path} of broker {broker}, with {used} in use, {}: ", fills(*limit, *lasts))?;
                f.write_str("what takes load off it goes first")
            }
            Self::CommandFailed { command, reason } => write!(f, "{command}: {reason}"),
            Self::Blind { reason } => write!(f, "the cluster cannot be seen: {reason}"),
            Self::SightRegained { after } => {
                write!(f, "the cluster can be seen again, after {}", format_duration(*after))
            }
            Self::Stopping { mode, in_flight } => {
                let what = match mode {
                    StopMode::FinishInFlight => "are finished",
                    StopMode::Cancel | StopMode::Now => "are cancelled",
                };
                write!(f, "stopping: nothing new starts, {in_flight} moves in flight {what}")
            }
            Self::GoalsChanged { dropped, in_flight } => f.write_str(&makes_way(*dropped, *in_flight)),
            Self::LeftBehind { left } => {
                write!(f, "NOT CLEANED UP, please run:")?;
                left.iter().try_for_each(|left| write!(f, "\n  {}    # {}", left.command, left.what))
            }
        }
    }
}
