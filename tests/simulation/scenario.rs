//! [`Scenario`]: a cluster, a plan and what goes wrong, all from one seed.

use std::time::Duration;

use evenkeel::base::{BrokerId, Bytes, DigestBuilder, ModelId, PlanId, TimestampMs, TopicPartition};
use evenkeel::edge::sim::{Fault, SimCluster, SimSpec};
use evenkeel::execute::{ExecuteSettings, OperatorRequest, StopMode, ThrottleRate};
use evenkeel::plan::{LeaderStep, LogDirStep, MoveStep, Plan, PlanLimits, Price, Step, Wave};

use crate::meddler::PHASES;
use crate::trouble::{KINDS, Trouble, trouble};

/// A small random generator (SplitMix64): the same seed gives the same scenario on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5EED)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub fn of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[usize::try_from(self.below(things.len() as u64)).unwrap()]
    }
}

/// A cluster, a plan, how it is run, and what goes wrong.
pub struct Scenario {
    pub spec: SimSpec,
    pub plan: Plan,
    pub settings: ExecuteSettings,
    pub faults: Vec<Trouble>,
    /// A trouble that comes when the execution does a certain thing.
    pub aimed: Option<(&'static str, Trouble)>,
    pub stops: Vec<Duration>,
    /// What operators ask for.
    pub requests: Vec<(Duration, OperatorRequest)>,
    /// How long the process is down when it dies.
    pub down_for: Duration,
    /// The disks have hardly any room.
    pub tight: bool,
}

pub const MB: u64 = 1_000_000;

impl Scenario {
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut spec = SimSpec::varied(seed);
        for partition in spec.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.size_bytes /= 20;
            partition.retention_bytes /= 20;
            partition.produce_bytes_per_s /= 20;
        }
        let tight = dice.percent(25);
        if tight {
            tighten(&mut spec, &mut dice);
        }
        let steps = steps(&spec, &mut dice);
        let wave_size = 1 + usize::try_from(dice.below(steps.len() as u64)).unwrap();
        let mut waves: Vec<Wave> =
            steps.chunks(wave_size).map(|steps| Wave { steps: steps.to_vec() }).collect();
        let between_dirs = between_dirs(&spec, &steps, &mut Dice::new(!seed));
        waves.extend((!between_dirs.is_empty()).then_some(Wave { steps: between_dirs }));
        let plan = plan(waves);
        let throttle = match dice.below(4) {
            0 => ThrottleRate::Unlimited,
            1 => ThrottleRate::Derived,
            _ => ThrottleRate::BytesPerS((5 + dice.below(60)) * MB),
        };
        let settings = ExecuteSettings {
            throttle,
            moves_in_flight_per_broker: 1 + usize::try_from(dice.below(6)).unwrap(),
            poll: Duration::from_millis(*dice.of(&[1_000, 2_000, 5_000])),
            no_progress: Duration::from_secs(120),
            pause_patience: Duration::from_secs(1_200),
            blind_patience: Duration::from_secs(900),
            stop: *dice.of(&[StopMode::FinishInFlight, StopMode::Cancel]),
            latency_objective: (seed % 3 == 2).then(|| Duration::from_millis(3 + seed % 20)),
            ..ExecuteSettings::default()
        };
        let mut faults = faults(&spec, &plan, &mut dice);
        // What others put on a disk is not ours to answer for.
        let fills = |trouble: &Trouble| {
            matches!(trouble, Trouble::Fault(_, Fault::ForeignReassign { .. } | Fault::Traffic { .. }))
        };
        faults.retain(|trouble| !(tight && fills(trouble)));
        let mut asked_to_stop = Vec::new();
        if dice.percent(30) {
            asked_to_stop.push(Duration::from_millis(dice.below(120_000)));
            if dice.percent(40) {
                asked_to_stop.push(asked_to_stop[0] + Duration::from_millis(dice.below(20_000)));
            }
        }
        let down_for = Duration::from_secs(*dice.of(&[0, 1, 5, 30, 300]));
        let requests = requests(&mut dice);
        Self { spec, plan, settings, faults, aimed: None, stops: asked_to_stop, requests, down_for, tight }
    }

    /// A scenario in which one kind of trouble comes while the execution does a certain thing: every kind and every phase
    /// in turn, as the seed counts on.
    pub fn aimed(seed: u64) -> Self {
        let kinds = KINDS.len() as u64;
        let kind = KINDS[usize::try_from(seed % kinds).unwrap()];
        let phase = PHASES[usize::try_from(seed / kinds % PHASES.len() as u64).unwrap()];
        let mut scenario = Self::of(seed);
        let mut dice = Dice::new(!seed);
        // Only what is aimed goes wrong, beside what it takes to come to the phase.
        scenario.faults.clear();
        scenario.stops.clear();
        scenario.requests.clear();
        let early = Duration::from_millis(2_000 + dice.below(15_000));
        match phase {
            "paused" => {
                let late = early + Duration::from_secs(60);
                scenario.settings.moves_in_flight_per_broker = 1;
                scenario.requests.push((Duration::ZERO, OperatorRequest::Pause));
                scenario.requests.push((late, OperatorRequest::Resume));
            }
            "cancelling" => {
                scenario.settings.stop = StopMode::Cancel;
                scenario.stops.push(early);
            }
            "blind" => scenario.faults.push(Trouble::Blind(early, Duration::from_secs(20))),
            _ => {}
        }
        if phase != "clearing" && scenario.settings.throttle == ThrottleRate::Unlimited {
            scenario.settings.throttle = ThrottleRate::BytesPerS(10 * MB);
        }
        if scenario.plan.steps().next().is_some() {
            let aimed = trouble(kind, &scenario.spec, &scenario.plan, Duration::ZERO, &mut dice);
            // What others put on a disk is not ours to answer for.
            let fills =
                matches!(aimed, Trouble::Fault(_, Fault::ForeignReassign { .. } | Fault::Traffic { .. }));
            scenario.aimed = (!(scenario.tight && fills)).then_some((phase, aimed));
        }
        scenario
    }

    /// The times in which the journal cannot be written.
    pub fn journal_down(&self) -> Vec<(Duration, Duration)> {
        let down = |trouble: &Trouble| match trouble {
            Trouble::JournalDown(at, long) => Some((*at, *at + *long)),
            _ => None,
        };
        self.faults.iter().filter_map(down).collect()
    }

    /// Every trouble, the aimed one included.
    pub fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        self.faults.iter().chain(self.aimed.iter().map(|(_, trouble)| trouble))
    }

    /// What others do to the cluster's configuration or to partitions of the plan, whenever.
    pub fn cluster_faults(&self) -> impl Iterator<Item = &Fault> {
        self.troubles().filter_map(|trouble| match trouble {
            Trouble::Fault(_, fault) => Some(fault),
            _ => None,
        })
    }

    pub fn moves(&self) -> impl Iterator<Item = &MoveStep> {
        self.plan.steps().filter_map(Step::as_move)
    }
}

