//! The pace of copies: as fast as an objective for latency allows, and no faster.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::base::{BrokerId, TimestampMs, TopicPartition};
use evenkeel::control::{Charge, Happening, NoJournal, Scope, World, WorldError, drive};
use evenkeel::edge::sim::{BrokerSpec, Fault, PartitionSpec, SimSpec, SimWorld, TopicSpec};
use evenkeel::execute::{
    Answer, Command, DropReason, End, ExecuteSettings, Execution, Outcome, StepEnd, ThrottleRate,
};
use evenkeel::observe::Observation;
use evenkeel::plan::{MoveStep, Plan, Step, Wave};

use crate::scenario::plan;
use crate::support::{MB, ids, seconds};

const OBJECTIVE: Duration = Duration::from_millis(10);

/// The broker onto which everything is copied.
const ONTO: BrokerId = BrokerId(6);

/// One second of an execution.
#[derive(Debug, Clone, Copy)]
struct Second {
    at: Duration,
    /// Of the slowest broker.
    p99_ms: f64,
    /// What is copied onto [`ONTO`], and what its throttle and its clients leave for that, in MB/s.
    copied: f64,
    throttle: Option<f64>,
    busy: f64,
}

/// Looks at the clock, the latency and the throttles every second.
struct Gauge {
    sim: SimWorld,
    began: Duration,
    seconds: Vec<Second>,
}

impl Gauge {
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    fn measure(&mut self) {
        let cluster = self.sim.cluster();
        let broker = cluster.broker(ONTO).unwrap();
        let throttle = broker.configs().get("follower.replication.throttled.rate");
        let copying = cluster.copying_bytes_per_s();
        self.seconds.push(Second {
            at: cluster.elapsed().checked_sub(self.began).unwrap(),
            p99_ms: cluster.latencies_ms().values().copied().fold(0.0, f64::max),
            copied: copying.get(&ONTO).map_or(0.0, |(_, into)| into / 1e6),
            throttle: throttle.map(|rate| rate.parse::<f64>().unwrap() / 1e6),
            busy: broker.busy_bytes_per_s().0 as f64 / 1e6,
        });
    }
}

impl World for Gauge {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        self.sim.observe(scope)
    }

    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError> {
        self.sim.perform(command)
    }

    fn now(&self) -> TimestampMs {
        self.sim.now()
    }

    fn sleep(&mut self, duration: Duration) {
        let until = self.sim.cluster().elapsed() + duration;
        loop {
            let left = until.saturating_sub(self.sim.cluster().elapsed());
            if left.is_zero() {
                return;
            }
            self.sim.sleep(left.min(seconds(1)));
            self.measure();
        }
    }

    fn stop_requests(&self) -> u32 {
        0
    }

    fn is_leaving(&self) -> bool {
        false
    }
}

/// Six brokers of 100 MB/s, of which clients take 30 in each direction; partitions of 6 GB that stand on 1, 2, 3.
fn spec() -> SimSpec {
    let mut spec = SimSpec::new(11);
    for id in 1..=6 {
        spec.brokers.push(BrokerSpec::new(id, &format!("az-{}", id % 3), 100_000 * MB, 100 * MB));
    }
    let mut clients = TopicSpec::new("clients");
    for first in 0..12 {
        let list = [first % 6 + 1, (first + 1) % 6 + 1, (first + 2) % 6 + 1];
        clients.partitions.push(PartitionSpec {
            replicas: ids(&list),
            size_bytes: MB,
            produce_bytes_per_s: 5 * MB,
            consume_bytes_per_s: 5 * MB,
            ..PartitionSpec::default()
        });
    }
    spec.topics.push(clients);
    let lists = [[1, 2, 3], [2, 3, 1], [3, 1, 2]];
    let orders = (0..12)
        .fold(TopicSpec::new("orders"), |orders, at| orders.with_partition(&lists[at % 3], 6_000 * MB));
    spec.topics.push(orders);
    spec
}

