//! What takes load off a broker that is about to fill goes first.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::base::{BrokerId, Bytes, TimestampMs, TopicPartition};
use evenkeel::control::{Charge, Happening, NoJournal, Scope, World, WorldError, drive};
use evenkeel::edge::sim::{BrokerSpec, PartitionSpec, SimSpec, SimWorld, TopicSpec};
use evenkeel::execute::{Answer, Command, End, ExecuteSettings, Execution, ExecutionEvent, ThrottleRate};
use evenkeel::observe::Observation;
use evenkeel::plan::{MoveStep, Plan, Step, Wave};

use crate::scenario::plan;
use crate::support::{MB, ids, seconds};

/// The broker that is about to fill, and the one onto which everything is copied.
const FILLS: BrokerId = BrokerId(1);
const ONTO: i32 = 6;

const RATE: u64 = 20_000_000;

/// Six brokers of 20 GB. Broker 1 holds 17 GB, and clients write 2 MB/s to it; of the others nothing is written.
fn spec() -> SimSpec {
    let mut spec = SimSpec::new(5);
    for id in 1..=6 {
        spec.brokers.push(BrokerSpec::new(id, &format!("az-{}", id % 3), 20_000 * MB, 200 * MB));
    }
    let mut hot = TopicSpec::new("hot");
    for _ in 0..17 {
        hot.partitions.push(PartitionSpec {
            replicas: ids(&[1]),
            size_bytes: 1_000 * MB,
            retention_bytes: 10_000 * MB,
            produce_bytes_per_s: 2 * MB / 17,
            ..PartitionSpec::default()
        });
    }
    let cold = (0..5).fold(TopicSpec::new("cold"), |cold, _| cold.with_partition(&[2], 2_000 * MB));
    spec.topics = vec![cold, hot];
    spec.topics.iter_mut().for_each(|topic| topic.min_insync_replicas = 1);
    spec
}

/// Ten gigabytes come from broker 2, and two from the one that fills: all onto broker 6, which receives them one after
/// the other.
fn moves(spec: &SimSpec) -> Plan {
    let named =
        spec.topics.iter().flat_map(|topic| topic.partitions.iter().zip(0..).map(move |at| (topic, at)));
    let steps = named.filter(|(topic, (_, id))| topic.name.as_str() == "cold" || *id < 2);
    let steps = steps.map(|(topic, (partition, id))| {
        Step::Move(MoveStep {
            partition: TopicPartition::new(topic.name.clone(), id),
            from: partition.replicas.clone(),
            stages: vec![ids(&[ONTO])],
            size_bytes: Bytes(partition.size_bytes),
            reason: "test".to_owned(),
        })
    });
    plan(vec![Wave { steps: steps.collect() }])
}

/// Looks at the disk of the broker that fills, whenever time passes. A world that hides how full disks are makes of the
/// program one that knows no urgency.
struct Gauge {
    sim: SimWorld,
    hides: bool,
    /// The most that was in use on the disk that fills.
    most: u64,
}

impl Gauge {
    fn hide(&self, mut seen: Observation) -> Observation {
        if self.hides {
            let dirs = seen.brokers.values_mut().flat_map(|broker| &mut broker.log_dirs);
            dirs.for_each(|dir| dir.usable_bytes = dir.total_bytes);
            let partitions = seen.topics.values_mut().flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| partition.load.produce_bytes_per_s = None);
        }
        seen
    }
}

impl World for Gauge {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        let seen = self.sim.observe(scope)?;
        Ok(self.hide(seen))
    }

    fn perform(&mut self, command: &Command) -> Result<Answer, WorldError> {
        self.sim.perform(command)
    }

    fn now(&self) -> TimestampMs {
        self.sim.now()
    }

    fn sleep(&mut self, duration: Duration) {
        self.sim.sleep(duration);
        let used = self.sim.cluster().used_bytes();
        let used: u64 = used.iter().filter(|((broker, _), _)| *broker == FILLS).map(|(_, used)| used).sum();
        self.most = self.most.max(used);
    }

    fn stop_requests(&self) -> u32 {
        0
    }

    fn is_leaving(&self) -> bool {
        false
    }
}

struct Run {
    /// When each move was over.
    over: BTreeMap<TopicPartition, Duration>,
    most: Bytes,
    told: Vec<String>,
}

impl Run {
    /// When all moves of a topic were over.
    fn topic(&self, name: &str) -> Duration {
        let of = self.over.iter().filter(|(partition, _)| partition.topic.as_str() == name);
        of.map(|(_, at)| *at).max().unwrap()
    }
}

fn run(hides: bool) -> Run {
    let spec = spec();
    let mut world = Gauge { sim: SimWorld::new(&spec).unwrap(), hides, most: 0 };
    let settings = ExecuteSettings {
        throttle: ThrottleRate::BytesPerS(RATE),
        moves_in_flight_per_broker: 2,
        ..ExecuteSettings::default()
    };
    let seen = world.observe(&Scope::Full).unwrap();
    let mut execution = Execution::new(&moves(&spec), settings, world.now(), &seen).unwrap();
    let (mut looks, mut over, mut told) = (0, BTreeMap::new(), Vec::new());
    let outcome =
        drive(
            &mut world,
            Charge::unrecorded(&mut execution, &mut NoJournal),
            &mut |happening| match happening {
                Happening::Event(ExecutionEvent::StepEnded { partition, .. }) => {
                    over.insert(partition.clone(), seconds(looks));
                }
                Happening::Event(event @ ExecutionEvent::AboutToFill { .. }) => told.push(event.to_string()),
                Happening::Event(_) => {}
                Happening::Progress(_) => looks += 1,
            },
        );
    assert_eq!(outcome.end, End::Done, "{outcome}");
    Run { over, most: Bytes(world.most), told }
}

/// The limit is 18 GB, and a gigabyte is left to it: at 2 MB/s for 500 seconds. All of it takes 600, and what takes load off
/// the broker alone takes 100.
#[test]
fn a_broker_that_is_about_to_fill_is_relieved_first() {
    let urgent = run(false);
    let twin = run(true);
    println!("relieved after {:?}, most {}; {:?}", urgent.topic("hot"), urgent.most, urgent.told);
    println!("without the order after {:?}, most {}", twin.topic("hot"), twin.most);
    assert!(urgent.topic("hot") < seconds(150), "{:?}", urgent.topic("hot"));
    assert!(urgent.topic("hot") < urgent.topic("cold"), "the rest comes after");
    assert!(twin.topic("hot") > seconds(450), "without the order it is later: {:?}", twin.topic("hot"));
    assert!(urgent.most < Bytes(18_000 * MB), "over its limit: {}", urgent.most);
    assert!(twin.most > Bytes(18_000 * MB), "without the order it is not: {}", twin.most);
    assert_eq!(urgent.told.len(), 1, "told once: {:?}", urgent.told);
    assert!(
        urgent.told[0].contains("of broker 1") && urgent.told[0].contains("goes first"),
        "{:?}",
        urgent.told
    );
    assert!(twin.told.is_empty(), "{:?}", twin.told);
}