/// Makes the disks so small that only some of what is planned fits on them at once. One directory each: which of
/// several a replica lands in is Kafka's choice.
fn tighten(spec: &mut SimSpec, dice: &mut Dice) {
    for broker in &mut spec.brokers {
        broker.log_dirs.truncate(1);
        let partitions = spec.topics.iter().flat_map(|topic| &topic.partitions);
        let on_it = partitions.filter(|partition| partition.replicas.contains(&broker.id));
        let used: u64 = on_it.map(|partition| partition.retention_bytes.max(partition.size_bytes)).sum();
        broker.log_dirs[0].total_bytes = used.max(500 * MB) / (70 + dice.below(17)) * 100;
    }
}

fn rack(spec: &SimSpec, id: BrokerId) -> String {
    let broker = spec.brokers.iter().find(|broker| broker.id == id).unwrap();
    broker.rack.as_ref().map_or_else(|| id.to_string(), ToString::to_string)
}

/// Moves that keep every replica in its rack, one after the other, reorderings, and leaders to put right.
fn steps(spec: &SimSpec, dice: &mut Dice) -> Vec<Step> {
    let mut steps = Vec::new();
    for topic in &spec.topics {
        for (index, partition) in topic.partitions.iter().enumerate() {
            let name = TopicPartition::new(topic.name.clone(), i32::try_from(index).unwrap());
            if dice.percent(75) {
                continue;
            }
            let from = partition.replicas.clone();
            if dice.percent(20) {
                let reason = "its preferred replica does not lead".to_owned();
                steps.push(Step::Leader(LeaderStep { partition: name, replicas: from, reason }));
                continue;
            }
            let mut stages: Vec<Vec<BrokerId>> = Vec::new();
            for _ in 0..=dice.below(2) {
                let mut list = stages.last().unwrap_or(&from).clone();
                let at = usize::try_from(dice.below(list.len() as u64)).unwrap();
                let racks = rack(spec, list[at]);
                let others: Vec<BrokerId> = spec.brokers.iter().map(|broker| broker.id).collect();
                let fits =
                    |id: &&BrokerId| rack(spec, **id) == racks && !list.contains(id) && !from.contains(id);
                let Some(to) = others.iter().find(fits) else { continue };
                list[at] = *to;
                if dice.percent(30) {
                    list.rotate_left(1);
                }
                stages.push(list);
            }
            if stages.is_empty() {
                let mut list = from.clone();
                list.rotate_left(1);
                stages.push(list);
            }
            let size_bytes = Bytes(partition.size_bytes);
            steps.push(Step::Move(MoveStep {
                partition: name,
                from,
                stages,
                size_bytes,
                reason: "test".to_owned(),
            }));
        }
    }
    steps
}

