//! From flags and settings to a proposal, and the plan on the screen.

use super::args::WantedArgs;
use super::{Failure, Screen};
use crate::base::{BrokerId, Bytes, TimestampMs};
use crate::config::{ExecutionSettings, Throttle};
use crate::control::{Proposal, ProposeError, propose_ahead};
use crate::execute::{ExecuteSettings, ThrottleRate, derived_rate};
use crate::goals::GoalSet;
use crate::observe::{Gap, GapKind, Observation};
use crate::plan::{Plan, PlanLimits};
use crate::report::{PlanNotes, plan_text};
use crate::solve::{Budget, Operation, Request};

/// What to ask the solver for.
#[derive(Debug, Default)]
pub struct Ask {
    /// The operation.
    pub operation: Operation,
    /// Level the rest too.
    pub also_rebalance: bool,
}

impl Ask {
    /// Whether loads decide where something goes. What is urgent, or free, does not wait for them.
    pub fn goes_by_loads(&self) -> bool {
        self.also_rebalance
            || matches!(
                self.operation,
                Operation::Rebalance
                    | Operation::AddBrokers(_)
                    | Operation::RemoveBrokers(_)
                    | Operation::SetReplicationFactor(_)
            )
    }

    /// The operation, with or without levelling the rest.
    pub fn of(operation: Operation, also_rebalance: bool) -> Self {
        Self { operation, also_rebalance }
    }

    /// What is asked of the solver, within the limits that the flags set.
    fn request(self, wanted: &WantedArgs, limits: &PlanLimits) -> Request {
        let within =
            |time: std::time::Duration| Bytes(limits.throttle_bytes_per_s.saturating_mul(time.as_secs()));
        Request {
            operation: self.operation,
            also_rebalance: self.also_rebalance,
            only_topics: wanted.topic.clone(),
            excluded_topics: wanted.exclude_topic.clone(),
            only_onto: wanted.onto.clone(),
            not_onto: wanted.not_onto.clone(),
            no_leaders_on: wanted.no_leaders_on.clone(),
            budget: Budget {
                bytes: wanted.max_bytes,
                moves: wanted.max_moves,
                bytes_per_broker: wanted.max_time.map(within),
            },
            seed: wanted.seed,
        }
    }
}

/// Refuses flags that name brokers which do not exist: a restriction with a misspelt id would restrict nothing.
fn check_brokers(observation: &Observation, wanted: &WantedArgs) -> Result<(), Failure> {
    let flags = [
        ("--onto", &wanted.onto),
        ("--not-onto", &wanted.not_onto),
        ("--no-leaders-on", &wanted.no_leaders_on),
    ];
    let named = flags.iter().flat_map(|(flag, ids)| ids.iter().map(move |id| (*flag, *id)));
    let unknown: Vec<(&str, BrokerId)> =
        named.filter(|(_, id)| !observation.brokers.contains_key(id)).collect();
    let Some((flag, id)) = unknown.first() else { return Ok(()) };
    let known: Vec<String> = observation.brokers.keys().map(ToString::to_string).collect();
    Err(Failure::refused(format!("{flag}: broker {id} does not exist"))
        .hint(format!("the brokers are {}", known.join(", "))))
}

/// How a plan is reckoned and run, put together from flags (first) and settings.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// For the waves and the forecast.
    pub limits: PlanLimits,
    /// For the execution.
    pub execute: ExecuteSettings,
}

/// What a broker's network gives without a throttle: 10 Gbit/s. Only the forecast of time rests on it.
const UNTHROTTLED_BYTES_PER_S: u64 = 1_250_000_000;

