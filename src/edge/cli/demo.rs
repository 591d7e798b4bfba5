//! `evenkeel demo`: the whole job on a simulated cluster that speaks the Kafka protocol on loopback ports. Everything but
//! the brokers is real: the wire client, the solver, the judge, the executor.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;

use super::args::ExecutionArgs;
use super::carry::Order;
use super::planning::{self, Pace};
use super::session::{Right, Session};
use super::signals::Termination;
use super::{Failure, Screen, goals, live, signals};
use crate::base::{BrokerId, Bytes, BytesPerS};
use crate::config::{CapacitySettings, KafkaClientSettings, MetricsSettings};
use crate::control::{Scope, propose};
use crate::edge::kafka::{Clock, KafkaWorld};
use crate::edge::sim::{BrokerSpec, SimCluster, SimServer, SimSpec};
use crate::execute::{ExecuteSettings, ThrottleRate};
use crate::observe::Observation;
use crate::plan::PlanLimits;
use crate::report::{StatusView, change_text};
use crate::solve::{Operation, Request};

const EXAMPLES: &str = "\
Examples:
  evenkeel demo                # and the cluster stays up for you to try the other commands on
  evenkeel demo --headless     # to the end, and exit";

/// See the whole job on a simulated cluster of 30 brokers in 3 zones; needs nothing else
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// End when the story is told, instead of keeping the cluster up
    #[arg(long)]
    headless: bool,
    /// How many times faster than the wall clock the simulated time runs
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    speed: u32,
    /// The seed that the cluster grows from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Replication throttle of the demo: two thirds of a broker's 10 Gbit/s.
const THROTTLE_BYTES_PER_S: u64 = 800_000_000;

/// What the disks of the demo's brokers do. A broker that sends and receives at the throttle needs twice that: with less
/// the disks would decide how long an act takes, and no forecast knows them.
const DISK_BYTES_PER_S: u64 = 2_000_000_000;

/// More at once than a careful operator would allow: each wave costs looks at the cluster, which the visitor waits for.
const MOVES_PER_BROKER: usize = 50;

/// The demo is over in less than a minute: ten seconds between two lines would show nothing.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// The broker that is removed in the end.
const REMOVED: BrokerId = BrokerId(7);

/// How fast time runs for a visitor: a rebalance takes minutes, and looks like one.
const VISITORS_SPEED: f64 = 100.0;

/// The demo's cast.
struct Demo<'a> {
    server: SimServer,
    session: Session,
    newcomers: Vec<BrokerSpec>,
    pace: Pace,
    screen: &'a Screen,
    act: u32,
}

/// Runs the command.
///
/// # Errors
/// The simulated cluster cannot be started, or the story does not end well.
pub fn run(args: &DemoArgs, screen: &Screen) -> Result<(), Failure> {
    let speed = f64::from(args.speed);
    let spec = stage(args.seed);
    let cluster = SimCluster::new(&spec).map_err(Failure::failed)?;
    let server = SimServer::start(cluster, speed).map_err(Failure::failed)?;
    signals::listen(
        "stopping the demo: what is in flight is cancelled, throttles are taken away",
        Termination::Stops,
    )?;
    let bootstrap = first_address(&server);
    screen.note(&format!(
        "A simulated Kafka cluster listens on {bootstrap} and others; its time runs {} times as fast as yours.",
        args.speed
    ));
    let client = KafkaClientSettings::plaintext(&bootstrap).map_err(Failure::failed)?;
    let kafka = KafkaWorld::connect(&client, Clock::scaled(speed), signals::flag())?;
    let metrics = MetricsSettings::of(vec![server.metrics_endpoint()]);
    let world = live::assemble(kafka, &client, Some((&metrics, None)), capacity(&spec))?;
    // The cluster ends with this process: nobody could carry on what it had begun.
    let session = Session::new(world, Right::unrecorded());
    let mut demo = Demo { server, session, newcomers: newcomers(&spec), pace: pace(), screen, act: 0 };
    let first = demo.look()?;
    demo.tell_story()?;
    let last = demo.look()?;
    demo.end(&first, &last)?;
    if args.headless {
        return Ok(());
    }
    demo.stay_up(&bootstrap)
}

/// The cluster of the story.
fn stage(seed: u64) -> SimSpec {
    let mut spec = SimSpec::demo(seed);
    for dir in spec.brokers.iter_mut().flat_map(|broker| &mut broker.log_dirs) {
        dir.disk_bytes_per_s = DISK_BYTES_PER_S;
    }
    spec
}

/// An empty broker for each zone, like those that are there.
fn newcomers(spec: &SimSpec) -> Vec<BrokerSpec> {
    let racks: BTreeSet<_> = spec.brokers.iter().filter_map(|broker| broker.rack.clone()).collect();
    let next = spec.brokers.iter().map(|broker| broker.id.0).max().unwrap_or(0) + 1;
    let Some(like) = spec.brokers.first() else { return Vec::new() };
    let newcomer = |(rack, id)| BrokerSpec { id: BrokerId(id), rack: Some(rack), ..like.clone() };
    racks.into_iter().zip(next..).map(newcomer).collect()
}

/// What the brokers' networks carry: their metrics tell what they use, not what they have.
fn capacity(spec: &SimSpec) -> CapacitySettings {
    let network = |bytes_per_s: fn(&BrokerSpec) -> u64| {
        spec.brokers.first().and_then(|broker| BytesPerS::new(Bytes(bytes_per_s(broker)).as_f64()).ok())
    };
    CapacitySettings {
        network_in: network(|broker| broker.network_in_bytes_per_s),
        network_out: network(|broker| broker.network_out_bytes_per_s),
        ..CapacitySettings::default()
    }
}