/// Every partition of `orders` gets a replica on broker 6 in place of the one that shares its rack.
fn onto_six(spec: &SimSpec) -> Plan {
    let orders = spec.topics.iter().find(|topic| topic.name.as_str() == "orders").unwrap();
    let steps = orders.partitions.iter().zip(0..).map(|(partition, id)| {
        let to = partition.replicas.iter().map(|broker| if *broker == BrokerId(3) { ONTO } else { *broker });
        Step::Move(MoveStep {
            partition: TopicPartition::new("orders", id),
            from: partition.replicas.clone(),
            stages: vec![to.collect()],
            size_bytes: evenkeel::base::Bytes(partition.size_bytes),
            reason: "test".to_owned(),
        })
    });
    plan(vec![Wave { steps: steps.collect() }])
}

struct Run {
    outcome: Outcome,
    seconds: Vec<Second>,
    events: Vec<String>,
    /// What held the pace back, and how often that was told.
    brakes: BTreeMap<String, u32>,
}

fn run(spec: &SimSpec, settings: ExecuteSettings, faults: &[(u64, Fault)]) -> Run {
    let mut sim = SimWorld::new(spec).unwrap();
    sim.sleep(seconds(1));
    for (after, fault) in faults {
        sim.cluster_mut().inject_after(seconds(*after), fault.clone());
    }
    let seen = sim.observe(&Scope::Full).unwrap();
    let mut execution = Execution::new(&onto_six(spec), settings, sim.now(), &seen).unwrap();
    let mut world = Gauge { began: sim.cluster().elapsed(), sim, seconds: Vec::new() };
    let (mut events, mut brakes) = (Vec::new(), BTreeMap::new());
    let charge = &mut NoJournal;
    let outcome =
        drive(&mut world, Charge::unrecorded(&mut execution, charge), &mut |happening| match happening {
            Happening::Event(event) => events.push(event.to_string()),
            Happening::Progress(progress) => {
                if let Some(brake) = &progress.brake {
                    let words = brake.to_string().replace(|c: char| c.is_ascii_digit() || c == '.', "");
                    *brakes.entry(words).or_insert(0) += 1;
                }
            }
        });
    Run { outcome, seconds: world.seconds, events, brakes }
}

fn with_objective() -> ExecuteSettings {
    ExecuteSettings { latency_objective: Some(OBJECTIVE), ..ExecuteSettings::default() }
}

/// The share of seconds with the p99 under the objective, among those chosen.
#[expect(clippy::cast_precision_loss, reason = "few seconds")]
fn kept(seconds: &[Second], which: impl Fn(&Second) -> bool) -> f64 {
    let chosen: Vec<_> = seconds.iter().filter(|second| which(second)).collect();
    let good = chosen.iter().filter(|second| second.p99_ms <= OBJECTIVE.as_secs_f64() * 1e3).count();
    good as f64 / chosen.len() as f64
}

/// The share of what the objective allows (80 of 100 MB/s, less what clients take) that copies use.
fn used(seconds: &[Second]) -> f64 {
    let copied: f64 = seconds.iter().map(|second| second.copied).sum();
    let allowed: f64 = seconds.iter().map(|second| 80.0 - second.busy).sum();
    copied / allowed
}

#[test]
fn an_objective_is_kept_and_what_it_allows_is_used() {
    for seed in 0..3 {
        let spec = SimSpec { seed, ..spec() };
        let run = run(&spec, with_objective(), &[]);
        assert_eq!(run.outcome.end, End::Done, "{}", run.outcome);
        let (kept, used) = (kept(&run.seconds, |_| true), used(&run.seconds));
        println!(
            "seed {seed}: kept in {:.2} % of {} s, {:.1} % of the headroom used; {:?}",
            kept * 100.0,
            run.seconds.len(),
            used * 100.0,
            run.brakes
        );
        assert!(kept >= 0.99, "kept in {kept} of the time");
        assert!(used >= 0.8, "{used} of the headroom");
        let without = self::run(
            &spec,
            ExecuteSettings { throttle: ThrottleRate::Unlimited, ..ExecuteSettings::default() },
            &[],
        );
        let missed = self::kept(&without.seconds, |_| true);
        assert!(missed < 0.5, "the objective would be kept without: {missed}");
    }
}