/// Moves between log directories in some of the scenarios, of partitions that nothing else is planned for.
fn between_dirs(spec: &SimSpec, others: &[Step], dice: &mut Dice) -> Vec<Step> {
    let mut steps = Vec::new();
    if !dice.percent(50) {
        return steps;
    }
    let seen = SimCluster::new(spec).unwrap().observe(false, None);
    for (partition, _, now) in seen.partitions() {
        if others.iter().any(|step| *step.partition() == partition) || !dice.percent(25) {
            continue;
        }
        let (broker, replica) = now.on_disk.iter().next().unwrap();
        let from = replica.log_dir.clone().unwrap();
        let dirs = &seen.brokers[broker].log_dirs;
        let Some(to) = dirs.iter().map(|dir| dir.path.clone()).find(|path| *path != from) else { continue };
        let size_bytes = replica.size_bytes.unwrap();
        let reason = "test".to_owned();
        steps.push(Step::LogDir(LogDirStep { partition, broker: *broker, from, to, size_bytes, reason }));
    }
    steps
}

pub fn plan(waves: Vec<Wave>) -> Plan {
    let digest = DigestBuilder::new("test").finish();
    let mut plan = Plan {
        format: "evenkeel-plan/1".to_owned(),
        id: PlanId(digest),
        cluster_id: None,
        based_on: ModelId(digest),
        observed_at: TimestampMs(0),
        goal_set: "test".to_owned(),
        operation: "rebalance".to_owned(),
        replication_factors: std::collections::BTreeMap::new(),
        seed: 0,
        is_empty: waves.is_empty(),
        limits: PlanLimits::default(),
        certificate: None,
        price: Price::default(),
        goals: Vec::new(),
        brokers: Vec::new(),
        refusals: Vec::new(),
        waves,
    };
    plan.id = plan.content_id();
    plan
}

/// Operators pause and go on, and set other limits, in some of the runs.
fn requests(dice: &mut Dice) -> Vec<(Duration, OperatorRequest)> {
    let mut requests = Vec::new();
    if dice.percent(20) {
        let at = Duration::from_millis(dice.below(60_000));
        requests.push((at, OperatorRequest::Pause));
        requests.push((at + Duration::from_millis(dice.below(90_000)), OperatorRequest::Resume));
    }
    if dice.percent(15) {
        let throttle = Some(ThrottleRate::BytesPerS((5 + dice.below(60)) * MB));
        let moves_per_broker = Some(1 + usize::try_from(dice.below(8)).unwrap());
        let limits = OperatorRequest::Limits { throttle, moves_per_broker };
        requests.push((Duration::from_millis(dice.below(60_000)), limits));
    }
    if dice.percent(5) {
        let mode = *dice.of(&[StopMode::FinishInFlight, StopMode::Cancel]);
        requests.push((Duration::from_millis(dice.below(90_000)), OperatorRequest::Stop { mode }));
    }
    requests.sort_by_key(|(at, _)| *at);
    requests
}

fn faults(spec: &SimSpec, plan: &Plan, dice: &mut Dice) -> Vec<Trouble> {
    let count = match dice.below(100) {
        0..15 => 0,
        15..50 => 1,
        50..85 => 2 + dice.below(3),
        _ => 5 + dice.below(4),
    };
    let mut broker_lost = false;
    let mut faults = Vec::new();
    // Where the dice give no step there is nothing to disturb.
    let count = if plan.steps().next().is_some() { count } else { 0 };
    for _ in 0..count {
        let at = Duration::from_millis(dice.below(90_000));
        let fault = loop {
            let kind = if dice.percent(3) { "journal-down" } else { *dice.of(&KINDS) };
            let fault = trouble(kind, spec, plan, at, dice);
            // Promises are about losing any one broker; who loses two at once has lost already.
            let loses = fault.loses_a_broker();
            if !(loses && broker_lost) {
                broker_lost |= loses;
                break fault;
            }
        };
        faults.push(fault);
    }
    faults
}