impl Pace {
    /// Puts flags (they stand first) and settings together.
    pub fn of(throttle: Option<Throttle>, settings: &ExecutionSettings) -> Self {
        let mut pace = Self::default();
        match throttle.unwrap_or(settings.throttle) {
            Throttle::Auto => {}
            Throttle::Unlimited => {
                pace.limits.throttle_bytes_per_s = UNTHROTTLED_BYTES_PER_S;
                pace.execute.throttle = ThrottleRate::Unlimited;
            }
            Throttle::Rate(rate) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "read from a `Bytes`"
                )]
                let bytes_per_s = rate.get() as u64;
                pace.limits.throttle_bytes_per_s = bytes_per_s;
                pace.execute.throttle = ThrottleRate::BytesPerS(bytes_per_s);
            }
        }
        pace.execute.latency_objective = settings.latency_objective;
        if let Some(adjust_interval) = settings.adjust_interval {
            pace.execute.adjust_interval = adjust_interval;
        }
        pace.moves(settings.moves_per_broker, settings.moves_in_flight);
        if let Some(stall_timeout) = settings.stall_timeout {
            pace.execute.no_progress = stall_timeout;
        }
        if let Some(poll_interval) = settings.poll_interval {
            pace.execute.poll = poll_interval;
        }
        pace.execute.windows = settings.windows.clone();
        pace
    }

    /// The limits for a plan: where the throttle follows from what was seen, the forecast goes by what it begins with.
    pub fn limits_for(&self, seen: &Observation) -> PlanLimits {
        match self.execute.throttle {
            ThrottleRate::Derived => {
                PlanLimits { throttle_bytes_per_s: derived_rate(&self.execute, seen), ..self.limits }
            }
            ThrottleRate::BytesPerS(_) | ThrottleRate::Unlimited => self.limits,
        }
    }

    /// Sets how much may be on the way at once, where it is given.
    pub fn moves(&mut self, per_broker: Option<usize>, in_flight: Option<usize>) {
        if let Some(per_broker) = per_broker {
            self.limits.moves_per_broker = per_broker;
            self.execute.moves_in_flight_per_broker = per_broker;
        }
        if let Some(in_flight) = in_flight {
            self.execute.moves_in_flight = in_flight;
        }
    }
}

/// Makes the proposal that flags ask for; `ahead` is the cluster as it will be, where the plan is for then.
///
/// # Errors
/// A flag names a broker that does not exist, or there is no proposal.
pub fn make(
    observation: &Observation,
    ahead: Option<&Observation>,
    goals: &GoalSet,
    wanted: &WantedArgs,
    ask: Ask,
    limits: &PlanLimits,
) -> Result<Proposal, Failure> {
    check_brokers(observation, wanted)?;
    let request = ask.request(wanted, limits);
    let proposal = propose_ahead(observation, ahead, goals, &request, limits)?;
    let unseen = observation.gaps.iter().find(|gap| gap.kind == GapKind::Topics);
    match unseen {
        // Kafka answers with fewer topics, and no error, where a right is missing: what is not seen is not level.
        Some(gap) if proposal.plan.is_empty => Err(Failure::refused(format!(
            "what is seen needs nothing, but not every topic can be seen: {}",
            gap.reason
        ))),
        _ => Ok(proposal),
    }
}

/// How many moves a terminal shows unless all are asked for: what is above them should stay in sight.
const MOVES_ON_TERMINAL: usize = 20;

/// When something would start, if not now: a line for the end of a plan.
pub fn not_now(settings: &ExecuteSettings, now: TimestampMs) -> Option<String> {
    if settings.windows.is_open(now) {
        return None;
    }
    Some(match settings.windows.opens_at(now) {
        Some(at) => format!("Outside of the hours that are set: what is carried out starts at {at}."),
        None => "Outside of the hours that are set, for more than a year: nothing would start.".to_owned(),
    })
}

/// The plan as text, as this screen wants it. `next` says how to go on.
pub fn text(plan: &Plan, gaps: &[Gap], all: bool, next: Vec<String>, screen: &Screen) -> String {
    let moves_max = (screen.results_on_terminal && !all).then_some(MOVES_ON_TERMINAL);
    plan_text(plan, &PlanNotes { gaps, moves_max, next }, screen.results)
}

impl From<ProposeError> for Failure {
    fn from(error: ProposeError) -> Self {
        match &error {
            ProposeError::Model(_) | ProposeError::IncompleteView { .. } => Self::refused(&error),
            ProposeError::Solve(refusal) => Self::refused(refusal),
            ProposeError::Unsafe(_) => Self::refused(&error).hint(
                "this is a mistake of evenkeel's and not of yours: nothing was changed; \
                 please report it with the output of `evenkeel snapshot`",
            ),
        }
    }
}