/// Clients of broker 6 write so many MB/s to each of its two partitions for a while.
fn burst(from: u64, until: u64, produce: u64) -> Vec<(u64, Fault)> {
    let traffic = |produce: u64| {
        let led = [5, 11].map(|id| TopicPartition::new("clients", id));
        led.map(|partition| Fault::Traffic { partition, produce: produce * MB, consume: 5 * MB })
    };
    let at = |at: u64, produce: u64| traffic(produce).map(|fault| (at, fault));
    at(from, produce).into_iter().chain(at(until, 5)).collect()
}

#[test]
fn a_burst_of_traffic_is_made_room_for_at_once_and_the_room_comes_back_slowly() {
    let run = run(&spec(), with_objective(), &burst(300, 420, 15));
    assert_eq!(run.outcome.end, End::Done, "{}", run.outcome);
    let at = |second: u64| run.seconds.iter().find(|found| found.at >= seconds(second)).copied().unwrap();
    let before = at(299).throttle.unwrap();
    let after = at(310).throttle.unwrap();
    println!(
        "{before} MB/s before, {after} within two intervals, {:?} at the end of it; {:?}",
        at(418).throttle,
        run.brakes
    );
    assert!(after <= before / 2.0 + 0.1, "{before} MB/s, and two intervals later {after}");
    let busy = kept(&run.seconds, |second| (seconds(311)..seconds(420)).contains(&second.at));
    assert!(busy >= 0.99, "kept in {busy} of the burst, but for its first ten seconds");
    let calm = kept(&run.seconds, |second| !(seconds(300)..seconds(421)).contains(&second.at));
    assert!(calm >= 0.99, "kept in {calm} of the rest");
    for (one, other) in (420..600).map(|second| (at(second), at(second + 5))) {
        let (one, other) = (one.throttle.unwrap(), other.throttle.unwrap());
        assert!(other <= one + 0.05 * 63.0 + 0.1, "from {one} to {other} MB/s within an interval");
    }
    assert!(at(700).throttle.unwrap() > 0.9 * before, "it comes back");
    let told = run.events.iter().filter(|event| event.contains("were slowed down")).count();
    assert!((1..=4).contains(&told), "told once, not each time: {:?}", run.events);
}

#[test]
fn without_measurements_nothing_gets_faster() {
    let hidden = run(&spec(), with_objective(), &[(0, Fault::HideSignals(true))]);
    assert_eq!(hidden.outcome.end, End::Done);
    let fastest = hidden.seconds.iter().filter_map(|second| second.throttle).fold(0.0, f64::max);
    assert!((fastest - 35.0).abs() < 0.1, "half of what clients leave: {fastest} MB/s");
    assert!(hidden.events.iter().any(|event| event.contains("is not measured")), "{:?}", hidden.events);

    let lost = run(&spec(), with_objective(), &[(300, Fault::HideSignals(true))]);
    let at = |second: u64| lost.seconds.iter().find(|found| found.at >= seconds(second)).unwrap();
    let (before, soon, later) =
        (at(299).throttle.unwrap(), at(309).throttle.unwrap(), at(400).throttle.unwrap());
    assert!(before > 45.0, "{before}");
    assert!((soon - before).abs() < 1.0, "held for a while: {soon}");
    assert!((later - 35.0).abs() < 0.1, "then down to what is safe: {later}");
    assert!(lost.brakes.keys().any(|brake| brake.contains("is not measured")), "{:?}", lost.brakes);
}

