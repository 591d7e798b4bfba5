//! How long an execution takes, beside its forecast and the least that it can take: measured for the tests and for the
//! report of `cargo bench --bench executions`.

use std::fmt;
use std::time::{Duration, Instant};

use evenkeel::base::Bytes;
use evenkeel::control::{Charge, NoJournal, Scope, World, drive, propose};
use evenkeel::edge::sim::{BrokerSpec, SimSpec, SimWorld};
use evenkeel::execute::{End, ExecuteSettings, Execution, StepEnd, ThrottleRate};
use evenkeel::goals::GoalSet;
use evenkeel::plan::PlanLimits;
use evenkeel::solve::{Operation, Request};

/// One row of the table.
pub struct Measured {
    pub name: String,
    pub moves: usize,
    pub bytes: Bytes,
    pub waves: usize,
    pub least_s: f64,
    pub forecast_s: f64,
    pub took_s: f64,
    /// The broker that the least time follows from, and whether by what it receives or what it sends.
    pub busiest: String,
    pub end: End,
}

impl Measured {
    pub fn forecast_ratio(&self) -> f64 {
        self.forecast_s / self.least_s
    }

    pub fn ratio(&self) -> f64 {
        self.took_s / self.least_s
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, moves, bytes, waves, least_s, forecast_s, took_s, busiest, end } = self;
        let (forecast, took) = (self.forecast_ratio(), self.ratio());
        let bytes = bytes.to_string();
        write!(
            f,
            "{name:24} {moves:6} {bytes:>10} {waves:5} {least_s:8.0} {forecast_s:10.0} {forecast:7.3} {took_s:8.0} {took:7.3} {busiest:>8} {end:?}"
        )
    }
}

pub const HEAD: &str =
    "cluster                   moves      bytes waves  least s forecast s  /least   took s  /least  busiest";

/// How it is run: the fixed throttle of each broker in each direction, and the time between two looks.
#[derive(Clone, Copy)]
pub struct Pace {
    pub throttle_bytes_per_s: u64,
    pub poll: Duration,
    pub moves_per_broker: usize,
}

pub fn measure(name: &str, spec: &SimSpec, goals: &str, operation: Operation, pace: Pace) -> Measured {
    let Pace { throttle_bytes_per_s, poll, moves_per_broker } = pace;
    let limits = PlanLimits { throttle_bytes_per_s, moves_per_broker, ..PlanLimits::default() };
    let request = Request { operation, ..Request::default() };
    let mut world = SimWorld::new(spec).unwrap();
    let seen = world.observe(&Scope::Full).unwrap();
    let started = Instant::now();
    let plan = propose(&seen, &GoalSet::shipped(goals).unwrap(), &request, &limits).unwrap().plan;
    let planned = started.elapsed();
    let usual = ExecuteSettings::default();
    let settings = ExecuteSettings {
        throttle: ThrottleRate::BytesPerS(throttle_bytes_per_s),
        moves_in_flight_per_broker: moves_per_broker,
        poll,
        hold_patience: usual.hold_patience.max(poll * 10),
        no_progress: usual.no_progress.max(poll * 10),
        ..usual
    };
    let began = world.now();
    let mut execution = Execution::new(&plan, settings, began, &seen).unwrap();
    let outcome = drive(&mut world, Charge::unrecorded(&mut execution, &mut NoJournal), &mut |_| {});
    if std::env::var_os("EVENKEEL_MAKESPAN").is_some() {
        println!("  {name}: planned in {planned:.1?}, simulated in {:.1?}; {outcome}", started.elapsed());
        let undone = outcome.steps.iter().filter(|(_, end)| *end != StepEnd::Done);
        undone.for_each(|(name, end)| println!("    {name}: {end}"));
    }
    let time = plan.certificate.unwrap().time.unwrap();
    Measured {
        name: name.to_owned(),
        moves: plan.price.replica_moves,
        bytes: plan.price.bytes,
        waves: plan.waves.len(),
        least_s: time.least_s,
        forecast_s: plan.price.forecast_s,
        took_s: world.now().since(began).as_secs_f64(),
        busiest: format!("{} {}", if time.receives { "in" } else { "out" }, time.broker),
        end: outcome.end,
    }
}

/// The demo's cluster of 30 brokers, and so many empty ones.
pub fn demo(empty: i32) -> SimSpec {
    let mut spec = SimSpec::demo(1);
    let (disk, network) = (spec.brokers[0].log_dirs[0].total_bytes, spec.brokers[0].network_in_bytes_per_s);
    let more = (30..30 + empty).map(|id| BrokerSpec::new(id, &format!("az-{}", id % 3), disk, network));
    spec.brokers.extend(more);
    spec
}

/// A sixth of the network: clients have what they need besides. Copies take minutes, so a look every half minute does.
pub const DEMO_PACE: Pace =
    Pace { throttle_bytes_per_s: 200_000_000, poll: Duration::from_secs(30), moves_per_broker: 5 };
