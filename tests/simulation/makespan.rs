//! How long an execution takes, beside its forecast and the least that it can take.

use std::fmt;
use std::time::{Duration, Instant};

use evenkeel::base::{BrokerId, Bytes};
use evenkeel::control::{Charge, NoJournal, Scope, World, drive, propose};
use evenkeel::edge::sim::{BrokerSpec, SimSpec, SimWorld};
use evenkeel::execute::{End, ExecuteSettings, Execution, StepEnd, ThrottleRate};
use evenkeel::goals::GoalSet;
use evenkeel::observe::read_snapshot;
use evenkeel::plan::PlanLimits;
use evenkeel::solve::{Operation, Request};

/// One row of the table.
struct Measured {
    name: String,
    moves: usize,
    bytes: Bytes,
    waves: usize,
    least_s: f64,
    forecast_s: f64,
    took_s: f64,
    /// The broker that the least time follows from, and whether by what it receives or what it sends.
    busiest: String,
    end: End,
}

impl Measured {
    fn forecast_ratio(&self) -> f64 {
        self.forecast_s / self.least_s
    }

    fn ratio(&self) -> f64 {
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

const HEAD: &str =
    "cluster                   moves      bytes waves  least s forecast s  /least   took s  /least  busiest";

/// How it is run: the fixed throttle of each broker in each direction, and the time between two looks.
#[derive(Clone, Copy)]
struct Pace {
    throttle_bytes_per_s: u64,
    poll: Duration,
}

fn measure(name: &str, spec: &SimSpec, goals: &str, operation: Operation, pace: Pace) -> Measured {
    let limits = PlanLimits { throttle_bytes_per_s: pace.throttle_bytes_per_s, ..PlanLimits::default() };
    let request = Request { operation, ..Request::default() };
    let mut world = SimWorld::new(spec).unwrap();
    let seen = world.observe(&Scope::Full).unwrap();
    let started = Instant::now();
    let plan = propose(&seen, &GoalSet::shipped(goals).unwrap(), &request, &limits).unwrap().plan;
    let planned = started.elapsed();
    let settings = ExecuteSettings {
        throttle: ThrottleRate::BytesPerS(pace.throttle_bytes_per_s),
        poll: pace.poll,
        ..ExecuteSettings::default()
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
fn demo(empty: i32) -> SimSpec {
    let mut spec = SimSpec::demo(1);
    let (disk, network) = (spec.brokers[0].log_dirs[0].total_bytes, spec.brokers[0].network_in_bytes_per_s);
    let more = (30..30 + empty).map(|id| BrokerSpec::new(id, &format!("az-{}", id % 3), disk, network));
    spec.brokers.extend(more);
    spec
}

/// A sixth of the network: clients have what they need besides. Copies take minutes, so a look every half minute does.
const DEMO_PACE: Pace = Pace { throttle_bytes_per_s: 200_000_000, poll: Duration::from_secs(30) };

/// The least that a plan can take is what its busiest broker takes at its throttle; an execution takes no more than
/// that and 15 %, and the forecast foretells it within 10 %.
fn takes_little_more_than_the_least(name: &str, spec: &SimSpec, operation: Operation, pace: Pace) {
    let measured = measure(name, spec, "cruise-control", operation, pace);
    println!("{HEAD}\n{measured}");
    assert_eq!(measured.end, End::Done, "{measured}");
    assert!(measured.ratio() <= 1.15, "{measured}");
    let off = measured.forecast_s / measured.took_s;
    assert!((0.9..=1.1).contains(&off), "forecast {off:.2} of what it took: {measured}");
}

#[test]
fn a_skewed_cluster_is_levelled_in_little_more_than_the_least_time() {
    takes_little_more_than_the_least("demo", &demo(0), Operation::Rebalance, DEMO_PACE);
}

#[test]
fn added_brokers_are_filled_in_little_more_than_the_least_time() {
    let added = Operation::AddBrokers((30..36).map(BrokerId).collect());
    takes_little_more_than_the_least("demo, 6 added", &demo(6), added, DEMO_PACE);
}

#[test]
fn brokers_are_drained_in_little_more_than_the_least_time() {
    let drained = Operation::RemoveBrokers([4, 14].map(BrokerId).to_vec());
    takes_little_more_than_the_least("demo, 2 drained", &demo(0), drained, DEMO_PACE);
}

/// `add=30,31` or `remove=0,16,17`.
fn operation(text: &str) -> Operation {
    let (kind, ids) = text.split_once('=').unwrap();
    let ids = ids.split(',').map(|id| BrokerId(id.parse().unwrap())).collect();
    match kind {
        "add" => Operation::AddBrokers(ids),
        "remove" => Operation::RemoveBrokers(ids),
        _ => panic!("{kind} is neither add nor remove"),
    }
}

/// Measures snapshots: `EVENKEEL_MAKESPAN` holds files, or `demo` and `large` for the presets, each with `@add=...` or `@remove=...` where it is not to be
/// levelled; `EVENKEEL_MB_PER_S` the throttle.
#[test]
fn snapshots_named_by_the_environment_are_measured() {
    let Ok(files) = std::env::var("EVENKEEL_MAKESPAN") else { return };
    let variable = |name: &str, or: u64| std::env::var(name).map_or(or, |text| text.parse().unwrap());
    let pace = Pace {
        throttle_bytes_per_s: variable("EVENKEEL_MB_PER_S", 50) * 1_000_000,
        poll: Duration::from_secs(variable("EVENKEEL_POLL_S", 2)),
    };
    let goals = std::env::var("EVENKEEL_GOALS").unwrap_or_else(|_| "cruise-control".to_owned());
    let mut table = vec![HEAD.to_owned()];
    for file in files.split_whitespace() {
        let (path, wanted) = file.split_once('@').unwrap_or((file, ""));
        let spec = match path {
            "demo" => SimSpec::demo(1),
            "large" => SimSpec::large(1),
            _ => SimSpec::of(&read_snapshot(&std::fs::read(path).unwrap()).unwrap().0, 0),
        };
        let wanted = if wanted.is_empty() { Operation::Rebalance } else { operation(wanted) };
        let name = path.rsplit('/').next().unwrap_or(path).split('.').next().unwrap_or(path);
        table.push(measure(name, &spec, &goals, wanted, pace).to_string());
        println!("{}", table.last().unwrap());
    }
    println!("{}", table.join("\n"));
}