/// One address is enough to begin with, and thirty are hard to read.
fn first_address(server: &SimServer) -> String {
    server.bootstrap().split(',').next().unwrap_or_default().to_owned()
}

/// Patience in simulated time: at this pace one look at the cluster takes minutes of it.
fn pace() -> Pace {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    Pace {
        limits: PlanLimits {
            throttle_bytes_per_s: THROTTLE_BYTES_PER_S,
            bytes_per_broker: Bytes(3_000_000_000_000),
            moves_per_broker: MOVES_PER_BROKER,
            ..PlanLimits::default()
        },
        execute: ExecuteSettings {
            throttle: ThrottleRate::BytesPerS(THROTTLE_BYTES_PER_S),
            moves_in_flight_per_broker: MOVES_PER_BROKER,
            moves_in_flight: 2_000,
            poll: Duration::from_secs(120),
            no_progress: hours(24),
            pause_patience: hours(24),
            hold_patience: hours(12),
            clean_up_patience: hours(24),
            blind_patience: hours(24),
            resend: hours(1),
            ..ExecuteSettings::default()
        },
    }
}

impl Demo<'_> {
    fn tell_story(&mut self) -> Result<(), Failure> {
        self.carry_out("The cluster has grown for years and is skewed. Level it.", Operation::Rebalance)?;
        let new = self.add_brokers()?;
        let ids: Vec<String> = new.iter().map(ToString::to_string).collect();
        let title =
            format!("Brokers {} have joined, one in each zone, and are empty. Fill them.", ids.join(", "));
        self.carry_out(&title, Operation::AddBrokers(new))?;
        let title = format!("Broker {REMOVED} is to be switched off. Empty it.");
        self.carry_out(&title, Operation::RemoveBrokers(vec![REMOVED]))
    }

    /// One act: look, propose, show, execute.
    fn carry_out(&mut self, title: &str, operation: Operation) -> Result<(), Failure> {
        self.act += 1;
        let seen = self.look()?;
        let request = Request { operation, ..Request::default() };
        let proposal = propose(&seen, &goals::load("default")?, &request, &self.pace.limits_for(&seen))?;
        self.screen
            .result(&format!("\n{}\n\n", self.screen.results.bold(&format!("{}. {title}", self.act))))?;
        let short = Screen { results_on_terminal: true, ..*self.screen };
        self.screen.result(&planning::text(&proposal.plan, &seen.gaps, false, Vec::new(), &short))?;
        if proposal.plan.is_empty {
            return Ok(());
        }
        let order = Order {
            plan: &proposal.plan,
            seen: &seen,
            settings: self.pace.execute.clone(),
            cluster: "the simulated cluster",
            line_every: LINE_EVERY,
        };
        let leave = ExecutionArgs { execute: true, yes: true, ..ExecutionArgs::default() };
        order.carry_out(&mut self.session, &leave, self.screen)
    }

    fn look(&mut self) -> Result<Observation, Failure> {
        Ok(self.session.world.observe(&Scope::Full)?)
    }

    /// Adds an empty broker to each zone.
    fn add_brokers(&mut self) -> Result<Vec<BrokerId>, Failure> {
        for spec in &self.newcomers {
            self.server.add_broker(spec).map_err(Failure::failed)?;
        }
        Ok(self.newcomers.iter().map(|spec| spec.id).collect())
    }

    /// Shows what became of the cluster, and checks that it is what was promised.
    fn end(&self, first: &Observation, last: &Observation) -> Result<(), Failure> {
        let style = self.screen.results;
        let (first, last) = (StatusView::of(first), StatusView::of(last));
        let title = style.bold("The whole story: each broker at the beginning → now");
        self.screen.result(&format!("\n{title}\n{}\n", change_text(&first, &last, style)))?;
        let held =
            last.brokers.iter().find(|status| status.broker == REMOVED).map_or(0, |status| status.replicas);
        let wrong = [
            (held > 0, format!("broker {REMOVED} still holds {held} replicas")),
            (!last.throttles.is_empty(), format!("{} throttles are left behind", last.throttles.len())),
            (!last.reassignments.is_empty(), "reassignments are still in flight".to_owned()),
            (!last.unhealthy.is_empty(), format!("{} partitions are not in sync", last.unhealthy.len())),
        ];
        if let Some((_, problem)) = wrong.into_iter().find(|(is_so, _)| *is_so) {
            return Err(Failure::failed(format!("the demo did not end as promised: {problem}")));
        }
        self.screen.result(&format!(
            "Broker {REMOVED} is empty, every partition is in sync, and no throttle is left.\n"
        ))
    }

    /// Keeps the cluster up for a visitor until Ctrl-C.
    fn stay_up(&self, bootstrap: &str) -> Result<(), Failure> {
        self.server.set_speed(VISITORS_SPEED).map_err(Failure::failed)?;
        self.screen.result(&format!(
            "\nThe cluster stays up, its time {VISITORS_SPEED} times as fast as yours. In another terminal try:\n\n  \
             evenkeel status --bootstrap {bootstrap}\n  \
             evenkeel remove-broker 8 --bootstrap {bootstrap} --throttle 400MB\n  \
             evenkeel remove-broker 8 --bootstrap {bootstrap} --throttle 400MB --execute\n\n\
             Ctrl-C ends it.\n"
        ))?;
        let stop = signals::flag();
        while stop.count() == 0 {
            stop.wait(Duration::from_secs(3_600));
        }
        Ok(())
    }
}