#[test]
fn a_fixed_rate_is_never_passed_and_backs_off_for_an_objective() {
    let fixed = ThrottleRate::BytesPerS(20_000_000);
    let alone =
        run(&spec(), ExecuteSettings { throttle: fixed, ..ExecuteSettings::default() }, &burst(100, 220, 27));
    let rates: Vec<f64> = alone.seconds.iter().filter_map(|second| second.throttle).collect();
    assert!(rates.iter().all(|rate| *rate <= 20.0 + 1e-6), "{rates:?}");
    let whole = rates.iter().filter(|rate| **rate > 20.0 - 1e-6).count();
    assert!(
        whole * 10 > rates.len() * 9,
        "but for its beginning and last stretches: {whole} of {}",
        rates.len()
    );
    let run = run(&spec(), ExecuteSettings { throttle: fixed, ..with_objective() }, &burst(100, 220, 27));
    assert!(run.seconds.iter().filter_map(|second| second.throttle).all(|rate| rate <= 20.0 + 1e-6));
    let lowest = run.seconds.iter().filter_map(|second| second.throttle).fold(f64::MAX, f64::min);
    assert!(lowest <= 10.0, "{lowest}");
    assert_eq!(run.outcome.end, End::Done);
}

#[test]
fn without_an_objective_copies_take_half_of_what_clients_leave_from_moment_to_moment() {
    let run = run(&spec(), ExecuteSettings::default(), &burst(300, 420, 15));
    let at =
        |second: u64| run.seconds.iter().find(|found| found.at >= seconds(second)).unwrap().throttle.unwrap();
    assert!((at(299) - 35.0).abs() < 0.1 && (at(305) - 25.0).abs() < 0.5, "{} {}", at(299), at(305));
    assert!(at(425) < 29.0 && (at(600) - 35.0).abs() < 1.1, "{} {}", at(425), at(600));
    assert!(run.brakes.keys().any(|brake| brake.contains("clients' traffic")), "{:?}", run.brakes);
}

fn outgrown(outcome: &Outcome) -> Vec<&StepEnd> {
    let ends = outcome.steps.iter().map(|(_, end)| end);
    ends.filter(|end| matches!(end, StepEnd::Dropped { reason: DropReason::Outgrows { .. } })).collect()
}

#[test]
fn what_grows_faster_than_it_may_be_copied_is_told_and_given_up() {
    let grows = |at: u64, produce: u64| {
        let partition = TopicPartition::new("orders", 0);
        (at, Fault::Traffic { partition, produce: produce * MB, consume: 0 })
    };
    let fixed =
        ExecuteSettings { throttle: ThrottleRate::BytesPerS(10_000_000), ..ExecuteSettings::default() };
    let mut busy = spec();
    busy.topics[1].partitions[0].produce_bytes_per_s = 12 * MB;
    let from_the_start = run(&busy, fixed.clone(), &[]);
    assert_eq!(outgrown(&from_the_start.outcome).len(), 1, "{:?}", from_the_start.outcome);
    let words = outgrown(&from_the_start.outcome)[0].to_string();
    assert_eq!(
        words,
        "dropped, it grows by 12.0 MB/s, faster than it may be copied: broker 1 may copy 10.0 MB/s"
    );

    let later = run(&spec(), fixed, &[grows(100, 12)]);
    assert_eq!(outgrown(&later.outcome).len(), 1, "{:?}", later.outcome);
    assert_eq!(later.outcome.done(), 11, "the others end");
    assert_eq!(later.outcome.end, End::DoneInPart);
}

#[test]
fn what_grows_is_copied_faster_than_that_even_over_the_objective() {
    // Clients alone are over the objective: the pace comes down to the floor, and there it ends.
    let mut spec = spec();
    for partition in &mut spec.topics[1].partitions {
        partition.produce_bytes_per_s = MB;
        partition.size_bytes = 300 * MB;
        partition.retention_bytes = 300 * MB;
    }
    spec.topics[0].partitions[5].produce_bytes_per_s = 30 * MB;
    spec.topics[0].partitions[11].produce_bytes_per_s = 30 * MB;
    let run = run(&spec, with_objective(), &[]);
    assert_eq!(run.outcome.end, End::Done, "{}", run.outcome);
    assert!(run.brakes.keys().any(|brake| brake.contains("grow")), "{:?}", run.brakes);
}
